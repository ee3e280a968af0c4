package fetch

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/trace"
)

// TestOneConnection sends twenty requests at once over HTTP/2: one
// connection, opened once, and all answers together.
func TestOneConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP2 = true
		w.serve(shopAddr, 443, &wire.Server{Handler: answer("x", time.Second), TLS: w.tls("www.shop.test")})
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
				if r.Trip.Proto != wire.HTTP2 || r.FramedBy != "end_stream" {
					t.Errorf("%s, framed by %s", r.Trip.Proto, r.FramedBy)
				}
			})
		}
		wg.Wait()
		if got, want := time.Since(start), 60*ms+time.Second; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
		if len(streams) != 20 {
			t.Errorf("%d streams, want 20", len(streams))
		}
		if n := len(w.events(trace.KindTCPConnect)); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
		w.client.CloseIdle()
		if n := len(w.events(trace.KindTCPClose)); n != 1 {
			t.Errorf("%d tcp.close, want 1", n)
		}
	})
}

// TestFullConnection sends more requests than streams are used: the rest
// waits for those to end, on the same connection.
func TestFullConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP2 = true
		w.serve(shopAddr, 443, &wire.Server{Handler: answer("x", time.Second), TLS: w.tls("www.shop.test")})
		const n = maxStreams + 20
		var wg sync.WaitGroup
		var mu sync.Mutex
		waits := map[time.Duration]int{}
		for i := range n {
			p := w.client.Start(w.ctx(), mustURL(t, "https://www.shop.test/"), &wire.Request{}, DefaultUrgency)
			wg.Go(func() {
				r, err := p.Response()
				if err != nil {
					t.Error(i, err)
					return
				}
				io.Copy(io.Discard, r.Body)
				mu.Lock()
				waits[r.Queued]++
				mu.Unlock()
			})
		}
		wg.Wait()
		// One opens the connection, which takes 40 ms, and the others wait
		// for it; the last twenty wait for a second and a round trip more.
		if waits[0] != 1 || waits[40*ms] != maxStreams-1 || waits[40*ms+20*ms+time.Second] != 20 {
			t.Errorf("waits %v", waits)
		}
		if n := len(w.events(trace.KindTCPConnect)); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
	})
}

// TestFallback offers h2 to a server that has only HTTP/1.1: after the first
// handshake six connections work.
func TestFallback(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP2 = true
		config := w.tls("www.shop.test")
		config.NextProtos = []string{"http/1.1"}
		w.serve(shopAddr, 443, &wire.Server{Handler: answer("x", time.Second), TLS: config})
		start := time.Now()
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if _, _, err := w.get("https://www.shop.test/"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got, want := time.Since(start), 40*ms+60*ms+time.Second; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
		if n := len(w.events(trace.KindTCPConnect)); n != 6 {
			t.Errorf("%d connections, want 6", n)
		}
	})
}

// TestSharedFailure lets twenty requests wait for one handshake, which
// fails: all learn it at once, nobody tries again. The timer of the queue has
// no say in it: it is no limit that they wait for.
func TestSharedFailure(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP2 = true
		w.client.Timeouts.Connect, w.client.Timeouts.Queue = 3*time.Second, time.Second
		w.net.Hole[shopAddr] = true
		start := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, _, err := w.get("https://www.shop.test/")
				var timeout *Timeout
				if fault.Of(err) != fault.ConnectionTimeout || !errors.As(err, &timeout) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("took %v, want 3s", got)
		}
		if n := len(w.events(trace.KindTCPConnect)); n != 1 {
			t.Errorf("%d attempts, want 1", n)
		}
	})
}

// TestUpgradeOverTLS keeps an upgrade off HTTP/2.
func TestUpgradeOverTLS(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.HTTP2 = true
		w.serve(shopAddr, 443, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			c, err := x.Upgrade(101, nil)
			if err != nil {
				t.Error(err)
				return
			}
			c.Close()
		}), TLS: w.tls("www.shop.test")})
		r, err := w.client.Do(w.ctx(), mustURL(t, "wss://www.shop.test/"), &wire.Request{Upgrade: "websocket"})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != 101 || r.Trip.Proto != wire.HTTP11 {
			t.Errorf("%d over %s", r.Status, r.Trip.Proto)
		}
		r.Upgraded.Close()
	})
}
