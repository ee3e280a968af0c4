package browser

import (
	"bytes"

	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/url"
)

// accepts is the Accept field by destination (Fetch §2.2.6 and the browsers'
// own for documents).
func accepts(destination string) string {
	switch destination {
	case "document":
		return "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	case "image":
		return "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
	case "style":
		return "text/css,*/*;q=0.1"
	}
	return "*/*"
}

// compose returns the fields of t's request, as a browser sends them, but
// for what makes it conditional. They are what the cache compares by.
func (t *trip) compose() field.Fields {
	b, w := t.load.browser, t.want
	f := field.Fields{
		{Name: "User-Agent", Value: or(b.Agent, DefaultAgent)},
		{Name: "Accept", Value: accepts(w.destination)},
		{Name: "Accept-Language", Value: or(b.Languages, DefaultLanguages)},
		{Name: "Accept-Encoding", Value: codingsClear},
	}
	if t.url.Scheme() == "https" {
		f.Set("Accept-Encoding", codingsSecure)
	}
	if r := referrer(w.referrer, t.url); r != "" {
		f.Add("Referer", r)
	}
	if origin := t.origin(); origin != "" {
		f.Add("Origin", origin)
	}
	if w.destination == "document" {
		f.Add("Upgrade-Insecure-Requests", "1")
	}
	if trustworthy(t.url) { // Fetch Metadata §2: only there
		f.Add("Sec-Fetch-Dest", or(w.destination, "empty"))
		f.Add("Sec-Fetch-Mode", w.mode())
		f.Add("Sec-Fetch-Site", t.fetchSite())
		if w.destination == "document" {
			f.Add("Sec-Fetch-User", "?1")
		}
	}
	if t.contentType != "" {
		f.Add("Content-Type", t.contentType)
	}
	return f
}

// outgoing is t's request for the network, with its validators.
func (t *trip) outgoing(validators field.Fields) *wire.Request {
	f := append(t.fields.Clone(), validators...)
	switch t.load.options.Mode { // Fetch §4.6, cache modes no-cache and reload
	case cache.Reload:
		f.Add("Cache-Control", "max-age=0")
	case cache.HardReload:
		f.Add("Pragma", "no-cache")
		f.Add("Cache-Control", "no-cache")
	}
	if t.load.options.Trace && t.span.On() {
		f.Add("traceparent", t.span.Context().String())
	}
	r := &wire.Request{Method: t.method, Fields: f}
	if t.body != nil {
		r.Body, r.Length = bytes.NewReader(t.body), int64(len(t.body))
	}
	return r
}

// referrer is the Referer field under the policy
// strict-origin-when-cross-origin (Referrer Policy §3.7), the default: the
// whole URL to the same origin, the origin alone to another one, and nothing
// from HTTPS to cleartext. Pages' own policies are not read.
func referrer(from, to *url.URL) string {
	switch {
	case from == nil:
		return ""
	case from.Origin().Same(to.Origin()):
		return from.Origin().String() + from.RequestTarget()
	case trustworthy(from) && !trustworthy(to):
		return ""
	}
	return from.Origin().String() + "/"
}

// origin is the Origin field (Fetch §3.2): for what is fetched in CORS mode
// from another origin, and for methods that change something.
func (t *trip) origin() string {
	if t.want.destination == "document" {
		if t.method == "GET" || t.method == "HEAD" {
			return ""
		}
		return "null" // typed: no page asked
	}
	page := t.load.document.Origin()
	if !t.want.cors || page.Same(t.url.Origin()) {
		return ""
	}
	return page.String()
}

// fetchSite is the Sec-Fetch-Site field (Fetch Metadata §2.3): the relation
// of all URLs on the way to the page.
func (t *trip) fetchSite() string {
	if t.want.destination == "document" {
		return "none" // typed
	}
	relation := "same-origin"
	for _, u := range append(t.via[:len(t.via):len(t.via)], t.url) {
		switch page := t.load.document; {
		case page.Origin().Same(u.Origin()):
		case site(page) == site(u):
			relation = "same-site"
		default:
			return "cross-site"
		}
	}
	return relation
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
