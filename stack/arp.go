package stack

import (
	"net/netip"

	"waypost/packet"
)

// inputARP takes an ARP message in as RFC 826 "Packet Reception" has it:
// what is known of the sender is brought up to date; the sender becomes known
// when it asks for us; a request for one of our addresses is answered.
func (i *Interface) inputARP(b []byte) {
	h := i.host
	m, err := packet.ParseARP(b)
	if err != nil {
		h.stats.Malformed++
		return
	}
	if m.SenderMAC.IsMulticast() || m.SenderMAC.IsZero() || m.SenderMAC == i.mac {
		return
	}
	forUs := i.has(m.TargetIP)
	// A probe (RFC 5227 §2.1.1) has no sender address to learn; one that is
	// ours is a conflict that is not ours to lose.
	if !m.SenderIP.IsUnspecified() && !i.has(m.SenderIP) && i.onLink(m.SenderIP) {
		n := i.neighbours[m.SenderIP]
		if n == nil && forUs {
			n = i.neighbour(m.SenderIP, m.SenderIP)
		}
		if n != nil {
			how := unsolicited
			if m.Op == packet.ARPReply && forUs && (n.state == incomplete || n.state == probe) {
				how = solicited
			}
			n.heard(m.SenderMAC, how)
		}
	}
	if m.Op == packet.ARPRequest && forUs {
		i.sendARP(m.SenderMAC, packet.ARP{
			Op: packet.ARPReply, SenderMAC: i.mac, SenderIP: m.TargetIP,
			TargetMAC: m.SenderMAC, TargetIP: m.SenderIP,
		})
	}
}

// has reports whether a is one of the interface's unicast addresses.
func (i *Interface) has(a netip.Addr) bool {
	for n := range i.prefixes {
		if i.prefixes[n].Addr() == a {
			return true
		}
	}
	return a.IsValid() && a == i.linkLocal
}

// onLink reports whether a neighbour with this address is to be expected: a
// cache that believes everything can be filled by anybody.
func (i *Interface) onLink(a netip.Addr) bool {
	if a.IsMulticast() || a.IsUnspecified() || i.isBroadcast(a) {
		return false
	}
	if i.neighbours[a] != nil {
		return true
	}
	r, ok := i.host.lookup(a, i)
	return ok && !r.Via.IsValid()
}

// askARP asks everybody for an IPv4 neighbour, or a neighbour in doubt
// whether it is still there (RFC 1122 §2.3.2.1).
func (n *neighbour) askARP() {
	i := n.iface
	src, err := i.host.source(i, n.addr, n.addr)
	if err != nil {
		return
	}
	to := packet.Broadcast()
	if n.state == probe {
		to = n.mac
	}
	i.sendARP(to, packet.ARP{Op: packet.ARPRequest, SenderMAC: i.mac, SenderIP: src, TargetIP: n.addr})
}

func (i *Interface) sendARP(to packet.MAC, m packet.ARP) {
	h := i.host
	p := path{iface: i, mac: to}
	b := packet.Ethernet{Dst: to, Src: i.mac, Type: packet.TypeARP}.Append(h.out.bytes)
	h.shut(&p, m.Append(b), false)
}
