package lab

import (
	"encoding/binary"
	"net/netip"

	"waypost/packet"
)

// ipv4Packet is an IPv4 packet whose addresses and ports can be rewritten in
// place. Checksums are corrected, not computed anew (RFC 1624), so that a
// packet that was spoiled stays so.
type ipv4Packet struct {
	b      []byte // from the IP header on; inside of an ICMP error it may end early
	header int    // length of the IP header
}

// Where the addresses stand in the header.
const (
	ipv4Source      = 12
	ipv4Destination = 16
)

// openIPv4 finds the IPv4 packet in a frame.
func openIPv4(frame []byte) (ipv4Packet, bool) {
	if len(frame) < packet.EthernetSize || packet.EtherType(binary.BigEndian.Uint16(frame[12:])) != packet.TypeIPv4 {
		return ipv4Packet{}, false
	}
	return asIPv4(frame[packet.EthernetSize:])
}

func asIPv4(b []byte) (ipv4Packet, bool) {
	if len(b) < packet.IPv4Size || b[0]>>4 != 4 {
		return ipv4Packet{}, false
	}
	p := ipv4Packet{b, int(b[0]&15) * 4}
	return p, p.header >= packet.IPv4Size && len(b) >= p.header
}

func (p ipv4Packet) addr(at int) netip.Addr { return netip.AddrFrom4([4]byte(p.b[at : at+4])) }
func (p ipv4Packet) src() netip.Addr        { return p.addr(ipv4Source) }
func (p ipv4Packet) dst() netip.Addr        { return p.addr(ipv4Destination) }

func (p ipv4Packet) protocol() packet.Protocol { return packet.Protocol(p.b[9]) }

// fragment reports whether the packet is only a part of one.
func (p ipv4Packet) fragment() bool { return binary.BigEndian.Uint16(p.b[6:])&0x3fff != 0 }

// transport is what follows the IP header.
func (p ipv4Packet) transport() []byte { return p.b[p.header:] }

// sender is the protocol and the sender's port, or the identifier of an ICMP
// echo. It reports false where there is none.
func (p ipv4Packet) sender() (packet.Protocol, uint16, bool) {
	return p.port(0, packet.ICMPv4Echo)
}

// receiver is the same of the receiver.
func (p ipv4Packet) receiver() (packet.Protocol, uint16, bool) {
	return p.port(2, packet.ICMPv4EchoReply)
}

func (p ipv4Packet) port(at int, echo uint8) (packet.Protocol, uint16, bool) {
	b := p.transport()
	if len(b) < 8 {
		return 0, 0, false
	}
	switch proto := p.protocol(); proto {
	case packet.ProtocolTCP, packet.ProtocolUDP:
		return proto, binary.BigEndian.Uint16(b[at:]), true
	case packet.ProtocolICMP:
		if b[0] == echo {
			return proto, binary.BigEndian.Uint16(b[4:]), true
		}
	}
	return 0, 0, false
}

// quoted is the packet that an ICMP error is about.
func (p ipv4Packet) quoted() (ipv4Packet, bool) {
	b := p.transport()
	if p.protocol() != packet.ProtocolICMP || len(b) < packet.ICMPSize || !(packet.ICMP{Type: b[0]}).IsErrorV4() {
		return ipv4Packet{}, false
	}
	return asIPv4(b[packet.ICMPSize:])
}

// tcpFlags are those of a TCP segment.
func (p ipv4Packet) tcpFlags() (packet.TCPFlags, bool) {
	b := p.transport()
	if p.protocol() != packet.ProtocolTCP || len(b) < 14 {
		return 0, false
	}
	return packet.TCPFlags(b[13]), true
}

// setSource rewrites the sender's address and port.
func (p ipv4Packet) setSource(a netip.Addr, port uint16) {
	p.setAddr(ipv4Source, a)
	p.setPort(0, port)
}

// setReceiver rewrites the receiver's.
func (p ipv4Packet) setReceiver(a netip.Addr, port uint16) {
	p.setAddr(ipv4Destination, a)
	p.setPort(2, port)
}

// setAddr rewrites an address and corrects the checksums that cover it.
func (p ipv4Packet) setAddr(at int, a netip.Addr) {
	raw := a.As4()
	old := [4]byte(p.b[at:])
	copy(p.b[at:], raw[:])
	correct(p.b[10:], old[:], raw[:])
	if p.protocol() != packet.ProtocolICMP { // whose checksum covers no addresses
		p.correctTransport(old[:], raw[:])
	}
}

// setPort rewrites a port, or the identifier of an echo.
func (p ipv4Packet) setPort(at int, port uint16) {
	b := p.transport()
	if p.protocol() == packet.ProtocolICMP {
		at = 4
	}
	old := [2]byte(b[at:])
	binary.BigEndian.PutUint16(b[at:], port)
	p.correctTransport(old[:], b[at:at+2])
}

// correctTransport corrects the checksum of the transport, where it is there.
func (p ipv4Packet) correctTransport(old, changed []byte) {
	sum := p.transportSum()
	if sum == nil {
		return
	}
	correct(sum, old, changed)
	if p.protocol() == packet.ProtocolUDP && sum[0] == 0 && sum[1] == 0 {
		sum[0], sum[1] = 0xff, 0xff // RFC 768: zero would say that there is none
	}
}

// transportSum is the checksum of the transport, nil where there is none.
func (p ipv4Packet) transportSum() []byte {
	b := p.transport()
	var at int
	switch p.protocol() {
	case packet.ProtocolTCP:
		at = 16
	case packet.ProtocolUDP:
		at = 6
	case packet.ProtocolICMP:
		at = 2
	default:
		return nil
	}
	if len(b) < at+2 || p.protocol() == packet.ProtocolUDP && b[at] == 0 && b[at+1] == 0 {
		return nil
	}
	return b[at:]
}

// sumICMP computes the checksum of an ICMP message anew, whose body has been
// rewritten.
func (p ipv4Packet) sumICMP() {
	b := p.transport()
	if total := int(binary.BigEndian.Uint16(p.b[2:])) - p.header; total >= packet.ICMPSize && total < len(b) {
		b = b[:total] // without the padding of a short frame
	}
	b[2], b[3] = 0, 0
	binary.BigEndian.PutUint16(b[2:], packet.Checksum(b))
}

// correct changes a checksum for bytes that have changed: RFC 1624 §3,
// equation 3. Both have the same even length and stood at an even place.
func correct(sum, old, changed []byte) {
	s := uint32(^binary.BigEndian.Uint16(sum))
	for i := 0; i < len(old); i += 2 {
		s += uint32(^binary.BigEndian.Uint16(old[i:])) + uint32(binary.BigEndian.Uint16(changed[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	binary.BigEndian.PutUint16(sum, ^uint16(s))
}
