package cache

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Queries as application/x-www-form-urlencoded reads them (URL Standard §5.1),
// in a normal form that is the same text for the same parameters: "name=value"
// joined by "&", where every byte but the unreserved ones is percent-encoded.

// maxFormParameters bounds the parameters that matter in one query. Pages have
// a dozen; more are put in order at a cost that grows with their square.
const maxFormParameters = 128

// parameter is where one stands in the normal form.
type parameter struct{ start, nameEnd, end int }

// AppendQuery appends the normal form of a query to dst: the parameters that
// matter, in ascending order of names where the order does not (draft-ietf-httpbis-no-vary-search §6). Queries
// are equivalent if they have the same. ok is false, and nothing appended,
// where more than 128 parameters matter. It does not allocate where dst has
// room for twice the query and some.
func (c *NoVarySearch) AppendQuery(dst []byte, query string) (out []byte, ok bool) {
	var space [maxFormParameters]parameter
	all, base := space[:0], len(dst)
	for query != "" {
		var piece string
		piece, query, _ = strings.Cut(query, "&")
		if piece == "" {
			continue
		}
		name, value, _ := strings.Cut(piece, "=")
		p := parameter{start: len(dst)}
		dst = appendFormText(dst, name)
		if !c.matters(dst[p.start:]) {
			dst = dst[:p.start]
			continue
		}
		if len(all) == maxFormParameters {
			return dst[:base], false
		}
		p.nameEnd = len(dst)
		dst = append(dst, '=')
		dst = appendFormText(dst, value)
		dst = append(dst, '&')
		p.end = len(dst)
		all = append(all, p)
	}
	if len(all) == 0 {
		return dst[:base], true
	}
	if c.anyOrder && sortByName(dst, all) {
		sorted := len(dst)
		for _, p := range all {
			dst = append(dst, dst[p.start:p.end]...)
		}
		dst = append(dst[:base], dst[sorted:]...)
	}
	return dst[:len(dst)-1], true // without the last "&"
}

// sortByName sorts parameters by their names in text, those of one name as
// they stand. It reports whether that changed anything.
func sortByName(text []byte, all []parameter) (changed bool) {
	for i := 1; i < len(all); i++ {
		p := all[i]
		name := text[p.start:p.nameEnd]
		at := i
		for at > 0 && bytes.Compare(text[all[at-1].start:all[at-1].nameEnd], name) > 0 {
			all[at] = all[at-1]
			at--
		}
		all[at] = p
		changed = changed || at != i
	}
	return changed
}

// appendFormText appends the normal form of a name or value: "+" is a space,
// percent-encodings are bytes, and what is no UTF-8 is U+FFFD.
func appendFormText(dst []byte, s string) []byte {
	if isUnreserved(s) {
		return append(dst, s...)
	}
	start := len(dst)
	dst = appendFormDecoded(dst, s)
	end := len(dst)
	for i := start; i < end; {
		c := dst[i]
		switch {
		case unreserved(c):
			dst = append(dst, c)
			i++
		case c < utf8.RuneSelf:
			dst = appendEncoded(dst, c)
			i++
		default:
			n, whole := sequence(dst[i:end])
			if !whole {
				dst = append(dst, "%EF%BF%BD"...)
			}
			for _, c := range dst[i : i+n] {
				if whole {
					dst = appendEncoded(dst, c)
				}
			}
			i += n
		}
	}
	return append(dst[:start], dst[end:]...)
}

func appendEncoded(dst []byte, c byte) []byte {
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

func isUnreserved(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return false
		}
	}
	return true
}

// appendFormDecoded appends the bytes that s stands for. A "%" that begins no
// encoding is one itself.
func appendFormDecoded(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s):
			hi, ok1 := unhex(s[i+1])
			lo, ok2 := unhex(s[i+2])
			if ok1 && ok2 {
				c = hi<<4 | lo
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// sequence is the length of the character at the front of b, which is not
// ASCII. Where whole is false there is none, and n bytes stand for one U+FFFD:
// as many as begin one (Unicode §3.9, as the Encoding Standard's decoder).
func sequence(b []byte) (n int, whole bool) {
	if _, n := utf8.DecodeRune(b); n > 1 {
		return n, true
	}
	n = 1
	for n < len(b) && !utf8.FullRune(b[:n]) && !isInvalid(b[:n+1]) {
		n++
	}
	return n, false
}

// isInvalid reports whether no character begins with b.
func isInvalid(b []byte) bool {
	r, n := utf8.DecodeRune(b)
	return r == utf8.RuneError && n == 1 && utf8.FullRune(b)
}
