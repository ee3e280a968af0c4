package edge

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/fault"
	"waypost/fetch"
	"waypost/http/wire"
	"waypost/upstream"
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
		if g.fields.Get("Via") != "1.1 waypost-t1" {
			t.Errorf("Via %q", g.fields.Get("Via"))
		}
		if w.trips() != 1 {
			t.Errorf("%d trips to the origin", w.trips())
		}
	})
}

func TestPurge(t *testing.T) {
	inWorld(t, replying(200, "hello", "Cache-Control", "max-age=60"), func(w *world) {
		w.get("/a?b")
		for _, tt := range []struct {
			url   string
			n     int
			fault fault.Kind
		}{
			{"http://www.shop.test/other", 0, ""},
			{"https://www.shop.test/a?b", 0, ""}, // another key
			{"HTTP://WWW.shop.test:80/a?b#c", 1, ""},
			{"http://www.shop.test/a?b", 0, ""},
			{"http://stranger.test/", 0, fault.DestinationNotFound},
			{"ftp://www.shop.test/", 0, fault.HTTPRequestError},
			{"nonsense", 0, fault.HTTPRequestError},
		} {
			if r, err := w.edge.Purge(Purge{URL: tt.url}); r.Objects != tt.n || fault.Of(err) != tt.fault {
				t.Errorf("Purge(%s) = %d, %v", tt.url, r.Objects, err)
			}
		}
		w.cacheStatus(w.get("/a?b"), "; fwd=uri-miss; ttl=60; stored")
	})
}

// TestTableOfStages: every stage can be reached, and all lead to the end.
func TestTableOfStages(t *testing.T) {
	reached := map[stage]bool{toReceive: true}
	for range life {
		for s, row := range life {
			if !reached[stage(s)] {
				continue
			}
			for _, n := range row.next {
				reached[n] = true
			}
		}
	}
	ends := map[stage]bool{done: true}
	for range life {
		for s, row := range life {
			if slices.ContainsFunc(row.next, func(n stage) bool { return ends[n] }) {
				ends[stage(s)] = true
			}
		}
	}
	for s := toReceive; s < done; s++ {
		if !reached[s] || !ends[s] {
			t.Errorf("%s: reached %v, comes to an end %v", s, reached[s], ends[s])
		}
	}
}

func TestSetSites(t *testing.T) {
	slow := func(x wire.Exchange) {
		time.Sleep(5 * time.Second)
		reply(x, 200, "slow", "Cache-Control", "no-store")
	}
	inWorld(t, slow, func(w *world) {
		before := make(chan got)
		go func() { before <- w.send(&wire.Request{Path: "/slow"}) }()
		time.Sleep(time.Second)
		other := cdn.Site{Name: "other", Hosts: []string{"other.test"},
			Origin: cdn.Origin{URLs: []string{"http://192.0.2.10/other"}}}
		if err := w.edge.SetSites([]cdn.Site{other}); err != nil {
			t.Fatal(err)
		}
		if g := w.get("/slow"); g.status != 421 {
			t.Errorf("a site that is gone answers %v", g)
		}
		if g := <-before; g.body != "slow" {
			t.Errorf("a request under way got %v", g)
		}
		if g := w.get("http://other.test/x"); g.status != 200 || w.lastAsked().Path != "/other/x" {
			t.Errorf("the new site answers %v, asked %s", g, w.lastAsked().Path)
		}
		was := w.edge.sites.Load()
		if err := w.edge.SetSites([]cdn.Site{other, {Name: "bad", Origin: cdn.Origin{URLs: []string{"x:"}}}}); err == nil {
			t.Error("a bad origin was accepted")
		}
		if w.edge.sites.Load() != was {
			t.Error("a refused configuration changed something")
		}
		other.Hosts = append(other.Hosts, "more.test")
		if err := w.edge.SetSites([]cdn.Site{other}); err != nil || w.edge.sites.Load().all[0].origin != was.all[0].origin {
			t.Errorf("a site whose origin stays keeps its connections: %v", err)
		}
	})
}

// TestReloadKeepsOrigins: each site keeps its own way to its origin, beside
// others that go to the same one, in whatever order they are named; and no two
// sites come to share one.
func TestReloadKeepsOrigins(t *testing.T) {
	named := func(name, origin string) cdn.Site {
		return cdn.Site{Name: name, Hosts: []string{name + ".test"}, Origin: cdn.Origin{URLs: []string{origin}}, Policy: cdn.DefaultPolicy()}
	}
	const one, two = "http://192.0.2.10", "http://192.0.2.11"
	a, b := named("a", one), named("b", one)
	for _, tt := range []struct {
		name  string
		sites []cdn.Site
		keep  string // the sites that keep their ways
	}{
		{"nothing changes", []cdn.Site{a, b}, "ab"},
		{"the order changes", []cdn.Site{b, a}, "ab"},
		{"one goes", []cdn.Site{b}, "b"},
		{"another comes", []cdn.Site{named("c", one), a, b}, "ab"},
		{"one goes elsewhere", []cdn.Site{named("a", two), b}, "b"},
		{"one is there twice", []cdn.Site{a, named("a", one)}, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, replying(200, "hello"), func(w *world) {
				if err := w.edge.SetSites([]cdn.Site{a, b}); err != nil {
					t.Fatal(err)
				}
				was := w.edge.sites.Load()
				if err := w.edge.SetSites(tt.sites); err != nil {
					t.Fatal(err)
				}
				var kept []byte
				taken := map[*upstream.Upstream]string{}
				for _, s := range w.edge.sites.Load().all {
					if before, ok := taken[s.origin]; ok {
						t.Errorf("%s and %s share their connections", before, s.Name)
					}
					taken[s.origin] = s.Name
					for _, old := range was.all {
						if old.origin != s.origin {
							continue
						}
						if kept = append(kept, s.Name...); old.Name != s.Name {
							t.Errorf("%s has the connections of %s", s.Name, old.Name)
						}
					}
				}
				if slices.Sort(kept); string(kept) != tt.keep {
					t.Errorf("%q keep their connections, want %q", kept, tt.keep)
				}
			})
		})
	}
}

func TestMatch(t *testing.T) {
	all := []cdn.Site{
		{Name: "exact", Hosts: []string{"www.shop.test", "a.b.shop.test"}},
		{Name: "wild", Hosts: []string{"*.shop.test", "www.shop.test"}},
		{Name: "deep", Hosts: []string{"*.b.shop.test"}},
		{Name: "any", Hosts: []string{"*"}},
	}
	for i := range all {
		all[i].Origin.URLs = []string{"http://192.0.2.1"}
	}
	for n := range 2 { // with the site that takes all, and without
		some := all[:len(all)-n]
		index, err := newSites(some, &sites{}, &fetch.Client{})
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"www.shop.test", "a.b.shop.test", "c.b.shop.test", "x.shop.test", "shop.test", ".shop.test", "other.test", ""} {
			want, got := cdn.Match(some, host), index.match([]byte(host))
			if (want == nil) != (got == nil) || want != nil && want.Name != got.Name {
				t.Errorf("match(%q) = %v, want %v", host, got, want)
			}
		}
	}
}

func TestName(t *testing.T) {
	for _, name := range []string{"", "a b", "a;hit", "é"} {
		if _, err := New(Config{Name: name, Store: store.NewMemory(1 << 20)}); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

// TestCloseWhileFilling: nothing is left behind; the bubble would not end.
func TestCloseWhileFilling(t *testing.T) {
	inWorld(t, func(x wire.Exchange) { <-x.Context().Done() }, func(w *world) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := w.open(ctx, &wire.Request{Path: "/never"}); err == nil {
			t.Error("an answer came")
		}
		began := time.Now()
		w.edge.Close()
		if time.Since(began) != 0 {
			t.Errorf("Close waited %v for a fill", time.Since(began))
		}
	})
}

func ExampleEdge() {
	e, err := New(Config{
		Name:  "fra1",
		Store: store.NewMemory(64 << 20),
		Fetch: &fetch.Client{},
		Sites: []cdn.Site{{
			Name:   "shop",
			Hosts:  []string{"www.shop.test"},
			Origin: cdn.Origin{URLs: []string{"http://127.0.0.1:8000"}},
			Policy: cdn.DefaultPolicy(),
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	// A wire.Server hands it the requests: &wire.Server{Handler: e}.
	r, err := e.Purge(Purge{URL: "https://www.shop.test/"})
	fmt.Println(r.Objects, err)
	// Output: 0 <nil>
}
