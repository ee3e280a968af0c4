package cache

import (
	"strings"
	"time"

	"waypost/http/field"
)

// Matches reports whether req selects the stored response: every field that
// its Vary names has, in normal form, the value that it had in the request
// that brought the response (RFC 9111 §4.1). "*" never matches.
func Matches(rules *Rules, req field.Fields, stored *Response) bool {
	if p := &stored.plan; p.rules != nil {
		if !p.has(varies) {
			return true
		}
		if p.has(varyAny) {
			return false
		}
		for _, name := range p.vary {
			if !sameValue(rules, req, stored.Selecting, name) {
				return false
			}
		}
		return true
	}
	for name := range stored.Fields.All("Vary") {
		if name == "*" || !sameValue(rules, req, stored.Selecting, name) {
			return false
		}
	}
	return true
}

// Select returns the index of the most recent variant that req selects, by
// its Date (RFC 9111 §4), or -1. Of variants without a Vary field only those
// compete that are as recent as any with one: some resources forget it on
// their default response (§4.1).
func Select(rules *Rules, req field.Fields, variants []*Response) int {
	best := -1
	var newest time.Time
	for i, r := range variants {
		if !Matches(rules, req, r) {
			continue
		}
		if len(variants) == 1 {
			return i
		}
		if made := madeAt(r); best < 0 || made.After(newest) {
			best, newest = i, made
		}
	}
	if best >= 0 && outdatedDefault(variants, best, newest) {
		return -1
	}
	return best
}

// outdatedDefault reports whether the chosen variant has no Vary while a
// more recent one has: then that Vary says how to choose (RFC 9111 §4.1),
// and by it the request had selected nothing.
func outdatedDefault(variants []*Response, best int, newest time.Time) bool {
	if hasVary(variants[best]) {
		return false
	}
	for _, r := range variants {
		if hasVary(r) && madeAt(r).After(newest) {
			return true
		}
	}
	return false
}

// madeAt is when the origin made r, by its own clock if it said so.
func madeAt(r *Response) time.Time {
	if r.plan.rules != nil {
		return r.plan.validator.Date
	}
	if date, ok := dateField(r, "Date"); ok {
		return date
	}
	return r.Received
}

func hasVary(r *Response) bool {
	if r.plan.rules != nil {
		return r.plan.has(varies)
	}
	return r.Fields.Has("Vary")
}

// selecting returns the lines that Response.Selecting keeps.
func selecting(rules *Rules, req, resp field.Fields) field.Fields {
	var kept field.Fields
	for _, name := range varyNames(resp) {
		if value, ok := normalValue(rules, req, name); ok {
			kept.Add(strings.ToLower(name), value)
		}
	}
	return kept.Clone()
}

// normalValue is the normal form of a request field: the members of all its
// lines, without the whitespace around them, joined by commas. ok is false
// where it is absent.
func normalValue(rules *Rules, req field.Fields, name string) (value string, ok bool) {
	if kind := acceptKind(rules, name); kind != notAccept {
		var space [acceptSpace]byte
		if b, usual := appendAccept(space[:0], rules, req, kind); usual {
			return string(b), len(b) > 0
		}
	}
	var b []byte
	for i := range req {
		if !field.Is(req[i].Name, name) {
			continue
		}
		rest, more := req[i].Value, true
		for more {
			var member string
			member, rest, more = cutMember(rest)
			if ok {
				b = append(b, ',')
			}
			b, ok = append(b, member...), true
		}
	}
	return string(b), ok
}

// sameValue compares the request's field with the stored one without
// writing the normal form down.
func sameValue(rules *Rules, req, stored field.Fields, name string) bool {
	want, wanted := stored.Lookup(name)
	if kind := acceptKind(rules, name); kind != notAccept {
		var space [acceptSpace]byte
		if b, usual := appendAccept(space[:0], rules, req, kind); usual {
			return wanted == (len(b) > 0) && want == string(b)
		}
	}
	seen := false
	for i := range req {
		if !field.Is(req[i].Name, name) {
			continue
		}
		if !wanted {
			return false
		}
		rest, more := req[i].Value, true
		for more {
			var member string
			member, rest, more = cutMember(rest)
			if seen {
				if want == "" || want[0] != ',' {
					return false
				}
				want = want[1:]
			}
			if !strings.HasPrefix(want, member) {
				return false
			}
			want, seen = want[len(member):], true
		}
	}
	return seen == wanted && want == ""
}

// cutMember cuts the first member off a list, without the whitespace around
// it. Commas in quoted strings do not divide. Unlike in a list that is read
// for its meaning, empty members count: the field may be no list at all.
func cutMember(s string) (member, rest string, more bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ',':
			return strings.Trim(s[:i], " \t"), s[i+1:], true
		case '"':
			if j := closingQuote(s, i); j >= 0 {
				i = j
			}
		}
	}
	return strings.Trim(s, " \t"), "", false
}
