package edge

import (
	"strings"

	"waypost/edge/rules"
	"waypost/trace"
)

// dropCookies takes the cookies off the request, for the cache as for the
// origin: on a host without cookies nothing may depend on them.
func (r *request) dropCookies() {
	if !r.in.Fields.Has("Cookie") {
		return
	}
	r.ownLines()
	bytes := rules.DropLines(&r.kept, "Cookie")
	r.rewrite()
	noteCookies(r.span, r.ruled.host, bytes, 0)
}

// ownLines copies the request's fields into r.kept, where they may be changed.
func (r *request) ownLines() {
	if r.in != &r.mine || len(r.kept) == 0 {
		r.kept = append(r.kept[:0], r.in.Fields...)
	}
}

// rewrite makes the fields in r.kept those of the request. The codec's own
// are not touched.
func (r *request) rewrite() {
	if r.in != &r.mine {
		r.mine = *r.in
		r.in = &r.mine
	}
	r.in.Fields, r.ask.Fields = r.kept, r.kept
}

// noteCookies notes what was taken off, where there was something.
func noteCookies(span *trace.Span, host string, request, response int) {
	if span.On() && request+response > 0 {
		span.Note(trace.CookieDecision{Host: strings.Clone(host), RequestBytes: request, ResponseBytes: response},
			&trace.Decision{Verdict: "strip", Reason: "the site's rules let no cookies pass on this host"})
	}
}
