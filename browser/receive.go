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
	"waypost/trace"
)

// This file is the second half of a trip's stage: what came from the network,
// and what it means.

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
}
