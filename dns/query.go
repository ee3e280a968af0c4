package dns

import (
	"encoding/binary"
	"net/netip"

	mdns "github.com/miekg/dns"
)

// The transports of RFC 1035 §4.2.
const (
	UDP = "udp"
	TCP = "tcp"
)

// The header of a message (RFC 1035 §4.1.1): offsets, and flags in the
// 16-bit word at offset 2.
const (
	headerLen = 12

	FlagQR uint16 = 1 << 15 // response
	FlagAA uint16 = 1 << 10 // authoritative answer
	FlagTC uint16 = 1 << 9  // truncated
	FlagRD uint16 = 1 << 8  // recursion desired
	FlagRA uint16 = 1 << 7  // recursion available
	FlagAD uint16 = 1 << 5  // authentic data (RFC 4035 §3.2.3)
	FlagCD uint16 = 1 << 4  // checking disabled (RFC 4035 §3.2.2)

	opcodeMask = 0xf << 11
	rcodeMask  = 0xf
)

// Query is one question as it came over the wire, read without allocation.
// It and all that it points to are valid until the handler returns: what is
// kept longer must be copied. A Query must not be copied itself, because
// Name points into it.
type Query struct {
	Packet    []byte         // the whole message
	From      netip.AddrPort // who asks, without IPv4-in-IPv6 mapping
	Transport string         // [UDP] or [TCP]

	ID     uint16
	Opcode int
	Flags  uint16 // the header's second word; test with FlagRD and so on
	Name   []byte // the name asked for, lower case, in wire form
	Type   Type
	Class  uint16
	EDNS   EDNS

	questionEnd int // Packet[12:questionEnd] is the question as asked; 0 when there is none
	name        [MaxName]byte
}

// Parse reads packet into q, leaving From and Transport alone. After any
// defect what was read before it is there, so that the query can be refused.
//
// Records besides the question and OPT are skipped by their lengths, not
// read. Octets after the last record are ignored.
func (q *Query) Parse(packet []byte) Defect {
	q.Packet = packet
	q.Name, q.questionEnd, q.Type, q.Class = nil, 0, 0, 0
	q.EDNS = EDNS{}
	q.ID, q.Opcode, q.Flags = 0, 0, 0
	if len(packet) < headerLen {
		return NoHeader
	}
	q.ID = binary.BigEndian.Uint16(packet)
	q.Flags = binary.BigEndian.Uint16(packet[2:])
	q.Opcode = int(q.Flags&opcodeMask) >> 11
	if q.Flags&FlagQR != 0 {
		return NotAQuery
	}
	if q.Opcode != mdns.OpcodeQuery {
		return UnknownOpcode
	}
	if binary.BigEndian.Uint16(packet[4:]) != 1 {
		return NotOneQuestion
	}
	n, defect := readName(packet, headerLen, &q.name)
	if defect != Sound {
		return defect
	}
	end := headerLen + n + 4
	if end > len(packet) {
		return CutShort
	}
	q.Name = q.name[:n]
	q.Type = binary.BigEndian.Uint16(packet[end-4:])
	q.Class = binary.BigEndian.Uint16(packet[end-2:])
	q.questionEnd = end
	return q.readRecords(end)
}

// readRecords walks over what follows the question and reads OPT.
func (q *Query) readRecords(off int) Defect {
	// The other two sections are empty in queries, but for IXFR (RFC 1995
	// §3), which puts the SOA that it has into the authority section.
	others := int(binary.BigEndian.Uint16(q.Packet[6:])) + int(binary.BigEndian.Uint16(q.Packet[8:]))
	additional := int(binary.BigEndian.Uint16(q.Packet[10:]))
	for i := range others + additional {
		rr, defect := skipRecord(q.Packet, off)
		if defect != Sound {
			return defect
		}
		if i >= others && rr.kind == mdns.TypeOPT {
			if q.EDNS.Present {
				return TwoOPT
			}
			if q.Packet[off] != 0 {
				return OPTOwner
			}
			if defect := q.EDNS.read(rr, q.Packet[rr.data:rr.end]); defect != Sound {
				return defect
			}
		}
		off = rr.end
	}
	if q.EDNS.Version != 0 {
		return UnknownVersion
	}
	return Sound
}

// record is where the parts of a record are in its message.
type record struct {
	kind  Type
	class uint16
	ttl   uint32
	head  int // offset of the type
	data  int // offset of the rdata
	end   int
}

// skipRecord finds the parts of the record at msg[off:].
func skipRecord(msg []byte, off int) (record, Defect) {
	off, defect := skipName(msg, off)
	if defect != Sound {
		return record{}, defect
	}
	if off+10 > len(msg) {
		return record{}, CutShort
	}
	r := record{
		kind:  binary.BigEndian.Uint16(msg[off:]),
		class: binary.BigEndian.Uint16(msg[off+2:]),
		ttl:   binary.BigEndian.Uint32(msg[off+4:]),
		head:  off,
		data:  off + 10,
		end:   off + 10 + int(binary.BigEndian.Uint16(msg[off+8:])),
	}
	if r.end > len(msg) {
		return record{}, CutShort
	}
	return r, Sound
}

// skipName returns the offset after the name at msg[off:], compressed or
// not. Pointers are not followed.
func skipName(msg []byte, off int) (int, Defect) {
	start := off
	for {
		if off >= len(msg) {
			return 0, CutShort
		}
		size := int(msg[off])
		switch {
		case size == 0:
			return off + 1, Sound
		case size >= 0xc0:
			if off+2 > len(msg) {
				return 0, CutShort
			}
			return off + 2, Sound
		case size > MaxLabel:
			return 0, BadLabel
		}
		off += 1 + size
		if off-start >= MaxName {
			return 0, LongName
		}
	}
}

// MaxSize is how many octets a response to q may have.
func (q *Query) MaxSize() int {
	switch {
	case q.Transport == TCP:
		return MaxTCP
	case !q.EDNS.Present:
		return MinUDP
	}
	return min(max(int(q.EDNS.Size), MinUDP), MaxUDP)
}

// Under reports whether the name asked for is zone or a name below it.
func (q *Query) Under(zone Name) bool { return under(q.Name, zone) }

// Question returns the question in the terms of the slow path.
func (q *Query) Question() mdns.Question {
	return mdns.Question{Name: Name(q.Name).String(), Qtype: q.Type, Qclass: q.Class}
}

// Msg returns the whole query in the terms of the slow path.
func (q *Query) Msg() (*mdns.Msg, error) {
	m := new(mdns.Msg)
	if err := m.Unpack(q.Packet); err != nil {
		return nil, err
	}
	return m, nil
}
