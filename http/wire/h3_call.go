package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/fault"
	"waypost/http/field"
)

// h3Call is one exchange on a client's HTTP/3 connection.
type h3Call struct {
	h3Stream
	client *H3Client
	ctx    context.Context
	stop   func() bool // ends the watch over ctx
	req    *Request
	resp   *Response
	goOn   chan struct{} // closed when the body may go; nil when it need not wait
	off    chan struct{} // closed when it need not go any more
	sent   chan struct{} // closed when sending has ended; nil without body
	once   sync.Once     // closes one of goOn and off
	gone   sync.Once

	reading sync.Mutex // one read of the body at a time

	mu       sync.Mutex
	err      error // why the call is dead before its end
	answered bool  // the head of the final response is there
	closed   bool  // the caller has closed the body
}

// open waits for its turn and opens a stream.
func (x *h3Call) open() error {
	c := x.client
	if err := c.usable(); err != nil {
		return err
	}
	if x.req.Upgrade != "" {
		if err := x.mayUpgrade(); err != nil {
			return err
		}
	}
	q, err := c.quic.OpenStream()
	var limit *quic.StreamLimitReachedError
	if errors.As(err, &limit) {
		c.wait(1)
		q, err = c.quic.OpenStreamSync(x.ctx)
		c.wait(-1)
	}
	switch {
	case err != nil && x.ctx.Err() != nil:
		return contextFault(x.ctx, "send request", fault.HTTPResponseTimeout)
	case errors.Is(err, quic.Err0RTTRejected):
		return err
	case err != nil:
		return fault.New(fault.ConnectionTerminated, "send request", fmt.Errorf("%w, %w: %w", ErrRetry, ErrUnprocessed, c.fault("open a stream", err)))
	}
	x.begin(&c.h3Conn, q)
	x.in = pace{period: c.own.BodyIdleTimeout}
	x.resp = &Response{Proto: HTTP3, Stream: int(q.StreamID()), Length: -1, FramedBy: framedEndStream, Trailers: x.responseTrailers}
	c.mu.Lock()
	c.calls[q.StreamID()] = x
	late := c.goingAway
	c.mu.Unlock()
	if late {
		x.release()
		return c.usable()
	}
	x.stop = func() bool { return true }
	if x.ctx.Done() != nil {
		x.stop = context.AfterFunc(x.ctx, x.cancel)
	}
	return nil
}

// wait counts the calls that wait for their turn.
func (c *H3Client) wait(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting += n
}

// mayUpgrade waits for the server's settings, which say whether it takes an
// extended CONNECT (RFC 9220 §3).
func (x *h3Call) mayUpgrade() error {
	c := x.client
	select {
	case <-c.said:
	case <-x.ctx.Done():
		return contextFault(x.ctx, "send request", fault.HTTPResponseTimeout)
	case <-c.quic.Context().Done():
		return c.usable()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.peer.connects {
		return fault.New(fault.HTTPUpgradeFailed, "send request", errors.New("the server does not offer extended CONNECT (RFC 9220)"))
	}
	return nil
}

// cancel resets the stream when the context has ended.
func (x *h3Call) cancel() {
	timeout := fault.HTTPResponseTimeout
	x.mu.Lock()
	if x.answered {
		timeout = fault.ConnectionReadTimeout
	}
	x.mu.Unlock()
	x.fail(contextFault(x.ctx, "exchange", timeout))
}

// fail ends the call because of err.
func (x *h3Call) fail(err error) {
	x.mu.Lock()
	if x.err == nil {
		x.err = err
	}
	x.mu.Unlock()
	x.abort(h3RequestCancelled)
}

// failure is why the call was ended, if it was.
func (x *h3Call) failure() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// release forgets the call, and gives up what is still open of its stream.
func (x *h3Call) release() {
	x.gone.Do(func() {
		if x.stop != nil {
			x.stop()
		}
		x.client.forget(x)
	})
}

// exchange sends the head and reads the response's.
func (x *h3Call) exchange() (*Response, error) {
	end := x.req.Body == nil && x.req.Upgrade == "" && x.req.Method != http.MethodConnect
	x.sect.requestFields(x.req)
	x.out = x.sect.appendTo(x.out)
	if x.req.Expect && x.req.Body != nil {
		x.goOn = make(chan struct{})
	}
	if err := x.flush(); err != nil {
		// The server may have answered and closed without reading on.
		if errors.Is(err, quic.Err0RTTRejected) || isTimeout(err) || !x.told(err) {
			return nil, x.failed("send request", err)
		}
	}
	switch {
	case end:
		_ = x.q.Close() // what failed shows while reading
	case x.req.Body != nil:
		x.off, x.sent = make(chan struct{}), make(chan struct{})
		go x.upload()
	}
	return x.response()
}

// told reports whether a failed write leaves hope for an answer: the server
// asked us to stop sending.
func (x *h3Call) told(err error) bool {
	var stream *quic.StreamError
	return errors.As(err, &stream) && stream.Remote && h3Code(stream.ErrorCode) == h3NoError
}

// response reads heads until the final one.
func (x *h3Call) response() (*Response, error) {
	resp := x.resp
	pace := x.in
	x.in.period = 0 // the context bounds the wait
	for {
		if err := x.head(); err != nil {
			return nil, x.failed("read response", err)
		}
		status, what := x.block.checkResponse()
		switch {
		case what != "":
			return nil, x.failed("read response", aborts(h3MessageError, "malformed response: %s", what))
		case status == 101:
			return nil, x.failed("read response", aborts(h3MessageError, "status 101 in HTTP/3")) // RFC 9114 §4.5
		case status >= 200:
			x.in = pace
			x.final(status)
			return resp, nil
		case len(resp.Informed) == maxInformed:
			return nil, x.failed("read response", aborts(h3ExcessiveLoad, "more than %d interim responses", maxInformed))
		}
		f := append(field.Fields(nil), x.block.fields...)
		resp.Informed = append(resp.Informed, Interim{status, f})
		if status == 100 && x.goOn != nil {
			x.once.Do(func() { close(x.goOn) })
		}
		if x.req.Interim != nil {
			x.req.Interim(status, f)
		}
	}
}

// final makes the head just read that of the response.
func (x *h3Call) final(status int) {
	resp, b := x.resp, &x.block
	x.sections = 1
	x.mu.Lock()
	x.answered = true
	x.mu.Unlock()
	resp.Status, resp.Fields, resp.Length = status, append(field.Fields(nil), b.fields...), b.length
	if x.goOn != nil {
		x.once.Do(func() { close(x.off) })
	}
	tunnel := x.req.Method == http.MethodConnect || x.req.Upgrade != ""
	headOnly := x.req.Method == http.MethodHead || status == 304 || status == 204
	switch {
	case tunnel && status < 300:
		resp.Length = 0
		resp.Body, resp.Upgraded = noBody{}, newH3Tunnel(&x.h3Stream, x.release)
		x.stop()
		if x.req.Upgrade != "" {
			resp.Fields.Add("upgrade", x.req.Upgrade)
		}
		return
	case headOnly:
		x.announced = 0
		if status == 204 {
			resp.Length = 0
		}
	default:
		x.announced = b.length
	}
	resp.Body = (*h3ResponseBody)(x)
	if headOnly || b.length == 0 || x.ended && x.r == x.w {
		x.emptyBody(headOnly)
	}
}

// emptyBody settles a response that has ended with its head, or must.
func (x *h3Call) emptyBody(headOnly bool) {
	if !x.ended || x.r < x.w {
		return // its end, or what should not be there, is met by reading
	}
	if x.atEnd() != io.EOF { //nolint:errorlint // the end is io.EOF itself
		return
	}
	if !headOnly && x.block.length < 0 {
		x.resp.Length = 0
	}
	x.resp.Body, x.resp.FramedBy = noBody{}, framedNoBody
	x.over()
}

// over ends the call once the response has been read.
func (x *h3Call) over() {
	x.stop()
	if x.sent != nil {
		select {
		case <-x.sent:
		default:
			// The server has answered without the rest of the body.
			x.q.CancelWrite(quic.StreamErrorCode(h3NoError))
		}
	}
	x.release()
}

// failed names why the call came to nothing.
func (x *h3Call) failed(op string, err error) error {
	defer x.release()
	if own := x.failure(); own != nil {
		return own
	}
	if errors.Is(err, quic.Err0RTTRejected) {
		return err
	}
	final := x.sections > 0
	var stream *quic.StreamError
	var wrong *h3Reset
	var b *h3Broken
	switch {
	case errors.As(err, &stream) && stream.Remote && h3Code(stream.ErrorCode) == h3RequestRejected && !final:
		x.abort(h3RequestCancelled)
		return fault.New(fault.ConnectionTerminated, op, fmt.Errorf("%w, %w: %w", ErrRetry, ErrUnprocessed, &h3PeerReset{h3RequestRejected}))
	case errors.As(err, &stream) && stream.Remote:
		x.abort(h3RequestCancelled)
		return fault.New(fault.HTTPResponseIncomplete, op, &h3PeerReset{h3Code(stream.ErrorCode)})
	case errors.As(err, &wrong) && x.block.tooMany:
		x.abort(h3RequestCancelled)
		return fault.New(fault.HTTPResponseHeaderSection, op, wrong)
	case errors.As(err, &wrong), errors.As(err, &b), isTimeout(err):
		return x.readFault(op, err)
	}
	err = x.c.fault(op, err)
	switch {
	case fault.Of(err) != fault.ConnectionTerminated:
		return err
	case final:
		return fault.New(fault.HTTPResponseIncomplete, op, err)
	case x.q.StreamID() > 0 && !errors.Is(err, ErrRetry):
		return fault.New(fault.ConnectionTerminated, op, fmt.Errorf("%w: %w", ErrRetry, err))
	}
	return err
}

func (x *h3Call) responseTrailers() field.Fields {
	x.reading.Lock()
	defer x.reading.Unlock()
	return x.trailers
}

// upload sends the body of the request.
func (x *h3Call) upload() {
	defer close(x.sent)
	if !x.mayGo() {
		return
	}
	if err := x.copyBody(); err != nil {
		x.q.SetReliableBoundary() // what was sent may arrive
		x.fail(err)               // and must not be taken for the whole
	}
}

// mayGo waits until the body may be sent: at once, after 100 (Continue), or
// when it has not come in time. It is false when the body is not wanted.
func (x *h3Call) mayGo() bool {
	if x.goOn == nil {
		return true
	}
	var after <-chan time.Time
	if d := x.client.own.ExpectTimeout; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-x.goOn:
		return true
	case <-after:
		return true
	case <-x.off:
		x.q.CancelWrite(quic.StreamErrorCode(h3NoError)) // nothing of it goes
	case <-x.q.Context().Done():
	}
	return false
}

// copyBody sends the body in one frame where its length is known, else in one
// for each piece. Its error is that of the body; one of the connection shows on
// the reading side too.
func (x *h3Call) copyBody() error {
	left := x.req.Length
	if left > 0 {
		x.out = appendH3Frame(x.out, h3Data, left)
	}
	buf := make([]byte, uploadPiece)
	for {
		n, err := x.req.Body.Read(buf)
		if left >= 0 {
			if left -= int64(n); left < 0 {
				return fmt.Errorf("send request body: it is longer than the %d bytes announced", x.req.Length)
			}
		}
		switch {
		case err != nil && err != io.EOF:
			return fmt.Errorf("send request body: %w", err)
		case err == io.EOF && left > 0:
			return fmt.Errorf("send request body: %d bytes short of the %d announced", left, x.req.Length)
		}
		if n > 0 {
			if x.req.Length < 0 {
				x.out = appendH3Frame(x.out, h3Data, int64(n))
			}
			if !x.writeNow(buf[:n]) {
				return nil
			}
		}
		if err == io.EOF {
			return x.endBody()
		}
	}
}

// writeNow writes p and what waits before it, and reports whether it could.
func (x *h3Call) writeNow(p []byte) bool { return x.write(p) == nil && x.flush() == nil }

// endBody sends the trailers and the end of the stream.
func (x *h3Call) endBody() error {
	if x.req.Trailers != nil && x.req.Length < 0 {
		f := x.req.Trailers()
		if err := checkFields(f); err != nil {
			return err
		}
		if len(f) > 0 {
			x.sect.addFields(f)
			x.out = x.sect.appendTo(x.out)
			if !x.writeNow(nil) {
				return nil
			}
		}
	}
	_ = x.q.Close() // fails only on a stream that was cancelled
	return nil
}

// h3ResponseBody is the body of a response.
type h3ResponseBody h3Call

func (b *h3ResponseBody) Read(p []byte) (int, error) {
	x := (*h3Call)(b)
	x.reading.Lock()
	defer x.reading.Unlock()
	x.mu.Lock()
	closed := x.closed
	x.mu.Unlock()
	if closed {
		return 0, errResponseClosed
	}
	n, err := x.data(p)
	switch {
	case err == io.EOF: //nolint:errorlint // an end is io.EOF itself; a failure may hold it in its chain
		x.over()
	case err != nil:
		x.mu.Lock()
		closed = x.closed
		x.mu.Unlock()
		if closed {
			return n, errResponseClosed
		}
		err = x.failed("read response body", err)
	}
	return n, err
}

func (b *h3ResponseBody) Close() error {
	x := (*h3Call)(b)
	x.mu.Lock()
	first := !x.closed
	x.closed = true
	x.mu.Unlock()
	if first {
		x.q.CancelRead(quic.StreamErrorCode(h3RequestCancelled)) // nothing, when all was read
		x.over()
	}
	return nil
}
