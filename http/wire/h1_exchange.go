package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"waypost/fault"
	"waypost/http/field"
)

// h1Exchange is one request and its response on an HTTP/1 connection. It is
// used again for the next one.
type h1Exchange struct {
	c    *serverConn
	in   input
	head requestHead
	req  Request
	body *requestBody // nil without body

	out       []byte // head and small pieces of the body, not yet written
	responded bool
	noBody    bool  // the response has a head only
	chunked   bool  // its body is chunked
	left      int64 // bytes of the body still to be written; -1 not known
	last      bool  // the connection ends after this exchange
	upgraded  bool
	aborted   bool
	trailers  field.Fields
	err       error // why the connection cannot be written any more

	// mu orders Respond and Inform with a 100 (Continue) sent by a reader
	// of the body.
	mu sync.Mutex
	// watchMu guards what follows.
	watchMu  sync.Mutex
	ctx      context.Context
	cancel   context.CancelCauseFunc
	watching chan struct{} // closed when the watch has ended
}

const (
	// outSize is the write buffer that an exchange begins with: a head and
	// a small body.
	outSize = 4 << 10
	// outJoin bounds what is copied behind the head so that both leave in
	// one write. Beyond, a vector is written, which costs more than copying
	// a few kilobytes but less than copying many.
	outJoin = 8 << 10
	// outRecord is what is joined where there are no vectors, as over TLS: a
	// full record (RFC 8446 §5.1).
	outRecord = 16 << 10
)

func newH1Exchange() *h1Exchange {
	return &h1Exchange{
		in:   input{buf: make([]byte, inputSize)},
		out:  make([]byte, 0, outSize),
		head: requestHead{fields: make(field.Fields, 0, 16)},
	}
}

func (x *h1Exchange) attach(c *serverConn) {
	x.c = c
	x.in.src = c.conn
	x.in.base, x.in.r, x.in.w = 0, 0, 0
}

// detach cuts all ties, so that what is kept for another connection holds
// nothing of this one, nor a large buffer.
func (x *h1Exchange) detach() {
	buf, out, fields := x.in.buf, x.out[:0], x.head.fields[:0]
	if len(buf) > inputKeep {
		buf = make([]byte, inputSize)
	}
	if cap(out) > outRecord {
		out = make([]byte, 0, outSize)
	}
	clear(fields[:cap(fields)])
	*x = h1Exchange{in: input{buf: buf}, out: out, head: requestHead{fields: fields}}
}

// begin makes the parsed head a request.
func (x *h1Exchange) begin() {
	h := &x.head
	x.req = Request{
		Proto: h.proto, Method: h.method, Scheme: x.c.srv.scheme,
		Authority: h.authority, Path: h.path, Fields: h.fields,
		Length: h.bodyLength, Upgrade: h.upgrade, Expect: h.expects > 0, TakesTrailers: h.te,
	}
	x.responded, x.noBody, x.chunked, x.upgraded, x.aborted = false, false, false, false, false
	x.left, x.trailers = 0, nil
	x.last = !h.keepAlive
	x.body = nil
	if h.bodyLength != 0 {
		framed := framedByLength
		if h.bodyLength < 0 {
			framed = framedChunked
		}
		x.body = &requestBody{x: x, h1Body: newBody(&x.in, framed, h.bodyLength, &x.c.srv.limits)}
		x.req.Body = x.body
		x.req.Trailers = x.body.Trailers
	}
}

func (x *h1Exchange) Request() *Request { return &x.req }
func (x *h1Exchange) Conn() *ConnInfo   { return &x.c.info }
func (x *h1Exchange) Close()            { x.last = true }
func (x *h1Exchange) Abort()            { x.aborted, x.last = true, true }

var (
	errResponded    = errors.New("the exchange has been responded to")
	errNotResponded = errors.New("write before Respond")
	errTooMuchBody  = errors.New("more body than announced")
	errStatus       = errors.New("no such status here")
)

func (x *h1Exchange) Inform(status int, f field.Fields) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case status < 100 || status > 199 || status == 101:
		return errStatus
	case x.responded:
		return errResponded
	case x.req.Proto == HTTP10:
		return nil
	}
	out, err := appendHead(x.out, status, f, nil)
	if err != nil {
		return err
	}
	out = append(out, "\r\n"...)
	x.out = out
	return x.Flush()
}

func (x *h1Exchange) Respond(status int, f field.Fields, length int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.responded:
		return errResponded
	case status < 200 || status > 999 || status < 300 && x.req.Method == http.MethodConnect:
		return errStatus // 2xx to CONNECT is Upgrade's
	}
	if x.c.srv.stopping.Load() || x.bodyInTheWay() {
		x.last = true
	}
	out, err := appendHead(x.out, status, f, &x.c.srv.dates)
	if err != nil {
		return err
	}
	if alt := x.c.srv.altSvc; alt != "" && !f.Has("Alt-Svc") {
		out = append(out, "Alt-Svc: "...)
		out = append(out, alt...)
		out = append(out, "\r\n"...)
	}
	x.responded = true
	x.left = length
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
	case length < 0 && x.req.Proto == HTTP10:
		x.last = true // the end of the connection is the end of the body
	case length < 0:
		x.chunked = true
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	if length >= 0 {
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, length, 10)
		out = append(out, "\r\n"...)
	}
	switch {
	case status == 426 && f.Has("Upgrade"): // RFC 9110 §15.5.22 demands it
		out = append(out, "Upgrade: "...)
		out = append(out, f.Get("Upgrade")...)
		out = append(out, "\r\nConnection: upgrade"...)
		if x.last {
			out = append(out, ", close"...)
		}
		out = append(out, "\r\n"...)
	case x.last:
		out = append(out, "Connection: close\r\n"...)
	case x.req.Proto == HTTP10:
		out = append(out, "Connection: keep-alive\r\n"...)
	}
	out = append(out, "\r\n"...)
	x.out = out
	return nil
}

// bodyInTheWay reports whether the request's body would have to be read, to
// find the next request, at a greater cost than a new connection: more than
// DrainBytes is announced, or the client still waits for 100 (Continue) and
// may or may not send it (RFC 9110 §10.1.1).
func (x *h1Exchange) bodyInTheWay() bool {
	if x.body == nil {
		return false
	}
	if x.req.Expect && !x.body.begun.Load() {
		return true
	}
	return x.req.Length > x.c.srv.limits.DrainBytes && !x.body.begun.Load()
}

func (x *h1Exchange) Write(p []byte) (int, error) {
	switch {
	case x.err != nil:
		return 0, x.err
	case !x.responded:
		return 0, errNotResponded
	case x.noBody || len(p) == 0:
		return len(p), nil
	case x.chunked:
		x.out = strconv.AppendInt(x.out, int64(len(p)), 16)
		x.out = append(x.out, "\r\n"...)
		if err := x.send(p); err != nil {
			return 0, err
		}
		x.out = append(x.out, "\r\n"...)
		return len(p), nil
	case x.left >= 0:
		if int64(len(p)) > x.left {
			return 0, errTooMuchBody
		}
		x.left -= int64(len(p))
	}
	if err := x.send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send buffers p behind the head, or writes both.
func (x *h1Exchange) send(p []byte) error {
	switch {
	case len(x.out)+len(p) <= outJoin:
		x.out = append(x.out, p...)
		return nil
	case x.c.info.TLS == nil && x.c.under.raw != nil:
		err := x.c.under.writeVector(x.out, p)
		x.out = x.out[:0]
		return x.wrote(err)
	}
	if room := outRecord - len(x.out); len(x.out) > 0 && room > 0 {
		n := min(room, len(p))
		x.out = append(x.out, p[:n]...)
		p = p[n:]
	}
	if err := x.Flush(); err != nil || len(p) == 0 {
		return err
	}
	_, err := x.c.conn.Write(p)
	return x.wrote(err)
}

func (x *h1Exchange) Flush() error {
	if len(x.out) == 0 || x.err != nil {
		return x.err
	}
	_, err := x.c.conn.Write(x.out)
	x.out = x.out[:0]
	return x.wrote(err)
}

// wrote keeps the error of a write, names it and tells the context.
func (x *h1Exchange) wrote(err error) error {
	if err == nil {
		return nil
	}
	kind := fault.ConnectionTerminated
	if isTimeout(err) {
		kind = fault.ConnectionWriteTimeout
	}
	x.err = fault.New(kind, "write response", err)
	x.gone(x.err)
	return x.err
}

func (x *h1Exchange) Trailers(f field.Fields) error {
	if err := checkFields(f); err != nil {
		return err
	}
	x.trailers = f
	return nil
}

// answer sends a response of the codec's own.
func (x *h1Exchange) answer(status int, text string) error {
	err := x.Respond(status, plainText, int64(len(text)+1))
	if err == nil {
		_, err = x.Write(append([]byte(text), '\n'))
	}
	return err
}

// plainText are the fields of the codec's own responses.
var plainText = field.Fields{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"}}

// finish ends the exchange after the handler has returned, and reports
// whether the connection can take another one.
func (x *h1Exchange) finish() (again bool) {
	x.stopWatch()
	if x.upgraded {
		return false
	}
	if x.aborted {
		x.breakOff()
		return false
	}
	if !x.responded {
		_ = x.answer(500, "no response") // its error is in x.err
	}
	switch {
	case x.chunked:
		x.out = append(x.out, "0\r\n"...)
		x.out = appendFields(x.out, x.trailers)
		x.out = append(x.out, "\r\n"...)
	case !x.noBody && x.left > 0:
		x.breakOff()
		return false
	}
	if x.Flush() != nil {
		return false
	}
	if x.body != nil && !x.body.finish() || x.last {
		if x.body != nil || len(x.in.pending()) > 0 {
			linger(x.c.conn, x.c.under, x.in.buf)
		}
		return false
	}
	x.in.next()
	return true
}

// breakOff closes the connection so that the client does not take what it
// has for the whole (RFC 9112 §8): short of the announced length, without a
// last chunk, or, where the close would be the end of the body, by a reset.
func (x *h1Exchange) breakOff() {
	_ = x.Flush()
	if x.responded && !x.noBody && !x.chunked && x.left < 0 {
		if c, ok := x.c.under.conn.(interface{ SetLinger(sec int) error }); ok {
			_ = c.SetLinger(0)
		}
	}
	x.c.under.hangUp()
}

// next makes the pending bytes the beginning of the next message. The
// strings of the last one are void from here.
func (in *input) next() {
	in.w = copy(in.buf, in.pending())
	in.base, in.r = 0, 0
}

func (x *h1Exchange) Upgrade(status int, f field.Fields) (net.Conn, error) {
	x.mu.Lock()
	connect := x.req.Method == http.MethodConnect && status >= 200 && status < 300
	switch {
	case x.responded:
		x.mu.Unlock()
		return nil, errResponded
	case !connect && (status != 101 || x.req.Upgrade == ""):
		x.mu.Unlock()
		return nil, errStatus
	case x.body != nil && !x.body.ended():
		x.mu.Unlock()
		return nil, errors.New("upgrade before the request body has been read")
	}
	out, err := appendHead(x.out, status, f, &x.c.srv.dates)
	if err != nil {
		x.mu.Unlock()
		return nil, err
	}
	if !connect {
		proto := f.Get("Upgrade")
		if proto == "" {
			proto = x.req.Upgrade
		}
		out = append(out, "Upgrade: "...)
		out = append(out, proto...)
		out = append(out, "\r\nConnection: Upgrade\r\n"...)
	}
	out = append(out, "\r\n"...)
	x.out = out
	x.responded = true
	x.mu.Unlock()
	x.stopWatch()
	if err := x.Flush(); err != nil {
		return nil, err
	}
	x.upgraded = true
	x.c.handedOver = true
	x.c.under.handOver()
	u := &upgraded{Conn: x.c.conn, under: x.c.under, ended: forgetter(x.c)}
	u.early = append(u.early, x.in.pending()...)
	return u, nil
}

// forgetter tells the server that an upgraded connection has ended. It holds
// on to the connection, not to the exchange.
func forgetter(c *serverConn) func() { return func() { c.srv.forget(c) } }

var _ io.Reader = (*requestBody)(nil)
