package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/fault"
	"waypost/http/field"
)

// h3Exchange is one request and its response on an HTTP/3 stream. It is used
// again for another stream.
type h3Exchange struct {
	h3Stream
	h    *h3Server
	req  Request
	info ConnInfo
	body *h3Body // nil without body

	// mu orders Respond and Inform with a 100 (Continue) sent by a reader of
	// the body.
	mu        sync.Mutex
	responded bool
	noBody    bool  // the response has a head only
	left      int64 // bytes of the body still to be written; -1 not known
	aborted   bool
	upgraded  bool
	end       field.Fields // the trailers to send
	err       error        // why nothing can be written any more

	ctxMu  sync.Mutex
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() bool // ends the watch over the stream
}

// reset readies the exchange for a stream.
func (x *h3Exchange) reset(h *h3Server) {
	x.h, x.body, x.info = h, nil, ConnInfo{}
	x.responded, x.noBody, x.left, x.aborted, x.upgraded = false, false, 0, false, false
	x.end, x.err, x.ctx, x.cancel, x.stop = nil, nil, nil, nil, nil
}

// request makes the head just read a request; bad is why the codec answers it
// and not the handler. An error means that there is none to answer.
func (x *h3Exchange) request() (bad *refusal, err error) {
	b := &x.block
	x.sections = 1
	malformed, bad := b.checkRequest("https")
	if malformed != "" {
		return nil, aborts(h3MessageError, "malformed request: %s", malformed)
	}
	x.announced = b.length
	x.req = Request{
		Proto: HTTP3, Method: b.method, Scheme: "https", Authority: b.authority, Path: b.path,
		Fields: b.fields, Length: b.length, Upgrade: b.protocol, Expect: b.expect != "", TakesTrailers: b.te,
	}
	x.info = x.h.connInfo(x.info.Exchanges)
	x.req.Early = x.info.Settled != nil
	if bad != nil {
		return bad, nil
	}
	if x.req.Early && !safeMethod(x.req.Method) {
		return refuse(425, "%s in early data, which can be replayed: send it again after the handshake", x.req.Method), nil
	}
	follows, err := x.bodyFollows()
	switch {
	case err != nil:
		return nil, err
	case !follows:
		x.req.Length, x.req.Expect = 0, false
	case x.req.Method == http.MethodConnect:
		x.req.Length = 0 // the stream is what follows
	default:
		x.body = &h3Body{x: x}
		x.req.Body, x.req.Trailers = x.body, x.body.Trailers
	}
	prioritise(x.q, x.req.Fields)
	x.need = time.Time{}
	x.in = pace{period: x.h.limits.BodyIdleTimeout, rate: MinRate}
	return nil, nil
}

// safeMethod reports whether a request with this method asks for nothing to
// be done (RFC 9110 §9.2.1), so that it does no harm when it is replayed (RFC
// 8470 §3). Unlike there, CONNECT is judged as unsafe.
func safeMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// bodyFollows finds out whether the request has a body. The end of a stream
// can come in a packet behind the head's; where a body is not usual, it is
// waited for, as the end of a head is.
func (x *h3Exchange) bodyFollows() (bool, error) {
	b := &x.block
	switch {
	case x.req.Method == http.MethodConnect:
		return true, nil
	case b.length == 0: // to the end, or to DATA that should not be
		if _, err := x.data(nil); err != io.EOF { //nolint:errorlint // the end is io.EOF itself
			return false, err
		}
		return false, nil
	case b.length > 0 || x.r < x.w:
		return true, nil
	case x.ended:
		return false, nil
	case b.expect != "" || announcesNoBody(b.method):
		return true, nil
	case !safeMethod(b.method) && b.method != http.MethodDelete:
		return true, nil
	}
	err := x.more()
	if err == io.EOF { //nolint:errorlint // the end is io.EOF itself
		return false, nil
	}
	return err == nil, err
}

func (x *h3Exchange) answer(status int, text string) error {
	err := x.Respond(status, plainText, int64(len(text)+1))
	if err == nil {
		_, err = x.Write(append([]byte(text), '\n'))
	}
	return err
}

func (x *h3Exchange) Request() *Request { return &x.req }
func (x *h3Exchange) Conn() *ConnInfo   { return &x.info }
func (x *h3Exchange) Close()            { x.h.goAway() }
func (x *h3Exchange) Abort()            { x.aborted = true }

func (x *h3Exchange) Context() context.Context {
	x.ctxMu.Lock()
	defer x.ctxMu.Unlock()
	if x.ctx == nil {
		ctx, cancel := context.WithCancelCause(x.h.srv.base)
		q, c := x.q.Context(), x.c
		x.ctx, x.cancel = ctx, cancel
		x.stop = context.AfterFunc(q, func() { cancel(c.fault("exchange", context.Cause(q))) })
	}
	return x.ctx
}

func (x *h3Exchange) Inform(status int, f field.Fields) error {
	if status < 100 || status > 199 || status == 101 {
		return errStatus
	}
	if err := checkFields(f); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.responded {
		return errResponded
	}
	return x.inform(status, f)
}

func (x *h3Exchange) inform(status int, f field.Fields) error {
	if x.err != nil {
		return x.err
	}
	x.sect.add(":status", statusText(status))
	x.sect.addFields(f)
	x.out = x.sect.appendTo(x.out)
	return x.wrote(x.flush())
}

func (x *h3Exchange) Respond(status int, f field.Fields, length int64) error {
	if status < 200 || status > 999 || status < 300 && x.req.Method == http.MethodConnect {
		return errStatus // 2xx to CONNECT is Upgrade's
	}
	if err := checkFields(f); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.responded:
		return errResponded
	case x.err != nil:
		return x.err
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
	x.respond(status, f, length)
	if length > 0 && !x.noBody {
		x.out = appendH3Frame(x.out, h3Data, length) // one frame for the whole body
	}
	return nil
}

// respond appends the head.
func (x *h3Exchange) respond(status int, f field.Fields, length int64) {
	x.responded, x.left = true, length
	x.sect.add(":status", statusText(status))
	x.sect.addFields(f)
	if !f.Has("date") {
		x.sect.add("date", x.h.srv.dates.at(time.Now()))
	}
	if length >= 0 {
		x.sect.addInt("content-length", length)
	}
	x.out = x.sect.appendTo(x.out)
}

func (x *h3Exchange) Write(p []byte) (int, error) {
	switch {
	case x.err != nil:
		return 0, x.err
	case !x.responded:
		return 0, errNotResponded
	case x.noBody || len(p) == 0:
		return len(p), nil
	case x.left < 0:
		x.out = appendH3Frame(x.out, h3Data, int64(len(p)))
	case int64(len(p)) > x.left:
		return 0, errTooMuchBody
	default:
		x.left -= int64(len(p))
	}
	if err := x.wrote(x.write(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (x *h3Exchange) Flush() error {
	if x.err != nil {
		return x.err
	}
	return x.wrote(x.flush())
}

// wrote keeps the error of a write and names it.
func (x *h3Exchange) wrote(err error) error {
	if err != nil {
		x.err = x.writeFault("write response", err)
		return x.err
	}
	return nil
}

func (x *h3Exchange) Trailers(f field.Fields) error {
	if err := checkFields(f); err != nil {
		return err
	}
	x.end = f
	return nil
}

// finish ends the exchange after the handler has returned.
func (x *h3Exchange) finish() {
	x.ctxMu.Lock()
	stop, cancel := x.stop, x.cancel
	x.ctxMu.Unlock()
	if !x.upgraded {
		if stop != nil {
			stop()
		}
		x.finishResponse()
		if x.body != nil {
			x.body.over.Store(true)
		}
		// What is left of the request is not wanted (RFC 9114 §4.1). After
		// its end this does nothing.
		x.q.CancelRead(quic.StreamErrorCode(h3NoError))
	}
	if x.body != nil {
		x.body.detach()
	}
	if cancel != nil {
		cancel(context.Canceled)
	}
}

func (x *h3Exchange) finishResponse() {
	if !x.aborted && !x.responded && x.err == nil {
		_ = x.answer(500, "no response") // its error is in x.err
	}
	switch {
	case x.err != nil:
		x.abort(h3RequestCancelled)
		return
	case x.aborted, !x.noBody && x.left > 0:
		// What was written arrives, where the client can tell it from the
		// reset (RFC 9000 has no such reset, a draft has).
		_ = x.flush()
		x.q.SetReliableBoundary()
		x.abort(h3InternalError)
		return
	case x.left < 0 && !x.noBody && len(x.end) > 0:
		x.sect.addFields(x.end)
		x.out = x.sect.appendTo(x.out)
	}
	if x.wrote(x.flush()) != nil {
		x.abort(h3RequestCancelled)
		return
	}
	_ = x.q.Close() // fails only on a stream that was cancelled
}

// h3Body is the body of a request on an HTTP/3 server. Like requestBody it
// outlives its exchange.
type h3Body struct {
	over     atomic.Bool // the exchange ends: nobody reads on
	mu       sync.Mutex
	x        *h3Exchange // nil once the exchange has ended
	begun    bool
	err      error // what ended the reading
	trailers field.Fields
}

func (b *h3Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.x
	switch {
	case x == nil:
		return 0, errBodyClosed
	case b.err != nil:
		return 0, b.err
	}
	if !b.begun {
		b.begun = true
		x.continueNow()
	}
	n, err := x.data(p)
	switch {
	case err != nil && b.over.Load():
		b.err = errBodyClosed
	case err == io.EOF: //nolint:errorlint // the end is io.EOF itself
		b.err, b.trailers = io.EOF, x.trailers
	case err != nil:
		b.err = x.bodyFault(err)
	}
	return n, b.err
}

// continueNow tells a client that waits for it to send the body.
func (x *h3Exchange) continueNow() {
	if !x.req.Expect {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.responded && x.r == x.w && !x.ended {
		_ = x.inform(100, nil) // its error is in x.err
	}
}

// bodyFault names why a body breaks off. One that is too short when an answer
// has begun leaves that alone, as over HTTP/2: who has seen an early answer
// may stop sending.
func (x *h3Exchange) bodyFault(err error) error {
	var wrong *h3Reset
	x.mu.Lock()
	responded := x.responded
	x.mu.Unlock()
	if responded && x.ended && errors.As(err, &wrong) {
		return fault.New(fault.HTTPProtocolError, "read stream", wrong)
	}
	return x.readFault("read stream", err)
}

// detach takes the body from its exchange. The stream is not read any more, so
// that a read under way ends.
func (b *h3Body) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.x = nil
}

// Trailers are the fields after the body, once it has been read to its end.
func (b *h3Body) Trailers() field.Fields {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailers
}

// Upgrade opens the tunnel of an extended CONNECT (RFC 9220), or of CONNECT
// (RFC 9114 §4.4): the stream as a connection. Status 101 does not exist in
// HTTP/3; it becomes 200.
func (x *h3Exchange) Upgrade(status int, f field.Fields) (net.Conn, error) {
	if status != 101 && (status < 200 || status > 299) || x.req.Method != http.MethodConnect {
		return nil, errStatus
	}
	if err := checkFields(f); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.responded:
		return nil, errResponded
	case x.err != nil:
		return nil, x.err
	}
	if status == 101 {
		status = 200
	}
	x.respond(status, f, -1)
	if err := x.wrote(x.flush()); err != nil {
		return nil, err
	}
	x.upgraded = true
	return newH3Tunnel(&x.h3Stream, x.h.tunnelEnded(x)), nil
}
