package dns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	mdns "github.com/miekg/dns"
)

// Subnet is the client subnet of RFC 7871: in a query, for whose network the
// answer is wanted; in a response, for which network it holds. An invalid
// Prefix means that there is none.
type Subnet struct {
	Prefix netip.Prefix // SOURCE PREFIX-LENGTH bits of the client's address, the rest zero
	Scope  int          // SCOPE PREFIX-LENGTH: how many bits the answer depends on; 0 in queries
}

// The address families of RFC 7871 §6.
const (
	family4 = 1
	family6 = 2
)

var errSubnet = errors.New("client subnet: against RFC 7871 §6")

// ParseSubnet reads the option's content strictly: address octets are as many
// as the prefix needs, and bits beyond it are zero.
func ParseSubnet(b []byte) (Subnet, error) {
	if len(b) < 4 {
		return Subnet{}, errSubnet
	}
	family, source, scope := binary.BigEndian.Uint16(b), int(b[2]), int(b[3])
	octets := b[4:]
	if len(octets) != (source+7)/8 {
		return Subnet{}, errSubnet
	}
	var addr netip.Addr
	switch {
	case family == family4 && source <= 32 && scope <= 32:
		var a [4]byte
		copy(a[:], octets)
		addr = netip.AddrFrom4(a)
	case family == family6 && source <= 128 && scope <= 128:
		var a [16]byte
		copy(a[:], octets)
		addr = netip.AddrFrom16(a)
	case family == 0 && source == 0 && scope == 0:
		// Some clients leave the family out when they ask for no subnet
		// to be used (source 0, RFC 7871 §7.1.2). Either family says that.
		addr = netip.IPv4Unspecified()
	default:
		return Subnet{}, errSubnet
	}
	p := netip.PrefixFrom(addr, source)
	if p.Masked() != p {
		return Subnet{}, errSubnet
	}
	return Subnet{Prefix: p, Scope: scope}, nil
}

// AppendBinary appends the option's content to b. An invalid Prefix appends
// nothing.
func (s Subnet) AppendBinary(b []byte) []byte {
	if !s.Prefix.IsValid() {
		return b
	}
	family := uint16(family6)
	addr := s.Prefix.Masked().Addr().Unmap()
	if addr.Is4() {
		family = family4
	}
	b = binary.BigEndian.AppendUint16(b, family)
	b = append(b, byte(s.Prefix.Bits()), byte(s.Scope))
	size := (s.Prefix.Bits() + 7) / 8
	if addr.Is4() {
		a := addr.As4()
		return append(b, a[:min(size, 4)]...)
	}
	a := addr.As16()
	return append(b, a[:size]...)
}

// String is "203.0.113.0/24", with " scope 16" where the scope is set.
func (s Subnet) String() string {
	if s.Scope == 0 {
		return s.Prefix.String()
	}
	return fmt.Sprintf("%s scope %d", s.Prefix, s.Scope)
}

// SubnetFor is what a resolver sends for a client: the prefixes that RFC 7871
// §11.1 recommends so that no single household can be told from its
// neighbours, 24 bits of IPv4 and 56 of IPv6.
func SubnetFor(client netip.Addr) Subnet {
	client = client.Unmap().WithZone("")
	bits := 56
	if client.Is4() {
		bits = 24
	}
	p, err := client.Prefix(bits)
	if err != nil {
		return Subnet{}
	}
	return Subnet{Prefix: p}
}

// SetSubnet puts s into m's OPT record, adding one where there is none.
func SetSubnet(m *mdns.Msg, s Subnet) {
	addr := s.Prefix.Masked().Addr().Unmap()
	o := &mdns.EDNS0_SUBNET{
		Code:          mdns.EDNS0SUBNET,
		Family:        family6,
		SourceNetmask: uint8(s.Prefix.Bits()),
		SourceScope:   uint8(s.Scope),
		Address:       net.IP(addr.AsSlice()),
	}
	if addr.Is4() {
		o.Family = family4
	}
	setOption(m, o)
}

// SubnetOf returns the client subnet in m's OPT record.
func SubnetOf(m *mdns.Msg) (Subnet, bool) {
	opt := m.IsEdns0()
	if opt == nil {
		return Subnet{}, false
	}
	for _, o := range opt.Option {
		if e, ok := o.(*mdns.EDNS0_SUBNET); ok {
			addr, ok := netip.AddrFromSlice(e.Address)
			if !ok {
				return Subnet{}, false
			}
			if e.Family != family6 {
				addr = addr.Unmap()
			}
			p, err := addr.Prefix(int(e.SourceNetmask))
			return Subnet{Prefix: p, Scope: int(e.SourceScope)}, err == nil
		}
	}
	return Subnet{}, false
}
