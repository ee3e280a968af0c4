package stack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"waypost/link"
	"waypost/packet"
	"waypost/tcp"
	"waypost/trace"
)

// UDPConn is a UDP socket: a [link.PacketConn], and when it is connected a
// net.Conn.
type UDPConn struct {
	host   *Host
	local  netip.AddrPort
	remote netip.AddrPort // the zero AddrPort: not connected
	cause  *trace.Span    // what the socket was opened for

	// Under the host's lock.
	readers     sync.Cond
	queue       messages
	queued      int // bytes of queue
	readBuffer  int // and their bound
	dropped     int // datagrams that found no room
	err         error
	closed      bool
	readTimer   timer
	readLate    bool // the read deadline has passed
	writeBy     tcp.Time
	way         path // to where the last datagram went
	ttl         uint8
	groupTTL    uint8
	noLoop      bool
	groups      []membership
	groupDevice *Interface
}

var (
	_ link.PacketConn = (*UDPConn)(nil)
	_ net.Conn        = (*UDPConn)(nil)
)

// ListenPacket opens a UDP socket at addr, a *[UDPConn]. The zero Addr and
// :: take both IPv4 and IPv6. A multicast address takes datagrams to that
// group only, once it is joined.
func (h *Host) ListenPacket(ctx context.Context, addr netip.AddrPort) (link.PacketConn, error) {
	c, err := h.openUDP(ctx, addr, netip.AddrPort{})
	if err != nil {
		return nil, opError("listen", "udp", nil, udpAddr(addr), sysError("bind", err))
	}
	return c, nil
}

// DialUDP opens a UDP socket that sends to addr and hears only it. ICMP
// errors about its datagrams come back from Read and Write: a closed port is
// syscall.ECONNREFUSED.
func (h *Host) DialUDP(ctx context.Context, addr netip.AddrPort) (*UDPConn, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	c, err := h.openUDP(ctx, netip.AddrPort{}, addr)
	if err != nil {
		return nil, opError("dial", "udp", nil, udpAddr(addr), sysError("connect", err))
	}
	return c, nil
}

func (h *Host) openUDP(ctx context.Context, local, remote netip.AddrPort) (*UDPConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.lock()
	defer h.unlock()
	if h.closed {
		return nil, errHostClosed
	}
	c := &UDPConn{
		host: h, remote: remote, readBuffer: defaultUDPBuffer, writeBy: never, ttl: defaultTTL, groupTTL: 1,
		cause: h.join(trace.From(ctx)),
	}
	c.readers.L = &h.mu
	c.readTimer.owner, c.readTimer.kind = c, readTimer
	addr, err := h.bindable(local.Addr())
	if err != nil {
		return nil, err
	}
	if remote.IsValid() {
		if c.way, err = h.path(netip.Addr{}, remote.Addr(), nil); err != nil {
			return nil, err
		}
		c.way.cause = c.cause
		addr = c.way.src
	}
	port := local.Port()
	if port == 0 {
		free := func(port uint16) bool { return len(h.udp[port]) == 0 }
		if port, err = h.bindPort(free); err != nil {
			return nil, err
		}
	}
	c.local = netip.AddrPortFrom(addr, port)
	if h.udp.taken(c.local) {
		return nil, syscall.EADDRINUSE
	}
	h.udp[port] = append(h.udp[port], c)
	return c, nil
}

// LocalAddr is the address that the socket is bound to.
func (c *UDPConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// RemoteAddr is where a connected socket sends to; nil for others.
func (c *UDPConn) RemoteAddr() net.Addr { return udpAddr(c.remote) }

func (c *UDPConn) fail(op string, to netip.AddrPort, err error) error {
	if !to.IsValid() {
		to = c.remote
	}
	return opError(op, "udp", c.LocalAddr(), udpAddr(to), err)
}

// ReadFromUDPAddrPort reads one datagram into b and tells who sent it. What
// does not fit is lost. It does not allocate.
func (c *UDPConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	h := c.host
	h.lock()
	defer h.unlock()
	for {
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, c.fail("read", netip.AddrPort{}, net.ErrClosed)
		case c.readLate:
			return 0, netip.AddrPort{}, c.fail("read", netip.AddrPort{}, os.ErrDeadlineExceeded)
		case c.queue.count > 0:
			m := c.queue.pop()
			c.queued -= max(len(m.bytes), smallBuffer)
			n := copy(b, m.bytes)
			h.free(m.bytes)
			return n, m.from, nil
		case c.err != nil:
			err := c.err
			c.err = nil // RFC 1122 §4.1.3.3: told once
			return 0, netip.AddrPort{}, c.fail("read", netip.AddrPort{}, sysError("recvfrom", err))
		}
		h.wait(&c.readers)
	}
}

// ReadFrom implements net.PacketConn.
func (c *UDPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// Read reads one datagram.
func (c *UDPConn) Read(b []byte) (int, error) {
	n, _, err := c.ReadFromUDPAddrPort(b)
	return n, err
}

// WriteToUDPAddrPort sends one datagram of at most 65,507 bytes. It does not
// wait and does not allocate: what the network has no room for is lost.
func (c *UDPConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.remote.IsValid() {
		return 0, c.fail("write", to, net.ErrWriteToConnected)
	}
	return c.send(b, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
}

// WriteTo implements net.PacketConn.
func (c *UDPConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToUDPAddrPort(b, link.AddrPort(to))
}

// Write sends one datagram to where the socket is connected to.
func (c *UDPConn) Write(b []byte) (int, error) {
	h := c.host
	h.lock()
	defer h.unlock()
	if !c.remote.IsValid() {
		return 0, c.fail("write", netip.AddrPort{}, syscall.EDESTADDRREQ)
	}
	return c.send(b, c.remote)
}

// send sends a datagram. The lock is held.
func (c *UDPConn) send(b []byte, to netip.AddrPort) (int, error) {
	h := c.host
	switch {
	case c.closed:
		return 0, c.fail("write", to, net.ErrClosed)
	case h.time >= c.writeBy:
		return 0, c.fail("write", to, os.ErrDeadlineExceeded)
	case c.err != nil:
		err := c.err
		c.err = nil
		return 0, c.fail("write", to, sysError("sendto", err))
	case !to.IsValid() || to.Port() == 0 || to.Addr().IsUnspecified():
		return 0, c.fail("write", to, sysError("sendto", syscall.EINVAL))
	}
	err := c.find(to.Addr())
	if err == nil {
		err = c.transmit(b, to)
	}
	if err != nil {
		return 0, c.fail("write", to, sysError("sendto", err))
	}
	return len(b), nil
}

// find sees to it that c.way leads to dst.
func (c *UDPConn) find(dst netip.Addr) error {
	h := c.host
	if c.way.dst == dst && !h.outOfDate(&c.way) {
		return nil
	}
	src := c.local.Addr()
	if src.IsUnspecified() || src.IsMulticast() {
		src = netip.Addr{}
	}
	if src.IsValid() && src.Is4() != dst.Is4() || c.local.Addr() == netip.IPv4Unspecified() && !dst.Is4() {
		return syscall.EAFNOSUPPORT
	}
	var on *Interface
	if dst.IsMulticast() && dst.Zone() == "" {
		on = c.groupDevice
	}
	way, err := h.path(src, dst, on)
	if err != nil {
		return err
	}
	if !way.iface.loopback && way.src.IsLoopback() {
		return syscall.EINVAL
	}
	way.cause = c.cause
	c.way = way
	return nil
}

// transmit sends a datagram along c.way, and back to ourselves where we are
// one of the many that it is for.
func (c *UDPConn) transmit(b []byte, to netip.AddrPort) error {
	h, p := c.host, &c.way
	o := header{protocol: packet.ProtocolUDP, ttl: c.ttl}
	if p.dst.IsMulticast() {
		o.ttl = c.groupTTL
	}
	size := packet.UDPSize + len(b)
	if o.size(p.dst)+size > maxMTU {
		return syscall.EMSGSIZE
	}
	udp := packet.UDP{SrcPort: c.local.Port(), DstPort: to.Port()}
	if o.size(p.dst)+size <= p.mtu {
		f := o.append(h.open(p), h, p, size)
		h.shut(p, udp.Append(f, p.src, p.dst, b), false)
	} else {
		whole := udp.Append(h.scratch[:0], p.src, p.dst, b)
		h.scratch = nil
		h.send(p, o, whole)
		h.scratch = whole
	}
	if p.mac.IsMulticast() && (!c.noLoop || !p.dst.IsMulticast()) {
		h.udp.toMany(p.iface, netip.AddrPortFrom(p.dst, to.Port()), netip.AddrPortFrom(p.src, c.local.Port()), b)
	}
	return nil
}

// Close closes the socket. Calls that wait return net.ErrClosed; unread
// datagrams are gone.
func (c *UDPConn) Close() error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("close", netip.AddrPort{}, net.ErrClosed)
	}
	c.closed = true
	h.unset(&c.readTimer)
	h.udp.remove(c)
	for _, m := range c.groups {
		m.iface.leave(m.group)
	}
	c.groups = nil
	for c.queue.count > 0 {
		h.free(c.queue.pop().bytes)
	}
	c.queue, c.queued = messages{}, 0
	c.readers.Broadcast()
	return nil
}

// SetDeadline sets both deadlines; the zero time unsets them.
func (c *UDPConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on,
// those that wait too.
func (c *UDPConn) SetReadDeadline(t time.Time) error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("set", netip.AddrPort{}, net.ErrClosed)
	}
	if c.readLate = h.deadline(&c.readTimer, t); c.readLate {
		c.readers.Broadcast()
	}
	return nil
}

// SetWriteDeadline makes writes fail from t on. No write waits.
func (c *UDPConn) SetWriteDeadline(t time.Time) error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("set", netip.AddrPort{}, net.ErrClosed)
	}
	c.writeBy = h.moment(t)
	return nil
}

// expire implements expirer: the read deadline has passed.
func (c *UDPConn) expire(tcp.Time, timerKind) {
	c.readLate = true
	c.readers.Broadcast()
}

// SetReadBuffer bounds the bytes of datagrams that wait to be read; each
// counts as at least 2,048.
func (c *UDPConn) SetReadBuffer(bytes int) error {
	h := c.host
	h.lock()
	defer h.unlock()
	c.readBuffer = min(max(bytes, smallBuffer), maxUDPBuffer)
	return nil
}

// SetWriteBuffer does nothing: no datagram waits in the socket.
func (c *UDPConn) SetWriteBuffer(int) error { return nil }

// SetTTL sets the TTL or hop limit of unicast datagrams.
func (c *UDPConn) SetTTL(ttl uint8) {
	c.host.lock()
	defer c.host.unlock()
	c.ttl = ttl
}

// Dropped is the number of datagrams that found no room in the queue.
func (c *UDPConn) Dropped() int {
	c.host.lock()
	defer c.host.unlock()
	return c.dropped
}
