package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/http/field"
	"waypost/http/wire"
)

// raw opens a connection to the edge for requests written by hand.
func (w *world) raw() (net.Conn, *bufio.Reader) {
	c, err := w.net.Host(clientAddr).Dial(context.Background(), netip.AddrPortFrom(edgeAddr, 80))
	if err != nil {
		w.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// response reads one response that was asked for by hand.
func response(t *testing.T, r *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ask    string
		status int
		says   string
		header string // name: value that must be there
	}{
		{"unknown host", "GET / HTTP/1.1\r\nHost: stranger.test\r\n\r\n", 421, `The host "stranger.test" is not served here.`, ""},
		{"no host", "GET / HTTP/1.0\r\n\r\n", 400, "names no host", ""},
		{"CONNECT", "CONNECT www.shop.test:443 HTTP/1.1\r\nHost: www.shop.test:443\r\n\r\n", 405, "CONNECT is not served", "Allow: " + allowed},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: www.shop.test\r\n\r\n", 405, "TRACE is not served", "Allow: " + allowed},
		{"a loop by CDN-Loop", "GET / HTTP/1.1\r\nHost: www.shop.test\r\nCDN-Loop: other, Waypost-T1; v=1\r\n\r\n", 502, "passed this edge before",
			`Proxy-Status: waypost-t1; error=proxy_loop_detected; details="the request has passed this edge before; the origin of the site leads back to the CDN (CDN-Loop: Waypost-T1; v=1)"`},
		{"a loop by Via", "GET / HTTP/1.1\r\nHost: www.shop.test\r\nVia: 1.1 other, 2 waypost-t1 (x)\r\n\r\n", 502, "passed this edge before", ""},
		{"many CDNs", "GET / HTTP/1.1\r\nHost: www.shop.test\r\nCDN-Loop: " + strings.Repeat("a, ", maxHops+1) + "\r\n\r\n", 502, "CDN-Loop", ""},
		{"a large body", "POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 101\r\n\r\n", 413, "The request body has 101 bytes; this site takes 100.", "Connection: close"},
		{"a large body that waits", "POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n", 413, "101 bytes", "Connection: close"},
		{"OPTIONS at its last hop", "OPTIONS / HTTP/1.1\r\nHost: www.shop.test\r\nMax-Forwards: 0\r\n\r\n", 204, "", "Allow: " + allowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, replying(200, "origin"), func(w *world) {
				c, r := w.raw()
				defer c.Close()
				io.WriteString(c, tt.ask)
				method, _, _ := strings.Cut(tt.ask, " ")
				resp, body := response(t, r, method)
				if resp.StatusCode != tt.status || !strings.Contains(body, tt.says) {
					t.Errorf("got %d %q, want %d and %q", resp.StatusCode, body, tt.status, tt.says)
				}
				if name, value, ok := strings.Cut(tt.header, ": "); ok {
					got := resp.Header.Get(name)
					if name == "Connection" && resp.Close {
						got = "close"
					}
					if got != value {
						t.Errorf("%s is %q, want %q", name, got, value)
					}
				}
				if w.trips() != 0 {
					t.Error("the origin was asked")
				}
			}, setting{site: func(s *cdn.Site) { s.Policy.MaxBody = 100 }})
		})
	}
}

// TestBodyOfUnknownLength: the limit is met on the way; the client gets 413
// and the origin never gets more than it takes.
func TestBodyOfUnknownLength(t *testing.T) {
	for _, tt := range []struct{ size, status int }{{100, 200}, {101, 413}, {100_000, 413}} {
		received := 0
		inWorld(t, func(x wire.Exchange) {
			body, err := io.ReadAll(x.Request().Body)
			received = len(body)
			if err == nil {
				reply(x, 200, "took it")
			}
		}, func(w *world) {
			g := w.do(&wire.Request{Method: "POST", Path: "/", Length: -1, Body: strings.NewReader(strings.Repeat("x", tt.size))})
			if g.status != tt.status {
				t.Errorf("%d bytes: got %v", tt.size, g)
			}
			if received > 100 {
				t.Errorf("the origin got %d bytes", received)
			}
		}, setting{site: func(s *cdn.Site) { s.Policy.MaxBody = 100 }})
	}
}

// TestExpectation: 100 (Continue) comes from the origin's wish to read.
func TestExpectation(t *testing.T) {
	for _, wants := range []bool{true, false} {
		inWorld(t, func(x wire.Exchange) {
			if !wants {
				reply(x, 403, "no")
				return
			}
			body, _ := io.ReadAll(x.Request().Body)
			reply(x, 200, string(body))
		}, func(w *world) {
			c, r := w.raw()
			defer c.Close()
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
			line, err := r.ReadString('\n')
			if continued := strings.HasPrefix(line, "HTTP/1.1 100"); err != nil || continued != wants {
				t.Fatalf("got %q, %v", line, err)
			}
			if !wants {
				if !strings.HasPrefix(line, "HTTP/1.1 403") {
					t.Errorf("got %q", line)
				}
				return
			}
			r.ReadString('\n')
			io.WriteString(c, "hello")
			if resp, body := response(t, r, "POST"); resp.StatusCode != 200 || body != "hello" {
				t.Errorf("got %d %q", resp.StatusCode, body)
			}
		})
	}
}

// TestKeepAlive: pipelined requests are answered in order on one connection.
func TestKeepAlive(t *testing.T) {
	inWorld(t, func(x wire.Exchange) { reply(x, 200, x.Request().Path, "Cache-Control", "max-age=60") }, func(w *world) {
		c, r := w.raw()
		defer c.Close()
		for range 2 {
			io.WriteString(c, "GET /a HTTP/1.1\r\nHost: www.shop.test\r\n\r\nGET /b HTTP/1.1\r\nHost: WWW.SHOP.TEST:80\r\n\r\n")
			for _, want := range []string{"/a", "/b"} {
				if resp, body := response(t, r, "GET"); resp.StatusCode != 200 || body != want {
					t.Errorf("got %d %q, want %q", resp.StatusCode, body, want)
				}
			}
		}
		if w.trips() != 2 {
			t.Errorf("%d trips", w.trips())
		}
	})
}

// TestMisdirected holds the Host against the name in the TLS handshake.
func TestMisdirected(t *testing.T) {
	for _, tt := range []struct {
		sni, host string
		status    int
	}{
		{"www.shop.test", "www.shop.test", 200},
		{"www.shop.test", "WWW.Shop.Test:443", 200},
		{"www.shop.test", "a.img.shop.test", 200}, // the same site
		{"", "www.shop.test", 200},
		{"www.shop.test", "other.test", 421}, // another site's connection
		{"nobody.test", "www.shop.test", 421},
		{"www.shop.test", "stranger.test", 421},
	} {
		inWorld(t, replying(200, "ok"), func(w *world) {
			sites := []cdn.Site{w.edge.sites.Load().all[0].Site, {Name: "other", Hosts: []string{"other.test"}, Origin: cdn.Origin{URLs: []string{"http://192.0.2.10"}}}}
			if err := w.edge.SetSites(sites); err != nil {
				t.Fatal(err)
			}
			x := &fakeExchange{request: wire.Request{Method: "GET", Scheme: "https", Authority: tt.host, Path: "/", Proto: wire.HTTP2},
				conn: wire.ConnInfo{TLS: &tls.ConnectionState{ServerName: tt.sni}}}
			w.serveEdge(x)
			if x.status != tt.status {
				t.Errorf("SNI %q, Host %q: %d %s", tt.sni, tt.host, x.status, x.body.String())
			}
		})
	}
}

// fakeExchange is an exchange without a connection.
type fakeExchange struct {
	wire.Exchange
	request wire.Request
	conn    wire.ConnInfo
	status  int
	fields  field.Fields
	body    strings.Builder
}

func (x *fakeExchange) Request() *wire.Request   { return &x.request }
func (x *fakeExchange) Conn() *wire.ConnInfo     { return &x.conn }
func (x *fakeExchange) Context() context.Context { return context.Background() }
func (x *fakeExchange) Close()                   {}
func (x *fakeExchange) Flush() error             { return nil }
func (x *fakeExchange) Respond(status int, f field.Fields, _ int64) error {
	x.status, x.fields = status, f.Clone()
	return nil
}
func (x *fakeExchange) Write(p []byte) (int, error) { return x.body.Write(p) }

// TestForwardedFields: what the origin is told, by strangers and by peers
// that are trusted.
func TestForwardedFields(t *testing.T) {
	ask := []string{
		"X-Forwarded-For", "10.0.0.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "first.test", "X-Real-IP", "10.0.0.1",
		"Forwarded", "for=10.0.0.1", "Via", "1.1 before", "CDN-Loop", "other",
		"Proxy-Authorization", "Basic x", "X-End", "2",
	}
	for _, tt := range []struct {
		name  string
		trust bool
		want  []string
	}{
		{"a stranger", false, []string{
			"X-Forwarded-For", "192.0.2.30", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "www.shop.test", "X-Real-IP", "",
			"Forwarded", `for=192.0.2.30;proto=http;host="www.shop.test"`}},
		{"our own proxy", true, []string{
			"X-Forwarded-For", "10.0.0.1, 192.0.2.30", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "first.test", "X-Real-IP", "10.0.0.1",
			"Forwarded", `for=10.0.0.1, for=192.0.2.30;proto=http;host="www.shop.test"`}},
	} {
		for _, method := range []string{"GET", "POST"} {
			inWorld(t, replying(200, "ok"), func(w *world) {
				w.do(&wire.Request{Method: method, Path: "/"}, ask...)
				f := w.lastAsked().Fields
				checkFields(t, tt.name+" "+method, f, tt.want)
				checkFields(t, tt.name+" "+method, f, []string{"Via", "1.1 before, 1.1 waypost-t1", "CDN-Loop", "other, waypost-t1",
					"Proxy-Authorization", "", "X-End", "2"})
			}, setting{config: func(c *Config) {
				if tt.trust {
					c.TrustForwarded = []netip.Prefix{netip.PrefixFrom(clientAddr, 32)}
				}
			}})
		}
	}
}

func TestMaxForwards(t *testing.T) {
	inWorld(t, replying(200, "ok"), func(w *world) {
		w.do(&wire.Request{Method: "OPTIONS", Path: "/"}, "Max-Forwards", "3")
		checkFields(t, "OPTIONS", w.lastAsked().Fields, []string{"Max-Forwards", "2"})
		w.do(&wire.Request{Method: "POST", Path: "/"}, "Max-Forwards", "3")
		checkFields(t, "POST", w.lastAsked().Fields, []string{"Max-Forwards", "3"})
	})
}

func TestForwardedElement(t *testing.T) {
	for _, tt := range []struct{ addr, host, want string }{
		{"192.0.2.1", "a.test", `for=192.0.2.1;proto=https;host="a.test"`},
		{"2001:db8::1", "[::1]:8080", `for="[2001:db8::1]";proto=https;host="[::1]:8080"`},
		{"192.0.2.1", `a"b\`, `for=192.0.2.1;proto=https;host="a\"b\\"`},
		{"192.0.2.1", "", "for=192.0.2.1;proto=https"},
	} {
		got := forwardedElement(netip.MustParseAddr(tt.addr), "https", tt.host)
		if got != tt.want || !wellFormed(got) {
			t.Errorf("forwardedElement(%s, %s) = %s", tt.addr, tt.host, got)
		}
	}
}

func TestWellFormed(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "for=a": true, `for="a,b";by=c, for=d`: true, "for=a ; by=b": true, ", for=a,,": true,
		`for="a`: false, "for": false, "for=": false, "=a": false, "for=a by=b": false, `for="a\"`: false, "for=a;": true, `for="a"b`: false,
	} {
		if got := wellFormed(value); got != want {
			t.Errorf("wellFormed(%q) = %v", value, got)
		}
	}
}

// FuzzForwarded: whatever a trusted peer sends, the element that we add is
// the last one of the list.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"for=a", `for="a,b";by=c, for=d`, `for="a`, `for=a\"`, ",,", `for="\\";x=y`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !wellFormed(value) {
			return
		}
		last := ""
		for e := range field.Elements(value + ", for=us") {
			last = e
		}
		if last != "for=us" {
			t.Errorf("%q swallows what follows: the last element is %q", value, last)
		}
	})
}

// FuzzLooped: no value makes the search for ourselves panic or miss us.
func FuzzLooped(f *testing.F) {
	f.Add("other, b; x=1", "1.1 a, 2 b (c)")
	f.Add(`"`, ";;,")
	f.Fuzz(func(t *testing.T, loop, via string) {
		looped(field.Fields{{Name: "CDN-Loop", Value: loop}, {Name: "Via", Value: via}}, "waypost-t1")
		if _, ok := looped(field.Fields{{Name: "CDN-Loop", Value: loop}, {Name: "CDN-Loop", Value: "waypost-t1;a=b"}}, "waypost-t1"); !ok {
			t.Errorf("not found after %q", loop)
		}
		if _, ok := looped(field.Fields{{Name: "Via", Value: via}, {Name: "Via", Value: "HTTP/1.1 waypost-t1"}}, "waypost-t1"); !ok {
			t.Errorf("not found after %q", via)
		}
	})
}

func TestAppendHost(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "A.Test": "a.test", "a.test:80": "a.test", "a.test.": "a.test", "a.test.:80": "a.test",
		"[::1]": "[::1]", "[::1]:80": "[::1]", ".": ".",
	} {
		if got := string(appendHost(nil, in)); got != want {
			t.Errorf("appendHost(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestSlowClientsDoNotSlowFills: a client that reads slowly holds up neither
// the fill nor the others.
func TestSlowClientsDoNotSlowFills(t *testing.T) {
	body := strings.Repeat("x", 4<<20)
	inWorld(t, replying(200, body, "Cache-Control", "max-age=60"), func(w *world) {
		slow, err := w.open(context.Background(), &wire.Request{Path: "/large"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if g := w.get("/large"); len(g.body) != len(body) || time.Since(began) != 0 {
			t.Errorf("got %d bytes after %v", len(g.body), time.Since(began))
		}
		if n, err := io.Copy(io.Discard, slow.Body); n != int64(len(body)) || err != nil {
			t.Errorf("the slow one got %d bytes, %v", n, err)
		}
	})
}
