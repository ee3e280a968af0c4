package edge

import (
	"testing"

	"waypost/cdn"
	"waypost/http/wire"
)

// TestDotSegments: a path with "." and ".." is the path that they lead to, for
// the key, the rules, the origin and a purge alike; and it does not lead out of
// the path in the origin's URL.
func TestDotSegments(t *testing.T) {
	for _, base := range []string{"", "/pub"} {
		inWorld(t, func(x wire.Exchange) {
			reply(x, 200, x.Request().Path, "Cache-Control", "max-age=60")
		}, func(w *world) {
			trips := 0
			for _, tt := range []struct{ raw, origin string }{
				{"/../secret/s.txt", "/secret/s.txt"}, {"/%2e%2e/secret/s.txt", "/secret/s.txt"}, {"/a/.%2E/./secret/s.txt", "/secret/s.txt"}, {"/secret/s.txt", "/secret/s.txt"},
				{"/..?q=/../x", "/?q=/../x"}, {"/a/b/..", "/a/"}, {"/a/", "/a/"}, {"/a//../b", "/a/b"},
				{"/a/..%2fb", "/a/..%2fb"}, // not for us to read; it stays within
			} {
				before := w.trips()
				body := bodyOf(w.rawRequest("GET " + tt.raw + " HTTP/1.1\r\nHost: www.shop.test\r\nConnection: close\r\n\r\n"))
				if body != base+tt.origin {
					t.Errorf("base %q: %s came as %q, want %q", base, tt.raw, body, base+tt.origin)
				}
				trips += w.trips() - before
			}
			if trips != 5 {
				t.Errorf("base %q: %d trips, want one for each path", base, trips)
			}
			if receipt, err := w.edge.Purge(Purge{URL: "http://www.shop.test/x/../secret/s.txt"}); err != nil || receipt.Objects != 1 {
				t.Errorf("base %q: the purge dropped %d objects, %v", base, receipt.Objects, err)
			}
		}, setting{site: func(s *cdn.Site) { s.Origin.URLs = []string{"http://192.0.2.10" + base} }})
	}
}

// TestOutsideOfBase: what some servers read as a way out of the origin's path is
// refused where there is one.
func TestOutsideOfBase(t *testing.T) {
	for _, tt := range []struct {
		base, path string
		want       int
	}{
		{"/pub", "/..%2fsecret", 400}, {"/pub", "/..%5csecret", 400}, {"/pub", "/..;/secret", 400}, {"/pub", "/a/..%2f..%2fsecret", 400},
		{"/pub", "/a/..%2fsecret", 200}, {"", "/..%2fsecret", 200},
	} {
		inWorld(t, replying(200, "page"), func(w *world) {
			g := w.get(tt.path)
			if g.status != tt.want || tt.want == 400 && w.trips() != 0 {
				t.Errorf("base %q, %s: %v, %d trips, want %d", tt.base, tt.path, g, w.trips(), tt.want)
			}
		}, setting{site: func(s *cdn.Site) { s.Origin.URLs = []string{"http://192.0.2.10" + tt.base} }})
	}
}

// TestDotsAndRules: no spelling gets round a rule, broken encodings and all.
func TestDotsAndRules(t *testing.T) {
	inWorld(t, replying(200, "page"), func(w *world) {
		for _, path := range []string{"/admin/%zz", "/x/%2e%2e/admin/%zz", "/./admin/%zz"} {
			if got := statusOf(w.rawRequest("GET " + path + " HTTP/1.1\r\nHost: www.shop.test\r\nConnection: close\r\n\r\n")); got != "302" {
				t.Errorf("%s: %s", path, got)
			}
		}
	}, ruledBy(cdn.Rules{Redirects: []cdn.Redirect{{Path: "/admin/*", To: "/", Status: 302}}}))
}
