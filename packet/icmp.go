package packet

import (
	"encoding/binary"
	"net/netip"
)

// The types of ICMP for IPv4 (RFC 792).
const (
	ICMPv4EchoReply        uint8 = 0
	ICMPv4Unreachable      uint8 = 3
	ICMPv4Redirect         uint8 = 5
	ICMPv4Echo             uint8 = 8
	ICMPv4TimeExceeded     uint8 = 11
	ICMPv4ParameterProblem uint8 = 12
)

// The types of ICMP for IPv6 (RFC 4443, RFC 4861, RFC 2710, RFC 3810).
const (
	ICMPv6Unreachable           uint8 = 1
	ICMPv6PacketTooBig          uint8 = 2
	ICMPv6TimeExceeded          uint8 = 3
	ICMPv6ParameterProblem      uint8 = 4
	ICMPv6Echo                  uint8 = 128
	ICMPv6EchoReply             uint8 = 129
	ICMPv6MLDQuery              uint8 = 130
	ICMPv6MLDReport             uint8 = 131
	ICMPv6MLDDone               uint8 = 132
	ICMPv6RouterSolicitation    uint8 = 133
	ICMPv6RouterAdvertisement   uint8 = 134
	ICMPv6NeighborSolicitation  uint8 = 135
	ICMPv6NeighborAdvertisement uint8 = 136
	ICMPv6MLDv2Report           uint8 = 143
)

// Codes of ICMPv4Unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
const (
	ICMPv4NetUnreachable      uint8 = 0
	ICMPv4HostUnreachable     uint8 = 1
	ICMPv4ProtocolUnreachable uint8 = 2
	ICMPv4PortUnreachable     uint8 = 3
	ICMPv4FragmentationNeeded uint8 = 4 // the MTU is told, RFC 1191 §4
	ICMPv4AdminProhibited     uint8 = 13
)

// Codes of ICMPv6Unreachable (RFC 4443 §3.1).
const (
	ICMPv6NoRoute            uint8 = 0
	ICMPv6AdminProhibited    uint8 = 1
	ICMPv6AddressUnreachable uint8 = 3
	ICMPv6PortUnreachable    uint8 = 4
)

// Codes of ICMPv4TimeExceeded and ICMPv6TimeExceeded.
const (
	ICMPHopLimitExceeded   uint8 = 0
	ICMPReassemblyExceeded uint8 = 1
)

// Codes of ICMPv6ParameterProblem (RFC 4443 §3.4).
const (
	ICMPv6ErroneousHeader   uint8 = 0
	ICMPv6UnknownNextHeader uint8 = 1
)

// ICMPSize is the length of the fixed part of an ICMP message in bytes.
const ICMPSize = 8

// ICMP is the fixed part of a message of ICMP for IPv4 (RFC 792) or IPv6
// (RFC 4443). What Rest means depends on the type.
type ICMP struct {
	Type, Code uint8
	Rest       uint32
}

// Echo returns the identifier and sequence number of an echo message.
func (m ICMP) Echo() (id, seq uint16) { return uint16(m.Rest >> 16), uint16(m.Rest) }

// ParseICMPv4 reads a message of ICMP for IPv4 and checks its checksum. body
// is what follows the fixed part: the data of an echo, the packet that an
// error is about (see [ParseQuote]).
func ParseICMPv4(b []byte) (m ICMP, body []byte, err error) {
	return parseICMP(b, 0)
}

// ParseICMPv6 is ParseICMPv4 for IPv6, where the checksum covers the
// addresses.
func ParseICMPv6(b []byte, src, dst netip.Addr) (m ICMP, body []byte, err error) {
	return parseICMP(b, PseudoHeader(ProtocolICMPv6, src, dst, len(b)))
}

func parseICMP(b []byte, sum Sum) (m ICMP, body []byte, err error) {
	if len(b) < ICMPSize {
		return ICMP{}, nil, ShortICMP
	}
	if sum.Add(b).Checksum() != 0 {
		return ICMP{}, nil, BadICMPChecksum
	}
	return ICMP{b[0], b[1], binary.BigEndian.Uint32(b[4:])}, b[ICMPSize:], nil
}

// AppendV4 appends the message with its checksum and body to b. The body
// must not lie in the spare room of b.
func (m ICMP) AppendV4(b, body []byte) []byte {
	return m.append(b, body, 0)
}

// AppendV6 is AppendV4 for IPv6.
func (m ICMP) AppendV6(b []byte, src, dst netip.Addr, body []byte) []byte {
	return m.append(b, body, PseudoHeader(ProtocolICMPv6, src, dst, ICMPSize+len(body)))
}

func (m ICMP) append(b, body []byte, sum Sum) []byte {
	start := len(b)
	b = append(b, m.Type, m.Code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, m.Rest)
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[start+2:], sum.Add(b[start:]).Checksum())
	return b
}
