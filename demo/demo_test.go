package demo

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"waypost/fault"
	"waypost/lab"
	"waypost/trace"
)

const testToken = "a token for the demo's tests"

func start(t testing.TB) *Internet {
	t.Helper()
	d, err := Start(t.Context(), Loopback(), testToken, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func load(t testing.TB, d *Internet, times int, page string) []trace.Load {
	t.Helper()
	b, err := d.Browser(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Fetch.Close()
	var loads []trace.Load
	for range times {
		l, err := d.Load(t.Context(), b, page, Settle)
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, l)
	}
	return loads
}

// TestJourney holds the two loads of the demo to what they must show.
func TestJourney(t *testing.T) {
	d := start(t)
	loads := load(t, d, 2, Page)

	// The first load, in the order of time.
	inOrder(t, &loads[0], []step{
		{"url.parsed", nil},
		{"dns.referral", func(e trace.Event) bool { return e.Fact.(trace.DNSReferral).Zone == "test" }},
		{"dns.referral", func(e trace.Event) bool { return e.Fact.(trace.DNSReferral).Zone == "shop.test" }},
		{"dns.answer", func(e trace.Event) bool {
			return slices.ContainsFunc(e.Fact.(trace.DNSAnswer).Answers, func(a string) bool { return strings.Contains(a, "CNAME") })
		}},
		{"gslb.pick", func(e trace.Event) bool {
			p := e.Fact.(trace.GSLBPick)
			return p.Edge == "fra1" && p.From == "ecs" && len(p.Ranked) == 2
		}},
		{"tcp.connect", func(e trace.Event) bool { return e.Fact.(trace.TCPConnect).Remote == "203.0.113.10:443" }},
		{"tls.handshake", func(e trace.Event) bool { return e.Fact.(trace.TLSHandshake).ALPN == "h2" }},
		{"edge.lookup", func(e trace.Event) bool { return e.Decision.Verdict == "miss" }},
		{"origin.fetch", func(e trace.Event) bool { return e.Fact.(trace.OriginFetch).Status == 200 }},
		{"http.response", func(e trace.Event) bool { return e.Fact.(trace.HTTPResponse).Status == 200 }},
		{"page.load", func(e trace.Event) bool {
			f := e.Fact.(trace.PageLoad)
			return f.Fault == "" && f.Failed == 0 && f.Resources >= 12
		}},
	})
	for _, kind := range []trace.Kind{trace.KindDOMParsed, trace.KindOriginResponse, trace.KindHTTPRedirect, trace.KindTCPClose} {
		if len(loads[0].Find(kind)) == 0 {
			t.Errorf("the first load has no %s", kind)
		}
	}
	// The second: an edge hit for the document, and private hits with their
	// clause for what may be kept.
	inOrder(t, &loads[1], []step{
		{"edge.lookup", func(e trace.Event) bool { return e.Decision.Verdict == "hit" && e.Decision.Clause != "" }},
		{"http.response", func(e trace.Event) bool { return e.Fact.(trace.HTTPResponse).Status == 304 }},
		{"cache.decision", func(e trace.Event) bool { return e.Decision.Verdict == "hit" && e.Decision.Clause != "" }},
		{"page.load", func(e trace.Event) bool { return e.Fact.(trace.PageLoad).Cached > 5 }},
	})
	for i := range loads {
		spans := map[trace.SpanID]bool{0: true}
		for _, e := range loads[i].Events {
			spans[e.Span] = true
		}
		for _, e := range loads[i].Events {
			if !spans[e.Parent] {
				t.Errorf("load %d: %s of %s was caused by span %s, of which nobody speaks", i+1, e.Fact.Kind(), e.Station, e.Parent)
			}
		}
		if n := trace.Open(loads[i].Events); n > 0 {
			t.Errorf("load %d: %d stretches of work have no end", i+1, n)
		}
	}
	validate(t, trace.Record{Loads: loads})
}

type step struct {
	kind trace.Kind
	ok   func(trace.Event) bool // nil: any
}

// inOrder looks for the steps one after the other.
func inOrder(t *testing.T, l *trace.Load, steps []step) {
	t.Helper()
	i := 0
	for _, s := range steps {
		from := i
		for i < len(l.Events) && (l.Events[i].Fact.Kind() != s.kind || s.ok != nil && !s.ok(l.Events[i])) {
			i++
		}
		if i == len(l.Events) {
			var seen []string
			for _, e := range l.Events[from:] {
				if e.Fact.Kind() == s.kind {
					text, _ := json.Marshal(e)
					seen = append(seen, string(text))
				}
			}
			t.Fatalf("no %s as wanted after event %d; nearest:\n%s", s.kind, from, strings.Join(seen, "\n"))
		}
		i++
	}
}

// validate holds a record against the schema in docs/.
func validate(t *testing.T, r trace.Record) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "record.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("record.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("record.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err = json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	record, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(record); err != nil {
		t.Error(err)
	}
}

// TestGatewayTimeout is the 504 question: the edge's timer fires, the origin
// finishes later, and the record shows both.
func TestGatewayTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it waits for a real timer of 2 s")
	}
	d := start(t)
	b, err := d.Browser(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Fetch.Close()
	l, _ := d.Load(t.Context(), b, Page+"slow?ms=2500", 10*time.Second)
	fetched := step{"origin.fetch", func(e trace.Event) bool {
		f := e.Fact.(trace.OriginFetch)
		return f.Status == 0 && f.Timer != "" && f.Fault == string(fault.HTTPResponseTimeout)
	}}
	finished := step{"origin.response", func(e trace.Event) bool {
		f := e.Fact.(trace.OriginResponse)
		return f.Status == 200 && !f.Delivered
	}}
	// Edge and browser each note the 504 when they are done with it: which of
	// them is first is chance.
	inOrder(t, &l, []step{fetched, {"edge.response", func(e trace.Event) bool {
		f := e.Fact.(trace.EdgeResponse)
		return f.Status == 504 && strings.Contains(f.ProxyStatus, "http_response_timeout")
	}}, finished})
	inOrder(t, &l, []step{fetched, {"http.response", func(e trace.Event) bool {
		return e.Fact.(trace.HTTPResponse).Status == 504
	}}, finished})
}

// BenchmarkPageLoad is one load of the demo's page by a browser without
// memory, over edges that are warm.
func BenchmarkPageLoad(b *testing.B) {
	d := start(b)
	load(b, d, 1, Page)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		load(b, d, 1, Page)
	}
}

// TestLab: the same demo stands in the lab, in virtual time, where the first
// load takes as long as the distances say, and everything below the sockets
// is in the record too.
func TestLab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &trace.Ring{}
		net := lab.New(lab.Options{Seed: 1, Recorder: r, Virtual: true})
		defer net.Close()
		wires, err := NewLab(net)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Start(t.Context(), wires, testToken, r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}()
		loads := load(t, d, 2, Page)
		inOrder(t, &loads[0], []step{
			{"url.parsed", nil},
			{"dns.answer", nil},
			{"tcp.state", func(e trace.Event) bool { return e.Fact.(trace.TCPState).To == "ESTABLISHED" }},
			{"tcp.connect", func(e trace.Event) bool { return time.Duration(e.Fact.(trace.TCPConnect).RTT) > 12*time.Millisecond }},
			{"page.load", func(e trace.Event) bool { return e.Fact.(trace.PageLoad).Failed == 0 }},
		})
		for i, bound := range [][2]time.Duration{{80 * time.Millisecond, time.Second}, {10 * time.Millisecond, 100 * time.Millisecond}} {
			if took := loads[i].Find(trace.KindPageLoad)[0].Took; took < bound[0] || took > bound[1] {
				t.Errorf("load %d took %v, want between %v and %v", i+1, took, bound[0], bound[1])
			}
		}
		for i := range loads {
			if loads[i].Missed > 0 {
				t.Errorf("load %d: %d events had no room", i+1, loads[i].Missed)
			}
		}
	})
}
