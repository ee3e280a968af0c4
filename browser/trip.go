package browser

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
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
	start, end  time.Time
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

// receive gets the response and decides what it means.
func (t *trip) receive() {
	resp, err := t.pending.Response()
	t.pending = nil
	if err != nil {
		t.unanswered(err)
		return
	}
	t.noteRequest(resp.Trip, resp.Stream)
	if resp.TLS != nil && !t.load.browser.Fetch.InsecureSkipVerify {
		t.load.profile.noteHSTS(time.Now(), t.url, resp.Fields)
	}
	where, leads := resp.Fields.Lookup("Location")
	switch {
	case resp.Status == 304 && t.conditions != nil:
		t.confirmed(resp)
	case isRedirect(resp.Status) && leads:
		where = strings.Clone(where)
		if b := t.drain(resp); b.err != nil {
			t.failed(resp, b)
		} else {
			t.noteResponse(resp, b, nil)
			t.follow(resp, where)
		}
	case resp.Status >= 500 && t.serveStale(resp.Status):
		t.noteResponse(resp, t.drain(resp), nil)
	default:
		t.take(resp)
	}
}

// take reads the response that ends the way.
func (t *trip) take(resp *fetch.Response) {
	b := t.read(resp, t.want.read())
	if b.err != nil {
		t.failed(resp, b)
		return
	}
	t.noteResponse(resp, b, t.keep(resp, b.raw, b.whole))
	t.out = &outcome{
		status: resp.Status, fields: resp.Fields, body: b.decoded, source: "network",
		transferred: b.transferred, decoded: b.size,
	}
	t.finish()
}

// read says whether the loader reads the resource itself, and so needs its
// text.
func (w *want) read() bool {
	return w.destination == "document" || w.destination == "style" || w.module
}

// confirmed handles a 304 to a conditional request.
func (t *trip) confirmed(resp *fetch.Response) {
	b := t.drain(resp)
	fresh, d := t.refresh(resp)
	t.noteResponse(resp, b, d)
	if fresh == nil {
		// RFC 9111 §4.3.4: nothing of ours is meant; ask for all of it.
		t.unconditional = true
		return
	}
	t.serve(fresh, "validated")
}

// unanswered handles a request without a response: a stale one may serve.
func (t *trip) unanswered(err error) {
	var e *fetch.Error
	if errors.As(err, &e) && !e.Sent.IsZero() {
		t.noteRequest(e.Trip, 0)
	}
	if t.load.ctx.Err() == nil && t.serveStale(0) {
		return
	}
	t.span.Done(trace.HTTPResponse{
		URL: t.url.Redacted(), Fault: string(fault.Of(err)), Error: err.Error(),
	}, nil)
	t.fail(err)
}

// serveStale serves what is stored in the place of an error, where that is
// allowed (RFC 5861 §4).
func (t *trip) serveStale(status int) bool {
	k := t.found.chosen()
	if k == nil || t.unconditional {
		return false
	}
	rules := t.load.rules
	v := cache.OnError(time.Now(), rules, t.request(), k.Response, status)
	if !v.Serves() {
		return false
	}
	if t.span.On() {
		t.span.Note(trace.CacheDecision{
			URL: t.url.Redacted(), Store: "private-cache", Age: trace.Millis(v.Age), Lifetime: trace.Millis(v.Lifetime),
		}, v.Decision(rules, t.request(), k.Response))
	}
	t.serve(k, "private-cache")
	return true
}

// serve ends the way with a stored response.
func (t *trip) serve(k *kept, source string) {
	t.out = &outcome{status: k.Status, fields: k.Fields, source: source}
	if t.want.read() {
		codings, err := contentCodings(k.Fields)
		if err == nil {
			d := newDecoder(bytes.NewReader(k.body), codings, t.load.limits.Decoded)
			t.out.body, err = io.ReadAll(d)
			d.Close()
		}
		t.out.err = err // what was stored had been decoded once, so: none
	}
	t.out.decoded = int64(len(t.out.body))
	t.finish()
}

// fail ends the way without a response.
func (t *trip) fail(err error) {
	t.out = &outcome{err: err}
	t.finish()
}

// failed ends the way with a response that broke off or could not be decoded.
func (t *trip) failed(resp *fetch.Response, b bodyRead) {
	t.noteResponse(resp, b, nil)
	t.out = &outcome{status: resp.Status, fields: resp.Fields, transferred: b.transferred, err: b.err}
	t.finish()
}

// finish completes the outcome.
func (t *trip) finish() {
	t.out.url, t.out.span, t.out.redirects = t.url, t.span, len(t.via)
	t.out.end = time.Now()
}

// noteRequest records the request as it left.
func (t *trip) noteRequest(trip fetch.Trip, stream int) {
	if !t.behind {
		t.load.requests.Add(1)
	}
	if !t.span.On() {
		return
	}
	t.span.Took(trip.Sent, trip.Sent, trace.HTTPRequest{
		Method: t.method, URL: t.url.Redacted(), Proto: trip.Proto, Remote: trip.Remote.String(),
		Stream: stream, Reused: trip.Reused, Queued: trace.Millis(trip.Queued),
		Fields: sentFields(t.sent, trip.Proto, t.url.Host()), Initiator: t.want.initiator,
		Validators: redacted(t.conditions),
	}, nil)
}

// noteResponse records the response as it was read.
func (t *trip) noteResponse(resp *fetch.Response, b bodyRead, d *trace.Decision) {
	if !t.span.On() {
		return
	}
	f := trace.HTTPResponse{
		URL: t.url.Redacted(), Status: resp.Status, Proto: resp.Response.Proto,
		ContentType: resp.Fields.Get("Content-Type"), Coding: strings.Join(b.codings, ", "),
		FirstByte: trace.Millis(resp.FirstByte), Bytes: b.transferred,
		FramedBy: resp.FramedBy, Fields: redacted(resp.Fields),
	}
	if len(b.codings) > 0 {
		f.Decoded = b.size
	}
	for _, i := range resp.Informed {
		f.Informed = append(f.Informed, i.Status)
	}
	if b.err != nil {
		f.Fault, f.Error = string(fault.Of(b.err)), b.err.Error()
	}
	t.span.Took(resp.Sent, time.Now(), f, d)
}
