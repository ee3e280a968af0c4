package edge

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"waypost/edge/store"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/url"
)

// upstreamConns is what package upstream allows to one server over HTTP/1.1.
const upstreamConns = 512

// limited gives a world's edge a small store.
func limited(bytes int64) setting {
	return setting{config: func(c *Config) { c.Store = store.NewMemory(bytes) }}
}

// counted is an origin that tells how many requests it had under way at most.
type counted struct {
	now, peak atomic.Int64
	answer    func(wire.Exchange)
}

func (c *counted) serve(x wire.Exchange) {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for p := c.peak.Load(); n > p && !c.peak.CompareAndSwap(p, n); p = c.peak.Load() {
	}
	c.answer(x)
}

// TestCacheBusting: thousands of requests, each for a key of its own. The
// origin has as many at once as it is allowed, the store stays within its
// bound and keeps what others come for, and they get it at once.
func TestCacheBusting(t *testing.T) {
	const requests, clients = 5000, 1000
	o := &counted{answer: func(x wire.Exchange) {
		time.Sleep(50 * time.Millisecond)
		reply(x, 200, strings.Repeat("x", 4<<10), "Cache-Control", "max-age=3600")
	}}
	popular, err := url.Parse("http://www.shop.test/popular", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := limited(16 << 20) // what all clients together ask for at a time is a quarter of it
	inWorld(t, o.serve, func(w *world) {
		for range 5 {
			w.get("/popular")
		}
		other := w.newClient(netip.MustParseAddr("192.0.2.31"))
		defer other.Close()
		var attackers sync.WaitGroup
		statuses := make([]atomic.Int64, 600)
		for n := range clients {
			attackers.Go(func() {
				for i := range requests / clients {
					g := w.send(&wire.Request{Path: fmt.Sprintf("/popular?%d", n*requests+i)})
					statuses[g.status].Add(1)
				}
			})
		}
		for range 20 {
			time.Sleep(10 * time.Millisecond)
			start := time.Now()
			resp, err := other.Do(context.Background(), popular, &wire.Request{})
			if err != nil {
				t.Fatal(err)
			}
			g := read(resp)
			if g.status != 200 || !strings.Contains(g.fields.Join("Cache-Status"), "; hit") || time.Since(start) > 0 {
				t.Errorf("another client got %d, Cache-Status %q after %v", g.status, g.fields.Join("Cache-Status"), time.Since(start))
			}
		}
		attackers.Wait()
		if o.peak.Load() > upstreamConns {
			t.Errorf("the origin had %d requests at once", o.peak.Load())
		}
		if n := w.edge.store.Bytes(); n > w.edge.store.Limit() {
			t.Errorf("%d bytes stored", n)
		}
		if statuses[200].Load() != requests {
			t.Errorf("%d of %d were answered with 200", statuses[200].Load(), requests)
		}
	}, s)
}

// TestOneKeyStorm: a thousand clients want the same thing that is not there.
// The origin is asked once; when it is purged meanwhile, once more.
func TestOneKeyStorm(t *testing.T) {
	const clients = 1000
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		reply(x, 200, "page", "Cache-Control", "max-age=3600")
	}, func(w *world) {
		var storm sync.WaitGroup
		wave := func() {
			for range clients {
				storm.Go(func() {
					if g := w.send(&wire.Request{Path: "/"}); g.status != 200 || g.body != "page" {
						t.Errorf("got %v", g)
					}
				})
			}
		}
		wave()
		time.Sleep(500 * time.Millisecond)
		if _, err := w.edge.Purge(Purge{URL: "http://www.shop.test/"}); err != nil {
			t.Error(err)
		}
		wave() // those join no fill that began before the purge
		storm.Wait()
		if n := w.trips(); n != 2 {
			t.Errorf("the origin was asked %d times, want 2", n)
		}
		if g := w.get("/"); !strings.Contains(g.fields.Join("Cache-Status"), "; hit") {
			t.Errorf("got %v", g)
		}
	})
}

// TestDeadOriginStorm: misses for an origin that does not answer wait, a
// bounded number of them, and hits do not.
func TestDeadOriginStorm(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has no room for so many goroutines")
	}
	const clients = 6000
	var dead atomic.Bool
	inWorld(t, func(x wire.Exchange) {
		if dead.Load() {
			<-x.Context().Done()
			x.Abort()
			return
		}
		reply(x, 200, "page", "Cache-Control", "max-age=3600")
	}, func(w *world) {
		w.get("/popular")
		dead.Store(true)
		before := runtime.NumGoroutine()
		var storm sync.WaitGroup
		for i := range clients {
			if i%500 == 0 {
				synctest.Wait() // so many fit into a listener's backlog
			}
			storm.Go(func() {
				from := netip.AddrFrom4([4]byte{203, 0, 113, byte(i / 500)}) // one address alone has a bound of its own
				c := w.rawRequestFrom(from, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: www.shop.test\r\nConnection: close\r\n\r\n", i))
				if !strings.HasPrefix(c, "HTTP/1.1 50") {
					t.Errorf("got %.40q", c)
				}
			})
		}
		synctest.Wait()
		// A connection, its request and its fill, and the client's own: what
		// waits is goroutines. Connections to the origin have two more.
		if n := runtime.NumGoroutine() - before; n > 7*clients+4*upstreamConns {
			t.Errorf("%d goroutines for %d clients", n, clients)
		}
		start := time.Now()
		if g := w.send(&wire.Request{Path: "/popular"}); g.status != 200 || time.Since(start) > 0 {
			t.Errorf("another client got %v after %v", g, time.Since(start))
		}
		storm.Wait()
		if took := time.Since(start); took > time.Minute {
			t.Errorf("they waited %v", took)
		}
		synctest.Wait()
		if n := w.edge.background.Load() + w.edge.abandoned.Load(); n != 0 {
			t.Errorf("%d fills are left", n)
		}
	})
}

// TestVaryExplosion: an origin that varies by something that each client has
// its own of fills a bounded place.
func TestVaryExplosion(t *testing.T) {
	const most = 16 // store.maxVariants
	inWorld(t, func(x wire.Exchange) {
		reply(x, 200, x.Request().Fields.Get("X-Client"), "Cache-Control", "max-age=3600", "Vary", "X-Client")
	}, func(w *world) {
		w.get("/other")
		var clients sync.WaitGroup
		for n := range 50 {
			clients.Go(func() {
				for i := range 40 {
					name := fmt.Sprint(n, "-", i)
					if g := w.send(&wire.Request{Path: "/"}, "X-Client", name); g.status != 200 || g.body != name {
						t.Errorf("%s got %v", name, g)
					}
				}
			})
		}
		clients.Wait()
		if n := w.edge.store.Len(); n > most+1 {
			t.Errorf("%d objects are stored", n)
		}
	})
}

// TestThousandTags: responses with a thousand tags each cost what their heads
// cost, within the store's bound, and one purge finds all.
func TestThousandTags(t *testing.T) {
	const objects, tags = 500, 1000
	s := limited(4 << 20)
	inWorld(t, func(x wire.Exchange) {
		var keys strings.Builder
		for i := range tags {
			fmt.Fprintf(&keys, "%s-%d ", x.Request().Path[1:], i)
		}
		reply(x, 200, "page", "Cache-Control", "max-age=3600", "Surrogate-Key", keys.String()+"all")
	}, func(w *world) {
		for i := range objects {
			w.send(&wire.Request{Path: fmt.Sprintf("/%d", i)})
		}
		synctest.Wait()
		stored := w.edge.store.Len()
		if n := w.edge.store.Bytes(); n > w.edge.store.Limit() || stored < 100 {
			t.Errorf("%d objects, %d bytes stored", stored, n)
		}
		r, err := w.edge.Purge(Purge{Tag: fmt.Sprint(objects-1, "-", tags-1)})
		if err != nil || r.Objects != 1 {
			t.Errorf("one tag: %+v, %v", r, err)
		}
		if r, err = w.edge.Purge(Purge{Tag: "all"}); err != nil || r.Objects != stored-1 || w.edge.store.Len() != 0 {
			t.Errorf("the tag of all: %+v, %v, want %d", r, err, stored-1)
		}
	}, s)
}

// TestSlowReadersOfLargeThings: clients that ask for large things and read
// none of them have half of the store between them and no more, and what they
// get beyond that is not kept at all.
func TestSlowReadersOfLargeThings(t *testing.T) {
	const readers, size, limit = 60, 2 << 20, 32 << 20
	body := make([]byte, size)
	s := limited(limit)
	inWorld(t, func(x wire.Exchange) {
		if x.Request().Path == "/small" {
			reply(x, 200, "small", "Cache-Control", "max-age=3600")
			return
		}
		if x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=3600"}}, size) == nil {
			_, _ = x.Write(body)
		}
	}, func(w *world) {
		before := heap()
		var held []io.Closer
		for i := range readers {
			c, err := w.net.Host(clientAddr).Dial(context.Background(), netip.AddrPortFrom(edgeAddr, 80))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
			_, _ = fmt.Fprintf(c, "GET /large?%d HTTP/1.1\r\nHost: www.shop.test\r\n\r\n", i)
			synctest.Wait()
			if n := w.edge.store.Bytes(); n > limit {
				t.Fatalf("%d bytes stored", n)
			}
		}
		// What each has in transit: the buffers of two networks in memory, and
		// the store's window with a chunk before and behind it.
		const transit = 2*256<<10 + 384<<10
		if grown := heap() - before; grown > limit+readers*transit {
			t.Errorf("the heap grew by %d MB", grown>>20)
		} else {
			t.Logf("the heap grew by %d MB for %d clients with %d MB", grown>>20, readers, readers*size>>20)
		}
		w.get("/small")
		if g := w.get("/small"); !strings.Contains(g.fields.Join("Cache-Status"), "; hit") {
			t.Errorf("another client got %v", g)
		}
		time.Sleep(3 * wire.DefaultWriteTimeout) // too slow
		synctest.Wait()
		if g := w.get("/large?again"); len(g.body) != size || g.err != nil {
			t.Errorf("got %d bytes, %v", len(g.body), g.err)
		}
		if g := w.get("/large?again"); !strings.Contains(g.fields.Join("Cache-Status"), "; hit") {
			t.Errorf("afterwards: Cache-Status %q", g.fields.Join("Cache-Status"))
		}
		for _, c := range held {
			c.Close()
		}
	}, s)
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
