package stack

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// TestErrorMeanings: every kind of error means the same to who reads it as to
// who wrote it, in both versions.
func TestErrorMeanings(t *testing.T) {
	for kind := netUnreachable; kind <= headerProblem; kind++ {
		w4, w6 := wireErrors4[kind], wireErrors6[kind]
		if got := meaningV4(packet.ICMP{Type: w4.kind, Code: w4.code}).what; got != kind {
			t.Errorf("IPv4: %s is read as %s", errorText[kind], errorText[got])
		}
		if got := meaningV6(packet.ICMP{Type: w6.kind, Code: w6.code}).what; got != kind {
			t.Errorf("IPv6: %s is read as %s", errorText[kind], errorText[got])
		}
		if errorClause(kind, true) == "" || errorClause(kind, false) == "" || errorText[kind] == "" {
			t.Errorf("kind %d has no words", kind)
		}
		if errno, _ := kind.errno(true); errno == 0 {
			t.Errorf("%s has no errno", errorText[kind])
		}
	}
	for _, test := range []struct {
		v4   bool
		m    packet.ICMP
		want errorMessage
	}{
		{true, packet.ICMP{Type: 3, Code: 4, Rest: 1300}, errorMessage{tooBig, 1300}},
		{true, packet.ICMP{Type: 3, Code: 6}, errorMessage{what: netUnreachable}},
		{true, packet.ICMP{Type: 3, Code: 9}, errorMessage{what: prohibited}},
		{true, packet.ICMP{Type: 3, Code: 5}, errorMessage{what: hostUnreachable}},
		{true, packet.ICMP{Type: 12, Code: 1}, errorMessage{what: headerProblem}},
		{true, packet.ICMP{Type: 5}, errorMessage{}}, // a redirect
		{true, packet.ICMP{Type: 4}, errorMessage{}}, // source quench, RFC 6633
		{false, packet.ICMP{Type: 2, Rest: 1300}, errorMessage{tooBig, 1300}},
		{false, packet.ICMP{Type: 1, Code: 2}, errorMessage{what: hostUnreachable}},
		{false, packet.ICMP{Type: 4, Code: 2}, errorMessage{what: headerProblem}},
		{false, packet.ICMP{Type: 100}, errorMessage{}},
	} {
		got := meaningV6(test.m)
		if test.v4 {
			got = meaningV4(test.m)
		}
		if got != test.want {
			t.Errorf("%+v means %+v, want %+v", test.m, got, test.want)
		}
	}
}

// TestBlamable: the packets that no ICMP error may be about (RFC 1122
// §3.2.2, RFC 4443 §2.4 (e)).
func TestBlamable(t *testing.T) {
	h := newHost(t, Config{})
	if _, err := h.Attach(discard{}, InterfaceConfig{MAC: macA, Prefixes: prefixes("192.0.2.1/24", "2001:db8::1/64")}); err != nil {
		t.Fatal(err)
	}
	v4 := func(src, dst string, p packet.Protocol, payload []byte, more ...int) []byte {
		o := packet.IPv4{TTL: 64, Protocol: p, Src: addr(src), Dst: addr(dst)}
		if len(more) > 0 {
			o.FragmentOffset = more[0]
		}
		return append(o.Append(nil, len(payload)), payload...)
	}
	v6 := func(src, dst string, p packet.Protocol, payload []byte) []byte {
		o := packet.IPv6{HopLimit: 64, Next: p, Src: addr(src), Dst: addr(dst)}
		return append(o.Append(nil, len(payload)), payload...)
	}
	ports := []byte{1, 2, 3, 4, 0, 8, 0, 0}
	icmp := func(kind byte) []byte { return []byte{kind, 0, 0, 0, 0, 0, 0, 0} }
	const us, them, us6, them6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"
	for _, test := range []struct {
		name string
		b    []byte
		what errorKind
		want bool
	}{
		{"a datagram", v4(them, us, 17, ports), portUnreachable, true},
		{"a datagram, IPv6", v6(them6, us6, 17, ports), portUnreachable, true},
		{"an echo request", v4(them, us, 1, icmp(8)), protocolUnreachable, true},
		{"an echo request, IPv6", v6(them6, us6, 58, icmp(128)), ttlExceeded, true},
		{"an error", v4(them, us, 1, icmp(3)), portUnreachable, false},
		{"an error, IPv6", v6(them6, us6, 58, icmp(1)), portUnreachable, false},
		{"a later fragment", v4(them, us, 17, ports, 8), ttlExceeded, false},
		{"to a group", v4(them, "224.0.0.1", 17, ports), portUnreachable, false},
		{"to a group, IPv6", v6(them6, "ff02::1", 17, ports), portUnreachable, false},
		{"to a group, too big", v6(them6, "ff02::1", 17, ports), tooBig, true},
		{"to everybody", v4(them, "255.255.255.255", 17, ports), portUnreachable, false},
		{"to everybody on the link", v4(them, "192.0.2.255", 17, ports), portUnreachable, false},
		{"from nobody", v4("0.0.0.0", us, 17, ports), portUnreachable, false},
		{"from a group", v4("224.0.0.1", us, 17, ports), portUnreachable, false},
		{"from everybody", v4("192.0.2.255", us, 17, ports), portUnreachable, false},
		{"cut short", v4(them, us, 17, ports)[:24], portUnreachable, false},
		{"nothing", nil, portUnreachable, false},
	} {
		if _, got := h.blamable(test.b, errorMessage{what: test.what}); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestLearnMTU: what routers say, and what is believed of it.
func TestLearnMTU(t *testing.T) {
	v4, v6 := addr("198.51.100.1"), addr("2001:db8:9::1")
	for _, test := range []struct {
		name      string
		dst       netip.Addr
		mtu, sent int
		want      int
	}{
		{"told", v4, 1300, 1500, 1300},
		{"not told: the next plateau", v4, 0, 1500, 1492},
		{"not told, from a large packet", v4, 0, 9000, 8166},
		{"not told, from the smallest", v4, 0, 500, minPathMTU},
		{"larger than what was sent", v4, 1400, 1300, 1006},
		{"absurdly small", v4, 68, 1500, minPathMTU},
		{"told, IPv6", v6, 1400, 1500, 1400},
		{"below the least, IPv6", v6, 1000, 1500, 0},
	} {
		h := newHost(t, Config{})
		h.lock()
		got := h.learnMTU(test.dst, test.mtu, test.sent)
		known, _ := h.pathMTU(test.dst, 1500)
		h.unlock()
		if got != test.want || got > 0 && known != min(got, 1500) {
			t.Errorf("%s: %d, then %d, want %d", test.name, got, known, test.want)
		}
	}
	h := newHost(t, Config{})
	h.lock()
	defer h.unlock()
	for n := range 2 * maxPathMTUs {
		h.learnMTU(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 1300, 1500)
	}
	if len(h.pathMTUs) != maxPathMTUs {
		t.Errorf("%d path MTUs are remembered", len(h.pathMTUs))
	}
}

// TestAdvertisements: what changes an entry of the NDP cache (RFC 4861
// §7.2.5).
func TestAdvertisements(t *testing.T) {
	other := packet.MAC{2, 0, 0, 0, 0, 0xc}
	them := addr("2001:db8::2")
	for _, test := range []struct {
		name  string
		a     packet.NeighborAdvertisement
		hops  uint8
		mac   packet.MAC
		state string
	}{
		{"the same again, unasked", packet.NeighborAdvertisement{MAC: macB}, 255, macB, "reachable"},
		{"another, without override", packet.NeighborAdvertisement{MAC: other}, 255, macB, "stale"},
		{"another, with override", packet.NeighborAdvertisement{MAC: other, Override: true}, 255, other, "stale"},
		{"another, solicited", packet.NeighborAdvertisement{MAC: other, Override: true, Solicited: true}, 255, other, "reachable"},
		{"without an address", packet.NeighborAdvertisement{Solicited: true}, 255, macB, "reachable"},
		{"from beyond the link", packet.NeighborAdvertisement{MAC: other, Override: true}, 254, macB, "reachable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, 0, Config{}, Config{})
				if _, err := p.a.Ping(t.Context(), them); err != nil {
					t.Fatal(err)
				}
				test.a.Target = them
				body := test.a.Append(nil, them, addr("2001:db8::1"))
				f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv6}.Append(nil)
				f = packet.IPv6{HopLimit: test.hops, Next: packet.ProtocolICMPv6, Src: them, Dst: addr("2001:db8::1")}.Append(f, len(body))
				p.ia.Receive(append(f, body...))
				for _, n := range p.a.Neighbours() {
					if n.Addr == them && (n.MAC != test.mac || n.State != test.state) {
						t.Errorf("%v %s, want %v %s", n.MAC, n.State, test.mac, test.state)
					}
				}
			})
		})
	}
}

// TestProtocolUnreachable: a packet of a protocol that we do not speak.
func TestProtocolUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		time.Sleep(time.Minute)
		for _, version := range []int{4, 6} {
			f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv4}
			var b []byte
			want := "ICMP 192.0.2.1 → 192.0.2.2 protocol unreachable"
			if version == 4 {
				b = packet.IPv4{TTL: 64, Protocol: 253, Src: addr("192.0.2.2"), Dst: addr("192.0.2.1")}.Append(f.Append(nil), 8)
			} else {
				f.Type = packet.TypeIPv6
				want = "ICMPv6 2001:db8::1 → 2001:db8::2 "
				b = packet.IPv6{HopLimit: 64, Next: 253, Src: addr("2001:db8::2"), Dst: addr("2001:db8::1")}.Append(f.Append(nil), 8)
			}
			p.wire.frames()
			p.ia.Receive(append(b, make([]byte, 8)...))
			if got := strings.Join(p.wire.frames(), "\n"); !strings.Contains(got, want) {
				t.Errorf("frames: %s, want %s", got, want)
			}
		}
	})
}

// TestFlushRounds: who hands over frames does not do so for ever for others;
// the clock goes on in its place.
func TestFlushRounds(t *testing.T) {
	clock := &handClock{}
	h := newHost(t, Config{AfterFunc: func(_ time.Duration, f func()) Timer {
		clock.fire = f
		clock.Reset(0)
		return clock
	}})
	d := &selfish{host: h}
	if _, err := h.Attach(d, InterfaceConfig{Prefixes: prefixes("10.0.0.1/8")}); err != nil {
		t.Fatal(err)
	}
	d.c = listenUDP(t, h, "")
	d.c.WriteToUDPAddrPort([]byte("one"), addrPort("10.0.0.2:9"))
	for _, want := range []int{flushRounds, 2 * flushRounds, 3 * flushRounds, d.limit()} {
		if d.sent != want {
			t.Errorf("%d frames were sent, want %d", d.sent, want)
		}
		if clock.set != (d.sent < d.limit()) {
			t.Errorf("after %d frames the clock is set: %v", d.sent, clock.set)
		}
		clock.set = false
		clock.fire()
	}
}

// handClock is a timer that fires when the test says so.
type handClock struct {
	fire func()
	set  bool
}

// Reset implements Timer.
func (c *handClock) Reset(time.Duration) bool { c.set = true; return false }

// Stop implements Timer.
func (c *handClock) Stop() bool { c.set = false; return true }

// selfish is a device at which every frame makes somebody send another.
type selfish struct {
	host *Host
	c    *UDPConn
	sent int
}

func (*selfish) limit() int { return 3*flushRounds + 10 }

// Transmit implements Device.
func (s *selfish) Transmit([]byte) {
	if s.sent++; s.sent < s.limit() {
		s.c.WriteToUDPAddrPort([]byte("more"), addrPort("10.0.0.2:9"))
	}
}

// TestNames asks for what a host and an interface say of themselves.
func TestNames(t *testing.T) {
	h := newHost(t, Config{Name: "h"})
	i, err := h.Attach(discard{}, InterfaceConfig{Name: "wan", MAC: macA, MTU: 1400, Prefixes: prefixes("192.0.2.1/24", "2001:db8::1/64")})
	if err != nil {
		t.Fatal(err)
	}
	if h.Name() != "h" || i.Name() != "wan" || i.MAC() != macA || i.MTU() != 1400 || len(i.Prefixes()) != 2 {
		t.Errorf("%s %s %v %d %v", h.Name(), i.Name(), i.MAC(), i.MTU(), i.Prefixes())
	}
	if got := h.Addrs(); len(got) != 2 || got[0] != addr("192.0.2.1") || got[1] != addr("2001:db8::1") {
		t.Errorf("addresses: %v", got)
	}
	if got := h.Routes(); got[0].Prefix.Bits() != 128 || got[len(got)-1].Prefix.Bits() != 8 {
		t.Errorf("routes: %v, want the longest prefix first", got)
	}
}
