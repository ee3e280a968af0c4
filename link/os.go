package link

import (
	"context"
	"net"
	"net/netip"
)

// OS is the operating system's network. The zero value is ready to use.
type OS struct{}

// Dial connects with TCP_NODELAY set, as Go does by default.
func (OS) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr.String())
}

// Listen listens on addr; an unspecified IPv6 address also takes IPv4.
func (OS) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", addr.String())
}

// ListenPacket opens a UDP socket on addr.
func (OS) ListenPacket(ctx context.Context, addr netip.AddrPort) (PacketConn, error) {
	var lc net.ListenConfig
	s := addr.String()
	if !addr.Addr().IsValid() {
		s = net.JoinHostPort("", "0")
	}
	c, err := lc.ListenPacket(ctx, "udp", s)
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}
