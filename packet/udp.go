package packet

import (
	"encoding/binary"
	"net/netip"
)

// UDPSize is the length of a UDP header in bytes.
const UDPSize = 8

// UDP is the header of a UDP datagram (RFC 768).
type UDP struct {
	SrcPort, DstPort uint16
}

// ParseUDP reads the header of a datagram that came from src to dst. It
// checks the length and the checksum; over IPv4 a checksum of zero says that
// there is none, over IPv6 it is a defect (RFC 8200 §8.1). The payload ends
// where the length says.
func ParseUDP(b []byte, src, dst netip.Addr) (h UDP, payload []byte, err error) {
	if len(b) < UDPSize {
		return UDP{}, nil, ShortUDP
	}
	be := binary.BigEndian
	length := int(be.Uint16(b[4:]))
	if length < UDPSize {
		return UDP{}, nil, BadUDPLength
	}
	if length > len(b) {
		return UDP{}, nil, ShortUDP
	}
	b = b[:length]
	if be.Uint16(b[6:]) == 0 {
		if !src.Is4() {
			return UDP{}, nil, BadUDPChecksum
		}
	} else if PseudoHeader(ProtocolUDP, src, dst, length).Add(b).Checksum() != 0 {
		return UDP{}, nil, BadUDPChecksum
	}
	return UDP{SrcPort: be.Uint16(b), DstPort: be.Uint16(b[2:])}, b[UDPSize:], nil
}

// Append appends the header with its checksum and the payload to b. The two
// together must fit in 65,535 bytes. The payload must not lie in the spare
// room of b.
func (h UDP) Append(b []byte, src, dst netip.Addr, payload []byte) []byte {
	start, length := len(b), UDPSize+len(payload)
	var head [UDPSize]byte
	be := binary.BigEndian
	be.PutUint16(head[0:], h.SrcPort)
	be.PutUint16(head[2:], h.DstPort)
	be.PutUint16(head[4:], uint16(length))
	b = append(b, head[:]...)
	b = append(b, payload...)
	sum := PseudoHeader(ProtocolUDP, src, dst, length).Add(b[start:]).Checksum()
	if sum == 0 { // RFC 768: zero would say that there is none
		sum = 0xffff
	}
	be.PutUint16(b[start+6:], sum)
	return b
}
