package packet

import (
	"net/netip"
	"testing"
	"time"
)

func TestDescribe(t *testing.T) {
	mac := MAC{2, 0, 0, 0, 0, 1}
	e4, e6 := Ethernet{Broadcast(), mac, TypeIPv4}.Append(nil), Ethernet{Broadcast(), mac, TypeIPv6}.Append(nil)
	v4 := func(p Protocol, b []byte) []byte {
		return append(IPv4{TTL: 64, Protocol: p, Src: here4, Dst: there4}.Append(e4, len(b)), b...)
	}
	v6 := func(b []byte) []byte {
		return append(IPv6{HopLimit: 64, Next: ProtocolICMPv6, Src: here6, Dst: there6}.Append(e6, len(b)), b...)
	}
	segment := func(h TCP, data string) []byte {
		h.SrcPort, h.DstPort = 49152, 80
		return v4(ProtocolTCP, h.Append(nil, here4, there4, []byte(data)))
	}
	spoil := func(frame []byte, at int) []byte {
		frame[at] ^= 0xff
		return frame
	}
	datagram := v4(ProtocolUDP, UDP{53, 5353}.Append(nil, here4, there4, []byte("hello")))
	group4, group6 := netip.MustParseAddr("224.0.1.1"), netip.MustParseAddr("ff02::1:3")

	for _, c := range []struct {
		frame []byte
		want  string
	}{
		{segment(TCP{Seq: 1000, Flags: SYN, Window: 65535, Options: TCPOptions{MSS: 1460}}, ""),
			"TCP 192.0.2.1:49152 → 198.51.100.2:80 SYN seq 1000 win 65535 mss 1460"},
		{segment(TCP{Seq: 1, Ack: 2, Flags: SYN | ACK, Window: 3, Options: TCPOptions{MSS: 4, HasWindowScale: true, WindowScale: 7, SACKPermitted: true, HasTimestamps: true}}, ""),
			"TCP 192.0.2.1:49152 → 198.51.100.2:80 SYN,ACK seq 1 ack 2 win 3 mss 4 wscale 7 sackok ts"},
		{segment(TCP{Seq: 1, Ack: 2, Flags: PSH | ACK, Window: 3, Options: TCPOptions{HasTimestamps: true, SACKBlocks: 2, SACK: [4]SACKBlock{{4, 5}, {6, 7}}}}, "data"),
			"TCP 192.0.2.1:49152 → 198.51.100.2:80 PSH,ACK seq 1 ack 2 win 3 len 4 sack 4-5,6-7"},
		{segment(TCP{Flags: URG | ECE | CWR | RST}, ""), "TCP 192.0.2.1:49152 → 198.51.100.2:80 RST,URG,ECE,CWR seq 0 win 0"},
		{segment(TCP{}, ""), "TCP 192.0.2.1:49152 → 198.51.100.2:80 none seq 0 win 0"},
		{spoil(segment(TCP{}, "x"), 54), "TCP 192.0.2.1:49152 → 198.51.100.2:80 [TCP: wrong checksum]"},
		{v4(ProtocolTCP, []byte("short")), "TCP 192.0.2.1 → 198.51.100.2 [TCP: segment shorter than its header]"},
		{datagram, "UDP 192.0.2.1:53 → 198.51.100.2:5353 len 5"},
		{spoil(segment(TCP{}, ""), 20), "IPv4: wrong header checksum"},
		{v4(99, []byte("what")), "protocol 99 192.0.2.1 → 198.51.100.2 len 4"},
		{append(IPv4{TTL: 64, ID: 7, MoreFragments: true, Protocol: ProtocolUDP, Src: here4, Dst: there4}.Append(e4, 8), 1, 2, 3, 4, 5, 6, 7, 8),
			"UDP 192.0.2.1 → 198.51.100.2 fragment 7 of 8 bytes at 0"},
		{append(IPv6{Fragment: true, FragmentID: 9, FragmentOffset: 1448, Next: ProtocolUDP, Src: here6, Dst: there6}.Append(e6, 4), 1, 2, 3, 4),
			"UDP 2001:db8::1 → 2001:db8::2 fragment 9 of 4 bytes at 1448, the last"},
		{ARP{Op: ARPRequest, SenderIP: here4, TargetIP: there4}.Append(Ethernet{Type: TypeARP}.Append(nil)), "ARP who has 198.51.100.2? tell 192.0.2.1"},
		{ARP{Op: ARPReply, SenderMAC: mac, SenderIP: here4, TargetIP: there4}.Append(Ethernet{Type: TypeARP}.Append(nil)), "ARP 192.0.2.1 is at 02:00:00:00:00:01"},
		{v4(ProtocolICMP, ICMP{Type: ICMPv4Echo, Rest: 3<<16 | 4}.AppendV4(nil, nil)), "ICMP 192.0.2.1 → 198.51.100.2 echo request id 3 seq 4"},
		{v4(ProtocolICMP, ICMP{Type: ICMPv4Unreachable, Code: ICMPv4PortUnreachable}.AppendV4(nil, Quote(datagram[14:]))),
			"ICMP 192.0.2.1 → 198.51.100.2 port unreachable (UDP 192.0.2.1:53 → 198.51.100.2:5353)"},
		{v4(ProtocolICMP, ICMP{Type: ICMPv4Unreachable, Code: ICMPv4FragmentationNeeded, Rest: 1400}.AppendV4(nil, Quote(datagram[14:]))),
			"ICMP 192.0.2.1 → 198.51.100.2 fragmentation needed, mtu 1400 (UDP 192.0.2.1:53 → 198.51.100.2:5353)"},
		{v4(ProtocolICMP, ICMP{Type: ICMPv4TimeExceeded}.AppendV4(nil, nil)), "ICMP 192.0.2.1 → 198.51.100.2 time exceeded"},
		{v4(ProtocolIGMP, IGMP{Type: IGMPReport, Group: group4}.Append(nil)), "IGMP 192.0.2.1 → 198.51.100.2 report 224.0.1.1"},
		{v6(ICMP{Type: ICMPv6EchoReply, Rest: 3<<16 | 4}.AppendV6(nil, here6, there6, nil)), "ICMPv6 2001:db8::1 → 2001:db8::2 echo reply id 3 seq 4"},
		{v6(ICMP{Type: ICMPv6PacketTooBig, Rest: 1280}.AppendV6(nil, here6, there6, nil)), "ICMPv6 2001:db8::1 → 2001:db8::2 packet too big, mtu 1280"},
		{v6(NeighborSolicitation{there6, mac}.Append(nil, here6, there6)), "ICMPv6 2001:db8::1 → 2001:db8::2 NDP who has 2001:db8::2?"},
		{v6(NeighborAdvertisement{Target: here6, MAC: mac}.Append(nil, here6, there6)), "ICMPv6 2001:db8::1 → 2001:db8::2 NDP 2001:db8::1 is at 02:00:00:00:00:01"},
		{v6(MLD{Type: ICMPv6MLDDone, Group: group6, MaxResponse: time.Second}.Append(nil, here6, there6)), "ICMPv6 2001:db8::1 → 2001:db8::2 MLD done ff02::1:3"},
		{v6(ICMP{Type: 200, Code: 1}.AppendV6(nil, here6, there6, nil)), "ICMPv6 2001:db8::1 → 2001:db8::2 type 200 code 1"},
		{Ethernet{Dst: Broadcast(), Src: mac, Type: 0x88cc}.Append(nil), "EtherType 0x88cc 02:00:00:00:00:01 → ff:ff:ff:ff:ff:ff len 0"},
		{[]byte("short"), "Ethernet: frame shorter than its header"},
	} {
		if got := Describe(c.frame); got != c.want {
			t.Errorf("Describe: %s\nwant      %s", got, c.want)
		}
	}
}

func TestFlow(t *testing.T) {
	r := newRandom(1)
	segment := TCP{SrcPort: 49152, DstPort: 80}.Append(nil, here4, there4, []byte("data"))
	want := Flow{ProtocolTCP, netip.AddrPortFrom(here4, 49152), netip.AddrPortFrom(there4, 80)}
	frame := r.frame(ProtocolTCP, here4, there4, segment)
	if got, ok := FlowOf(frame); !ok || got != want {
		t.Errorf("FlowOf: %v, %v, want %v", got, ok, want)
	}
	if got, ok := FlowOfIP(frame[14:][:24]); !ok || got != want {
		t.Errorf("FlowOfIP of 24 bytes: %v, %v, want %v", got, ok, want)
	}
	if got, want := want.String(), "TCP 192.0.2.1:49152 → 198.51.100.2:80"; got != want {
		t.Errorf("String: %s, want %s", got, want)
	}
	same := want
	if same.Compare(want) != 0 || want.Compare(want.Reverse()) >= 0 || want.Reverse().Compare(want) <= 0 {
		t.Errorf("Compare does not order a flow and its reverse")
	}
	later := IPv4{FragmentOffset: 8, Protocol: ProtocolUDP, Src: here4, Dst: there4}.Append(nil, 8)
	if got, ok := FlowOfIP(append(later, segment[:8]...)); !ok || got.Src.Port() != 0 {
		t.Errorf("FlowOfIP of a later fragment: %v, %v, want no ports", got, ok)
	}
	if _, ok := FlowOf(Ethernet{Type: TypeARP}.Append(nil)); ok {
		t.Errorf("FlowOf finds a flow in an ARP frame")
	}
	q, ok := ParseQuote(Quote(append(IPv4{Protocol: ProtocolTCP, Src: here4, Dst: there4}.Append(nil, 1000), TCP{SrcPort: 49152, DstPort: 80, Seq: 7}.Append(nil, here4, there4, nil)[:8]...)))
	if !ok || q.Flow != want || q.Seq != 7 {
		t.Errorf("ParseQuote: %+v, %v, want %v with seq 7", q, ok, want)
	}
}
