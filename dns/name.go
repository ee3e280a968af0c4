package dns

import (
	"fmt"
	"strings"
)

// Limits of RFC 1035 §2.3.4 and §3.1.
const (
	MaxLabel = 63  // octets in a label, without its length octet
	MaxName  = 255 // octets in a name in wire form, length octets and root included
	// maxLabels is how many labels fit into MaxName: 127 of one octet each
	// and the root.
	maxLabels = 128
)

// Name is a domain name in uncompressed wire form (RFC 1035 §3.1), in lower
// case, so that equal names are equal strings and a Name is a map key. The
// zero value is no name.
type Name string

// Root is the name of the root zone.
const Root Name = "\x00"

// ParseName reads the presentation form of a name (RFC 1035 §5.1). The final
// dot may be left out; "" is refused and "." is [Root]. A backslash takes the
// next character literally, or three decimal digits as one octet. Whatever is
// not printable ASCII must be escaped: international names come in their
// xn-- form. The error names the offending part and its place.
func ParseName(s string) (Name, error) {
	if s == "." {
		return Root, nil
	}
	if s == "" {
		return "", fmt.Errorf("name is empty: the root is written %q", ".")
	}
	var wire [MaxName]byte
	n, start := 1, 0 // wire[start] is the length octet of the current label
	end := func(at int) error {
		switch size := n - start - 1; {
		case size == 0:
			return fmt.Errorf("name %q: empty label at offset %d", shorten(s), at)
		case size > MaxLabel:
			return fmt.Errorf("name %q: label of %d octets ends at offset %d, more than %d", shorten(s), size, at, MaxLabel)
		default:
			wire[start] = byte(size)
			return nil
		}
	}
	open := true // the last label has not been ended by a dot
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if err := end(i); err != nil {
				return "", err
			}
			start, open = n, i+1 < len(s)
			n++ // room for the next length octet, or for the root
			if n > MaxName {
				return "", tooLong(s, i)
			}
			continue
		}
		switch {
		case c == '\\':
			b, size, err := unescape(s, i)
			if err != nil {
				return "", err
			}
			c, i = b, i+size-1
		case c <= ' ' || c > '~':
			return "", fmt.Errorf("name %q: octet %#02x at offset %d must be written \\%03d (international names: use the xn-- form)", shorten(s), c, i, c)
		}
		if n == MaxName {
			return "", tooLong(s, i)
		}
		wire[n] = lower(c)
		n++
	}
	if open {
		if err := end(len(s)); err != nil {
			return "", err
		}
		n++
		if n > MaxName {
			return "", tooLong(s, len(s))
		}
	}
	wire[n-1] = 0
	return Name(wire[:n]), nil
}

// MustName is ParseName for names that stand in the source; it panics when
// the name is malformed.
func MustName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic(err)
	}
	return n
}

func tooLong(s string, at int) error {
	return fmt.Errorf("name %q: more than %d octets at offset %d", shorten(s), MaxName, at)
}

// unescape reads the escape sequence at s[i] and returns its octet and the
// characters that it took.
func unescape(s string, i int) (c byte, size int, err error) {
	if i+1 == len(s) {
		return 0, 0, fmt.Errorf("name %q: backslash at the end", shorten(s))
	}
	if c = s[i+1]; !digit(c) {
		if c < ' ' || c > '~' {
			return 0, 0, fmt.Errorf("name %q: octet %#02x after the backslash at offset %d must be written as three digits", shorten(s), c, i)
		}
		return c, 2, nil
	}
	if i+3 >= len(s) || !digit(s[i+2]) || !digit(s[i+3]) {
		return 0, 0, fmt.Errorf("name %q: escape at offset %d needs three decimal digits", shorten(s), i)
	}
	v := int(c-'0')*100 + int(s[i+2]-'0')*10 + int(s[i+3]-'0')
	if v > 255 {
		return 0, 0, fmt.Errorf("name %q: escape \\%03d at offset %d is more than 255", shorten(s), v, i)
	}
	return byte(v), 4, nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// shorten keeps error messages readable whatever was typed.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// NameFromWire reads the uncompressed name that is all of b, and lowers its
// case.
func NameFromWire(b []byte) (Name, error) {
	var buf [MaxName]byte
	n, defect := readName(b, 0, &buf)
	switch {
	case defect != Sound:
		return "", fmt.Errorf("name in %d octets: %s", len(b), defect.String())
	case n != len(b):
		return "", fmt.Errorf("name in %d octets: it ends after %d", len(b), n)
	}
	return Name(buf[:n]), nil
}

// readName copies the uncompressed name at msg[off:] into buf in lower case.
// It returns its length.
func readName(msg []byte, off int, buf *[MaxName]byte) (int, Defect) {
	n := 0
	for {
		if off+n >= len(msg) {
			return 0, CutShort
		}
		size := int(msg[off+n])
		switch {
		case size >= 0xc0:
			return 0, CompressedQuestion
		case size > MaxLabel:
			return 0, BadLabel
		case n+1+size > MaxName-1 && size > 0:
			return 0, LongName
		}
		buf[n] = byte(size)
		n++
		if size == 0 {
			return n, Sound
		}
		if off+n+size > len(msg) {
			return 0, CutShort
		}
		for range size {
			buf[n] = lower(msg[off+n])
			n++
		}
	}
}

// Valid reports whether n is a name: whole, within the limits, lower case.
func (n Name) Valid() bool {
	if len(n) == 0 || len(n) > MaxName {
		return false
	}
	for i := 0; ; {
		size := int(n[i])
		if size == 0 {
			return i == len(n)-1
		}
		if size > MaxLabel || i+1+size >= len(n) {
			return false
		}
		for _, c := range []byte(n[i+1 : i+1+size]) {
			if c != lower(c) {
				return false
			}
		}
		i += 1 + size
	}
}

// String is the presentation form with the final dot, escaped so that
// [ParseName] and a zone file read it back. It is "" for the zero value.
func (n Name) String() string {
	if n == "" {
		return ""
	}
	if n == Root {
		return "."
	}
	var b strings.Builder
	b.Grow(len(n))
	for i := 0; i < len(n) && n[i] != 0; {
		end := min(i+1+int(n[i]), len(n))
		for _, c := range []byte(n[i+1 : end]) {
			switch {
			case special(c):
				b.WriteByte('\\')
				b.WriteByte(c)
			case c <= ' ' || c > '~':
				fmt.Fprintf(&b, "\\%03d", c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('.')
		i = end
	}
	return b.String()
}

// Text is String without the final dot, as people and records write names;
// the root stays ".".
func (n Name) Text() string {
	s := n.String()
	if n == Root {
		return s
	}
	return s[:max(len(s)-1, 0)]
}

// special reports the characters that mean something in a zone file.
func special(c byte) bool {
	switch c {
	case '.', '\\', '"', '\'', ';', '@', '(', ')', '$':
		return true
	}
	return false
}

// Parent returns n without its first label; the root is its own parent.
func (n Name) Parent() Name {
	if len(n) <= 1 {
		return n
	}
	return n[min(1+int(n[0]), len(n)-1):]
}

// Label returns the first label of n, unescaped; "" for the root.
func (n Name) Label() string {
	if len(n) <= 1 {
		return ""
	}
	return string(n[1:min(1+int(n[0]), len(n))])
}

// Labels counts the labels of n, the root not among them.
func (n Name) Labels() int {
	count := 0
	for i := 0; i < len(n) && n[i] != 0; i += 1 + int(n[i]) {
		count++
	}
	return count
}

// Under reports whether n is zone or a name below it.
func (n Name) Under(zone Name) bool { return under(n, zone) }

// under is [Name.Under] on either form.
func under[N Name | []byte](n N, zone Name) bool {
	if zone == "" {
		return false
	}
	i := 0
	for len(n)-i > len(zone) {
		if n[i] == 0 {
			return false
		}
		i += 1 + int(n[i])
	}
	return len(n)-i == len(zone) && string(n[i:]) == string(zone)
}

// Prepend returns n with one more label in front. It reports false where the
// label or the whole is too long or the label is empty.
func (n Name) Prepend(label string) (Name, bool) {
	if label == "" || len(label) > MaxLabel || len(n) == 0 || len(n)+1+len(label) > MaxName {
		return "", false
	}
	b := make([]byte, 0, len(n)+1+len(label))
	b = append(b, byte(len(label)))
	for i := range len(label) {
		b = append(b, lower(label[i]))
	}
	return Name(append(b, n...)), true
}
