package url

import "strings"

// encodeSet is a percent-encode set (§1.3): one bit of the class table.
type encodeSet uint16

const (
	inC0 encodeSet = 1 << iota
	inFragment
	inQuery
	inSpecialQuery
	inPath
	inUserinfo
	inComponent
	inForm
	forbiddenHost   // forbidden host code point, §3.2
	forbiddenDomain // forbidden domain code point, §3.2
	urlCodePoint    // ASCII half of the URL code points, §4.3
)

// classes tells for each byte the sets that it is in. All bytes above ASCII
// are in every percent-encode set, so encoding can go byte by byte.
var classes = classify()

func classify() (t [256]encodeSet) {
	add := func(set encodeSet, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= set
		}
	}
	const encodes = inC0 | inFragment | inQuery | inSpecialQuery | inPath | inUserinfo | inComponent | inForm
	for b := range t {
		if b < 0x20 || b > 0x7e {
			t[b] |= encodes
		}
		if b < 0x20 || b == 0x7f {
			t[b] |= forbiddenDomain
		}
		if isAlpha(byte(b)) || isDigit(byte(b)) {
			t[b] |= urlCodePoint
		}
	}
	add(inFragment, " \"<>`")
	const form = inForm
	const component = inComponent | form
	const userinfo = inUserinfo | component
	const path = inPath | userinfo
	add(inQuery|inSpecialQuery|path, " \"#<>")
	add(inSpecialQuery, "'")
	add(path, "?^`{}")
	add(userinfo, `/:;=@[\]|`)
	add(component, "$%&+,")
	add(form, "!'()~")
	add(forbiddenHost|forbiddenDomain, "\x00\t\n\r #/:<>?@[\\]^|")
	add(forbiddenDomain, "%")
	add(urlCodePoint, "!$&'()*+,-./:;=?@_~")
	return t
}

// hasAny reports whether s holds a byte of the set.
func hasAny(s string, set encodeSet) bool { return indexAny(s, set) >= 0 }

// indexAny is the offset of the first byte of s in the set, or -1.
func indexAny(s string, set encodeSet) int {
	for i := range len(s) {
		if classes[s[i]]&set != 0 {
			return i
		}
	}
	return -1
}

const upperHex = "0123456789ABCDEF"

// encode is UTF-8 percent-encode (§1.3). It returns s itself where nothing
// is to be encoded.
func encode(s string, set encodeSet) string {
	if !hasAny(s, set) {
		return s
	}
	return string(appendEncoded(make([]byte, 0, len(s)+16), s, set))
}

func appendEncoded(dst []byte, s string, set encodeSet) []byte {
	for i := range len(s) {
		if b := s[i]; classes[b]&set == 0 {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

// encodeForm is the application/x-www-form-urlencoded form of one value
// (§5.2): a space is a plus.
func encodeForm(s string) string {
	return strings.ReplaceAll(encode(s, inForm), "%20", "+")
}

// decode is percent-decode (§1.3). It returns s itself where nothing is
// encoded.
func decode(s string) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	out := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if isEncodedByte(s[i:]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		} else {
			out = append(out, s[i])
		}
	}
	return string(out)
}

// isEncodedByte reports whether s begins with a percent-encoded byte.
func isEncodedByte(s string) bool {
	return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2])
}

func unhex(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&^0x20 - 'A' + 10
}

func isAlpha(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
func isDigit(b byte) bool { return b >= '0' && b <= '9' }
func isHex(b byte) bool   { return isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'f' }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isURLCodePoint is §4.3's URL code points: those that a URL may show as
// they are.
func isURLCodePoint(r rune) bool {
	if r < 0x80 {
		return classes[byte(r)]&urlCodePoint != 0
	}
	nonCharacter := r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
	return r >= 0xa0 && r <= 0x10fffd && !nonCharacter
}
