package edge

import (
	"strings"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/http/wire"
	"waypost/trace"
)

var shared = cdn.Rules{CORS: []cdn.CORS{
	{Path: "/open/*", Origins: []string{"*"}},
	{Path: "/api/*", Origins: []string{"https://app.test", "https://*.app.test"}, Methods: []string{"PUT"},
		Headers: []string{"Content-Type"}, Expose: []string{"X-Total"}, Credentials: true, MaxAge: time.Hour},
}}

// TestCORS: one stored response serves the pages of all origins, each with
// the fields for its own.
func TestCORS(t *testing.T) {
	origin := func(x wire.Exchange) {
		// What a server says that thinks it decides.
		reply(x, 200, "data", "Cache-Control", "max-age=60", "ETag", `"1"`, "Vary", "Origin, Accept-Language",
			"Access-Control-Allow-Origin", "https://wrong.test", "Access-Control-Allow-Methods", "DELETE")
	}
	inWorld(t, origin, func(w *world) {
		for _, tt := range []struct {
			path, origin, allowed, vary string
		}{
			{"/api/a", "https://app.test", "https://app.test", "Accept-Language, Origin"},
			{"/api/a", "https://x.app.test", "https://x.app.test", "Accept-Language, Origin"},
			{"/api/a", "https://evil.test", "", "Accept-Language, Origin"},
			{"/api/a", "", "", "Accept-Language, Origin"},
			{"/open/a", "https://evil.test", "*", "Accept-Language"},
			{"/open/a", "", "", "Accept-Language"},
		} {
			var ask []string
			if tt.origin != "" {
				ask = []string{"Origin", tt.origin}
			}
			g := w.get(tt.path, ask...)
			credentials, expose := "", ""
			if tt.allowed != "" && tt.allowed != "*" {
				credentials, expose = "true", "X-Total"
			}
			f := g.fields
			if g.status != 200 || f.Join("Access-Control-Allow-Origin") != tt.allowed || f.Join("Vary") != tt.vary ||
				f.Join("Access-Control-Allow-Credentials") != credentials || f.Join("Access-Control-Expose-Headers") != expose ||
				f.Has("Access-Control-Allow-Methods") {
				t.Errorf("%s for %q: %d %v", tt.path, tt.origin, g.status, f)
			}
			// A 304 says it anew: the copy may have come for another page.
			if g = w.get(tt.path, append(ask, "If-None-Match", `"1"`)...); g.status != 304 || g.fields.Join("Access-Control-Allow-Origin") != tt.allowed {
				t.Errorf("%s for %q: %d %v", tt.path, tt.origin, g.status, g.fields)
			}
		}
		if w.trips() != 2 {
			t.Errorf("%d trips for two resources", w.trips())
		}
		if w.lastAsked().Fields.Has("Origin") {
			t.Error("the origin server was told which page asks")
		}
		w.do(&wire.Request{Method: "POST", Path: "/api/a"}, "Origin", "https://app.test")
		if got := w.lastAsked().Fields.Get("Origin"); got != "https://app.test" {
			t.Errorf("a POST brought Origin %q", got)
		}
		g := w.get("/else", "Origin", "https://app.test")
		if g.fields.Join("Access-Control-Allow-Origin") != "https://wrong.test" || w.lastAsked().Fields.Get("Origin") == "" {
			t.Errorf("where there is no rule the server decides: %v", g.fields)
		}
	}, ruledBy(shared))
}

func TestPreflight(t *testing.T) {
	inWorld(t, replying(200, "origin"), func(w *world) {
		for i, tt := range []struct {
			path, origin, method, headers string
			status, trips                 int
			reason                        string
		}{
			{"/api/a", "https://app.test", "PUT", "content-type", 204, 0, "the site's rules let pages of this origin read"},
			{"/api/a", "https://evil.test", "PUT", "", 403, 0, `the origin "https://evil.test" is not among those that may read`},
			{"/api/a", "https://app.test", "PATCH", "", 403, 0, `the method "PATCH" is not among GET, HEAD, POST, PUT`},
			{"/api/a", "https://app.test", "", "", 200, 1, ""}, // no preflight, just OPTIONS
			{"/else", "https://app.test", "PUT", "", 200, 1, ""},
		} {
			before := w.trips()
			parent, id := sampled(uint64(i + 1))
			ask := []string{"Origin", tt.origin, "Traceparent", parent}
			if tt.method != "" {
				ask = append(ask, "Access-Control-Request-Method", tt.method)
			}
			if tt.headers != "" {
				ask = append(ask, "Access-Control-Request-Headers", tt.headers)
			}
			g := w.do(&wire.Request{Method: "OPTIONS", Path: tt.path}, ask...)
			if g.status != tt.status || w.trips()-before != tt.trips {
				t.Errorf("%s %s by %s: %d after %d trips, want %d after %d", tt.method, tt.path, tt.origin, g.status, w.trips()-before, tt.status, tt.trips)
			}
			if tt.status == 204 && (g.fields.Get("Access-Control-Max-Age") != "3600" || !strings.HasPrefix(g.fields.Join("Vary"), "Origin, ")) {
				t.Errorf("the answer is %v", g.fields)
			}
			for _, e := range w.events(id) {
				if f, ok := e.Fact.(trace.CORSDecision); ok && f.Preflight && e.Decision.Reason != tt.reason {
					t.Errorf("%s: told %q, want %q", tt.path, e.Decision.Reason, tt.reason)
				}
			}
		}
	}, ruledBy(shared))
}
