package browser

import (
	"fmt"
	"strings"
	"time"

	"waypost/fault"
	"waypost/trace"
	"waypost/url"
)

// This file holds the rules that stand above a single request: they change
// its URL or stop it before anything is sent.

// mixed is what Mixed Content makes of a request.
type mixed int

const (
	mixedNot mixed = iota
	mixedUpgrade
	mixedBlock
)

// mixedContent decides about a subresource that a secure page wants over
// cleartext (W3C Mixed Content §4.1 and §4.4): images are asked for over
// HTTPS instead, if their host has a name and they were not chosen from a
// set; everything else is blocked.
func mixedContent(page, u *url.URL, w *want) mixed {
	switch {
	case page == nil || page.Scheme() != "https" || trustworthy(u):
		return mixedNot
	case w.destination != "image" || w.set:
		return mixedBlock
	}
	if _, isAddr := u.Addr(); isAddr {
		return mixedBlock
	}
	return mixedUpgrade
}

// trustworthy reports whether u is potentially trustworthy (W3C Secure
// Contexts §3.1): HTTPS, or this machine itself.
func trustworthy(u *url.URL) bool {
	if u.Scheme() == "https" {
		return true
	}
	if a, ok := u.Addr(); ok {
		return a.IsLoopback()
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// passMixedContent applies the rule to where t stands. It reports whether
// something has changed.
func (t *trip) passMixedContent() bool {
	if t.want.destination == "document" {
		return false
	}
	fact := trace.PolicyDecision{URL: t.url.Redacted(), Policy: "mixed-content"}
	page := t.load.document.Redacted()
	switch mixedContent(t.load.document, t.url, t.want) {
	case mixedUpgrade:
		to := t.url.Upgraded()
		fact.To = to.Redacted()
		t.span.Note(fact, &trace.Decision{Verdict: "upgrade", Clause: "Mixed Content §4.1", Because: page,
			Reason: "the page came over HTTPS, so its images are asked for over HTTPS too"})
		t.url = to
		return true
	case mixedBlock:
		t.span.Note(fact, &trace.Decision{Verdict: "block", Clause: "Mixed Content §4.4", Because: page,
			Reason: fmt.Sprintf("the page came over HTTPS, and a %s over cleartext could change it", t.want.as),
			Remedy: "name it with https:"})
		t.fail(fault.New(fault.HTTPRequestDenied, "load "+t.url.Redacted(),
			fmt.Errorf("blocked as mixed content of %s", page)))
		return true
	}
	return false
}

// passHSTS sends t to HTTPS where the host is known to want it. That comes
// before the memory of redirects: what was once heard over cleartext must
// not overrule it (RFC 6797 §8.3).
func (t *trip) passHSTS() bool {
	if t.url.Scheme() != "http" {
		return false
	}
	known, h, ok := t.load.profile.wantsHTTPS(time.Now(), t.url)
	if !ok {
		return false
	}
	to := t.url.Upgraded()
	t.span.Note(trace.PolicyDecision{URL: t.url.Redacted(), Policy: "hsts", To: to.Redacted()}, &trace.Decision{
		Verdict: "upgrade", Clause: "RFC 6797 §8.3", Because: "Strict-Transport-Security: " + h.said,
		Reason: fmt.Sprintf("%s asked for HTTPS only, until %s", known, h.until.UTC().Format(time.DateTime)),
	})
	t.url = to
	return true
}
