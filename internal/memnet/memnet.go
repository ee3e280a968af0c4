// Package memnet is an internet in memory for tests in virtual time: hosts
// with addresses, delays between them, addresses that refuse and addresses
// that swallow. Inside a testing/synctest bubble every duration is exact.
//
// It carries TCP without knowing of segments, and UDP; the lab does more.
package memnet

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"waypost/link"
)

// Net is an internet. The zero value is one without hosts and delays. Its
// fields are set before the first call.
type Net struct {
	// Delay is the time that a byte takes from one host to another; an entry
	// in Delays, by the address that listens, takes its place.
	Delay  time.Duration
	Delays map[netip.Addr]time.Duration
	// Hole tells the addresses that never answer. Others at which nobody
	// listens refuse.
	Hole map[netip.Addr]bool
	// Lose, where it is set, tells of each datagram whether it is lost. It
	// is called from several goroutines.
	Lose func(from, to netip.AddrPort, b []byte) bool

	mu        sync.Mutex
	listeners map[netip.AddrPort]*listener
	packets   map[netip.AddrPort]*packetConn
	port      uint16
	conns     []*Conn
}

// Host returns the network as the host with this address has it.
func (n *Net) Host(addr netip.Addr) link.Network { return host{n, addr} }

// Conns returns the dialing ends of all connections ever made, in the order
// in which they were asked for and accepted.
func (n *Net) Conns() []*Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Conn(nil), n.conns...)
}

// delay is the time a byte takes to or from addr.
func (n *Net) delay(addr netip.Addr) time.Duration {
	if d, ok := n.Delays[addr]; ok {
		return d
	}
	return n.Delay
}

type host struct {
	net  *Net
	addr netip.Addr
}

// Dial takes one round trip.
func (h host) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	op := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	if h.net.Hole[to.Addr()] {
		<-ctx.Done()
		return nil, op(ctx.Err())
	}
	d := h.net.delay(to.Addr())
	trip := time.NewTimer(2 * d)
	defer trip.Stop()
	select {
	case <-trip.C:
	case <-ctx.Done():
		return nil, op(ctx.Err())
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	l := h.net.listeners[to]
	if l == nil {
		return nil, op(syscall.ECONNREFUSED)
	}
	h.net.port++
	from := netip.AddrPortFrom(h.addr, 40000+h.net.port)
	there, back := newPipe(d), newPipe(d)
	ours := &Conn{in: back, out: there, local: from, remote: to}
	theirs := &Conn{in: there, out: back, local: to, remote: from}
	select {
	case l.backlog <- theirs:
	default:
		return nil, op(syscall.ECONNREFUSED)
	}
	h.net.conns = append(h.net.conns, ours)
	return ours, nil
}

// backlog bounds the connections that wait for Accept.
const backlog = 1024

func (h host) Listen(_ context.Context, at netip.AddrPort) (net.Listener, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.listeners[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: syscall.EADDRINUSE}
	}
	if h.net.listeners == nil {
		h.net.listeners = make(map[netip.AddrPort]*listener)
	}
	l := &listener{net: h.net, at: at, backlog: make(chan net.Conn, backlog), done: make(chan struct{})}
	h.net.listeners[at] = l
	return l, nil
}

// ListenPacket opens a UDP socket. Datagrams take as long as bytes do and
// keep their order.
func (h host) ListenPacket(_ context.Context, at netip.AddrPort) (link.PacketConn, error) {
	return h.listenPacket(at)
}

type listener struct {
	net     *Net
	at      netip.AddrPort
	backlog chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

func (l *listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		delete(l.net.listeners, l.at)
		close(l.done)
	})
	return nil
}
