package edge

import (
	"testing"

	"waypost/cdn"
	"waypost/http/wire"
	"waypost/trace"
)

var keyed = cdn.Rules{Key: cdn.Key{Ignore: []string{"utm_*"}, Sort: true, Device: true,
	Cookies: []cdn.Part{{Name: "currency", Values: []string{"eur", "usd"}}}, Languages: []string{"en", "de"}}}

// TestKeyRules: what does not count makes no trip, and does not reach the
// origin; what counts makes another response.
func TestKeyRules(t *testing.T) {
	origin := func(x wire.Exchange) {
		in := x.Request()
		reply(x, 200, in.Path+" "+in.Fields.Get("Cookie")+" "+in.Fields.Get("X-Device-Class")+" "+in.Fields.Get("Accept-Language"),
			"Cache-Control", "max-age=60", "Vary", "User-Agent, Accept-Language")
	}
	inWorld(t, origin, func(w *world) {
		const phone = "Mozilla/5.0 (iPhone) Mobile/15E148"
		for i, tt := range []struct {
			path   string
			fields []string
			trips  int
			body   string
		}{
			{"/a?b=1&utm_source=x&a=2", nil, 1, "/a?a=2&b=1  desktop "},
			{"/a?a=2&b=1", nil, 0, "/a?a=2&b=1  desktop "},
			{"/a?a=2&b=1&utm_medium=y", []string{"User-Agent", "curl/8"}, 0, "/a?a=2&b=1  desktop "},
			{"/a?a=2&b=1", []string{"User-Agent", phone}, 1, "/a?a=2&b=1  mobile "},
			{"/a?a=2&b=1", []string{"User-Agent", phone + " Other", "X-Device-Class", "desktop"}, 0, "/a?a=2&b=1  mobile "},
			{"/a?a=2&b=1", []string{"Cookie", "currency=eur"}, 1, "/a?a=2&b=1 currency=eur desktop "},
			{"/a?a=2&b=1", []string{"Cookie", "session=7; currency=eur"}, 0, "/a?a=2&b=1 currency=eur desktop "},
			{"/a?a=2&b=1&utm_x", []string{"Cookie", "currency=gbp"}, 1, "/a?a=2&b=1 currency=gbp desktop "},
			{"/a?a=2&b=1", []string{"Cookie", "currency=gbp"}, 1, "/a?a=2&b=1 currency=gbp desktop "},
			{"/a?a=2&b=1", []string{"Accept-Language", "de-AT, de;q=0.9, en;q=0.1"}, 1, "/a?a=2&b=1  desktop de"},
			{"/a?a=2&b=1", []string{"Accept-Language", "de"}, 0, "/a?a=2&b=1  desktop de"},
		} {
			before := w.trips()
			g := w.get(tt.path, tt.fields...)
			if got := w.trips() - before; got != tt.trips || g.body != tt.body {
				t.Errorf("%d: %s %q: %q after %d trips, want %q after %d", i, tt.path, tt.fields, g.body, got, tt.body, tt.trips)
			}
			if vary := g.fields.Join("Vary"); vary != "Accept-Language, User-Agent, Sec-CH-UA-Mobile, Cookie" {
				t.Errorf("%d: Vary: %s", i, vary)
			}
		}
		// A change of the resource drops what each kind of client has.
		if w.edge.store.Len() != 4 {
			t.Fatalf("%d objects", w.edge.store.Len())
		}
		w.do(&wire.Request{Method: "POST", Path: "/a?b=1&a=2"})
		if w.edge.store.Len() != 0 {
			t.Errorf("after a POST %d objects are left", w.edge.store.Len())
		}
		for _, soft := range []bool{true, false} {
			w.get("/a?a=2&b=1")
			w.get("/a?a=2&b=1", "User-Agent", phone)
			if receipt, err := w.edge.Purge(Purge{URL: "http://www.shop.test/a?utm_x=1&b=1&a=2", Soft: soft}); err != nil || receipt.Objects != 2 {
				t.Errorf("purge, soft %v: %d objects, %v", soft, receipt.Objects, err)
			}
		}
	}, ruledBy(keyed))
}

// TestKeyStrayIsOnRecord: why a request passed the cache.
func TestKeyStrayIsOnRecord(t *testing.T) {
	inWorld(t, replying(200, "x", "Cache-Control", "max-age=60"), func(w *world) {
		parent, id := sampled(1)
		w.get("/a", "Cookie", "currency=gbp", "Traceparent", parent)
		for _, e := range w.events(id) {
			if _, ok := e.Fact.(trace.EdgeLookup); ok {
				if e.Decision.Verdict != "pass" || e.Decision.Reason != "the value of currency is none of those that the site's key lists" {
					t.Errorf("told %+v", e.Decision)
				}
				return
			}
		}
		t.Errorf("told %v", w.told(id))
	}, ruledBy(keyed))
}

// A hit by a key of rules costs no allocation.
func TestKeyedHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := filled(t, 1024)
	site := e.sites.Load().all[0].Site
	site.Rules = keyed
	site.Rules.CORS = []cdn.CORS{{Origins: []string{"https://app.test"}}}
	site.Rules.Redirects = []cdn.Redirect{{Path: "/old/*", To: "/new/$1", Status: 301}}
	site.Rules.Headers = []cdn.Header{{Action: cdn.Set, Name: "X-Frame-Options", Value: "DENY"}}
	site.Rules.Cookieless = []string{"www.shop.test"}
	if err := e.SetSites([]cdn.Site{site}); err != nil {
		t.Fatal(err)
	}
	x := &nullExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/object?utm_x=1", Proto: wire.HTTP11}}
	x.request.Fields.Add("Origin", "https://app.test")
	x.request.Fields.Add("User-Agent", "curl/8")
	x.request.Fields.Add("Cookie", "a=b")
	for range 2 {
		e.Serve(&fakeExchange{request: x.request})
	}
	if n := testing.AllocsPerRun(500, func() { e.Serve(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
