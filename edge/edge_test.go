package edge

import (
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/wire"
)

func TestMissThenHit(t *testing.T) {
	inWorld(t, replying(200, "hello", "Cache-Control", "max-age=60", "ETag", `"1"`), func(w *world) {
		g := w.get("/a")
		if g.status != 200 || g.body != "hello" {
			t.Fatalf("got %v", g)
		}
		w.cacheStatus(g, "; fwd=uri-miss; ttl=60; stored")
		time.Sleep(10 * time.Second)
		g = w.get("/a")
		w.cacheStatus(g, "; hit; ttl=50")
		if g.body != "hello" || g.fields.Get("Age") != "10" || g.length != 5 {
			t.Errorf("got %v, Age %s, length %d", g, g.fields.Get("Age"), g.length)
		}
		if w.trips() != 1 {
			t.Errorf("%d trips to the origin", w.trips())
		}
		if n, err := w.edge.Purge("http://www.shop.test/a"); n != 1 || err != nil {
			t.Errorf("purge: %d, %v", n, err)
		}
		w.cacheStatus(w.get("/a"), "; fwd=uri-miss; ttl=60; stored")
	})
}

func TestCollapsed(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		reply(x, 200, "shared", "Cache-Control", "max-age=60")
	}, func(w *world) {
		const clients = 100
		results := make(chan got, clients)
		for range clients {
			go func() { results <- w.get("/popular") }()
		}
		began := time.Now()
		collapsed := 0
		for range clients {
			g := <-results
			if g.body != "shared" {
				t.Errorf("got %v", g)
			}
			if g.fields.Get("Cache-Status") == "waypost-t1; fwd=uri-miss; ttl=59; collapsed" {
				collapsed++
			}
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		if w.trips() != 1 || collapsed != clients-1 {
			t.Errorf("%d trips, %d collapsed", w.trips(), collapsed)
		}
	})
	_ = synctest.Wait
}
