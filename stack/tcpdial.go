package stack

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"waypost/tcp"
	"waypost/trace"
)

// Dial opens a TCP connection to addr, a *[TCPConn]. It waits for the
// handshake, or until ctx ends, or until the connection fails:
// syscall.ECONNREFUSED when nobody listens, EHOSTUNREACH when no neighbour or
// router leads there, ENETUNREACH without a route, ETIMEDOUT when no SYN is
// answered.
func (h *Host) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	fail := func(source net.Addr, err error) (net.Conn, error) {
		return nil, opError("dial", "tcp", source, tcpAddr(addr), err)
	}
	if err := ctx.Err(); err != nil {
		return fail(nil, err)
	}
	h.lock()
	defer h.unlock()
	c, err := h.connect(addr, trace.From(ctx))
	if err != nil {
		return fail(nil, sysError("connect", err))
	}
	defer context.AfterFunc(ctx, func() {
		h.lock()
		defer h.unlock()
		c.writers.Broadcast()
	})()
	for {
		switch {
		case c.closed: // by the host
			return fail(c.LocalAddr(), errHostClosed)
		case c.conn.Err() != nil:
			return fail(c.LocalAddr(), connError("connect", c.conn.Err()))
		case c.conn.State() > tcp.SynReceived:
			return c, nil
		case ctx.Err() != nil:
			c.closed = true
			c.conn.Abort(h.time)
			h.pump(c)
			return fail(c.LocalAddr(), ctx.Err())
		}
		c.waitingWriters++
		h.wait(&c.writers)
		c.waitingWriters--
	}
}

// connect makes a connection and sends its SYN.
func (h *Host) connect(addr netip.AddrPort, cause *trace.Span) (*TCPConn, error) {
	switch {
	case h.closed:
		return nil, errHostClosed
	case !addr.IsValid() || addr.Port() == 0 || addr.Addr().IsMulticast() || addr.Addr() == limitedBroadcast:
		return nil, syscall.EADDRNOTAVAIL
	}
	if addr.Addr().IsUnspecified() { // this host, as everywhere
		addr = netip.AddrPortFrom(loopbackOf(addr.Addr()), addr.Port())
	}
	way, err := h.path(netip.Addr{}, addr.Addr(), nil)
	if err != nil {
		return nil, err
	}
	if way.iface.isBroadcast(way.dst) {
		return nil, syscall.EACCES
	}
	remote := netip.AddrPortFrom(way.dst, addr.Port())
	port, err := h.connectPort(way.src, remote, func(port uint16) bool {
		_, taken := h.connections[keyOf(netip.AddrPortFrom(way.src, port), remote)]
		return !taken && len(h.listeners[port]) == 0
	})
	if err != nil {
		return nil, err
	}
	local := netip.AddrPortFrom(way.src, port)
	c := h.newTCPConn(local, remote, way)
	h.config.Causes.put(local, remote, cause.Context())
	c.account = h.accountFor(local, remote, cause)
	if c.account != nil {
		c.way.cause = c.account.span
	}
	h.connections[c.key] = c
	iss := tcp.InitialSequence(h.secret, local, remote, h.time)
	c.conn = tcp.Dial(h.tcpConfig(h.mss(way.iface, way.dst)), local, remote, iss, h.time)
	if way.mtu < way.iface.mtu {
		c.conn.PathMTU(h.time, way.mtu)
	}
	h.pump(c)
	return c, nil
}

// loopbackOf is the loopback address of the family of a.
func loopbackOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}
