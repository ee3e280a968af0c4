package rules

import "strings"

// encoded is a target with what RFC 3986 §3.3 and §3.4 do not allow in path and
// query percent-encoded: clients send quotes and angle brackets as they are,
// and a Location is copied into pages. It is target itself where all is well.
func encoded(target string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	from := 0
	for i := range len(target) {
		if allowed(target, i) {
			continue
		}
		b = append(append(b, target[from:i]...), '%', hex[target[i]>>4], hex[target[i]&15])
		from = i + 1
	}
	if b == nil {
		return target
	}
	return string(append(b, target[from:]...))
}

// allowed reports whether the byte at i may stand in a path or query: pchar,
// "/", "?", or the "%" of an encoding.
func allowed(target string, i int) bool {
	switch c := target[i]; {
	case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9':
		return true
	case c == '%':
		return i+2 < len(target) && isHex(target[i+1]) && isHex(target[i+2])
	default:
		return strings.IndexByte("-._~!$&'()*+,;=:@/?", c) >= 0
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
