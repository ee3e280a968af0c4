package wire

import (
	"context"
	"crypto/tls"
	"net/netip"
	"testing"

	"waypost/internal/memnet"
	"waypost/link"
)

// The tests' network over QUIC: two hosts in memory.

var (
	h3ClientAddr = netip.MustParseAddr("192.0.2.1")
	h3ServerAddr = netip.MustParseAddrPort("192.0.2.2:443")
)

// h3World is a server over QUIC and how its clients reach it.
type h3World struct {
	net    *memnet.Net
	client *tls.Config // what a client trusts
}

// serveQUIC starts s, with a certificate for h.
func serveQUIC(t *testing.T, s *Server) *h3World {
	t.Helper()
	return serveQUICOn(t, &memnet.Net{}, s)
}

func serveQUICOn(t *testing.T, net *memnet.Net, s *Server) *h3World {
	t.Helper()
	server, client := selfSigned(t)
	if s.TLS == nil {
		s.TLS = server
	}
	pc, err := net.Host(h3ServerAddr.Addr()).ListenPacket(t.Context(), h3ServerAddr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.ServeQUIC(ctx, pc) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ServeQUIC: %v", err)
		}
	})
	return &h3World{net, client}
}

// socket is a client's.
func (w *h3World) socket(t *testing.T) link.PacketConn {
	t.Helper()
	pc, err := w.net.Host(h3ClientAddr).ListenPacket(t.Context(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	return pc
}

// dial opens a connection of our client's.
func (w *h3World) dial(t *testing.T, d H3Dialer) *H3Client {
	t.Helper()
	if d.TLS == nil {
		d.TLS = w.client
	}
	c, err := d.Dial(t.Context(), w.socket(t), h3ServerAddr)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// secured is a client whose requests are for https, whatever they say: the
// tests that are run for each protocol say http.
type secured struct{ *H3Client }

func (c secured) Do(ctx context.Context, r *Request) (*Response, error) {
	if r.Scheme == "http" {
		again := *r
		again.Scheme, r = "https", &again
	}
	return c.H3Client.Do(ctx, r)
}
