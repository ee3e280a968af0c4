package browser

import (
	"errors"
	"fmt"

	"waypost/fault"
	"waypost/trace"
	"waypost/url"
)

// address reads what was typed and notes url.parsed.
func (l *load) address(typed string) (*url.URL, error) {
	t, err := url.FromAddressBar(typed, l.browser.Search)
	if err == nil && !isHTTP(t.URL) {
		err = fmt.Errorf("a page cannot be loaded from a URL with the scheme %s", t.URL.Scheme())
	}
	fact := trace.URLParsed{Typed: t.Shown, Changes: t.Changes}
	if t.URL != nil {
		fact.URL = t.URL.Redacted()
	}
	d := &trace.Decision{Verdict: "url", Reason: t.Reason, Clause: t.Clause}
	switch {
	case err != nil:
		d.Verdict, d.Reason = "refused", err.Error()
		var bad *url.Error
		if errors.As(err, &bad) {
			d.Clause = bad.Rule.Clause()
		}
	case t.Search:
		d.Verdict = "search"
	}
	l.result.Typed = t.Shown
	l.root.Done(fact, d)
	if err != nil {
		return nil, fault.New(fault.HTTPRequestError, "load "+t.Shown, err)
	}
	return t.URL, nil
}

// isHTTP reports whether u can be fetched.
func isHTTP(u *url.URL) bool { return u.Scheme() == "http" || u.Scheme() == "https" }
