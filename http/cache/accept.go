package cache

import (
	"strings"

	"waypost/http/field"
)

// kind tells the request fields whose meaning is known, so that what means
// the same selects the same variant.
type kind uint8

const (
	notAccept kind = iota
	acceptEncoding
	acceptLanguage
)

func acceptKind(rules *Rules, name string) kind {
	switch {
	case !rules.NormalAccept || len(name) != len("Accept-Encoding"):
	case field.Is(name, "Accept-Encoding"):
		return acceptEncoding
	case field.Is(name, "Accept-Language"):
		return acceptLanguage
	}
	return notAccept
}

// Limits of normalisation. Browsers send four codings and up to a dozen
// languages; what is longer is compared as text.
const (
	maxWeighted = 16
	acceptSpace = 256 // bytes of normal form
)

// weighted is one member of an Accept field with its weight (RFC 9110
// §12.4.2) in thousandths.
type weighted struct {
	token  string
	weight int
}

// AppendAcceptEncoding appends the value of Accept-Encoding by which req
// selects under these rules; it is to be sent to the origin in place of the
// client's. usual is false when the field, or its absence, stays as it came.
func AppendAcceptEncoding(dst []byte, rules *Rules, req field.Fields) (out []byte, usual bool) {
	if !rules.NormalAccept {
		return dst, false
	}
	out, usual = appendAccept(dst, rules, req, acceptEncoding)
	return out, usual && len(out) > len(dst)
}

// appendAccept writes the normal form: lower case, by descending weight,
// then by name, weights of 1 left out. It is empty where the field is
// absent. usual is false where the field is not in the grammar or too long.
func appendAccept(dst []byte, rules *Rules, req field.Fields, kind kind) (out []byte, usual bool) {
	name := "Accept-Encoding"
	if kind == acceptLanguage {
		name = "Accept-Language"
	}
	var found [maxWeighted]weighted
	n, present := 0, false
	for i := range req {
		if !field.Is(req[i].Name, name) {
			continue
		}
		present = true
		list := membersOf(req[i].Value)
		for member, more := list.next(); more; member, more = list.next() {
			if member == "" {
				continue
			}
			w, ok := parseWeighted(member)
			if !ok || n == maxWeighted {
				return dst, false
			}
			found[n] = w
			n++
		}
	}
	if kind == acceptLanguage && len(rules.Languages) > 0 {
		n = reduceLanguages(&found, n, rules.Languages)
	}
	if kind == acceptEncoding {
		if len(rules.Codings) > 0 {
			n, present = reduce(&found, n, rules.Codings), true
		}
		if n == 0 && present { // RFC 9110 §12.5.3: an empty field wants no coding
			found[0], n = weighted{"identity", 1000}, 1
		}
	}
	sortWeighted(found[:n])
	start := len(dst)
	for i, w := range found[:n] {
		if i > 0 && w.weight == found[i-1].weight && field.Is(w.token, found[i-1].token) {
			continue
		}
		if len(dst)-start+len(w.token)+len(",;q=0.000") > acceptSpace {
			return dst[:start], false
		}
		dst = appendWeighted(dst, w, len(dst) > start)
	}
	return dst, true
}

// parseWeighted reads token [ OWS ";" OWS "q=" qvalue ].
func parseWeighted(member string) (weighted, bool) {
	token, parameter, has := strings.Cut(member, ";")
	w := weighted{trim(token), 1000}
	if len(w.token) > 2 && w.token[1] == '-' { // RFC 9110 §8.4.1: aliases
		switch {
		case field.Is(w.token, "x-gzip"):
			w.token = "gzip"
		case field.Is(w.token, "x-compress"):
			w.token = "compress"
		}
	}
	if !isToken(w.token) {
		return w, false
	}
	if !has {
		return w, true
	}
	parameter = trim(parameter)
	if len(parameter) < 3 || parameter[0]|0x20 != 'q' || parameter[1] != '=' {
		return w, false
	}
	var ok bool
	w.weight, ok = parseWeight(parameter[2:])
	return w, ok
}

// parseWeight reads a qvalue: 0 to 1 with up to three decimals.
func parseWeight(s string) (thousandths int, ok bool) {
	if s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' || len(s) > 5 {
		return 0, false
	}
	n := int(s[0]-'0') * 1000
	scale := 100
	for i := 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n += int(s[i]-'0') * scale
		scale /= 10
	}
	return n, n <= 1000
}

// reduce leaves of an Accept-Encoding list the codings that the origin
// makes, each once with the weight that the list gives it, "*" resolved
// (RFC 9110 §12.5.3). What the client refuses is left out; identity stays
// only where it is refused. A client that sends no list gets no coding,
// which it may be sent anyway.
func reduce(list *[maxWeighted]weighted, n int, codings []string) int {
	var kept [maxWeighted]weighted
	k := 0
	others, identity := 0, -1
	for _, w := range list[:n] {
		switch {
		case w.token == "*":
			others = w.weight
		case field.Is(w.token, "identity"):
			identity = w.weight
		}
	}
	for _, coding := range codings {
		weight := others
		for _, w := range list[:n] {
			if field.Is(w.token, coding) {
				weight = w.weight
			}
		}
		if weight > 0 && k < maxWeighted-1 {
			kept[k] = weighted{coding, weight}
			k++
		}
	}
	if identity == 0 {
		kept[k] = weighted{"identity", 0}
		k++
	}
	*list = kept
	return k
}

// sortWeighted sorts by descending weight, then by name. Lists are short.
func sortWeighted(list []weighted) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && before(list[j], list[j-1]); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

func before(a, b weighted) bool {
	if a.weight != b.weight {
		return a.weight > b.weight
	}
	for i := range min(len(a.token), len(b.token)) {
		if x, y := lower(a.token[i]), lower(b.token[i]); x != y {
			return x < y
		}
	}
	return len(a.token) < len(b.token)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// appendWeighted writes one member.
func appendWeighted(dst []byte, w weighted, comma bool) []byte {
	if comma {
		dst = append(dst, ',')
	}
	for i := range len(w.token) {
		dst = append(dst, lower(w.token[i]))
	}
	if w.weight == 1000 {
		return dst
	}
	dst = append(dst, ";q=0"...)
	if w.weight == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+w.weight/100))
	if w.weight%100 != 0 {
		dst = append(dst, byte('0'+w.weight/10%10))
	}
	if w.weight%10 != 0 {
		dst = append(dst, byte('0'+w.weight%10))
	}
	return dst
}
