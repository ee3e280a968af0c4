package stack

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// TestPathMTULies: an ICMP error may quote any protocol, and a path MTU holds
// for all of them. A quote of what nobody here sent is not believed.
func TestPathMTULies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		c, _ := p.connected(t)
		u := listenUDP(t, p.a, "192.0.2.1:5000")
		tell := func(protocol packet.Protocol, quoted []byte) {
			about := append(packet.IPv4{TTL: 60, Protocol: protocol, Src: addr("192.0.2.1"), Dst: addr("192.0.2.2")}.Append(nil, 1400), quoted...)
			m := packet.ICMP{Type: packet.ICMPv4Unreachable, Code: packet.ICMPv4FragmentationNeeded, Rest: 600}
			body := m.AppendV4(nil, about)
			f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv4}.Append(nil)
			f = packet.IPv4{TTL: 60, Protocol: packet.ProtocolICMP, Src: addr("192.0.2.66"), Dst: addr("192.0.2.1")}.Append(f, len(body))
			p.ia.Receive(append(f, body...))
		}
		datagram := func(from uint16) []byte {
			return packet.UDP{SrcPort: from, DstPort: 53}.Append(nil, addr("192.0.2.1"), addr("192.0.2.2"), nil)
		}
		tell(packet.ProtocolUDP, datagram(4999))
		tell(packet.ProtocolICMP, packet.ICMP{Type: packet.ICMPv4EchoReply, Rest: 7}.AppendV4(nil, nil))
		tell(132, make([]byte, 8))
		c.Write([]byte("x"))
		if mss := c.Info().MSS; mss != 1448 || len(p.a.pathMTUs) != 0 {
			t.Errorf("the MSS is %d, path MTUs %v", mss, p.a.pathMTUs)
		}
		tell(packet.ProtocolUDP, datagram(u.local.Port())) // somebody may have sent this one
		if got := p.a.pathMTUs[addr("192.0.2.2")].mtu; got != 600 {
			t.Errorf("the path MTU of a socket's datagram is %d, want 600", got)
		}
	})
}

// TestFragmentRewritten: bytes that came cannot be replaced by others.
func TestFragmentRewritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		c := listenUDP(t, p.a, "192.0.2.1:53")
		whole := make([]byte, 1608)
		other := make([]byte, 1608)
		other[400] = 1
		copy(whole, packet.UDP{SrcPort: 9, DstPort: 53}.Append(nil, addr("192.0.2.2"), addr("192.0.2.1"), make([]byte, 1600)))
		receiveParts(p.ia, 1, whole, []part{{0, 800, false}})
		receiveParts(p.ia, 1, other, []part{{400, 408, false}})
		receiveParts(p.ia, 1, whole, []part{{800, len(whole), true}})
		if c.queue.count != 0 || p.a.stats.FragmentDropped != 2 || p.a.stats.Malformed != 0 {
			t.Errorf("%d datagrams, %+v", c.queue.count, p.a.stats)
		}
	})
}

// TestOwnAddressFromOutside: what claims to come from this host, by the
// address of any interface, comes from nobody.
func TestOwnAddressFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		if _, err := p.a.Attach(discard{}, InterfaceConfig{Prefixes: prefixes("198.51.100.1/24")}); err != nil {
			t.Fatal(err)
		}
		c := listenUDP(t, p.a, "192.0.2.1:53")
		for _, src := range []string{"198.51.100.1", "192.0.2.1", "127.0.0.1"} {
			d := packet.UDP{SrcPort: 9, DstPort: 53}.Append(nil, addr(src), addr("192.0.2.1"), []byte("me"))
			f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv4}.Append(nil)
			f = packet.IPv4{TTL: 64, Protocol: packet.ProtocolUDP, Src: addr(src), Dst: addr("192.0.2.1")}.Append(f, len(d))
			p.ia.Receive(append(f, d...))
			if c.queue.count != 0 {
				t.Errorf("a datagram from %s was taken", src)
			}
		}
	})
}

// TestEchoFromNobody: the unspecified address cannot be answered.
func TestEchoFromNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		if err := p.a.AddRoute(Route{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addr("192.0.2.2")}); err != nil {
			t.Fatal(err)
		}
		p.wire.frames()
		m := packet.ICMP{Type: packet.ICMPv4Echo}.AppendV4(nil, nil)
		f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv4}.Append(nil)
		f = packet.IPv4{TTL: 64, Protocol: packet.ProtocolICMP, Src: addr("0.0.0.0"), Dst: addr("192.0.2.1")}.Append(f, len(m))
		p.ia.Receive(append(f, m...))
		synctest.Wait()
		if got := p.wire.frames(); len(got) != 0 {
			t.Errorf("it was answered: %q", got)
		}
	})
}

// TestLinkRouteStays: a route through a gateway does not replace that of the
// link, for the same prefix on the same interface.
func TestLinkRouteStays(t *testing.T) {
	h := newHost(t, Config{})
	i, err := h.Attach(discard{}, InterfaceConfig{Name: "wan", MAC: macA, Prefixes: prefixes("192.0.2.1/24")})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.AddRoute(Route{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Via: addr("192.0.2.254"), Interface: i}); err != nil {
		t.Fatal(err)
	}
	if r, _ := h.lookup(addr("192.0.2.77"), nil); r.String() != "192.0.2.0/24 on wan" {
		t.Errorf("192.0.2.77 goes %v", r)
	}
}

// TestSolicitationProbes: whoever asks without an address of its own can only
// mean to take ours, and says so in the form of RFC 4861 §7.1.1.
func TestSolicitationProbes(t *testing.T) {
	ours := addr("2001:db8::1")
	tests := []struct {
		name   string
		dst    netip.Addr
		source packet.MAC
		want   bool
	}{
		{"to the solicited-node group", packet.SolicitedNode(ours), packet.MAC{}, true},
		{"to us", ours, packet.MAC{}, false},
		{"to all nodes", allNodes, packet.MAC{}, false},
		{"with a link address", packet.SolicitedNode(ours), macB, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, 0, Config{}, Config{})
				p.wire.frames()
				none := netip.IPv6Unspecified()
				m := packet.NeighborSolicitation{Target: ours, Source: test.source}.Append(nil, none, test.dst)
				f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv6}.Append(nil)
				if test.dst.IsMulticast() {
					f = packet.Ethernet{Dst: packet.MulticastMAC(test.dst), Src: macB, Type: packet.TypeIPv6}.Append(nil)
				}
				f = packet.IPv6{HopLimit: ndpHopLimit, Next: packet.ProtocolICMPv6, Src: none, Dst: test.dst}.Append(f, len(m))
				p.ia.Receive(append(f, m...))
				seen := p.wire.frames()
				if got := len(seen) == 1; got != test.want {
					t.Errorf("sent %q, want an answer: %v", seen, test.want)
				}
				if got := p.a.Stats().Malformed; got != 0 == test.want {
					t.Errorf("%d malformed", got)
				}
			})
		})
	}
}

// TestFragmentIDs: those of IPv6 count in 32 bits, of which IPv4 has 16.
func TestFragmentIDs(t *testing.T) {
	h := newHost(t, Config{})
	for n := range h.ids {
		h.ids[n] = 1<<20 | 0xffff
	}
	var sent recorder
	i, err := h.Attach(&sent, InterfaceConfig{Prefixes: prefixes("192.0.2.1/24", "2001:db8::1/64")})
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]uint32{"192.0.2.2": 0, "2001:db8::2": 1<<20 + 1<<16} {
		sent.frames = nil
		h.lock()
		p, err := h.path(netip.Addr{}, addr(to), i)
		if err != nil {
			t.Fatal(err)
		}
		h.send(&p, header{protocol: packet.ProtocolUDP}, make([]byte, 2000))
		h.unlock()
		if len(sent.frames) != 2 {
			t.Fatalf("%s: %d fragments", to, len(sent.frames))
		}
		for _, f := range sent.frames {
			var got uint32
			if p.dst.Is4() {
				v4, _, _ := packet.ParseIPv4(f)
				got = uint32(v4.ID)
			} else {
				v6, _, _ := packet.ParseIPv6(f)
				got = v6.FragmentID
			}
			if got != want {
				t.Errorf("%s: identification %#x, want %#x", to, got, want)
			}
		}
	}
}

// recorder is a device that keeps what it is given.
type recorder struct{ frames [][]byte }

// Transmit implements Device.
func (r *recorder) Transmit(frame []byte) { r.frames = append(r.frames, slices.Clone(frame)) }
