package stack

import (
	"encoding/binary"
	"net/netip"

	"waypost/packet"
)

// defaultTTL is RFC 1700's for IPv4 and, by the same number, what IPv6 hosts
// are told (RFC 4861 §6.3.2).
const defaultTTL = 64

// header is what varies in the IP headers that a host writes.
type header struct {
	protocol     packet.Protocol
	ttl          uint8 // 0: defaultTTL
	dontFragment bool  // of IPv4; IPv6 routers never fragment
	routerAlert  bool
}

// append appends the IP header for so many bytes of payload.
func (o header) append(b []byte, h *Host, p *path, payload int) []byte {
	ttl := o.ttl
	if ttl == 0 {
		ttl = defaultTTL
	}
	if p.dst.Is4() {
		v4 := packet.IPv4{
			DontFragment: o.dontFragment, TTL: ttl, Protocol: o.protocol,
			Src: p.src, Dst: p.dst, RouterAlert: o.routerAlert,
		}
		if !o.dontFragment {
			// RFC 6864 §4.1: of a packet that nobody may fragment the
			// identification means nothing.
			v4.ID = uint16(h.identification(p, o.protocol))
		}
		return v4.Append(b, payload)
	}
	v6 := packet.IPv6{HopLimit: ttl, Next: o.protocol, Src: p.src, Dst: p.dst, RouterAlert: o.routerAlert}
	return v6.Append(b, payload)
}

// size is the length of the IP header in bytes.
func (o header) size(dst netip.Addr) int {
	if dst.Is4() {
		return packet.IPv4{RouterAlert: o.routerAlert}.Size()
	}
	return packet.IPv6{RouterAlert: o.routerAlert}.Size()
}

// identification is the next one for packets of a protocol between two
// addresses: they count up, from a start that a stranger cannot foresee, and
// other destinations do not disturb them (RFC 7739 §5.3). IPv4 has room for
// its low 16 bits.
func (h *Host) identification(p *path, protocol packet.Protocol) uint32 {
	flow := h.hash(uint8(protocol), netip.AddrPortFrom(p.src, 0), netip.AddrPortFrom(p.dst, 0))
	id := &h.ids[flow%uint64(len(h.ids))]
	*id++
	return *id
}

// send sends a packet: whole, or in fragments where it is larger than the
// path lets through.
func (h *Host) send(p *path, o header, payload []byte) {
	if o.size(p.dst)+len(payload) > p.mtu {
		h.sendFragments(p, o, payload)
		return
	}
	b := o.append(h.open(p), h, p, len(payload))
	h.shut(p, append(b, payload...), false)
}

// decrement writes a packet's TTL or hop limit one less into its header, and
// over IPv4 the checksum that follows from it (RFC 1141).
func decrement(b []byte) {
	if b[0]>>4 == 6 {
		b[7]--
		return
	}
	b[8]--
	// The TTL is the high byte of its word: the checksum, a complement, grows
	// by what the word lost.
	sum := uint32(binary.BigEndian.Uint16(b[10:])) + 0x0100
	binary.BigEndian.PutUint16(b[10:], uint16(sum+sum>>16))
}
