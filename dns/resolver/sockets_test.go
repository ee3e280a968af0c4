package resolver

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/link"
	"waypost/trace"
)

// TestOverSockets: a stub asks a resolver over real sockets, and both
// stations' accounts make one record.
func TestOverSockets(t *testing.T) {
	const server, stub = "192.0.2.53", "203.0.113.9"
	inet := new(link.Loopback)
	hosts, _, err := ParseHosts(strings.NewReader("198.51.100.80 www.shop.test\n"), "hosts")
	if err != nil {
		t.Fatal(err)
	}
	var book notebook
	peers := []netip.Prefix{netip.MustParsePrefix(server + "/32"), netip.MustParsePrefix(stub + "/32")}
	at := netip.AddrPortFrom(netip.MustParseAddr(server), 53)
	srv := &dns.Server{
		Network: inet.Host(at.Addr()), Addr: at,
		Handler: New(Config{
			Network: inet.Host(at.Addr()), Hosts: hosts, TracePeers: peers, Allow: peers,
			Station: &trace.Station{Name: "resolver", Recorder: &book},
		}),
	}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := srv.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- srv.Run(ctx) }()

	r := New(Config{
		Network:    inet.Host(netip.MustParseAddr(stub)),
		Forward:    []Forward{{Zone: dns.Root, Servers: []netip.AddrPort{at}}},
		TracePeers: peers,
	})
	a, err := r.Lookup(book.begin("browser"), dns.MustName("www.shop.test"), mdns.TypeA)
	if err != nil {
		t.Fatal(err)
	}
	if got := short(a); got != "NOERROR 198.51.100.80" {
		t.Error(got)
	}
	same(t, "record", book.lines(), []string{
		"dns.query www.shop.test A @192.0.2.53:53 [asked]",
		"dns.answer www.shop.test A NOERROR from hosts 1 [hosts]",
		"dns.answer www.shop.test A NOERROR from server 1 [answered]",
		"dns.answer www.shop.test A NOERROR from forwarder 1 [answered]",
	})
	query, inner := book.events[0], book.events[1]
	if inner.Station != "resolver" || inner.Trace != query.Trace {
		t.Errorf("the resolver's event %+v does not belong to %+v", inner, query)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
