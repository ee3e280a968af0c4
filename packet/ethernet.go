package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// MAC is an Ethernet address.
type MAC [6]byte

// Broadcast returns the address of everybody on the link.
func Broadcast() MAC { return MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// MulticastMAC returns the Ethernet address of a multicast group: RFC 1112
// §6.4 for IPv4, RFC 2464 §7 for IPv6. For the limited broadcast address it
// is the broadcast address. For a unicast address it means nothing.
func MulticastMAC(group netip.Addr) MAC {
	if group.Is4() {
		a := group.As4()
		if a == [4]byte{255, 255, 255, 255} {
			return Broadcast()
		}
		return MAC{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
	}
	a := group.As16()
	return MAC{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// IsMulticast reports whether m names a group; the broadcast address is one.
func (m MAC) IsMulticast() bool { return m[0]&1 == 1 }

// IsZero reports whether m is the zero MAC, which is nobody's.
func (m MAC) IsZero() bool { return m == MAC{} }

func (m MAC) String() string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 17)
	for i, x := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[x>>4], digits[x&15])
	}
	return string(b)
}

// EtherType says what an Ethernet frame carries.
type EtherType uint16

// The types that this package reads.
const (
	TypeIPv4 EtherType = 0x0800
	TypeARP  EtherType = 0x0806
	TypeIPv6 EtherType = 0x86dd
)

func (t EtherType) String() string {
	switch t {
	case TypeIPv4:
		return "IPv4"
	case TypeARP:
		return "ARP"
	case TypeIPv6:
		return "IPv6"
	}
	return fmt.Sprintf("EtherType 0x%04x", uint16(t))
}

// EthernetSize is the length of an Ethernet header in bytes. There is no
// VLAN tag and no frame check sequence.
const EthernetSize = 14

// Ethernet is the header of an Ethernet II frame.
type Ethernet struct {
	Dst, Src MAC
	Type     EtherType
}

// ParseEthernet reads the header of a frame. The payload is what follows,
// with any padding that the frame carries.
func ParseEthernet(b []byte) (h Ethernet, payload []byte, err error) {
	if len(b) < EthernetSize {
		return Ethernet{}, nil, ShortEthernet
	}
	return Ethernet{
		Dst:  MAC(b[0:6]),
		Src:  MAC(b[6:12]),
		Type: EtherType(binary.BigEndian.Uint16(b[12:])),
	}, b[EthernetSize:], nil
}

// Append appends the header to b.
func (h Ethernet) Append(b []byte) []byte {
	b = append(b, h.Dst[:]...)
	b = append(b, h.Src[:]...)
	return binary.BigEndian.AppendUint16(b, uint16(h.Type))
}
