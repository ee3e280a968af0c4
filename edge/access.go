package edge

import (
	"strings"
	"time"

	"waypost/edge/rules"
	"waypost/fault"
	"waypost/http/field"
	"waypost/trace"
)

// enter lets a request into a private site, or not. What opened it goes no
// further: the origin is asked, and the response stored, as if the site were
// open, for everybody who gets here may have it. No cache behind us may.
func (r *request) enter() (s stage, over bool) {
	a := r.ruled.by.Access
	if a == nil {
		return 0, false
	}
	method := r.in.Method
	if r.extended() {
		method = "GET" // as which it begins over HTTP/1.1 (RFC 6455 §4.1)
	}
	e := a.Enter(r.now, method, r.in.Path, r.in.Fields, r.source())
	r.noteEntry(&e)
	switch {
	case e.Busy:
		return r.refuse(problem{status: 429, kind: fault.HTTPRequestDenied, reason: e.Reason, retry: time.Second}), true
	case !e.Allowed && e.By != "signature" && a.Challenge != "":
		return r.refuse(problem{status: 401, kind: fault.HTTPRequestDenied, reason: e.Reason, demand: a.Challenge}), true
	case !e.Allowed:
		return r.refuse(problem{status: 403, kind: fault.HTTPRequestDenied, reason: e.Reason}), true
	}
	if e.Target != r.in.Path {
		r.retarget(e.Target)
	}
	if e.Spent {
		r.ownLines()
		rules.DropLines(&r.kept, "Authorization")
		r.rewrite()
	}
	return 0, false
}

// keepPrivate keeps the response of a private site from shared caches.
func (r *request) keepPrivate() {
	mark := r.begin()
	r.text = rules.AppendPrivate(r.text, r.out)
	control := r.value(mark)
	rules.DropLines(&r.out, "Cache-Control")
	for _, name := range rules.SharedControls() {
		rules.DropLines(&r.out, name)
	}
	r.out = append(r.out, field.Line{Name: "Cache-Control", Value: control})
}

// noteEntry notes who came in, or why not.
func (r *request) noteEntry(e *rules.Entry) {
	if !r.span.On() {
		return
	}
	d := &trace.Decision{Verdict: "allow", Reason: "what was shown opens the site"}
	if !e.Allowed {
		d.Verdict, d.Reason = "refuse", e.Reason
	}
	if e.By == "password" {
		d.Clause = "RFC 7617 §2"
	}
	r.span.Note(trace.AccessDecision{By: e.By, Who: strings.Clone(e.Who)}, d)
}
