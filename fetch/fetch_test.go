package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fault"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/internal/memnet"
	"waypost/tls/cert"
	"waypost/trace"
	"waypost/url"
)

const ms = time.Millisecond

// world is a client, its record and the servers that a test sets up.
type world struct {
	t      *testing.T
	net    *memnet.Net
	client *Client
	ring   trace.Ring
	span   *trace.Span
	ca     *cert.CA
	stops  []func()
}

var (
	clientAddr = netip.MustParseAddr("192.0.2.1")
	shopAddr   = netip.MustParseAddr("198.51.100.7")
)

// names answers for every name with the same addresses, after a while.
type names struct {
	addrs []netip.Addr
	after time.Duration
	err   error
}

func (n names) Addrs(ctx context.Context, _ string) ([]netip.Addr, error) {
	select {
	case <-time.After(n.after):
		return n.addrs, n.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inWorld runs f in virtual time, 10 ms away from every server.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: &memnet.Net{Delay: 10 * ms, Hole: map[netip.Addr]bool{}}}
		station := &trace.Station{Name: "test", Recorder: &w.ring}
		w.span = station.Begin()
		ca, err := cert.NewCA("test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		w.ca = ca
		w.client = &Client{
			Network: w.net.Host(clientAddr), Names: names{addrs: []netip.Addr{shopAddr}},
			Roots: ca.Pool(), Sessions: tls.NewLRUClientSessionCache(8),
		}
		f(w)
		w.client.Close()
		for _, stop := range w.stops {
			stop()
		}
		time.Sleep(time.Minute) // what is on its way arrives; time stands still after us
	})
}

func (w *world) ctx() context.Context { return trace.With(w.t.Context(), w.span) }

// serve runs a server at addr until the world ends.
func (w *world) serve(addr netip.Addr, port uint16, s *wire.Server) {
	w.t.Helper()
	at := netip.AddrPortFrom(addr, port)
	l, err := w.net.Host(addr).Listen(w.t.Context(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(ctx, l)
	}()
	w.stops = append(w.stops, func() { cancel(); <-done })
}

// raw accepts connections at addr and gives each to f.
func (w *world) raw(port uint16, f func(c net.Conn)) {
	w.t.Helper()
	l, err := w.net.Host(shopAddr).Listen(w.t.Context(), netip.AddrPortFrom(shopAddr, port))
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f(c)
		}
	}()
	w.stops = append(w.stops, func() { l.Close() })
}

// tls is a server configuration with a certificate of the world's CA.
func (w *world) tls(hosts ...string) *tls.Config {
	w.t.Helper()
	c, err := w.ca.Issue(hosts...)
	if err != nil {
		w.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

// events lists what the record holds of one kind.
func (w *world) events(kind trace.Kind) []trace.Event {
	events, _ := w.ring.Events(w.span.Context().Trace)
	return slices.DeleteFunc(events, func(e trace.Event) bool { return e.Fact.Kind() != kind })
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// get fetches and reads the whole body.
func (w *world) get(rawURL string) (*Response, string, error) {
	w.t.Helper()
	resp, err := w.client.Do(w.ctx(), mustURL(w.t, rawURL), &wire.Request{})
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// answer is a handler that answers with text after a while.
func answer(text string, after time.Duration) wire.Handler {
	return wire.HandlerFunc(func(x wire.Exchange) {
		if after > 0 {
			select {
			case <-time.After(after):
			case <-x.Context().Done():
				return
			}
		}
		x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/plain"}}, int64(len(text)))
		x.Write([]byte(text))
	})
}

// TestGet follows two requests on one connection and what the record says.
func TestGet(t *testing.T) {
	inWorld(t, func(w *world) {
		w.serve(shopAddr, 80, &wire.Server{Handler: answer("hello", 30*ms)})
		start := time.Now()
		r, body, err := w.get("http://www.shop.test/a?b")
		if err != nil || body != "hello" {
			t.Fatalf("%q, %v", body, err)
		}
		if got, want := time.Since(start), 20*ms+20*ms+30*ms; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
		if r.Reused || r.Attempts != 1 || r.FirstByte != 50*ms || r.Remote.Addr() != shopAddr || r.Local.Addr() != clientAddr ||
			r.Trip.Proto != wire.HTTP11 || r.FramedBy != "content-length" || r.Bytes() != 5 || !r.Sent.Equal(start.Add(20*ms)) {
			t.Errorf("first: %+v", r.Trip)
		}
		if r, _, err = w.get("http://www.shop.test/again"); err != nil || !r.Reused || r.FirstByte != 50*ms {
			t.Errorf("second: %+v, %v", r, err)
		}
		if got := len(w.events(trace.KindTCPConnect)); got != 1 {
			t.Errorf("%d connections, want 1", got)
		}
		w.client.CloseIdle()
		closes := w.events(trace.KindTCPClose)
		if len(closes) != 1 {
			t.Fatalf("%d tcp.close, want 1", len(closes))
		}
		if f := closes[0].Fact.(trace.TCPClose); f.By != "us" || f.Requests != 2 || f.Remote != "198.51.100.7:80" {
			t.Errorf("tcp.close %+v", f)
		}
	})
}

// TestRequestFilledIn sees what Do takes from the URL.
func TestRequestFilledIn(t *testing.T) {
	inWorld(t, func(w *world) {
		var got wire.Request
		w.serve(shopAddr, 8080, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			got = *x.Request()
			got.Authority, got.Path, got.Method = strings.Clone(got.Authority), strings.Clone(got.Path), strings.Clone(got.Method)
			x.Respond(204, nil, 0)
		})})
		r := &wire.Request{}
		if _, err := w.client.Do(w.ctx(), mustURL(t, "http://www.shop.test:8080/a?b#c"), r); err != nil {
			t.Fatal(err)
		}
		if sent := got.Method + " " + got.Authority + " " + got.Path; sent != "GET www.shop.test:8080 /a?b" {
			t.Errorf("sent %s", sent)
		}
		if r.Method != "" || r.Path != "" {
			t.Errorf("the caller's request was changed: %+v", r)
		}
	})
}

// TestTimers lets each timer fire and looks at its time, name and fault.
func TestTimers(t *testing.T) {
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	tests := []struct {
		name   string
		url    string
		set    func(w *world)
		timer  Timer
		fault  fault.Kind
		after  time.Duration
		remote bool // a connection was had
	}{
		{
			name: "names", url: "http://www.shop.test/", timer: TimerDNS, fault: fault.DNSTimeout, after: 2 * time.Second,
			set: func(w *world) { w.client.Names = names{after: time.Hour} },
		},
		{
			name: "connect", url: "http://www.shop.test/", timer: TimerConnect, fault: fault.ConnectionTimeout, after: 3 * time.Second,
			set: func(w *world) { w.net.Hole[shopAddr] = true },
		},
		{
			name: "handshake", url: "https://www.shop.test/", timer: TimerTLS, fault: fault.ConnectionTimeout, after: 20*ms + 4*time.Second,
			set: func(w *world) { w.raw(443, silent) },
		},
		{
			name: "first byte", url: "http://www.shop.test/", timer: TimerFirstByte, fault: fault.HTTPResponseTimeout, after: 20*ms + 5*time.Second, remote: true,
			set: func(w *world) { w.raw(80, silent) },
		},
		{
			name: "body", url: "http://www.shop.test/", timer: TimerBodyIdle, fault: fault.ConnectionReadTimeout, after: 20*ms + 20*ms + 5*time.Second + 6*time.Second, remote: true,
			set: func(w *world) {
				w.raw(80, func(c net.Conn) {
					c.Read(make([]byte, 1024))
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
					time.Sleep(5 * time.Second)
					io.WriteString(c, "thing") // a trickle restarts the timer
					io.Copy(io.Discard, c)
				})
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.client.Timeouts = Timeouts{
					DNS: 2 * time.Second, Connect: 3 * time.Second, TLS: 4 * time.Second,
					FirstByte: 5 * time.Second, BodyIdle: 6 * time.Second,
				}
				tt.set(w)
				start := time.Now()
				_, _, err := w.get(tt.url)
				if got := time.Since(start); got != tt.after {
					t.Errorf("after %v, want %v", got, tt.after)
				}
				var timeout *Timeout
				if !errors.As(err, &timeout) || timeout.Timer != tt.timer {
					t.Errorf("error %v does not name the timer %s", err, tt.timer)
				}
				if got := fault.Of(err); got != tt.fault {
					t.Errorf("fault %s, want %s (%v)", got, tt.fault, err)
				}
				var failed *Error
				if errors.As(err, &failed) && failed.Remote.IsValid() != tt.remote {
					t.Errorf("remote %v", failed.Remote)
				}
			})
		})
	}
}

// TestFailures names what went wrong, with what was attempted.
func TestFailures(t *testing.T) {
	tests := []struct {
		name, url string
		set       func(w *world)
		fault     fault.Kind
		says      string
	}{
		{"unknown host", "http://nowhere.test/", func(w *world) {
			w.client.Names = names{err: fault.New(fault.DNSError, "resolve nowhere.test", errors.New("NXDOMAIN"))}
		}, fault.DNSError, "resolve nowhere.test: NXDOMAIN"},
		{"no address", "http://empty.test/", func(w *world) { w.client.Names = names{} },
			fault.DNSError, "resolve empty.test: the name has no address"},
		{"refused", "http://www.shop.test/", func(*world) {},
			fault.ConnectionRefused, "connect www.shop.test (198.51.100.7:80): connection refused"},
		{"wrong scheme", "ftp://www.shop.test/", func(*world) {},
			fault.HTTPRequestError, "fetch ftp://www.shop.test/: scheme ftp cannot be fetched"},
		{"hung up at once", "http://www.shop.test/", func(w *world) {
			w.raw(80, func(c net.Conn) { c.Read(make([]byte, 1024)); c.Close() })
		}, fault.ConnectionTerminated, "GET http://www.shop.test/"},
		{"not HTTP", "http://www.shop.test/", func(w *world) {
			w.raw(80, func(c net.Conn) { io.WriteString(c, "220 mail.shop.test ESMTP\r\n"); io.Copy(io.Discard, c); c.Close() })
		}, fault.HTTPProtocolError, "GET http://www.shop.test/"},
		{"truncated", "http://www.shop.test/", func(w *world) {
			w.raw(80, func(c net.Conn) {
				c.Read(make([]byte, 1024))
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
				c.Close()
			})
		}, fault.HTTPResponseIncomplete, "GET http://www.shop.test/"},
		{"TLS spoken to a cleartext server", "https://www.shop.test/", func(w *world) {
			w.raw(443, func(c net.Conn) { c.Read(make([]byte, 1024)); io.WriteString(c, "HTTP/1.1 400 Bad\r\n\r\n"); c.Close() })
		}, fault.TLSProtocolError, "TLS handshake with www.shop.test:443"},
		{"bad connect-to", "http://www.shop.test/", func(w *world) {
			w.client.ConnectTo = map[string]string{"www.shop.test:80": "nonsense"}
		}, fault.ProxyConfigurationError, `"nonsense" is no host:port`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				tt.set(w)
				_, _, err := w.get(tt.url)
				if got := fault.Of(err); got != tt.fault {
					t.Errorf("fault %q, want %q (%v)", got, tt.fault, err)
				}
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("error %v does not say %q", err, tt.says)
				}
			})
		})
	}
}
