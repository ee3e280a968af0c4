package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"golang.org/x/net/http2"

	"waypost/fault"
	"waypost/http/field"
)

// h2Client is the client's end of an HTTP/2 connection.
type h2Client struct {
	*h2Conn
	own Limits

	// Under the connection's mutex:
	waiting   int  // calls that wait for their turn
	goingAway bool // the server takes no more streams
}

// newH2Client sends the preface and begins to read.
func newH2Client(conn net.Conn, limits Limits) (*h2Client, error) {
	c := &h2Client{own: limits}
	under := newTransport(conn, limits.WriteTimeout)
	c.h2Conn = newH2Conn(under, under, under, &c.own)
	c.side = c
	c.nextOurs = 1
	c.mu.Lock()
	c.out = append(c.out, http2Preface...)
	c.mu.Unlock()
	c.greet(http2.Setting{ID: http2.SettingEnablePush, Val: 0})
	go c.ends()
	return c, nil
}

// ends reads the connection to its end.
func (c *h2Client) ends() {
	err := c.read()
	var b *h2Broken
	if errors.As(err, &b) {
		c.breakOff(b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, io.EOF) {
		err = errors.New("the server closed the connection")
	}
	c.die(fault.New(fault.ConnectionTerminated, "read from the connection", err))
}

func (c *h2Client) Proto() string { return "h2" }

func (c *h2Client) Free() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usable() == nil && c.waiting == 0 && uint32(len(c.streams)) < c.peer.maxStreams
}

func (c *h2Client) Alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usable() == nil
}

func (c *h2Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		_ = c.fr.WriteGoAway(0, http2.ErrCodeNo, nil)
		if len(c.streams) == 0 {
			c.flush()
		}
	}
	c.die(fault.New(fault.ConnectionTerminated, "connection closed", nil))
	return nil
}

// lastStream is the highest number a client may give a stream (RFC 9113
// §5.1.1).
const lastStream = 1<<31 - 1

// usable is nil when streams can be opened.
func (c *h2Client) usable() error {
	switch {
	case c.err != nil:
		return fault.New(fault.ConnectionTerminated, "send request", fmt.Errorf("%w, %w: %w", ErrRetry, ErrUnprocessed, c.err))
	case c.goingAway || c.nextOurs > lastStream:
		return fault.New(fault.ConnectionTerminated, "send request", fmt.Errorf("%w, %w: the server is going away", ErrRetry, ErrUnprocessed))
	}
	return nil
}

// Do implements [Client].
func (c *h2Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if ctx.Err() != nil {
		return nil, contextFault(ctx, "send request", fault.HTTPResponseTimeout)
	}
	if err := checkRequestToSend(r); err != nil {
		return nil, err
	}
	x := &h2Call{client: c, ctx: ctx, r: r, stop: func() bool { return true }}
	if ctx.Done() != nil {
		x.stop = context.AfterFunc(ctx, x.cancel)
	}
	c.mu.Lock()
	err := x.open()
	c.mu.Unlock()
	if err == nil {
		if r.Body != nil {
			go x.upload()
		}
		return x.response()
	}
	x.stop()
	return nil, err
}

// headers acts on a head or a trailer section from the server.
func (c *h2Client) headers(id uint32, endStream bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[id]
	if s == nil {
		if err := c.notOpen(id, "HEADERS"); err != nil {
			return err
		}
		if ours, _ := c.closed.find(id); ours {
			return c.floods.control()
		}
		return broken(http2.ErrCodeStreamClosed, "HEADERS on stream %d, which is closed", id)
	}
	return s.owner.(*h2Call).headers(&c.block, endStream)
}

// goneAway ends the streams that the server will not look at.
func (c *h2Client) goneAway(f *http2.GoAwayFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goingAway = true
	var why error
	if f.ErrCode != http2.ErrCodeNo {
		why = fmt.Errorf("the server is going away: %v %s", f.ErrCode, quote(f.DebugData()))
	} else {
		why = errors.New("the server is going away")
	}
	err := fault.New(fault.ConnectionTerminated, "send request", fmt.Errorf("%w, %w: %w", ErrRetry, ErrUnprocessed, why))
	for id, s := range c.streams {
		if id > f.LastStreamID {
			delete(c.streams, id)
			c.closed.add(id, true)
			s.end(err)
		}
	}
	c.streamGone()
}

// settled and streamGone let those go on who wait for their turn.
func (c *h2Client) settled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streamGone()
}

func (c *h2Client) streamGone() {
	if c.goingAway && len(c.streams) == 0 {
		c.die(fault.New(fault.ConnectionTerminated, "connection closed", nil))
	}
	if c.waiting > 0 {
		c.room.Broadcast()
	}
}

// checkRequestToSend refuses what must not go into a request, whatever the
// protocol.
func checkRequestToSend(r *Request) error {
	connect := r.Method == http.MethodConnect && r.Upgrade == ""
	switch {
	case !validToken(r.Method):
		return fmt.Errorf("send request: invalid method %s", quote(r.Method))
	case !connect && !validTarget(r.Path):
		return fmt.Errorf("send request: invalid target %s", quote(r.Path))
	case !validAuthority(r.Authority):
		return fmt.Errorf("send request: invalid authority %s", quote(r.Authority))
	case r.Upgrade != "" && !validToken(r.Upgrade):
		return fmt.Errorf("send request: invalid upgrade %s", quote(r.Upgrade))
	}
	return checkFields(r.Fields)
}

// requestFields encodes the head of a request.
func (c *h2Client) requestFields(r *Request) {
	method := r.Method
	if r.Upgrade != "" {
		method = http.MethodConnect // RFC 8441 §4
	}
	scheme := r.Scheme
	if scheme == "" {
		scheme = "http"
		if c.under.final {
			scheme = "https"
		}
	}
	c.encode(":method", method)
	if method != http.MethodConnect || r.Upgrade != "" {
		c.encode(":scheme", scheme)
		c.encode(":path", r.Path)
	}
	c.encode(":authority", r.Authority)
	if r.Upgrade != "" {
		c.encode(":protocol", r.Upgrade)
	}
	for i := range r.Fields {
		l := &r.Fields[i]
		if !connectionField(l.Name) && !field.Is(l.Name, "Host") {
			c.encodeField(*l)
		}
	}
	if r.Body != nil && r.Length >= 0 || r.Body == nil && announcesNoBody(r.Method) {
		c.encodeInt("content-length", max(r.Length, 0))
	}
	if r.TakesTrailers {
		c.encode("te", "trailers")
	}
	if r.Expect && r.Body != nil {
		c.encode("expect", "100-continue")
	}
}

// announcesNoBody reports whether a request of this method says that it has
// no body: those that usually have one (RFC 9110 §8.6).
func announcesNoBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}
