package stack_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"
	"github.com/quic-go/quic-go"

	"waypost/dns"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/packet"
	"waypost/stack"
)

// joint is one end of a link of these tests, which delivers after a delay.
type joint struct {
	delay time.Duration
	queue chan []byte
	over  chan struct{} // closed at the end; a host may transmit after that
	to    *stack.Interface
}

// Transmit implements stack.Device. A full queue drops.
func (j *joint) Transmit(frame []byte) {
	select {
	case j.queue <- append([]byte(nil), frame...):
	default:
	}
}

// deliver hands frames on until it is over.
func (j *joint) deliver() {
	for {
		var frame []byte
		select {
		case frame = <-j.queue:
		case <-j.over:
			return
		}
		time.Sleep(j.delay)
		for more := true; more; {
			j.to.Receive(frame)
			select {
			case frame = <-j.queue:
			default:
				more = false
			}
		}
	}
}

var (
	client = netip.MustParseAddr("192.0.2.1")
	server = netip.MustParseAddr("192.0.2.2")
)

// twoHosts returns a client and a server on one link.
func twoHosts(t testing.TB, delay time.Duration) (a, b *stack.Host) {
	t.Helper()
	a, b = stack.New(stack.Config{Name: "client", Seed: 1}), stack.New(stack.Config{Name: "server", Seed: 1})
	over := make(chan struct{})
	ja := &joint{delay: delay, queue: make(chan []byte, 4096), over: over}
	jb := &joint{delay: delay, queue: make(chan []byte, 4096), over: over}
	attach := func(h *stack.Host, j *joint, mac byte, at netip.Addr) *stack.Interface {
		i, err := h.Attach(j, stack.InterfaceConfig{MAC: packet.MAC{2, 0, 0, 0, 0, mac}, Prefixes: []netip.Prefix{netip.PrefixFrom(at, 24)}})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	jb.to = attach(a, ja, 1, client)
	ja.to = attach(b, jb, 2, server)
	var running sync.WaitGroup
	running.Go(ja.deliver)
	running.Go(jb.deliver)
	t.Cleanup(func() {
		a.Close()
		b.Close()
		close(over)
		running.Wait()
	})
	return a, b
}

func at(port uint16) netip.AddrPort { return netip.AddrPortFrom(server, port) }

// certificate is a certificate for the server's address, and who trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{server.AsSlice()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// dialer is a host's Dial for package net/http.
func dialer(h *stack.Host) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		return h.Dial(ctx, to)
	}
}

// TestNetHTTP runs net/http at both ends, over TLS too, with bodies both
// ways, timeouts and an orderly shutdown.
func TestNetHTTP(t *testing.T) {
	for _, secure := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, b := twoHosts(t, 5*time.Millisecond)
			mux := http.NewServeMux()
			mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body) // over HTTP/1.1 a handler reads first
				w.Write(body)
			})
			mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			s := &http.Server{Handler: mux, IdleTimeout: time.Minute, ReadHeaderTimeout: time.Second}
			transport := &http.Transport{DialContext: dialer(a), IdleConnTimeout: 30 * time.Second}
			scheme, port := "http", uint16(80)
			l, err := b.Listen(t.Context(), at(port))
			if err != nil {
				t.Fatal(err)
			}
			if secure {
				own, pool := certificate(t)
				l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{own}, NextProtos: []string{"h2", "http/1.1"}})
				transport.TLSClientConfig = &tls.Config{RootCAs: pool, Time: time.Now}
				transport.ForceAttemptHTTP2 = true
				scheme = "https"
			}
			var running sync.WaitGroup
			running.Go(func() {
				if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			})
			c := &http.Client{Transport: transport}
			url := fmt.Sprintf("%s://%s:%d", scheme, server, port)
			var requests sync.WaitGroup
			for n := range 20 {
				requests.Go(func() {
					body := bytes.Repeat([]byte{byte(n)}, 1<<n%300_000)
					r, err := c.Post(url+"/echo", "application/octet-stream", bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					defer r.Body.Close()
					got, err := io.ReadAll(r.Body)
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("request %d: %d of %d bytes came back, %v", n, len(got), len(body), err)
					}
				})
			}
			requests.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			start := time.Now()
			r, _ := http.NewRequestWithContext(ctx, "GET", url+"/slow", nil)
			if _, err := c.Do(r); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
				t.Errorf("slow: %v after %v", err, time.Since(start))
			}
			time.Sleep(5 * time.Second)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			running.Wait()
			transport.CloseIdleConnections()
			time.Sleep(3 * time.Minute)
			if got := append(a.Sockets(), b.Sockets()...); len(got) != 0 {
				t.Errorf("sockets are left: %v", got)
			}
		})
	}
}

// TestTLS shakes hands with crypto/tls, closes one direction and then the
// other.
func TestTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := twoHosts(t, 10*time.Millisecond)
		own, pool := certificate(t)
		l, err := b.Listen(t.Context(), at(443))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{own}})
			got, err := io.ReadAll(s)
			if err != nil || string(got) != "half" {
				t.Errorf("the server read %q, %v", got, err)
			}
			s.Write([]byte("closed"))
			s.Close()
		}()
		raw, err := a.Dial(t.Context(), at(443))
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: server.String()})
		start := time.Now()
		if err := c.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(start), 20*time.Millisecond; got != want {
			t.Errorf("the handshake took %v, want one round trip, %v", got, want)
		}
		c.Write([]byte("half"))
		c.CloseWrite()
		got, err := io.ReadAll(c)
		if err != nil || string(got) != "closed" {
			t.Errorf("the client read %q, %v", got, err)
		}
		c.Close()
		l.Close()
	})
}

// oneAddress is a DNS handler that knows one address.
type oneAddress struct{}

// ServeDNS implements dns.Handler.
func (oneAddress) ServeDNS(_ context.Context, dst []byte, q *dns.Query) []byte {
	m := new(mdns.Msg)
	m.SetQuestion("www.shop.test.", mdns.TypeA)
	m.Response = true
	m.Answer = []mdns.RR{&mdns.A{
		Hdr: mdns.RR_Header{Name: "www.shop.test.", Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 60},
		A:   net.IP{203, 0, 113, 10},
	}}
	out, err := dns.AppendMsg(dst, q, m, dns.Patch{})
	if err != nil {
		panic(err)
	}
	return out
}

// TestDNS asks our own name server, and one of miekg/dns, over UDP and TCP.
func TestDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := twoHosts(t, 5*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		s := &dns.Server{Network: b, Addr: at(53), Handler: oneAddress{}}
		if _, err := s.Listen(ctx); err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		pc, err := b.ListenPacket(ctx, at(54))
		if err != nil {
			t.Fatal(err)
		}
		other := &mdns.Server{PacketConn: pc, Handler: mdns.HandlerFunc(func(w mdns.ResponseWriter, r *mdns.Msg) {
			m := new(mdns.Msg)
			m.SetReply(r)
			w.WriteMsg(m)
		})}
		running.Go(func() { other.ActivateAndServe() })
		for _, port := range []uint16{53, 54} {
			m := new(mdns.Msg)
			m.SetQuestion("www.shop.test.", mdns.TypeA)
			r, info, err := dns.Exchange(ctx, a, at(port), m, dns.ExchangeOptions{})
			if err != nil {
				t.Errorf("port %d: %v", port, err)
				continue
			}
			if port == 53 && len(r.Answer) != 1 {
				t.Errorf("answer: %v (%+v)", r, info)
			}
		}
		other.Shutdown()
		cancel()
		running.Wait()
	})
}

// TestQUIC echoes over quic-go, on streams that are opened side by side.
func TestQUIC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := twoHosts(t, 5*time.Millisecond)
		own, pool := certificate(t)
		pcb, err := b.ListenPacket(t.Context(), at(443))
		if err != nil {
			t.Fatal(err)
		}
		tb := &quic.Transport{Conn: pcb}
		l, err := tb.Listen(&tls.Config{Certificates: []tls.Certificate{own}, NextProtos: []string{"echo"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() {
			c, err := l.Accept(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			for {
				s, err := c.AcceptStream(context.Background())
				if err != nil {
					return
				}
				running.Go(func() {
					io.Copy(s, s)
					s.Close()
				})
			}
		})
		pca, err := a.ListenPacket(t.Context(), netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		ta := &quic.Transport{Conn: pca}
		c, err := ta.Dial(t.Context(), net.UDPAddrFromAddrPort(at(443)), &tls.Config{RootCAs: pool, ServerName: server.String(), NextProtos: []string{"echo"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var streams sync.WaitGroup
		for n := range 10 {
			streams.Go(func() {
				s, err := c.OpenStreamSync(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				sent := bytes.Repeat([]byte{byte(n)}, 200_000)
				go func() {
					s.Write(sent)
					s.Close()
				}()
				got, err := io.ReadAll(s)
				if err != nil || !bytes.Equal(got, sent) {
					t.Errorf("stream %d: %d bytes, %v", n, len(got), err)
				}
			})
		}
		streams.Wait()
		c.CloseWithError(0, "")
		l.Close()
		for _, tr := range []*quic.Transport{ta, tb} {
			tr.Close()
		}
		pca.Close()
		pcb.Close()
		running.Wait()
		if got := append(a.Sockets(), b.Sockets()...); len(got) != 0 {
			t.Errorf("sockets are left: %v", got)
		}
	})
}

// hello answers every request with the same few bytes.
var hello = wire.HandlerFunc(func(x wire.Exchange) {
	body := []byte("hello from the server\n")
	if x.Respond(200, field.Fields{}, int64(len(body))) == nil {
		x.Write(body)
	}
})

// serveHTTP runs our own server until the test ends.
func serveHTTP(t testing.TB, h *stack.Host) {
	l, err := h.Listen(t.Context(), at(80))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&wire.Server{Handler: hello}).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func get(t testing.TB, c wire.Client) {
	r, err := c.Do(t.Context(), &wire.Request{Method: "GET", Scheme: "http", Authority: "server", Path: "/"})
	if err != nil {
		t.Error(err)
		return
	}
	if n, err := io.Copy(io.Discard, r.Body); n != 22 || err != nil {
		t.Errorf("body of %d bytes, %v", n, err)
	}
}

// TestWire asks our own server with our own client, over HTTP/1.1 and 2.
func TestWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := twoHosts(t, 5*time.Millisecond)
		serveHTTP(t, b)
		for _, proto := range []string{"http/1.1", "h2"} {
			raw, err := a.Dial(t.Context(), at(80))
			if err != nil {
				t.Fatal(err)
			}
			c, err := wire.NewClient(raw, proto, wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				get(t, c)
			}
			c.Close()
		}
	})
}

// BenchmarkHTTP counts HTTP/1.1 requests on one connection and on eight,
// with our own codec at both ends.
func BenchmarkHTTP(b *testing.B) {
	for _, connections := range []int{1, 8} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) {
			ha, hb := twoHosts(b, 0)
			serveHTTP(b, hb)
			clients := make(chan wire.Client, connections)
			for range connections {
				raw, err := ha.Dial(b.Context(), at(80))
				if err != nil {
					b.Fatal(err)
				}
				c, err := wire.NewClient(raw, "http/1.1", wire.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				clients <- c
			}
			b.ReportAllocs()
			b.SetParallelism(max(1, connections/2))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c := <-clients
					get(b, c)
					clients <- c
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
