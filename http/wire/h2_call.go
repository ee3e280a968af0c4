package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"waypost/fault"
	"waypost/http/field"
)

// h2Call is one exchange on a client's HTTP/2 connection. The connection's
// mutex guards it.
type h2Call struct {
	h2Stream
	client *h2Client
	ctx    context.Context
	stop   func() bool // ends the watch over ctx
	r      *Request

	opened    bool
	cancelled bool
	resp      *Response // filled in as heads come
	final     bool      // the head of the final response is there
	goOn      bool      // the body may go: 100 has come, or need not
	closed    bool      // the caller has closed the body
}

// open waits for its turn and sends the head. It is called with the mutex
// held.
func (x *h2Call) open() error {
	c := x.client
	c.waiting++
	for c.usable() == nil && !x.cancelled && !x.turn() {
		c.kick()
		c.room.Wait()
	}
	c.waiting--
	if x.cancelled {
		return contextFault(x.ctx, "send request", fault.HTTPResponseTimeout)
	}
	if err := c.usable(); err != nil {
		return err
	}
	if x.r.Upgrade != "" && !c.peer.connects {
		return fault.New(fault.HTTPUpgradeFailed, "send request", errors.New("the server does not offer extended CONNECT (RFC 8441)"))
	}
	id := c.nextOurs
	c.nextOurs += 2
	x.begin(c.h2Conn, id, x)
	x.opened = true
	x.resp = &Response{Proto: HTTP2, Stream: int(id), Length: -1, FramedBy: framedEndStream, Trailers: x.responseTrailers}
	x.goOn = !x.r.Expect
	end := x.r.Body == nil && x.r.Upgrade == "" && x.r.Method != http.MethodConnect
	c.requestFields(x.r)
	c.appendBlock(id, end)
	x.localEnded = end
	c.kick()
	return nil
}

// turn reports whether the stream can be opened now: the server takes
// another one, and there is room for its head. An upgrade has to know whether
// the server takes any.
func (x *h2Call) turn() bool {
	c := x.client
	return uint32(len(c.streams)) < c.peer.maxStreams && !c.full() && (x.r.Upgrade == "" || c.peer.said)
}

// cancel resets the stream when the context has ended.
func (x *h2Call) cancel() {
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	x.cancelled = true
	if !x.opened {
		c.room.Broadcast()
		return
	}
	timeout := fault.HTTPResponseTimeout
	if x.final {
		timeout = fault.ConnectionReadTimeout
	}
	x.abandon(http2.ErrCodeCancel, contextFault(x.ctx, "exchange", timeout))
}

func (x *h2Call) ended(error) {}

// answered: nothing answers a response.
func (x *h2Call) answered() bool { return false }

// response waits for the head of the final response.
func (x *h2Call) response() (*Response, error) {
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	told := 0
	for {
		if x.r.Interim != nil && told < len(x.resp.Informed) {
			i := x.resp.Informed[told]
			told++
			c.mu.Unlock()
			x.r.Interim(i.Status, i.Fields)
			c.mu.Lock()
			continue
		}
		if x.final {
			break
		}
		if x.err != nil {
			x.stop()
			x.discard()
			return nil, x.failed("read response")
		}
		x.waiters++
		x.cond.Wait()
		x.waiters--
	}
	resp := x.resp
	x.in = pace{period: c.limits.BodyIdleTimeout}
	switch {
	case resp.Upgraded != nil:
		x.in.period = 0
		x.stop()
		resp.Body = noBody{}
	case x.noBody():
		resp.Body, resp.FramedBy = noBody{}, framedNoBody
		x.done()
	default:
		resp.Body = (*h2ResponseBody)(x)
	}
	return resp, nil
}

// noBody reports whether the response has ended with its head.
func (x *h2Call) noBody() bool {
	return x.remoteEnded && x.recvFrom == len(x.recv)
}

// done ends the call once the response has been read.
func (x *h2Call) done() {
	x.stop()
	if x.remoteEnded && !x.localEnded && x.err == nil {
		// The server has answered without the rest of the body.
		x.abandon(http2.ErrCodeNo, errAnswered)
	}
}

var errAnswered = errors.New("the response came before the end of the request")

// headers takes a head from the server: an interim one, the final one, or
// the trailer section.
func (x *h2Call) headers(b *fieldBlock, endStream bool) error {
	if x.remoteEnded {
		return resets(x.id, http2.ErrCodeStreamClosed, "HEADERS after END_STREAM")
	}
	if x.final {
		if what := b.checkTrailers(); what != "" {
			return resets(x.id, http2.ErrCodeProtocol, "%s", what)
		}
		x.trailers = append(field.Fields(nil), b.fields...)
		return x.remoteEnd()
	}
	status, what := b.checkResponse()
	switch {
	case what != "":
		return resets(x.id, http2.ErrCodeProtocol, "malformed response: %s", what)
	case status == 101:
		return resets(x.id, http2.ErrCodeProtocol, "status 101 in HTTP/2") // RFC 9113 §8.6
	case status < 200:
		return x.interim(status, b, endStream)
	}
	resp := x.resp
	resp.Status, resp.Fields = status, append(field.Fields(nil), b.fields...)
	resp.Length = b.length
	x.final = true
	x.cond.Broadcast()
	headOnly := x.r.Method == http.MethodHead || status == 304 || status == 204
	if status == 204 {
		resp.Length = 0
	}
	if !headOnly {
		x.announced = b.length
	}
	tunnel := x.r.Method == http.MethodConnect || x.r.Upgrade != ""
	if tunnel && status < 300 && !endStream {
		resp.Length = 0
		resp.Upgraded = newH2Tunnel(&x.h2Stream)
		if x.r.Upgrade != "" {
			resp.Fields.Add("upgrade", x.r.Upgrade)
		}
		return nil
	}
	if headOnly {
		x.announced = 0
	}
	if !endStream {
		return nil
	}
	if !headOnly && b.length < 0 {
		resp.Length = 0
	}
	if headOnly {
		x.announced = -1
	}
	return x.remoteEnd()
}

func (x *h2Call) interim(status int, b *fieldBlock, endStream bool) error {
	switch {
	case endStream:
		return resets(x.id, http2.ErrCodeProtocol, "interim response with END_STREAM")
	case len(x.resp.Informed) == maxInformed:
		return resets(x.id, http2.ErrCodeEnhanceYourCalm, "more than %d interim responses", maxInformed)
	}
	x.resp.Informed = append(x.resp.Informed, Interim{status, append(field.Fields(nil), b.fields...)})
	x.goOn = x.goOn || status == 100
	x.cond.Broadcast()
	return nil
}

// failed names why the call came to nothing.
func (x *h2Call) failed(op string) error {
	var reset *h2PeerReset
	var wrong *h2Reset
	switch err := x.err; {
	case errors.As(err, &reset) && reset.code == http2.ErrCodeRefusedStream && !x.final:
		return fault.New(fault.ConnectionTerminated, op, fmt.Errorf("%w, %w: %w", ErrRetry, ErrUnprocessed, reset))
	case errors.As(err, &reset):
		return fault.New(fault.HTTPResponseIncomplete, op, reset)
	case errors.As(err, &wrong) && strings.Contains(wrong.reason, "more fields"):
		return fault.New(fault.HTTPResponseHeaderSection, op, wrong)
	case errors.As(err, &wrong):
		return fault.New(fault.HTTPProtocolError, op, wrong)
	case x.cancelled:
		return err
	case x.final && fault.Of(err) == fault.ConnectionTerminated:
		return fault.New(fault.HTTPResponseIncomplete, op, err)
	case !x.final && fault.Of(err) == fault.ConnectionTerminated && x.id > 1 && !errors.Is(err, ErrRetry):
		return fault.New(fault.ConnectionTerminated, op, fmt.Errorf("%w: %w", ErrRetry, err))
	default:
		return err
	}
}

func (x *h2Call) responseTrailers() field.Fields {
	x.client.mu.Lock()
	defer x.client.mu.Unlock()
	return x.trailers
}

// upload sends the body of the request.
func (x *h2Call) upload() {
	if !x.mayGo() {
		return
	}
	left := x.r.Length
	buf := make([]byte, uploadPiece)
	for {
		n, err := x.r.Body.Read(buf)
		if left >= 0 {
			if left -= int64(n); left < 0 {
				x.giveUp(fmt.Errorf("send request body: it is longer than the %d bytes announced", x.r.Length))
				return
			}
		}
		if err != nil && err != io.EOF {
			x.giveUp(fmt.Errorf("send request body: %w", err))
			return
		}
		if err == io.EOF && left > 0 {
			x.giveUp(fmt.Errorf("send request body: %d bytes short of the %d announced", left, x.r.Length))
			return
		}
		if x.send(buf[:n], err == io.EOF) != nil || err == io.EOF {
			return
		}
	}
}

// send sends a piece of the body, and the trailers at its end.
func (x *h2Call) send(p []byte, end bool) error {
	var trailers field.Fields
	if end && x.r.Trailers != nil && x.r.Length < 0 {
		trailers = x.r.Trailers()
		if err := checkFields(trailers); err != nil {
			x.giveUp(err)
			return err
		}
	}
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := x.write(p, end && len(trailers) == 0)
	if err == nil && len(trailers) > 0 {
		c.encodeFields(trailers)
		c.appendBlock(x.id, true)
		x.localEnded = true
		x.closeIfDone()
	}
	c.kick()
	return err
}

// mayGo waits until the body may be sent: at once, after 100 (Continue), or
// when it has not come in time. It is false when the body is not wanted.
func (x *h2Call) mayGo() bool {
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if !x.goOn && c.limits.ExpectTimeout > 0 {
		timer := time.AfterFunc(c.limits.ExpectTimeout, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			x.goOn = true
			x.cond.Broadcast()
		})
		defer timer.Stop()
	}
	for !x.goOn && !x.final && x.err == nil {
		x.cond.Wait()
	}
	if x.final && !x.goOn && x.err == nil {
		_, _ = x.write(nil, true) // nothing of it goes, and the stream can end
		return false
	}
	return x.err == nil
}

// giveUp resets the stream because its body cannot be sent.
func (x *h2Call) giveUp(err error) {
	x.client.mu.Lock()
	defer x.client.mu.Unlock()
	x.abandon(http2.ErrCodeCancel, err)
}

// h2ResponseBody is the body of a response.
type h2ResponseBody h2Call

func (b *h2ResponseBody) Read(p []byte) (int, error) {
	x := (*h2Call)(b)
	x.client.mu.Lock()
	defer x.client.mu.Unlock()
	if x.closed {
		return 0, errResponseClosed
	}
	n, err := x.read(p)
	switch {
	case err == io.EOF: //nolint:errorlint // an end is io.EOF itself; a failure may hold it in its chain
		x.done()
	case err != nil:
		x.stop()
		err = x.failed("read response body")
	}
	return n, err
}

func (b *h2ResponseBody) Close() error {
	x := (*h2Call)(b)
	x.client.mu.Lock()
	defer x.client.mu.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	if x.err == nil && !x.remoteEnded {
		x.abandon(http2.ErrCodeCancel, errResponseClosed)
	}
	x.discard()
	x.client.kick()
	x.done()
	return nil
}
