package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"

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
	inet   *memnet.Net
	client *tls.Config // what a client trusts
}

// serveQUIC starts s, with a certificate for h.
func serveQUIC(t *testing.T, s *Server) *h3World {
	t.Helper()
	return serveQUICOn(t, &memnet.Net{}, s)
}

func serveQUICOn(t *testing.T, inet *memnet.Net, s *Server) *h3World {
	t.Helper()
	server, client := selfSigned(t)
	if s.TLS == nil {
		s.TLS = server
	}
	pc, err := inet.Host(h3ServerAddr.Addr()).ListenPacket(t.Context(), h3ServerAddr)
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
	return &h3World{inet, client}
}

// socket is a client's.
func (w *h3World) socket(t *testing.T) link.PacketConn {
	t.Helper()
	pc, err := w.inet.Host(h3ClientAddr).ListenPacket(t.Context(), netip.AddrPort{})
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

// h3Peer is a client that can do anything.
type h3Peer struct {
	t *testing.T
	q *quic.Conn
}

// raw opens a connection without a word of HTTP/3 on it.
func (w *h3World) raw(t *testing.T) *h3Peer {
	t.Helper()
	pc := w.socket(t)
	tr := &quic.Transport{Conn: datagrams(pc)}
	secure := w.client.Clone()
	secure.NextProtos = []string{alpnH3}
	q, err := tr.Dial(t.Context(), net.UDPAddrFromAddrPort(h3ServerAddr), secure, &quic.Config{MaxIdleTimeout: time.Hour, EnableStreamResetPartialDelivery: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = q.CloseWithError(0, "")
		_ = tr.Close()
		pc.Close()
	})
	return &h3Peer{t, q}
}

// uni opens a unidirectional stream and writes b to it.
func (p *h3Peer) uni(b []byte) *quic.SendStream {
	p.t.Helper()
	s, err := p.q.OpenUniStream()
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := s.Write(b); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// greet opens a control stream with empty settings.
func (p *h3Peer) greet() *quic.SendStream { return p.uni([]byte{0, byte(h3Settings), 0}) }

// stream opens a request stream and writes b to it, and its end with end.
func (p *h3Peer) stream(b []byte, end bool) *quic.Stream {
	p.t.Helper()
	s, err := p.q.OpenStream()
	if err != nil {
		p.t.Fatal(err)
	}
	var stop *quic.StreamError
	if _, err := s.Write(b); err != nil && !errors.As(err, &stop) {
		p.t.Fatal(err)
	}
	if end {
		_ = s.Close()
	}
	return s
}

// outcome describes what comes on s until its end: the status and the body,
// "reset" or "closed" with the code; "silence" after a virtual hour.
func outcome(s io.Reader) string {
	if d, ok := s.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = d.SetReadDeadline(time.Now().Add(time.Hour))
	}
	b, err := io.ReadAll(s)
	said := describeFrames(b)
	var stream *quic.StreamError
	var app *quic.ApplicationError
	switch {
	case err == nil:
		return said
	case errors.As(err, &stream):
		return strings.TrimSpace(said + " reset " + h3Code(stream.ErrorCode).String())
	case errors.As(err, &app):
		return strings.TrimSpace(said + " closed " + h3Code(app.ErrorCode).String())
	case isTimeout(err):
		return strings.TrimSpace(said + " silence")
	}
	return said + " " + err.Error()
}

// describeFrames shows frames as "200 x=y DATA hello".
func describeFrames(b []byte) string {
	var out []string
	for len(b) > 0 {
		f, n := parseH3Frame(b)
		if n == 0 || uint64(len(b)-n) < f.length {
			if n > 0 && f.kind == h3Data {
				return strings.Join(append(out, "part of DATA "+string(b[n:])), " ")
			}
			return strings.Join(append(out, fmt.Sprintf("%x", b)), " ")
		}
		payload := b[n : n+int(f.length)]
		b = b[n+int(f.length):]
		switch f.kind {
		case h3Data:
			out = append(out, "DATA", string(payload))
		case h3Headers:
			next := qpack.NewDecoder().Decode(payload)
			for hf, err := next(); err == nil; hf, err = next() {
				switch hf.Name {
				case ":status":
					out = append(out, hf.Value)
				case "date", "content-length", "content-type", "cache-control":
				default:
					out = append(out, hf.Name+"="+hf.Value)
				}
			}
		default:
			out = append(out, f.kind.String())
		}
	}
	return strings.Join(out, " ")
}

// closedWith waits for the end of the connection and names its code.
func (p *h3Peer) closedWith() string {
	select {
	case <-p.q.Context().Done():
	case <-time.After(time.Hour):
		return "open"
	}
	var app *quic.ApplicationError
	if err := context.Cause(p.q.Context()); errors.As(err, &app) && app.Remote {
		return h3Code(app.ErrorCode).String()
	}
	return context.Cause(p.q.Context()).Error()
}

// h3Lines are "name: value" lines as a HEADERS frame.
func h3Lines(lines ...string) []byte {
	var w sectionWriter
	for _, l := range lines {
		colon := strings.Index(l[1:], ": ") + 1
		w.add(l[:colon], l[colon+2:])
	}
	return w.appendTo(nil)
}

// h3Bytes is a frame.
func h3Bytes(kind h3FrameType, payload string) []byte {
	return append(appendH3Frame(nil, kind, int64(len(payload))), payload...)
}

var h3Get = []string{":method: GET", ":scheme: https", ":authority: h", ":path: /"}

// h3GetAnd is a request's head with more lines.
func h3GetAnd(lines ...string) []byte { return h3Lines(append(slices.Clone(h3Get), lines...)...) }

var h3Post = []string{":method: POST", ":scheme: https", ":authority: h", ":path: /"}

func h3PostAnd(lines ...string) []byte { return h3Lines(append(slices.Clone(h3Post), lines...)...) }

// lossOf loses every datagram while cut is set.
func lossOf(cut *atomic.Bool) func(from, to netip.AddrPort, b []byte) bool {
	return func(netip.AddrPort, netip.AddrPort, []byte) bool { return cut.Load() }
}

// onlyFirst is a socket that sends the first datagrams and loses the rest.
type onlyFirst struct {
	net.PacketConn
	mu   sync.Mutex
	left int
}

func (c *onlyFirst) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return len(b), nil
	}
	c.left--
	return c.PacketConn.WriteTo(b, to)
}

// contextUntil ends with stop.
func contextUntil(stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func netUDP(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }
