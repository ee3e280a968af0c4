package browser

import (
	"fmt"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
	"waypost/trace"
	"waypost/url"
)

// remembered is a permanent redirect that was followed once.
type remembered struct {
	response *cache.Response
	to       *url.URL
}

// The lifetimes of permanent redirects.
const (
	// redirectTTL is how long one is remembered that states no lifetime:
	// long enough to save the request, short enough for a site's mistake to
	// heal in a day.
	redirectTTL = 24 * time.Hour
	// heuristicMax caps lifetimes guessed from Last-Modified, for all that
	// is cached.
	heuristicMax = 24 * time.Hour
)

// permanent reports whether a redirect is remembered: 301 and 308 (RFC 9110
// §15.4.2, §15.4.9). We deviate from RFC 9111 in keeping no other redirect,
// not even one that states a lifetime: they say themselves that they may
// change.
func permanent(status int) bool { return status == 301 || status == 308 }

// redirectRules are the cache's rules for redirects.
func redirectRules(mode cache.Mode) *cache.Rules {
	return &cache.Rules{DefaultTTL: redirectTTL, HeuristicMax: heuristicMax, Mode: mode}
}

// passMemory follows a remembered redirect without a request, and notes it.
// A memory that has nothing to say is not noted.
func (t *trip) passMemory() bool {
	if t.method != "GET" {
		return false
	}
	r, ok := t.load.profile.redirects.get(t.key())
	if !ok {
		return false
	}
	rules := redirectRules(t.load.options.Mode)
	req := &cache.Request{Method: t.method, Fields: t.fields}
	if !cache.Matches(rules, t.fields, r.response) {
		return false
	}
	v := cache.Use(time.Now(), rules, req, r.response)
	if v.Action != cache.Hit {
		return false
	}
	if t.span.On() {
		d := v.Decision(rules, req, r.response)
		d.Verdict = "redirect"
		d.Reason = fmt.Sprintf("a permanent redirect (%d) is remembered: %s", r.response.Status, d.Reason)
		t.span.Note(trace.CacheDecision{
			URL: t.url.Redacted(), Store: "redirect-memory", To: r.to.Redacted(),
			Age: trace.Millis(v.Age), Lifetime: trace.Millis(v.Lifetime),
		}, d)
	}
	t.turn(r.to)
	return true
}

// remember keeps a permanent redirect. It says whether, and why.
func (t *trip) remember(resp *cache.Response, to *url.URL) *trace.Decision {
	if !permanent(resp.Status) || t.method != "GET" {
		return &trace.Decision{Verdict: "follow", Clause: "RFC 9110 §15.4",
			Reason: fmt.Sprintf("%s to %d is followed and not remembered", t.method, resp.Status)}
	}
	rules := redirectRules(t.load.options.Mode)
	req := &cache.Request{Method: t.method, Fields: t.fields}
	v := cache.Store(time.Now(), rules, req, resp)
	d := v.Decision(rules, req, resp)
	if v.Action != cache.Keep {
		d.Verdict, d.Reason = "follow", "followed and not remembered: "+d.Reason
		return d
	}
	stored := cache.Stored(rules, req, resp)
	t.load.profile.redirects.put(t.key(), &remembered{stored, to}, fieldsCost(stored.Fields)+int64(len(to.String())))
	d.Verdict = "follow-and-remember"
	d.Reason = "a permanent redirect, remembered: " + d.Reason
	return d
}

// fieldsCost is the memory of a field section.
func fieldsCost(f field.Fields) int64 {
	const line = 32 // two string headers
	return int64(f.Size() + line*len(f))
}
