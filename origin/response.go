package origin

import (
	"context"
	"strconv"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// Response is the answer to one request. A handler sets Fields and then calls
// Send, or Respond and Write. None of its methods fails because the client
// has left: what is written then is counted and thrown away, so a handler
// runs to the same end with and without a listener.
//
// It is used by one goroutine at a time.
type Response struct {
	// Fields are the fields of the response, to be set before it begins.
	Fields field.Fields

	x       wire.Exchange
	span    *trace.Span
	handler string
	arrived time.Time

	status   int   // 0 until the answer begins
	length   int64 // announced; -1 unknown
	headOnly bool
	written  int64
	lost     error  // why the client cannot be written to any more
	failed   string // what the handler did wrong, for the record
	lasting  bool   // an answer without an end of its own: the client ends it
	socket   *Socket
	decision *trace.Decision
	leaving  leaving
}

// Context ends when the client leaves. Before it, only its absence is known:
// HTTP gives no sign of life.
func (w *Response) Context() context.Context { return w.x.Context() }

// Respond begins the answer. length is the body's, or -1 where it is not
// known. Only the first call counts. When Fields hold what must not be sent,
// a 500 is sent instead and the record says why.
func (w *Response) Respond(status int, length int64) {
	if w.status != 0 {
		return
	}
	w.status, w.length = status, length
	w.headOnly = w.x.Request().Method == "HEAD" || status == 204 || status == 304
	err := w.x.Respond(status, w.Fields, length)
	if err == nil || clientFault(err) {
		w.lost = err
		return
	}
	w.status, w.length, w.headOnly = 500, 0, true
	w.failed = "the answer cannot be sent: " + err.Error()
	w.lost = w.x.Respond(500, nil, 0)
}

// Write sends part of the body; before Respond it begins a 200 of unknown
// length. It always takes all of p.
func (w *Response) Write(p []byte) (int, error) {
	w.put(p)
	return len(p), nil
}

func (w *Response) put(p []byte) {
	if w.status == 0 {
		w.Respond(200, -1)
	}
	if w.headOnly {
		return
	}
	w.written += int64(len(p))
	if w.lost == nil {
		_, w.lost = w.x.Write(p)
	}
}

// Flush sends what is buffered on the way.
func (w *Response) Flush() {
	if w.lost == nil && w.status != 0 {
		w.lost = w.x.Flush()
	}
}

// Lost reports whether the client cannot be reached any more, as far as is
// known without asking [Response.Context].
func (w *Response) Lost() bool { return w.lost != nil }

// Send answers with the whole body at once.
func (w *Response) Send(status int, contentType string, body []byte) {
	if w.status != 0 {
		return
	}
	if contentType != "" {
		w.Fields.Set("Content-Type", contentType)
	}
	w.Respond(status, int64(len(body)))
	w.put(body)
}

// Redirect sends the client elsewhere: status is 301, 302, 303, 307 or 308
// (RFC 9110 §15.4), location a URI reference that is already encoded.
func (w *Response) Redirect(status int, location string) {
	w.Fields.Set("Location", location)
	w.Send(status, "text/plain; charset=utf-8", []byte("See "+location+"\n"))
}

// Redirect is a handler that sends every request to one place. cacheControl
// is the Cache-Control of the answer, none when empty. It is a mistake in the
// program, and a panic, when status is no redirect.
func Redirect(status int, location, cacheControl string) Handler {
	switch status {
	case 301, 302, 303, 307, 308:
	default:
		panic("origin: status " + strconv.Itoa(status) + " is no redirect")
	}
	return func(w *Response, _ *Request) {
		if cacheControl != "" {
			w.Fields.Add("Cache-Control", cacheControl)
		}
		w.Redirect(status, location)
	}
}

// Decide says for the record what was decided about this answer and why. The
// last word counts.
func (w *Response) Decide(verdict, reason, clause, because string) {
	if w.span.On() {
		w.decision = &trace.Decision{Verdict: verdict, Reason: reason, Clause: clause, Because: because}
	}
}
