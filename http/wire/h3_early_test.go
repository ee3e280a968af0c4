package wire

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/internal/memnet"
)

// early is a server that says of each request how early it came.
func early(seen *[]string) *Server {
	var mu sync.Mutex
	return &Server{EarlyData: true, Handler: HandlerFunc(func(x Exchange) {
		r := x.Request()
		how := "late"
		if r.Early {
			how = "early"
			select {
			case <-x.Conn().Settled:
				how = "settled"
			default:
			}
			if r.Path == "/wait" {
				<-x.Conn().Settled
			}
		} else if x.Conn().Settled != nil {
			how = "odd"
		}
		if x.Conn().TLS == nil {
			how = "no TLS"
		}
		mu.Lock()
		*seen = append(*seen, r.Method+" "+how)
		mu.Unlock()
		if r.Path == "/425" && r.Early {
			_ = x.Respond(425, nil, 0)
			return
		}
		echo(x)
	})}
}

// TestH3EarlyData: with a session from before, a safe request and its answer
// take one round trip; what is not safe waits for the handshake.
func TestH3EarlyData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		w := serveQUICOn(t, &memnet.Net{Delay: 10 * time.Millisecond}, early(&seen))
		w.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		d := H3Dialer{EarlyData: true, Tokens: quic.NewLRUTokenStore(1, 1)}
		first := w.dial(t, d)
		do(t, secured{first}, get("/"))
		time.Sleep(time.Second) // the ticket comes
		first.Close()
		for _, tt := range []struct {
			name string
			r    *Request
			want string
			took time.Duration // from the dial
		}{
			{"safe", get("/"), "[GET early]", 20 * time.Millisecond},
			{"not safe", &Request{Method: "POST", Scheme: "http", Authority: "h", Path: "/", Length: 2, Body: strings.NewReader("hi")}, "[POST late]", 40 * time.Millisecond},
			{"safe with a body", &Request{Method: "GET", Scheme: "http", Authority: "h", Path: "/", Length: 2, Body: strings.NewReader("hi")}, "[GET late]", 40 * time.Millisecond},
			{"told to come later", get("/425"), "[GET early GET late]", 40 * time.Millisecond},
			{"until it is settled", get("/wait"), "[GET early]", 40 * time.Millisecond},
		} {
			seen = nil
			start := time.Now()
			c := w.dial(t, d)
			if resp, _ := do(t, secured{c}, tt.r); resp.Status != 200 {
				t.Errorf("%s: status %d", tt.name, resp.Status)
			}
			if took := time.Since(start); took.Round(5*time.Millisecond) != tt.took {
				t.Errorf("%s: took %v, want %v", tt.name, took, tt.took)
			}
			time.Sleep(time.Second)
			if i := c.Info(); !i.EarlyData || !i.Settled {
				t.Errorf("%s: %+v", tt.name, i)
			}
			c.Close()
			if got := fmt.Sprint(seen); got != tt.want {
				t.Errorf("%s: the server saw %s, want %s", tt.name, got, tt.want)
			}
		}
	})
}

// TestH3EarlyRefused: a server that knows the session no more, or takes no
// early data, gets the request again after the handshake.
func TestH3EarlyRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		s := early(&seen)
		w := serveQUICOn(t, &memnet.Net{Delay: 10 * time.Millisecond}, s)
		w.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		d := H3Dialer{EarlyData: true}
		first := w.dial(t, d)
		do(t, secured{first}, get("/"))
		time.Sleep(time.Second)
		first.Close()
		// As after a restart: the same certificate, other keys of tickets.
		other := early(&seen)
		other.EarlyData, other.TLS = false, s.TLS
		seen = nil
		after := serveQUICOn(t, &memnet.Net{Delay: 10 * time.Millisecond}, other)
		after.client = w.client
		for i := range 2 {
			c := after.dial(t, d)
			if resp, body := do(t, secured{c}, get("/")); resp.Status != 200 || body != "GET h /" {
				t.Errorf("%d %q", resp.Status, body)
			}
			do(t, secured{c}, get("/again"))
			time.Sleep(time.Second)
			if info := c.Info(); info.EarlyData || c.restarted != (i == 0) {
				t.Errorf("%+v, begun anew: %v", info, c.restarted)
			}
			c.Close()
		}
		if got := fmt.Sprint(seen); got != "[GET late GET late GET late GET late]" {
			t.Errorf("the server saw %s", got)
		}
	})
}

// TestH3EarlyUnsafe: a client that sends what is not safe in early data is
// told to come later (RFC 8470 §5.2).
func TestH3EarlyUnsafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		w := serveQUICOn(t, &memnet.Net{Delay: 10 * time.Millisecond}, early(&seen))
		w.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		d := H3Dialer{EarlyData: true}
		first := w.dial(t, d)
		do(t, secured{first}, get("/"))
		time.Sleep(time.Second)
		first.Close()
		seen = nil
		c := w.dial(t, d)
		s, err := c.quic.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write(joinFrames(h3PostAnd("content-length: 2"), h3Bytes(h3Data, "hi")))
		_ = s.Close()
		if got := outcome(s); !strings.HasPrefix(got, "425 ") {
			t.Errorf("got %q", got)
		}
		if len(seen) > 0 {
			t.Errorf("the handler saw %v", seen)
		}
	})
}

// TestH3Retry: when many handshakes are under way, a client has to show its
// address first; one with a token from before has shown it.
func TestH3Retry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serveQUICOn(t, &memnet.Net{Delay: 10 * time.Millisecond}, &Server{Handler: HandlerFunc(echo)})
		d := H3Dialer{TLS: w.client, Watch: true, Tokens: quic.NewLRUTokenStore(1, 4)}
		before := w.dial(t, d)
		do(t, secured{before}, get("/"))
		time.Sleep(time.Second)
		if i := before.Info(); i.Retry || i.Handshake != 20*time.Millisecond {
			t.Errorf("in peace: %+v", i)
		}
		// Clients that say a first word and no other: each is a handshake
		// that lasts until it times out.
		stop := make(chan struct{})
		for range h3RetryAbove {
			pc := w.socket(t)
			go func() {
				half := &onlyFirst{PacketConn: pc, left: 1}
				tr := &quic.Transport{Conn: unbuffered{half}}
				secure := w.client.Clone()
				secure.NextProtos = []string{alpnH3}
				ctx, cancel := contextUntil(stop)
				defer cancel()
				_, _ = tr.Dial(ctx, netUDP(h3ServerAddr), secure, nil)
				_ = tr.Close()
				pc.Close()
			}()
		}
		time.Sleep(time.Second)
		stranger := w.dial(t, H3Dialer{TLS: w.client, Watch: true})
		do(t, secured{stranger}, get("/"))
		if i := stranger.Info(); !i.Retry || i.Handshake != 40*time.Millisecond {
			t.Errorf("a stranger: %+v", i)
		}
		known := w.dial(t, d)
		if i := known.Info(); i.Retry || i.Handshake != 20*time.Millisecond {
			t.Errorf("one with a token: %+v", i)
		}
		close(stop)
		time.Sleep(time.Minute)
		again := w.dial(t, H3Dialer{TLS: w.client, Watch: true})
		if again.Info().Retry {
			t.Error("Retry in peace again")
		}
	})
}
