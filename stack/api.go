// Package stack is a host: interfaces, ARP and NDP caches, routes and
// forwarding, ICMP, UDP and TCP sockets. Under it is a [Device] for each
// interface, a link of the lab or a TUN device; above it the host is a
// [link.Network], so that net/http, crypto/tls, quic-go and our own servers
// run on it unchanged.
package stack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"waypost/link"
	"waypost/packet"
	"waypost/tcp"
	"waypost/trace"
)

// Config is what a host is made of. The zero value is a host without a name
// that records nothing.
type Config struct {
	// Name is the host's name in the record and in errors.
	Name string
	// Station notes the host's facts (arp.resolve, icmp.error, tcp.*); nil
	// notes nothing and costs nothing. Its recorder is called under the
	// host's lock and must not call the host.
	Station *trace.Station
	// Seed, together with Name, fixes ports, initial sequence numbers,
	// identifications and jitter; with 0 they come from crypto/rand.
	Seed uint64
	// TCP is how connections behave. Its Observe is ignored: the host
	// records through Station.
	TCP tcp.Config
	// Backlog bounds the connections that wait for Accept at each listener;
	// 0 means DefaultBacklog.
	Backlog int
	// Cookies says when listeners answer with SYN cookies.
	Cookies tcp.CookieMode
	// Forward makes the host a router.
	Forward bool
	// Causes is shared by the hosts of one lab; nil keeps none.
	Causes *Causes
}

// DefaultBacklog is the accept queue of a listener: net.core.somaxconn of
// Linux since 5.4.
const DefaultBacklog = 4096

// DefaultMTU is Ethernet's (RFC 894).
const DefaultMTU = 1500

// Host is one host on the network. It is safe for concurrent use.
type Host struct{ config Config }

var _ link.Network = (*Host)(nil)

// New returns a host that has no interface but its loopback one.
func New(c Config) *Host { return &Host{config: c} }

// Name is the host's name.
func (h *Host) Name() string { return h.config.Name }

// Close ends everything on the host at once: connections are reset, sockets
// closed, and calls that wait return net.ErrClosed.
func (h *Host) Close() {}

// Device is what an interface sends through: one end of a link of the lab, a
// TUN device.
type Device interface {
	// Transmit sends a frame: Ethernet, or an IP packet on an interface
	// without a MAC. The frame is borrowed during the call. A host calls one
	// Transmit at a time, in the order of its frames and without holding its
	// lock.
	Transmit(frame []byte)
}

// InterfaceConfig is what an interface is made of.
type InterfaceConfig struct {
	Name     string         // by which it is known on its host; "" means eth0, eth1, …
	MAC      packet.MAC     // zero: a device that carries IP packets without Ethernet
	MTU      int            // bytes of an IP packet; 0 means DefaultMTU
	Prefixes []netip.Prefix // our addresses, each with the length of its on-link prefix
}

// Interface is where a host meets a link.
type Interface struct{ host *Host }

// Attach makes an interface of d. Its prefixes become routes.
func (h *Host) Attach(d Device, c InterfaceConfig) (*Interface, error) {
	return &Interface{host: h}, nil
}

// Name is the interface's name on its host.
func (i *Interface) Name() string { return "" }

// MAC is the interface's link address; zero without Ethernet.
func (i *Interface) MAC() packet.MAC { return packet.MAC{} }

// MTU is the largest IP packet in bytes.
func (i *Interface) MTU() int { return 0 }

// Prefixes returns the interface's addresses, each with its on-link prefix.
func (i *Interface) Prefixes() []netip.Prefix { return nil }

// Receive takes a frame from the device. It is borrowed. Receive does not
// block.
func (i *Interface) Receive(frame []byte) {}

// Announce sends gratuitous ARP and unsolicited neighbor advertisements.
func (i *Interface) Announce() {}

// Route says where packets to the addresses of a prefix go.
type Route struct {
	Prefix    netip.Prefix
	Via       netip.Addr // the gateway; the zero Addr: the addresses are on the link
	Interface *Interface // nil: the one on whose link Via is
}

func (r Route) String() string { return "" }

// AddRoute adds a route; one for the same prefix is replaced.
func (h *Host) AddRoute(r Route) error { return errors.ErrUnsupported }

// RemoveRoute removes the route of a prefix and reports whether there was one.
func (h *Host) RemoveRoute(prefix netip.Prefix) bool { return false }

// Routes returns the table, the longest prefix first.
func (h *Host) Routes() []Route { return nil }

// Addrs returns the host's unicast addresses without those of loopback.
func (h *Host) Addrs() []netip.Addr { return nil }

// Dial opens a TCP connection: a *TCPConn.
func (h *Host) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// Listen accepts TCP connections at addr: a *TCPListener.
func (h *Host) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	return nil, errors.ErrUnsupported
}

// ListenPacket opens a UDP socket at addr: a *UDPConn.
func (h *Host) ListenPacket(ctx context.Context, addr netip.AddrPort) (link.PacketConn, error) {
	return nil, errors.ErrUnsupported
}

// DialUDP opens a UDP socket that hears only addr, and hears its ICMP errors.
func (h *Host) DialUDP(ctx context.Context, addr netip.AddrPort) (*UDPConn, error) {
	return nil, errors.ErrUnsupported
}

// Ping sends an ICMP echo request and waits for its reply.
func (h *Host) Ping(ctx context.Context, addr netip.Addr) (time.Duration, error) {
	return 0, errors.ErrUnsupported
}

// TCPConn is one end of a TCP connection.
type TCPConn struct{ net.Conn }

// CloseWrite sends FIN after what was written.
func (c *TCPConn) CloseWrite() error { return errors.ErrUnsupported }

// SetLinger with 0 makes Close reset the connection; any other value lets
// what was written drain in the background.
func (c *TCPConn) SetLinger(seconds int) error { return errors.ErrUnsupported }

// SetKeepAliveConfig sets the keepalive as net.TCPConn does.
func (c *TCPConn) SetKeepAliveConfig(net.KeepAliveConfig) error { return errors.ErrUnsupported }

// TCPInfo is what the connection knows about itself.
func (c *TCPConn) TCPInfo() (link.TCPInfo, bool) { return link.TCPInfo{}, false }

// TCPListener is a net.Listener.
type TCPListener struct{ net.Listener }

// UDPConn is a UDP socket: a link.PacketConn, and a net.Conn when connected.
type UDPConn struct{ link.PacketConn }

// JoinGroup makes the socket hear datagrams to a multicast group on an
// interface; nil is the one that the route to the group names.
func (c *UDPConn) JoinGroup(i *Interface, group netip.Addr) error { return errors.ErrUnsupported }

// LeaveGroup undoes JoinGroup.
func (c *UDPConn) LeaveGroup(i *Interface, group netip.Addr) error { return errors.ErrUnsupported }

// Socket is one line of what netstat would say.
type Socket struct {
	Protocol      string // "tcp" or "udp"
	Local, Remote netip.AddrPort
	State         string // of TCP: RFC 9293 §3.3.2
	ReceiveQueue  int    // bytes not yet read; of a listener: connections not yet accepted
	SendQueue     int    // bytes not yet acknowledged
}

// Sockets returns all sockets: listeners first, then by protocol and ends.
func (h *Host) Sockets() []Socket { return nil }

// Neighbour is one entry of the ARP or NDP cache.
type Neighbour struct {
	Interface string
	Addr      netip.Addr
	MAC       packet.MAC // zero while it is not known
	State     string     // incomplete, reachable, stale, delay, probe or failed (RFC 4861 §7.3.2)
}

// Neighbours returns the caches, by interface and address.
func (h *Host) Neighbours() []Neighbour { return nil }

// Causes keeps, for connections under way, the trace context of the dial, so
// that the other end's facts carry the journey's id too. It is bounded and
// safe for concurrent use.
type Causes struct{}

// NewCauses returns an empty memory of causes.
func NewCauses() *Causes { return &Causes{} }
