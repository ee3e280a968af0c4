package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waypost/trace"
)

// shop is a small site with a resource of each kind.
func shop() map[string]answer {
	return map[string]answer{
		"https://www.shop.test/": {fields: htmlType + "\nCache-Control: no-cache\nETag: \"page\"", body: `<!doctype html><title> The
			shop </title>
			<link rel=stylesheet href=/style.css><link rel=icon href=/icon.png>
			<script src=/sync.js></script><script src=/defer.js defer></script>
			<script type=module src=/module.js></script>
			<img src=/photo.png alt=""><a href=/other>other</a><iframe src=/frame></iframe>`},
		"https://www.shop.test/style.css":  {fields: "Content-Type: text/css\nCache-Control: max-age=3600", body: `@import "more.css"; body { background: url(back.png) }`},
		"https://www.shop.test/more.css":   {fields: "Content-Type: text/css", body: `@font-face { font-family: x; src: url(/font.woff2) format("woff2") }`},
		"https://www.shop.test/sync.js":    {fields: "Content-Type: text/javascript\nCache-Control: max-age=3600", body: "1"},
		"https://www.shop.test/defer.js":   {fields: "Content-Type: text/javascript", body: "2"},
		"https://www.shop.test/module.js":  {fields: "Content-Type: text/javascript", body: `import "./dep.js"`},
		"https://www.shop.test/dep.js":     {fields: "Content-Type: text/javascript", body: "3"},
		"https://www.shop.test/photo.png":  {fields: "Content-Type: image/png\nCache-Control: max-age=3600", body: "png"},
		"https://www.shop.test/icon.png":   {fields: "Content-Type: image/png", body: "png"},
		"https://www.shop.test/back.png":   {fields: "Content-Type: image/png", body: "png"},
		"https://www.shop.test/font.woff2": {fields: "Content-Type: font/woff2", body: "font"},
	}
}

// TestLoad loads a page twice and looks at the whole record.
func TestLoad(t *testing.T) {
	inWorld(t, shop(), func(w *world) {
		r, events := w.load("www.shop.test", Options{})
		if r.Err != nil || r.Status != 200 || r.URL != "https://www.shop.test/" || r.Title != "The shop" {
			t.Errorf("result %+v", r)
		}
		if r.Wanted != 10 || r.Requests != 11 || r.Failed != 0 || r.Cached != 0 {
			t.Errorf("wanted %d, requests %d, failed %d, cached %d", r.Wanted, r.Requests, r.Failed, r.Cached)
		}
		got := map[string]string{}
		for _, res := range r.Resources {
			path := strings.TrimPrefix(res.URL, "https://www.shop.test")
			got[path] = strings.Join([]string{res.As, res.How, res.From, res.Initiator}, "|")
			if res.Err != nil || res.Status != 200 || res.Source != "network" {
				t.Errorf("%s: %+v", path, res)
			}
		}
		want := map[string]string{
			"/style.css": "stylesheet||link stylesheet|document", "/icon.png": "icon||link icon|document",
			"/sync.js": "script|sync|script|document", "/defer.js": "script|defer|script|document",
			"/module.js": "script|module|script|document", "/photo.png": "image||img|document",
			"/more.css": "stylesheet||@import|stylesheet", "/back.png": "image||url() in background|stylesheet",
			"/font.woff2": "font||@font-face|stylesheet", "/dep.js": "script|module|import|script",
		}
		for path, kind := range want {
			if got[path] != kind {
				t.Errorf("%s is %q, want %q", path, got[path], kind)
			}
		}
		urls := w.urls()
		// The document's connection is free for the most urgent; five more
		// are opened for those after it; what is left waits.
		if urls[0] != "https://www.shop.test/" || urls[1] != "https://www.shop.test/style.css" {
			t.Errorf("order of requests: %v", urls)
		}

		again, events2 := w.load("www.shop.test", Options{})
		if again.Cached != 3 || again.Err != nil {
			t.Errorf("second load: %d from the cache, %v", again.Cached, again.Err)
		}
		if slices.Contains(w.urls(), "https://www.shop.test/style.css") {
			t.Error("the stylesheet was asked for again")
		}
		if v := verdicts(find(events2, trace.KindCacheDecision)); v[0] != "private-cache validate https://www.shop.test/" ||
			!slices.Contains(v, "private-cache hit https://www.shop.test/style.css") {
			t.Errorf("second load: %v", v)
		}
		checkRecord(t, events)
		checkRecord(t, events2)
	})
}

// checkRecord holds a record of a successful load against what every record
// promises.
func checkRecord(t *testing.T, events []trace.Event) {
	t.Helper()
	spans := map[trace.SpanID]bool{}
	for _, e := range events {
		spans[e.Span] = true
	}
	first := map[trace.Kind]int{}
	for i, e := range events {
		if e.Parent != 0 && !spans[e.Parent] {
			t.Errorf("%s %+v has a parent that nobody notes in", e.Fact.Kind(), e.Fact)
		}
		if _, ok := first[e.Fact.Kind()]; !ok {
			first[e.Fact.Kind()] = i
		}
		if d := e.Decision; d != nil && (d.Verdict == "" || d.Reason == "") {
			t.Errorf("%s: decision without verdict or reason: %+v", e.Fact.Kind(), d)
		}
	}
	order := []trace.Kind{trace.KindURLParsed, trace.KindCacheDecision, trace.KindTCPConnect, trace.KindTLSHandshake,
		trace.KindHTTPRequest, trace.KindHTTPResponse, trace.KindDOMParsed, trace.KindPageLoad, trace.KindTCPClose}
	for i := 1; i < len(order); i++ {
		a, ok1 := first[order[i-1]]
		b, ok2 := first[order[i]]
		if !ok1 || !ok2 || a > b {
			t.Errorf("%s (%v %d) does not come before %s (%v %d)", order[i-1], ok1, a, order[i], ok2, b)
		}
	}
}

// TestSpans follows causes: what a stylesheet names is caused by it.
func TestSpans(t *testing.T) {
	inWorld(t, shop(), func(w *world) {
		_, events := w.load("www.shop.test", Options{})
		cause := func(child, parent string) {
			t.Helper()
			var c, p trace.Event
			for _, e := range events {
				switch f := e.Fact.(type) {
				case trace.HTTPResponse:
					if strings.HasSuffix(f.URL, child) {
						c = e
					}
					if strings.HasSuffix(f.URL, parent) {
						p = e
					}
				case trace.DOMParsed:
					if parent == "dom" {
						p = e
					}
				}
			}
			if c.Parent == 0 || c.Parent != p.Span {
				t.Errorf("%s is not caused by %s", child, parent)
			}
		}
		cause("/style.css", "dom")
		cause("/photo.png", "dom")
		cause("/more.css", "/style.css")
		cause("/font.woff2", "/more.css")
		cause("/dep.js", "/module.js")
	})
}

// TestMultiplexed loads a page with twenty slow images over HTTP/2: one
// connection, and all of them at once.
func TestMultiplexed(t *testing.T) {
	pages := map[string]answer{}
	var body strings.Builder
	for i := range 20 {
		path := fmt.Sprintf("%d.png", i)
		body.WriteString("<img src=" + path + ">")
		pages["https://www.shop.test/"+path] = answer{fields: "Content-Type: image/png", body: "png", after: time.Second}
	}
	pages["https://www.shop.test/"] = answer{fields: htmlType, body: body.String()}
	inWorld(t, pages, func(w *world) {
		w.browser.Fetch.HTTP2 = true
		r, events := w.load("https://www.shop.test/", Options{})
		if got, want := r.Took, 60*ms+1020*ms; got != want || r.Failed > 0 {
			t.Errorf("the load took %v, want %v; %d failed", got, want, r.Failed)
		}
		streams := map[int]bool{}
		for _, e := range find(events, trace.KindHTTPRequest) {
			f := e.Fact.(trace.HTTPRequest)
			streams[f.Stream] = true
			if f.Proto != "HTTP/2" || f.Queued != 0 {
				t.Errorf("%+v", f)
			}
		}
		if len(streams) != 21 || len(find(events, trace.KindTCPConnect)) != 1 {
			t.Errorf("%d streams on %d connections", len(streams), len(find(events, trace.KindTCPConnect)))
		}
	})
}

// TestQueueing loads eight slow images over HTTP/1.1: the seventh and eighth
// wait for one of the first to end.
func TestQueueing(t *testing.T) {
	pages := map[string]answer{"http://www.shop.test/": {fields: htmlType}}
	var body strings.Builder
	for _, n := range "12345678" {
		body.WriteString("<img src=/" + string(n) + ".png>")
		pages["http://www.shop.test/"+string(n)+".png"] = answer{fields: "Content-Type: image/png", body: "png", after: time.Second}
	}
	pages["http://www.shop.test/"] = answer{fields: htmlType, body: body.String()}
	inWorld(t, pages, func(w *world) {
		r, events := w.load("http://www.shop.test/", Options{})
		queued := map[string]time.Duration{}
		for _, e := range find(events, trace.KindHTTPRequest) {
			f := e.Fact.(trace.HTTPRequest)
			queued[strings.TrimPrefix(f.URL, "http://www.shop.test/")] = time.Duration(f.Queued)
		}
		for _, n := range "123456" {
			if q := queued[string(n)+".png"]; q != 0 {
				t.Errorf("%c.png waited %v", n, q)
			}
		}
		// The first image takes the document's connection and is done after
		// 1.02 s; the others are connected 20 ms later.
		if q := queued["7.png"]; q != 1020*ms {
			t.Errorf("7.png waited %v, want 1.02s", q)
		}
		if q := queued["8.png"]; q != 1040*ms {
			t.Errorf("8.png waited %v, want 1.04s", q)
		}
		if got, want := r.Took, 40*ms+1040*ms+1020*ms; got != want {
			t.Errorf("the load took %v, want %v", got, want)
		}
		if n := len(find(events, trace.KindTCPConnect)); n != 6 {
			t.Errorf("%d connections, want 6", n)
		}
		if n := len(find(events, trace.KindTCPClose)); n != 6 {
			t.Errorf("%d connections closed, want 6", n)
		}
	})
}
