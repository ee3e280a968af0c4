package stack

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// routed is two hosts with a router between: a at 192.0.2.1, b at
// 198.51.100.1, the router at .254 of both; and the same over IPv6.
type routed struct {
	a, r, b *Host
	left    *wire
	right   *wire
	ia, ib  *Interface
	rl, rr  *Interface
}

func newRouted(t testing.TB, rightMTU int, a, b Config) *routed {
	t.Helper()
	a.Name, b.Name = "a", "b"
	n := &routed{
		a: newHost(t, a), b: newHost(t, b), r: newHost(t, Config{Name: "r", Forward: true}),
		left: newWire(t, time.Millisecond), right: newWire(t, time.Millisecond),
	}
	n.ia, n.rl = n.left.connect(t, n.a, n.r,
		InterfaceConfig{MAC: macA, Prefixes: prefixes("192.0.2.1/24", "2001:db8:1::1/64")},
		InterfaceConfig{MAC: packet.MAC{2, 0, 0, 0, 1, 1}, Prefixes: prefixes("192.0.2.254/24", "2001:db8:1::ff/64")})
	n.rr, n.ib = n.right.connect(t, n.r, n.b,
		InterfaceConfig{MAC: packet.MAC{2, 0, 0, 0, 1, 2}, MTU: rightMTU, Prefixes: prefixes("198.51.100.254/24", "2001:db8:2::ff/64")},
		InterfaceConfig{MAC: macB, MTU: rightMTU, Prefixes: prefixes("198.51.100.1/24", "2001:db8:2::1/64")})
	for _, r := range []struct {
		host     *Host
		dst, via string
	}{
		{n.a, "0.0.0.0/0", "192.0.2.254"}, {n.a, "::/0", "2001:db8:1::ff"},
		{n.b, "0.0.0.0/0", "198.51.100.254"}, {n.b, "::/0", "2001:db8:2::ff"},
	} {
		if err := r.host.AddRoute(Route{Prefix: netip.MustParsePrefix(r.dst), Via: addr(r.via)}); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestRouter pings through a router, over both versions.
func TestRouter(t *testing.T) {
	for _, to := range []string{"198.51.100.1", "2001:db8:2::1"} {
		synctest.Test(t, func(t *testing.T) {
			n := newRouted(t, 0, Config{}, Config{})
			rtt, err := n.a.Ping(t.Context(), addr(to))
			if err != nil {
				t.Fatal(err)
			}
			// Two links, each asked for a neighbour once: 2 + 2 on the way
			// there, 1 + 1 to travel, and back.
			if want := 8 * time.Millisecond; rtt != want {
				t.Errorf("first ping took %v, want %v", rtt, want)
			}
			if rtt, err = n.a.Ping(t.Context(), addr(to)); err != nil || rtt != 4*time.Millisecond {
				t.Errorf("second ping took %v, %v, want 4ms", rtt, err)
			}
		})
	}
}

// TestRouterErrors looks at what a router says about packets that it does
// not forward.
func TestRouterErrors(t *testing.T) {
	tests := []struct {
		name    string
		to      string
		ttl     uint8
		want    error
		message string
	}{
		{"no route", "203.0.113.1:9", 64, syscall.ENETUNREACH, "unreachable"},
		{"no route, IPv6", "[2001:db8:9::1]:9", 64, syscall.ENETUNREACH, "no route"},
		{"TTL 1", "198.51.100.1:9", 1, syscall.EHOSTUNREACH, "time exceeded"},
		{"hop limit 1", "[2001:db8:2::1]:9", 1, syscall.EHOSTUNREACH, "time exceeded"},
		{"nobody there", "198.51.100.99:9", 64, syscall.EHOSTUNREACH, "unreachable"},
		{"nobody there, IPv6", "[2001:db8:2::99]:9", 64, syscall.EHOSTUNREACH, "unreachable"},
		{"closed port", "198.51.100.1:9", 64, syscall.ECONNREFUSED, "unreachable"},
		{"closed port, IPv6", "[2001:db8:2::1]:9", 64, syscall.ECONNREFUSED, "unreachable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newRouted(t, 0, Config{}, Config{})
				time.Sleep(time.Minute)
				n.left.frames()
				c, err := n.a.DialUDP(t.Context(), addrPort(test.to))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.SetTTL(test.ttl)
				c.Write([]byte("hello"))
				if _, err := c.Read(make([]byte, 10)); !errors.Is(err, test.want) {
					t.Errorf("read: %v, want %v", err, test.want)
				}
				frames := n.left.frames()
				if last := frames[len(frames)-1]; !strings.Contains(last, test.message) {
					t.Errorf("the last frame is %q, want one that says %q", last, test.message)
				}
			})
		})
	}
}

// TestPathMTU sends datagrams that a link behind the router does not take
// whole: IPv4 has them cut by the router, IPv6 by the sender, who learns of
// it from the first.
func TestPathMTU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newRouted(t, 1280, Config{}, Config{})
		s, c := listenUDP(t, n.b, "[::]:53"), listenUDP(t, n.a, "")
		b := make([]byte, 5000)
		for try, to := range []string{"198.51.100.1:53", "[2001:db8:2::1]:53", "[2001:db8:2::1]:53"} {
			if _, err := c.WriteToUDPAddrPort(b[:3000], addrPort(to)); err != nil {
				t.Fatal(err)
			}
			s.SetReadDeadline(time.Now().Add(time.Second))
			got, _, err := s.ReadFromUDPAddrPort(b)
			if lost := try == 1; lost {
				if err == nil {
					t.Errorf("to %s: %d bytes, want them lost", to, got)
				}
				if mtu := n.a.pathMTUs[addrPort(to).Addr()].mtu; mtu != 1280 {
					t.Errorf("path MTU is %d, want 1280", mtu)
				}
			} else if got != 3000 {
				t.Errorf("to %s: %d bytes, %v, want 3000", to, got, err)
			}
		}
		time.Sleep(pathMTUTime)
		n.a.lock()
		if mtu, _ := n.a.pathMTU(addr("2001:db8:2::1"), 1500); mtu != 1500 {
			t.Errorf("after %v the path MTU is still %d", pathMTUTime, mtu)
		}
		n.a.unlock()
	})
}

// TestErrorRate: errors leave in a burst of fifty and then a thousand a
// second.
func TestErrorRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		c := listenUDP(t, p.a, "")
		flood := func() {
			for range 200 {
				c.WriteToUDPAddrPort([]byte("x"), addrPort("192.0.2.2:9"))
			}
			synctest.Wait()
		}
		c.WriteToUDPAddrPort([]byte("x"), addrPort("192.0.2.2:9"))
		time.Sleep(time.Second)
		p.wire.frames()
		flood()
		count := func() (errors int) {
			for _, f := range p.wire.frames() {
				if strings.Contains(f, "unreachable") {
					errors++
				}
			}
			return errors
		}
		if got, want := count(), errorBurst; got != want {
			t.Errorf("%d errors at once, want %d", got, want)
		}
		time.Sleep(20 * time.Millisecond)
		flood()
		if got, want := count(), 20; got != want {
			t.Errorf("%d errors after 20 ms, want %d", got, want)
		}
		if got, want := p.b.Stats().ErrorsWithheld, 150+180; got != want {
			t.Errorf("%d withheld, want %d", got, want)
		}
	})
}

// TestRoutes looks at the table itself.
func TestRoutes(t *testing.T) {
	h := newHost(t, Config{})
	i, err := h.Attach(discard{}, InterfaceConfig{Name: "wan", MAC: macA, Prefixes: prefixes("192.0.2.1/24")})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Route{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addr("192.0.2.254")},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Via: addr("192.0.2.253")},
		{Prefix: netip.MustParsePrefix("198.51.100.128/25"), Interface: i},
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addr("192.0.2.252")},
	} {
		if err := h.AddRoute(r); err != nil {
			t.Errorf("add %v: %v", r.Prefix, err)
		}
	}
	for _, test := range []struct{ dst, want string }{
		{"203.0.113.1", "0.0.0.0/0 via 192.0.2.252 on wan"},
		{"198.51.100.1", "198.51.100.0/24 via 192.0.2.253 on wan"},
		{"198.51.100.200", "198.51.100.128/25 on wan"},
		{"192.0.2.77", "192.0.2.0/24 on wan"},
	} {
		if r, ok := h.lookup(addr(test.dst), nil); !ok || r.String() != test.want {
			t.Errorf("%s goes %v, want %s", test.dst, r, test.want)
		}
	}
	for _, r := range []Route{
		{},
		{Prefix: netip.MustParsePrefix("10.0.0.0/8")},
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Via: addr("172.16.0.1")},
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Via: addr("2001:db8::1")},
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Via: addr("192.0.2.1")},
	} {
		if err := h.AddRoute(r); err == nil {
			t.Errorf("%v via %v was added", r.Prefix, r.Via)
		}
	}
	if !h.removeRoute(netip.MustParsePrefix("0.0.0.0/0")) || h.removeRoute(netip.MustParsePrefix("0.0.0.0/0")) {
		t.Error("a route can be removed once")
	}
	if _, ok := h.lookup(addr("203.0.113.1"), nil); ok {
		t.Error("the default route is still there")
	}
}

// TestSource chooses source addresses.
func TestSource(t *testing.T) {
	h := newHost(t, Config{})
	_, err := h.Attach(discard{}, InterfaceConfig{MAC: macA, Prefixes: prefixes(
		"192.0.2.1/24", "198.51.100.1/24", "2001:db8:1::1/64", "2001:db8:2::1/64")})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Route{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addr("198.51.100.254")},
		{Prefix: netip.MustParsePrefix("::/0"), Via: addr("2001:db8:1::ff")},
	} {
		if err := h.AddRoute(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ dst, want string }{
		{"192.0.2.9", "192.0.2.1"},
		{"198.51.100.9", "198.51.100.1"},
		{"203.0.113.9", "198.51.100.1"},
		{"127.0.0.1", "127.0.0.1"},
		{"192.0.2.1", "192.0.2.1"},
		{"224.0.0.251", "192.0.2.1"},
		{"255.255.255.255", "198.51.100.1"}, // as the default route goes
		{"2001:db8:1::9", "2001:db8:1::1"},
		{"2001:db8:2::9", "2001:db8:2::1"},
		{"2001:db8:9::9", "2001:db8:1::1"},
		{"fe80::9", "fe80::ff:fe00:a"},
		{"ff02::fb", "fe80::ff:fe00:a"},
		{"ff0e::1", "2001:db8:1::1"},
	} {
		h.lock()
		p, err := h.path(netip.Addr{}, addr(test.dst), nil)
		h.unlock()
		if err != nil || p.src.String() != test.want {
			t.Errorf("to %s from %v, %v, want %s", test.dst, p.src, err, test.want)
		}
	}
}

// TestAttach looks at interfaces that are refused.
func TestAttach(t *testing.T) {
	h := newHost(t, Config{Name: "h"})
	if _, err := h.Attach(discard{}, InterfaceConfig{MAC: macA, Prefixes: prefixes("192.0.2.1/24")}); err != nil {
		t.Fatal(err)
	}
	for n, c := range []InterfaceConfig{
		{MAC: macA, Prefixes: prefixes("192.0.2.1/24")},
		{MAC: macA, Prefixes: prefixes("10.0.0.1/8", "10.0.0.1/9")},
		{MAC: macA, Prefixes: prefixes("224.0.0.1/8")},
		{MAC: macA, Prefixes: prefixes("0.0.0.0/0")},
		{MAC: macA, Prefixes: []netip.Prefix{{}}},
		{MAC: packet.Broadcast(), Prefixes: prefixes("10.0.0.1/8")},
		{MAC: macA, MTU: 100},
		{MAC: macA, MTU: 1000, Prefixes: prefixes("2001:db8::1/64")},
		{MAC: macA, MTU: 70000},
		{MAC: macA, Name: "eth0"},
	} {
		if _, err := h.Attach(discard{}, c); err == nil {
			t.Errorf("interface %d was attached", n)
		} else if !strings.HasPrefix(err.Error(), "attach eth") || !strings.Contains(err.Error(), " to host h: ") {
			t.Errorf("interface %d: %v", n, err)
		}
	}
}
