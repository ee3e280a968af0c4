package origin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"waypost/fault"
	"waypost/trace"
)

// leaving knows when the client went away.
type leaving struct {
	ctx  context.Context
	stop func() bool
	at   chan time.Time // gets the time at which the context ended
}

// watch notes when the client leaves. It costs a look into the connection's
// background and is done only for a request that is recorded.
func (w *Response) watch() {
	if !w.span.On() {
		return
	}
	l := &w.leaving
	l.ctx, l.at = w.x.Context(), make(chan time.Time, 1)
	l.stop = context.AfterFunc(l.ctx, func() { l.at <- time.Now() })
}

// left returns when the client went away, counted from the request's
// arrival, and whether it has.
func (l *leaving) left(arrived time.Time) (time.Duration, bool) {
	at := time.Now()
	if !l.stop() {
		at = <-l.at
	}
	// The context also ends with the exchange; a fault says that it was the
	// client. It may have ended so recently that nobody has been told.
	var f *fault.Error
	return at.Sub(arrived), errors.As(context.Cause(l.ctx), &f)
}

// finish ends the answer after its handler and notes the server's account of
// it. r is nil when the request could not be read.
func (w *Response) finish(r *Request) {
	if w.socket != nil {
		w.socket.Close(StatusNormal, "")
		w.written = w.socket.sent()
	}
	if w.status == 0 {
		w.Refuse(&Problem{Status: 500, Detail: "the handler gave no answer"})
	}
	if !w.span.On() {
		return
	}
	// Whether anybody is there is asked before the last bytes leave: a
	// client may go as soon as it has them.
	after, gone := w.leaving.left(w.arrived)
	if !gone && w.socket == nil {
		w.Flush()
	}
	f := trace.OriginResponse{
		Handler: w.handler, Status: w.status, Bytes: w.written,
		Delivered: !gone && w.lost == nil && !w.short() && (w.failed == "" || w.status == 500),
	}
	if gone {
		f.Left = trace.Millis(after)
	}
	if r != nil {
		// The request's strings do not outlive it; the record does.
		f.Method, f.Target = strings.Clone(r.Method), strings.Clone(r.Path)
	}
	w.account(&f, gone, after, time.Since(w.arrived))
	w.span.Done(f, w.decision)
}

// short reports whether less was written than announced.
func (w *Response) short() bool { return !w.headOnly && w.length > w.written }

// account puts into words what became of the answer, where that is not plain.
func (w *Response) account(f *trace.OriginResponse, gone bool, after, took time.Duration) {
	after, took = after.Round(time.Millisecond), took.Round(time.Millisecond)
	switch {
	case w.failed != "":
		w.Decide("failed", "Something is wrong here: "+w.failed+". The client was told with a 500, or, in the middle of an answer, by its end.", "RFC 9110 §15.6.1", "")
	case w.lasting && (gone || w.lost != nil):
		f.Delivered = true
		if !gone {
			after = took
		}
		w.Decide("ended-by-client", fmt.Sprintf("The client listened for %v and left, which is how such an answer ends.", after), "", "")
	case gone:
		w.Decide("undelivered", fmt.Sprintf("The client left %v after its request came; the handler finished with %d %v later, and nobody was there to read it.",
			after, w.status, took-after), "", "")
	case w.lost != nil:
		w.Decide("undelivered", "The client could not be written to: "+w.lost.Error()+".", "", "")
	case w.short():
		w.Decide("incomplete", fmt.Sprintf("The handler wrote %d of the %d bytes it had announced.", w.written, w.length), "RFC 9112 §8", "")
	case w.decision == nil:
		w.Decide("delivered", "The client was there and took the answer.", "", "")
	}
}
