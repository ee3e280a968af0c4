package packet

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
)

// at returns a copy of b with one byte replaced.
func at(b []byte, i int, v byte) []byte {
	b = append([]byte(nil), b...)
	b[i] = v
	return b
}

func TestDefects(t *testing.T) {
	ip4 := append(IPv4{TTL: 1, Protocol: ProtocolUDP, Src: here4, Dst: there4}.Append(nil, 4), "data"...)
	alert := IPv4{TTL: 1, Protocol: ProtocolIGMP, Src: here4, Dst: there4, RouterAlert: true}.Append(nil, 0)
	ip6 := append(IPv6{Next: ProtocolUDP, Src: here6, Dst: there6}.Append(nil, 4), "data"...)
	udp := UDP{1, 2}.Append(nil, here4, there4, []byte("data"))
	udp6 := UDP{1, 2}.Append(nil, here6, there6, []byte("data"))
	tcp := TCP{Options: TCPOptions{MSS: 1460}}.Append(nil, here4, there4, []byte("data"))
	fixed := func(b []byte) []byte { return fixSum(b, 16, PseudoHeader(ProtocolTCP, here4, there4, len(b))) }
	extended := func(next Protocol, extensions ...byte) []byte {
		return append(IPv6{Next: next, Src: here6, Dst: there6}.Append(nil, len(extensions)), extensions...)
	}
	pad := []byte{60, 0, 1, 4, 0, 0, 0, 0} // destination options, more to follow

	parse4 := func(b []byte) error { _, _, err := ParseIPv4(b); return err }
	parse6 := func(b []byte) error { _, _, err := ParseIPv6(b); return err }
	parseUDP := func(b []byte) error { _, _, err := ParseUDP(b, here4, there4); return err }
	parseUDP6 := func(b []byte) error { _, _, err := ParseUDP(b, here6, there6); return err }
	parseTCP := func(b []byte) error { _, _, err := ParseTCP(b, here4, there4); return err }
	parseARP := func(b []byte) error { _, err := ParseARP(b); return err }
	arp := ARP{Op: ARPRequest, SenderIP: here4, TargetIP: there4}.Append(nil)

	for _, c := range []struct {
		name  string
		parse func([]byte) error
		b     []byte
		want  error
	}{
		{"a right packet", parse4, ip4, nil},
		{"nothing", parse4, nil, ShortIPv4},
		{"cut", parse4, ip4[:23], ShortIPv4},
		{"IPv6", parse4, ip6, NotIPv4},
		{"header of 16 bytes", parse4, at(ip4, 0, 0x44), BadIPv4Length},
		{"total length within the header", parse4, at(ip4, 3, 19), BadIPv4Length},
		{"checksum", parse4, at(ip4, 8, 2), BadIPv4Checksum},
		{"option of length 1", parse4, fixSum(at(alert, 21, 1), 10, 0), BadIPv4Option},
		{"option that does not end", parse4, fixSum(at(alert, 21, 5), 10, 0), BadIPv4Option},
		{"unknown option", parse4, fixSum(at(alert, 20, 7), 10, 0), nil},

		{"a right packet", parse6, ip6, nil},
		{"cut", parse6, ip6[:43], ShortIPv6},
		{"IPv4", parse6, append(ip4, ip4...), NotIPv6},
		{"options without end", parse6, extended(60, pad[:7]...), ShortIPv6},
		{"options that are cut", parse6, extended(60, at(pad, 1, 1)...), ShortIPv6},
		{"hop-by-hop in second place", parse6, extended(60, append(at(pad, 0, 0), pad...)...), BadExtension},
		{"option to be discarded with", parse6, extended(60, at(at(pad, 0, 59), 2, 0x80)...), BadExtension},
		{"option to be skipped", parse6, extended(60, at(at(pad, 0, 59), 2, 0x1e)...), nil},
		{"option longer than its header", parse6, extended(60, at(at(pad, 0, 59), 3, 5)...), BadExtension},
		{"segments left", parse6, extended(43, 59, 0, 0, 1, 0, 0, 0, 0), BadExtension},
		{"no segments left", parse6, extended(43, 59, 0, 0, 0, 0, 0, 0, 0), nil},
		{"nine extension headers", parse6, extended(60, repeat(pad, 9)...), TooManyExtensions},

		{"a right datagram", parseUDP, udp, nil},
		{"padding", parseUDP, append(udp, 0, 0), nil},
		{"cut", parseUDP, udp[:11], ShortUDP},
		{"length 7", parseUDP, at(udp, 5, 7), BadUDPLength},
		{"checksum", parseUDP, at(udp, 8, 0), BadUDPChecksum},
		{"no checksum", parseUDP, at(at(udp, 6, 0), 7, 0), nil},
		{"no checksum over IPv6", parseUDP6, at(at(udp6, 6, 0), 7, 0), BadUDPChecksum},

		{"a right segment", parseTCP, tcp, nil},
		{"cut", parseTCP, tcp[:23], ShortTCP},
		{"data offset 4", parseTCP, fixed(at(tcp, 12, 0x40)), BadTCPOffset},
		{"checksum", parseTCP, at(tcp, 4, 1), BadTCPChecksum},
		{"option of length 0", parseTCP, fixed(at(tcp, 21, 0)), BadTCPOption},
		{"option of length 5 in 4", parseTCP, fixed(at(tcp, 21, 5)), BadTCPOption},

		{"a right message", parseARP, arp, nil},
		{"cut", parseARP, arp[:27], ShortARP},
		{"of another hardware", parseARP, at(arp, 1, 6), NotEthernetIPv4},
	} {
		if got := c.parse(c.b); !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func repeat(b []byte, n int) (all []byte) {
	for range n {
		all = append(all, b...)
	}
	return all
}

func TestNeighborDefects(t *testing.T) {
	b := NeighborSolicitation{here6, MAC{2}}.Append(nil, here6, there6)
	m, body, err := ParseICMPv6(b, here6, there6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseNeighborAdvertisement(m, body); !errors.Is(err, BadNeighbor) {
		t.Errorf("a solicitation as an advertisement: %v", err)
	}
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"cut", body[:15]},
		{"option of length 0", at(body, 17, 0)},
		{"option of 16 bytes in 8", at(body, 17, 2)},
		{"multicast target", at(body, 0, 0xff)},
	} {
		if _, err := ParseNeighborSolicitation(m, c.body); !errors.Is(err, BadNeighbor) {
			t.Errorf("%s: %v, want %v", c.name, err, BadNeighbor)
		}
	}
}

func TestTCPOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want TCPOptions
	}{
		{"none", nil, TCPOptions{}},
		{"no-operations and end", []byte{1, 1, 0, 2}, TCPOptions{}},
		{"window scale of 15 is 14", []byte{3, 3, 15, 0}, TCPOptions{HasWindowScale: true, WindowScale: 14}},
		{"an unknown one is skipped", []byte{99, 4, 0, 0, 2, 4, 5, 0xb4}, TCPOptions{MSS: 1460}},
		{"MSS of another length is skipped", []byte{2, 3, 1, 4, 2, 0}, TCPOptions{SACKPermitted: true}},
		{"the last of two", []byte{2, 4, 0, 1, 2, 4, 0, 2}, TCPOptions{MSS: 2}},
		{"SACK without blocks", []byte{5, 2, 0, 0}, TCPOptions{}},
		{"two SACK options", append([]byte{5, 18, 15: 0, 17: 0}, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2),
			TCPOptions{SACKBlocks: 1, SACK: [4]SACKBlock{{1, 2}}}},
	} {
		var got TCPOptions
		if err := got.parse(c.b); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	full := TCPOptions{HasTimestamps: true, SACKBlocks: 4, SACK: [4]SACKBlock{{1, 2}, {3, 4}, {5, 6}, {7, 8}}}
	if got, want := full.size(), 40; got != want {
		t.Errorf("timestamps and three of four SACK blocks take %d bytes, want %d", got, want)
	}
	syn := TCP{Flags: SYN, Options: TCPOptions{MSS: 1460, SACKPermitted: true, HasTimestamps: true, HasWindowScale: true, WindowScale: 7}}
	if got, want := syn.Size(), 40; got != want {
		t.Errorf("a SYN as Linux sends it has %d bytes, want %d", got, want)
	}
}

func TestUDPChecksumIsNeverZero(t *testing.T) {
	for i := range 1 << 16 {
		b := UDP{}.Append(nil, here4, there4, binary.BigEndian.AppendUint16(nil, uint16(i)))
		if b[6] == 0 && b[7] == 0 {
			t.Fatalf("payload %04x: checksum 0", i)
		}
		if _, _, err := ParseUDP(b, here4, there4); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMAC(t *testing.T) {
	m := MAC{0x02, 0, 0x5e, 0x10, 0, 0xff}
	if m.String() != "02:00:5e:10:00:ff" || m.IsMulticast() {
		t.Errorf("%v is multicast: %v", m, m.IsMulticast())
	}
	for _, c := range []struct{ group, want string }{
		{"224.129.2.3", "01:00:5e:01:02:03"},
		{"255.255.255.255", "ff:ff:ff:ff:ff:ff"},
		{"ff02::1:ff28:9c5a", "33:33:ff:28:9c:5a"},
	} {
		if got := MulticastMAC(netip.MustParseAddr(c.group)); got.String() != c.want || !got.IsMulticast() {
			t.Errorf("MulticastMAC(%s): %v, want %s", c.group, got, c.want)
		}
	}
	// RFC 4291 §2.7.1 and RFC 2464 §4 give these.
	if got, want := SolicitedNode(netip.MustParseAddr("4037::01:800:200e:8c6c")), "ff02::1:ff0e:8c6c"; got.String() != want {
		t.Errorf("SolicitedNode: %v, want %s", got, want)
	}
	if got, want := LinkLocal(MAC{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}), "fe80::3656:78ff:fe9a:bcde"; got.String() != want {
		t.Errorf("LinkLocal: %v, want %s", got, want)
	}
}
