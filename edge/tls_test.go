package edge

import (
	"context"
	"crypto/tls"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/tls/cert"
	"waypost/url"
)

// secured adds an HTTPS listener to the edge of w, and returns a client for
// it that speaks HTTP/2 or not.
func (w *world) secured(http2 bool, hosts ...string) (client *fetch.Client, stop func()) {
	ca, err := cert.NewCA("test", time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	leaf, err := ca.Issue(hosts...)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l, err := w.net.Host(edgeAddr).Listen(ctx, netip.AddrPortFrom(edgeAddr, 443))
	if err != nil {
		w.t.Fatal(err)
	}
	server := &wire.Server{Handler: wire.HandlerFunc(w.serveEdge), TLS: &tls.Config{Certificates: []tls.Certificate{leaf}}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(ctx, l)
	}()
	client = &fetch.Client{Network: w.net.Host(clientAddr), Roots: ca.Pool(), HTTP2: http2,
		ConnectTo: map[string]string{":": edgeAddr.String() + ":443"}}
	return client, func() {
		client.Close()
		cancel()
		<-done
	}
}

func (w *world) secureGet(c *fetch.Client, text string, r *wire.Request) (got, *fetch.Response) {
	u, err := url.Parse(text, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := c.Do(context.Background(), u, r)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return read(resp), resp
}

// TestProtocols: the same requests over each protocol that a client may
// speak.
func TestProtocols(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		inWorld(t, func(x wire.Exchange) {
			switch r := x.Request(); r.Path {
			case "/echo":
				body, _ := io.ReadAll(r.Body)
				reply(x, 200, string(body))
			case "/hints":
				x.Inform(103, field.Fields{{Name: "Link", Value: "</a>"}})
				reply(x, 200, "hinted")
			case "/broken":
				x.Respond(200, nil, -1)
				x.Write([]byte("half"))
				x.Flush()
				x.Abort()
			case "/trailers":
				x.Respond(200, nil, -1)
				x.Write([]byte("body"))
				x.Trailers(field.Fields{{Name: "Sum", Value: "42"}})
			default:
				reply(x, 200, "hello", "Cache-Control", "max-age=60")
			}
		}, func(w *world) {
			c, stop := w.secured(http2, "www.shop.test")
			defer stop()
			const at = "https://www.shop.test"
			g, resp := w.secureGet(c, at+"/a", &wire.Request{})
			if (resp.Trip.Proto == wire.HTTP2) != http2 {
				t.Fatalf("the protocol is %s", resp.Trip.Proto)
			}
			w.cacheStatus(g, "; fwd=uri-miss; ttl=60; stored")
			if g, _ = w.secureGet(c, at+"/a", &wire.Request{}); g.body != "hello" || g.fields.Get("Age") != "0" {
				t.Errorf("got %v", g)
			}
			checkFields(t, "to the origin", w.lastAsked().Fields, []string{"X-Forwarded-Proto", "https",
				"Via", map[bool]string{false: "1.1 waypost-t1", true: "2 waypost-t1"}[http2]})
			body := strings.Repeat("x", 100_000)
			if g, _ = w.secureGet(c, at+"/echo", &wire.Request{Method: "POST", Length: -1, Body: strings.NewReader(body)}); g.body != body {
				t.Errorf("got %d bytes back", len(g.body))
			}
			if g, _ = w.secureGet(c, at+"/hints", &wire.Request{}); len(g.informed) != 1 || g.body != "hinted" {
				t.Errorf("informed %v", g.informed)
			}
			if g, _ = w.secureGet(c, at+"/broken", &wire.Request{}); g.body != "half" || g.err == nil {
				t.Errorf("got %v with error %v", g, g.err)
			}
			if g, _ = w.secureGet(c, at+"/trailers", &wire.Request{}); g.trailers.Get("Sum") != "42" {
				t.Errorf("trailers %v", g.trailers)
			}
			if g, _ = w.secureGet(c, at+"/large", &wire.Request{Method: "POST", Length: 9 << 20, Expect: true, Body: strings.NewReader(strings.Repeat("x", 9<<20))}); g.status != 413 {
				t.Errorf("a large body: %v", g)
			}
		})
	}
}

// TestNameOfConnection: over TLS the Host must be of the site whose name
// opened the connection.
func TestNameOfConnection(t *testing.T) {
	inWorld(t, replying(200, "ok"), func(w *world) {
		c, stop := w.secured(true, "www.shop.test", "a.img.shop.test")
		defer stop()
		for host, want := range map[string]int{"": 200, "a.img.shop.test": 200, "stranger.test": 421} {
			g, _ := w.secureGet(c, "https://www.shop.test/", &wire.Request{Authority: host})
			if g.status != want {
				t.Errorf("Host %q: %v, want %d", host, g, want)
			}
		}
	})
}

// TestUpgradeOverHTTP2 changes the protocol of one stream; to the origin it
// is an upgrade of HTTP/1.1.
func TestUpgradeOverHTTP2(t *testing.T) {
	inWorld(t, upgrading, func(w *world) {
		c, stop := w.secured(true, "www.shop.test")
		defer stop()
		raw, err := c.Network.Dial(context.Background(), netip.AddrPortFrom(edgeAddr, 443))
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(raw, &tls.Config{RootCAs: c.Roots, ServerName: "www.shop.test", NextProtos: []string{"h2"}})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		h2, err := wire.NewClient(conn, "h2", wire.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer h2.Close()
		resp, err := h2.Do(context.Background(), &wire.Request{Method: "GET", Scheme: "https", Authority: "www.shop.test", Path: "/chat", Upgrade: "websocket",
			Fields: field.Fields{{Name: "Sec-WebSocket-Version", Value: "13"}}})
		if err != nil || resp.Upgraded == nil {
			t.Fatalf("%v, %v", resp, err)
		}
		defer resp.Upgraded.Close()
		if resp.Fields.Has("Sec-WebSocket-Accept") {
			t.Error("an answer to a key that the client did not send")
		}
		asked := w.lastAsked()
		if asked.Method != "GET" || asked.Upgrade != "websocket" || len(asked.Fields.Get("Sec-WebSocket-Key")) != 24 {
			t.Errorf("the origin was asked %v", asked)
		}
		io.WriteString(resp.Upgraded, "hello")
		buf := make([]byte, 5)
		if _, err := io.ReadFull(resp.Upgraded, buf); err != nil || string(buf) != "HELLO" {
			t.Errorf("got %q, %v", buf, err)
		}
		resp.Upgraded.(interface{ CloseWrite() error }).CloseWrite()
		if rest, err := io.ReadAll(resp.Upgraded); string(rest) != "bye" || err != nil {
			t.Errorf("after half a close: %q, %v", rest, err)
		}
	})
}

// TestExtendedConnectRefused: what is no WebSocket is not served; a success of
// the origin that changes no protocol is none, and other answers pass.
func TestExtendedConnectRefused(t *testing.T) {
	for _, tt := range []struct {
		protocol string
		origin   int
		want     int
		told     string
	}{
		{"foo", 200, 501, "waypost-t1; error=proxy_internal_response"},
		{"h2c", 200, 501, "waypost-t1; error=proxy_internal_response"},
		{"websocket", 200, 502, "waypost-t1; error=http_upgrade_failed"},
		{"websocket", 204, 502, "waypost-t1; error=http_upgrade_failed"},
		{"websocket", 302, 302, ""},
		{"websocket", 403, 403, ""},
		{"websocket", 426, 426, ""},
	} {
		inWorld(t, replying(tt.origin, "", "X-Of", "origin"), func(w *world) {
			c, stop := w.secured(true, "www.shop.test")
			defer stop()
			raw, err := c.Network.Dial(context.Background(), netip.AddrPortFrom(edgeAddr, 443))
			if err != nil {
				t.Fatal(err)
			}
			conn := tls.Client(raw, &tls.Config{RootCAs: c.Roots, ServerName: "www.shop.test", NextProtos: []string{"h2"}})
			h2, err := wire.NewClient(conn, "h2", wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			defer h2.Close()
			resp, err := h2.Do(context.Background(), &wire.Request{Method: "GET", Scheme: "https", Authority: "www.shop.test", Path: "/chat", Upgrade: tt.protocol})
			if err != nil {
				t.Fatalf("%s, %d: %v", tt.protocol, tt.origin, err)
			}
			if status := resp.Fields.Join("Proxy-Status"); resp.Status != tt.want || !strings.HasPrefix(status, tt.told) || (status == "") != (tt.told == "") {
				t.Errorf("%s, %d: %d, Proxy-Status %q, want %d", tt.protocol, tt.origin, resp.Status, status, tt.want)
			}
			if asked := w.trips(); (asked > 0) != (tt.protocol == "websocket") {
				t.Errorf("%s: the origin was asked %d times", tt.protocol, asked)
			}
		})
	}
}
