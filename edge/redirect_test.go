package edge

import (
	"strings"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/http/wire"
	"waypost/trace"
)

// ruledBy gives the test's site rules.
func ruledBy(rules cdn.Rules) setting {
	s := trusting
	s.site = func(site *cdn.Site) { site.Rules = rules }
	return s
}

func TestRedirect(t *testing.T) {
	site := ruledBy(cdn.Rules{Redirects: []cdn.Redirect{
		{Path: "/old/*", To: "/new/$1", Status: 301},
		{Path: "/form", To: "/form/", Status: 308, DropQuery: true},
		{Path: "/now", To: "https://www.shop.test/then", Status: 302},
		{Path: "/circle/*", To: "/circle/$1", Status: 301},
		{Host: "*.img.shop.test", To: "http://www.shop.test/img/$1$path", Status: 307},
	}})
	inWorld(t, replying(200, "page"), func(w *world) {
		for _, tt := range []struct {
			method, url string
			status      int
			location    string
			lifetime    string
			trips       int
		}{
			{"GET", "/old/a?b", 301, "http://www.shop.test/new/a?b", "max-age=3600", 0},
			{"HEAD", "/old/a", 301, "http://www.shop.test/new/a", "max-age=3600", 0},
			{"POST", "/form?x", 308, "http://www.shop.test/form/", "max-age=3600", 0},
			{"GET", "/now", 302, "https://www.shop.test/then", "", 0},
			{"GET", "http://a.img.shop.test/b.png", 307, "http://www.shop.test/img/a/b.png", "", 0},
			{"GET", "/circle/x", 200, "", "", 1},
			{"GET", "/else", 200, "", "", 1},
		} {
			before := w.trips()
			g := w.do(&wire.Request{Method: tt.method, Path: tt.url})
			if g.status != tt.status || g.fields.Get("Location") != tt.location ||
				g.fields.Get("Cache-Control") != tt.lifetime || w.trips()-before != tt.trips {
				t.Errorf("%s %s: %d to %q for %q after %d trips; want %d to %q for %q after %d", tt.method, tt.url,
					g.status, g.fields.Get("Location"), g.fields.Get("Cache-Control"), w.trips()-before,
					tt.status, tt.location, tt.lifetime, tt.trips)
			}
			if tt.status != 200 && tt.method == "GET" && strings.TrimSpace(g.body) != tt.location {
				t.Errorf("%s: the body is %q", tt.url, g.body)
			}
		}
	}, site)
}

func TestRedirectIsOnRecord(t *testing.T) {
	inWorld(t, replying(200, "page"), func(w *world) {
		for i, tt := range []struct{ url, verdict, reason string }{
			{"/old", "redirect", "a rule of the site fits the URL"},
			{"/circle", "skip", "the redirect is not sent, for it leads back to http://www.shop.test/circle"},
		} {
			parent, id := sampled(uint64(i + 1))
			w.get(tt.url, "Traceparent", parent)
			found := false
			for _, e := range w.events(id) {
				if f, ok := e.Fact.(trace.HTTPRedirect); ok {
					found = f.From == "http://www.shop.test"+tt.url && e.Decision.Verdict == tt.verdict && e.Decision.Reason == tt.reason
				}
			}
			if !found {
				t.Errorf("%s: told %v", tt.url, w.told(id))
			}
		}
	}, ruledBy(cdn.Rules{Redirects: []cdn.Redirect{
		{Path: "/old", To: "/new", Status: 301}, {Path: "/circle", To: "/circle", Status: 301}}}))
}

// Strict-Transport-Security is said over HTTPS alone; a redirect rule leaves
// what does not fit it to the cache, without allocation.
func TestStrictTransportSecurity(t *testing.T) {
	inWorld(t, replying(200, "page", "Cache-Control", "max-age=60", "Strict-Transport-Security", "max-age=1"), func(w *world) {
		for _, tt := range []struct{ scheme, want string }{
			{"https", "max-age=31536000; includeSubDomains"}, {"http", "max-age=1"}} {
			x := &fakeExchange{request: wire.Request{Method: "GET", Scheme: tt.scheme, Authority: "www.shop.test", Path: "/", Proto: wire.HTTP11}}
			w.serveEdge(x)
			if got := x.fields.Join("Strict-Transport-Security"); got != tt.want {
				t.Errorf("over %s: %q, want %q", tt.scheme, got, tt.want)
			}
		}
	}, ruledBy(cdn.Rules{HSTS: cdn.HSTS{MaxAge: 365 * 24 * time.Hour, Subdomains: true}}))
}
