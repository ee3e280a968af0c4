package dns

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
)

// wire is a network in memory that runs in a synctest bubble: every host is
// a link.Network with an address of its own. UDP packets may be lost or
// forged; TCP connections are pipes.
type wire struct {
	mu   sync.Mutex
	udp  map[netip.AddrPort]*packetConn
	tcp  map[netip.AddrPort]*listener
	port uint16
	// pass, when set, sees every UDP packet on its way and says whether it
	// arrives.
	pass func(from, to netip.AddrPort, b []byte) bool
}

func newWire() *wire {
	return &wire{udp: map[netip.AddrPort]*packetConn{}, tcp: map[netip.AddrPort]*listener{}, port: 40000}
}

// host is one machine on a wire.
type host struct {
	*wire
	addr netip.Addr
}

func (w *wire) host(addr string) host { return host{w, netip.MustParseAddr(addr)} }

func (h host) local(addr netip.AddrPort) netip.AddrPort {
	port := addr.Port()
	if port == 0 {
		h.port++
		port = h.port
	}
	return netip.AddrPortFrom(h.addr, port)
}

func (h host) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	h.mu.Lock()
	l, local := h.tcp[addr], h.local(netip.AddrPort{})
	h.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	select {
	case l.conns <- pipeConn{far, local}:
		return pipeConn{near, addr}, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
}

type pipeConn struct {
	net.Conn
	remote netip.AddrPort
}

func (c pipeConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (h host) Listen(_ context.Context, addr netip.AddrPort) (net.Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &listener{addr: h.local(addr), conns: make(chan net.Conn), done: make(chan struct{})}
	h.tcp[l.addr] = l
	return l, nil
}

type listener struct {
	addr  netip.AddrPort
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

func (h host) ListenPacket(_ context.Context, addr netip.AddrPort) (link.PacketConn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &packetConn{wire: h.wire, addr: h.local(addr), in: make(chan packet, 64)}
	c.SetReadDeadline(time.Time{})
	if h.udp[c.addr] != nil {
		return nil, syscall.EADDRINUSE
	}
	h.udp[c.addr] = c
	return c, nil
}

type packet struct {
	from netip.AddrPort
	b    []byte
}

type packetConn struct {
	wire *wire
	addr netip.AddrPort
	in   chan packet

	mu      sync.Mutex
	expired chan struct{} // closed at the deadline
	timer   *time.Timer
	closed  bool
}

func (c *packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	expired := c.expired
	c.mu.Unlock()
	select {
	case <-expired:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			return 0, netip.AddrPort{}, net.ErrClosed
		}
		return 0, netip.AddrPort{}, &net.OpError{Op: "read", Net: "udp", Err: os.ErrDeadlineExceeded}
	case p := <-c.in:
		return copy(b, p.b), p.from, nil
	}
}

func (c *packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.wire.send(c.addr, to, b)
	return len(b), nil
}

// send delivers a packet, whoever says to have sent it.
func (w *wire) send(from, to netip.AddrPort, b []byte) {
	w.mu.Lock()
	target, pass := w.udp[to], w.pass
	w.mu.Unlock()
	if pass != nil && !pass(from, to, b) || target == nil {
		return
	}
	select {
	case target.in <- packet{from, append([]byte(nil), b...)}:
	default: // the socket's buffer is full
	}
}

func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.expired == nil || isClosed(c.expired) && !c.closed {
		c.expired = make(chan struct{})
	}
	if t.IsZero() || c.closed {
		return nil
	}
	if expired := c.expired; !t.After(time.Now()) {
		close(expired)
	} else {
		c.timer = time.AfterFunc(time.Until(t), func() { close(expired) })
	}
	return nil
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (c *packetConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.udp, c.addr)
	c.wire.mu.Unlock()
	c.SetReadDeadline(time.Time{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	if !isClosed(c.expired) {
		close(c.expired)
	}
	return nil
}

func (c *packetConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }
func (c *packetConn) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(c.addr) }
func (c *packetConn) ReadFrom([]byte) (int, net.Addr, error) {
	return 0, nil, errors.ErrUnsupported
}
func (c *packetConn) WriteTo([]byte, net.Addr) (int, error) { return 0, errors.ErrUnsupported }
