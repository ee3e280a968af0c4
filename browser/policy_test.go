package browser

import (
	"slices"
	"strings"
	"testing"
	"time"

	"waypost/trace"
)

func TestParseHSTS(t *testing.T) {
	tests := []struct {
		value      string
		maxAge     time.Duration
		subdomains bool
		ok         bool
	}{
		{"max-age=31536000", 31536000 * time.Second, false, true},
		{"max-age=60; includeSubDomains", time.Minute, true, true},
		{" Max-Age = \"60\" ;INCLUDESUBDOMAINS; preload;", time.Minute, true, true},
		{"max-age=0", 0, false, true},
		{"max-age=99999999999999999999", maxHSTS, false, true},
		{"includeSubDomains", 0, true, false},
		{"max-age=60; max-age=61", 0, false, false},
		{"max-age=-1", 0, false, false},
		{"max-age", 0, false, false},
		{"max-age=1x", 0, false, false},
		{"max-age=60; includeSubDomains=1", 0, false, false},
		{"", 0, false, false},
	}
	for _, tt := range tests {
		maxAge, subdomains, ok := parseHSTS(tt.value)
		if ok != tt.ok || ok && (maxAge != tt.maxAge || subdomains != tt.subdomains) {
			t.Errorf("%q: %v, %v, %v", tt.value, maxAge, subdomains, ok)
		}
	}
}

func FuzzParseHSTS(f *testing.F) {
	f.Add(`max-age="60"; includeSubDomains`)
	f.Add(`;;=;max-age`)
	f.Fuzz(func(t *testing.T, value string) {
		if maxAge, _, ok := parseHSTS(value); ok && (maxAge < 0 || maxAge > maxHSTS) {
			t.Fatalf("%q gives %v", value, maxAge)
		}
	})
}

// TestHSTS hears a host's wish over TLS and keeps to it, for as long as it
// lasts, before any memory of redirects.
func TestHSTS(t *testing.T) {
	inWorld(t, map[string]answer{
		"https://shop.test/":     {fields: "Content-Type: text/plain\nStrict-Transport-Security: max-age=60; includeSubDomains", body: "safe"},
		"https://www.shop.test/": {fields: "Content-Type: text/plain", body: "safe"},
		"http://www.shop.test/":  {status: 301, fields: "Location: http://other.test/\nStrict-Transport-Security: max-age=600"},
		"http://other.test/":     {fields: "Content-Type: text/plain", body: "elsewhere"},
	}, func(w *world) {
		// Over cleartext the field means nothing, and the redirect is kept.
		if r, _ := w.load("http://www.shop.test/", Options{}); string(r.Document) != "elsewhere" {
			t.Errorf("first visit: %q", r.Document)
		}
		w.load("https://shop.test/", Options{})
		r, events := w.load("http://www.shop.test/", Options{})
		if string(r.Document) != "safe" || r.URL != "https://www.shop.test/" || r.Redirects != 0 {
			t.Errorf("known host: %+v", r)
		}
		e := find(events, trace.KindPolicyDecision)
		want := trace.PolicyDecision{URL: "http://www.shop.test/", Policy: "hsts", To: "https://www.shop.test/"}
		if len(e) != 1 || e[0].Fact != want || e[0].Decision.Clause != "RFC 6797 §8.3" {
			t.Errorf("record %+v", e)
		}
		time.Sleep(2 * time.Minute)
		if r, _ := w.load("http://www.shop.test/", Options{}); string(r.Document) != "elsewhere" {
			t.Errorf("after its time: %q", r.Document)
		}
	})
}

// TestHSTSOverUntrusted ignores what a host says that nobody vouches for.
func TestHSTSOverUntrusted(t *testing.T) {
	inWorld(t, map[string]answer{
		"https://shop.test/": {fields: "Content-Type: text/plain\nStrict-Transport-Security: max-age=60", body: "?"},
		"http://shop.test/":  {fields: "Content-Type: text/plain", body: "plain"},
	}, func(w *world) {
		w.browser.Fetch.InsecureSkipVerify = true
		w.load("https://shop.test/", Options{})
		if r, _ := w.load("http://shop.test/", Options{}); string(r.Document) != "plain" {
			t.Errorf("%q", r.Document)
		}
	})
}

func TestMixedContent(t *testing.T) {
	tests := []struct {
		page, url   string
		destination string
		set         bool
		want        mixed
	}{
		{"https://a.test/", "https://b.test/", "script", false, mixedNot},
		{"http://a.test/", "http://b.test/", "script", false, mixedNot},
		{"https://a.test/", "http://b.test/", "script", false, mixedBlock},
		{"https://a.test/", "http://b.test/", "style", false, mixedBlock},
		{"https://a.test/", "http://b.test/", "font", false, mixedBlock},
		{"https://a.test/", "http://b.test/", "image", false, mixedUpgrade},
		{"https://a.test/", "http://b.test/", "image", true, mixedBlock},
		{"https://a.test/", "http://192.0.2.1/", "image", false, mixedBlock},
		{"https://a.test/", "http://localhost/", "script", false, mixedNot},
		{"https://a.test/", "http://127.0.0.1:8080/", "script", false, mixedNot},
		{"https://a.test/", "http://[::1]/", "script", false, mixedNot},
	}
	for _, tt := range tests {
		got := mixedContent(mustURL(t, tt.page), mustURL(t, tt.url), &want{destination: tt.destination, set: tt.set})
		if got != tt.want {
			t.Errorf("%s on %s as %s: %d, want %d", tt.url, tt.page, tt.destination, got, tt.want)
		}
	}
}

// TestMixedContentOnPage blocks a script and upgrades an image, and the page
// goes on.
func TestMixedContentOnPage(t *testing.T) {
	inWorld(t, map[string]answer{
		"https://www.shop.test/": {fields: htmlType, body: `<script src=http://www.shop.test/a.js></script><img src=http://www.shop.test/a.png>
			<img src=https://www.shop.test/turn>`},
		"https://www.shop.test/a.png": {fields: "Content-Type: image/png", body: "png"},
		"https://www.shop.test/turn":  {status: 302, fields: "Location: http://192.0.2.1/a.png"},
	}, func(w *world) {
		r, events := w.load("https://www.shop.test/", Options{})
		if r.Err != nil || r.Failed != 2 {
			t.Errorf("%+v", r)
		}
		want := []string{"mixed-content block http://www.shop.test/a.js", "mixed-content upgrade http://www.shop.test/a.png", "mixed-content block http://192.0.2.1/a.png"}
		if v := verdicts(find(events, trace.KindPolicyDecision)); !slices.Equal(v, want) {
			t.Errorf("%v, want %v", v, want)
		}
		for _, u := range w.urls() {
			if strings.HasPrefix(u, "http:") {
				t.Errorf("asked over cleartext: %s", u)
			}
		}
	})
}
