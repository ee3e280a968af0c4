package edge

import (
	"strings"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/trace"
)

// TestCookieless: on a host without cookies none reach the origin, none reach
// the client, and what sets them is stored all the same.
func TestCookieless(t *testing.T) {
	s := trusting
	s.site = func(site *cdn.Site) {
		site.Rules.Cookieless = []string{"*.img.shop.test"}
		site.Policy.DefaultTTL = time.Minute
	}
	inWorld(t, replying(200, "data", "Set-Cookie", "a=b", "Vary", "Cookie"), func(w *world) {
		parent, id := sampled(1)
		first := w.get("http://a.img.shop.test/x", "Cookie", "session=1", "Traceparent", parent)
		second := w.get("http://a.img.shop.test/x", "Cookie", "session=2")
		if first.fields.Has("Set-Cookie") || second.fields.Has("Set-Cookie") || w.lastAsked().Fields.Has("Cookie") || w.trips() != 1 {
			t.Errorf("%v, %v after %d trips", first.fields, second.fields, w.trips())
		}
		var request, response int
		for _, e := range w.events(id) {
			if f, ok := e.Fact.(trace.CookieDecision); ok && f.Host == "a.img.shop.test" {
				request, response = request+f.RequestBytes, response+f.ResponseBytes
			}
		}
		if request != len("Cookie: session=1\r\n") || response != len("Set-Cookie: a=b\r\n") {
			t.Errorf("counted %d and %d bytes", request, response)
		}
		if g := w.get("/x", "Cookie", "session=1"); !g.fields.Has("Set-Cookie") || !w.lastAsked().Fields.Has("Cookie") {
			t.Errorf("on another host: %v", g.fields)
		}
	}, s)
}

// TestHeaderRules: fields change on the way to the origin and to the client,
// on a hit, on a 304 and on our own pages.
func TestHeaderRules(t *testing.T) {
	s := ruledBy(cdn.Rules{Headers: []cdn.Header{
		{ToOrigin: true, Action: cdn.Set, Name: "X-Api-Key", Value: "k"},
		{ToOrigin: true, Path: "/a*", Action: cdn.Remove, Name: "Referer"},
		{Action: cdn.Remove, Name: "Server"},
		{Action: cdn.Set, Name: "X-Frame-Options", Value: "DENY"},
		{Path: "/a*", Action: cdn.Set, Name: "Cache-Control", Value: "no-cache"},
	}})
	inWorld(t, replying(200, "data", "Cache-Control", "max-age=60", "Server", "x", "ETag", `"1"`), func(w *world) {
		parent, id := sampled(1)
		for i, g := range []got{
			w.get("/a", "Referer", "r", "X-Api-Key", "mine", "Traceparent", parent), w.get("/a"), w.get("/a", "If-None-Match", `"1"`)} {
			if g.fields.Has("Server") || g.fields.Join("X-Frame-Options") != "DENY" || g.fields.Join("Cache-Control") != "no-cache" {
				t.Errorf("response %d: %v", i, g.fields)
			}
		}
		if in := w.lastAsked().Fields; in.Join("X-Api-Key") != "k" || in.Has("Referer") || w.trips() != 1 {
			t.Errorf("the origin got %v in %d trips", in, w.trips())
		}
		var told []string
		for _, e := range w.events(id) {
			if f, ok := e.Fact.(trace.HeaderDecision); ok {
				told = append(told, f.To+": "+strings.Join(f.Changes, ", "))
			}
		}
		if got := strings.Join(told, "; "); got != "origin: set X-Api-Key, remove Referer; client: remove Server, set X-Frame-Options, set Cache-Control" {
			t.Errorf("told %q", got)
		}
		if g := w.get("/b", "Cache-Control", "only-if-cached"); g.status != 504 || g.fields.Join("X-Frame-Options") != "DENY" {
			t.Errorf("our own page: %d %v", g.status, g.fields)
		}
	}, s)
}

// TestUserContent: uploads are made harmless, our own pages stay readable.
func TestUserContent(t *testing.T) {
	s := trusting
	s.site = func(site *cdn.Site) {
		site.Hosts = append(site.Hosts, "shopusers.test")
		site.Rules.UserContent.Hosts = []string{"shopusers.test"}
	}
	inWorld(t, replying(200, "<script>", "Cache-Control", "max-age=60", "Content-Type", "text/html", "Set-Cookie", "a=b", "ETag", `"1"`), func(w *world) {
		for _, g := range []got{w.get("http://shopusers.test/x", "Cookie", "a=b"), w.get("http://shopusers.test/x")} {
			f := g.fields
			if f.Get("Content-Disposition") != "attachment" || f.Get("X-Content-Type-Options") != "nosniff" || f.Has("Set-Cookie") ||
				!strings.HasPrefix(f.Get("Content-Security-Policy"), "sandbox") || w.lastAsked().Fields.Has("Cookie") {
				t.Errorf("%v", f)
			}
		}
		if g := w.get("http://shopusers.test/x", "If-None-Match", `"1"`); g.status != 304 || g.fields.Has("Content-Type") || g.fields.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("304: %v", g.fields)
		}
		if g := w.get("http://shopusers.test/y", "Cache-Control", "only-if-cached"); g.status != 504 || g.fields.Has("Content-Disposition") || g.fields.Count("Content-Type") != 1 {
			t.Errorf("our own page: %v", g.fields)
		}
		if g := w.get("/x"); g.fields.Has("Content-Disposition") {
			t.Errorf("on the site's own host: %v", g.fields)
		}
	}, s)
	bad := []cdn.Site{{Name: "shop", Hosts: []string{"www.shop.test", "shop.test"}, Origin: cdn.Origin{URLs: []string{"http://192.0.2.1"}},
		Rules: cdn.Rules{UserContent: cdn.UserContent{Hosts: []string{"shop.test"}}}}}
	if _, err := New(Config{Name: "t1", Sites: bad}); err == nil || !strings.Contains(err.Error(), "is above") {
		t.Errorf("a parent of the site's host: %v", err)
	}
}
