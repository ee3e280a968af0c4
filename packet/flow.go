package packet

import (
	"cmp"
	"encoding/binary"
	"net/netip"
)

// Flow is one direction of a conversation: what names the packets that
// belong together and must stay in order. It is comparable. Ports are 0
// where the protocol has none or a fragment does not show them.
type Flow struct {
	Protocol Protocol
	Src, Dst netip.AddrPort
}

// Reverse returns the other direction.
func (f Flow) Reverse() Flow { return Flow{f.Protocol, f.Dst, f.Src} }

// Compare orders flows by protocol, source and destination.
func (f Flow) Compare(g Flow) int {
	if c := cmp.Compare(f.Protocol, g.Protocol); c != 0 {
		return c
	}
	if c := f.Src.Compare(g.Src); c != 0 {
		return c
	}
	return f.Dst.Compare(g.Dst)
}

func (f Flow) String() string {
	return f.Protocol.String() + " " + endpoint(f.Src) + " → " + endpoint(f.Dst)
}

// endpoint leaves out a port that is not there.
func endpoint(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// FlowOf returns the flow of an Ethernet frame. It reports false when the
// frame does not carry IP. Nothing is checked but lengths, and nothing is
// allocated.
func FlowOf(frame []byte) (Flow, bool) {
	if len(frame) < EthernetSize {
		return Flow{}, false
	}
	switch EtherType(binary.BigEndian.Uint16(frame[12:])) {
	case TypeIPv4, TypeIPv6:
		return FlowOfIP(frame[EthernetSize:])
	}
	return Flow{}, false
}

// FlowOfIP is FlowOf for an IP packet without a frame around it. The packet
// may be cut short, as in the body of an ICMP error, behind its ports.
func FlowOfIP(b []byte) (Flow, bool) {
	f, _, ok := openIP(b)
	return f, ok
}

// openIP returns the flow of a packet, of which the end may be missing, and
// what is there of its transport header and payload.
func openIP(b []byte) (f Flow, transport []byte, ok bool) {
	if len(b) < IPv4Size {
		return Flow{}, nil, false
	}
	var src, dst netip.Addr
	first := true // the packet shows the start of its payload
	switch b[0] >> 4 {
	case 4:
		size := int(b[0]&15) * 4
		if size < IPv4Size || size > len(b) {
			return Flow{}, nil, false
		}
		first = binary.BigEndian.Uint16(b[6:])&ipv4OffsetMask == 0
		f.Protocol = Protocol(b[9])
		src, dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		transport = b[size:]
	case 6:
		if len(b) < IPv6Size {
			return Flow{}, nil, false
		}
		h := IPv6{Next: Protocol(b[6])}
		src, dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		transport = b[IPv6Size:]
		if h.Next.isExtension() {
			var err error
			if transport, err = h.skipExtensions(transport); err != nil {
				return Flow{}, nil, false
			}
			first = h.FragmentOffset == 0
		}
		f.Protocol = h.Next
	default:
		return Flow{}, nil, false
	}
	var from, to uint16
	if !first {
		transport = nil
	} else if (f.Protocol == ProtocolTCP || f.Protocol == ProtocolUDP) && len(transport) >= 4 {
		from, to = binary.BigEndian.Uint16(transport), binary.BigEndian.Uint16(transport[2:])
	}
	f.Src, f.Dst = netip.AddrPortFrom(src, from), netip.AddrPortFrom(dst, to)
	return f, transport, true
}
