// Package link is the seam between the road and the network under it.
//
// Everything in waypost that touches a socket gets it from a [Network]:
// [OS] is the operating system, [Loopback] puts many hosts with addresses of
// their own on this machine's loopback interface, and a host in the lab is
// the third. Nothing above this package knows which one it has.
package link

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Network is one host's access to a network. Names are not its business:
// every address is an IP address and a port.
//
// Implementations are safe for concurrent use. The context bounds only the
// call, not the life of what it returns.
type Network interface {
	// Dial opens a TCP connection to addr.
	Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
	// Listen accepts TCP connections at addr; port 0 picks a free one.
	Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error)
	// ListenPacket opens a UDP socket at addr; port 0 picks a free one and
	// the zero address means any.
	ListenPacket(ctx context.Context, addr netip.AddrPort) (PacketConn, error)
}

// PacketConn is a UDP socket. The AddrPort calls do not allocate.
type PacketConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// TCPInfo is what the transport under a connection knows about it, in the
// terms of Linux's TCP_INFO.
type TCPInfo struct {
	State       string        // RFC 9293 §3.3.2 name, e.g. "ESTABLISHED"
	RTT         time.Duration // smoothed round-trip time (RFC 6298 SRTT)
	RTTVar      time.Duration // its variation (RFC 6298 RTTVAR)
	MSS         int           // bytes of payload in a full segment we send
	Cwnd        int           // congestion window in segments
	Ssthresh    int           // slow start threshold in segments; 0 while not yet set
	Retransmits int           // segments sent again over the life of the connection
	BytesAcked  int64         // payload bytes the peer has acknowledged
	BytesRecv   int64         // payload bytes received in order
	Options     []string      // negotiated: "timestamps", "sack", "wscale", "ecn"
}

// InfoOf asks the transport under c, unwrapping connections (such as
// *tls.Conn) that offer NetConn. It reports false where nothing is known.
func InfoOf(c net.Conn) (TCPInfo, bool) {
	for c != nil {
		if i, ok := c.(interface{ TCPInfo() (TCPInfo, bool) }); ok {
			return i.TCPInfo()
		}
		if info, ok := osInfo(c); ok {
			return info, true
		}
		u, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = u.NetConn()
	}
	return TCPInfo{}, false
}

// AddrPort returns the address of a as a netip.AddrPort with any IPv4-mapped
// IPv6 form undone. It is the zero AddrPort when a is not an IP address and
// port.
func AddrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	case nil:
		return ap
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
