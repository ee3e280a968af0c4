// Package field holds HTTP fields: the header and trailer lines of RFC 9110
// §5, as an ordered list that keeps what was on the wire.
//
// It is the common tongue of the codec (http/wire), the cache's decisions
// (http/cache), the store and the stations. Lookups compare names without
// regard to case and do not allocate.
package field

import "strings"

// Line is one field line. Name keeps the case in which it came.
type Line struct {
	Name  string
	Value string
}

// Fields is a field section in wire order. The nil Fields is empty.
//
// Fields that come from a connection may point into the connection's read
// buffer: they are valid until the exchange ends. Whoever keeps them longer
// keeps a [Fields.Clone].
type Fields []Line

// Get returns the value of the first line with that name, or "".
func (f Fields) Get(name string) string {
	for i := range f {
		if Is(f[i].Name, name) {
			return f[i].Value
		}
	}
	return ""
}

// Lookup is Get that tells an empty value from no such line.
func (f Fields) Lookup(name string) (value string, ok bool) {
	for i := range f {
		if Is(f[i].Name, name) {
			return f[i].Value, true
		}
	}
	return "", false
}

// Has reports whether a line with that name is there.
func (f Fields) Has(name string) bool {
	_, ok := f.Lookup(name)
	return ok
}

// Count is the number of lines with that name.
func (f Fields) Count(name string) int {
	n := 0
	for i := range f {
		if Is(f[i].Name, name) {
			n++
		}
	}
	return n
}

// Join returns the combined value of all lines with that name, joined by
// ", " (RFC 9110 §5.3). A single line's value is returned as it is.
func (f Fields) Join(name string) string {
	var joined string
	seen := false
	for i := range f {
		if !Is(f[i].Name, name) {
			continue
		}
		if !seen {
			joined, seen = f[i].Value, true
			continue
		}
		joined += ", " + f[i].Value
	}
	return joined
}

// Add appends a line.
func (f *Fields) Add(name, value string) { *f = append(*f, Line{name, value}) }

// Set replaces the first line with that name, drops the others, and appends
// a line where there was none. It edits in place: the lines must be the
// caller's own.
func (f *Fields) Set(name, value string) {
	set := false
	kept := (*f)[:0]
	for _, l := range *f {
		if Is(l.Name, name) {
			if set {
				continue
			}
			l.Value, set = value, true
		}
		kept = append(kept, l)
	}
	if !set {
		kept = append(kept, Line{name, value})
	}
	*f = kept
}

// Del drops all lines with that name, in place.
func (f *Fields) Del(name string) {
	kept := (*f)[:0]
	for _, l := range *f {
		if !Is(l.Name, name) {
			kept = append(kept, l)
		}
	}
	*f = kept
}

// Clone returns a deep copy that shares no memory with f: one allocation for
// the lines and one for all their text.
func (f Fields) Clone() Fields {
	if f == nil {
		return nil
	}
	n := 0
	for i := range f {
		n += len(f[i].Name) + len(f[i].Value)
	}
	var text strings.Builder
	text.Grow(n)
	for i := range f {
		text.WriteString(f[i].Name)
		text.WriteString(f[i].Value)
	}
	rest := text.String()
	out := make(Fields, len(f))
	for i := range f {
		nn, nv := len(f[i].Name), len(f[i].Value)
		out[i] = Line{rest[:nn], rest[nn : nn+nv]}
		rest = rest[nn+nv:]
	}
	return out
}

// Size is the number of bytes of all names and values.
func (f Fields) Size() int {
	n := 0
	for i := range f {
		n += len(f[i].Name) + len(f[i].Value)
	}
	return n
}

// Is compares two field names without regard to ASCII case.
func Is(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}

// Elements calls yield for each non-empty element of a comma-separated list
// value (RFC 9110 §5.6.1), trimmed; commas inside quoted strings do not
// divide. Use it as a range function.
func Elements(value string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(value) > 0 {
			end, quoted := len(value), false
		scan:
			for i := 0; i < len(value); i++ {
				switch c := value[i]; {
				case quoted && c == '\\':
					i++
				case c == '"':
					quoted = !quoted
				case c == ',' && !quoted:
					end = i
					break scan
				}
			}
			e := strings.Trim(value[:end], " \t")
			if end < len(value) {
				value = value[end+1:]
			} else {
				value = ""
			}
			if e != "" && !yield(e) {
				return
			}
		}
	}
}

// All calls yield for each list element of all lines with that name.
func (f Fields) All(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range f {
			if !Is(f[i].Name, name) {
				continue
			}
			for e := range Elements(f[i].Value) {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Contains reports whether the list field holds the token, without regard to
// case.
func (f Fields) Contains(name, token string) bool {
	for e := range f.All(name) {
		if Is(e, token) {
			return true
		}
	}
	return false
}
