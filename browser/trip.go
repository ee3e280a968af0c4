package browser

import (
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
	"waypost/url"
)

// want is a resource that somebody asked for.
type want struct {
	url  *url.URL
	as   string // stylesheet, script, image, font, icon, fetch; document
	how  string
	from string // the element or rule that named it
	// destination is that of Fetch §2.2.5: document, style, script, image,
	// font, or "" for none.
	destination string
	cors        bool // fetched in CORS mode
	set         bool // an image chosen from a set
	module      bool // a script whose imports matter
	urgency     int
	depth       int    // of imports
	initiator   string // document, stylesheet, script; "" for what was typed
	referrer    *url.URL
	cause       *trace.Span // of what named it
}

// mode is the request's mode (Fetch §2.2.5).
func (w *want) mode() string {
	switch {
	case w.destination == "document":
		return "navigate"
	case w.cors:
		return "cors"
	}
	return "no-cors"
}

// trip is the way of one resource from its URL to its body: each URL on it,
// the first and those where redirects lead, goes through the same stages.
type trip struct {
	load *load
	want *want
	span *trace.Span // of the present URL

	url         *url.URL
	method      string
	body        []byte
	contentType string
	via         []*url.URL // where it came through

	fields        field.Fields // of the request, without what makes it conditional
	found         found        // what the private cache had
	unconditional bool         // ask again, without the cache's help
	conditions    field.Fields
	sent          *wire.Request
	pending       *fetch.Pending
	behind        bool // nobody waits: not counted among the page's requests

	out *outcome // set at the end of the way
}

// outcome is what a trip came to.
type outcome struct {
	url         *url.URL
	status      int
	fields      field.Fields
	body        []byte // decoded; nil for what nobody reads
	source      string
	transferred int64
	decoded     int64
	redirects   int
	err         error
	span        *trace.Span // that the response came in
}

// depart begins the way of a resource. What can be done without waiting has
// been done when it returns: the trip is over, or has its place in the queue
// for a connection. So the order of calls is the order of requests.
func (l *load) depart(w *want) *trip {
	t := &trip{load: l, want: w, span: w.cause.Child(), url: w.url, method: "GET"}
	if w.destination == "document" && l.options.Method != "" {
		t.method, t.body, t.contentType = l.options.Method, l.options.Body, l.options.ContentType
	}
	t.onward()
	return t
}

// onward takes the present URL through the stages before the network.
func (t *trip) onward() {
	for t.out == nil && t.pending == nil {
		if t.passMixedContent() || t.passHSTS() {
			continue
		}
		if t.fields == nil {
			t.fields = t.compose()
		}
		if t.passMemory() || t.passCache() {
			continue
		}
		t.send()
	}
}

// send takes a place for the request.
func (t *trip) send() {
	t.conditions = t.validators()
	t.sent = t.outgoing(t.conditions)
	t.pending = t.load.browser.Fetch.Start(trace.With(t.load.ctx, t.span), t.url, t.sent, t.want.urgency)
}

// arrive waits for the trip's end.
func (t *trip) arrive() *outcome {
	for t.out == nil {
		t.receive()
		t.onward()
	}
	return t.out
}
