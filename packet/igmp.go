package packet

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"time"
)

// IGMPType is what an IGMP message does.
type IGMPType uint8

// The types of IGMP version 2 (RFC 2236 §2.1), and the reports of the other
// versions so that they can be named.
const (
	IGMPQuery    IGMPType = 0x11
	IGMPReportV1 IGMPType = 0x12
	IGMPReport   IGMPType = 0x16
	IGMPLeave    IGMPType = 0x17
	IGMPReportV3 IGMPType = 0x22
)

func (t IGMPType) String() string {
	switch t {
	case IGMPQuery:
		return "query"
	case IGMPReportV1:
		return "report v1"
	case IGMPReport:
		return "report"
	case IGMPLeave:
		return "leave"
	case IGMPReportV3:
		return "report v3"
	}
	return "type " + strconv.Itoa(int(t))
}

// IGMPSize is the length of an IGMPv2 message in bytes.
const IGMPSize = 8

// IGMP is a message of the group membership protocol, version 2 (RFC 2236).
// It travels with TTL 1 and Router Alert. In a report of version 3 the
// groups stand in records behind these fields and are not read; Group then
// means nothing.
type IGMP struct {
	Type IGMPType
	// MaxResponse is within what a query wants its answers, in steps of
	// 100 ms up to 25.5 s.
	MaxResponse time.Duration
	Group       netip.Addr // 0.0.0.0 in a general query
}

const igmpTick = 100 * time.Millisecond

// ParseIGMP reads a message and checks its checksum, which covers all of b.
func ParseIGMP(b []byte) (IGMP, error) {
	if len(b) < IGMPSize {
		return IGMP{}, ShortIGMP
	}
	if Checksum(b) != 0 {
		return IGMP{}, BadIGMPChecksum
	}
	return IGMP{
		Type:        IGMPType(b[0]),
		MaxResponse: time.Duration(b[1]) * igmpTick,
		Group:       netip.AddrFrom4([4]byte(b[4:8])),
	}, nil
}

// Append appends the message with its checksum to b. Group must be an IPv4
// address.
func (m IGMP) Append(b []byte) []byte {
	group, start := m.Group.As4(), len(b)
	response := min(max(m.MaxResponse/igmpTick, 0), 255)
	b = append(b, byte(m.Type), byte(response), 0, 0)
	b = append(b, group[:]...)
	binary.BigEndian.PutUint16(b[start+2:], Checksum(b[start:]))
	return b
}
