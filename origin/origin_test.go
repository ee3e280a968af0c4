package origin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
	"waypost/internal/memnet"
	"waypost/trace"
)

var (
	originAddr = netip.MustParseAddrPort("192.0.2.10:80")
	edgeAddr   = netip.MustParseAddr("192.0.2.20")
)

// rig is an origin on a network in memory, in virtual time.
type rig struct {
	t    *testing.T
	net  memnet.Net
	ring trace.Ring
	ids  uint64
	stop context.CancelFunc
	done chan struct{}
}

// run runs f in a bubble against a server of that configuration.
func run(t *testing.T, c Config, f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &rig{t: t, done: make(chan struct{})}
		c.Station = &trace.Station{Name: "origin", Recorder: &g.ring, IDs: func() uint64 { g.ids++; return g.ids }}
		c.TrustTrace = []netip.Prefix{netip.PrefixFrom(edgeAddr, 32)}
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		l, err := g.net.Host(originAddr.Addr()).Listen(t.Context(), originAddr)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		g.stop = stop
		go func() {
			defer close(g.done)
			(&wire.Server{Handler: s}).Serve(ctx, l)
		}()
		f(g)
		stop()
		<-g.done
	})
}

func (g *rig) dial() net.Conn {
	g.t.Helper()
	c, err := g.net.Host(edgeAddr).Dial(g.t.Context(), originAddr)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

func (g *rig) client() wire.Client {
	g.t.Helper()
	c, err := wire.NewClient(g.dial(), "http/1.1", wire.Limits{})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	return c
}

// answer is a response read to its end.
type answer struct {
	*wire.Response
	body string
}

// do sends one request; fields are "Name: value".
func (g *rig) do(c wire.Client, method, target string, body string, fields ...string) answer {
	g.t.Helper()
	r := &wire.Request{Method: method, Scheme: "http", Authority: "www.shop.test", Path: target}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Fields.Add(name, value)
	}
	if body != "" {
		r.Body, r.Length = strings.NewReader(body), int64(len(body))
	}
	resp, err := c.Do(g.t.Context(), r)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("%s %s: body: %v", method, target, err)
	}
	return answer{resp, string(b)}
}

const traceparent = "traceparent: 00-000000000000000000000000000000aa-00000000000000bb-01"

// account returns the origin's only note about the journey of traceparent.
func (g *rig) account() (trace.OriginResponse, *trace.Event) {
	g.t.Helper()
	synctest.Wait()
	id, _ := trace.ParseID("000000000000000000000000000000aa")
	events, _ := g.ring.Events(id)
	if len(events) != 1 {
		g.t.Fatalf("%d notes, want 1: %v", len(events), events)
	}
	return events[0].Fact.(trace.OriginResponse), &events[0]
}

func TestRoutes(t *testing.T) {
	say := func(s string) Handler {
		return func(w *Response, r *Request) { w.Send(200, "text/plain", []byte(s+" "+r.Rest)) }
	}
	c := Config{Routes: []Route{
		{Name: "list", Path: "/api/things", Handle: say("list")},
		{Name: "make", Path: "/api/things", Methods: []string{"POST"}, Handle: say("make")},
		{Name: "one", Path: "/api/things/*", Handle: say("one")},
		{Name: "api", Path: "/api/*", Methods: []string{"GET", "PUT"}, Handle: say("api")},
		{Name: "old", Path: "/old", Handle: Redirect(301, "/", "max-age=60")},
	}}
	run(t, c, func(g *rig) {
		client := g.client()
		for _, tt := range []struct {
			method, target string
			status         int
			body, field    string // a field that must be there, as name: value
		}{
			{"GET", "/api/things", 200, "list ", ""},
			{"HEAD", "/api/things", 200, "", "Content-Type: text/plain"},
			{"POST", "/api/things", 200, "make ", ""},
			{"GET", "/api/things?x=1", 200, "list ", ""},
			{"GET", "/api/things/a%20b", 200, "one a b", ""},
			{"GET", "/api/things/", 200, "one ", ""},
			{"GET", "/api/other", 200, "api other", ""},
			{"PUT", "/api/other", 200, "api other", ""},
			{"DELETE", "/api/things", 405, "*", "Allow: GET, HEAD, OPTIONS, POST"},
			{"OPTIONS", "/api/other", 204, "", "Allow: GET, HEAD, OPTIONS, PUT"},
			{"OPTIONS", "*", 204, "", ""},
			{"BREW", "/api/things", 501, "*", "Content-Type: application/problem+json"},
			{"GET", "/api", 404, "*", "Cache-Control: no-store"},
			{"GET", "/api/%zz", 400, "*", ""},
			{"GET", "/old", 301, "See /\n", "Location: /"},
			{"HEAD", "/old", 301, "", "Cache-Control: max-age=60"},
		} {
			got := g.do(client, tt.method, tt.target, "")
			if got.Status != tt.status || tt.body != "*" && got.body != tt.body {
				t.Errorf("%s %s = %d %q, want %d %q", tt.method, tt.target, got.Status, got.body, tt.status, tt.body)
			}
			if name, value, ok := strings.Cut(tt.field, ": "); ok && got.Fields.Get(name) != value {
				t.Errorf("%s %s: %s = %q, want %q", tt.method, tt.target, name, got.Fields.Get(name), value)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	ok := func(*Response, *Request) {}
	for _, tt := range []struct {
		routes []Route
		want   string
	}{
		{[]Route{{Path: "/a"}}, "no handler"},
		{[]Route{{Path: "a", Handle: ok}}, "begins with a slash"},
		{[]Route{{Path: "/a", Handle: ok, Methods: []string{"get"}}}, "unknown method"},
		{[]Route{{Path: "/a", Handle: ok}, {Path: "/a", Handle: ok}}, "taken twice"},
		{[]Route{{Path: "/a/*", Handle: ok}, {Path: "/a/*", Handle: ok}}, "taken twice"},
		{[]Route{{Path: "/a", Handle: ok, MaxBody: -1}}, "below zero"},
	} {
		_, err := New(Config{Routes: tt.routes})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%v) = %v, want %q", tt.routes, err, tt.want)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	echo := func(w *Response, r *Request) {
		b, err := r.ReadAll()
		if err != nil {
			w.Fail(err)
			return
		}
		w.Send(200, "text/plain", b)
	}
	c := Config{Routes: []Route{{Name: "echo", Path: "/echo", Methods: []string{"POST"}, MaxBody: 10, Handle: echo}}}
	run(t, c, func(g *rig) {
		const head = "POST /echo HTTP/1.1\r\nHost: a\r\n"
		for _, tt := range []struct {
			name, send string
			want       string // prefix of the answer
			closes     bool
		}{
			{"within", head + "Content-Length: 10\r\n\r\n0123456789", "HTTP/1.1 200 ", false},
			{"announced and sent", head + "Content-Length: 11\r\n\r\n0123456789A", "HTTP/1.1 413 ", false},
			{"announced, waiting for 100", head + "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n", "HTTP/1.1 413 ", true},
			{"announced, huge", head + "Content-Length: 10000000\r\n\r\n", "HTTP/1.1 413 ", true},
			{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n", "HTTP/1.1 413 ", false},
		} {
			conn := g.dial()
			io.WriteString(conn, tt.send)
			conn.SetReadDeadline(time.Now().Add(time.Second))
			got, err := io.ReadAll(conn)
			if !strings.HasPrefix(string(got), tt.want) || strings.Contains(string(got), " 100 ") {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
			if closed := strings.Contains(string(got), "Connection: close\r\n"); closed != tt.closes || closed != (err == nil) {
				t.Errorf("%s: Connection: close = %v (end %v), want %v", tt.name, closed, err, tt.closes)
			}
			if tt.want == "HTTP/1.1 413 " && !strings.Contains(string(got), `"detail":"the limit here is 10 bytes"`) {
				t.Errorf("%s: the answer does not tell the limit: %q", tt.name, got)
			}
			conn.Close()
		}
	})
}

func TestPanic(t *testing.T) {
	var told string
	c := Config{
		Routes: []Route{
			{Name: "early", Path: "/early", Handle: func(*Response, *Request) { panic("first") }},
			{Name: "late", Path: "/late", Handle: func(w *Response, _ *Request) {
				io.WriteString(w, "half")
				w.Flush()
				panic("second")
			}},
			{Name: "fine", Path: "/fine", Handle: func(w *Response, _ *Request) { w.Send(200, "", nil) }},
			{Name: "mute", Path: "/mute", Handle: func(*Response, *Request) {}},
		},
		Panicked: func(handler string, value any, stack []byte) { told += fmt.Sprint(handler, " ", value, ";") },
	}
	run(t, c, func(g *rig) {
		client := g.client()
		if got := g.do(client, "GET", "/early", "", traceparent); got.Status != 500 {
			t.Errorf("status %d, want 500", got.Status)
		}
		if f, e := g.account(); f.Status != 500 || !f.Delivered || e.Decision.Verdict != "failed" {
			t.Errorf("account %+v %+v", f, e.Decision)
		}
		if got := g.do(client, "GET", "/fine", ""); got.Status != 200 || !client.Alive() {
			t.Errorf("the connection did not survive: %d", got.Status)
		}
		if got := g.do(client, "GET", "/mute", ""); got.Status != 500 {
			t.Errorf("a handler that says nothing: %d", got.Status)
		}
		resp, err := client.Do(g.t.Context(), &wire.Request{Method: "GET", Authority: "a", Path: "/late"})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "half" || err == nil {
			t.Errorf("broken answer read as %q, %v", b, err)
		}
		if told != "early first;late second;" {
			t.Errorf("told of %q", told)
		}
	})
}

// TestClientLeaves is the question behind a 504: what did the origin do
// after its client had given up?
func TestClientLeaves(t *testing.T) {
	c := Config{Routes: []Route{{Name: "slow", Path: "/slow", Handle: func(w *Response, r *Request) {
		time.Sleep(8 * time.Second)
		w.Send(200, "text/plain", []byte("at last"))
	}}}}
	for _, proto := range []string{"http/1.1", "h2"} {
		run(t, c, func(g *rig) {
			g.net.Delay = 10 * time.Millisecond
			client, err := wire.NewClient(g.dial(), proto, wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			begin := time.Now()
			impatient, cancel := context.WithTimeout(g.t.Context(), 3*time.Second)
			defer cancel()
			_, err = client.Do(impatient, &wire.Request{
				Method: "GET", Scheme: "http", Authority: "a", Path: "/slow?ms=8000",
				Fields: field.Fields{{Name: "traceparent", Value: strings.TrimPrefix(traceparent, "traceparent: ")}},
			})
			if err == nil || time.Since(begin) != 3*time.Second {
				t.Errorf("%s: client got %v after %v", proto, err, time.Since(begin))
			}
			time.Sleep(6 * time.Second)
			f, e := g.account()
			want := trace.OriginResponse{
				Method: "GET", Target: "/slow?ms=8000", Handler: "slow", Status: 200, Bytes: 7,
				Delivered: false, Left: trace.Millis(3 * time.Second),
			}
			if f != want {
				t.Errorf("%s: account %+v, want %+v", proto, f, want)
			}
			if at := e.Time.Sub(begin); at != 8*time.Second+10*time.Millisecond || e.Took != 8*time.Second {
				t.Errorf("%s: noted after %v as taking %v", proto, at, e.Took)
			}
			if e.Decision.Verdict != "undelivered" || !strings.Contains(e.Decision.Reason, "left 3s after its request came; the handler finished with 200 5s later") {
				t.Errorf("%s: decision %+v", proto, e.Decision)
			}
		})
	}
}

func TestAccount(t *testing.T) {
	c := Config{Routes: []Route{
		{Name: "quick", Path: "/quick", Handle: func(w *Response, _ *Request) { w.Send(200, "", []byte("12345")) }},
		{Name: "short", Path: "/short", Handle: func(w *Response, _ *Request) { w.Respond(200, 10); io.WriteString(w, "123") }},
		{Name: "wild", Path: "/wild", Handle: func(w *Response, _ *Request) {
			w.Fields = field.Fields{{Name: "X", Value: "a\r\nb: c"}}
			w.Send(200, "", []byte("hi"))
		}},
	}}
	for _, tt := range []struct {
		method, target string
		want           trace.OriginResponse
		verdict        string
	}{
		{"GET", "/quick", trace.OriginResponse{Handler: "quick", Status: 200, Bytes: 5, Delivered: true}, "delivered"},
		{"HEAD", "/quick", trace.OriginResponse{Handler: "quick", Status: 200, Delivered: true}, "delivered"},
		{"GET", "/none", trace.OriginResponse{Handler: "none", Status: 404, Bytes: 34, Delivered: true}, "refused"},
		{"GET", "/short", trace.OriginResponse{Handler: "short", Status: 200, Bytes: 3}, "incomplete"},
		{"GET", "/wild", trace.OriginResponse{Handler: "wild", Status: 500, Delivered: true}, "failed"},
	} {
		run(t, c, func(g *rig) {
			conn := g.dial()
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", tt.method, tt.target, traceparent)
			time.Sleep(time.Second)
			f, e := g.account()
			tt.want.Method, tt.want.Target = tt.method, tt.target
			if f != tt.want || e.Decision == nil || e.Decision.Verdict != tt.verdict {
				t.Errorf("%s %s: %+v %+v, want %+v %s", tt.method, tt.target, f, e.Decision, tt.want, tt.verdict)
			}
			conn.Close()
		})
	}
}

// TestTrust: a stranger's traceparent is not joined.
func TestTrust(t *testing.T) {
	c := Config{}
	run(t, c, func(g *rig) {
		conn, err := g.net.Host(netip.MustParseAddr("203.0.113.9")).Dial(g.t.Context(), originAddr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n"+traceparent+"\r\n\r\n")
		time.Sleep(time.Second)
		if got := g.ring.Traces(); len(got) != 0 {
			t.Errorf("noted %v", got)
		}
		conn.Close()
	})
}

func TestQueryValue(t *testing.T) {
	r := &Request{Query: "ms=8000&a+b=c%2Bd&empty&bad=%zz&ms=1"}
	for _, tt := range []struct {
		name, want string
		ok         bool
	}{{"ms", "8000", true}, {"a b", "c+d", true}, {"empty", "", true}, {"bad", "", false}, {"none", "", false}} {
		if got, ok := r.QueryValue(tt.name); got != tt.want || ok != tt.ok {
			t.Errorf("QueryValue(%q) = %q, %v", tt.name, got, ok)
		}
	}
}
