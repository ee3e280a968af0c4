package packet

import (
	"encoding/binary"
	"net/netip"
)

// IPv4Size is the length of an IPv4 header without options in bytes.
const IPv4Size = 20

// IPv4 is the header of an IPv4 packet (RFC 791). Of the options only Router
// Alert (RFC 2113) is kept; others are skipped.
type IPv4 struct {
	TOS                         uint8 // RFC 2474 DSCP and RFC 3168 ECN
	ID                          uint16
	DontFragment, MoreFragments bool
	FragmentOffset              int // bytes, a multiple of 8
	TTL                         uint8
	Protocol                    Protocol
	Src, Dst                    netip.Addr
	RouterAlert                 bool
}

const (
	ipv4DontFragment  = 1 << 14
	ipv4MoreFragments = 1 << 13
	ipv4OffsetMask    = 1<<13 - 1

	ipv4OptionEnd         = 0
	ipv4OptionNop         = 1
	ipv4OptionRouterAlert = 148
)

// ParseIPv4 reads the header of a packet. It checks the version, the lengths
// and the header checksum. The payload ends where the total length says, so
// that padding is cut off.
func ParseIPv4(b []byte) (h IPv4, payload []byte, err error) {
	if len(b) < IPv4Size {
		return IPv4{}, nil, ShortIPv4
	}
	if b[0]>>4 != 4 {
		return IPv4{}, nil, NotIPv4
	}
	size, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if size < IPv4Size || total < size {
		return IPv4{}, nil, BadIPv4Length
	}
	if total > len(b) {
		return IPv4{}, nil, ShortIPv4
	}
	if Checksum(b[:size]) != 0 {
		return IPv4{}, nil, BadIPv4Checksum
	}
	fragment := binary.BigEndian.Uint16(b[6:])
	h = IPv4{
		TOS:            b[1],
		ID:             binary.BigEndian.Uint16(b[4:]),
		DontFragment:   fragment&ipv4DontFragment != 0,
		MoreFragments:  fragment&ipv4MoreFragments != 0,
		FragmentOffset: int(fragment&ipv4OffsetMask) * 8,
		TTL:            b[8],
		Protocol:       Protocol(b[9]),
		Src:            netip.AddrFrom4([4]byte(b[12:16])),
		Dst:            netip.AddrFrom4([4]byte(b[16:20])),
	}
	if size > IPv4Size {
		if h.RouterAlert, err = ipv4Options(b[IPv4Size:size]); err != nil {
			return IPv4{}, nil, err
		}
	}
	return h, b[size:total], nil
}

// ipv4Options walks the options and reports whether Router Alert is there.
func ipv4Options(b []byte) (alert bool, err error) {
	for len(b) > 0 {
		switch b[0] {
		case ipv4OptionEnd:
			return alert, nil
		case ipv4OptionNop:
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return false, BadIPv4Option
		}
		if b[0] == ipv4OptionRouterAlert && b[1] == 4 {
			alert = true
		}
		b = b[b[1]:]
	}
	return alert, nil
}

// Size returns the length of the header in bytes as Append writes it.
func (h IPv4) Size() int {
	if h.RouterAlert {
		return IPv4Size + 4
	}
	return IPv4Size
}

// Append appends the header with its checksum to b. payload is the length in
// bytes of what will follow; with the header it must fit in 65,535. Src and
// Dst must be IPv4 addresses.
func (h IPv4) Append(b []byte, payload int) []byte {
	size := h.Size()
	fragment := uint16(h.FragmentOffset/8) & ipv4OffsetMask
	if h.DontFragment {
		fragment |= ipv4DontFragment
	}
	if h.MoreFragments {
		fragment |= ipv4MoreFragments
	}
	src, dst := h.Src.As4(), h.Dst.As4()
	be := binary.BigEndian
	var head [IPv4Size + 4]byte
	head[0] = 4<<4 | byte(size/4)
	head[1] = h.TOS
	be.PutUint16(head[2:], uint16(size+payload))
	be.PutUint16(head[4:], h.ID)
	be.PutUint16(head[6:], fragment)
	head[8] = h.TTL
	head[9] = byte(h.Protocol)
	copy(head[12:], src[:])
	copy(head[16:], dst[:])
	if h.RouterAlert {
		head[20], head[21] = ipv4OptionRouterAlert, 4
	}
	be.PutUint16(head[10:], Checksum(head[:size]))
	return append(b, head[:size]...)
}
