package stack

import "waypost/packet"

// sendFragments sends a packet of ours in parts (RFC 791 §3.2, RFC 8200
// §4.5).
func (h *Host) sendFragments(p *path, o header, payload []byte) {
	if p.dst.Is4() {
		v4 := packet.IPv4{
			TTL: o.ttl, Protocol: o.protocol, Src: p.src, Dst: p.dst,
			RouterAlert: o.routerAlert, ID: uint16(h.identification(p, o.protocol)),
		}
		if v4.TTL == 0 {
			v4.TTL = defaultTTL
		}
		h.fragmentIPv4(p, v4, payload, false)
		return
	}
	v6 := packet.IPv6{
		HopLimit: o.ttl, Next: o.protocol, Src: p.src, Dst: p.dst, RouterAlert: o.routerAlert,
		Fragment: true, FragmentID: h.identification(p, o.protocol),
	}
	if v6.HopLimit == 0 {
		v6.HopLimit = defaultTTL
	}
	room := (p.mtu - v6.Size()) &^ 7
	for len(payload) > 0 {
		n := min(room, len(payload))
		v6.MoreFragments = n < len(payload)
		h.shut(p, append(v6.Append(h.open(p), n), payload[:n]...), false)
		v6.FragmentOffset += n
		payload = payload[n:]
	}
}

// fragmentIPv4 sends the payload of a packet in fragments that fit the path.
// The packet may be a fragment itself, on its way through a router. Of its
// options only Router Alert goes along: we deviate from RFC 791 §3.1, which
// has others copied that nobody sends any more.
func (h *Host) fragmentIPv4(p *path, v4 packet.IPv4, payload []byte, forwarded bool) {
	more := v4.MoreFragments
	room := (p.mtu - v4.Size()) &^ 7
	for len(payload) > 0 {
		n := min(room, len(payload))
		v4.MoreFragments = more || n < len(payload)
		h.shut(p, append(v4.Append(h.open(p), n), payload[:n]...), forwarded)
		v4.FragmentOffset += n
		payload = payload[n:]
	}
}
