package edge

import (
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/http/wire"
	"waypost/trace"
)

// TestLimit: who asks too often is told when to come back, and then served;
// others never notice.
func TestLimit(t *testing.T) {
	inWorld(t, replying(200, "x", "Cache-Control", "max-age=3600"), func(w *world) {
		other := w.newClient(netip.MustParseAddr("192.0.2.31"))
		defer other.Close()
		for i, tt := range []struct {
			after       time.Duration
			path        string
			status      int
			left, retry string
		}{
			{0, "/api/a", 200, `"api";r=1;t=5`, ""},
			{0, "/api/a", 200, `"api";r=0;t=10`, ""},
			{0, "/api/a", 429, `"api";r=0;t=10`, "5"},
			{0, "/else", 200, "", ""},
			{4500 * time.Millisecond, "/%61pi/a", 429, `"api";r=0;t=6`, "1"},
			{500 * time.Millisecond, "/api/a", 200, `"api";r=0;t=10`, ""},
		} {
			time.Sleep(tt.after)
			g := w.get(tt.path)
			if g.status != tt.status || g.fields.Join("RateLimit") != tt.left || g.fields.Join("Retry-After") != tt.retry {
				t.Errorf("request %d: %d, %q, again in %q", i, g.status, g.fields.Join("RateLimit"), g.fields.Join("Retry-After"))
			}
			if policy := g.fields.Join("RateLimit-Policy"); tt.left != "" && policy != `"api";q=2;w=10` {
				t.Errorf("request %d: policy %q", i, policy)
			}
		}
		parent, id := sampled(1)
		w.get("/api/a", "Traceparent", parent)
		told := false
		for _, e := range w.events(id) {
			if f, ok := e.Fact.(trace.LimitDecision); ok {
				told = f.Limit == "api" && f.Client == "192.0.2.30/32" && e.Decision.Verdict == "refuse" && f.Wait == trace.Millis(5*time.Second)
			}
		}
		if !told {
			t.Errorf("told %v", w.told(id))
		}
		w.client.Close()
		w.client = other
		if g := w.get("/api/a"); g.status != 200 {
			t.Errorf("another client: %v", g)
		}
		w.client = w.newClient(clientAddr)
	}, ruledBy(cdn.Rules{Limits: []cdn.Limit{{Name: "api", Path: "/api/*", Rate: 0.2, Burst: 2, Tell: true}}}))
}

// TestLimitIsReadable: a script of another origin's page can see that it asks
// too much.
func TestLimitIsReadable(t *testing.T) {
	rules := shared
	rules.Limits = []cdn.Limit{{Name: "all", Rate: 1, Burst: 1}}
	inWorld(t, replying(200, "x"), func(w *world) {
		w.get("/api/a")
		if g := w.get("/api/a", "Origin", "https://app.test"); g.status != 429 || g.fields.Get("Access-Control-Allow-Origin") != "https://app.test" {
			t.Errorf("%v %v", g, g.fields)
		}
	}, ruledBy(rules))
}

// TestLimitConcurrent: places are given back, by those who leave too.
func TestLimitConcurrent(t *testing.T) {
	gate := make(chan struct{})
	origin := func(x wire.Exchange) {
		<-gate
		reply(x, 200, "x", "Cache-Control", "no-store")
	}
	inWorld(t, func(x wire.Exchange) { origin(x) }, func(w *world) {
		gate = make(chan struct{})
		var busy sync.WaitGroup
		for range 2 {
			busy.Go(func() { w.send(&wire.Request{Path: "/a"}) })
		}
		synctest.Wait()
		if g := w.get("/a"); g.status != 429 || g.fields.Get("Retry-After") != "1" {
			t.Errorf("the third: %v", g)
		}
		close(gate)
		busy.Wait()
		if g := w.get("/a"); g.status != 200 {
			t.Errorf("after the others: %v", g)
		}
	}, ruledBy(cdn.Rules{Limits: []cdn.Limit{{Name: "busy", Concurrent: 2}}}))
}

// TestLimitBehindAProxy: whom a trusted proxy asks for, and what a stranger
// claims.
func TestLimitBehindAProxy(t *testing.T) {
	for _, tt := range []struct {
		name, trust string
		forwarded   []string
		want        string
	}{
		{"nobody trusted", "", []string{"198.51.100.1"}, "192.0.2.30"},
		{"proxy", "192.0.2.0/24", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "192.0.2.0/24", []string{"198.51.100.1, 192.0.2.77"}, "198.51.100.1"},
		{"two lines", "192.0.2.0/24", []string{"198.51.100.1", "192.0.2.77"}, "198.51.100.1"},
		{"none", "192.0.2.0/24", nil, "192.0.2.30"},
		{"nonsense", "192.0.2.0/24", []string{"198.51.100.1, x"}, "192.0.2.30"},
	} {
		var in wire.Request
		for _, f := range tt.forwarded {
			in.Fields.Add("X-Forwarded-For", f)
		}
		e := &Edge{}
		if tt.trust != "" {
			e.trustForwarded = []netip.Prefix{netip.MustParsePrefix(tt.trust)}
		}
		r := &request{edge: e, in: &in, x: &fakeExchange{conn: wire.ConnInfo{Remote: netip.AddrPortFrom(clientAddr, 1)}}}
		if got := r.source(); got.String() != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
