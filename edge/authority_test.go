package edge

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"waypost/http/wire"
)

// conned is an exchange on a connection to a given port.
type conned struct {
	wire.Exchange
	in   wire.Request
	info wire.ConnInfo
}

func (c *conned) Request() *wire.Request { return &c.in }
func (c *conned) Conn() *wire.ConnInfo   { return &c.info }

func TestSettleAuthority(t *testing.T) {
	tests := []struct {
		scheme string
		port   uint16
		said   string
		want   string
	}{
		{"http", 80, "www.shop.test", "www.shop.test"},
		{"http", 80, "WWW.Shop.test.", "www.shop.test"},
		{"http", 80, "www.shop.test:80", "www.shop.test"},
		{"http", 80, "www.shop.test:99", "www.shop.test"},
		{"http", 80, "www.shop.test:", "www.shop.test"},
		{"https", 443, "www.shop.test:80", "www.shop.test"},
		{"http", 8080, "www.shop.test:8080", "www.shop.test:8080"},
		{"http", 8080, "WWW.shop.test:8080", "www.shop.test:8080"},
		{"http", 8080, "www.shop.test:99", "www.shop.test:8080"},
		{"http", 8080, "www.shop.test:08080", "www.shop.test:8080"},
		{"http", 8080, "www.shop.test", "www.shop.test"},
		{"http", 443, "www.shop.test:80", "www.shop.test:443"},
		{"https", 443, "[2001:DB8::1]:99", "[2001:db8::1]"},
		{"https", 443, "[2001:db8::1]", "[2001:db8::1]"},
		{"http", 0, "www.shop.test:99", "www.shop.test"},
	}
	for _, tt := range tests {
		r := &request{}
		r.start(&conned{in: wire.Request{Scheme: tt.scheme, Authority: tt.said},
			info: wire.ConnInfo{Local: netip.AddrPortFrom(edgeAddr, tt.port)}})
		r.host = appendHost(nil, tt.said)
		r.settleAuthority()
		if r.in.Authority != tt.want || r.ask.Host != tt.want {
			t.Errorf("%q on %s port %d became %q and %q, want %q", tt.said, tt.scheme, tt.port, r.in.Authority, r.ask.Host, tt.want)
		}
		if r.in.Authority == tt.said {
			if n := testing.AllocsPerRun(100, r.settleAuthority); n > 0 {
				t.Errorf("%q costs %v allocations", tt.said, n)
			}
		}
	}
}

// TestForeignPorts: whatever port and case a client writes into Host, there is
// one object in the cache, and the origin gets one name.
func TestForeignPorts(t *testing.T) {
	inWorld(t, replying(200, "page", "Cache-Control", "max-age=60"), func(w *world) {
		for port := range 1000 {
			host := fmt.Sprintf("www.shop.test:%d", port+1)
			if port%2 == 0 {
				host = "WWW.Shop.Test.:" + fmt.Sprint(port+1)
			}
			got := w.rawRequest("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(got, "HTTP/1.1 200 ") {
				t.Fatalf("Host: %s got %q", host, got)
			}
		}
		if n := w.edge.store.Len(); n != 1 || w.trips() != 1 {
			t.Errorf("%d objects stored, %d requests to the origin", n, w.trips())
		}
		if asked := w.lastAsked(); asked.Authority != "www.shop.test" || asked.Fields.Get("X-Forwarded-Host") != "www.shop.test" {
			t.Errorf("the origin was asked for %q, X-Forwarded-Host %q", asked.Authority, asked.Fields.Get("X-Forwarded-Host"))
		}
	})
}

// FuzzSettleAuthority: what comes out has one form, and that form stays.
func FuzzSettleAuthority(f *testing.F) {
	f.Add("WWW.Shop.test.:99", uint16(8080), true)
	f.Add("[2001:DB8::1]:99", uint16(443), false)
	f.Add(":", uint16(80), false)
	f.Fuzz(func(t *testing.T, said string, port uint16, secure bool) {
		in := wire.Request{Scheme: "http", Authority: said}
		if secure {
			in.Scheme = "https"
		}
		settle := func() string {
			r := &request{}
			r.start(&conned{in: in, info: wire.ConnInfo{Local: netip.AddrPortFrom(edgeAddr, port)}})
			r.host = appendHost(nil, in.Authority)
			r.settleAuthority()
			if r.ask.Host != r.in.Authority || !strings.HasPrefix(r.in.Authority, string(r.host)) {
				t.Fatalf("%q became %q and %q for host %q", said, r.in.Authority, r.ask.Host, r.host)
			}
			return r.in.Authority
		}
		once := settle()
		if in.Authority = once; strings.Count(said, ":") < 2 && strings.Count(said, "..") == 0 && settle() != once {
			t.Fatalf("%q became %q and then %q", said, once, settle())
		}
	})
}
