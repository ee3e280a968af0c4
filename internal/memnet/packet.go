package memnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"waypost/link"
)

// packetQueue bounds the datagrams that wait at a socket; what comes beyond
// is lost, as on a real one.
const packetQueue = 1024

// packetConn is a UDP socket.
type packetConn struct {
	net *Net
	at  netip.AddrPort

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	queue   []datagram
	closed  bool
	readBy  time.Time
}

type datagram struct {
	bytes []byte
	from  netip.AddrPort
	at    time.Time // when it arrives
}

// listenPacket opens a UDP socket of a host.
func (h host) listenPacket(at netip.AddrPort) (link.PacketConn, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := at.Addr(); !a.IsValid() || a.IsUnspecified() {
		at = netip.AddrPortFrom(h.addr, at.Port())
	}
	if at.Port() == 0 {
		n.port++
		at = netip.AddrPortFrom(at.Addr(), 40000+n.port)
	}
	if n.packets[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: net.UDPAddrFromAddrPort(at), Err: syscall.EADDRINUSE}
	}
	if n.packets == nil {
		n.packets = make(map[netip.AddrPort]*packetConn)
	}
	c := &packetConn{net: n, at: at, changed: make(chan struct{})}
	n.packets[at] = c
	return c, nil
}

// WriteToUDPAddrPort sends a datagram. One to nobody, or to a hole, is lost.
func (c *packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	n := c.net
	n.mu.Lock()
	there := n.packets[to]
	n.mu.Unlock()
	if there == nil || n.Hole[to.Addr()] || n.Lose != nil && n.Lose(c.at, to, b) {
		return len(b), nil
	}
	delay := n.delay(to.Addr())
	if d := n.delay(c.at.Addr()); d > delay {
		delay = d // either end's, as for a connection
	}
	there.put(datagram{append([]byte(nil), b...), c.at, time.Now().Add(delay)})
	return len(b), nil
}

func (c *packetConn) put(d datagram) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue) == packetQueue {
		return
	}
	c.queue = append(c.queue, d)
	c.change()
}

// change wakes everybody who waits on the socket. The lock is held.
func (c *packetConn) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// ReadFromUDPAddrPort waits for a datagram.
func (c *packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		now := time.Now()
		var until time.Time
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case !c.readBy.IsZero() && !now.Before(c.readBy):
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case len(c.queue) > 0 && !now.Before(c.queue[0].at):
			d := c.queue[0]
			c.queue = c.queue[1:]
			return copy(b, d.bytes), d.from, nil
		case len(c.queue) > 0:
			until = c.queue[0].at
		}
		if !c.readBy.IsZero() && (until.IsZero() || c.readBy.Before(until)) {
			until = c.readBy
		}
		c.wait(until)
	}
}

// wait blocks until a change, or until the time given where it is set.
func (c *packetConn) wait(until time.Time) {
	changed := c.changed
	c.mu.Unlock()
	defer c.mu.Lock()
	if until.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToUDPAddrPort(b, link.AddrPort(to))
}

func (c *packetConn) Close() error {
	c.net.mu.Lock()
	delete(c.net.packets, c.at)
	c.net.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.change()
	return nil
}

func (c *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.at) }

func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	c.change()
	return nil
}

// SetWriteDeadline does nothing: a write does not wait.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }
