package browser

import (
	"slices"
	"testing"

	"waypost/trace"
)

// TestFields looks at what a browser tells about itself and about who asks.
func TestFields(t *testing.T) {
	inWorld(t, map[string]answer{
		"https://www.shop.test/dir/page?q": {fields: htmlType, body: `<link rel=stylesheet href=/style.css><script src=https://other.test/a.js></script>
			<script type=module src=https://static.shop.test/m.js></script><img src=https://other.test/turn><img src=/same.png>`},
		"https://www.shop.test/style.css":  {fields: "Content-Type: text/css", body: "@font-face{src:url(https://other.test/f.woff2)}"},
		"https://other.test/a.js":          {fields: "Content-Type: text/javascript"},
		"https://static.shop.test/m.js":    {fields: "Content-Type: text/javascript"},
		"https://other.test/f.woff2":       {fields: "Content-Type: font/woff2"},
		"https://www.shop.test/same.png":   {fields: "Content-Type: image/png"},
		"https://www.shop.test/turned.png": {fields: "Content-Type: image/png"},
		"https://other.test/turn":          {status: 302, fields: "Location: https://www.shop.test/turned.png"},
	}, func(w *world) {
		w.load("https://www.shop.test/dir/page?q#frag", Options{})
		tests := map[string]map[string]string{
			"https://www.shop.test/dir/page?q": {
				"User-Agent": DefaultAgent, "Accept-Language": DefaultLanguages, "Accept-Encoding": "gzip, deflate, br, zstd",
				"Accept":                    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
				"Upgrade-Insecure-Requests": "1", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate",
				"Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1", "Referer": "", "Origin": "", "Cookie": "", "traceparent": "",
			},
			"https://www.shop.test/style.css": {
				"Accept": "text/css,*/*;q=0.1", "Sec-Fetch-Dest": "style", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "same-origin",
				"Referer": "https://www.shop.test/dir/page?q", "Upgrade-Insecure-Requests": "", "Sec-Fetch-User": "",
			},
			"https://other.test/a.js": {
				"Accept": "*/*", "Sec-Fetch-Dest": "script", "Sec-Fetch-Site": "cross-site", "Referer": "https://www.shop.test/", "Origin": "",
			},
			"https://static.shop.test/m.js": {
				"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-site", "Origin": "https://www.shop.test", "Referer": "https://www.shop.test/",
			},
			"https://other.test/f.woff2": {
				"Sec-Fetch-Dest": "font", "Sec-Fetch-Mode": "cors", "Origin": "https://www.shop.test", "Referer": "https://www.shop.test/",
			},
			"https://www.shop.test/turned.png": {"Sec-Fetch-Site": "cross-site", "Referer": "https://www.shop.test/dir/page?q"},
		}
		for _, a := range w.asked {
			for name, value := range tests[a.url] {
				if got := a.fields.Get(name); got != value {
					t.Errorf("%s: %s: %q, want %q", a.url, name, got, value)
				}
			}
			delete(tests, a.url)
		}
		if len(tests) > 0 {
			t.Errorf("never asked for: %v", tests)
		}
	})
}

// TestCleartextFields looks at what is not said over cleartext.
func TestCleartextFields(t *testing.T) {
	inWorld(t, map[string]answer{"http://www.shop.test/": {fields: "Content-Type: text/plain"}}, func(w *world) {
		w.browser.Agent = "test/1"
		w.load("http://www.shop.test/", Options{})
		f := w.asked[0].fields
		if f.Get("User-Agent") != "test/1" || f.Get("Accept-Encoding") != "gzip, deflate" || f.Has("Sec-Fetch-Dest") {
			t.Errorf("sent %v", f)
		}
	})
}

func TestReferrer(t *testing.T) {
	tests := []struct{ from, to, want string }{
		{"https://a.test/x?y#z", "https://a.test/b", "https://a.test/x?y"},
		{"https://user:pass@a.test/x", "https://a.test/b", "https://a.test/x"},
		{"https://a.test/x", "https://b.test/", "https://a.test/"},
		{"https://a.test:444/x", "https://a.test/", "https://a.test:444/"},
		{"https://a.test/x", "http://b.test/", ""},
		{"http://a.test/x", "https://b.test/", "http://a.test/"},
	}
	for _, tt := range tests {
		if got := referrer(mustURL(t, tt.from), mustURL(t, tt.to)); got != tt.want {
			t.Errorf("%s to %s: %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}

// TestTraceparent sends the record's id only when asked to, and each request
// under the span that the record has for it.
func TestTraceparent(t *testing.T) {
	inWorld(t, map[string]answer{
		"http://www.shop.test/":      {fields: htmlType, body: "<img src=a.png>"},
		"http://www.shop.test/a.png": {fields: "Content-Type: image/png"},
	}, func(w *world) {
		_, events := w.load("http://www.shop.test/", Options{Trace: true, Mode: 0})
		var sent []string
		for _, e := range find(events, trace.KindHTTPRequest) {
			sent = append(sent, trace.Context{Trace: e.Trace, Span: e.Span, Sampled: true}.String())
		}
		var seen []string
		for _, a := range w.asked {
			seen = append(seen, a.fields.Get("traceparent"))
		}
		if !slices.Equal(seen, sent) || sent[0] == sent[1] {
			t.Errorf("seen %v, noted %v", seen, sent)
		}
	})
}
