package wire

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"unsafe"

	"waypost/http/field"
)

// The character classes of RFC 9110 §5.6.2 and RFC 3986 §2 and §3.2.2.
const (
	classToken = 1 << iota // tchar
	className              // reg-name: unreserved, sub-delims, "%"
	classHex               // HEXDIG
)

var classes = func() (t [256]uint8) {
	const alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, set := range []struct {
		class uint8
		chars string
	}{
		{classToken, alnum + "!#$%&'*+-.^_`|~"},
		{className, alnum + "-._~!$&'()*+,;=%"},
		{classHex, "0123456789abcdefABCDEF"},
	} {
		for i := range len(set.chars) {
			t[set.chars[i]] |= set.class
		}
	}
	return t
}()

// str is b as a string without a copy. The string changes when b does: it
// is valid as long as b's owner leaves those bytes alone.
func str(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// validToken reports whether s is a token (RFC 9110 §5.6.2), as methods and
// field names are.
func validToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if classes[s[i]]&classToken == 0 {
			return false
		}
	}
	return true
}

// validValue reports whether s may be a field value: visible characters,
// spaces, tabs and bytes above 0x7f (RFC 9110 §5.5). Other control
// characters are refused, not only the CR, LF and NUL that must be.
func validValue(s string) bool {
	for len(s) >= 8 {
		if maybeControl(binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(s), 8))) {
			for i := range 8 {
				if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
					return false
				}
			}
		}
		s = s[8:]
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// maybeControl reports whether one of the eight bytes of v may be below 0x20
// or 0x7f. It has no false negatives: a byte's own sum or difference carries
// its answer in the top bit unless a carry from below disturbs it, and that
// happens only above a byte that answers itself.
func maybeControl(v uint64) bool {
	const (
		ones = 0x0101010101010101
		tops = 0x8080808080808080
	)
	below := (v - ones*0x20) & ^v & tops
	del := v ^ ones*0x7f
	isDel := (del - ones) & ^del & tops
	return below|isDel != 0
}

// validTarget reports whether s may stand in a request line or :path: visible
// ASCII without "#". We are wider than the grammar of RFC 3986 because
// browsers send characters such as "|" and "{" unencoded (WHATWG URL, query
// percent-encode set); none of them has a meaning in framing.
func validTarget(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return s != ""
}

// validAuthority reports whether s is a host with an optional port (RFC 3986
// §3.2.2, §3.2.3). Userinfo is not allowed (RFC 9110 §4.2.4).
func validAuthority(s string) bool {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		if a, err := netip.ParseAddr(s[1:end]); err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		if host, port = "v6", s[end+1:]; port != "" {
			if port[0] != ':' {
				return false
			}
			port = port[1:]
		}
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 {
		host, port = s[:colon], s[colon+1:]
	}
	return validRegName(host) && validPort(port)
}

func validRegName(s string) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&className == 0 {
			return false
		}
		if s[i] == '%' {
			if i+2 >= len(s) || classes[s[i+1]]&classes[s[i+2]]&classHex == 0 {
				return false
			}
			i += 2
		}
	}
	return s != ""
}

func validPort(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		if n = n*10 + int(s[i]-'0'); n > 65535 {
			return false
		}
	}
	return true
}

// hasPort reports whether the valid authority s names a port.
func hasPort(s string) bool {
	colon := strings.LastIndexByte(s, ':')
	return colon > strings.LastIndexByte(s, ']') && colon < len(s)-1
}

// parseLength reads a Content-Length: digits only, below 10^18. A sign, a
// list or white space is refused (RFC 9110 §8.6).
func parseLength(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// connectionField reports whether name is one of the fields that speak about
// the connection or the framing: those that the codec makes itself.
func connectionField(name string) bool {
	switch len(name) {
	case 2:
		return field.Is(name, "TE")
	case 6:
		return field.Is(name, "Expect")
	case 7:
		return field.Is(name, "Upgrade")
	case 10:
		return field.Is(name, "Connection") || field.Is(name, "Keep-Alive")
	case 14:
		return field.Is(name, "Content-Length")
	case 16:
		return field.Is(name, "Proxy-Connection")
	case 17:
		return field.Is(name, "Transfer-Encoding")
	}
	return false
}
