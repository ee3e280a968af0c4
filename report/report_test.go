package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"waypost/trace"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run go test ./report -update and look at the change. Got:\n%s", name, got)
	}
}

// begin is when the loads of the tests begin.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// script writes events as stations would, in milliseconds.
type script struct{ events []trace.Event }

func (s *script) at(ms, took float64, station string, span, parent trace.SpanID, f trace.Fact, d *trace.Decision) {
	s.events = append(s.events, trace.Event{
		Time: begin.Add(time.Duration(ms * 1e6)), Took: time.Duration(took * 1e6),
		Station: station, Trace: trace.ID{1, 2}, Span: span, Parent: parent, Fact: f, Decision: d,
	})
}

const page = "https://www.shop.test/"

// firstLoad is a page over a cold road: one document, one image.
func firstLoad() trace.Load {
	var s script
	miss := &trace.Decision{Verdict: "miss", Reason: "nothing is stored for this URL", Clause: "RFC 9111 §4"}
	s.at(0, 0, "browser", 1, 0, trace.URLParsed{Typed: "www.shop.test", URL: page, Changes: []string{"https assumed"}},
		&trace.Decision{Verdict: "url", Reason: "it reads as a host name", Clause: "WHATWG URL §4.4"})
	s.at(0.1, 0, "browser", 2, 1, trace.CacheDecision{URL: page, Store: "private-cache"}, miss)
	s.at(1, 0.8, "resolver", 20, 2, trace.DNSReferral{Name: "www.shop.test.", Type: "A", Server: "198.51.100.1:53", Zone: "test.", Servers: []string{"ns.nic.test."}, Glue: []string{"ns.nic.test. 198.51.100.2"}, TTL: 3600}, nil)
	s.at(1.5, 0, "cdn ns", 21, 20, trace.GSLBPick{Name: "shop.cdn.test.", Client: "192.0.2.0/24", From: "ecs", Region: "eu", Edge: "fra1", TTL: 20, Ranked: []trace.GSLBGrade{
		{Edge: "fra1", POP: "fra", Address: "203.0.113.10", Why: "healthy, in the client's region"},
		{Edge: "nyc1", POP: "nyc", Address: "203.0.113.20", Why: "healthy, one region away"},
	}}, &trace.Decision{Verdict: "fra1", Reason: "the nearest healthy edge", Clause: "RFC 7871 §7"})
	s.at(2, 1.8, "browser", 3, 2, trace.DNSAnswer{Name: "www.shop.test.", Type: "A", Rcode: "NOERROR", Server: "192.0.2.53:53", Source: "forwarder", Answers: []string{"CNAME shop.cdn.test.", "A 203.0.113.10"}, TTL: 20}, nil)
	s.at(3, 1, "browser", 4, 2, trace.TCPConnect{Local: "192.0.2.10:40000", Remote: "203.0.113.10:443", Host: "www.shop.test", State: "ESTABLISHED", RTT: trace.Millis(900 * time.Microsecond), MSS: 1448, Cwnd: 10, Options: []string{"timestamps", "sack"}}, nil)
	s.at(5, 2, "browser", 4, 2, trace.TLSHandshake{ServerName: "www.shop.test", Version: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", Group: "X25519MLKEM768", ALPN: "h2", RoundTrips: 1}, &trace.Decision{Verdict: "trusted", Reason: "signed by the demo's authority", Clause: "RFC 5280 §6.1"})
	s.at(5.1, 0, "browser", 2, 1, trace.HTTPRequest{Method: "GET", URL: page, Proto: "HTTP/2", Remote: "203.0.113.10:443", Stream: 1}, nil)
	s.at(5.2, 0, "edge fra1", 30, 2, trace.EdgeLookup{Site: "shop", Method: "GET", URL: page, Key: "shop|/"}, miss)
	s.at(8, 2.8, "edge fra1", 30, 2, trace.OriginFetch{Origin: "http://origin.shop.test", Remote: "203.0.113.80:80", Method: "GET", URL: page, Proto: "HTTP/1.1", Status: 200, Bytes: 2000, Attempts: 1, Stored: true}, &trace.Decision{Verdict: "stored", Reason: "it is fresh for 60 s", Clause: "RFC 9111 §3", Because: "Cache-Control: s-maxage=60"})
	s.at(7.5, 1, "origin", 31, 30, trace.OriginResponse{Method: "GET", Target: "/", Handler: "file", Status: 200, Bytes: 2000, Delivered: true}, nil)
	s.at(9, 3.9, "browser", 2, 1, trace.HTTPResponse{URL: page, Status: 200, Proto: "HTTP/2", ContentType: "text/html", FirstByte: trace.Millis(3 * time.Millisecond), Bytes: 2000, FramedBy: "end_stream"}, nil)
	s.at(9.5, 0.4, "browser", 5, 2, trace.DOMParsed{URL: page, Title: "The shop", Resources: []trace.Resource{{URL: page + "buoy.png", As: "image", From: "img"}}}, nil)
	s.at(9.6, 0, "browser", 6, 5, trace.HTTPRequest{Method: "GET", URL: page + "buoy.png", Proto: "HTTP/2", Remote: "203.0.113.10:443", Stream: 3, Reused: true, Queued: trace.Millis(50 * time.Microsecond)}, nil)
	s.at(9.8, 0, "edge fra1", 32, 6, trace.EdgeLookup{Site: "shop", Method: "GET", URL: page + "buoy.png", Key: "shop|/buoy.png"}, miss)
	s.at(12, 2.4, "browser", 6, 5, trace.HTTPResponse{URL: page + "buoy.png", Status: 200, Proto: "HTTP/2", ContentType: "image/png", FirstByte: trace.Millis(2 * time.Millisecond), Bytes: 1234567, FramedBy: "end_stream"}, nil)
	s.at(12, 12, "browser", 1, 0, trace.PageLoad{URL: page, Status: 200, Resources: 1, Requests: 2, Bytes: 1236567}, nil)
	return trace.NewLoad(page, trace.ID{1, 2}, s.events)
}

// secondLoad is the same page over a warm road.
func secondLoad() trace.Load {
	var s script
	hit := &trace.Decision{Verdict: "hit", Reason: "fresh for another 59 s", Clause: "RFC 9111 §4.2"}
	s.at(0, 0, "browser", 1, 0, trace.URLParsed{Typed: page, URL: page}, nil)
	s.at(0.1, 0, "browser", 2, 1, trace.HTTPRequest{Method: "GET", URL: page, Proto: "HTTP/2", Remote: "203.0.113.10:443", Stream: 5, Reused: true, Validators: []string{`If-None-Match: "x"`}}, nil)
	s.at(0.2, 0, "edge fra1", 30, 2, trace.EdgeLookup{Site: "shop", Method: "GET", URL: page, Key: "shop|/", Age: trace.Millis(time.Second), Lifetime: trace.Millis(time.Minute)}, hit)
	s.at(0.5, 0.4, "browser", 2, 1, trace.HTTPResponse{URL: page, Status: 304, Proto: "HTTP/2", FirstByte: trace.Millis(400 * time.Microsecond), FramedBy: "no-body"}, nil)
	s.at(0.6, 0.01, "browser", 6, 2, trace.CacheDecision{URL: page + "buoy.png", Store: "private-cache", Age: trace.Millis(time.Second), Lifetime: trace.Millis(time.Hour)}, hit)
	s.at(0.7, 0.7, "browser", 1, 0, trace.PageLoad{URL: page, Status: 200, Resources: 1, Requests: 1, Cached: 1}, nil)
	return trace.NewLoad(page, trace.ID{1, 2}, s.events)
}

func TestViews(t *testing.T) {
	first, second := firstLoad(), secondLoad()
	var b bytes.Buffer
	for _, v := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{"steps.txt", func(w io.Writer) error { return Steps(w, &first, Style{}) }},
		{"waterfall.txt", func(w io.Writer) error { return Waterfall(w, &first, Style{}) }},
		{"waterfall-colour.txt", func(w io.Writer) error { return Waterfall(w, &second, Style{Colour: true, Width: 80}) }},
		{"diff.txt", func(w io.Writer) error { return Diff(w, &first, &second, Style{}) }},
		{"waterfall.svg", func(w io.Writer) error { return SVG(w, &first) }},
	} {
		b.Reset()
		if err := v.write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, v.file, b.Bytes())
	}
}

func TestSVGIsXML(t *testing.T) {
	l := firstLoad()
	l.URL = `https://evil.test/?<script>&"`
	var b bytes.Buffer
	if err := SVG(&b, &l); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(&b)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRows(t *testing.T) {
	l := firstLoad()
	rows := Rows(&l)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want 2", len(rows))
	}
	var names []string
	for _, p := range rows[0].Phases {
		names = append(names, p.Name)
	}
	if got, want := strings.Join(names, " "), "names connect tls wait receive"; got != want {
		t.Errorf("the document's phases are %q, want %q", got, want)
	}
	if rows[0].From != "edge fra1 miss" {
		t.Errorf("the document came from %q, want the edge's miss", rows[0].From)
	}
	if got, want := rows[1].End(), 12*time.Millisecond; got != want {
		t.Errorf("the image ended at %v, want %v", got, want)
	}
}

// TestRowsWithoutPage: one request that no browser made, as the lab's fetch
// makes it, has its row and its sums.
func TestRowsWithoutPage(t *testing.T) {
	const ms = time.Millisecond
	start := time.Unix(0, 0)
	l := &trace.Load{URL: "http://192.0.2.1/", Start: start, Events: []trace.Event{
		{Station: "client", Span: 1, Time: start, Fact: trace.HTTPRequest{URL: "http://192.0.2.1/"}},
		{Station: "edge", Span: 2, Parent: 1, Time: start.Add(ms), Fact: trace.HTTPRequest{URL: "http://192.0.2.2/"}},
		{Station: "client", Span: 1, Time: start, Took: 40 * ms, Fact: trace.HTTPResponse{URL: "http://192.0.2.1/", Status: 200, Bytes: 10}},
	}}
	if rows := Rows(l); len(rows) != 1 || rows[0].Status != 200 {
		t.Errorf("rows = %+v, want one with 200", rows)
	}
	if got := sum(l); got.requests != 1 || got.bytes != 10 {
		t.Errorf("%d requests with %d bytes, want 1 with 10", got.requests, got.bytes)
	}
}

// TestPeerTextIsHarmless: what a peer sends cannot drive the terminal.
func TestPeerTextIsHarmless(t *testing.T) {
	var s script
	s.at(0, 0, "browser\x1b[2J", 1, 0, trace.URLParsed{Typed: "x\x1b]0;owned\x07\u202e", URL: "https://x/\x9b2J"},
		&trace.Decision{Verdict: "url\x1b[2J", Reason: "r\x1b[31m", Clause: "\x1b[2J", Because: "b\r\n"})
	s.at(1, 0, "cdn ns", 2, 1, trace.GSLBPick{Ranked: []trace.GSLBGrade{{Edge: "\x1b[2J", Why: "\u2066"}}}, nil)
	l := trace.NewLoad("https://x/\x1b[2J", trace.ID{1, 2}, s.events)
	var b bytes.Buffer
	for _, write := range []func() error{
		func() error { return Steps(&b, &l, Style{}) },
		func() error { return Headline(&b, "load", &l, Style{}) },
		func() error { return Waterfall(&b, &l, Style{}) },
		func() error { return Diff(&b, &l, &l, Style{}) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	if strings.ContainsAny(b.String(), "\x1b\x07\r\u009b\u202e\u2066") || !utf8.Valid(b.Bytes()) {
		t.Errorf("control characters came through: %q", b.String())
	}
}

func TestEveryKindHasWords(t *testing.T) {
	for _, e := range firstLoad().Events {
		if w := words(e.Fact); w == string(e.Fact.Kind()) || w == "" {
			t.Errorf("%s has no words", e.Fact.Kind())
		}
	}
}
