package stack

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"waypost/tcp"
)

// TCPListener is a port in LISTEN. It is a net.Listener.
type TCPListener struct {
	host  *Host
	local netip.AddrPort
	tcp   *tcp.Listener

	// Under the host's lock.
	waiting  sync.Cond
	children map[*tcp.Conn]*TCPConn // not yet accepted, half-open ones too
	closed   bool
	late     bool // the deadline has passed
	timer    timer
}

var _ net.Listener = (*TCPListener)(nil)

// Listen accepts TCP connections at addr, by a *[TCPListener]. Port 0 picks a
// free one; the zero Addr and :: take both IPv4 and IPv6. It fails with
// syscall.EADDRINUSE where another listens, and with EADDRNOTAVAIL when the
// address is not the host's.
func (h *Host) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, opError("listen", "tcp", nil, tcpAddr(addr), err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	h.lock()
	defer h.unlock()
	if h.closed {
		return fail(errHostClosed)
	}
	own, err := h.bindable(addr.Addr())
	if err != nil || own.IsMulticast() {
		return fail(sysError("bind", syscall.EADDRNOTAVAIL))
	}
	port := addr.Port()
	if port == 0 {
		if port, err = h.bindPort(func(port uint16) bool { return len(h.listeners[port]) == 0 }); err != nil {
			return fail(sysError("bind", err))
		}
	}
	local := netip.AddrPortFrom(own, port)
	if slices.ContainsFunc(h.listeners[port], func(l *TCPListener) bool { return overlap(l.local.Addr(), own) }) {
		return fail(sysError("bind", syscall.EADDRINUSE))
	}
	l := &TCPListener{host: h, local: local, children: make(map[*tcp.Conn]*TCPConn)}
	l.waiting.L = &h.mu
	l.timer.owner = l
	l.tcp = tcp.Listen(&tcp.ListenConfig{
		Config: h.tcpConfig(0), Backlog: h.config.Backlog, Cookies: h.config.Cookies, Secret: h.secret,
		MSS: func(_, remote netip.AddrPort) int { return h.listenMSS(remote.Addr()) },
	})
	h.listeners[port] = append(h.listeners[port], l)
	return l, nil
}

// listenMSS is the MSS to announce to a peer that connects.
func (h *Host) listenMSS(peer netip.Addr) int {
	p, err := h.path(netip.Addr{}, peer, nil)
	if err != nil {
		return h.config.TCP.MSS
	}
	return h.mss(p.iface, peer)
}

// listener finds who takes connections to local: the one that is bound most
// exactly.
func (h *Host) listener(local netip.AddrPort) *TCPListener {
	var best *TCPListener
	bestRank := -1
	for _, l := range h.listeners[local.Port()] {
		if rank, ok := covers(l.local.Addr(), local.Addr()); ok && rank > bestRank {
			best, bestRank = l, rank
		}
	}
	return best
}

// segment takes a segment that belongs to no connection; it is in h.segment.
func (l *TCPListener) segment(d *datagram, local, remote netip.AddrPort) {
	h := l.host
	conn, reply, send := l.tcp.Segment(h.time, local, remote, &h.segment)
	if conn != nil {
		l.adopt(conn, d)
	}
	h.newcomer = nil
	if send {
		h.answer(d, &reply)
	}
}

// adopt puts a connection that the listener made into the table.
func (l *TCPListener) adopt(conn *tcp.Conn, d *datagram) {
	h := l.host
	way, err := h.path(conn.Local().Addr(), conn.Remote().Addr(), d.iface.ifLocal(d.src))
	c := h.newTCPConn(conn.Local(), conn.Remote(), way)
	c.lostWay = err != nil
	c.conn, c.listener = conn, l
	if h.recording() {
		if c.account = h.newcomer; c.account == nil {
			c.account = h.accountFor(c.local, c.remote, nil)
		}
		c.way.cause = c.account.span
	}
	l.children[conn] = c
	h.connections[c.key] = c
	if err == nil && way.mtu < way.iface.mtu {
		conn.PathMTU(h.time, way.mtu)
	}
	h.pump(c)
}

// renewed lets a SYN take the place of a connection in TIME-WAIT, where
// RFC 9293 §3.6.1 and RFC 6191 allow it and somebody listens.
func (h *Host) renewed(old *TCPConn, local, remote netip.AddrPort) bool {
	l := h.listener(local)
	if l == nil {
		return false
	}
	conn, ok := l.tcp.Renew(h.time, old.conn, &h.segment)
	if !ok {
		h.newcomer = nil
		return false
	}
	h.forget(old)
	if conn != nil {
		l.adopt(conn, &datagram{iface: old.way.iface, src: remote.Addr(), dst: local.Addr()})
	}
	h.newcomer = nil
	return true
}

// Accept returns the next connection whose handshake is complete, a
// *[TCPConn]. The peer may have reset it meanwhile: its Read tells.
func (l *TCPListener) Accept() (net.Conn, error) {
	h := l.host
	h.lock()
	defer h.unlock()
	for {
		switch {
		case l.closed:
			return nil, l.fail("accept", net.ErrClosed)
		case l.late:
			return nil, l.fail("accept", os.ErrDeadlineExceeded)
		}
		if conn := l.tcp.Accept(); conn != nil {
			c := l.children[conn]
			delete(l.children, conn)
			c.listener = nil
			return c, nil
		}
		h.wait(&l.waiting)
	}
}

func (l *TCPListener) fail(op string, err error) error {
	return opError(op, "tcp", nil, l.Addr(), err)
}

// Addr is the address that the listener is bound to.
func (l *TCPListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

// Close stops listening. Connections that were not accepted are reset.
func (l *TCPListener) Close() error {
	h := l.host
	h.lock()
	defer h.unlock()
	if l.closed {
		return l.fail("close", net.ErrClosed)
	}
	l.closed = true
	h.unset(&l.timer)
	port := l.local.Port()
	h.listeners[port] = slices.DeleteFunc(h.listeners[port], func(o *TCPListener) bool { return o == l })
	if len(h.listeners[port]) == 0 {
		delete(h.listeners, port)
	}
	for _, conn := range l.tcp.Close(h.time) {
		if c := l.children[conn]; c != nil {
			c.closed = true
			h.pump(c)
		}
	}
	clear(l.children)
	l.waiting.Broadcast()
	return nil
}

// SetDeadline makes Accept fail with os.ErrDeadlineExceeded from t on; the
// zero time unsets it.
func (l *TCPListener) SetDeadline(t time.Time) error {
	h := l.host
	h.lock()
	defer h.unlock()
	if l.closed {
		return l.fail("set", net.ErrClosed)
	}
	l.late = h.deadline(&l.timer, t)
	if l.late {
		l.waiting.Broadcast()
	}
	return nil
}

// expire implements expirer.
func (l *TCPListener) expire(tcp.Time, timerKind) {
	l.late = true
	l.waiting.Broadcast()
}
