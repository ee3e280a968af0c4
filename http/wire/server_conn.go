package wire

import (
	"context"
	"crypto/tls"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"waypost/link"
)

// serverConn is one connection of a server. Until its first byte it costs a
// goroutine and this struct, no buffer; after Limits.ParkAfter not even the
// goroutine.
type serverConn struct {
	srv   *serving
	under *transport
	conn  net.Conn // under, or TLS over it
	info  ConnInfo
	state atomic.Int32
	h1    *h1Exchange // the exchange being read or answered; nil while idle
	h2    atomic.Pointer[h2Server]
	first []byte // firstRead bytes, where idle reading needs them
	// spot is its place in the parking lot while it stands there.
	spot atomic.Pointer[parked]
	met  bool // what stands before TLS and HTTP has been read
	// waitBy is when the wait under way ends, for a TLS hello or a request:
	// waking from the lot for less than that does not begin it anew. Zero:
	// none is under way, or it may last for ever.
	waitBy time.Time
	// handedOver tells that an upgrade gave the connection away.
	handedOver bool
}

// firstRead is what an idle connection that is no socket (TLS, the lab)
// waits with instead of a buffer: enough for many a whole head.
const firstRead = 256

// The states of a connection, for those who would close it.
const (
	connIdle    = iota // no request has begun
	connReading        // one has, and its head is not complete
	connActive         // an exchange is under way
	connClosed         // closed by the server's own decision
)

func newServerConn(v *serving, conn net.Conn) *serverConn {
	c := &serverConn{srv: v, under: newTransport(conn, v.limits.WriteTimeout)}
	c.conn = c.under
	c.info = ConnInfo{
		Remote: link.AddrPort(conn.RemoteAddr()), Local: link.AddrPort(conn.LocalAddr()),
		Raw: conn, Draining: v.draining,
	}
	return c
}

// serve runs the connection to its end, or until it is parked; then the lot
// calls it again when something comes.
func (c *serverConn) serve() {
	left := leftOpen
	defer func() {
		if left == leftOpen {
			c.end()
		}
	}()
	if c.srv.Panicked != nil {
		defer func() {
			if value := recover(); value != nil {
				c.srv.Panicked(value, debug.Stack())
			}
		}()
	}
	if !c.met {
		c.met = true
		if c.srv.balancer(c.info.Remote.Addr()) && c.readProxyHeader() != nil {
			return
		}
	}
	if c.srv.tls != nil && c.info.TLS == nil {
		if c.awaitHello() {
			left = leftOthers
			return
		}
		if !c.handshake() {
			return
		}
		if c.info.TLS.NegotiatedProtocol == "h2" {
			c.serveH2(nil)
			return
		}
	}
	left = c.serveH1()
}

// leaving is how a goroutine leaves its connection.
type leaving int

const (
	leftOpen   leaving = iota // to be closed
	leftOthers                // it belongs to whoever upgraded it, or to the lot
)

// end closes the connection for good. Whoever owns it calls this once.
func (c *serverConn) end() {
	c.close()
	c.srv.forget(c)
}

// awaitHello waits until the client says something, within HandshakeTimeout
// of its coming, and reports whether that wait goes on in the lot: a
// connection costs a goroutine and the state of a handshake only once it has
// sent a byte. Where it cannot be parked, the handshake itself waits.
func (c *serverConn) awaitHello() (isParked bool) {
	now := time.Now()
	if d := c.srv.limits.HandshakeTimeout; d > 0 && c.waitBy.IsZero() {
		c.waitBy = now.Add(d)
	}
	d := c.srv.limits.ParkAfter
	if d <= 0 || c.srv.lot == nil || !c.waitBy.IsZero() && c.waitBy.Sub(now) <= d {
		return false
	}
	c.under.readBy(now.Add(d))
	if !isTimeout(c.under.awaitBytes()) || c.state.Load() != connIdle {
		return false
	}
	c.under.disarm()
	return c.srv.lot.park(c, c.waitBy)
}

// maxHello bounds what a client may send before its handshake is complete. A
// hello with a key share for the time after quantum computers has 2 KB;
// crypto/tls alone would collect 64 KB of it.
const maxHello = 16 << 10

// handshake does the TLS handshake. What went wrong is between the client
// and crypto/tls, which sends the alert. Whoever ends the server closes the
// connection, so the handshake needs no context, which would cost it another
// goroutine.
func (c *serverConn) handshake() bool {
	t := tls.Server(c.under, c.srv.tls)
	c.under.readBy(c.waitBy)
	c.under.allowance = maxHello
	if err := t.HandshakeContext(context.WithoutCancel(c.srv.base)); err != nil {
		return false
	}
	state := t.ConnectionState()
	c.conn, c.info.TLS = t, &state
	c.under.allowance = 0
	c.waitBy = time.Time{}
	c.under.readBy(time.Time{})
	return true
}

// closeIfIdle closes a connection on which no request is under way, to make
// room for another one. A head that is still coming in is no request: else
// whoever sends a byte and stops would have the place for HeaderTimeout.
func (c *serverConn) closeIfIdle() bool {
	if h2 := c.h2.Load(); h2 != nil {
		return h2.leaveIfIdle()
	}
	return c.closeFrom(connIdle) || c.closeFrom(connReading)
}

// closeFrom closes the connection if it is in the given state.
func (c *serverConn) closeFrom(state int32) bool {
	if !c.state.CompareAndSwap(state, connClosed) {
		return false
	}
	if c.srv.lot.leave(c) {
		go c.end() // the caller may hold what forget wants
		return true
	}
	c.under.hangUp()
	return true
}

// drain asks the connection to end when its exchanges are done, one whose
// head is coming in included.
func (c *serverConn) drain() {
	if h2 := c.h2.Load(); h2 != nil {
		h2.goAway()
		return
	}
	c.closeFrom(connIdle)
}

// cut ends the connection with what is under way on it.
func (c *serverConn) cut() {
	c.srv.lot.leave(c)
	c.under.hangUp()
}

// close closes the connection; over TLS and HTTP/1.1 it says goodbye first
// (HTTP/2 has done so where it could). Only the connection's own goroutine
// calls it.
func (c *serverConn) close() {
	if c.info.TLS != nil && c.h2.Load() == nil && c.state.Load() != connClosed {
		_ = c.conn.Close()
	}
	c.under.hangUp()
}

const (
	// lingerTime and lingerBytes bound what is still read after a last
	// response, so that the client gets to read it: a close with unread
	// bytes sends a reset that can overtake the response (RFC 9112 §9.6).
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// linger ends the sending side and throws away what the peer still sends.
func linger(conn net.Conn, under *transport, buf []byte) {
	if t, ok := conn.(*tls.Conn); ok {
		_ = t.CloseWrite()
	}
	if under.CloseWrite() != nil {
		return
	}
	under.readBy(time.Now().Add(lingerTime))
	for n := 0; n < lingerBytes; {
		m, err := under.Read(buf)
		if n += m; err != nil {
			return
		}
	}
}
