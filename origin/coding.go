package origin

import (
	"strings"

	"waypost/http/field"
)

// codings are the content codings of packed variants, in the order in which
// they are preferred when the client likes them equally: smallest first.
var codings = []struct{ name, ending string }{
	{"br", ".br"},
	{"zstd", ".zst"},
	{"gzip", ".gz"},
}

// identity is the name of no coding at all (RFC 9110 §12.5.3).
const identity = "identity"

// chooseCoding returns the best of the offered codings for a request, or ""
// for the content as it is. have reports whether a coding is on offer.
//
// A weight of 0 forbids. Without any acceptable form the content is sent as
// it is, which RFC 9110 §12.5.3 allows and every client can use.
func chooseCoding(req field.Fields, have func(coding string) bool) string {
	if !req.Has("Accept-Encoding") {
		return "" // any coding is acceptable, but a client that says nothing may know none
	}
	best, most := "", 0
	if q, ok := weight(req, identity); ok {
		most = q // identity was named: it competes, though it loses a tie
	}
	for _, c := range codings {
		q, ok := weight(req, c.name)
		if !ok {
			q, ok = weight(req, "*")
		}
		if ok && q > 0 && have(c.name) && (q > most || best == "" && q == most) {
			best, most = c.name, q
		}
	}
	return best
}

// weight is what the client gives a coding, in thousandths; ok is false when
// it does not name it. The last mention counts, and a broken weight is 0:
// what cannot be read is no consent.
func weight(req field.Fields, coding string) (thousandths int, ok bool) {
	for element := range req.All("Accept-Encoding") {
		name, params, _ := strings.Cut(element, ";")
		name = strings.TrimSpace(name)
		if coding == "gzip" && field.Is(name, "x-gzip") {
			name = coding // RFC 9110 §8.4.1.3
		}
		if !field.Is(name, coding) {
			continue
		}
		thousandths, ok = 1000, true
		if params = strings.TrimSpace(params); params != "" {
			thousandths = qvalue(params)
		}
	}
	return thousandths, ok
}

// qvalue reads "q=0.5" (RFC 9110 §12.4.2) in thousandths; 0 when it is not
// in the grammar.
func qvalue(param string) int {
	if len(param) < 3 || param[0]|0x20 != 'q' || param[1] != '=' {
		return 0
	}
	whole, part, dotted := strings.Cut(param[2:], ".")
	if whole != "0" && whole != "1" || len(part) > 3 {
		return 0
	}
	n := 0
	for i := range 3 {
		n *= 10
		if dotted && i < len(part) {
			if part[i] < '0' || part[i] > '9' {
				return 0
			}
			n += int(part[i] - '0')
		}
	}
	if whole == "1" {
		if n > 0 {
			return 0
		}
		return 1000
	}
	return n
}
