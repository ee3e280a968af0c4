package wire

import (
	"bytes"
	"net/http"
	"time"
)

// serveH1 answers one request after the other: the pipelined ones wait in
// the read buffer and are answered in their order (RFC 9112 §9.3.2).
func (c *serverConn) serveH1() leaving {
	for {
		x, isParked := c.awaitRequest()
		if isParked {
			return leftOthers
		}
		if x == nil {
			break
		}
		end := x.readHead()
		if end == headIsHTTP2 {
			read := bytes.Clone(x.in.pending())
			c.release()
			c.serveH2(read)
			return leftOpen
		}
		if end == headEnds {
			break
		}
		if !c.state.CompareAndSwap(connReading, connActive) {
			break
		}
		c.srv.Handler.Serve(x)
		if !x.finish() {
			break
		}
		c.info.Exchanges++
	}
	if c.handedOver {
		return leftOthers
	}
	c.release()
	return leftOpen
}

// awaitRequest waits for the first bytes of a request. It returns nil when
// none will come, and isParked when the connection now waits in the lot: it
// is then no longer the caller's. While it waits, the connection holds no
// exchange and no buffer.
func (c *serverConn) awaitRequest() (x *h1Exchange, isParked bool) {
	if c.h1 != nil && len(c.h1.in.pending()) > 0 {
		c.state.Store(connReading)
		return c.h1, false
	}
	c.state.Store(connIdle)
	c.srv.turnedIdle()
	if c.srv.stopping.Load() {
		return nil, false
	}
	now := time.Now()
	if d := c.srv.limits.IdleTimeout; d > 0 && c.waitBy.IsZero() {
		c.waitBy = now.Add(d)
	}
	over := c.waitBy
	if d := c.srv.limits.ParkAfter; d > 0 && c.srv.lot != nil && c.under.raw != nil && (over.IsZero() || over.Sub(now) > d) {
		c.under.readBy(now.Add(d))
		n, err := c.firstBytes()
		if n > 0 || !isTimeout(err) || c.state.Load() != connIdle {
			return c.began(n, err), false
		}
		c.release()
		c.under.disarm()
		if c.srv.lot.park(c, over) {
			return nil, true
		}
	}
	c.under.readBy(over)
	n, err := c.firstBytes()
	return c.began(n, err), false
}

// began makes what the first read brought the beginning of a request.
func (c *serverConn) began(n int, err error) *h1Exchange {
	if n == 0 || err != nil || !c.state.CompareAndSwap(connIdle, connReading) {
		return nil
	}
	c.h1.in.w = n
	c.waitBy = time.Time{}
	return c.h1
}

func (c *serverConn) firstBytes() (int, error) {
	if c.info.TLS == nil {
		if n, ok, err := c.under.readFirst(c); ok {
			return n, err
		}
	}
	c.release()
	if c.first == nil {
		c.first = make([]byte, firstRead)
	}
	n, err := c.conn.Read(c.first)
	if n > 0 {
		copy(c.firstBuffer(), c.first[:n])
	}
	return n, err
}

// firstBuffer gives the connection an exchange and returns its read buffer.
func (c *serverConn) firstBuffer() []byte {
	if c.h1 == nil {
		x, ok := c.srv.exchanges.Get().(*h1Exchange)
		if !ok {
			x = newH1Exchange()
		}
		x.attach(c)
		c.h1 = x
	}
	return c.h1.in.buf
}

// release gives the exchange back.
func (c *serverConn) release() {
	if x := c.h1; x != nil {
		c.h1 = nil
		x.detach()
		c.srv.exchanges.Put(x)
	}
}

// headEnd is what reading a request head came to.
type headEnd int

const (
	headReady   headEnd = iota // there is a request to answer
	headEnds                   // the connection is at its end
	headIsHTTP2                // the client began with the HTTP/2 preface
)

// http2Preface begins a connection with prior knowledge (RFC 9113 §3.4).
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// readHead reads on until the head is complete. It parses anew only when a
// line has ended since, so a trickle of bytes costs no more than HeaderCount
// passes.
func (x *h1Exchange) readHead() headEnd {
	limits := &x.c.srv.limits
	seen, timed := 0, false
	for {
		p := x.in.pending()
		if x.c.info.Exchanges == 0 && x.c.info.TLS == nil && p[0] == 'P' {
			if bytes.HasPrefix(p, []byte(http2Preface)) {
				return headIsHTTP2
			}
		}
		if seen == 0 || bytes.IndexByte(p[seen:], '\n') >= 0 {
			n, bad := parseRequestHead(&x.head, p, x.c.srv.scheme, limits)
			if bad != nil && !x.mayBeHTTP2(p) {
				return x.refuse(bad)
			}
			if n > limits.HeaderBytes {
				return x.refuse(tooLong(p, limits))
			}
			if n > 0 {
				x.in.r += n
				x.in.base = x.in.r
				x.begin()
				return headReady
			}
		}
		seen = len(p)
		if seen >= limits.HeaderBytes {
			return x.refuse(tooLong(p, limits))
		}
		if !timed {
			timed = true
			x.c.headerDeadline()
		}
		if err := x.in.more(); err != nil {
			if isTimeout(err) {
				return x.refuse(refuse(408, "request head not complete after %v", limits.HeaderTimeout))
			}
			return headEnds
		}
	}
}

// mayBeHTTP2 reports whether p is the beginning of the HTTP/2 preface, which
// looks like a request of another version.
func (x *h1Exchange) mayBeHTTP2(p []byte) bool {
	return x.c.info.Exchanges == 0 && x.c.info.TLS == nil && bytes.HasPrefix([]byte(http2Preface), p)
}

func (c *serverConn) headerDeadline() {
	if d := c.srv.limits.HeaderTimeout; d > 0 {
		c.under.readBy(time.Now().Add(d))
	} else {
		c.under.readBy(time.Time{})
	}
}

func tooLong(p []byte, limits *Limits) *refusal {
	if bytes.IndexByte(p, '\n') < 0 {
		return refuse(414, "request line longer than %d bytes", limits.HeaderBytes)
	}
	return refuse(431, "request head longer than %d bytes", limits.HeaderBytes)
}

// refuse answers a head that is not taken, and ends the connection.
func (x *h1Exchange) refuse(bad *refusal) headEnd {
	x.c.srv.refused(BadRequest{Remote: x.c.info.Remote, Proto: HTTP11, Status: bad.status, Reason: bad.reason})
	x.begin()
	x.req.Method = http.MethodGet // nothing of the head is to be trusted
	x.last = true
	if x.answer(bad.status, bad.reason) == nil && x.Flush() == nil {
		linger(x.c.conn, x.c.under, x.in.buf)
	}
	return headEnds
}
