package wire

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"waypost/link"
)

// BenchmarkH3Hit asks with 32 streams at a time over the loopback interface,
// as BenchmarkH2Hit does: what it reports is for server and client together.
// "other" is the HTTP/3 server of package http3, to compare with.
func BenchmarkH3Hit(b *testing.B) {
	b.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	server, client := selfSigned(b)
	body := make([]byte, 1<<10)
	for _, bb := range []struct {
		name  string
		serve func(ctx context.Context, pc link.PacketConn)
	}{
		{"1KB", func(ctx context.Context, pc link.PacketConn) {
			_ = (&Server{Handler: hit(1 << 10), TLS: server}).ServeQUIC(ctx, pc)
		}},
		{"other", func(ctx context.Context, pc link.PacketConn) {
			s := &http3.Server{TLSConfig: http3.ConfigureTLSConfig(server), Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "text/plain")
				rw.Header().Set("Content-Length", "1024")
				_, _ = rw.Write(body)
			})}
			context.AfterFunc(ctx, func() { _ = s.Close() })
			_ = s.Serve(pc)
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			home := netip.MustParseAddrPort("127.0.0.1:0")
			pc, err := link.OS{}.ListenPacket(b.Context(), home)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				bb.serve(ctx, pc)
			}()
			defer func() { cancel(); <-done }()
			own, err := link.OS{}.ListenPacket(b.Context(), home)
			if err != nil {
				b.Fatal(err)
			}
			c, err := (&H3Dialer{TLS: client}).Dial(b.Context(), own, link.AddrPort(pc.LocalAddr().(*net.UDPAddr)))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			b.SetBytes(1 << 10)
			b.SetParallelism(32 / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					askH3Bench(b, c)
				}
			})
		})
	}
}

func askH3Bench(b *testing.B, c Client) {
	resp, err := c.Do(context.Background(), &Request{Method: "GET", Scheme: "https", Authority: "h", Path: "/"})
	if err != nil {
		b.Error(err)
		return
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != 1<<10 || err != nil {
		b.Error(n, err)
	}
}
