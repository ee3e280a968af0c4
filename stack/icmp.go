package stack

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"waypost/packet"
)

// inputICMPv4 takes an ICMP message (RFC 792, RFC 1122 §3.2.2).
func (h *Host) inputICMPv4(d *datagram) {
	m, body, err := packet.ParseICMPv4(d.payload)
	switch {
	case err != nil:
		h.stats.Malformed++
	case m.Type == packet.ICMPv4Echo:
		if d.many || d.src.IsUnspecified() {
			return // RFC 1122 §3.2.2.6 lets us be silent; whoever asks everybody wants a flood
		}
		reply := packet.ICMP{Type: packet.ICMPv4EchoReply, Rest: m.Rest}
		h.echo(d, packet.ProtocolICMP, reply.AppendV4(h.scratch[:0], body))
	case m.Type == packet.ICMPv4EchoReply:
		h.pong(d.src, m.Rest)
	case m.IsErrorV4():
		h.inputError(d.src, meaningV4(m), body)
	}
}

// inputICMPv6 takes an ICMPv6 message (RFC 4443).
func (h *Host) inputICMPv6(d *datagram) {
	m, body, err := packet.ParseICMPv6(d.payload, d.src, d.dst)
	if err != nil {
		h.stats.Malformed++
		return
	}
	switch m.Type {
	case packet.ICMPv6Echo:
		if d.many || d.src.IsUnspecified() {
			return
		}
		reply := packet.ICMP{Type: packet.ICMPv6EchoReply, Rest: m.Rest}
		h.echo(d, packet.ProtocolICMPv6, reply.AppendV6(h.scratch[:0], d.dst, d.src, body))
	case packet.ICMPv6EchoReply:
		h.pong(d.src, m.Rest)
	case packet.ICMPv6NeighborSolicitation:
		d.iface.inputSolicitation(d, m, body)
	case packet.ICMPv6NeighborAdvertisement:
		d.iface.inputAdvertisement(d, m, body)
	case packet.ICMPv6MLDQuery, packet.ICMPv6MLDReport:
		d.iface.inputMLD(d, m, body)
	default:
		if m.IsErrorV6() {
			h.inputError(d.src, meaningV6(m), body)
		}
	}
}

// echo sends the reply to an echo request back as whom it was asked.
func (h *Host) echo(d *datagram, protocol packet.Protocol, message []byte) {
	h.scratch = nil // ours until it is sent: what else is sent meanwhile finds its own room
	if p, err := h.path(d.dst, d.src, d.iface.ifLocal(d.src)); err == nil {
		h.send(&p, header{protocol: protocol}, message)
	}
	h.scratch = message
}

// ifLocal is the interface itself for an address that means something only
// on its link, and nil for others.
func (i *Interface) ifLocal(a netip.Addr) *Interface {
	if local(a) && a.Is6() && !i.loopback {
		return i
	}
	return nil
}

// inputError takes an ICMP error in and tells the socket that it is about.
func (h *Host) inputError(from netip.Addr, m errorMessage, body []byte) {
	q, ok := packet.ParseQuote(body)
	if !ok || m.what == noError || !h.isLocal(q.Flow.Src.Addr()) {
		return
	}
	// RFC 5927 §4.1: what is not in flight was not sent by us, or no longer
	// matters.
	if q.Flow.Protocol == packet.ProtocolTCP && !h.inFlight(q) {
		return
	}
	if m.what == tooBig && !h.sentBy(q) {
		return
	}
	h.noteICMP(false, from, m, body)
	if m.what == tooBig {
		mtu := h.learnMTU(q.Flow.Dst.Addr(), m.mtu, quotedLength(body))
		if mtu > 0 && q.Flow.Protocol == packet.ProtocolTCP {
			h.shrinkTCP(q.Flow, mtu)
		}
		return
	}
	if m.what == reassemblyExceeded {
		return // a fragment was lost, and TCP sends none
	}
	err, hard := m.what.errno(q.Flow.Dst.Addr().Is4())
	h.lost(q, err, hard)
}

// sentBy reports whether somebody here could have sent the packet that an ICMP
// error quotes. A path MTU holds for all that goes to a destination: a quote
// of a datagram that nobody sent would shrink the segments that inFlight
// protects.
func (h *Host) sentBy(q packet.Quoted) bool {
	switch q.Flow.Protocol {
	case packet.ProtocolTCP:
		return true // inFlight has looked
	case packet.ProtocolUDP:
		return h.udp.find(q.Flow.Src.Addr(), q.Flow.Src.Port(), q.Flow.Dst) != nil
	case packet.ProtocolICMP, packet.ProtocolICMPv6:
		p := h.pings[q.Echo]
		return p != nil && p.to == q.Flow.Dst.Addr()
	}
	return false
}

// quotedLength is the length of an IPv4 packet as its quote tells it.
func quotedLength(b []byte) int {
	if len(b) < packet.IPv4Size || b[0]>>4 != 4 {
		return 0
	}
	return int(binary.BigEndian.Uint16(b[2:]))
}

// ownPacketLost tells the socket that sent an IP packet that it went
// nowhere.
func (h *Host) ownPacketLost(b []byte, err syscall.Errno) {
	if q, ok := packet.ParseQuote(packet.Quote(b)); ok {
		h.lost(q, err, false)
	}
}

// lost tells the socket behind a packet of ours that it was not delivered.
func (h *Host) lost(q packet.Quoted, err syscall.Errno, hard bool) {
	switch q.Flow.Protocol {
	case packet.ProtocolTCP:
		h.lostTCP(q.Flow, err, hard)
	case packet.ProtocolUDP:
		h.lostUDP(q.Flow, err)
	case packet.ProtocolICMP, packet.ProtocolICMPv6:
		if p := h.pings[q.Echo]; p != nil && p.to == q.Flow.Dst.Addr() {
			p.err = err
			p.changed.Broadcast()
		}
	}
}
