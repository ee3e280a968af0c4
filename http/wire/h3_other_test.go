package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"waypost/http/field"
	"waypost/internal/memnet"
)

// TestH3ServerWithOther: a client that is not ours is served.
func TestH3ServerWithOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serveQUIC(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			switch r := x.Request(); r.Path {
			case "/big":
				_ = x.Respond(200, nil, -1)
				for range 100 {
					_, _ = x.Write(make([]byte, 10_000))
				}
				_ = x.Trailers(field.Fields{{Name: "X-End", Value: "yes"}})
			case "/early":
				_ = x.Inform(103, field.Fields{{Name: "Link", Value: "</a>"}})
				echo(x)
			default:
				echo(x)
			}
		})})
		var tr *quic.Transport
		rt := &http3.Transport{TLSClientConfig: w.client, Dial: dialOther(t, w, &tr)}
		defer func() {
			_ = rt.Close()
			if tr != nil {
				_ = tr.Close()
				_ = tr.Conn.Close()
			}
		}()
		client := &http.Client{Transport: rt}
		for _, tt := range []struct{ method, path, body, want string }{
			{"GET", "/", "", "200 GET h / accept-encoding=gzip user-agent=quic-go HTTP/3"},
			{"HEAD", "/", "", "200 "},
			{"POST", "/", "hello", `200 POST h / accept-encoding=gzip user-agent=quic-go HTTP/3 body 5 "hello"`},
			{"GET", "/early", "", "200 GET h /early accept-encoding=gzip user-agent=quic-go HTTP/3"},
			{"GET", "/big", "", "200 1000000 bytes, trailers map[X-End:[yes]]"},
		} {
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			r, _ := http.NewRequestWithContext(t.Context(), tt.method, "https://h"+tt.path, body)
			resp, err := client.Do(r)
			if err != nil {
				t.Fatalf("%s %s: %v", tt.method, tt.path, err)
			}
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatalf("%s %s: %v", tt.method, tt.path, err)
			}
			got := fmt.Sprintf("%d %s", resp.StatusCode, b)
			if len(b) > 1000 {
				got = fmt.Sprintf("%d %d bytes, trailers %v", resp.StatusCode, len(b), resp.Trailer)
			}
			if got != tt.want {
				t.Errorf("%s %s: got %q, want %q", tt.method, tt.path, got, tt.want)
			}
		}
	})
}

// TestH3ClientWithOther: a server that is not ours is spoken to.
func TestH3ClientWithOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := selfSigned(t)
		inet := &memnet.Net{}
		pc, err := inet.Host(h3ServerAddr.Addr()).ListenPacket(t.Context(), h3ServerAddr)
		if err != nil {
			t.Fatal(err)
		}
		s := &http3.Server{TLSConfig: http3.ConfigureTLSConfig(server), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/big":
				rw.Header().Set("Trailer", "X-End")
				for range 100 {
					_, _ = rw.Write(make([]byte, 10_000))
				}
				rw.Header().Set("X-End", "yes")
			case "/hints":
				rw.Header().Set("Link", "</a>")
				rw.WriteHeader(103)
				_, _ = io.WriteString(rw, "hi")
			case "/abort":
				_, _ = io.WriteString(rw, "half")
				rw.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			default:
				b, _ := io.ReadAll(r.Body)
				fmt.Fprintf(rw, "%s %s %s %q", r.Method, r.Host, r.URL, b)
			}
		})}
		tr := &quic.Transport{Conn: datagrams(pc)}
		l, err := tr.ListenEarly(s.TLSConfig, &quic.Config{})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = s.ServeListener(l) }()
		defer func() {
			_ = s.Close()
			_ = tr.Close()
			pc.Close()
			time.Sleep(time.Minute)
		}()
		c := secured{(&h3World{inet, client}).dial(t, H3Dialer{})}
		if _, body := do(t, c, get("/?a=b")); body != `GET h /?a=b ""` {
			t.Errorf("got %q", body)
		}
		r := get("/")
		r.Method, r.Length, r.Body = "POST", -1, strings.NewReader("hello")
		if _, body := do(t, c, r); body != `POST h / "hello"` {
			t.Errorf("got %q", body)
		}
		resp, body := do(t, c, get("/big"))
		if len(body) != 1_000_000 || resp.Trailers().Get("X-End") != "yes" {
			t.Errorf("%d bytes, trailers %v", len(body), resp.Trailers())
		}
		resp, body = do(t, c, get("/hints"))
		if body != "hi" || len(resp.Informed) != 1 {
			t.Errorf("%q after %v", body, resp.Informed)
		}
		if resp, err = c.Do(t.Context(), get("/abort")); err == nil {
			if _, err = io.ReadAll(resp.Body); err == nil {
				t.Error("a response that was broken off looks whole")
			}
		}
		if err := s.Shutdown(context.Background()); err != nil || c.Alive() {
			t.Errorf("Shutdown: %v, alive %v", err, c.Alive())
		}
	})
}

// dialOther is how the other client reaches the server.
func dialOther(t *testing.T, w *h3World, tr **quic.Transport) func(context.Context, string, *tls.Config, *quic.Config) (*quic.Conn, error) {
	return func(ctx context.Context, _ string, c *tls.Config, conf *quic.Config) (*quic.Conn, error) {
		*tr = &quic.Transport{Conn: datagrams(w.socket(t))}
		return (*tr).DialEarly(ctx, net.UDPAddrFromAddrPort(h3ServerAddr), c, conf)
	}
}
