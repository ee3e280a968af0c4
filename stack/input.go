package stack

import (
	"encoding/binary"
	"net/netip"

	"waypost/packet"
)

// datagram is an IP packet that arrived, of either version.
type datagram struct {
	iface    *Interface
	src, dst netip.Addr
	protocol packet.Protocol
	ttl      uint8
	many     bool   // for a group or everybody, by its IP or its link address
	payload  []byte // borrowed from the frame
	packet   []byte // all of it, without padding; of a reassembled one the last fragment
}

// inputIP takes a packet whose version only it tells.
func (i *Interface) inputIP(b []byte, to reach) {
	if len(b) > 0 && b[0]>>4 == 6 {
		i.inputIPv6(b, to)
		return
	}
	i.inputIPv4(b, to)
}

// inputIPv4 takes an IPv4 packet (RFC 1122 §3.2.1).
func (i *Interface) inputIPv4(b []byte, to reach) {
	h := i.host
	v4, payload, err := packet.ParseIPv4(b)
	if err != nil {
		h.stats.Malformed++
		return
	}
	d := datagram{
		iface: i, src: v4.Src, dst: v4.Dst, protocol: v4.Protocol, ttl: v4.TTL, payload: payload,
		packet: b[:binary.BigEndian.Uint16(b[2:])],
	}
	if !i.accept(&d, to) {
		return
	}
	if v4.MoreFragments || v4.FragmentOffset > 0 {
		key := fragmentKey{d.src, d.dst, d.protocol, uint32(v4.ID)}
		if !h.reassemble(key, v4.FragmentOffset, v4.MoreFragments, &d) {
			return
		}
	}
	h.deliver(&d)
}

// inputIPv6 takes an IPv6 packet (RFC 8200 §3).
func (i *Interface) inputIPv6(b []byte, to reach) {
	h := i.host
	v6, payload, err := packet.ParseIPv6(b)
	if err != nil {
		h.stats.Malformed++
		return
	}
	d := datagram{
		iface: i, src: v6.Src, dst: v6.Dst, protocol: v6.Next, ttl: v6.HopLimit, payload: payload,
		packet: b[:packet.IPv6Size+int(binary.BigEndian.Uint16(b[4:]))],
	}
	if !i.accept(&d, to) {
		return
	}
	if v6.MoreFragments || v6.FragmentOffset > 0 {
		key := fragmentKey{src: d.src, dst: d.dst, id: v6.FragmentID}
		if !h.reassemble(key, v6.FragmentOffset, v6.MoreFragments, &d) {
			return
		}
		if d.protocol, d.payload, err = packet.Reassembled(d.protocol, d.payload); err != nil {
			h.stats.Malformed++
			return
		}
	}
	h.deliver(&d)
}

// accept reports whether a packet is for this host. One that is not goes on
// its way where the host is a router.
func (i *Interface) accept(d *datagram, to reach) bool {
	h := i.host
	switch {
	case d.src.IsMulticast() || i.isBroadcast(d.src):
		h.stats.Malformed++ // RFC 1122 §3.2.1.3: never a source
		return false
	case !i.loopback && (d.src.IsLoopback() || d.dst.IsLoopback() || h.isLocal(d.src)):
		h.stats.Malformed++ // a loopback address, or ours, comes from no link
		return false
	case d.dst.IsMulticast():
		d.many = true
		if !i.listens(d.dst) {
			h.stats.NotForUs++
			return false
		}
		return true
	case i.isBroadcast(d.dst):
		d.many = true
		return true
	case h.isLocal(d.dst):
		d.many = to == toMany
		return true
	case h.config.Forward && to == toUs && !i.loopback:
		h.forward(d)
		return false
	}
	h.stats.NotForUs++
	return false
}

// deliver hands a packet for this host to its protocol.
func (h *Host) deliver(d *datagram) {
	switch {
	case d.protocol == packet.ProtocolTCP:
		h.inputTCP(d)
	case d.protocol == packet.ProtocolUDP:
		h.inputUDP(d)
	case d.protocol == packet.ProtocolICMP && d.dst.Is4():
		h.inputICMPv4(d)
	case d.protocol == packet.ProtocolICMPv6 && d.dst.Is6():
		h.inputICMPv6(d)
	case d.protocol == packet.ProtocolIGMP && d.dst.Is4():
		d.iface.inputIGMP(d)
	case d.protocol == packet.ProtocolNone:
	case !d.many:
		h.sendError(d.packet, errorMessage{what: protocolUnreachable})
	}
}
