package link

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Loopback is a small internet on this machine's loopback interface, for a
// user without root: every host has addresses of its own and listens on the
// standard ports, and under each stands an unprivileged port of 127.0.0.1.
// Hosts see each other by their own addresses only. A client from outside
// (curl, dig, a browser) reaches a host through its [Mapping].
//
// The zero value is an empty internet, ready to use.
type Loopback struct {
	// Prefer names the port of 127.0.0.1 to try first for an address; any
	// free one is taken where it is in use. Set it before the first call.
	Prefer map[netip.AddrPort]uint16

	mu       sync.Mutex
	changed  *sync.Cond                           // a dial has ended
	sockets  [2]map[netip.AddrPort]netip.AddrPort // per protocol: a listener's own address → port of 127.0.0.1
	sources  [2]map[netip.AddrPort]netip.AddrPort // per protocol: port of 127.0.0.1 → a sender's own address
	dialling map[netip.AddrPort]int               // dials under way to a port of 127.0.0.1
	hosts    map[netip.Addr]bool
}

// The two protocols of a Loopback.
const (
	tcp = iota
	udp
)

// Mapping says where on 127.0.0.1 a host's socket is.
type Mapping struct {
	Network string         // "tcp" or "udp"
	Own     netip.AddrPort // as the hosts see it
	Real    netip.AddrPort // as everybody else does
}

// Mappings returns all listening sockets, by their own address.
func (l *Loopback) Mappings() []Mapping {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Mapping
	for proto, name := range [...]string{tcp: "tcp", udp: "udp"} {
		for own, local := range l.sockets[proto] {
			all = append(all, Mapping{name, own, local})
		}
	}
	slices.SortFunc(all, func(a, b Mapping) int {
		if c := a.Own.Compare(b.Own); c != 0 {
			return c
		}
		return len(b.Network) - len(a.Network)
	})
	return all
}

// Host returns the network as the host with this address has it.
func (l *Loopback) Host(addr netip.Addr) Network {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hosts == nil {
		l.changed = sync.NewCond(&l.mu)
		for proto := range l.sockets {
			l.sockets[proto] = make(map[netip.AddrPort]netip.AddrPort)
			l.sources[proto] = make(map[netip.AddrPort]netip.AddrPort)
		}
		l.dialling = make(map[netip.AddrPort]int)
		l.hosts = make(map[netip.Addr]bool)
	}
	l.hosts[addr] = true
	return host{l, addr}
}

type host struct {
	inet *Loopback
	addr netip.Addr
}

// own is the host's own view of an address to bind: an unspecified one means
// the host's.
func (h host) own(addr netip.AddrPort) (netip.AddrPort, error) {
	a := addr.Addr()
	if !a.IsValid() || a.IsUnspecified() {
		return netip.AddrPortFrom(h.addr, addr.Port()), nil
	}
	if a != h.addr {
		return addr, fmt.Errorf("listen %s: this host is %s", addr, h.addr)
	}
	return addr, nil
}

func (h host) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	l := h.inet
	l.mu.Lock()
	local, ok := l.sockets[tcp][addr]
	known := l.hosts[addr.Addr()]
	if ok {
		l.dialling[local]++
	}
	l.mu.Unlock()
	if !ok {
		err := syscall.EHOSTUNREACH
		if known {
			err = syscall.ECONNREFUSED
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(addr), Err: err}
	}
	c, err := OS{}.Dial(ctx, local)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dialling[local]--
	l.changed.Broadcast()
	if err != nil {
		return nil, err
	}
	from := AddrPort(c.LocalAddr())
	own := netip.AddrPortFrom(h.addr, from.Port())
	l.sources[tcp][from] = own
	return &streamConn{Conn: c, inet: l, source: from, local: own, remote: addr}, nil
}

func (h host) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	own, err := h.own(addr)
	if err != nil {
		return nil, err
	}
	l, err := bind(h.inet, own, func(at netip.AddrPort) (net.Listener, error) { return OS{}.Listen(ctx, at) })
	if err != nil {
		return nil, err
	}
	local := AddrPort(l.Addr())
	if own.Port() == 0 {
		own = netip.AddrPortFrom(own.Addr(), local.Port())
	}
	if err := h.inet.add(tcp, own, local); err != nil {
		l.Close()
		return nil, err
	}
	return &listener{Listener: l, inet: h.inet, own: own, local: local}, nil
}

func (h host) ListenPacket(ctx context.Context, addr netip.AddrPort) (PacketConn, error) {
	own, err := h.own(addr)
	if err != nil {
		return nil, err
	}
	c, err := bind(h.inet, own, func(at netip.AddrPort) (PacketConn, error) { return OS{}.ListenPacket(ctx, at) })
	if err != nil {
		return nil, err
	}
	local := AddrPort(c.LocalAddr())
	if own.Port() == 0 {
		own = netip.AddrPortFrom(own.Addr(), local.Port())
	}
	if err := h.inet.add(udp, own, local); err != nil {
		c.Close()
		return nil, err
	}
	return &packetConn{PacketConn: c, inet: h.inet, own: own, local: local}, nil
}

// bind opens a socket at the preferred port for own, or at any.
func bind[S any](l *Loopback, own netip.AddrPort, open func(netip.AddrPort) (S, error)) (S, error) {
	home := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if port := l.Prefer[own]; port != 0 {
		if s, err := open(netip.AddrPortFrom(home, port)); err == nil {
			return s, nil
		}
	}
	return open(netip.AddrPortFrom(home, 0))
}

func (l *Loopback) add(proto int, own, local netip.AddrPort) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.sockets[proto][own]; taken {
		return &net.OpError{Op: "listen", Net: [...]string{"tcp", "udp"}[proto], Addr: net.TCPAddrFromAddrPort(own), Err: syscall.EADDRINUSE}
	}
	l.sockets[proto][own] = local
	if proto == udp {
		l.sources[udp][local] = own
	}
	return nil
}

func (l *Loopback) remove(proto int, own, local netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sockets[proto], own)
	if proto == udp {
		delete(l.sources[udp], local)
	}
}

// dialWait bounds the wait for a dial to say where a connection comes from.
// On the loopback interface a dial returns within microseconds; only a full
// backlog keeps it longer, and that empties by accepting.
const dialWait = 100 * time.Millisecond

// source returns the sender's own address behind a port of 127.0.0.1. A
// connection can be accepted before its dial has returned, so while dials to
// the listener are under way an unknown sender is waited for. One that stays
// unknown is a client from outside.
func (l *Loopback) source(from, to netip.AddrPort) netip.AddrPort {
	over := false
	defer time.AfterFunc(dialWait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		over = true
		l.changed.Broadcast()
	}).Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if own, ok := l.sources[tcp][from]; ok {
			return own
		}
		if over || l.dialling[to] == 0 {
			return from
		}
		l.changed.Wait()
	}
}

type listener struct {
	net.Listener
	inet       *Loopback
	own, local netip.AddrPort
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	remote := l.inet.source(AddrPort(c.RemoteAddr()), l.local)
	return &streamConn{Conn: c, inet: l.inet, local: l.own, remote: remote}, nil
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.own) }

func (l *listener) Close() error {
	l.inet.remove(tcp, l.own, l.local)
	return l.Listener.Close()
}

// streamConn is a TCP connection under the hosts' own addresses.
type streamConn struct {
	net.Conn
	inet          *Loopback
	source        netip.AddrPort // the port of 127.0.0.1 to forget on Close; zero on the accepting side
	local, remote netip.AddrPort
}

func (c *streamConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *streamConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// NetConn is the connection below, as [InfoOf] wants it.
func (c *streamConn) NetConn() net.Conn { return c.Conn }

// CloseWrite ends our side of the connection and leaves the peer's open.
func (c *streamConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func (c *streamConn) Close() error {
	if c.source.IsValid() {
		c.inet.mu.Lock()
		delete(c.inet.sources[tcp], c.source)
		c.inet.mu.Unlock()
	}
	return c.Conn.Close()
}

// packetConn is a UDP socket under the host's own address.
type packetConn struct {
	PacketConn
	inet       *Loopback
	own, local netip.AddrPort
}

func (c *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.own) }

func (c *packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.PacketConn.ReadFromUDPAddrPort(b)
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	c.inet.mu.Lock()
	defer c.inet.mu.Unlock()
	if own, ok := c.inet.sources[udp][from]; ok {
		from = own
	}
	return n, from, err
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToUDPAddrPort sends to a host's socket, or to a client from outside
// under its 127.0.0.1 address. A datagram to nobody is lost, as on the real
// internet.
func (c *packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.inet.mu.Lock()
	local, ok := c.inet.sockets[udp][to]
	c.inet.mu.Unlock()
	switch {
	case ok:
		to = local
	case !to.Addr().IsLoopback():
		return len(b), nil
	}
	return c.PacketConn.WriteToUDPAddrPort(b, to)
}

func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToUDPAddrPort(b, AddrPort(to))
}

func (c *packetConn) Close() error {
	c.inet.remove(udp, c.own, c.local)
	return c.PacketConn.Close()
}
