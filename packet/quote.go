package packet

import "encoding/binary"

// How much of a packet an ICMP error carries.
const (
	// RFC 1812 §4.3.2.3: as much as fits without the error exceeding 576 bytes.
	maxQuoteIPv4 = 576 - IPv4Size - ICMPSize
	// RFC 4443 §2.4 (c): without exceeding the minimum MTU of IPv6.
	maxQuoteIPv6 = 1280 - IPv6Size - ICMPSize
)

// Quote returns the part of an IP packet that an ICMP error about it
// carries as its body.
func Quote(b []byte) []byte {
	limit := maxQuoteIPv4
	if len(b) > 0 && b[0]>>4 == 6 {
		limit = maxQuoteIPv6
	}
	return b[:min(len(b), limit)]
}

// Quoted is what can be told of the packet that an ICMP error is about.
type Quoted struct {
	// Flow is the packet's: its source is who receives the error.
	Flow Flow
	// Seq is the sequence number when the packet is a TCP segment. RFC 5927
	// §4.1: believe an error only when it lies within what was sent.
	Seq uint32
	// Echo is identifier and sequence number, as [ICMP.Rest] has them, when
	// the packet is an ICMP message.
	Echo uint32
}

// ParseQuote reads the body of an ICMP error: an IP packet whose end is
// missing. It reports false when what is there does not name a conversation:
// the first 8 bytes behind the IP header must be there (RFC 792).
func ParseQuote(b []byte) (Quoted, bool) {
	f, transport, ok := openIP(b)
	if !ok || len(transport) < 8 {
		return Quoted{}, false
	}
	q := Quoted{Flow: f}
	switch f.Protocol {
	case ProtocolTCP:
		q.Seq = binary.BigEndian.Uint32(transport[4:])
	case ProtocolICMP, ProtocolICMPv6:
		q.Echo = binary.BigEndian.Uint32(transport[4:])
	}
	return q, true
}

// IsErrorV4 reports whether a message of ICMP for IPv4 is about a packet that
// could not be delivered, which it then carries as its body.
func (m ICMP) IsErrorV4() bool {
	switch m.Type {
	case ICMPv4Unreachable, ICMPv4Redirect, ICMPv4TimeExceeded, ICMPv4ParameterProblem:
		return true
	}
	return false
}

// IsErrorV6 is IsErrorV4 for IPv6, where errors have types below 128
// (RFC 4443 §2.1).
func (m ICMP) IsErrorV6() bool { return m.Type < 128 }
