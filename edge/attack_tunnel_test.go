package edge

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/http/wire"
)

// tunnelTimeout is what a site has where nothing is said.
var tunnelTimeout = cdn.DefaultPolicy().TunnelTimeout

// overHTTP1 opens a tunnel by an upgrade, whose answer has been read.
func overHTTP1(w *world) net.Conn {
	c, r := w.raw()
	_, _ = io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: www.shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n")
	for line := "-"; line != "\r\n" && line != ""; {
		line, _ = r.ReadString('\n')
	}
	if r.Buffered() > 0 {
		w.t.Error("there is more than the head")
	}
	return c
}

// overHTTP2 opens one by an extended CONNECT.
func overHTTP2(w *world) net.Conn {
	c, stop := w.secured(true, "www.shop.test")
	w.t.Cleanup(stop)
	raw, err := c.Network.Dial(context.Background(), netip.AddrPortFrom(edgeAddr, 443))
	if err != nil {
		w.t.Fatal(err)
	}
	conn := tls.Client(raw, &tls.Config{RootCAs: c.Roots, ServerName: "www.shop.test", NextProtos: []string{"h2"}})
	if err := conn.Handshake(); err != nil {
		w.t.Fatal(err)
	}
	h2, err := wire.NewClient(conn, "h2", wire.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { h2.Close() })
	resp, err := h2.Do(context.Background(), &wire.Request{Method: "GET", Scheme: "https", Authority: "www.shop.test", Path: "/chat", Upgrade: "websocket"})
	if err != nil || resp.Upgraded == nil {
		w.t.Fatalf("%v, %v", resp, err)
	}
	return resp.Upgraded
}

// TestTunnelsEnd: a tunnel lives as long as something moves, either way, and
// no longer than the site's timeout beyond that. Then both sides know.
func TestTunnelsEnd(t *testing.T) {
	const idle = 40 * time.Second
	spoken := func(c io.Writer) {
		for range 5 {
			time.Sleep(idle / 2)
			_, _ = io.WriteString(c, "still here")
		}
	}
	for _, tt := range []struct {
		name           string
		client, origin func(c net.Conn) // what each does, beside reading to the end
		deaf           bool             // the client does not read
		after, heard   time.Duration    // when the client's side ends, and when the origin hears of it
	}{
		{"silent", nil, nil, false, idle, idle},
		{"the client speaks", func(c net.Conn) { spoken(c) }, nil, false, 5*idle/2 + idle, 5*idle/2 + idle},
		{"the origin speaks", nil, func(c net.Conn) { spoken(c) }, false, 5*idle/2 + idle, 5*idle/2 + idle},
		{"the client has finished", func(c net.Conn) { _ = c.(interface{ CloseWrite() error }).CloseWrite() }, nil, false, idle, 0},
		{"the client does not read", nil, func(c net.Conn) { _, _ = c.Write(make([]byte, 4<<20)) }, true, 0, idle},
	} {
		for proto, open := range map[string]func(*world) net.Conn{"HTTP1": overHTTP1, "HTTP2": overHTTP2} {
			t.Run(strings.ReplaceAll(tt.name, " ", "-")+"/"+proto, func(t *testing.T) {
				var ended chan time.Time // both made within the bubble
				var over chan struct{}
				inWorld(t, func(x wire.Exchange) {
					c, err := x.Upgrade(101, nil)
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					if tt.origin != nil {
						go tt.origin(c)
					}
					for err == nil {
						_, err = c.Read(make([]byte, 1<<10))
					}
					ended <- time.Now()
					<-over // it never finishes its own side
				}, func(w *world) {
					ended, over = make(chan time.Time, 1), make(chan struct{})
					defer close(over)
					c := open(w)
					defer c.Close()
					began := time.Now()
					if tt.client != nil {
						go tt.client(c)
					}
					if !tt.deaf {
						_, _ = io.Copy(io.Discard, c)
						if since := time.Since(began); since != tt.after {
							t.Errorf("the client's side ended after %v, want %v", since, tt.after)
						}
					}
					if since := (<-ended).Sub(began); since != tt.heard {
						t.Errorf("the origin heard of the end after %v, want %v", since, tt.heard)
					}
				}, setting{site: func(s *cdn.Site) { s.Policy.TunnelTimeout = idle }})
			})
		}
	}
}

// TestIdleTunnels: hundreds of tunnels in which nothing moves are a bounded
// cost, others are served beside them, and after the timeout nothing is left.
func TestIdleTunnels(t *testing.T) {
	const tunnels = 200
	inWorld(t, upgrading, func(w *world) {
		before := runtime.NumGoroutine()
		var all []net.Conn
		for range tunnels {
			all = append(all, overHTTP1(w))
		}
		synctest.Wait()
		// At the edge two for the copying and one that waits for the end of
		// the client's context; at the origin its handler.
		if n := runtime.NumGoroutine() - before; n > 5*tunnels {
			t.Errorf("%d goroutines for %d tunnels", n, tunnels)
		}
		began := time.Now()
		c := overHTTP1(w)
		_, _ = io.WriteString(c, "hello")
		buf := make([]byte, 5)
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "HELLO" || time.Since(began) > 0 {
			t.Errorf("another tunnel: %q, %v after %v", buf, err, time.Since(began))
		}
		c.Close()
		for _, c := range all {
			_, _ = io.Copy(io.Discard, c)
			if since := time.Since(began); since != tunnelTimeout {
				t.Fatalf("ended after %v, want %v", since, tunnelTimeout)
			}
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 10 {
			t.Errorf("%d goroutines are left", n)
		}
	})
}
