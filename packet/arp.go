package packet

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// ARPOp is what an ARP message does.
type ARPOp uint16

// The operations of RFC 826.
const (
	ARPRequest ARPOp = 1
	ARPReply   ARPOp = 2
)

func (o ARPOp) String() string {
	switch o {
	case ARPRequest:
		return "request"
	case ARPReply:
		return "reply"
	}
	return "operation " + strconv.Itoa(int(o))
}

// ARPSize is the length of an ARP message about IPv4 over Ethernet in bytes.
const ARPSize = 28

// ARP is a message of the address resolution protocol (RFC 826) about IPv4
// addresses on Ethernet. A probe (RFC 5227 §2.1.1) has the sender address
// 0.0.0.0.
type ARP struct {
	Op                   ARPOp
	SenderMAC, TargetMAC MAC
	SenderIP, TargetIP   netip.Addr
}

// ARP message: hardware type and protocol type with their address lengths.
const arpEthernetIPv4 = 1<<48 | 0x0800<<32 | 6<<24 | 4<<16

// ParseARP reads a message. Bytes after it are padding.
func ParseARP(b []byte) (ARP, error) {
	if len(b) < ARPSize {
		return ARP{}, ShortARP
	}
	head := binary.BigEndian.Uint64(b)
	if head&^0xffff != arpEthernetIPv4 {
		return ARP{}, NotEthernetIPv4
	}
	return ARP{
		Op:        ARPOp(head),
		SenderMAC: MAC(b[8:14]),
		SenderIP:  netip.AddrFrom4([4]byte(b[14:18])),
		TargetMAC: MAC(b[18:24]),
		TargetIP:  netip.AddrFrom4([4]byte(b[24:28])),
	}, nil
}

// Append appends the message to b. Both IP addresses must be IPv4.
func (m ARP) Append(b []byte) []byte {
	sender, target := m.SenderIP.As4(), m.TargetIP.As4()
	b = binary.BigEndian.AppendUint64(b, arpEthernetIPv4|uint64(m.Op))
	b = append(b, m.SenderMAC[:]...)
	b = append(b, sender[:]...)
	b = append(b, m.TargetMAC[:]...)
	return append(b, target[:]...)
}
