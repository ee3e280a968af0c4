package edge

import (
	"strconv"
	"strings"
	"time"

	"waypost/cdn"
	"waypost/edge/rules"
	"waypost/trace"
)

// redirectLifetime is how long browsers and caches may remember a permanent
// redirect of ours. Without a bound some never forget one (RFC 9110 §15.4.2
// lets them guess), and a mistake could not be undone.
const redirectLifetime = time.Hour

// redirect sends the client elsewhere, where a rule of the site says so.
func (r *request) redirect() (s stage, over bool) {
	all := r.ruled.by.Redirects
	if len(all) == 0 || !strings.HasPrefix(r.in.Path, "/") {
		return 0, false
	}
	turn, ok := all.Find(rules.Place{Scheme: r.in.Scheme, Authority: r.in.Authority, Host: r.ruled.host,
		Target: r.in.Path, Path: r.ruled.path}, r.site.answersTo)
	if !ok {
		return 0, false
	}
	r.noteRedirect(&turn)
	if turn.Loop != "" {
		return 0, false // the page is the better answer
	}
	f := r.fields(nil, -1)
	f.Add("Location", turn.To)
	if turn.Status == 301 || turn.Status == 308 {
		f.Add("Cache-Control", "max-age="+strconv.Itoa(int(redirectLifetime/time.Second)))
	}
	return r.brief(turn.Status, f, turn.To+"\n"), true
}

// answersTo reports whether a host (lower case, without port) is one of the
// site's.
func (s *site) answersTo(host string) bool {
	return cdn.Match([]cdn.Site{s.Site}, host) != nil
}

func (r *request) noteRedirect(t *rules.Turn) {
	if !r.span.On() {
		return
	}
	method := strings.Clone(r.in.Method)
	d := &trace.Decision{Verdict: "redirect", Clause: "RFC 9110 §15.4", Reason: "a rule of the site fits the URL"}
	switch {
	case t.Loop != "":
		d.Verdict, d.Reason = "skip", "the redirect is not sent, for "+t.Loop
		d.Remedy = "change the site's redirects so that they come to an end"
	case method == "POST" && (t.Status == 301 || t.Status == 302):
		method = "GET" // as browsers do it, RFC 9110 §15.4.2
	}
	r.span.Note(trace.HTTPRedirect{Status: t.Status, From: rules.Unsigned(r.url()), To: rules.Unsigned(t.To), Method: method}, d)
}
