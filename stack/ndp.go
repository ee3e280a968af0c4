package stack

import (
	"net/netip"

	"waypost/packet"
)

// Of RFC 4861 there are solicitations and advertisements of neighbours and
// the reachability of a neighbour in use. Routers are not discovered and
// redirects not followed: the lab's hosts are told their routes.

var (
	allNodes   = netip.MustParseAddr("ff02::1")
	allRouters = netip.MustParseAddr("ff02::2")
)

// ndpHopLimit proves that a message comes from the link: no router has
// forwarded it (RFC 4861 §7.1.1, §7.1.2).
const ndpHopLimit = 255

// inputSolicitation answers who asks for one of our addresses, and learns
// from it (RFC 4861 §7.2.3).
func (i *Interface) inputSolicitation(d *datagram, m packet.ICMP, body []byte) {
	h := i.host
	s, err := packet.ParseNeighborSolicitation(m, body)
	if err != nil || d.ttl != ndpHopLimit || d.src.IsUnspecified() && !probes(d, s) {
		h.stats.Malformed++
		return
	}
	if !i.ethernet || !i.has(s.Target) || i.has(d.src) {
		return
	}
	answer := packet.NeighborAdvertisement{Router: h.config.Forward, Solicited: true, Override: true}
	if d.src.IsUnspecified() {
		// Duplicate address detection: everybody is to hear that it is taken.
		answer.Solicited = false
		i.advertise(s.Target, allNodes, answer)
		return
	}
	if !s.Source.IsZero() && !s.Source.IsMulticast() && i.onLink(d.src) {
		n := i.neighbour(d.src, d.src)
		if s.Source != n.mac || n.state == incomplete {
			n.heard(s.Source, unsolicited)
		}
	}
	i.advertise(s.Target, d.src, answer)
}

// probes reports whether a solicitation from the unspecified address is one
// of duplicate address detection: it goes to the solicited-node group, and
// tells no link address (RFC 4861 §7.1.1).
func probes(d *datagram, s packet.NeighborSolicitation) bool {
	return d.dst == packet.SolicitedNode(s.Target) && s.Source.IsZero()
}

// advertise says that we have target.
func (i *Interface) advertise(target, to netip.Addr, a packet.NeighborAdvertisement) {
	a.Target, a.MAC = target, i.mac
	i.sendNDP(target, to, a.Append(nil, target, to))
}

// inputAdvertisement takes in where a neighbour is (RFC 4861 §7.2.5).
func (i *Interface) inputAdvertisement(d *datagram, m packet.ICMP, body []byte) {
	h := i.host
	a, err := packet.ParseNeighborAdvertisement(m, body)
	if err != nil || d.ttl != ndpHopLimit || d.dst.IsMulticast() && a.Solicited {
		h.stats.Malformed++
		return
	}
	n := i.neighbours[a.Target]
	if !i.ethernet || n == nil || i.has(a.Target) || a.MAC.IsMulticast() {
		return
	}
	how := unsolicited
	if a.Solicited {
		how = solicited
	}
	switch {
	case a.MAC.IsZero() && n.mac.IsZero(): // it says nothing that we could use
	case n.state == incomplete && !a.MAC.IsZero():
		n.heard(a.MAC, how)
	case a.MAC.IsZero() || a.MAC == n.mac:
		n.heard(n.mac, how)
	case a.Override:
		n.heard(a.MAC, how)
	case n.state == reachable:
		// Another address without Override: doubt the one we have.
		n.state = stale
	}
}

// askNDP asks the group that a neighbour listens to for it, or a neighbour
// in doubt itself.
func (n *neighbour) askNDP() {
	i := n.iface
	src, err := i.host.source(i, n.addr, n.addr)
	if err != nil {
		return
	}
	to := packet.SolicitedNode(n.addr)
	if n.state == probe {
		to = n.addr
	}
	s := packet.NeighborSolicitation{Target: n.addr, Source: i.mac}
	i.sendNDP(src, to, s.Append(nil, src, to))
}

// sendNDP sends a neighbour message.
func (i *Interface) sendNDP(src, to netip.Addr, message []byte) {
	h := i.host
	if p, err := h.path(src, to, i); err == nil {
		h.send(&p, header{protocol: packet.ProtocolICMPv6, ttl: ndpHopLimit}, message)
	}
}
