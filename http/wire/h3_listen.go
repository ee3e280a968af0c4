package wire

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"

	"waypost/link"
)

// ServeQUIC answers HTTP/3 connections (RFC 9114) that come to pc, until ctx
// ends. Then it takes no more, lets running exchanges end within
// Limits.Drain, closes the rest and pc, and returns nil. It returns early with
// the error of pc. The Server has TLS, of which only the certificates and
// what chooses among them count: QUIC has TLS 1.3 and "h3" for its protocol.
//
// Limits.Connections counts what comes to pc, and what else has the same
// Places. A client's connection counts for it once its address has been shown
// to be its own, by the end of the handshake. What an address can have
// of us before it has shown that it is its own (RFC 9000 §8.1) is three times
// the bytes that came from it, which is QUIC's rule; and see h3RetryAbove.
func (s *Server) ServeQUIC(ctx context.Context, pc link.PacketConn) error {
	defer pc.Close()
	v := newServing(ctx, s)
	if v.tls == nil {
		return errors.New("serve HTTP/3: QUIC cannot do without TLS")
	}
	v.tls.NextProtos = []string{alpnH3}
	v.tls.MinVersion = tls.VersionTLS13 // RFC 9001 §4.2
	door := &h3Door{v: v}
	random := s.Rand
	if random == nil {
		random = rand.Reader
	}
	t := &quic.Transport{
		Conn: datagrams(pc), ConnectionIDGenerator: &h3ConnectionIDs{from: random},
		StatelessResetKey: &quic.StatelessResetKey{}, TokenGeneratorKey: &quic.TokenGeneratorKey{},
		VerifySourceAddress: door.verify, ConnContext: door.enter,
	}
	for _, key := range [][]byte{t.StatelessResetKey[:], t.TokenGeneratorKey[:]} {
		if _, err := io.ReadFull(random, key); err != nil {
			return fmt.Errorf("serve HTTP/3: keys: %w", err)
		}
	}
	l, err := t.ListenEarly(v.tls, v.quicConfig())
	if err != nil {
		return fmt.Errorf("serve HTTP/3 at %s: %w", pc.LocalAddr(), err)
	}
	accepting := make(chan error, 1)
	go func() { accepting <- v.acceptQUIC(l) }()
	select {
	case <-ctx.Done():
		v.drain() // who comes meanwhile is refused at the door
		_ = l.Close()
		<-accepting //nolint:errcheck // that it was closed
		err = nil
	case err = <-accepting:
		v.drain()
	}
	_ = t.Close()
	return err
}

// alpnH3 is HTTP/3 in ALPN (RFC 9114 §3.1).
const alpnH3 = "h3"

// quicConfig are the limits in QUIC's terms.
func (v *serving) quicConfig() *quic.Config {
	l := &v.limits
	c := quicLimits(l)
	c.MaxIncomingStreams = int64(l.StreamsPerConn)
	c.Allow0RTT = v.EarlyData
	// What one client gets; nil would be package quic's defaults.
	wide, narrow := c.Clone(), c.Clone()
	narrow.InitialStreamReceiveWindow, narrow.MaxStreamReceiveWindow = h2InitialWindow, h2InitialWindow
	narrow.InitialConnectionReceiveWindow, narrow.MaxConnectionReceiveWindow = h2InitialWindow, h2InitialWindow
	c.GetConfigForClient = func(*quic.ClientInfo) (*quic.Config, error) {
		if int64(v.connections()) >= l.wide() {
			return narrow, nil
		}
		return wide, nil
	}
	return c
}

// quicLimits are the limits of both ends. Streams count until we have done
// with them (RequireStreamCreditRelease), and the windows do not grow.
func quicLimits(l *Limits) *quic.Config {
	c := &quic.Config{
		// QUIC gives up after twice this time.
		HandshakeIdleTimeout:           l.HandshakeTimeout / 2,
		MaxIdleTimeout:                 l.IdleTimeout + lingerTime, // ours comes first, and says why
		InitialStreamReceiveWindow:     uint64(l.StreamWindow),
		MaxStreamReceiveWindow:         uint64(l.StreamWindow),
		InitialConnectionReceiveWindow: uint64(l.ConnWindow),
		MaxConnectionReceiveWindow:     uint64(l.ConnWindow),
		MaxIncomingUniStreams:          h3UniStreams,
		RequireStreamCreditRelease:     true,
		// A body that breaks off arrives as far as it was sent, where the
		// peer knows this extension too.
		EnableStreamResetPartialDelivery: true,
	}
	if l.IdleTimeout == 0 {
		c.MaxIdleTimeout = h3NeverIdle
	}
	if l.HandshakeTimeout == 0 {
		c.HandshakeIdleTimeout = h3NeverIdle
	}
	return c
}

// acceptQUIC serves connections until the listener ends.
func (v *serving) acceptQUIC(l *quic.EarlyListener) error {
	for {
		q, err := l.Accept(context.Background())
		if err != nil {
			return err
		}
		h := &h3Server{srv: v}
		h.init(q, &v.limits, h)
		h.info = ConnInfo{Remote: link.AddrPort(q.RemoteAddr()), Local: link.AddrPort(q.LocalAddr()), Draining: v.draining}
		v.places.mu.Lock()
		v.places.enter(v, h, netip.Addr{})
		v.places.mu.Unlock()
		go h.serve()
		go h.entered()
	}
}

// entered waits for the end of the handshake, which gives back the place at
// the door and shows that the client's address is its own (RFC 9000 §8.1):
// before, a forged one could use up the places of whose it is.
func (h *h3Server) entered() {
	select {
	case <-h.quic.HandshakeComplete():
		if !h.srv.places.claimFor(h, h.info.Remote.Addr(), h.limits) {
			h.srv.tooMany(h.info.Remote, HTTP3)
			h.close(h3ExcessiveLoad, "as many connections as one client may have")
		}
	case <-h.quic.Context().Done():
	}
	if leave, ok := h.quic.Context().Value(h3Place{}).(func()); ok {
		leave()
	}
}

const (
	// h3RetryAbove is how many handshakes may be under way before a client
	// has to show first that its address is its own (Retry, RFC 9000
	// §8.1.2). That costs it a round trip, and us no memory: what comes from
	// forged addresses ends there. It is many times what a busy edge has
	// under way at once.
	h3RetryAbove = 128
	// h3MaxOpening bounds them absolutely; more are refused.
	h3MaxOpening = 1024
)

// h3Door decides who may begin a connection.
type h3Door struct {
	v       *serving
	mu      sync.Mutex
	opening int // handshakes under way
}

// h3Place is where a connection's context holds the function that gives its
// place back.
type h3Place struct{}

// verify reports whether an unknown address has to be validated: also where
// its client has to make room for it, lest others close its connections.
func (d *h3Door) verify(from net.Addr) bool {
	d.mu.Lock()
	opening := d.opening
	d.mu.Unlock()
	return opening >= h3RetryAbove || d.v.full() || d.v.places.atBound(link.AddrPort(from).Addr(), &d.v.limits)
}

// enter admits a connection; an error refuses it. At the limit an idle one is
// closed for it.
func (d *h3Door) enter(ctx context.Context, from *quic.ClientInfo) (context.Context, error) {
	if d.v.stopping.Load() {
		return nil, errStopped
	}
	remote := link.AddrPort(from.RemoteAddr)
	if from.AddrVerified && !d.v.places.makeRoomFor(remote.Addr(), &d.v.limits) {
		d.v.tooMany(remote, HTTP3)
		return nil, errTooMany
	}
	if !d.v.makeRoom() {
		return nil, errors.New("as many connections as are allowed")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opening >= h3MaxOpening {
		return nil, errors.New("as many handshakes as are allowed")
	}
	d.opening++
	leave := sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.opening--
	})
	context.AfterFunc(ctx, leave)
	return context.WithValue(ctx, h3Place{}, leave), nil
}

// full reports whether there are as many connections as are allowed.
func (v *serving) full() bool {
	v.places.mu.Lock()
	defer v.places.mu.Unlock()
	return len(v.places.conns) >= v.limits.Connections
}

// makeRoom sees to it that there is room for another connection, and reports
// whether there is.
func (v *serving) makeRoom() bool {
	v.places.mu.Lock()
	defer v.places.mu.Unlock()
	return len(v.places.conns) < v.limits.Connections || v.places.evictIdle()
}

// h3ConnectionIDs makes connection IDs of a source of bytes.
type h3ConnectionIDs struct {
	mu   sync.Mutex
	from io.Reader
}

// h3ConnectionIDLen is enough to tell 16 million connections apart without a
// collision that anybody would notice (RFC 9000 §5.1).
const h3ConnectionIDLen = 8

// GenerateConnectionID implements [quic.ConnectionIDGenerator].
func (g *h3ConnectionIDs) GenerateConnectionID() (quic.ConnectionID, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var b [h3ConnectionIDLen]byte
	_, err := io.ReadFull(g.from, b[:])
	return quic.ConnectionIDFromBytes(b[:]), err
}

// ConnectionIDLen implements [quic.ConnectionIDGenerator].
func (g *h3ConnectionIDs) ConnectionIDLen() int { return h3ConnectionIDLen }

// datagrams is pc as package quic wants it: a socket of the system as it is,
// for the sake of its batches; any other without the wish for buffers of the
// system, which it has none of.
func datagrams(pc link.PacketConn) net.PacketConn {
	if udp, ok := pc.(*net.UDPConn); ok {
		return udp
	}
	return unbuffered{pc}
}

// unbuffered is a socket whose buffers need no setting.
type unbuffered struct{ net.PacketConn }

// SetReadBuffer does nothing.
func (unbuffered) SetReadBuffer(int) error { return nil }

// SetWriteBuffer does nothing.
func (unbuffered) SetWriteBuffer(int) error { return nil }
