package url

import (
	"fmt"
	"unicode/utf8"
)

// Account is what a parse met on its way.
type Account struct {
	// Violations are the validation errors, in the order in which they were
	// found. The last one ended the parse when it failed.
	Violations []Violation
	// Changes says in a few words each how the URL differs from the input.
	// Passwords are not quoted.
	Changes []string
}

// maxNotes bounds each list of an Account: more would be read by nobody, and
// the input may come from a peer.
const maxNotes = 64

// note records a broken rule at a place of the cleaned input that does not
// end the parse.
func (p *parser) note(rule Rule, at int) {
	if p.account == nil || len(p.account.Violations) >= maxNotes {
		return
	}
	p.account.Violations = append(p.account.Violations, Violation{rule, p.rawOffset(at)})
}

// change records a difference between input and URL.
func (p *parser) change(what string) {
	if p.account == nil || len(p.account.Changes) >= maxNotes {
		return
	}
	p.account.Changes = append(p.account.Changes, what)
}

// changed records that what was read as something else, where it was.
func (p *parser) changed(part, from, to string) {
	if p.account != nil && from != to {
		p.change(fmt.Sprintf("%s %s read as %s", part, excerpt(from), excerpt(to)))
	}
}

// units notes what in a stretch of the cleaned input is not a URL unit
// (§4.3): neither a URL code point nor a percent-encoded byte.
func (p *parser) units(from, to int) {
	if p.account == nil {
		return
	}
	for at := from; at < to; {
		r, n := utf8.DecodeRuneInString(p.in[at:to])
		if r == '%' && !isEncodedByte(p.in[at:to]) || r != '%' && !isURLCodePoint(r) {
			p.note(InvalidURLUnit, at)
		}
		at += n
	}
}
