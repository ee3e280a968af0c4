package fetch

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/trace"
)

// serveQUIC runs a server over QUIC at addr until the world ends.
func (w *world) serveQUIC(addr netip.Addr, port uint16, s *wire.Server) {
	w.t.Helper()
	pc, err := w.net.Host(addr).ListenPacket(w.t.Context(), netip.AddrPortFrom(addr, port))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeQUIC(ctx, pc)
	}()
	w.stops = append(w.stops, func() { cancel(); <-done })
}

// both runs the same over TCP and QUIC, and tells of the latter by Alt-Svc.
func (w *world) both(altSvc string) {
	s := wire.Server{Handler: proto, TLS: w.tls("www.shop.test"), EarlyData: true}
	over := s
	over.AltSvc = altSvc
	w.serve(shopAddr, 443, &over)
	w.serveQUIC(shopAddr, 443, &s)
}

// proto answers with the protocol that was spoken.
var proto = wire.HandlerFunc(func(x wire.Exchange) {
	text := x.Request().Proto
	if used := x.Request().Fields.Get("Alt-Used"); used != "" {
		text += " " + used
	}
	if x.Request().Early {
		text += " early"
	}
	_ = x.Respond(200, nil, int64(len(text)))
	_, _ = io.WriteString(x, text)
})

// TestHTTP3Only speaks nothing else, on one connection for all.
func TestHTTP3Only(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP3 = HTTP3Only
		w.serveQUIC(shopAddr, 443, &wire.Server{Handler: answer("x", time.Second), TLS: w.tls("www.shop.test")})
		start := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		streams := map[int]bool{}
		for range 20 {
			p := w.client.Start(w.ctx(), mustURL(t, "https://www.shop.test/"), &wire.Request{}, DefaultUrgency)
			wg.Go(func() {
				r, err := p.Response()
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, r.Body)
				mu.Lock()
				streams[r.Stream] = true
				mu.Unlock()
				if r.Trip.Proto != wire.HTTP3 || r.TLS == nil || r.Remote.String() != "198.51.100.7:443" {
					t.Errorf("%+v", r.Trip)
				}
			})
		}
		wg.Wait()
		if got, want := time.Since(start), 40*ms+time.Second; got != want {
			t.Errorf("took %v, want %v: a round trip for the handshake, one for the requests", got, want)
		}
		if len(streams) != 20 || !streams[0] || !streams[76] {
			t.Errorf("streams %v", streams)
		}
		w.client.CloseIdle()
		opened, closed := w.events(trace.KindQUICConnect), w.events(trace.KindQUICClose)
		if len(opened) != 1 || len(closed) != 1 || len(w.events(trace.KindTCPConnect)) > 0 {
			t.Fatalf("%d opened, %d closed", len(opened), len(closed))
		}
		f := opened[0].Fact.(trace.QUICConnect)
		if f.Host != "www.shop.test" || f.Version != "1" || f.ALPN != "h3" || f.RoundTrips != 1 || f.Retry || f.EarlyData ||
			time.Duration(f.RTT) != 20*ms || opened[0].Took != 20*ms || opened[0].Decision.Verdict != "only-address" {
			t.Errorf("%+v in %v, %+v", f, opened[0].Took, opened[0].Decision)
		}
		if c := closed[0].Fact.(trace.QUICClose); c.By != "us" || c.Requests != 20 || c.Sent == 0 || c.Received == 0 || c.Lost != 0 {
			t.Errorf("%+v", c)
		}
		facts, decisions := w.handshakes()
		if len(facts) != 1 || facts[0].Version != "TLS 1.3" || facts[0].RoundTrips != 0 || facts[0].ALPN != "h3" || decisions[0].Verdict != "trusted" {
			t.Errorf("%+v %+v", facts, decisions)
		}
	})
}

// TestAltSvc: what TCP tells of is used from then on, with Alt-Used, until it
// is over or taken back.
func TestAltSvc(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP2, w.client.HTTP3 = true, HTTP3Prefer
		w.both(`h3=":443"; ma=100`)
		want := func(want string) {
			t.Helper()
			if _, body, err := w.get("https://www.shop.test/"); body != want || err != nil {
				t.Errorf("got %q, %v, want %q", body, err, want)
			}
		}
		want("HTTP/2")
		want("HTTP/3 www.shop.test:443")
		want("HTTP/3 www.shop.test:443")
		w.client.NetworkChanged()
		want("HTTP/2")
		want("HTTP/3 www.shop.test:443")
		time.Sleep(100 * time.Second)
		want("HTTP/2")
		if _, body, err := w.get("http://www.shop.test/"); err == nil {
			t.Errorf("cleartext: %q", body)
		}
	})
}

// TestAltSvcElsewhere: an alternative on another port, and one that is not
// the origin's.
func TestAltSvcElsewhere(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP3 = HTTP3Prefer
		w.serve(shopAddr, 443, &wire.Server{Handler: proto, TLS: w.tls("www.shop.test"), AltSvc: `h2=":1", h3="alt.test:8443"`})
		w.serveQUIC(shopAddr, 8443, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			if x.Request().Path == "/other" {
				_ = x.Respond(421, nil, 0)
				return
			}
			proto(x)
		}), TLS: w.tls("www.shop.test")})
		for i, want := range []string{"HTTP/1.1", "HTTP/3 alt.test:8443"} {
			if _, body, err := w.get("https://www.shop.test/"); body != want || err != nil {
				t.Errorf("%d: got %q, %v", i, body, err)
			}
		}
		if r, _, err := w.get("https://www.shop.test/other"); err != nil || r.Status != 421 {
			t.Errorf("%v", err)
		}
		if _, body, _ := w.get("https://www.shop.test/"); body != "HTTP/1.1" {
			t.Errorf("after 421: %q", body)
		}
	})
	inWorld(t, func(w *world) {
		w.client.HTTP3 = HTTP3Prefer
		w.serve(shopAddr, 443, &wire.Server{Handler: proto, TLS: w.tls("www.shop.test"), AltSvc: `h3=":8443"`})
		w.serveQUIC(shopAddr, 8443, &wire.Server{Handler: proto, TLS: w.tls("evil.test")})
		for range 3 {
			if _, body, err := w.get("https://www.shop.test/"); body != "HTTP/1.1" || err != nil {
				t.Errorf("an alternative without the origin's certificate: %q, %v", body, err)
			}
		}
		if n := len(w.events(trace.KindQUICConnect)); n != 1 {
			t.Errorf("%d attempts, want one", n)
		}
	})
}

// TestFallBack: where QUIC does not pass, TCP takes over, and QUIC is left
// alone for a while.
func TestFallBack(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprint("early-", early), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.client.HTTP3, w.client.EarlyData = HTTP3Prefer, early
				w.both(`h3=":443"`)
				var cut atomic.Bool
				w.net.Lose = func(netip.AddrPort, netip.AddrPort, []byte) bool { return cut.Load() }
				for _, want := range []string{"HTTP/1.1", "HTTP/3 www.shop.test:443"} {
					if _, body, err := w.get("https://www.shop.test/"); body != want || err != nil {
						t.Errorf("got %q, %v", body, err)
					}
				}
				time.Sleep(time.Second) // the session's ticket comes
				w.client.CloseIdle()
				cut.Store(true)
				start := time.Now()
				if _, body, err := w.get("https://www.shop.test/"); body != "HTTP/1.1" || err != nil || time.Since(start) > DefaultQUICTimeout+200*ms {
					t.Errorf("got %q, %v after %v", body, err, time.Since(start))
				}
				start = time.Now()
				if _, body, err := w.get("https://www.shop.test/"); body != "HTTP/1.1" || err != nil || time.Since(start) > 100*ms {
					t.Errorf("got %q, %v after %v", body, err, time.Since(start))
				}
				cut.Store(false)
				time.Sleep(altBroken)
				if _, body, err := w.get("https://www.shop.test/"); !strings.HasPrefix(body, "HTTP/3") || err != nil {
					t.Errorf("got %q, %v", body, err)
				}
				failed := w.events(trace.KindQUICConnect)[1].Fact.(trace.QUICConnect)
				if failed.Fault != string(fault.ConnectionTimeout) {
					t.Errorf("%+v", failed)
				}
			})
		})
	}
}

// TestHTTP3Fails: without a way over TCP a failure is a failure.
func TestHTTP3Fails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP3 = HTTP3Only
		w.serve(shopAddr, 443, &wire.Server{Handler: proto, TLS: w.tls("www.shop.test")})
		if _, _, err := w.get("https://www.shop.test/"); fault.Of(err) != fault.ConnectionTimeout || !strings.Contains(err.Error(), "connect timeout after 10s") {
			t.Errorf("%v (%s)", err, fault.Of(err))
		}
	})
	inWorld(t, func(w *world) {
		w.client.HTTP3 = HTTP3Only
		w.serveQUIC(shopAddr, 443, &wire.Server{Handler: proto, TLS: w.tls("other.test")})
		if _, _, err := w.get("https://www.shop.test/"); fault.Of(err) != fault.TLSCertificateError {
			t.Errorf("%v (%s)", err, fault.Of(err))
		}
	})
}

// TestEarlyData: a second visit's first request takes one round trip.
func TestEarlyData(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP3, w.client.EarlyData = HTTP3Only, true
		w.both("")
		if _, body, err := w.get("https://www.shop.test/"); body != "HTTP/3" || err != nil {
			t.Fatalf("got %q, %v", body, err)
		}
		time.Sleep(time.Second)
		w.client.CloseIdle()
		start := time.Now()
		if _, body, err := w.get("https://www.shop.test/"); body != "HTTP/3 early" || err != nil || time.Since(start) != 20*ms {
			t.Errorf("got %q, %v after %v", body, err, time.Since(start))
		}
		time.Sleep(time.Second)
		f := w.events(trace.KindQUICConnect)[1].Fact.(trace.QUICConnect)
		if !f.EarlyData || f.RoundTrips != 0 {
			t.Errorf("%+v", f)
		}
		if facts, _ := w.handshakes(); len(facts) != 2 || !facts[1].Resumed {
			t.Errorf("%+v", facts)
		}
	})
}

func TestParseAltSvc(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{[]string{`h3=":443"`}, ":443 24h0m0s"},
		{[]string{`h3=":443"; ma=60; persist=1`}, ":443 1m0s persist"},
		{[]string{`h2="alt.test:8000", h3="Alt.Test:443";ma="60"; v="x;y"`}, "alt.test:443 1m0s"},
		{[]string{`h3-29=":1"`, `h3=":2"`}, ":2 24h0m0s"},
		{[]string{`h3="[2001:db8::1]:443"`}, "2001:db8::1:443 24h0m0s"},
		{[]string{`h3=":443"; persist=2; other`}, ":443 24h0m0s"},
		{[]string{"clear"}, "clear"},
		{[]string{`h2=":443"`}, "clear"},
		{[]string{`h3=":443", h3=":444"`}, ":443 24h0m0s"},
		{[]string{`h3=:443`}, "nothing"}, {[]string{`h3=""`}, "nothing"}, {[]string{`h3=":0"`}, "nothing"}, {[]string{`h3=":65536"`}, "nothing"},
		{[]string{`h3=":443"; ma=-1`}, "nothing"}, {[]string{`h3="a/b:1"`}, "nothing"}, {[]string{`=":443"`}, "nothing"}, {[]string{""}, "nothing"},
		{[]string{`h3=":443` + strings.Repeat(" ", maxAltSvc) + `"`}, "nothing"},
	} {
		alt, said := parseAltSvc(tt.values)
		got := "nothing"
		switch {
		case said && alt.port == 0:
			got = "clear"
		case said:
			got = fmt.Sprintf("%s:%d %v", alt.host, alt.port, alt.lifetime)
			if alt.persist {
				got += " persist"
			}
		}
		if got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.values, got, tt.want)
		}
	}
}

// TestAlternatives: they are bounded, expire, and count from when the response
// was made.
func TestAlternatives(t *testing.T) {
	var a alternatives
	now := time.Now()
	origin := target{scheme: "https", host: "a.test", port: 443}
	a.note(origin, []string{`h3=":443"; ma=100`}, 40*time.Second, now)
	if _, ok := a.find(origin, now.Add(59*time.Second)); !ok {
		t.Error("forgotten before its time")
	}
	a.note(origin, []string{`h3=":443"; ma=10`}, time.Minute, now)
	if _, ok := a.find(origin, now.Add(59*time.Second)); !ok {
		t.Error("forgotten for one that was over when it came")
	}
	if _, ok := a.find(origin, now.Add(60*time.Second)); ok {
		t.Error("found after its time")
	}
	a.note(origin, []string{`h3=":443"; ma=9999999999`}, 0, now)
	a.note(origin, []string{`h3=":443"; ma=2000000000`}, 0, now)
	if _, ok := a.find(origin, now.Add(maxAltAge)); ok {
		t.Error("found after a month")
	}
	for i := range 2 * maxAlternatives {
		o := target{scheme: "https", host: fmt.Sprint(i, ".test"), port: 443}
		a.note(o, []string{`h3=":443"`}, 0, now)
		a.broken(o, now)
	}
	if len(a.known) > maxAlternatives || len(a.brokens) > maxAlternatives {
		t.Errorf("%d known, %d broken", len(a.known), len(a.brokens))
	}
}

// FuzzAltSvc: whatever a server says, an alternative has a port and a host
// that can be connected to.
func FuzzAltSvc(f *testing.F) {
	f.Add(`h3=":443"; ma=60; persist=1, h2="a:1"`)
	f.Add("clear")
	f.Fuzz(func(t *testing.T, s string) {
		alt, said := parseAltSvc([]string{s})
		if alt.port != 0 && (!said || strings.ContainsAny(alt.host, " /?#@\"\\") || alt.lifetime < 0) {
			t.Fatalf("%+v", alt)
		}
	})
}
