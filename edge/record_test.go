package edge

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/wire"
	"waypost/trace"
)

// trusting has the edge record the test's client.
var trusting = setting{config: func(c *Config) { c.TrustTrace = []netip.Prefix{netip.PrefixFrom(clientAddr, 32)} }}

// line is an event in a few words.
func line(e trace.Event) string {
	var s string
	switch f := e.Fact.(type) {
	case trace.EdgeLookup:
		s = fmt.Sprintf("edge.lookup %s %s %s", f.Site, f.Method, f.URL)
	case trace.OriginFetch:
		s = fmt.Sprintf("origin.fetch %d stored=%v %dB", f.Status, f.Stored, f.Bytes)
		if f.Fault != "" {
			s += " " + f.Fault + " (" + f.Timer + ")"
		}
	case trace.EdgeResponse:
		s = fmt.Sprintf("edge.response %d %dB %s", f.Status, f.Bytes, strings.TrimPrefix(f.CacheStatus, "waypost-t1; "))
		if f.ProxyStatus != "" {
			s += " | " + f.ProxyStatus
		}
		if f.Fault != "" {
			s += " ! " + f.Fault
		}
	default:
		return string(e.Fact.Kind())
	}
	if e.Took > 0 {
		s += " took " + e.Took.String()
	}
	if e.Decision != nil {
		s += " → " + e.Decision.Verdict
	}
	return s
}

// told is the record of one journey, connections left out.
func (w *world) told(id trace.ID) []string {
	synctest.Wait()
	lines := []string{}
	for _, e := range w.events(id) {
		if l := line(e); !strings.HasPrefix(l, "tcp.") {
			lines = append(lines, l)
		}
	}
	return lines
}

func (w *world) wantTold(id trace.ID, want ...string) {
	w.t.Helper()
	if got := strings.Join(w.told(id), "\n"); got != strings.Join(want, "\n") {
		w.t.Errorf("told\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestRecord(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		reply(x, 200, "hello", "Cache-Control", "max-age=60", "ETag", `"1"`)
	}, func(w *world) {
		parent, id := sampled(1)
		w.get("/a", "Traceparent", parent)
		w.wantTold(id,
			"edge.lookup shop GET http://www.shop.test/a → miss",
			"origin.fetch 200 stored=true 5B took 1s → store",
			"edge.response 200 5B fwd=uri-miss; ttl=59; stored took 1s")
		parent, id = sampled(2)
		g := w.get("/a", "Traceparent", parent)
		w.wantTold(id,
			"edge.lookup shop GET http://www.shop.test/a → hit",
			"edge.response 200 5B hit; ttl=59")
		if !strings.HasPrefix(g.fields.Get("Server-Timing"), "edge;dur=0.0") {
			t.Errorf("Server-Timing %q", g.fields.Get("Server-Timing"))
		}
		parent, id = sampled(3)
		w.do(&wire.Request{Method: "POST", Path: "/a"}, "Traceparent", parent)
		w.wantTold(id,
			"edge.lookup shop POST http://www.shop.test/a → pass",
			"origin.fetch 200 stored=false 5B took 1s → do-not-store",
			"edge.response 200 5B fwd=method took 1s")
		w.get("/a")
		time.Sleep(2 * time.Minute)
		parent, id = sampled(4)
		w.get("/a", "Traceparent", parent)
		w.wantTold(id,
			"edge.lookup shop GET http://www.shop.test/a → revalidate",
			"origin.fetch 200 stored=true 5B took 1s → store",
			"edge.response 200 5B fwd=stale; ttl=59; stored took 1s")
		parent, id = sampled(5)
		w.get("http://stranger.test/", "Traceparent", parent)
		if got := w.told(id); len(got) != 1 || !strings.Contains(got[0], "edge.response 421") {
			t.Errorf("told %q of a refusal", got)
		}
	}, trusting)
}

// TestRecordOf504: the question that this record is for. The edge says which
// timer fired and when; the origin joins the journey by the traceparent that
// names our fetch as its cause.
func TestRecordOf504(t *testing.T) {
	inWorld(t, silent, func(w *world) {
		parent, id := sampled(1)
		g := w.get("/slow", "Traceparent", parent)
		w.wantTold(id,
			"edge.lookup shop GET http://www.shop.test/slow → miss",
			"origin.fetch 0 stored=false 0B http_response_timeout (first_byte 15s) took 15s",
			fmt.Sprintf("edge.response 504 %dB fwd=uri-miss | %s took 15s", len(g.body), g.fields.Get("Proxy-Status")))
		if !strings.Contains(g.body, "trace: "+id.String()) {
			t.Errorf("the answer does not name the journey:\n%s", g.body)
		}
		sent, ok := trace.ParseContext(w.lastAsked().Fields.Get("Traceparent"))
		if !ok || sent.Trace != id || !sent.Sampled {
			t.Fatalf("the origin got traceparent %q", w.lastAsked().Fields.Get("Traceparent"))
		}
		for _, e := range w.events(id) {
			if _, fetch := e.Fact.(trace.OriginFetch); fetch && e.Span != sent.Span {
				t.Errorf("the origin was told of span %v, its fetch is %v", sent.Span, e.Span)
			}
		}
	}, trusting)
}

func TestRecordCollapsed(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		reply(x, 200, "hello", "Cache-Control", "max-age=60")
	}, func(w *world) {
		first, id1 := sampled(1)
		second, id2 := sampled(2)
		done := make(chan got)
		go func() { done <- w.send(&wire.Request{Path: "/a"}, "Traceparent", first) }()
		synctest.Wait()
		w.get("/a", "Traceparent", second)
		<-done
		w.wantTold(id1,
			"edge.lookup shop GET http://www.shop.test/a → miss",
			"origin.fetch 200 stored=true 5B took 1s → store",
			"edge.response 200 5B fwd=uri-miss; ttl=59; stored took 1s")
		w.wantTold(id2,
			"edge.lookup shop GET http://www.shop.test/a → collapsed",
			"edge.response 200 5B fwd=uri-miss; ttl=59; collapsed took 1s")
	}, trusting)
}

// TestUntrustedTrace: a stranger's trace context ends here. Passed on it would
// come from us, and be believed by whoever trusts us.
func TestUntrustedTrace(t *testing.T) {
	inWorld(t, replying(200, "ok", "Cache-Control", "max-age=60"), func(w *world) {
		parent, id := sampled(1)
		g := w.get("/a", "Traceparent", parent, "Tracestate", "x=y")
		if f := w.lastAsked().Fields; f.Has("Traceparent") || f.Has("Tracestate") {
			t.Errorf("the origin is told %q, %q", f.Get("Traceparent"), f.Get("Tracestate"))
		}
		if got := w.told(id); len(got) != 0 || g.fields.Has("Server-Timing") {
			t.Errorf("told %q, Server-Timing %q", got, g.fields.Get("Server-Timing"))
		}
	})
	inWorld(t, silent, func(w *world) {
		parent, id := sampled(1)
		if g := w.get("/", "Traceparent", parent); !strings.Contains(g.body, id.String()) {
			t.Errorf("the answer does not name the caller's journey:\n%s", g.body)
		}
	})
}

// TestRecordOfClientLeaving: a client that leaves is in the account.
func TestRecordOfClientLeaving(t *testing.T) {
	inWorld(t, silent, func(w *world) {
		parent, id := sampled(1)
		w.leaving("/", time.Second, "Traceparent", parent)
		time.Sleep(time.Minute)
		w.wantTold(id,
			"edge.lookup shop GET http://www.shop.test/ → miss",
			"edge.response 0 0B  ! connection_terminated took 1s",
			"origin.fetch 0 stored=false 0B connection_terminated () took 11s")
	}, trusting)
}
