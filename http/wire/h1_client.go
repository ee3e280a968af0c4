package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"waypost/fault"
	"waypost/http/field"
)

// h1Client is the client's end of an HTTP/1.1 connection: one exchange at a
// time.
type h1Client struct {
	under  *transport
	limits Limits
	in     input
	head   responseHead
	out    []byte

	mu     sync.Mutex
	busy   bool
	closed bool
	used   int // exchanges that came to an end here
}

func newH1Client(c net.Conn, limits Limits) *h1Client {
	under := newTransport(c, limits.WriteTimeout)
	return &h1Client{under: under, limits: limits, in: input{src: under, buf: make([]byte, inputSize)}}
}

func (c *h1Client) Proto() string { return "http/1.1" }

func (c *h1Client) Free() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.busy && !c.closed
}

// Alive looks at the socket of an idle connection: bytes or an end that wait
// there unasked mean that it is of no use any more.
func (c *h1Client) Alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && !c.busy && !c.under.quiet() {
		c.closed = true
		c.under.hangUp()
	}
	return !c.closed
}

func (c *h1Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.under.Close()
}

// take makes the caller the one whose exchange it is.
func (c *h1Client) take() (reused bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return false, fmt.Errorf("connection closed: %w, %w", ErrRetry, ErrUnprocessed)
	case c.busy:
		return false, errors.New("connection busy: HTTP/1.1 has one exchange at a time")
	}
	c.busy = true
	return c.used > 0, nil
}

// give ends the exchange; the connection is closed unless it can be used
// again.
func (c *h1Client) give(again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	c.used++
	if !again && !c.closed {
		c.closed = true
		c.under.hangUp()
	}
}

// h1Call is one exchange on a client connection.
type h1Call struct {
	c       *h1Client
	ctx     context.Context
	stop    func() bool // ends the watch over ctx
	r       *Request
	reused  bool
	upload  *h1Upload // nil without body
	started bool      // a byte of the response has come
}

// Do implements [Client].
func (c *h1Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextFault(ctx, "send request", fault.HTTPResponseTimeout)
	}
	reused, err := c.take()
	if err != nil {
		return nil, err
	}
	out, err := appendRequest(c.out[:0], r)
	if err != nil {
		c.mu.Lock()
		c.busy = false // nothing was sent
		c.mu.Unlock()
		return nil, err
	}
	c.out = out
	x := &h1Call{c: c, ctx: ctx, r: r, reused: reused, stop: func() bool { return true }}
	if ctx.Done() != nil {
		x.stop = context.AfterFunc(ctx, c.under.hangUp)
	}
	resp, err := x.exchange()
	if err != nil {
		x.end(false)
		return nil, err
	}
	return resp, nil
}

func (x *h1Call) exchange() (*Response, error) {
	c := x.c
	if len(c.in.pending()) > 0 {
		return nil, x.failed("send request", refuse(400, "response before the request"))
	}
	if _, err := c.under.Write(c.out); err != nil {
		// The server may have answered and closed without reading on.
		if isTimeout(err) || c.in.more() != nil {
			return nil, x.failed("send request", err)
		}
	}
	if x.r.Body != nil {
		x.upload = startUpload(c, x.r)
	}
	return x.response()
}

// response reads heads until the final one.
func (x *h1Call) response() (*Response, error) {
	c := x.c
	c.under.readBy(time.Time{}) // the context bounds the wait
	resp := &Response{Trailers: func() field.Fields { return nil }}
	for {
		c.in.base = 0
		if c.in.r > 0 {
			c.in.next()
		}
		if err := readResponseHead(&c.in, &c.head, x.r.Method, &c.limits); err != nil {
			x.started = x.started || len(c.in.pending()) > 0
			return nil, x.failed("read response", err)
		}
		x.started = true
		c.in.base = c.in.r
		if status := c.head.status; status >= 200 || status == 101 {
			break
		}
		if c.head.status == 100 && x.upload != nil {
			x.upload.goOn()
		}
		if len(resp.Informed) == maxInformed {
			return nil, x.failed("read response", refuse(400, "more than %d interim responses", maxInformed))
		}
		resp.Informed = append(resp.Informed, Interim{c.head.status, c.head.fields.Clone()})
		if x.r.Interim != nil {
			x.r.Interim(c.head.status, c.head.fields)
		}
	}
	h := &c.head
	resp.Proto, resp.Status, resp.Fields = h.proto, h.status, h.fields.Clone()
	resp.Length, resp.FramedBy = h.bodyBytes, h.framed
	if h.status == 101 || x.r.Method == http.MethodConnect && h.status < 300 {
		return x.upgrade(resp)
	}
	if x.upload != nil && h.status >= 200 {
		x.upload.answered()
	}
	if h.framed == framedNoBody && (h.status == 204 || h.status < 200) {
		resp.Length = 0
	}
	body := &responseBody{call: x, under: c.under, keepAlive: h.keepAlive, h1Body: newBody(&c.in, h.framed, h.bodyBytes, &c.limits)}
	c.under.readAtPace(c.limits.BodyIdleTimeout, 0)
	resp.Body = body
	if body.framed == framedChunked {
		resp.Trailers = body.Trailers
	}
	if body.ended() {
		body.finish()
	}
	return resp, nil
}

// maxInformed bounds the interim responses before a final one; a server that
// wants to keep us waiting can do so without.
const maxInformed = 32

func (x *h1Call) upgrade(resp *Response) (*Response, error) {
	c := x.c
	if resp.Status == 101 {
		if x.r.Upgrade == "" {
			return nil, x.failed("read response", refuse(400, "101 without a request to upgrade"))
		}
		resp.Fields.Add("Upgrade", string(append([]byte(nil), c.head.upgrade...)))
	}
	x.stop()
	c.under.handOver()
	u := &upgraded{Conn: c.under, under: c.under}
	u.early = append(u.early, c.in.pending()...)
	resp.Upgraded, resp.Body, resp.Length = u, noBody{}, 0
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true // for further requests; the connection is the caller's
	return resp, nil
}

// noBody is the body of a response without one.
type noBody struct{}

func (noBody) Read([]byte) (int, error) { return 0, io.EOF }
func (noBody) Close() error             { return nil }

// end ends the exchange and frees or closes the connection.
func (x *h1Call) end(again bool) {
	if x.upload != nil && !x.upload.finished() {
		again = false
	}
	if !x.stop() {
		again = false // the context has closed the connection
	}
	again = again && len(x.c.in.pending()) == 0
	x.c.in.base, x.c.in.r, x.c.in.w = 0, 0, 0
	if len(x.c.in.buf) > inputKeep {
		x.c.in.buf = make([]byte, inputSize)
	}
	x.c.give(again)
}

// failed names why the exchange came to nothing.
func (x *h1Call) failed(op string, err error) error {
	if x.ctx.Err() != nil {
		return contextFault(x.ctx, op, fault.HTTPResponseTimeout)
	}
	if x.upload != nil {
		if sendErr := x.upload.failure(); sendErr != nil {
			return sendErr
		}
	}
	var bad *refusal
	switch {
	case errors.As(err, &bad):
		return fault.New(refusalFault(bad), op, err)
	case isTimeout(err) && op == "send request":
		return fault.New(fault.ConnectionWriteTimeout, op, err)
	case isTimeout(err):
		return fault.New(fault.ConnectionReadTimeout, op, err)
	case !x.started && x.reused:
		return fault.New(fault.ConnectionTerminated, op, fmt.Errorf("%w: %w", ErrRetry, err))
	case !x.started:
		return fault.New(fault.ConnectionTerminated, op, err)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fault.New(fault.HTTPResponseIncomplete, op, err)
}

// refusalFault is the fault that a refused response stands for.
func refusalFault(bad *refusal) fault.Kind {
	switch bad.status {
	case 431:
		return fault.HTTPResponseHeaderSection
	case 501:
		return fault.HTTPResponseTransferCoding
	}
	return fault.HTTPProtocolError
}

// contextFault names the end of a context: a deadline is a timeout of the
// given kind.
func contextFault(ctx context.Context, op string, timeout fault.Kind) error {
	kind := timeout
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = fault.ConnectionTerminated
	}
	return fault.New(kind, op, context.Cause(ctx))
}

// appendRequest appends the head of r, with the framing of its body.
func appendRequest(dst []byte, r *Request) ([]byte, error) {
	if err := checkRequestToSend(r); err != nil {
		return dst, err
	}
	target := r.Path
	if r.Method == http.MethodConnect {
		target = r.Authority
	}
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, r.Authority...)
	dst = append(dst, "\r\n"...)
	for i := range r.Fields {
		l := &r.Fields[i]
		if connectionField(l.Name) || field.Is(l.Name, "Host") {
			continue
		}
		dst = appendField(dst, l.Name, l.Value)
	}
	switch {
	case r.Body != nil && r.Length < 0:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case r.Body != nil || announcesNoBody(r.Method):
		dst = append(dst, "Content-Length: "...) // RFC 9110 §8.6: also when it is 0
		dst = strconv.AppendInt(dst, max(r.Length, 0), 10)
		dst = append(dst, "\r\n"...)
	}
	switch {
	case r.Upgrade != "" && r.TakesTrailers:
		dst = append(dst, "Connection: Upgrade, TE\r\n"...)
	case r.Upgrade != "":
		dst = append(dst, "Connection: Upgrade\r\n"...)
	case r.TakesTrailers:
		dst = append(dst, "Connection: TE\r\n"...)
	}
	if r.Upgrade != "" {
		dst = appendField(dst, "Upgrade", r.Upgrade)
	}
	if r.TakesTrailers {
		dst = append(dst, "TE: trailers\r\n"...)
	}
	if r.Expect && r.Body != nil {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	return append(dst, "\r\n"...), nil
}
