package cache

import "strings"

// ResolveDots returns a request target without the segments "." and ".." in
// its path, percent-encoded or not (RFC 3986 §5.2.4, §6.2.2); what they leave
// is as it was. Above the root there is nothing: "/../a" is "/a". It is target
// itself, and nothing is allocated, where there are none.
//
// Browsers do so before they ask, and so does whoever reads the URL of a
// purge: without it, /a/../b is a resource of its own that no purge reaches.
func ResolveDots(target string) string {
	path, query, asked := strings.Cut(target, "?")
	if !hasDots(path) {
		return target
	}
	out := RemoveDots([]byte(path))
	if asked {
		out = append(append(out, '?'), query...)
	}
	return string(out)
}

// hasDots reports whether a path has a segment of dots.
func hasDots(path string) bool {
	for i := 0; i < len(path); {
		start := strings.IndexByte(path[i:], '/')
		if start < 0 {
			return false
		}
		i += start + 1
		if dots(segmentAt(path, i)) > 0 {
			return true
		}
	}
	return false
}

// segmentAt is the segment of a path that begins at i.
func segmentAt[P string | []byte](path P, i int) P {
	for end := i; end < len(path); end++ {
		if path[end] == '/' {
			return path[i:end]
		}
	}
	return path[i:]
}

// RemoveDots is [ResolveDots] for a path that the caller owns, which it
// overwrites.
func RemoveDots(path []byte) []byte {
	out := path[:0]
	for i := 0; i < len(path); {
		segment := segmentAt(path, i+1)
		end := i + 1 + len(segment)
		final := end == len(path)
		n := dots(segment)
		if n == 2 {
			out = out[:max(lastSlash(out), 0)]
		}
		switch {
		case n == 0:
			out = append(out, path[i:end]...)
		case final:
			out = append(out, '/')
		}
		i = end
	}
	return out
}

func lastSlash(p []byte) int {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] == '/' {
			return i
		}
	}
	return -1
}

// dots is 1 for the segment ".", 2 for "..", and 0 for all others.
func dots[P string | []byte](segment P) (n int) {
	for i := 0; i < len(segment); n++ {
		switch {
		case n == 2:
			return 0
		case segment[i] == '.':
			i++
		case i+2 < len(segment) && segment[i] == '%' && segment[i+1] == '2' && segment[i+2]|0x20 == 'e':
			i += 3
		default:
			return 0
		}
	}
	return n
}

// Climbs reports whether some server could read the path of a target so that
// it leads above its root, although [ResolveDots] has nothing to resolve: one
// that takes "\", or an encoded "/" or "\", for "/", or that cuts parameters
// (";") off each segment before it looks at the dots, or whatever stands behind
// an encoded NUL, space, control character, "?" or "#". A path with one of the
// bytes that UTF-8 never has, and by which old decoders read a "." or "/" in two
// bytes, could lead anywhere. It does not allocate.
func Climbs(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	if overlong(path) {
		return true
	}
	depth := 0
	for path != "" {
		var segment string
		segment, path = cutSegment(path)
		switch {
		case dots(segment) == 2:
			if depth--; depth < 0 {
				return true
			}
		case segment != "" && dots(segment) == 0:
			depth++
		}
	}
	return false
}

// overlong reports whether a path has a byte that begins an overlong form of
// UTF-8 in two bytes (RFC 3629 §10).
func overlong(path string) bool {
	for i := range len(path) {
		c := path[i]
		if c == '%' && i+2 < len(path) && path[i+1]|0x20 == 'c' && path[i+2]>>1 == '0'>>1 || c == 0xc0 || c == 0xc1 {
			return true
		}
	}
	return false
}

// endsName reports whether a reader may take an encoded byte for the end of a
// name.
func endsName(c byte) bool { return c <= ' ' || c == 0x7f || c == '?' || c == '#' }

// cutSegment cuts the first segment off a path, as the most generous reader
// sees it, without its parameters.
func cutSegment(path string) (segment, rest string) {
	name := -1
	for i := 0; i < len(path); i++ {
		c, n := path[i], 1
		if c == '%' && i+2 < len(path) {
			hi, ok1 := unhex(path[i+1])
			lo, ok2 := unhex(path[i+2])
			if ok1 && ok2 {
				c, n = hi<<4|lo, 3
			}
		}
		switch {
		case c == '/' || c == '\\':
			if name < 0 {
				name = i
			}
			return path[:name], path[i+n:]
		case name < 0 && (c == ';' || n == 3 && endsName(c)):
			name = i
		}
	}
	if name < 0 {
		name = len(path)
	}
	return path[:name], ""
}
