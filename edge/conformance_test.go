package edge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
)

// step is one request of a conformance case: what the client asks after
// waiting, what the origin would answer if it were asked, and what must come
// of it.
type step struct {
	wait   time.Duration
	method string   // GET when empty
	path   string   // /r when empty
	ask    []string // fields, name and value in turn

	answer []string // the origin's fields
	body   string
	status int // 200 when 0

	want       string // Cache-Status after our name
	wantStatus int    // 200 when 0
	wantBody   string // that of the step which last stored, when empty
	wantAsked  []string
	wantFields []string
}

// The mini conformance table of RFC 9111 as a shared cache, through the
// whole edge: codec, stages, store.
var conformance = []struct {
	name  string
	steps []step
}{
	{"fresh by max-age (§4.2.1)", []step{
		{answer: []string{"Cache-Control", "max-age=10"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{wait: 9 * time.Second, want: "; hit; ttl=1", wantFields: []string{"Age", "9"}},
		{wait: 1 * time.Second, answer: []string{"Cache-Control", "max-age=10"}, body: "new", want: "; fwd=stale; ttl=10; stored"},
	}},
	{"s-maxage before max-age (§5.2.2.10)", []step{
		{answer: []string{"Cache-Control", "max-age=1, s-maxage=10"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{wait: 5 * time.Second, want: "; hit; ttl=5"},
	}},
	{"max-age before Expires (§5.3)", []step{
		{answer: []string{"Cache-Control", "max-age=10", "Expires", "0"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{want: "; hit; ttl=10"},
	}},
	{"CDN-Cache-Control before Cache-Control (RFC 9213 §2.2)", []step{
		{answer: []string{"CDN-Cache-Control", "max-age=10", "Cache-Control", "no-store"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{want: "; hit; ttl=10"},
	}},
	{"Age of an earlier cache counts (§4.2.3)", []step{
		{answer: []string{"Cache-Control", "max-age=10", "Age", "7"}, want: "; fwd=uri-miss; ttl=3; stored"},
		{wait: 2 * time.Second, want: "; hit; ttl=1", wantFields: []string{"Age", "9"}},
	}},
	{"no-store (§5.2.2.5)", []step{
		{answer: []string{"Cache-Control", "no-store, max-age=10"}, want: "; fwd=uri-miss"},
		{answer: []string{"Cache-Control", "max-age=10"}, body: "again", want: "; fwd=uri-miss; ttl=10; stored"},
	}},
	{"what was not for sharing is asked for with the client's validators", []step{
		{answer: []string{"Cache-Control", "no-store", "ETag", `"1"`}, want: "; fwd=uri-miss"},
		{ask: []string{"If-None-Match", `"1"`}, status: 304, answer: []string{"ETag", `"1"`}, want: "; fwd=uri-miss",
			wantStatus: 304, wantBody: "-", wantAsked: []string{"If-None-Match", `"1"`}},
	}},
	{"private (§5.2.2.7)", []step{
		{answer: []string{"Cache-Control", "private, max-age=10"}, want: "; fwd=uri-miss"},
		{answer: []string{"Cache-Control", "private, max-age=10"}, body: "again", want: "; fwd=uri-miss"},
	}},
	{"no-cache is stored and confirmed each time (§5.2.2.4)", []step{
		{answer: []string{"Cache-Control", "no-cache, max-age=10", "ETag", `"1"`}, want: "; fwd=uri-miss; ttl=10; stored"},
		{status: 304, answer: []string{"ETag", `"1"`}, want: "; fwd=request; fwd-status=304; ttl=10; stored",
			wantAsked: []string{"If-None-Match", `"1"`}},
	}},
	{"Authorization keeps an answer from being shared (§3.5)", []step{
		{ask: []string{"Authorization", "Basic x"}, answer: []string{"Cache-Control", "max-age=10"}, want: "; fwd=uri-miss"},
		{ask: []string{"Authorization", "Basic x"}, answer: []string{"Cache-Control", "max-age=10, public"}, body: "pub", want: "; fwd=uri-miss; ttl=10; stored"},
		{want: "; hit; ttl=10"},
	}},
	{"revalidation by entity tag refreshes the stored fields (§4.3.4)", []step{
		{answer: []string{"Cache-Control", "max-age=1", "ETag", `"1"`, "X", "old"}, want: "; fwd=uri-miss; ttl=1; stored"},
		{wait: 2 * time.Second, status: 304, answer: []string{"Cache-Control", "max-age=20", "ETag", `"1"`, "X", "new"},
			want: "; fwd=stale; fwd-status=304; ttl=20; stored", wantAsked: []string{"If-None-Match", `"1"`}, wantFields: []string{"X", "new"}},
		{want: "; hit; ttl=20", wantFields: []string{"X", "new"}},
	}},
	{"revalidation by date (§4.3.1)", []step{
		{answer: []string{"Cache-Control", "max-age=1", "Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"}, want: "; fwd=uri-miss; ttl=1; stored"},
		{wait: 2 * time.Second, status: 304, answer: []string{"Cache-Control", "max-age=20"},
			want: "; fwd=stale; fwd-status=304; ttl=20; stored", wantAsked: []string{"If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"}},
	}},
	{"a 304 for something else (§4.3.4)", []step{
		{answer: []string{"Cache-Control", "max-age=1", "ETag", `"1"`}, want: "; fwd=uri-miss; ttl=1; stored"},
		{wait: 2 * time.Second, answer: []string{"Cache-Control", "max-age=20", "ETag", `"2"`}, body: "second",
			want: "; fwd=stale; ttl=20; stored"},
		{want: "; hit; ttl=20", wantFields: []string{"ETag", `"2"`}},
	}},
	{"the client's own copy is right (§4.3.2)", []step{
		{answer: []string{"Cache-Control", "max-age=10", "ETag", `W/"1"`, "Content-Type", "text/css"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{ask: []string{"If-None-Match", `"0", "1"`}, want: "; hit; ttl=10", wantStatus: 304, wantBody: "-", wantFields: []string{"ETag", `W/"1"`, "Content-Type", ""}},
		{ask: []string{"If-None-Match", `"0"`}, want: "; hit; ttl=10"},
		{ask: []string{"If-None-Match", "*"}, want: "; hit; ttl=10", wantStatus: 304, wantBody: "-"},
	}},
	{"the client's copy is right although nothing is stored", []step{
		{ask: []string{"If-None-Match", `"1"`}, answer: []string{"Cache-Control", "max-age=10", "ETag", `"1"`}, body: "whole",
			want: "; fwd=uri-miss; ttl=10; stored", wantStatus: 304, wantBody: "-", wantAsked: []string{"If-None-Match", ""}},
		{want: "; hit; ttl=10", wantBody: "whole"},
	}},
	{"If-Match is the origin's (§4.3.2)", []step{
		{answer: []string{"Cache-Control", "max-age=10", "ETag", `"1"`}, want: "; fwd=uri-miss; ttl=10; stored"},
		{ask: []string{"If-Match", `"2"`}, status: 412, want: "; fwd=request", wantStatus: 412, wantAsked: []string{"If-Match", `"2"`}},
	}},
	{"Vary (§4.1)", []step{
		{ask: []string{"Foo", "1"}, answer: []string{"Cache-Control", "max-age=10", "Vary", "Foo"}, body: "one", want: "; fwd=uri-miss; ttl=10; stored"},
		{ask: []string{"Foo", "2"}, answer: []string{"Cache-Control", "max-age=10", "Vary", "Foo"}, body: "two", want: "; fwd=vary-miss; ttl=10; stored"},
		{ask: []string{"Foo", "1"}, want: "; hit; ttl=10", wantBody: "one"},
		{ask: []string{"Foo", "2"}, want: "; hit; ttl=10", wantBody: "two"},
	}},
	{"Vary: * (§4.1)", []step{
		{answer: []string{"Cache-Control", "max-age=10", "Vary", "*"}, want: "; fwd=uri-miss"},
		{answer: []string{"Cache-Control", "max-age=10", "Vary", "*"}, body: "again", want: "; fwd=uri-miss"},
	}},
	{"Vary by a field that proxies write", []step{
		{answer: []string{"Cache-Control", "max-age=10", "Vary", "X-Forwarded-For"}, want: "; fwd=uri-miss"},
	}},
	{"the request's max-age (§5.2.1.1)", []step{
		{answer: []string{"Cache-Control", "max-age=100"}, want: "; fwd=uri-miss; ttl=100; stored"},
		{wait: 20 * time.Second, ask: []string{"Cache-Control", "max-age=10"}, answer: []string{"Cache-Control", "max-age=100"}, body: "new", want: "; fwd=request; ttl=100; stored"},
	}},
	{"the request's max-stale (§5.2.1.2)", []step{
		{answer: []string{"Cache-Control", "max-age=1"}, want: "; fwd=uri-miss; ttl=1; stored"},
		{wait: 5 * time.Second, ask: []string{"Cache-Control", "max-stale=10"}, want: "; hit; ttl=-4"},
	}},
	{"the request's no-cache (§5.2.1.4)", []step{
		{answer: []string{"Cache-Control", "max-age=100", "ETag", `"1"`}, want: "; fwd=uri-miss; ttl=100; stored"},
		{ask: []string{"Cache-Control", "no-cache"}, status: 304, answer: []string{"ETag", `"1"`}, want: "; fwd=request; fwd-status=304; ttl=100; stored"},
	}},
	{"only-if-cached (§5.2.1.7)", []step{
		{ask: []string{"Cache-Control", "only-if-cached"}, want: "", wantStatus: 504, wantBody: "~only"},
		{answer: []string{"Cache-Control", "max-age=100"}, want: "; fwd=uri-miss; ttl=100; stored"},
		{ask: []string{"Cache-Control", "only-if-cached"}, want: "; hit; ttl=100"},
	}},
	{"heuristic freshness (§4.2.2)", []step{
		{answer: []string{"Last-Modified", "Fri, 31 Dec 1999 23:00:00 GMT"}, want: "; fwd=uri-miss; ttl=360; stored"},
		{wait: 359 * time.Second, want: "; hit; ttl=1"},
	}},
	{"an error is not stored by guess", []step{
		{status: 500, want: "; fwd=uri-miss", wantStatus: 500},
		{status: 404, answer: []string{"Cache-Control", "max-age=10"}, body: "none", want: "; fwd=uri-miss; ttl=10; stored", wantStatus: 404},
		{want: "; hit; ttl=10", wantStatus: 404},
	}},
	{"HEAD from GET", []step{
		{answer: []string{"Cache-Control", "max-age=10"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{method: "HEAD", want: "; hit; ttl=10", wantBody: "-"},
	}},
	{"HEAD confirms what is stored", []step{
		{answer: []string{"Cache-Control", "max-age=1", "ETag", `"1"`}, body: "body", want: "; fwd=uri-miss; ttl=1; stored"},
		{wait: 2 * time.Second, method: "HEAD", status: 304, answer: []string{"ETag", `"1"`, "Cache-Control", "max-age=10"},
			want: "; fwd=stale; fwd-status=304; ttl=10; stored", wantBody: "-"},
		{want: "; hit; ttl=10", wantBody: "body"},
	}},
	{"HEAD is not stored, GET is asked for", []step{
		{method: "HEAD", answer: []string{"Cache-Control", "max-age=10"}, want: "; fwd=uri-miss", wantBody: "-"},
		{answer: []string{"Cache-Control", "max-age=10"}, want: "; fwd=uri-miss; ttl=10; stored"},
	}},
	{"HEAD renews what is stored (§4.3.5)", []step{
		{answer: []string{"ETag", `"1"`, "Cache-Control", "max-age=1"}, body: "body", want: "; fwd=uri-miss; ttl=1; stored"},
		{wait: 2 * time.Second, method: "HEAD", answer: []string{"ETag", `"1"`, "Cache-Control", "max-age=10"}, body: "body", want: "; fwd=stale; ttl=10; stored", wantBody: "-"},
		{want: "; hit; ttl=10", wantBody: "body"},
	}},
	{"HEAD without validators shows nothing (§4.3.5)", []step{
		{answer: []string{"Cache-Control", "max-age=1"}, body: "body", want: "; fwd=uri-miss; ttl=1; stored"},
		{wait: 2 * time.Second, method: "HEAD", answer: []string{"Cache-Control", "max-age=10"}, body: "YDOB", want: "; fwd=stale", wantBody: "-"},
		{answer: []string{"Cache-Control", "max-age=10"}, body: "YDOB", want: "; fwd=stale; ttl=10; stored", wantBody: "YDOB"},
	}},
	{"an unsafe method invalidates (§4.4)", []step{
		{answer: []string{"Cache-Control", "max-age=100"}, want: "; fwd=uri-miss; ttl=100; stored"},
		{method: "POST", status: 500, want: "; fwd=method", wantStatus: 500},
		{want: "; hit; ttl=100"},
		{method: "POST", status: 204, want: "; fwd=method", wantStatus: 204},
		{answer: []string{"Cache-Control", "max-age=100"}, body: "new", want: "; fwd=uri-miss; ttl=100; stored"},
	}},
	{"Location is invalidated too (§4.4)", []step{
		{path: "/list", answer: []string{"Cache-Control", "max-age=100"}, want: "; fwd=uri-miss; ttl=100; stored"},
		{method: "POST", status: 201, answer: []string{"Location", "/list"}, want: "; fwd=method", wantStatus: 201},
		{path: "/list", answer: []string{"Cache-Control", "max-age=100"}, body: "new", want: "; fwd=uri-miss; ttl=100; stored"},
	}},
	{"the answer to a POST that says what it is (RFC 9110 §9.3.3)", []step{
		{method: "POST", answer: []string{"Cache-Control", "max-age=10", "Content-Location", "/r"}, body: "posted", want: "; fwd=method; ttl=10; stored"},
		{want: "; hit; ttl=10", wantBody: "posted"},
	}},
	{"fields that are not stored (§3.1)", []step{
		{answer: []string{"Cache-Control", `max-age=10, no-cache="Secret"`, "Secret", "1", "Proxy-Authenticate", "x"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{want: "; hit; ttl=10", wantFields: []string{"Secret", "", "Proxy-Authenticate", ""}},
	}},
	{"a redirect is stored", []step{
		{status: 301, answer: []string{"Location", "/x", "Cache-Control", "max-age=10"}, want: "; fwd=uri-miss; ttl=10; stored", wantStatus: 301},
		{want: "; hit; ttl=10", wantStatus: 301, wantFields: []string{"Location", "/x"}},
	}},
	{"query parameters are part of the key", []step{
		{path: "/r?a=1", answer: []string{"Cache-Control", "max-age=10"}, body: "one", want: "; fwd=uri-miss; ttl=10; stored"},
		{path: "/r?a=2", answer: []string{"Cache-Control", "max-age=10"}, body: "two", want: "; fwd=uri-miss; ttl=10; stored"},
	}},
	{"a body with GET goes past the cache", []step{
		{answer: []string{"Cache-Control", "max-age=10"}, want: "; fwd=uri-miss; ttl=10; stored"},
		{method: "GET+body", want: "; fwd=bypass", body: "answer to the body"},
	}},
}

func TestConformance(t *testing.T) {
	for _, tt := range conformance {
		t.Run(tt.name, func(t *testing.T) {
			var now step
			inWorld(t, func(x wire.Exchange) {
				status := max(now.status, 0)
				if status == 0 {
					status = 200
				}
				body := now.body
				if status == 304 || status == 204 {
					body = ""
				}
				reply(x, status, body, now.answer...)
			}, func(w *world) {
				stored := ""
				for i, s := range tt.steps {
					time.Sleep(s.wait)
					now = s
					trips := w.trips()
					g := w.do(s.request(), s.ask...)
					label := fmt.Sprintf("step %d", i+1)
					w.cacheStatus(g, s.want)
					if strings.Contains(s.want, "fwd=uri-miss") || strings.Contains(s.want, "fwd=bypass") ||
						s.body != "" && w.trips() > trips && s.method != "HEAD" {
						stored = s.body
					}
					want := s.wantBody
					switch {
					case want == "-":
						want = ""
					case want == "" && s.method != "POST":
						want = stored
					}
					if contains, ok := strings.CutPrefix(want, "~"); ok && strings.Contains(g.body, contains) {
						want = g.body
					}
					if g.body != want && s.method != "POST" {
						t.Errorf("%s: body %q, want %q", label, g.body, want)
					}
					if wantStatus := max(s.wantStatus, 200); g.status != wantStatus {
						t.Errorf("%s: status %d, want %d", label, g.status, wantStatus)
					}
					checkFields(t, label, g.fields, s.wantFields)
					if s.wantAsked != nil {
						checkFields(t, label+", to the origin", w.lastAsked().Fields, s.wantAsked)
					}
					if hit := strings.HasPrefix(s.want, "; hit"); hit != (w.trips() == trips) && s.want != "" {
						t.Errorf("%s: %d trips to the origin", label, w.trips()-trips)
					}
				}
			})
		})
	}
}

func (s step) request() *wire.Request {
	r := &wire.Request{Method: s.method, Path: s.path}
	if r.Path == "" {
		r.Path = "/r"
	}
	if s.method == "GET+body" {
		r.Method, r.Body, r.Length = "GET", strings.NewReader("fat"), 3
	}
	return r
}

// checkFields compares fields with names and values in turn; "" is absence.
func checkFields(t *testing.T, label string, f field.Fields, want []string) {
	t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got := f.Join(want[i]); got != want[i+1] {
			t.Errorf("%s: %s is %q, want %q", label, want[i], got, want[i+1])
		}
	}
}
