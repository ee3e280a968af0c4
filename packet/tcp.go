package packet

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// TCPFlags are the control bits of a TCP segment (RFC 9293 §3.1).
type TCPFlags uint8

// The control bits.
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Has reports whether all bits of f are set.
func (f TCPFlags) Has(bits TCPFlags) bool { return f&bits == bits }

// String joins the names by commas, in the order in which they are told:
// "SYN,ACK", "FIN,PSH,ACK"; "none" when no bit is set.
func (f TCPFlags) String() string {
	switch f { // what is seen most
	case 0:
		return "none"
	case SYN:
		return "SYN"
	case ACK:
		return "ACK"
	case SYN | ACK:
		return "SYN,ACK"
	case PSH | ACK:
		return "PSH,ACK"
	case FIN | ACK:
		return "FIN,ACK"
	}
	names := [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}
	var parts []string
	for i, name := range names {
		if f&(1<<i) != 0 {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ",")
}

// TCPSize is the length of a TCP header without options in bytes.
const TCPSize = 20

// TCP is the header of a TCP segment (RFC 9293 §3.1).
type TCP struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            TCPFlags
	Window           uint16 // as on the wire: not scaled
	Urgent           uint16
	Options          TCPOptions
}

// ParseTCP reads the header of a segment that came from src to dst. It
// checks the data offset, the checksum and the lengths of the options.
func ParseTCP(b []byte, src, dst netip.Addr) (h TCP, payload []byte, err error) {
	if len(b) < TCPSize {
		return TCP{}, nil, ShortTCP
	}
	size := int(b[12]>>4) * 4
	if size < TCPSize {
		return TCP{}, nil, BadTCPOffset
	}
	if size > len(b) {
		return TCP{}, nil, ShortTCP
	}
	if PseudoHeader(ProtocolTCP, src, dst, len(b)).Add(b).Checksum() != 0 {
		return TCP{}, nil, BadTCPChecksum
	}
	if err := h.parse(b[:size]); err != nil {
		return TCP{}, nil, err
	}
	return h, b[size:], nil
}

// parse reads a header of which all bytes are there.
func (h *TCP) parse(b []byte) error {
	be := binary.BigEndian
	h.SrcPort = be.Uint16(b[0:])
	h.DstPort = be.Uint16(b[2:])
	h.Seq = be.Uint32(b[4:])
	h.Ack = be.Uint32(b[8:])
	h.Flags = TCPFlags(b[13])
	h.Window = be.Uint16(b[14:])
	h.Urgent = be.Uint16(b[18:])
	if len(b) == TCPSize {
		return nil
	}
	return h.Options.parse(b[TCPSize:])
}

// Size returns the length in bytes of the header with its options as Append
// writes them; it is a multiple of 4 and at most 60.
func (h TCP) Size() int { return TCPSize + h.Options.size() }

// Append appends the header with its checksum and the payload to b. With the
// IP header they must fit in 65,535 bytes. The payload must not lie in the
// spare room of b.
func (h TCP) Append(b []byte, src, dst netip.Addr, payload []byte) []byte {
	start, size := len(b), h.Size()
	be := binary.BigEndian
	var head [TCPSize]byte
	be.PutUint16(head[0:], h.SrcPort)
	be.PutUint16(head[2:], h.DstPort)
	be.PutUint32(head[4:], h.Seq)
	be.PutUint32(head[8:], h.Ack)
	head[12] = byte(size/4) << 4
	head[13] = byte(h.Flags)
	be.PutUint16(head[14:], h.Window)
	be.PutUint16(head[18:], h.Urgent)
	b = append(b, head[:]...)
	b = h.Options.append(b)
	b = append(b, payload...)
	sum := PseudoHeader(ProtocolTCP, src, dst, size+len(payload)).Add(b[start:]).Checksum()
	be.PutUint16(b[start+16:], sum)
	return b
}
