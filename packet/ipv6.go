package packet

import (
	"encoding/binary"
	"net/netip"
)

// IPv6Size is the length of an IPv6 header without extensions in bytes.
const IPv6Size = 40

// IPv6 is the header of an IPv6 packet (RFC 8200) with what is kept of its
// extension headers: the Router Alert (RFC 2711) and the fragment header.
type IPv6 struct {
	TrafficClass uint8
	FlowLabel    uint32 // 20 bits
	HopLimit     uint8
	Next         Protocol // what the payload is, after the extension headers
	Src, Dst     netip.Addr
	RouterAlert  bool
	// Fragment says that the packet has a fragment header: the payload is
	// then the part at FragmentOffset (bytes, a multiple of 8) of a longer
	// one, unless the offset is 0 and no more fragments follow.
	Fragment       bool
	MoreFragments  bool
	FragmentOffset int
	FragmentID     uint32
}

// ParseIPv6 reads the header of a packet and skips the extension headers
// that it knows. The payload ends where the payload length says, so that
// padding is cut off. Jumbograms (RFC 2675) are refused.
func ParseIPv6(b []byte) (h IPv6, payload []byte, err error) {
	if len(b) < IPv6Size {
		return IPv6{}, nil, ShortIPv6
	}
	first := binary.BigEndian.Uint32(b)
	if first>>28 != 6 {
		return IPv6{}, nil, NotIPv6
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if IPv6Size+length > len(b) {
		return IPv6{}, nil, ShortIPv6
	}
	h = IPv6{
		TrafficClass: uint8(first >> 20),
		FlowLabel:    first & 0xfffff,
		Next:         Protocol(b[6]),
		HopLimit:     b[7],
		Src:          netip.AddrFrom16([16]byte(b[8:24])),
		Dst:          netip.AddrFrom16([16]byte(b[24:40])),
	}
	payload = b[IPv6Size : IPv6Size+length]
	if h.Next.isExtension() {
		if payload, err = h.skipExtensions(payload); err != nil {
			return IPv6{}, nil, err
		}
	}
	return h, payload, nil
}

// Size returns the length in bytes of the header and its extension headers
// as Append writes them.
func (h IPv6) Size() int {
	size := IPv6Size
	if h.RouterAlert {
		size += 8
	}
	if h.Fragment {
		size += 8
	}
	return size
}

// Append appends the header, with a hop-by-hop header for the Router Alert
// and a fragment header where the fields ask for them, to b. payload is the
// length in bytes of what will follow; with the extension headers it must
// fit in 65,535. Src and Dst must be IPv6 addresses; zones are left out.
func (h IPv6) Append(b []byte, payload int) []byte {
	src, dst := h.Src.As16(), h.Dst.As16()
	be := binary.BigEndian
	b = be.AppendUint32(b, 6<<28|uint32(h.TrafficClass)<<20|h.FlowLabel&0xfffff)
	b = be.AppendUint16(b, uint16(h.Size()-IPv6Size+payload))
	next := h.Next
	if h.Fragment {
		next = extensionFragment
	}
	if h.RouterAlert {
		next = extensionHopByHop
	}
	b = append(b, byte(next), h.HopLimit)
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	return h.appendExtensions(b)
}
