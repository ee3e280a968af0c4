package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"waypost/http/wire"
	"waypost/link"
)

// altSvcAge is how long a client may remember that there is HTTP/3 here (RFC
// 7838 §3.1): the protocol's own default. It remembers a failure too, so that
// turning HTTP/3 off costs no visitor more than one attempt.
const altSvcAge = 24 * time.Hour

// listenSecure binds each address for s over TLS, and with http3 over QUIC as
// well: UDP at the same address and port, which Alt-Svc announces.
func (n *Node) listenSecure(ctx context.Context, role string, at []netip.AddrPort, s wire.Server, http3 bool) (serve []func(context.Context) error, err error) {
	if !http3 {
		return n.listenHTTP(ctx, role, at, &s)
	}
	for _, addr := range at {
		one := s // its port is its own
		more, err := n.listenHTTP(ctx, role, []netip.AddrPort{addr}, &one)
		serve = append(serve, more...)
		if err != nil {
			return serve, err
		}
		bound := n.listeners[len(n.listeners)-1].Address
		pc, err := n.network.ListenPacket(ctx, netip.AddrPortFrom(addr.Addr(), bound.Port()))
		if err != nil {
			return serve, fmt.Errorf("HTTP/3: %w", err)
		}
		one.AltSvc = fmt.Sprintf(`h3=":%d"; ma=%d`, bound.Port(), int(altSvcAge.Seconds()))
		one.EarlyData = true
		if draw := n.random("quic"); draw != nil {
			one.Rand = drawn{draw}
		}
		n.listeners = append(n.listeners, Listener{role, "h3", link.AddrPort(pc.LocalAddr())})
		serve = append(serve, func(ctx context.Context) error { return one.ServeQUIC(ctx, pc) })
	}
	return serve, nil
}

// drawn is a source of numbers as a source of bytes.
type drawn struct{ draw func() uint64 }

// Read fills p.
func (d drawn) Read(p []byte) (int, error) {
	for b := p; len(b) > 0; {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], d.draw())
		b = b[copy(b, word[:]):]
	}
	return len(p), nil
}

var _ io.Reader = drawn{}
