package packet

import (
	"net/netip"
	"time"
)

// MLD is a message of multicast listener discovery, version 1 (RFC 2710):
// what IGMP version 2 is for IPv4. It travels with hop limit 1, Router Alert
// and a link-local source. A query of version 2 is read as one of version 1.
type MLD struct {
	Type uint8 // ICMPv6MLDQuery, ICMPv6MLDReport or ICMPv6MLDDone
	// MaxResponse is within what a query wants its answers, in steps of
	// 1 ms up to 65.535 s.
	MaxResponse time.Duration
	Group       netip.Addr // :: in a general query
}

// ParseMLD reads the parts of an ICMPv6 message, which [ParseICMPv6]
// returned.
func ParseMLD(m ICMP, body []byte) (MLD, error) {
	switch m.Type {
	case ICMPv6MLDQuery, ICMPv6MLDReport, ICMPv6MLDDone:
	default:
		return MLD{}, BadMLD
	}
	if len(body) < 16 {
		return MLD{}, BadMLD
	}
	return MLD{
		Type:        m.Type,
		MaxResponse: time.Duration(m.Rest>>16) * time.Millisecond,
		Group:       netip.AddrFrom16([16]byte(body)),
	}, nil
}

// Append appends the ICMPv6 message to b. Group must be an IPv6 address.
func (m MLD) Append(b []byte, src, dst netip.Addr) []byte {
	group := m.Group.As16()
	response := min(max(m.MaxResponse/time.Millisecond, 0), 0xffff)
	return ICMP{Type: m.Type, Rest: uint32(response) << 16}.AppendV6(b, src, dst, group[:])
}
