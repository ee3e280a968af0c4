package packet

import (
	"encoding/binary"
	"net/netip"
)

// Options of neighbor discovery (RFC 4861 §4.6).
const (
	ndpSourceLinkLayer = 1
	ndpTargetLinkLayer = 2
)

// Flags of a neighbor advertisement (RFC 4861 §4.4), as they lie in Rest.
const (
	ndpRouter    = 1 << 31
	ndpSolicited = 1 << 30
	ndpOverride  = 1 << 29
)

// NeighborSolicitation asks who has an address (RFC 4861 §4.3). The packet
// that carries it must have hop limit 255; the receiver checks that.
type NeighborSolicitation struct {
	Target netip.Addr
	Source MAC // of who asks; zero: not told, as in duplicate address detection
}

// ParseNeighborSolicitation reads the parts of an ICMPv6 message of type
// [ICMPv6NeighborSolicitation], which [ParseICMPv6] returned.
func ParseNeighborSolicitation(m ICMP, body []byte) (NeighborSolicitation, error) {
	if m.Type != ICMPv6NeighborSolicitation || m.Code != 0 {
		return NeighborSolicitation{}, BadNeighbor
	}
	target, mac, err := parseNeighbor(body, ndpSourceLinkLayer)
	return NeighborSolicitation{target, mac}, err
}

// Append appends the ICMPv6 message to b.
func (n NeighborSolicitation) Append(b []byte, src, dst netip.Addr) []byte {
	m := ICMP{Type: ICMPv6NeighborSolicitation}
	return appendNeighbor(b, m, src, dst, n.Target, n.Source, ndpSourceLinkLayer)
}

// NeighborAdvertisement tells who has an address (RFC 4861 §4.4). The packet
// that carries it must have hop limit 255; the receiver checks that.
type NeighborAdvertisement struct {
	Router, Solicited, Override bool
	Target                      netip.Addr
	MAC                         MAC // of the target; zero: not told
}

// ParseNeighborAdvertisement reads the parts of an ICMPv6 message of type
// [ICMPv6NeighborAdvertisement], which [ParseICMPv6] returned.
func ParseNeighborAdvertisement(m ICMP, body []byte) (NeighborAdvertisement, error) {
	if m.Type != ICMPv6NeighborAdvertisement || m.Code != 0 {
		return NeighborAdvertisement{}, BadNeighbor
	}
	target, mac, err := parseNeighbor(body, ndpTargetLinkLayer)
	if err != nil {
		return NeighborAdvertisement{}, err
	}
	return NeighborAdvertisement{
		Router:    m.Rest&ndpRouter != 0,
		Solicited: m.Rest&ndpSolicited != 0,
		Override:  m.Rest&ndpOverride != 0,
		Target:    target,
		MAC:       mac,
	}, nil
}

// Append appends the ICMPv6 message to b.
func (n NeighborAdvertisement) Append(b []byte, src, dst netip.Addr) []byte {
	m := ICMP{Type: ICMPv6NeighborAdvertisement}
	if n.Router {
		m.Rest |= ndpRouter
	}
	if n.Solicited {
		m.Rest |= ndpSolicited
	}
	if n.Override {
		m.Rest |= ndpOverride
	}
	return appendNeighbor(b, m, src, dst, n.Target, n.MAC, ndpTargetLinkLayer)
}

// parseNeighbor reads the target and the link-layer address option of the
// given kind.
func parseNeighbor(b []byte, kind byte) (target netip.Addr, mac MAC, err error) {
	if len(b) < 16 {
		return netip.Addr{}, MAC{}, BadNeighbor
	}
	target = netip.AddrFrom16([16]byte(b))
	if target.IsMulticast() { // RFC 4861 §7.1.1, §7.1.2
		return netip.Addr{}, MAC{}, BadNeighbor
	}
	for b = b[16:]; len(b) > 0; {
		// RFC 4861 §4.6: lengths count 8 bytes; 0 spoils the message.
		if len(b) < 8 || b[1] == 0 || int(b[1])*8 > len(b) {
			return netip.Addr{}, MAC{}, BadNeighbor
		}
		if b[0] == kind && b[1] == 1 {
			mac = MAC(b[2:8])
		}
		b = b[int(b[1])*8:]
	}
	return target, mac, nil
}

func appendNeighbor(b []byte, m ICMP, src, dst, target netip.Addr, mac MAC, kind byte) []byte {
	var body [24]byte
	t := target.As16()
	n := copy(body[:], t[:])
	if !mac.IsZero() {
		body[16], body[17] = kind, 1
		n += 2 + copy(body[18:], mac[:])
	}
	return m.AppendV6(b, src, dst, body[:n])
}

// SolicitedNode returns the multicast group that an IPv6 address is asked
// for in (RFC 4291 §2.7.1).
func SolicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	g := [16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff}
	copy(g[13:], b[13:])
	return netip.AddrFrom16(g)
}

// LinkLocal returns the address fe80::/64 that an Ethernet interface makes
// from its own (RFC 4291 Appendix A, RFC 2464 §5).
func LinkLocal(m MAC) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint16(b[:], 0xfe80)
	copy(b[8:], m[:3])
	b[8] ^= 2
	b[11], b[12] = 0xff, 0xfe
	copy(b[13:], m[3:])
	return netip.AddrFrom16(b)
}
