package edge

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
	"waypost/url"
)

// hoarder is a client that wants to keep a connection to the origin for as
// long as it may.
type hoarder struct {
	name string
	ask  string
	keep func(c io.ReadWriter) error // once a second
}

var hoarders = []hoarder{
	{"reads slowly what is not stored", "GET /large HTTP/1.1\r\nHost: www.shop.test\r\n\r\n", func(c io.ReadWriter) error {
		_, err := io.ReadFull(c, make([]byte, wire.MinRate*2))
		return err
	}},
	{"sends a body slowly", "POST /upload HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 1000000\r\n\r\n", func(c io.ReadWriter) error {
		_, err := io.WriteString(c, strings.Repeat("a", wire.MinRate*2))
		return err
	}},
	{"has a tunnel", "GET /chat HTTP/1.1\r\nHost: www.shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", func(c io.ReadWriter) error {
		_, err := io.WriteString(c, ".")
		return err
	}},
}

// hoarded answers them, and visitors with what is not stored either.
func hoarded(x wire.Exchange) {
	switch x.Request().Path {
	case "/large":
		if x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "no-store"}}, 1<<20) == nil {
			_, _ = x.Write(make([]byte, 1<<20))
		}
	case "/upload":
		_, _ = io.Copy(io.Discard, x.Request().Body)
		reply(x, 200, "thanks")
	case "/chat":
		upgrading(x)
	default:
		reply(x, 200, "small", "Cache-Control", "no-store")
	}
}

// TestHoardersLeaveConnections: those who keep connections to the origin for
// themselves, from one address or from many, and come back when they are
// thrown out, leave some: others are answered by the origin at once.
func TestHoardersLeaveConnections(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has no room for so many goroutines")
	}
	const attackers = 700 // more than there are connections to one origin
	for _, h := range hoarders {
		for _, addresses := range []int{1, 40} {
			t.Run(fmt.Sprintf("%s from %d", strings.ReplaceAll(h.name, " ", "-"), addresses), func(t *testing.T) {
				o := &counted{answer: hoarded}
				inWorld(t, o.serve, func(w *world) {
					ctx, stop := context.WithCancel(context.Background())
					var all sync.WaitGroup
					for n := range attackers {
						from := netip.AddrFrom4([4]byte{203, 0, 113, byte(n % addresses)})
						all.Go(func() { w.hoard(ctx, from, h) })
					}
					visitor := w.newClient(netip.MustParseAddr("192.0.2.31"))
					wanted := &wire.Request{}
					if strings.Contains(h.ask, "websocket") {
						wanted.Upgrade = "websocket" // tunnels have connections of their own
					}
					target, err := url.Parse("http://www.shop.test/"+map[string]string{"": "small", "websocket": "chat"}[wanted.Upgrade], nil)
					if err != nil {
						t.Fatal(err)
					}
					for range 6 {
						time.Sleep(10 * time.Second)
						start := time.Now()
						resp, err := visitor.Do(ctx, target, wanted)
						if err != nil {
							t.Fatal(err)
						}
						if resp.Upgraded != nil {
							_ = resp.Upgraded.Close()
						} else if g := read(resp); g.body != "small" {
							t.Errorf("a visitor got %d %.40q", g.status, g.body)
						}
						if time.Since(start) > 0 {
							t.Errorf("a visitor waited %v", time.Since(start))
						}
					}
					if n := o.peak.Load(); n < upstreamConns/3 || n >= upstreamConns {
						t.Errorf("the origin had %d requests at once", n)
					}
					stop()
					visitor.Close()
					all.Wait()
				})
			})
		}
	}
}

// hoard asks, keeps what it gets for as long as that lasts, and comes back.
func (w *world) hoard(ctx context.Context, from netip.Addr, h hoarder) {
	for ctx.Err() == nil {
		c, err := w.net.Host(from).Dial(ctx, netip.AddrPortFrom(edgeAddr, 80))
		if err != nil {
			if ctx.Err() == nil {
				w.t.Error(err)
			}
			return
		}
		_, err = io.WriteString(c, h.ask)
		for err == nil && ctx.Err() == nil {
			time.Sleep(time.Second)
			_ = c.SetDeadline(time.Now().Add(time.Second)) // it was refused, where nothing comes
			err = h.keep(c)
		}
		c.Close()
	}
}
