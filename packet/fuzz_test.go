package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

// Every parser takes any bytes. What it took is written in the canonical
// form, and that form is read as the same value and written as the same
// bytes.

var (
	here4  = netip.MustParseAddr("192.0.2.1")
	there4 = netip.MustParseAddr("198.51.100.2")
	here6  = netip.MustParseAddr("2001:db8::1")
	there6 = netip.MustParseAddr("2001:db8::2")
)

// fixSum writes the checksum at the offset, so that the fuzzer gets behind
// the check.
func fixSum(b []byte, at int, sum Sum) []byte {
	b = bytes.Clone(b)
	if len(b) < at+2 {
		return b
	}
	b[at], b[at+1] = 0, 0
	s := sum.Add(b).Checksum()
	b[at], b[at+1] = byte(s>>8), byte(s)
	return b
}

func FuzzEthernet(f *testing.F) {
	f.Add(newRandom(1).bytes(60))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := ParseEthernet(b)
		if err != nil {
			return
		}
		if got := append(h.Append(nil), payload...); !bytes.Equal(got, b) {
			t.Fatalf("% x\nbecomes % x", b, got)
		}
	})
}

func FuzzARP(f *testing.F) {
	f.Add(ARP{Op: ARPRequest, SenderIP: here4, TargetIP: there4}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseARP(b)
		if err != nil {
			return
		}
		if got := m.Append(nil); !bytes.Equal(got, b[:ARPSize]) {
			t.Fatalf("% x\nbecomes % x", b, got)
		}
	})
}

func FuzzIPv4(f *testing.F) {
	r := newRandom(2)
	for range 10 {
		f.Add(append(r.ipv4Header().Append(nil, 8), r.bytes(8)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= IPv4Size {
			if size := int(b[0]&15) * 4; size >= IPv4Size && size <= len(b) {
				b = append(fixSum(b[:size], 10, 0), b[size:]...)
			}
		}
		h, payload, err := ParseIPv4(b)
		if err != nil {
			return
		}
		if len(payload)+h.Size() > 0xffff {
			return // the options that were skipped are not written
		}
		again := append(h.Append(nil, len(payload)), payload...)
		got, rest, err := ParseIPv4(again)
		if err != nil || got != h || !bytes.Equal(rest, payload) {
			t.Fatalf("%+v\nbecomes %+v, %v", h, got, err)
		}
	})
}

func FuzzIPv6(f *testing.F) {
	r := newRandom(3)
	for range 10 {
		f.Add(append(r.ipv6Header().Append(nil, 8), r.bytes(8)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := ParseIPv6(b)
		if err != nil {
			return
		}
		again := append(h.Append(nil, len(payload)), payload...)
		got, rest, err := ParseIPv6(again)
		if err != nil || got != h || !bytes.Equal(rest, payload) {
			t.Fatalf("%+v\nbecomes %+v, %v", h, got, err)
		}
	})
}

func FuzzTCP(f *testing.F) {
	r := newRandom(4)
	for range 20 {
		f.Add(r.tcp().Append(nil, here4, there4, r.bytes(4)), r.bool())
	}
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		src, dst := here4, there4
		if six {
			src, dst = here6, there6
		}
		b = fixSum(b, 16, PseudoHeader(ProtocolTCP, src, dst, len(b)))
		h, payload, err := ParseTCP(b, src, dst)
		if err != nil {
			return
		}
		if h.Options.SACKBlocks > h.Options.blocks() {
			return // packed more tightly than we write
		}
		again := h.Append(nil, src, dst, payload)
		got, rest, err := ParseTCP(again, src, dst)
		if err != nil || got != h || !bytes.Equal(rest, payload) {
			t.Fatalf("%+v\nbecomes %+v, %v", h, got, err)
		}
		if len(again)-len(payload) != h.Size() {
			t.Fatalf("Size is %d, the header %d bytes", h.Size(), len(again)-len(payload))
		}
	})
}

func FuzzUDP(f *testing.F) {
	f.Add(UDP{53, 40000}.Append(nil, here4, there4, []byte("four")), false)
	f.Add(UDP{53, 40000}.Append(nil, here6, there6, []byte("six")), true)
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		src, dst := here4, there4
		if six {
			src, dst = here6, there6
		}
		h, payload, err := ParseUDP(b, src, dst)
		if err != nil {
			return
		}
		got, rest, err := ParseUDP(h.Append(nil, src, dst, payload), src, dst)
		if err != nil || got != h || !bytes.Equal(rest, payload) {
			t.Fatalf("%+v\nbecomes %+v, %v", h, got, err)
		}
	})
}

func FuzzICMP(f *testing.F) {
	quoted := append(IPv4{TTL: 1, Protocol: ProtocolUDP, Src: here4, Dst: there4}.Append(nil, 8), 0, 7, 0, 9, 0, 8, 0, 0)
	f.Add(ICMP{Type: ICMPv4Unreachable, Code: ICMPv4PortUnreachable}.AppendV4(nil, quoted))
	f.Add(NeighborSolicitation{here6, MAC{2}}.Append(nil, here6, there6))
	f.Add(NeighborAdvertisement{Target: here6, MAC: MAC{2}}.Append(nil, here6, there6))
	f.Add(MLD{Type: ICMPv6MLDReport, Group: SolicitedNode(here6)}.Append(nil, here6, there6))
	f.Fuzz(func(t *testing.T, b []byte) {
		four := fixSum(b, 2, 0)
		if m, body, err := ParseICMPv4(four); err == nil {
			if got := m.AppendV4(nil, body); !bytes.Equal(got, four) {
				t.Fatalf("% x\nbecomes % x", four, got)
			}
			ParseQuote(body)
			describeICMPv4(m, body)
		}
		six := fixSum(b, 2, PseudoHeader(ProtocolICMPv6, here6, there6, len(b)))
		m, body, err := ParseICMPv6(six, here6, there6)
		if err != nil {
			return
		}
		if got := m.AppendV6(nil, here6, there6, body); !bytes.Equal(got, six) {
			t.Fatalf("% x\nbecomes % x", six, got)
		}
		describeICMPv6(m, body)
		again := func(b []byte) (ICMP, []byte) {
			m, body, err := ParseICMPv6(b, here6, there6)
			if err != nil {
				t.Fatalf("% x: %v", b, err)
			}
			return m, body
		}
		if n, err := ParseNeighborSolicitation(m, body); err == nil {
			if got, err := ParseNeighborSolicitation(again(n.Append(nil, here6, there6))); err != nil || got != n {
				t.Fatalf("%+v\nbecomes %+v, %v", n, got, err)
			}
		}
		if n, err := ParseNeighborAdvertisement(m, body); err == nil {
			if got, err := ParseNeighborAdvertisement(again(n.Append(nil, here6, there6))); err != nil || got != n {
				t.Fatalf("%+v\nbecomes %+v, %v", n, got, err)
			}
		}
		if q, err := ParseMLD(m, body); err == nil {
			if got, err := ParseMLD(again(q.Append(nil, here6, there6))); err != nil || got != q {
				t.Fatalf("%+v\nbecomes %+v, %v", q, got, err)
			}
		}
	})
}

func FuzzIGMP(f *testing.F) {
	f.Add(IGMP{Type: IGMPReport, Group: netip.MustParseAddr("224.0.1.1")}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseIGMP(fixSum(b, 2, 0))
		if err != nil {
			return
		}
		if got, err := ParseIGMP(m.Append(nil)); err != nil || got != m {
			t.Fatalf("%+v\nbecomes %+v, %v", m, got, err)
		}
	})
}

func FuzzFrame(f *testing.F) {
	r := newRandom(5)
	for range 20 {
		src, dst := r.pair()
		f.Add(r.frame(ProtocolTCP, src, dst, r.tcp().Append(nil, src, dst, nil)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := Describe(b)
		if text == "" || bytes.ContainsAny([]byte(text), "\r\n\x1b") {
			t.Fatalf("Describe: %q", text)
		}
		DescribeIP(b)
		flow, ok := FlowOf(b)
		if ok && flow.Reverse().Reverse() != flow {
			t.Fatalf("%v turned around twice is %v", flow, flow.Reverse().Reverse())
		}
		if len(b) >= 14 {
			if q, ok := ParseQuote(b[14:]); ok {
				if flow, ok := FlowOfIP(b[14:]); !ok || flow != q.Flow {
					t.Fatalf("ParseQuote: %v, FlowOfIP: %v, %v", q.Flow, flow, ok)
				}
			}
			Quote(b[14:])
		}
	})
}
