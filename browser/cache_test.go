package browser

import (
	"slices"
	"strings"
	"testing"
	"time"

	"waypost/http/cache"
	"waypost/http/wire"
	"waypost/trace"
)

// TestModes loads a page a second time in each mode and looks at what is
// asked for, and how.
func TestModes(t *testing.T) {
	pages := map[string]answer{
		"http://www.shop.test/":              {fields: htmlType + "\nCache-Control: max-age=60\nETag: \"p\"", body: "<img src=fresh.png><img src=immutable.png><img src=stale.png><img src=none.png>"},
		"http://www.shop.test/fresh.png":     {fields: "Content-Type: image/png\nCache-Control: max-age=3600\nETag: \"f\"", body: "png"},
		"http://www.shop.test/immutable.png": {fields: "Content-Type: image/png\nCache-Control: max-age=3600, immutable\nETag: \"i\"", body: "png"},
		"http://www.shop.test/stale.png":     {fields: "Content-Type: image/png\nCache-Control: max-age=1\nETag: \"s\"", body: "png"},
		"http://www.shop.test/none.png":      {fields: "Content-Type: image/png\nCache-Control: no-store", body: "png"},
	}
	tests := []struct {
		mode   cache.Mode
		want   map[string]string // path → how it is asked for: plain, conditional
		cached int
	}{
		{cache.Normal, map[string]string{"stale.png": "conditional", "none.png": "plain"}, 3},
		{cache.Reload, map[string]string{"": "conditional", "fresh.png": "conditional", "stale.png": "conditional", "none.png": "plain"}, 1},
		{cache.HardReload, map[string]string{"": "plain", "fresh.png": "plain", "immutable.png": "plain", "stale.png": "plain", "none.png": "plain"}, 0},
	}
	for _, tt := range tests {
		inWorld(t, pages, func(w *world) {
			w.load("http://www.shop.test/", Options{})
			time.Sleep(5 * time.Second)
			r, _ := w.load("http://www.shop.test/", Options{Mode: tt.mode})
			if r.Cached != tt.cached || r.Failed != 0 {
				t.Errorf("mode %d: %d cached, %d failed", tt.mode, r.Cached, r.Failed)
			}
			got := map[string]string{}
			for _, a := range w.asked {
				how := "plain"
				if a.fields.Has("If-None-Match") {
					how = "conditional"
				}
				got[strings.TrimPrefix(a.url, "http://www.shop.test/")] = how
				control := map[cache.Mode]string{cache.Normal: "", cache.Reload: "max-age=0", cache.HardReload: "no-cache"}[tt.mode]
				if a.fields.Get("Cache-Control") != control {
					t.Errorf("mode %d sends Cache-Control: %s", tt.mode, a.fields.Get("Cache-Control"))
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("mode %d asks for %v, want %v", tt.mode, got, tt.want)
			}
			for path, how := range tt.want {
				if got[path] != how {
					t.Errorf("mode %d asks for %q %s, want %s", tt.mode, path, got[path], how)
				}
			}
		})
	}
}

// TestValidation sees a 304 bring the stored fields up to date: what it makes
// fresh serves the third time without a request.
func TestValidation(t *testing.T) {
	var asked int
	inWorld(t, map[string]answer{
		"http://www.shop.test/": {serve: func(x wire.Exchange) {
			asked++
			if asked == 1 {
				x.Respond(200, fieldsOf(htmlType+"\nCache-Control: max-age=1\nETag: \"p\"\nX-Old: 1"), 4)
				x.Write([]byte("text"))
				return
			}
			x.Respond(304, fieldsOf("Cache-Control: max-age=3600\nETag: \"p\""), 0)
		}},
	}, func(w *world) {
		w.load("http://www.shop.test/", Options{})
		time.Sleep(time.Minute)
		r, events := w.load("http://www.shop.test/", Options{})
		if string(r.Document) != "text" || r.Status != 200 || r.Requests != 1 || r.ContentType == "" {
			t.Errorf("validated: %+v", r)
		}
		req := find(events, trace.KindHTTPRequest)[0].Fact.(trace.HTTPRequest)
		if !slices.Equal(req.Validators, []string{`If-None-Match: "p"`}) {
			t.Errorf("validators %v", req.Validators)
		}
		resp := find(events, trace.KindHTTPResponse)[0]
		if resp.Fact.(trace.HTTPResponse).Status != 304 || resp.Decision.Clause != "RFC 9111 §4.3.4" {
			t.Errorf("http.response %+v, %+v", resp.Fact, resp.Decision)
		}
		time.Sleep(time.Minute)
		if r, _ = w.load("http://www.shop.test/", Options{}); r.Requests != 0 || r.Cached != 1 || string(r.Document) != "text" {
			t.Errorf("third: %+v", r)
		}
	})
}

// TestWrong304 meets a 304 that confirms nothing stored: all of it is asked
// for.
func TestWrong304(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/": {serve: func(x wire.Exchange) {
			if x.Request().Fields.Has("If-None-Match") {
				x.Respond(304, fieldsOf(`ETag: "another"`), 0)
				return
			}
			x.Respond(200, fieldsOf(htmlType+"\nCache-Control: no-cache\nETag: \"p\""), 4)
			x.Write([]byte("text"))
		}},
	}, func(w *world) {
		w.load("http://www.shop.test/", Options{})
		r, _ := w.load("http://www.shop.test/", Options{})
		if string(r.Document) != "text" || r.Requests != 2 {
			t.Errorf("%q after %d requests", r.Document, r.Requests)
		}
	})
}

// TestStaleWhileRevalidate serves what is stale at once and confirms it
// beside the page, which does not wait for it.
func TestStaleWhileRevalidate(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/": {fields: htmlType + "\nCache-Control: max-age=10, stale-while-revalidate=600\nETag: \"p\"", body: "text", after: 3 * time.Second},
	}, func(w *world) {
		w.load("http://www.shop.test/", Options{})
		time.Sleep(time.Minute)
		r, events := w.load("http://www.shop.test/", Options{})
		if r.Took != 0 || r.Requests != 0 || r.Cached != 1 || string(r.Document) != "text" {
			t.Errorf("stale: %+v", r)
		}
		d := find(events, trace.KindCacheDecision)[0].Decision
		if d.Verdict != "stale" || d.Clause != "RFC 5861 §3" {
			t.Errorf("decision %+v", d)
		}
		if got := w.urls(); len(got) != 1 {
			t.Errorf("revalidated by %v", got)
		}
		if r, _ := w.load("http://www.shop.test/", Options{}); r.Requests != 0 || len(w.urls()) != 0 {
			t.Errorf("fresh again, but: %+v, %v", r, w.urls())
		}
	})
}

// TestStaleIfError serves what is stale while the origin fails.
func TestStaleIfError(t *testing.T) {
	status := 200
	inWorld(t, map[string]answer{
		"http://www.shop.test/": {serve: func(x wire.Exchange) {
			x.Respond(status, fieldsOf(htmlType+"\nCache-Control: max-age=1, stale-if-error=600"), 4)
			x.Write([]byte("text"))
		}},
	}, func(w *world) {
		w.load("http://www.shop.test/", Options{})
		time.Sleep(time.Minute)
		status = 503
		r, events := w.load("http://www.shop.test/", Options{})
		if r.Status != 200 || string(r.Document) != "text" || r.Requests != 1 {
			t.Errorf("503: %+v", r)
		}
		if v := verdicts(events); v[len(v)-1] != "private-cache stale http://www.shop.test/" {
			t.Errorf("verdicts %v", v)
		}
		w.stop() // and now there is no server at all
		w.served.Wait()
		if r, _ = w.load("http://www.shop.test/", Options{}); r.Err != nil || string(r.Document) != "text" {
			t.Errorf("no server: %+v", r)
		}
	})
}

// TestVary keeps responses apart that were chosen by the request.
func TestVary(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/": {serve: func(x wire.Exchange) {
			lang := x.Request().Fields.Get("Accept-Language")
			x.Respond(200, fieldsOf("Content-Type: text/plain\nCache-Control: max-age=60\nVary: Accept-Language"), int64(len(lang)))
			x.Write([]byte(lang))
		}},
	}, func(w *world) {
		for _, tt := range []struct {
			languages string
			requests  int
		}{{"en", 1}, {"de", 1}, {"en", 0}, {"de", 0}} {
			w.browser.Languages = tt.languages
			if r, _ := w.load("http://www.shop.test/", Options{}); string(r.Document) != tt.languages || r.Requests != tt.requests {
				t.Errorf("%s: %q, %d requests", tt.languages, r.Document, r.Requests)
			}
		}
	})
}

// TestUnsafeInvalidates forgets a page that a POST has changed.
func TestUnsafeInvalidates(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/": {fields: "Content-Type: text/plain\nCache-Control: max-age=60", body: "text"},
	}, func(w *world) {
		for _, tt := range []struct {
			method   string
			requests int
		}{{"GET", 1}, {"GET", 0}, {"POST", 1}, {"GET", 1}} {
			if r, _ := w.load("http://www.shop.test/", Options{Method: tt.method}); r.Requests != tt.requests {
				t.Errorf("%s: %d requests, want %d", tt.method, r.Requests, tt.requests)
			}
		}
	})
}

func TestBounded(t *testing.T) {
	b := newBounded[int](3 * (entryCost + 11))
	for i, key := range []string{"a", "b", "c"} {
		b.put(key, i, 10)
	}
	b.get("a")
	b.put("d", 3, 10)
	if _, ok := b.get("b"); ok {
		t.Error("b was used the longest ago and is still there")
	}
	if v, ok := b.get("a"); !ok || v != 0 {
		t.Error("a is gone")
	}
	b.put("huge", 9, 1<<20)
	if _, ok := b.get("huge"); ok {
		t.Error("what is larger than the whole is kept")
	}
	for _, key := range []string{"a", "c", "d"} {
		b.del(key)
	}
	if n := b.bytes(); n != 0 {
		t.Errorf("%d bytes in nothing", n)
	}
}
