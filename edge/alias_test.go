package edge

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// echoing answers with the path that it was asked for, and these fields.
func echoing(fields ...string) func(wire.Exchange) {
	return func(x wire.Exchange) { reply(x, 200, x.Request().Path, fields...) }
}

// step is one request, the origin's answer to it as the client got it, and
// how many trips that took.
type aliasStep struct {
	path  string
	body  string
	trips int
}

func (w *world) take(steps ...aliasStep) {
	w.t.Helper()
	for i, s := range steps {
		before := w.trips()
		g := w.get(s.path)
		if got := w.trips() - before; g.body != s.body || got != s.trips {
			w.t.Errorf("%d: %s: %q after %d trips, want %q after %d (%s)", i, s.path, g.body, got, s.body, s.trips, g.fields.Get("Cache-Status"))
		}
	}
}

func TestNoVarySearch(t *testing.T) {
	for _, tt := range []struct {
		field string
		steps []aliasStep
	}{
		{`params=("utm" "ref")`, []aliasStep{
			{"/a?utm=1", "/a?utm=1", 1}, {"/a?utm=1", "/a?utm=1", 0}, {"/a?utm=2", "/a?utm=1", 0}, {"/a", "/a?utm=1", 0}, {"/a?", "/a?utm=1", 0},
			{"/a?ref&utm=%20", "/a?utm=1", 0}, {"/a?x=1", "/a?x=1", 1}, {"/a?ref=7&x=1", "/a?x=1", 0}, {"/b?utm=1", "/b?utm=1", 1},
			{"/a?x=1&y=1", "/a?x=1&y=1", 1}, {"/a?y=1&x=1", "/a?y=1&x=1", 1}}},
		{`key-order`, []aliasStep{
			{"/a?a=1&b=2", "/a?a=1&b=2", 1}, {"/a?b=2&a=1", "/a?a=1&b=2", 0}, {"/a?b=2&&%61=1", "/a?a=1&b=2", 0}, {"/a?b=2&a=2", "/a?b=2&a=2", 1}}},
		{`except=("id")`, []aliasStep{
			{"/a?id=1&x", "/a?id=1&x", 1}, {"/a?y&id=1", "/a?id=1&x", 0}, {"/a?id=2", "/a?id=2", 1}}},
		{`params, except=("id"), key-order`, []aliasStep{
			{"/a?id=1&x", "/a?id=1&x", 1}, {"/a?y&id=1", "/a?id=1&x", 0}}},
		{`params=("a"), except=("b")`, []aliasStep{{"/a?a=1", "/a?a=1", 1}, {"/a?a=2", "/a?a=2", 1}, {"/a?a=1", "/a?a=1", 0}}},
		{`params=()`, []aliasStep{{"/a", "/a", 1}, {"/a?", "/a?", 1}}},
	} {
		t.Run(tt.field, func(t *testing.T) {
			inWorld(t, echoing("Cache-Control", "max-age=60", "No-Vary-Search", tt.field), func(w *world) { w.take(tt.steps...) })
		})
	}
}

// TestAliasVary: Vary still applies; the variants gather under one key.
func TestAliasVary(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		reply(x, 200, x.Request().Path+" "+x.Request().Fields.Get("X-Lang"), "Cache-Control", "max-age=60",
			"Vary", "X-Lang", "No-Vary-Search", `params=("u")`)
	}, func(w *world) {
		for i, tt := range []struct{ u, lang, body, status string }{
			{"1", "de", "/a?u=1 de", "; fwd=uri-miss; ttl=60; stored"},
			{"2", "en", "/a?u=1 en", "; fwd=vary-miss; ttl=60; stored"},
			{"3", "de", "/a?u=1 de", "; hit; ttl=60; detail=no-vary-search"},
			{"4", "en", "/a?u=1 en", "; hit; ttl=60; detail=no-vary-search"},
			{"1", "en", "/a?u=1 en", "; hit; ttl=60"},
		} {
			g := w.get("/a?u="+tt.u, "X-Lang", tt.lang)
			if g.body != tt.body {
				t.Errorf("%d: %q, want %q", i, g.body, tt.body)
			}
			w.cacheStatus(g, tt.status)
		}
	})
}

// TestAliasRefill: what is stale is confirmed, or fetched anew, under the
// target that it is stored for, and what comes serves those who asked for
// others as long as it says so itself.
func TestAliasRefill(t *testing.T) {
	const policy = `params=("u")`
	for _, tt := range []struct {
		name   string
		fields []string // of the first answer, besides the policy
		then   func(x wire.Exchange)
		asked  string // targets that the origin had for /a?u=2
		body   string
		status string
		after  string // Cache-Status of /a?u=3 right behind
	}{
		{"304", []string{"Cache-Control", "max-age=60", "ETag", `"1"`},
			replying(304, "", "ETag", `"1"`), "/a?u=1", "/a?u=1",
			"; fwd=stale; fwd-status=304; ttl=60; stored", "; hit; ttl=60; detail=no-vary-search"},
		{"304 that takes the policy back", []string{"Cache-Control", "max-age=60", "ETag", `"1"`}, func(x wire.Exchange) {
			if x.Request().Fields.Has("If-None-Match") {
				reply(x, 304, "", "ETag", `"1"`, "No-Vary-Search", "key-order")
				return
			}
			echoing("Cache-Control", "max-age=60")(x)
		}, "/a?u=1 /a?u=2", "/a?u=2", "; fwd=uri-miss; ttl=60; stored", "; fwd=uri-miss; ttl=60; stored"},
		{"200", []string{"Cache-Control", "max-age=60"},
			echoing("Cache-Control", "max-age=60", "No-Vary-Search", policy), "/a?u=1", "/a?u=1",
			"; fwd=stale; ttl=60; stored", "; hit; ttl=60; detail=no-vary-search"},
		{"200 without the field", []string{"Cache-Control", "max-age=60", "ETag", `"1"`},
			echoing("Cache-Control", "max-age=60"), "/a?u=1 /a?u=2", "/a?u=2",
			"; fwd=uri-miss; ttl=60; stored", "; fwd=uri-miss; ttl=60; stored"},
		{"200 with another", []string{"Cache-Control", "max-age=60"},
			echoing("Cache-Control", "max-age=60", "No-Vary-Search", `params=("v")`), "/a?u=1 /a?u=2", "/a?u=2",
			"; fwd=uri-miss; ttl=60; stored", "; fwd=uri-miss; ttl=60; stored"},
		{"private, with the field", []string{"Cache-Control", "max-age=60"},
			echoing("Cache-Control", "private", "No-Vary-Search", policy), "/a?u=1", "/a?u=1",
			"; fwd=stale", "; fwd=stale"},
		{"private", []string{"Cache-Control", "max-age=60"},
			echoing("Cache-Control", "private"), "/a?u=1 /a?u=2", "/a?u=2",
			"; fwd=uri-miss", "; fwd=uri-miss"},
		{"500", []string{"Cache-Control", "max-age=60, must-revalidate"}, func(x wire.Exchange) {
			if x.Request().Path == "/a?u=1" {
				reply(x, 500, "broken")
				return
			}
			echoing("Cache-Control", "max-age=60")(x)
		}, "/a?u=1 /a?u=2", "/a?u=2", "; fwd=uri-miss; ttl=60; stored", ""},
		{"500, stale-if-error", []string{"Cache-Control", "max-age=60, stale-if-error=600", "ETag", `"1"`},
			replying(500, "broken"), "/a?u=1", "/a?u=1", "; fwd=stale; fwd-status=500; ttl=-10; detail=stale-if-error", ""},
		{"stale-while-revalidate", []string{"Cache-Control", "max-age=60, stale-while-revalidate=60"},
			echoing("Cache-Control", "max-age=60", "No-Vary-Search", policy), "/a?u=1", "/a?u=1",
			"; hit; ttl=-10; detail=stale-while-revalidate", "; hit; ttl=60; detail=no-vary-search"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, echoing(append(tt.fields, "No-Vary-Search", policy)...), func(w *world) {
				w.get("/a?u=1")
				time.Sleep(70 * time.Second)
				w.origin = tt.then
				g := w.get("/a?u=2")
				w.cacheStatus(g, tt.status)
				var asked []string
				for _, in := range w.asked[1:] {
					asked = append(asked, in.Path)
				}
				if got := strings.Join(asked, " "); g.body != tt.body || got != tt.asked {
					t.Errorf("%q after asking for %q, want %q after %q", g.body, got, tt.body, tt.asked)
				}
				if tt.after != "" {
					w.cacheStatus(w.get("/a?u=3"), tt.after)
				}
			})
		})
	}
}

// TestAliasCollapsed: when what serves a thousand different links is over,
// the origin is asked once; and if its answer speaks for itself alone, each
// visitor gets the answer to his own link.
func TestAliasCollapsed(t *testing.T) {
	for _, tt := range []struct {
		fields []string
		trips  int
	}{
		{[]string{"Cache-Control", "max-age=60", "No-Vary-Search", `params=("u")`}, 1},
		{[]string{"Cache-Control", "max-age=60"}, 1 + 50},
		{[]string{"Cache-Control", "private"}, 1 + 50},
	} {
		inWorld(t, echoing("Cache-Control", "max-age=60", "No-Vary-Search", `params=("u")`), func(w *world) {
			w.get("/a?u=home")
			time.Sleep(70 * time.Second)
			w.origin = func(x wire.Exchange) {
				time.Sleep(time.Second)
				echoing(tt.fields...)(x)
			}
			before := w.trips()
			results := make(chan string)
			for i := range 50 {
				go func() {
					path := fmt.Sprintf("/a?u=%d", i)
					g := w.send(&wire.Request{Path: path})
					if g.body == path {
						g.body = "own"
					}
					results <- g.body
				}()
			}
			for range 50 {
				want := "own"
				if tt.trips == 1 {
					want = "/a?u=home"
				}
				if got := <-results; got != want {
					t.Errorf("%q: got %q, want %q", tt.fields, got, want)
				}
			}
			synctest.Wait()
			if got := w.trips() - before; got != tt.trips {
				t.Errorf("%q: %d trips, want %d", tt.fields, got, tt.trips)
			}
		})
	}
}

// TestAliasDropped: a purge, or an unsafe request, for one address takes what
// answers for it; what was purged in another way answers for nobody.
func TestAliasDropped(t *testing.T) {
	purge := func(p Purge, objects int) func(*world) {
		return func(w *world) {
			if r, err := w.edge.Purge(p); err != nil || r.Objects != objects {
				w.t.Errorf("%+v: %d objects, %v, want %d", p, r.Objects, err, objects)
			}
		}
	}
	const site = "http://www.shop.test"
	for _, tt := range []struct {
		name  string
		drop  func(*world)
		trips int // for /a?u=1, /a?u=2 and /a?v=1, which had been answered by two objects
	}{
		{"nothing", func(*world) {}, 0},
		{"the URL itself", purge(Purge{URL: site + "/a?u=1"}, 1), 1},
		{"one that it answers for", purge(Purge{URL: site + "/a?u=2"}, 1), 1},
		{"one that was never asked for", purge(Purge{URL: site + "/a?u=3"}, 1), 1},
		{"softly", purge(Purge{URL: site + "/a?u=2", Soft: true}, 1), 1},
		{"another", purge(Purge{URL: site + "/a?w=2"}, 0), 0},
		{"prefix", purge(Purge{Prefix: site + "/a?u=1"}, 1), 1},
		{"prefix of all", purge(Purge{Prefix: site + "/a"}, 2), 2},
		{"tag", purge(Purge{Tag: "t"}, 2), 2},
		{"POST", func(w *world) { w.do(&wire.Request{Method: "POST", Path: "/a?u=9"}) }, 1},
		{"POST elsewhere", func(w *world) { w.do(&wire.Request{Method: "POST", Path: "/a?w=9"}) }, 0},
		{"evicted", func(w *world) { w.edge.store.PurgeMatching(func(*store.Object) bool { return true }) }, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, echoing("Cache-Control", "max-age=60", "No-Vary-Search", `params=("u")`, "Surrogate-Key", "t"), func(w *world) {
				w.take(aliasStep{"/a?u=1", "/a?u=1", 1}, aliasStep{"/a?u=2", "/a?u=1", 0}, aliasStep{"/a?v=1", "/a?v=1", 1})
				tt.drop(w)
				before := w.trips()
				for _, path := range []string{"/a?u=1", "/a?u=2", "/a?v=1"} {
					w.get(path)
				}
				if got := w.trips() - before; got != tt.trips {
					t.Errorf("%d trips, want %d", got, tt.trips)
				}
			})
		})
	}
}

// TestAliasReplaced: what is replaced by a response without the field answers
// for nobody else from then on.
func TestAliasReplaced(t *testing.T) {
	fields := []string{"Cache-Control", "max-age=60", "No-Vary-Search", "except=()"}
	inWorld(t, func(x wire.Exchange) { echoing(fields...)(x) }, func(w *world) {
		w.take(aliasStep{"/a?1", "/a?1", 1}, aliasStep{"/a?2", "/a?1", 0})
		fields = fields[:2]
		time.Sleep(70 * time.Second)
		w.take(aliasStep{"/a?1", "/a?1", 1}, aliasStep{"/a?2", "/a?2", 1}, aliasStep{"/a?3", "/a?3", 1}, aliasStep{"/a?1", "/a?1", 0})
	})
}

// TestAliasWishes: what a request says of itself holds for the other response
// as for its own.
func TestAliasWishes(t *testing.T) {
	inWorld(t, echoing("Cache-Control", "max-age=60", "ETag", `"1"`, "No-Vary-Search", `params=("u")`), func(w *world) {
		w.get("/a?u=1")
		for _, tt := range []struct {
			method string
			fields []string
			status int
			body   string
			said   string
			path   string // that the origin was asked for
		}{
			{"HEAD", nil, 200, "", "; hit; ttl=60; detail=no-vary-search", ""},
			{"GET", []string{"If-None-Match", `"1"`}, 304, "", "; hit; ttl=60; detail=no-vary-search", ""},
			{"GET", []string{"Range", "bytes=1-3"}, 206, "a?u", "; hit; ttl=60; detail=no-vary-search", ""},
			{"GET", []string{"Cache-Control", "only-if-cached"}, 200, "/a?u=1", "; hit; ttl=60; detail=no-vary-search", ""},
			{"GET", []string{"Cache-Control", "no-cache"}, 200, "/a?u=1", "; fwd=request; ttl=60; stored", "/a?u=1"},
			{"HEAD", []string{"Cache-Control", "no-cache"}, 200, "", "; fwd=uri-miss", "/a?u=2"},
			{"GET", []string{"If-Match", `"1"`}, 200, "/a?u=2", "; fwd=request", "/a?u=2"},
		} {
			before := w.trips()
			g := w.do(&wire.Request{Method: tt.method, Path: "/a?u=2"}, tt.fields...)
			if g.status != tt.status || g.body != tt.body {
				t.Errorf("%s %q: %v, want %d %q", tt.method, tt.fields, g, tt.status, tt.body)
			}
			w.cacheStatus(g, tt.said)
			if asked := w.trips() > before; asked != (tt.path != "") || asked && w.lastAsked().Path != tt.path {
				t.Errorf("%s %q: the origin was asked %v, for %s; want %q", tt.method, tt.fields, asked, w.lastAsked().Path, tt.path)
			}
		}
	})
}

// TestAliasOfParts: a part answers for its own address only.
func TestAliasOfParts(t *testing.T) {
	origin := func(x wire.Exchange) {
		reply(x, 206, "23", "Content-Range", "bytes 2-3/100000000", "ETag", `"1"`, "Cache-Control", "max-age=60", "No-Vary-Search", "except=()")
	}
	inWorld(t, origin, func(w *world) {
		for _, tt := range []struct {
			path  string
			trips int
		}{{"/a?1", 1}, {"/a?1", 0}, {"/a?2", 1}} {
			before := w.trips()
			g := w.get(tt.path, "Range", "bytes=2-3")
			if got := w.trips() - before; got != tt.trips || g.status != 206 {
				t.Errorf("%s: %d after %d trips, want %d", tt.path, g.status, got, tt.trips)
			}
		}
	})
}

// TestAliasWithKey: parameters that the site leaves out are out before, and
// what the site tells clients apart by does so here too.
func TestAliasWithKey(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		reply(x, 200, x.Request().Path+" "+x.Request().Fields.Get("Cookie"), "Cache-Control", "max-age=60", "No-Vary-Search", `params=("u")`)
	}, func(w *world) {
		for i, tt := range []struct{ path, cookie, body string }{
			{"/a?utm_x=1&u=1", "currency=eur", "/a?u=1 currency=eur"},
			{"/a?u=2", "currency=eur", "/a?u=1 currency=eur"},
			{"/a?u=2", "currency=usd", "/a?u=2 currency=usd"},
			{"/a?u=3&utm_x=1", "currency=usd", "/a?u=2 currency=usd"},
			{"/a?u=3&utm_x=1", "currency=eur", "/a?u=1 currency=eur"},
			{"/a?u=3", "currency=xyz", "/a?u=3 currency=xyz"},
		} {
			if g := w.get(tt.path, "Cookie", tt.cookie); g.body != tt.body {
				t.Errorf("%d: %q, want %q", i, g.body, tt.body)
			}
		}
		r, err := w.edge.Purge(Purge{URL: "http://www.shop.test/a?u=7&utm_x=2"})
		if err != nil || r.Objects != 2 {
			t.Errorf("purged %d, %v, want 2", r.Objects, err)
		}
	}, setting{site: func(s *cdn.Site) { s.Rules = keyed }})
}

func TestAliasRecord(t *testing.T) {
	inWorld(t, echoing("Cache-Control", "max-age=60", "ETag", `"1"`, "No-Vary-Search", `params=("u")`), func(w *world) {
		w.get("/a?u=1")
		time.Sleep(10 * time.Second)
		lookup := func(n uint64) (trace.EdgeLookup, *trace.Decision) {
			parent, id := sampled(n)
			w.get("/a?u=2", "Traceparent", parent)
			for _, e := range w.events(id) {
				if l, ok := e.Fact.(trace.EdgeLookup); ok {
					return l, e.Decision
				}
			}
			t.Fatal("no lookup in the record")
			return trace.EdgeLookup{}, nil
		}
		l, d := lookup(1)
		if want := "http://www.shop.test/a?u=2"; l.URL != want || l.Key != "shop http://www.shop.test/a?u=1" {
			t.Errorf("%+v, want %s", l, want)
		}
		want := trace.Decision{Verdict: "hit", Reason: "what is stored for /a?u=1 answers for this query too; it is 10s old and stays fresh for 1m",
			Clause: "draft-ietf-httpbis-no-vary-search §7", Because: `No-Vary-Search: params=("u")`}
		if *d != want {
			t.Errorf("got  %+v\nwant %+v", *d, want)
		}
		time.Sleep(60 * time.Second)
		_, d = lookup(2)
		want = trace.Decision{Verdict: "revalidate", Reason: "what is stored for /a?u=1 answers for this query too; it is 1m10s old and was fresh for 1m",
			Clause: "RFC 9111 §4.2", Because: "Cache-Control: max-age=60", Remedy: d.Remedy}
		if *d != want {
			t.Errorf("got  %+v\nwant %+v", *d, want)
		}
	}, trusting)
}

// TestAliasLearnedFromDisk: after a restart what comes back from the disk
// answers for others again.
func TestAliasLearnedFromDisk(t *testing.T) {
	log, err := disk.Open(disk.Options{Dir: t.TempDir(), Bytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var objects *store.Memory
	inWorld(t, echoing("Cache-Control", "max-age=60", "No-Vary-Search", `params=("u")`), func(w *world) {
		w.get("/a?u=1")
		synctest.Wait()
		objects.Drop(objects.Get([]byte("shop http://www.shop.test/a?u=1")).Variants[0]) // as a restart would
		w.edge.aliases.homes, w.edge.aliases.paths = clock[string]{}, clock[policies]{}
		w.take(aliasStep{"/a?u=1", "/a?u=1", 0}, aliasStep{"/a?u=2", "/a?u=1", 0})
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
	}, setting{config: func(c *Config) {
		objects = c.Store
		objects.PutOn(log)
	}})
}

// TestAliasBounds: who chooses queries and paths takes no more than the bound,
// and does not push out what others use.
func TestAliasBounds(t *testing.T) {
	var a aliases
	said := field.Fields{{Name: "No-Vary-Search", Value: `params=("u")`}}
	const popular = "shop http://www.shop.test/popular?u=1"
	a.learn("shop", popular, said)
	asked := placeOf("shop", "shop http://www.shop.test/popular?u=2")
	for i := range 4 * maxAliases {
		a.learn("shop", fmt.Sprintf("shop http://www.shop.test/p%d?x=%d", i, i), said)
		a.learn("shop", fmt.Sprintf("shop http://www.shop.test/popular?x=%d", i), said)
		if i%1000 == 0 {
			if p := a.of(&asked)[0]; p == nil || a.home(&asked, p, nil) != popular {
				t.Fatalf("gone after %d", i)
			}
		}
	}
	if len(a.homes.at) != maxAliases || len(a.paths.at) != maxPaths || len(a.known) != 1 {
		t.Errorf("%d aliases, %d paths, %d policies", len(a.homes.at), len(a.paths.at), len(a.known))
	}
	for i := range 2 * maxKnown {
		said[0].Value = fmt.Sprintf(`params=("u%d")`, i)
		a.learn("shop", popular, said)
	}
	if followed := a.of(&asked); len(a.known) > maxKnown || followed[0].text != said[0].Value || followed[1] == nil {
		t.Errorf("%d policies, %v", len(a.known), followed)
	}
	long := popular + strings.Repeat("x", maxAliasKey)
	said[0].Value = "except=()"
	a.learn("shop", long, said)
	if a.of(&asked)[0].text == "except=()" {
		t.Error("a long key was taken in")
	}
}

func TestPlaceOf(t *testing.T) {
	for _, tt := range []struct{ key, front, target, query, ending string }{
		{"s http://h/", "s http://h/", "/", "", ""},
		{"s http://h/p?", "s http://h/p", "/p?", "", ""},
		{"s http://h:81/p/q?a=/?b", "s http://h:81/p/q", "/p/q?a=/?b", "a=/?b", ""},
		{"s http://h/p device=mobile", "s http://h/p", "/p", "", " device=mobile"},
		{"s http://[::1]/p?a cookie:c=/? device=mobile", "s http://[::1]/p", "/p?a", "a", " cookie:c=/? device=mobile"},
		{"s http://h*", "s http://h*", "h*", "", ""},
	} {
		p := placeOf("s", tt.key)
		if got := p.targetOf(tt.key); p.front != tt.front || got != tt.target || p.query != tt.query || p.ending != tt.ending {
			t.Errorf("%s: %+v, target %q", tt.key, p, got)
		}
	}
}

// TestAliasDoesNotAllocate: neither a hit for another query, nor looking in
// vain where some other path has a policy.
func TestAliasDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := filled(t, 100)
	x := &nullExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/object?u=1", Proto: wire.HTTP11}}
	f := e.store.BeginAlone([]byte("shop http://www.shop.test/object?u=0"))
	o := f.Start(&e.store.Get([]byte("shop http://www.shop.test/object")).Variants[0].Response, 0, true, nil)
	o.Fields = append(o.Fields.Clone(), field.Line{Name: "No-Vary-Search", Value: `key-order, params=("u")`})
	if !f.Commit() {
		t.Fatal("not stored")
	}
	e.learn(e.sites.Load().all[0], o)
	hit := func() { e.Serve(x) }
	hit()
	if n := testing.AllocsPerRun(100, hit); n != 0 {
		t.Errorf("a hit for another query allocates %v times", n)
	}
	r := e.requests.Get().(*request)
	r.start(x)
	r.site = e.sites.Load().all[0]
	r.key = append(r.key[:0], "shop http://www.shop.test/elsewhere?u=1"...)
	if n := testing.AllocsPerRun(100, r.elsewhere); n != 0 || r.object != nil {
		t.Errorf("looking in vain allocates %v times", n)
	}
}

// BenchmarkAlias is BenchmarkStages for a hit through an alias.
func BenchmarkAlias(b *testing.B) {
	e := filled(b, 1<<10)
	o := e.store.Get([]byte("shop http://www.shop.test/object")).Variants[0]
	f := e.store.BeginAlone([]byte("shop http://www.shop.test/object?u=0"))
	with := o.Response
	with.Fields = append(o.Fields.Clone(), field.Line{Name: "No-Vary-Search", Value: `params=("u")`})
	p := f.Start(&with, 1<<10, true, nil)
	f.Write(o.Chunks()[0])
	f.Commit()
	e.learn(e.sites.Load().all[0], p)
	x := &nullExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/object?u=1", Proto: wire.HTTP11}}
	b.ReportAllocs()
	for b.Loop() {
		e.Serve(x)
	}
}
