package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"waypost/http/field"
)

// h2Exchange is one request and its response on an HTTP/2 stream. It is used
// again for another stream.
type h2Exchange struct {
	h2Stream
	h      *h2Server
	req    Request
	fields field.Fields // of the request
	info   ConnInfo
	body   *h2Body  // nil without body
	bad    *refusal // why the codec answers it and not the handler

	responded bool
	noBody    bool  // the response has a head only
	left      int64 // bytes of the body still to be written; -1 not known
	aborted   bool
	upgraded  bool
	end       field.Fields // the trailers to send

	ctx    context.Context
	cancel context.CancelCauseFunc
}

// begin makes the block just decoded a request. It is called with the mutex
// held.
func (x *h2Exchange) begin(h *h2Server, id uint32) {
	b := &h.block
	x.fields = append(x.fields[:0], b.fields...)
	fields := x.fields
	x.h2Stream.begin(h.h2Conn, id, x)
	x.h, x.fields, x.info = h, fields, h.c.info
	x.info.Exchanges = h.exchanges
	x.req = Request{
		Proto: HTTP2, Method: b.method, Scheme: h.c.srv.scheme, Authority: b.authority, Path: b.path,
		Fields: fields, Length: b.length, Upgrade: b.protocol, Expect: b.expect != "", TakesTrailers: b.te,
	}
	x.body, x.responded, x.noBody, x.left, x.aborted, x.upgraded = nil, false, false, 0, false, false
	x.end, x.ctx, x.cancel, x.bad = nil, nil, nil, nil
	x.rank = rankOf(fields)
	if b.endStream {
		x.remoteEnded = true
		x.req.Length = 0
		x.req.Expect = false
		return
	}
	x.announced = b.length
	x.in = pace{period: h.limits.BodyIdleTimeout, rate: MinRate}
	if b.hasProtocol {
		x.in.period = 0 // a tunnel may be silent
		x.req.Length = 0
		return
	}
	x.body = &h2Body{mu: &h.mu, x: x}
	x.req.Body, x.req.Trailers = x.body, x.body.Trailers
}

// run answers the request.
func (x *h2Exchange) run() {
	if x.bad != nil {
		_ = x.answer(x.bad.status, x.bad.reason)
	} else {
		x.h.c.srv.Handler.Serve(x)
	}
	x.finish()
}

func (x *h2Exchange) answer(status int, text string) error {
	err := x.Respond(status, plainText, int64(len(text)+1))
	if err == nil {
		_, err = x.Write(append([]byte(text), '\n'))
	}
	return err
}

func (x *h2Exchange) Request() *Request { return &x.req }
func (x *h2Exchange) Conn() *ConnInfo   { return &x.info }
func (x *h2Exchange) Close()            { x.h.goAway() }

func (x *h2Exchange) Abort() {
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	x.aborted = true
}

func (x *h2Exchange) Context() context.Context {
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithCancelCause(x.h.c.srv.base)
		if x.err != nil {
			x.cancel(x.err)
		}
	}
	return x.ctx
}

// ended tells the context that the stream is dead.
func (x *h2Exchange) ended(err error) {
	if x.cancel != nil {
		x.cancel(err)
	}
}

func (x *h2Exchange) answered() bool { return x.responded }

func (x *h2Exchange) Inform(status int, f field.Fields) error {
	if status < 100 || status > 199 || status == 101 {
		return errStatus
	}
	if err := checkFields(f); err != nil {
		return err
	}
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	switch {
	case x.responded:
		return errResponded
	case x.err != nil:
		return x.err
	}
	x.inform(status, f)
	return nil
}

func (x *h2Exchange) inform(status int, f field.Fields) {
	c := x.c
	c.encode(":status", statusText(status))
	c.encodeFields(f)
	c.appendBlock(x.id, false)
	c.kick()
}

func (x *h2Exchange) Respond(status int, f field.Fields, length int64) error {
	if status < 200 || status > 999 || status < 300 && x.req.Method == http.MethodConnect {
		return errStatus // 2xx to CONNECT is Upgrade's
	}
	if err := checkFields(f); err != nil {
		return err
	}
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	switch {
	case x.responded:
		return errResponded
	case x.err != nil:
		return x.err
	}
	if x.c.full() {
		x.waitForTurn()
		x.unpress()
		if x.err != nil {
			return x.err
		}
	}
	switch {
	case x.req.Method == http.MethodHead:
		x.noBody = true
	case status == 304:
		x.noBody = true
		if length == 0 {
			length = -1
		}
	case status == 204:
		x.noBody, length = true, -1
	}
	x.respond(status, f, length, x.noBody || length == 0)
	return nil
}

// respond appends the head.
func (x *h2Exchange) respond(status int, f field.Fields, length int64, end bool) {
	c := x.c
	x.responded, x.left = true, length
	c.encode(":status", statusText(status))
	c.encodeFields(f)
	if !f.Has("date") {
		c.encode("date", x.h.c.srv.dates.at(time.Now()))
	}
	if alt := x.h.c.srv.altSvc; alt != "" && !f.Has("alt-svc") {
		c.encode("alt-svc", alt)
	}
	if length >= 0 {
		c.encodeInt("content-length", length)
	}
	c.appendBlock(x.id, end)
	if end {
		x.localEnded = true
		x.closeIfDone()
	}
}

func (x *h2Exchange) Write(p []byte) (int, error) {
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	switch {
	case !x.responded:
		return 0, errNotResponded
	case x.noBody:
		return len(p), nil
	case x.left < 0:
		return x.write(p, false)
	case int64(len(p)) > x.left:
		return 0, errTooMuchBody
	case len(p) == 0:
		return 0, nil
	}
	x.left -= int64(len(p))
	return x.write(p, x.left == 0 && x.end == nil)
}

func (x *h2Exchange) Flush() error {
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	x.c.kick()
	return x.err
}

func (x *h2Exchange) Trailers(f field.Fields) error {
	if err := checkFields(f); err != nil {
		return err
	}
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	x.end = f
	return nil
}

// finish ends the exchange after the handler has returned.
func (x *h2Exchange) finish() {
	h := x.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if x.body != nil {
		x.body.x = nil
	}
	if !x.upgraded {
		x.finishResponse()
		x.discard()
		x.c.kick()
	}
	if x.cancel != nil {
		x.cancel(context.Canceled)
	}
	h.running--
	h.c.srv.handlers.Add(-1)
	h.turnedIdle()
	if h.err != nil {
		h.room.Broadcast()
	}
	if !x.upgraded && x.reusable() {
		x.h, x.req, x.body, x.info = nil, Request{}, nil, ConnInfo{}
		clear(x.fields)
		h.c.srv.streams.Put(x)
	}
}

func (x *h2Exchange) finishResponse() {
	switch {
	case x.err != nil:
		return
	case x.aborted:
		x.abandon(http2.ErrCodeInternal, errAborted)
		return
	case !x.responded:
		const text = "no response\n"
		x.noBody = x.req.Method == http.MethodHead
		x.respond(500, plainText, int64(len(text)), x.noBody)
		if !x.noBody {
			_, _ = x.write([]byte(text), true)
		}
	case x.localEnded:
	case x.left > 0:
		x.abandon(http2.ErrCodeInternal, errAborted)
		return
	case len(x.end) > 0:
		x.c.encodeFields(x.end)
		x.c.appendBlock(x.id, true)
		x.localEnded = true
		x.closeIfDone()
	default:
		_, _ = x.write(nil, true)
	}
	if x.err == nil && !x.remoteEnded {
		// The response is complete without the rest of the request (RFC
		// 9113 §8.1). The reset leaves in a write of its own: clients in
		// wide use (curl 7.88) drop a response that comes in one TLS record
		// with it.
		x.c.sent()
		if x.err == nil && !x.remoteEnded {
			x.abandon(http2.ErrCodeNo, errAborted)
		}
	}
}

var errAborted = errors.New("the handler broke the exchange off")

// h2Body is the body of a request on an HTTP/2 server. Like requestBody it
// outlives its exchange.
type h2Body struct {
	mu       *sync.Mutex
	x        *h2Exchange // nil once the exchange has ended
	begun    bool
	trailers field.Fields
}

func (b *h2Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.x
	if x == nil {
		return 0, errBodyClosed
	}
	if !b.begun {
		b.begun = true
		if x.req.Expect && !x.responded && x.received == 0 && x.err == nil {
			x.inform(100, nil)
		}
	}
	n, err := x.read(p)
	if b.x == nil {
		return 0, errBodyClosed // the exchange has ended meanwhile
	}
	if x.remoteEnded {
		b.trailers = x.trailers
	}
	return n, err
}

// Trailers are the fields after the body, once it has been read to its end.
func (b *h2Body) Trailers() field.Fields {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailers
}

// Upgrade opens the tunnel of an extended CONNECT (RFC 8441 §5), or of
// CONNECT (RFC 9113 §8.5): the stream as a connection. Status 101 does not
// exist in HTTP/2; it becomes 200.
func (x *h2Exchange) Upgrade(status int, f field.Fields) (net.Conn, error) {
	if status != 101 && (status < 200 || status > 299) || x.req.Method != http.MethodConnect {
		return nil, errStatus
	}
	if err := checkFields(f); err != nil {
		return nil, err
	}
	x.h.mu.Lock()
	defer x.h.mu.Unlock()
	switch {
	case x.responded:
		return nil, errResponded
	case x.err != nil:
		return nil, x.err
	}
	if status == 101 {
		status = 200
	}
	x.respond(status, f, -1, false)
	x.upgraded = true
	x.in.period = 0
	if x.body != nil {
		x.body.x = nil
	}
	x.c.kick()
	return newH2Tunnel(&x.h2Stream), nil
}
