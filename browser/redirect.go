package browser

import (
	"errors"
	"fmt"
	"strings"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/trace"
	"waypost/url"
)

// isRedirect reports whether a status with a Location leads elsewhere (Fetch
// §2.2.3, redirect status).
func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// redirected is the method of the request after a redirect, and whether it
// carries the body on (Fetch §4.4 step 12; RFC 9110 §15.4): 301 and 302 turn
// POST into GET, as browsers always did; 303 turns all but GET and HEAD into
// GET; 307 and 308 change nothing.
func redirected(status int, method string) (next string, body bool) {
	switch {
	case (status == 301 || status == 302) && method == "POST",
		status == 303 && method != "GET" && method != "HEAD":
		return "GET", false
	}
	return method, true
}

// location is where a redirect from u leads (Fetch §2.2.5, location URL). A
// Location without fragment keeps that of u.
func location(u *url.URL, value string) (*url.URL, error) {
	to, err := url.Parse(value, u)
	if err != nil {
		return nil, err
	}
	if !isHTTP(to) {
		return nil, fmt.Errorf("redirects are not followed to the scheme %s", to.Scheme())
	}
	if !to.HasFragment() {
		to = to.WithFragmentOf(u)
	}
	return to, nil
}

// follow takes t where the redirect resp leads. resp has been read.
func (t *trip) follow(resp *fetch.Response, value string) {
	to, err := location(t.url, value)
	if err != nil {
		t.fail(fault.New(fault.HTTPProtocolError,
			fmt.Sprintf("follow Location %q of %s", url.Redact(value), t.url.Redacted()), err))
		return
	}
	d := t.remember(&cache.Response{
		Status: resp.Status, Fields: resp.Fields, Asked: resp.Sent, Received: resp.Sent.Add(resp.FirstByte),
	}, to)
	next, keep := redirected(resp.Status, t.method)
	if next != t.method {
		d.Reason += fmt.Sprintf("; %s becomes %s", t.method, next)
	}
	t.span.Note(trace.HTTPRedirect{
		Status: resp.Status, From: t.url.Redacted(), To: to.Redacted(), Method: next, Count: len(t.via) + 1,
	}, d)
	t.method = next
	if !keep {
		t.body, t.contentType = nil, ""
	}
	t.turn(to)
}

// turn makes to the next URL of the way: a new span, caused by the one
// before. Beyond the limit the way ends, and a loop is named.
func (t *trip) turn(to *url.URL) {
	t.via = append(t.via, t.url)
	if len(t.via) > maxRedirects {
		t.fail(t.loop(to))
		return
	}
	t.span = t.span.Child()
	t.url, t.fields, t.found, t.unconditional = to, nil, found{}, false
}

// loop says why the limit was passed.
func (t *trip) loop(to *url.URL) error {
	op := "load " + t.via[0].Redacted()
	for i := len(t.via) - 1; i >= 0; i-- {
		if !t.via[i].Equal(to) {
			continue
		}
		circle := make([]string, 0, len(t.via)-i+1)
		for _, u := range append(t.via[i:len(t.via):len(t.via)], to) {
			circle = append(circle, u.Redacted())
		}
		return fault.New(fault.ProxyLoopDetected, op, errors.New("redirects go in a circle: "+strings.Join(circle, " → ")))
	}
	return fault.New(fault.HTTPProtocolError, op, fmt.Errorf("more than %d redirects, the last to %s", maxRedirects, to.Redacted()))
}
