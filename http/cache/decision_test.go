package cache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"waypost/trace"
)

func TestDecision(t *testing.T) {
	const etag = ` | ETag: "a"`
	for _, tt := range []struct {
		rules    *Rules
		request  string
		response string
		age      time.Duration
		want     trace.Decision
	}{
		{shared, "", "Cache-Control: public, s-maxage=60", 12 * time.Second, trace.Decision{
			Verdict: "hit", Reason: "it is 12s old and stays fresh for 1m", Clause: "RFC 9111 §4.2",
			Because: "Cache-Control: s-maxage=60"}},
		{shared, "", "Cache-Control: s-maxage=60" + etag, 75 * time.Second, trace.Decision{
			Verdict: "revalidate", Reason: "it has been stale for 15s, and its s-maxage forbids a shared cache to serve it stale",
			Clause: "RFC 9111 §5.2.2.10", Because: "Cache-Control: s-maxage=60",
			Remedy: "a longer lifetime: Cache-Control: s-maxage=76, or Cache-Control: stale-while-revalidate=15"}},
		{shared, "", "CDN-Cache-Control: max-age=60 | Cache-Control: no-store", 90 * time.Minute, trace.Decision{
			Verdict: "miss", Reason: "it is 1h30m old and was fresh for 1m",
			Clause: "RFC 9111 §4.2", Because: "CDN-Cache-Control: max-age=60",
			Remedy: "a longer lifetime: CDN-Cache-Control: max-age=5401, or CDN-Cache-Control: stale-while-revalidate=5340, or an ETag to confirm it by"}},
		{privateOnly, "", "Expires: Sun, 01 Mar 2026 12:01:00 GMT" + etag, 2 * time.Hour, trace.Decision{
			Verdict: "validate", Reason: "it is 2h old and was fresh for 1m",
			Clause: "RFC 9111 §4.2", Because: "Expires: Sun, 01 Mar 2026 12:01:00 GMT",
			Remedy: "a longer lifetime: Cache-Control: max-age=7201, or Cache-Control: stale-while-revalidate=7140"}},
		{shared, "Cache-Control: x, no-cache", "Cache-Control: max-age=60" + etag, time.Second, trace.Decision{
			Verdict: "revalidate", Reason: "the client wants it confirmed", Clause: "RFC 9111 §5.2.1.4",
			Because: "Cache-Control: no-cache", Remedy: "a request without no-cache"}},
		{shared, "Cache-Control: max-age=5", "Cache-Control: max-age=60" + etag, 7 * time.Second, trace.Decision{
			Verdict: "revalidate", Reason: "it is 7s old and the client wants it no older than 5s", Clause: "RFC 9111 §5.2.1.1",
			Because: "Cache-Control: max-age=5", Remedy: "a request with a max-age of at least 7"}},
		{shared, "Cache-Control: min-fresh=30", "Cache-Control: max-age=60" + etag, 40 * time.Second, trace.Decision{
			Verdict: "revalidate", Reason: "it stays fresh for 20s and the client wants 30s", Clause: "RFC 9111 §5.2.1.3",
			Because: "Cache-Control: min-fresh=30", Remedy: "a request with a min-fresh of at most 20"}},
		{shared, "", "Cache-Control: max-age=60, stale-while-revalidate=30", 70 * time.Second, trace.Decision{
			Verdict: "stale", Reason: "it has been stale for 10s and may serve for 30s while it is confirmed", Clause: "RFC 5861 §3",
			Because: "Cache-Control: stale-while-revalidate=30", Remedy: "a longer lifetime: Cache-Control: s-maxage=71"}},
		{shared, `If-Match: "x"`, "Cache-Control: max-age=60", 0, trace.Decision{
			Verdict: "pass", Reason: "only the origin may evaluate this precondition", Clause: "RFC 9111 §4.3.2",
			Because: `If-Match: "x"`, Remedy: "a request without it"}},
		{shared, "Cache-Control: only-if-cached", "Cache-Control: max-age=60", time.Hour, trace.Decision{
			Verdict: "unsatisfiable", Reason: "the client wants only what is cached, and nothing cached serves",
			Clause: "RFC 9111 §5.2.1.7", Because: "Cache-Control: only-if-cached",
			Remedy: "a request without only-if-cached, or an ETag to confirm it by"}},
	} {
		r := response(tt.response)
		req := get(tt.request)
		got := Use(t0.Add(tt.age), tt.rules, req, r).Decision(tt.rules, req, r)
		if tt.want.Verdict == "unsatisfiable" {
			tt.want.Remedy = "a request without only-if-cached"
		}
		if *got != tt.want {
			t.Errorf("%q for %q:\n got %+v\nwant %+v", tt.response, tt.request, *got, tt.want)
		}
	}
	got := Use(t0, shared, get(""), nil).Decision(shared, get(""), nil)
	if got.Verdict != "miss" || got.Reason != "nothing is stored for this key" {
		t.Errorf("nothing stored: %+v", got)
	}
	secret := get("Authorization: Basic c2VjcmV0")
	r := response("Cache-Control: max-age=60")
	got = Store(t0, shared, secret, r).Decision(shared, secret, r)
	if strings.Contains(fmt.Sprint(*got), "c2VjcmV0") || got.Verdict != "do-not-store" {
		t.Errorf("the record holds a secret: %+v", got)
	}
}

// Every reason has its words, and no brace is left in them.
func TestGrounds(t *testing.T) {
	r := response(`Cache-Control: max-age=60 | ETag: "a"`)
	for why := range grounds {
		v := Verdict{Action: Miss, why: reason(why), Age: time.Minute, Lifetime: time.Second}
		d := v.Decision(shared, get(""), r)
		if d.Reason == "" || !strings.HasPrefix(d.Clause, "RFC ") {
			t.Errorf("reason %d has no words: %+v", why, d)
		}
		if text := d.Reason + d.Remedy; strings.ContainsAny(text, "{}") {
			t.Errorf("reason %d: a brace is left in %q", why, text)
		}
		if v.Decision(shared, get(""), nil) == nil {
			t.Errorf("reason %d without a response", why)
		}
	}
	for a := Miss; a <= DoNotKeep; a++ {
		if a.String() == "" || strings.Contains(a.String(), " ") {
			t.Errorf("action %d is called %q", a, a.String())
		}
	}
	if got := Action(99).String(); got != "action 99" {
		t.Errorf("an unknown action is called %q", got)
	}
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1500 * time.Millisecond: "1.5s", 59 * time.Second: "59s", time.Minute: "1m",
		61 * time.Second: "1m1s", time.Hour: "1h", 90 * time.Minute: "1h30m", 24 * time.Hour: "24h",
		time.Hour + time.Second: "1h0m1s", -time.Minute: "-1m", 10 * time.Minute: "10m", 10 * time.Second: "10s",
	} {
		if got := spell(d); got != want {
			t.Errorf("spell(%v) = %q, want %q", d, got, want)
		}
	}
}

func ExampleVerdict_Decision() {
	rules := &Rules{Shared: true}
	req := &Request{Method: "GET"}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stored := Stored(rules, req, &Response{
		Status: 200, Asked: now, Received: now,
		Fields: lines("Cache-Control: max-age=60", `ETag: "v1"`),
	})
	verdict := Use(now.Add(75*time.Second), rules, req, stored)
	fmt.Println(verdict.Action)
	d := verdict.Decision(rules, req, stored)
	fmt.Println(d.Reason)
	fmt.Println(d.Clause)
	fmt.Println(d.Because)
	fmt.Println(d.Remedy)
	// Output:
	// validate
	// it is 1m15s old and was fresh for 1m
	// RFC 9111 §4.2
	// Cache-Control: max-age=60
	// a longer lifetime: Cache-Control: s-maxage=76, or Cache-Control: stale-while-revalidate=15
}
