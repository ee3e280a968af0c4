package link

import (
	"context"
	"net"
	"net/netip"
)

// Via is a network on which some addresses are elsewhere: TCP connections to
// a key of To go to its value. It serves to meet hosts of a [Loopback] from
// another process.
type Via struct {
	Network
	To map[netip.AddrPort]netip.AddrPort
}

// Dial connects to where addr really is.
func (v Via) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if to, ok := v.To[addr]; ok {
		addr = to
	}
	return v.Network.Dial(ctx, addr)
}
