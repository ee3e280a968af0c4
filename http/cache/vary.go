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
	s := selector{rules: rules, req: req}
	return s.matches(stored)
}

// Alike reports whether two requests select the same by the Vary of resp: then
// what answers one of them is likely to answer the other. With "*" none do.
func Alike(rules *Rules, a, b field.Fields, resp *Response) bool {
	for _, name := range varyNames(resp.Fields) {
		x, hasX := normalValue(rules, a, name)
		y, hasY := normalValue(rules, b, name)
		if name == "*" || hasX != hasY || x != y {
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
	if len(variants) == 1 && variants[0].plan.rules != nil && !variants[0].plan.has(varies) {
		return 0
	}
	s := selector{rules: rules, req: req}
	best := -1
	var newest time.Time
	for i, r := range variants {
		if !s.matches(r) {
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

// selector is one request that selects. It keeps the normal forms of the
// fields whose meaning is known, which several variants may be held against.
type selector struct {
	rules *Rules
	req   field.Fields
	forms [2]form // Accept-Encoding, Accept-Language
}

// form is a normal form, once it was asked for.
type form struct {
	space  [acceptSpace]byte
	length int
	known  bool
	usual  bool // there is one
}

func (s *selector) matches(stored *Response) bool {
	if p := &stored.plan; p.rules != nil {
		if !p.has(varies) {
			return true
		}
		if p.has(varyAny) {
			return false
		}
		for _, name := range p.vary {
			if !s.sameValue(stored.Selecting, name) {
				return false
			}
		}
		return true
	}
	if selectsByAnything(stored.Fields) {
		return false
	}
	for name := range stored.Fields.All("Vary") {
		if !s.sameValue(stored.Selecting, name) {
			return false
		}
	}
	return true
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
// lines, without the whitespace around them, joined by commas. Empty members
// count: the field may be no list at all. ok is false where it is absent.
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
		list := membersOf(req[i].Value)
		for member, more := list.next(); more; member, more = list.next() {
			if ok {
				b = append(b, ',')
			}
			b, ok = append(b, member...), true
		}
	}
	return string(b), ok
}

// sameValue compares the request's field with the stored one; where its
// meaning is not known, without writing the normal form down.
func (s *selector) sameValue(stored field.Fields, name string) bool {
	want, wanted := stored.Lookup(name)
	if kind := acceptKind(s.rules, name); kind != notAccept {
		f := &s.forms[kind-acceptEncoding]
		if !f.known {
			var b []byte
			b, f.usual = appendAccept(f.space[:0], s.rules, s.req, kind)
			f.length, f.known = len(b), true
		}
		if f.usual {
			return wanted == (f.length > 0) && want == string(f.space[:f.length])
		}
	}
	return sameText(s.req, name, want, wanted)
}

// sameText compares the members of a request field with a normal form.
func sameText(req field.Fields, name, want string, wanted bool) bool {
	seen := false
	for i := range req {
		if !field.Is(req[i].Name, name) {
			continue
		}
		if !wanted {
			return false
		}
		list := membersOf(req[i].Value)
		for member, more := list.next(); more; member, more = list.next() {
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
