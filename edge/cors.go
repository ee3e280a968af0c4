package edge

import (
	"strings"

	"waypost/edge/rules"
	"waypost/fault"
	"waypost/http/field"
	"waypost/trace"
)

// Who may read from another origin is decided here and not at the origin
// server: it is not asked for preflights, and for what can be stored it does
// not learn which page asks, so that one stored response serves them all.

// preflight answers whether a request of another origin's page may be made.
func (r *request) preflight() (s stage, over bool) {
	c := r.ruled.cors
	if c == nil || !rules.IsPreflight(r.in.Method, r.in.Fields) {
		return 0, false
	}
	var answer field.Fields
	reason, allowed := c.Preflight(&answer, r.in.Fields)
	r.noteCORS(allowed, reason)
	if !allowed {
		return r.refuse(problem{status: 403, kind: fault.HTTPRequestDenied, reason: reason}), true
	}
	r.ruled.cors = nil // the answer says it all
	r.out = append(r.fields(nil, -1), answer...)
	if err := r.respond(204, r.out, 0); err != nil {
		return r.lost(err), true
	}
	return done, true
}

// noteCORS notes the decision about the page that asks.
func (r *request) noteCORS(allowed bool, reason string) {
	if !r.span.On() {
		return
	}
	in := r.in.Fields
	f := trace.CORSDecision{Origin: strings.Clone(in.Get("Origin")), Method: strings.Clone(r.in.Method)}
	if f.Preflight = rules.IsPreflight(r.in.Method, in); f.Preflight {
		f.Method = strings.Clone(in.Get("Access-Control-Request-Method"))
		for name := range in.All("Access-Control-Request-Headers") {
			f.Fields = append(f.Fields, strings.Clone(name))
		}
	}
	d := &trace.Decision{Verdict: "allow", Reason: "the site's rules let pages of this origin read", Clause: "Fetch §3.3.4", Because: "Origin: " + f.Origin}
	if !allowed {
		d.Verdict, d.Reason = "refuse", reason
		d.Remedy = "add it to the site's cors rule for this path"
	}
	r.span.Note(f, d)
}

// readers says in the response who may read it.
func (r *request) readers() {
	origin := r.in.Fields.Get("Origin")
	if r.ruled.cors.Decorate(&r.out, origin) || origin == "" || sameOrigin(origin, r.in.Scheme, r.in.Authority) {
		r.noteReader(origin, "")
		return
	}
	r.noteReader(origin, "the origin is not among those that may read")
}

// noteReader notes once who asks from another origin.
func (r *request) noteReader(origin, reason string) {
	if origin != "" && !r.ruled.told.cors && !sameOrigin(origin, r.in.Scheme, r.in.Authority) && !rules.IsPreflight(r.in.Method, r.in.Fields) {
		r.ruled.told.cors = true
		r.noteCORS(reason == "", reason)
	}
}

// sameOrigin reports whether an Origin is the one that the request is for, as
// with a POST of the site's own page.
func sameOrigin(origin, scheme, authority string) bool {
	return len(origin) == len(scheme)+len("://")+len(authority) && strings.HasPrefix(origin, scheme) &&
		strings.HasSuffix(origin, authority)
}
