package stack

import (
	"net/netip"

	"waypost/packet"
)

// This file holds the messages by which routers learn of group members: IGMP
// version 2 for IPv4, MLD version 1 for IPv6.

// inputIGMP takes a message of RFC 2236 §6.
func (i *Interface) inputIGMP(d *datagram) {
	h := i.host
	m, err := packet.ParseIGMP(d.payload)
	switch {
	case err != nil:
		h.stats.Malformed++
	case m.Type == packet.IGMPQuery:
		if m.MaxResponse == 0 {
			m.MaxResponse = unsolicitedReport // RFC 2236 §4: a query of version 1
		}
		i.asked(m.Group, m.MaxResponse)
	case m.Type == packet.IGMPReport || m.Type == packet.IGMPReportV1:
		i.reportedByOther(m.Group)
	}
}

// inputMLD takes a message of RFC 2710 §4.
func (i *Interface) inputMLD(d *datagram, m packet.ICMP, body []byte) {
	q, err := packet.ParseMLD(m, body)
	switch {
	case err != nil || !d.src.IsLinkLocalUnicast() || d.ttl != 1: // RFC 2710 §3, §5
		i.host.stats.Malformed++
	case q.Type == packet.ICMPv6MLDQuery:
		i.asked(q.Group, q.MaxResponse)
	case q.Type == packet.ICMPv6MLDReport:
		i.reportedByOther(q.Group)
	}
}

// sendIGMP sends a message with TTL 1 and Router Alert (RFC 2236 §2). An
// interface without an IPv4 address says nothing.
func (i *Interface) sendIGMP(to netip.Addr, m packet.IGMP) {
	h := i.host
	if p, err := h.path(netip.Addr{}, to, i); err == nil {
		h.send(&p, header{protocol: packet.ProtocolIGMP, ttl: 1, routerAlert: true}, m.Append(nil))
	}
}

// sendMLD sends a message with hop limit 1, Router Alert and our link-local
// address (RFC 2710 §3).
func (i *Interface) sendMLD(to netip.Addr, m packet.MLD) {
	h := i.host
	if !i.linkLocal.IsValid() {
		return
	}
	if p, err := h.path(i.linkLocal, to, i); err == nil {
		h.send(&p, header{protocol: packet.ProtocolICMPv6, ttl: 1, routerAlert: true}, m.Append(nil, p.src, to))
	}
}
