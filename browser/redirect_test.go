package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waypost/fault"
	"waypost/http/cache"
	"waypost/trace"
)

// TestRedirected is the table of Fetch §4.4 and RFC 9110 §15.4.
func TestRedirected(t *testing.T) {
	tests := []struct {
		status int
		method string
		next   string
		body   bool
	}{
		{301, "GET", "GET", true}, {301, "HEAD", "HEAD", true}, {301, "POST", "GET", false}, {301, "PUT", "PUT", true},
		{302, "GET", "GET", true}, {302, "HEAD", "HEAD", true}, {302, "POST", "GET", false}, {302, "PUT", "PUT", true},
		{303, "GET", "GET", true}, {303, "HEAD", "HEAD", true}, {303, "POST", "GET", false}, {303, "PUT", "GET", false},
		{307, "GET", "GET", true}, {307, "POST", "POST", true}, {307, "PUT", "PUT", true},
		{308, "GET", "GET", true}, {308, "POST", "POST", true}, {308, "PUT", "PUT", true},
	}
	for _, tt := range tests {
		if next, body := redirected(tt.status, tt.method); next != tt.next || body != tt.body {
			t.Errorf("%d to %s: %s, body %v; want %s, %v", tt.status, tt.method, next, body, tt.next, tt.body)
		}
	}
}

// TestRedirects follows each kind of redirect with a POST over the wire, and
// looks whether a second visit with GET still asks.
func TestRedirects(t *testing.T) {
	for _, tt := range []struct {
		status     int
		method     string
		remembered bool
	}{{301, "GET", true}, {302, "GET", false}, {303, "GET", false}, {307, "POST", false}, {308, "POST", true}} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			inWorld(t, map[string]answer{
				"http://www.shop.test/old": {status: tt.status, fields: "Location: /new\nCache-Control: max-age=60", body: "moved"},
				"http://www.shop.test/new": {fields: "Content-Type: text/plain", body: "new"},
			}, func(w *world) {
				r, events := w.load("http://www.shop.test/old", Options{Method: "POST", Body: []byte("a=1"), ContentType: "text/x"})
				if r.Err != nil || r.URL != "http://www.shop.test/new" || string(r.Document) != "new" || r.Redirects != 1 {
					t.Errorf("result %+v", r)
				}
				last := w.asked[1]
				carries := tt.method == "POST"
				if last.method != tt.method || (last.body == "a=1") != carries || last.fields.Has("Content-Type") != carries {
					t.Errorf("after %d: %+v", tt.status, last)
				}
				turns := find(events, trace.KindHTTPRedirect)
				want := trace.HTTPRedirect{Status: tt.status, From: "http://www.shop.test/old", To: "http://www.shop.test/new", Method: tt.method, Count: 1}
				if len(turns) != 1 || turns[0].Fact != want {
					t.Errorf("http.redirect %+v", turns)
				}

				w.load("http://www.shop.test/old", Options{})
				r, events = w.load("http://www.shop.test/old", Options{})
				if got := !slices.Contains(w.urls(), "http://www.shop.test/old"); got != tt.remembered {
					t.Errorf("remembered %v, want %v", got, tt.remembered)
				}
				if r.URL != "http://www.shop.test/new" || r.Redirects != 1 {
					t.Errorf("third visit: %+v", r)
				}
				if v := verdicts(events)[0]; (v == "redirect-memory redirect http://www.shop.test/old") != tt.remembered {
					t.Errorf("third visit notes %s", v)
				}
			})
		})
	}
}

// TestMemoryOfRedirects looks at how long one is remembered, and when it is
// passed by.
func TestMemoryOfRedirects(t *testing.T) {
	tests := []struct {
		name   string
		fields string
		wait   time.Duration
		mode   cache.Mode
		asks   bool
	}{
		{"states no lifetime", "", redirectTTL - time.Minute, cache.Normal, false},
		{"states no lifetime, a day later", "", redirectTTL + time.Minute, cache.Normal, true},
		{"within max-age", "Cache-Control: max-age=60", 30 * time.Second, cache.Normal, false},
		{"after max-age", "Cache-Control: max-age=60", 90 * time.Second, cache.Normal, true},
		{"no-store", "Cache-Control: no-store", 0, cache.Normal, true},
		{"no-cache", "Cache-Control: no-cache", 0, cache.Normal, true},
		{"reload", "", 0, cache.Reload, true},
		{"hard reload", "", 0, cache.HardReload, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, map[string]answer{
				"http://www.shop.test/old": {status: 301, fields: "Location: /new\n" + tt.fields},
				"http://www.shop.test/new": {fields: "Content-Type: text/plain", body: "new"},
			}, func(w *world) {
				w.load("http://www.shop.test/old", Options{})
				time.Sleep(tt.wait)
				w.load("http://www.shop.test/old", Options{Mode: tt.mode})
				if asks := slices.Contains(w.urls(), "http://www.shop.test/old"); asks != tt.asks {
					t.Errorf("asked again: %v, want %v", asks, tt.asks)
				}
			})
		})
	}
}

// TestPartition loads the same redirecting image from two sites: what one
// remembers does not serve the other.
func TestPartition(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/":         {fields: htmlType, body: "<img src=http://static.shop.test/i>"},
		"http://blog.shop.test/":        {fields: htmlType, body: "<img src=http://static.shop.test/i>"},
		"http://other.test/":            {fields: htmlType, body: "<img src=http://static.shop.test/i>"},
		"http://static.shop.test/i":     {status: 301, fields: "Location: /i.png"},
		"http://static.shop.test/i.png": {fields: "Content-Type: image/png\nCache-Control: max-age=3600", body: "png"},
	}, func(w *world) {
		for _, tt := range []struct {
			page string
			asks int
		}{{"http://www.shop.test/", 3}, {"http://blog.shop.test/", 1}, {"http://other.test/", 3}} {
			w.load(tt.page, Options{})
			if got := len(w.urls()); got != tt.asks {
				t.Errorf("%s: %v, want %d requests", tt.page, w.urls(), tt.asks)
			}
		}
	})
}

// TestRedirectFailures ends ways that lead nowhere.
func TestRedirectFailures(t *testing.T) {
	pages := map[string]answer{
		"http://www.shop.test/a":    {status: 302, fields: "Location: /b"},
		"http://www.shop.test/b":    {status: 302, fields: "Location: /a"},
		"http://www.shop.test/self": {status: 302, fields: "Location: /self"},
		"http://www.shop.test/bad":  {status: 302, fields: "Location: http://[bad/"},
		"http://www.shop.test/ftp":  {status: 302, fields: "Location: ftp://www.shop.test/"},
		"http://www.shop.test/none": {status: 302, fields: "Content-Type: text/plain", body: "no Location"},
		"http://www.shop.test/away": {status: 301, fields: "Location: http://www.nowhere.test/"},
	}
	for i := range 30 {
		pages[fmt.Sprintf("http://www.shop.test/n%d", i)] = answer{status: 302, fields: fmt.Sprintf("Location: /n%d", i+1)}
	}
	tests := []struct {
		path     string
		fault    fault.Kind
		says     string
		requests int
	}{
		{"/a", fault.ProxyLoopDetected, "circle: http://www.shop.test/b → http://www.shop.test/a → http://www.shop.test/b", 21},
		{"/self", fault.ProxyLoopDetected, "/self → http://www.shop.test/self", 21},
		{"/n0", fault.HTTPProtocolError, "more than 20 redirects", 21},
		{"/n10", "", "", 21}, // ends at /n30, which is a 404
		{"/bad", fault.HTTPProtocolError, "follow Location", 1},
		{"/ftp", fault.HTTPProtocolError, "scheme ftp", 1},
		{"/none", "", "", 1},
		{"/away", fault.DNSError, "NXDOMAIN", 1},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			inWorld(t, pages, func(w *world) {
				r, events := w.load("http://www.shop.test"+tt.path, Options{})
				if r.Fault != tt.fault || tt.says != "" && !strings.Contains(r.Err.Error(), tt.says) {
					t.Errorf("fault %q: %v", r.Fault, r.Err)
				}
				if r.Requests != tt.requests {
					t.Errorf("%d requests, want %d", r.Requests, tt.requests)
				}
				if f := find(events, trace.KindPageLoad)[0].Fact.(trace.PageLoad); f.Fault != string(tt.fault) {
					t.Errorf("page.load %+v", f)
				}
			})
		})
	}
}
