package browser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/trace"
)

// TestFailures loads what cannot be loaded: the fault has its name, the error
// says what and where, and the record goes up to the failure.
func TestFailures(t *testing.T) {
	tests := []struct {
		name  string
		typed string
		page  answer
		set   func(w *world)
		fault fault.Kind
		says  string
		last  trace.Kind // the last event before page.load (and tcp.close)
	}{
		{name: "nothing typed", typed: " ", fault: fault.HTTPRequestError, says: "nothing was typed", last: trace.KindURLParsed},
		{name: "no URL, no search engine", typed: "http://a b/", fault: fault.HTTPRequestError, says: "no search engine", last: trace.KindURLParsed},
		{name: "a scheme that is no page's", typed: "mailto:a@b.test", fault: fault.HTTPRequestError, says: "mailto", last: trace.KindURLParsed},
		{name: "unknown host", typed: "http://www.nowhere.test/", fault: fault.DNSError, says: "resolve www.nowhere.test: NXDOMAIN", last: trace.KindHTTPResponse},
		{name: "refused port", typed: "http://www.shop.test:81/", fault: fault.ConnectionRefused, says: "198.51.100.7:81", last: trace.KindHTTPResponse},
		{name: "bad certificate", typed: "https://wrong.test/", fault: fault.TLSCertificateError, says: "wrong.test", last: trace.KindHTTPResponse},
		{name: "truncated", typed: "http://www.shop.test/", fault: fault.HTTPResponseIncomplete, says: "http://www.shop.test/", last: trace.KindHTTPResponse,
			page: answer{serve: func(x wire.Exchange) {
				x.Respond(200, fieldsOf(htmlType), 100)
				x.Write([]byte("half"))
			}}},
		{name: "bomb", typed: "http://www.shop.test/", fault: fault.HTTPResponseBodySize, says: "unpacks to more than", last: trace.KindHTTPResponse,
			page: answer{fields: htmlType + "\nContent-Encoding: gzip", body: pack(t, "gzip", strings.Repeat("0", 1<<20))},
			set:  func(w *world) { w.browser.Limits.Decoded = 1 << 16 }},
		{name: "too large", typed: "http://www.shop.test/", fault: fault.HTTPResponseBodySize, says: "more than 1000 bytes", last: trace.KindHTTPResponse,
			page: answer{fields: htmlType, body: strings.Repeat("0", 2000)},
			set:  func(w *world) { w.browser.Limits.Body = 1000 }},
		{name: "unknown coding", typed: "http://www.shop.test/", fault: fault.HTTPResponseContentCoding, says: `"snappy"`, last: trace.KindHTTPResponse,
			page: answer{fields: htmlType + "\nContent-Encoding: snappy", body: "x"}},
		{name: "broken coding", typed: "http://www.shop.test/", fault: fault.HTTPResponseContentCoding, says: "decode br", last: trace.KindHTTPResponse,
			page: answer{fields: htmlType + "\nContent-Encoding: br", body: "\xff\xff\xff"}},
		{name: "silent server", typed: "http://www.shop.test/", fault: fault.HTTPResponseTimeout, says: "first_byte timeout after 5s", last: trace.KindHTTPResponse,
			page: answer{body: "late", after: time.Minute},
			set:  func(w *world) { w.browser.Fetch.Timeouts.FirstByte = 5 * time.Second }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, map[string]answer{"http://www.shop.test/": tt.page}, func(w *world) {
				if tt.set != nil {
					tt.set(w)
				}
				r, events := w.load(tt.typed, Options{})
				if r.Fault != tt.fault || r.Err == nil || !strings.Contains(r.Err.Error(), tt.says) {
					t.Errorf("fault %q: %v", r.Fault, r.Err)
				}
				sum := find(events, trace.KindPageLoad)[0].Fact.(trace.PageLoad)
				if sum.Fault != string(tt.fault) || sum.Error != r.Err.Error() {
					t.Errorf("page.load %+v", sum)
				}
				events = slices.DeleteFunc(events, func(e trace.Event) bool {
					return e.Fact.Kind() == trace.KindPageLoad || e.Fact.Kind() == trace.KindTCPClose
				})
				if last := events[len(events)-1]; last.Fact.Kind() != tt.last {
					t.Errorf("the record ends with %s: %+v", last.Fact.Kind(), last.Fact)
				} else if f, ok := last.Fact.(trace.HTTPResponse); ok && f.Fault != string(tt.fault) {
					t.Errorf("http.response %+v", f)
				}
			})
		})
	}
}

// TestSubresourceFailures lets subresources fail in each way; the page
// stands.
func TestSubresourceFailures(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/": {fields: htmlType, body: `<img src=http://www.nowhere.test/a.png><img src=http://www.shop.test:81/b.png>
			<img src=missing.png><link rel=stylesheet href=cut.css><img src=ok.png>`},
		"http://www.shop.test/cut.css": {serve: func(x wire.Exchange) { x.Respond(200, fieldsOf("Content-Type: text/css"), 9) }},
		"http://www.shop.test/ok.png":  {fields: "Content-Type: image/png", body: "png"},
	}, func(w *world) {
		r, _ := w.load("http://www.shop.test/", Options{})
		if r.Err != nil || r.Failed != 3 || r.Wanted != 5 {
			t.Errorf("%+v", r)
		}
		want := map[string]string{"a.png": "dns_error 0", "b.png": "connection_refused 0", "missing.png": " 404", "cut.css": "http_response_incomplete 200", "ok.png": " 200"}
		for _, res := range r.Resources {
			name := res.URL[strings.LastIndexByte(res.URL, '/')+1:]
			if got := fmt.Sprintf("%s %d", res.Fault, res.Status); got != want[name] {
				t.Errorf("%s: %q (%v), want %q", name, got, res.Err, want[name])
			}
		}
	})
}

// TestLimits reaches each bound of a page.
func TestLimits(t *testing.T) {
	t.Run("resources", func(t *testing.T) {
		inWorld(t, map[string]answer{"http://www.shop.test/": {fields: htmlType, body: "<img src=1><img src=2><img src=2><img src=3><img src=4>"}}, func(w *world) {
			w.browser.Limits.Resources = 2
			r, events := w.load("http://www.shop.test/", Options{})
			if r.Wanted != 4 || len(r.Resources) != 2 {
				t.Errorf("wanted %d, loaded %d", r.Wanted, len(r.Resources))
			}
			if d := find(events, trace.KindPageLoad)[0].Decision; d == nil || d.Verdict != "cut-short" {
				t.Errorf("decision %+v", d)
			}
		})
	})
	t.Run("bytes of a page", func(t *testing.T) {
		body := strings.Repeat("0", 5000)
		inWorld(t, map[string]answer{
			"http://www.shop.test/":  {fields: htmlType, body: "<img src=1><img src=2><img src=3>"},
			"http://www.shop.test/1": {body: body}, "http://www.shop.test/2": {body: body}, "http://www.shop.test/3": {body: body},
		}, func(w *world) {
			w.browser.Fetch.PerHost = 1 // one after the other
			w.browser.Limits.Page = 12000
			r, _ := w.load("http://www.shop.test/", Options{})
			if r.Failed != 1 || r.Err != nil {
				t.Errorf("%d failed, %v", r.Failed, r.Err)
			}
		})
	})
	t.Run("imports", func(t *testing.T) {
		pages := map[string]answer{"http://www.shop.test/": {fields: htmlType, body: "<link rel=stylesheet href=0.css>"}}
		for i := range 100 {
			pages[fmt.Sprintf("http://www.shop.test/%d.css", i)] = answer{fields: "Content-Type: text/css", body: fmt.Sprintf("@import '%d.css';", i+1)}
		}
		inWorld(t, pages, func(w *world) {
			if r, _ := w.load("http://www.shop.test/", Options{}); r.Wanted != maxDepth+1 {
				t.Errorf("%d stylesheets, want %d", r.Wanted, maxDepth+1)
			}
		})
	})
	t.Run("a stylesheet that imports itself", func(t *testing.T) {
		inWorld(t, map[string]answer{
			"http://www.shop.test/":      {fields: htmlType, body: "<link rel=stylesheet href=a.css>"},
			"http://www.shop.test/a.css": {fields: "Content-Type: text/css", body: "@import 'a.css#x';"},
		}, func(w *world) {
			if r, _ := w.load("http://www.shop.test/", Options{}); r.Wanted != 1 {
				t.Errorf("%d stylesheets, want 1", r.Wanted)
			}
		})
	})
}

// TestCancelled ends a load from outside.
func TestCancelled(t *testing.T) {
	inWorld(t, map[string]answer{"http://www.shop.test/": {body: "late", after: time.Minute}}, func(w *world) {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		r, err := w.browser.Load(ctx, "http://www.shop.test/", Options{})
		if !errors.Is(err, context.DeadlineExceeded) || r.Took != time.Second || r.Fault == "" {
			t.Errorf("%v after %v", err, r.Took)
		}
	})
}

// TestDecoded loads a page in each coding and looks at what the record says.
func TestDecoded(t *testing.T) {
	text := "<title>" + strings.Repeat("coded ", 500) + "</title>"
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		packed := pack(t, coding, text)
		inWorld(t, map[string]answer{"https://www.shop.test/": {fields: htmlType + "\nCache-Control: max-age=60\nContent-Encoding: " + coding, body: packed}}, func(w *world) {
			r, events := w.load("https://www.shop.test/", Options{})
			f := find(events, trace.KindHTTPResponse)[0].Fact.(trace.HTTPResponse)
			if string(r.Document) != text || f.Coding != coding || f.Bytes != int64(len(packed)) || f.Decoded != int64(len(text)) {
				t.Errorf("%s: %+v", coding, f)
			}
			if r, _ = w.load("https://www.shop.test/", Options{}); string(r.Document) != text || r.Requests != 0 {
				t.Errorf("%s from the cache: %d bytes, %d requests", coding, len(r.Document), r.Requests)
			}
		})
	}
}

// TestSearch sends what is no URL to the search engine.
func TestSearch(t *testing.T) {
	inWorld(t, map[string]answer{"https://search.shop.test/?q=blue+lamp": {fields: htmlType, body: "<title>found</title>"},
		"https://search.shop.test/?q=blue%20lamp": {fields: htmlType, body: "<title>found</title>"}}, func(w *world) {
		w.browser.Search = "https://search.shop.test/?q=%s"
		r, events := w.load("blue lamp", Options{})
		if r.Title != "found" {
			t.Errorf("%+v, %v", r, w.urls())
		}
		if d := find(events, trace.KindURLParsed)[0].Decision; d.Verdict != "search" {
			t.Errorf("%+v", d)
		}
	})
}

// TestDocumentOnly leaves subresources alone, and so does what is no HTML.
func TestDocumentOnly(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/":  {fields: htmlType, body: "<img src=a>"},
		"http://www.shop.test/t": {fields: "Content-Type: text/plain", body: "<img src=a>"},
	}, func(w *world) {
		if r, _ := w.load("http://www.shop.test/", Options{DocumentOnly: true}); r.Requests != 1 || r.Wanted != 0 {
			t.Errorf("document only: %+v", r)
		}
		if r, _ := w.load("http://www.shop.test/t", Options{}); r.Requests != 1 || r.Wanted != 0 {
			t.Errorf("plain text: %+v", r)
		}
	})
}

// TestUnrecorded loads without a station: nothing is noted, and nothing
// breaks.
func TestUnrecorded(t *testing.T) {
	inWorld(t, shop(), func(w *world) {
		w.browser.Station = nil
		r, err := w.browser.Load(w.t.Context(), "www.shop.test", Options{Trace: true})
		if err != nil || r.Wanted != 10 || r.Trace != (trace.ID{}) {
			t.Errorf("%+v, %v", r, err)
		}
		if len(w.ring.Traces()) != 0 {
			t.Error("something was noted")
		}
	})
}
