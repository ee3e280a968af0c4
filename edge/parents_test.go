package edge

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/fault"
	"waypost/fetch"
	"waypost/http/wire"
	"waypost/trace"
)

var parentAddr = netip.MustParseAddr("192.0.2.21")

// withParent gives w's edge a parent before the origin; stop takes it out.
func (w *world) withParent(change func(*cdn.Site)) (parent *Edge, stop func()) {
	site := w.edge.sites.Load().all[0].Site
	site.Origin.Parents = nil
	change(&site)
	parent, err := New(Config{Name: "p1", Sites: []cdn.Site{site}, Store: store.NewMemory(64 << 20),
		Fetch: &fetch.Client{Network: w.net.Host(parentAddr)}})
	if err != nil {
		w.t.Fatal(err)
	}
	end := w.serve(parentAddr, parent)
	return parent, func() {
		end()
		parent.Close()
	}
}

func viaParent(s *cdn.Site) { s.Origin.Parents = []string{"http://192.0.2.21"} }

// TestParent: what a parent has comes from it, with its age and its word on
// the cache before ours; where it is gone, the origin is asked.
func TestParent(t *testing.T) {
	inWorld(t, replying(200, "body", "Cache-Control", "max-age=60"), func(w *world) {
		_, stop := w.withParent(func(*cdn.Site) {})
		g := w.get("/a")
		if got := g.fields.Join("Cache-Status"); got != "waypost-p1; fwd=uri-miss; ttl=60; stored, waypost-t1; fwd=uri-miss; ttl=60; stored" {
			t.Errorf("Cache-Status %q", got)
		}
		if asked := w.lastAsked(); asked.Fields.Join("CDN-Loop") != "waypost-t1, waypost-p1" || asked.Authority != "www.shop.test" {
			t.Errorf("the origin was asked for %s with CDN-Loop %q", asked.Authority, asked.Fields.Join("CDN-Loop"))
		}
		time.Sleep(10 * time.Second)
		w.edge.Purge(Purge{URL: "http://www.shop.test/a"})
		g = w.get("/a")
		if got := g.fields.Join("Cache-Status"); got != "waypost-p1; hit; ttl=50, waypost-t1; fwd=uri-miss; ttl=50; stored" || g.fields.Get("Age") != "10" || w.trips() != 1 {
			t.Errorf("Cache-Status %q, Age %s, %d trips", got, g.fields.Get("Age"), w.trips())
		}
		time.Sleep(10 * time.Second)
		if g := w.get("/a"); g.fields.Get("Age") != "20" || g.fields.Count("Age") != 1 {
			t.Errorf("Age %q", g.fields.Join("Age"))
		}
		// What changes the resource passes the parent that holds it.
		w.do(&wire.Request{Method: "POST", Path: "/a"})
		w.get("/a")
		if w.trips() != 3 {
			t.Errorf("%d trips, want one for the POST and one after it", w.trips())
		}
		stop()
		g = w.get("/b")
		if got := g.fields.Join("Cache-Status"); g.body != "body" || got != "waypost-t1; fwd=uri-miss; ttl=60; stored" {
			t.Errorf("without the parent: %v", g)
		}
	}, setting{site: viaParent})
}

// TestParentCircle: a parent whose parent is this edge is found out, and the
// origin is asked.
func TestParentCircle(t *testing.T) {
	inWorld(t, replying(200, "body", "Cache-Control", "max-age=60"), func(w *world) {
		_, stop := w.withParent(func(s *cdn.Site) { s.Origin.Parents = []string{"http://192.0.2.20"} })
		defer stop()
		if g := w.get("/a"); g.status != 200 || g.body != "body" {
			t.Errorf("got %v", g)
		}
		if asked := w.lastAsked(); strings.Contains(asked.Fields.Join("CDN-Loop"), "waypost-t1, waypost-p1, waypost-t1") || w.trips() != 1 {
			t.Errorf("CDN-Loop %q, %d trips", asked.Fields.Join("CDN-Loop"), w.trips())
		}
	}, setting{site: viaParent})
}

// TestParentOfTheSameName: a parent that takes every request for one that comes
// back is of no use, and whoever operates the edge is told so.
func TestParentOfTheSameName(t *testing.T) {
	var told []Trouble
	inWorld(t, replying(200, "body", "Cache-Control", "max-age=60"), func(w *world) {
		site := w.edge.sites.Load().all[0].Site
		site.Origin.Parents = nil
		parent, err := New(Config{Name: "t1", Sites: []cdn.Site{site}, Store: store.NewMemory(1 << 20), Fetch: &fetch.Client{Network: w.net.Host(parentAddr)}})
		if err != nil {
			t.Fatal(err)
		}
		defer parent.Close()
		defer w.serve(parentAddr, parent)()
		for i, r := range []*wire.Request{{Path: "/a"}, {Method: "POST", Path: "/a"}} {
			if g := w.do(r); g.status != 200 || g.body != "body" || w.trips() != i+1 {
				t.Errorf("got %v after %d trips", g, w.trips())
			}
			if len(told) != i+1 || told[i].Kind != fault.ProxyLoopDetected || told[i].Server != "http://192.0.2.21" || !strings.Contains(told[i].Err.Error(), "waypost-t1") {
				t.Fatalf("told of %+v", told)
			}
		}
	}, setting{site: viaParent, config: func(c *Config) { c.OnTrouble = func(x Trouble) { told = append(told, x) } }})
}

// TestParentChecked: an edge answers the checks of its children by itself, and
// they are about nothing else: the origin sees none, and while it is down the
// parent is asked on; a parent that is this edge itself does not pass.
func TestParentChecked(t *testing.T) {
	for _, tt := range []struct{ name, parent, want string }{
		{"a parent", "http://192.0.2.21", "waypost-p1; fwd=uri-miss, waypost-t1; fwd=uri-miss"},
		{"itself", "http://192.0.2.20", "waypost-t1; fwd=uri-miss"},
	} {
		inWorld(t, func(x wire.Exchange) { reply(x, 503, "busy") }, func(w *world) {
			_, stop := w.withParent(func(*cdn.Site) {})
			defer stop()
			time.Sleep(time.Minute)
			if w.trips() != 0 {
				t.Errorf("%s: the origin had %d requests", tt.name, w.trips())
			}
			if g := w.get("/a"); g.status != 503 || g.fields.Join("Cache-Status") != tt.want {
				t.Errorf("%s: got %v", tt.name, g)
			}
			down := 0
			for _, e := range w.healthEvents() {
				if f, ok := e.Fact.(trace.OriginHealth); ok && f.By == "checks" && f.Origin == tt.parent {
					down++
				}
			}
			if want := map[string]int{"itself": 1}[tt.name]; down != want {
				t.Errorf("%s: found ill %d times", tt.name, down)
			}
		}, setting{site: func(s *cdn.Site) {
			s.Origin.Parents = []string{tt.parent}
			s.Origin.ParentCheck = cdn.ParentCheck{Host: "www.shop.test"}
		}, config: trusting.config})
	}
}

// TestParentOfSlices: slices come through a parent that holds slices itself.
func TestParentOfSlices(t *testing.T) {
	f := &file{size: large}
	inWorld(t, f.serve, func(w *world) {
		_, stop := w.withParent(func(*cdn.Site) {})
		defer stop()
		since := 0
		for range 2 {
			g := w.get("/file", "Range", "bytes=5368709120-5368709219")
			if g.body != f.part(5<<30, 100) {
				t.Errorf("%d, %d bytes", g.status, len(g.body))
			}
			w.edge.Purge(Purge{URL: "http://www.shop.test/file"})
		}
		if got := w.askedRanges(&since); got != "5368709120-5369757695" {
			t.Errorf("the origin was asked for %q", got)
		}
	}, setting{site: func(s *cdn.Site) { viaParent(s); s.Policy.Slice = mib }})
}

// TestParentOriginDown: the parent's word that the origin does not answer is
// believed: it is not asked once more.
func TestParentOriginDown(t *testing.T) {
	inWorld(t, func(x wire.Exchange) { x.Abort() }, func(w *world) {
		_, stop := w.withParent(func(*cdn.Site) {})
		defer stop()
		g := w.get("/a")
		if g.status != 502 || !strings.HasPrefix(g.fields.Join("Proxy-Status"), "waypost-p1; error=") || w.trips() > 2 {
			t.Errorf("%v, Proxy-Status %q, %d trips", g, g.fields.Join("Proxy-Status"), w.trips())
		}
	}, setting{site: viaParent})
}

// TestOriginHealth: the record tells when a server is given up, and when it is
// back.
func TestOriginHealth(t *testing.T) {
	down := true
	inWorld(t, func(x wire.Exchange) {
		if down {
			reply(x, 503, "busy")
			return
		}
		reply(x, 200, "body")
	}, func(w *world) {
		for range 5 {
			w.get("/a")
		}
		down = false
		time.Sleep(time.Second)
		w.get("/a")
		var told []string
		for _, e := range w.healthEvents() {
			told = append(told, e.Decision.Verdict)
		}
		if got := strings.Join(told, " "); got != "down up" {
			t.Errorf("the record has %q", got)
		}
	})
}

// serve puts a server on w's internet; stop ends it.
func (w *world) serve(at netip.Addr, h wire.Handler) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	l, err := w.net.Host(at).Listen(ctx, netip.AddrPortFrom(at, 80))
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&wire.Server{Handler: h}).Serve(ctx, l)
	}()
	return func() {
		cancel()
		<-done
	}
}

// healthEvents are those of the record that tell of the origin's health.
func (w *world) healthEvents() []trace.Event {
	var all []trace.Event
	for _, id := range w.record.Traces() {
		for _, e := range w.events(id) {
			if _, ok := e.Fact.(trace.OriginHealth); ok {
				all = append(all, e)
			}
		}
	}
	return all
}
