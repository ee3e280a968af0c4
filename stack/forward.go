package stack

import (
	"waypost/packet"
)

// forward sends a packet of others on (RFC 1812 §5, RFC 8200 §5). Unicast
// only; redirects are not sent, for hosts of the lab are told their routes.
func (h *Host) forward(d *datagram) {
	switch {
	case d.src.IsUnspecified() || d.dst.IsUnspecified() || local(d.src) || local(d.dst):
		h.stats.NotForUs++ // RFC 3927 §7, RFC 4291 §2.5.6: these stay on their link
		return
	case d.ttl <= 1:
		h.sendError(d.packet, errorMessage{what: ttlExceeded})
		return
	}
	p, err := h.path(d.src, d.dst, nil)
	if err != nil {
		h.stats.NoRoute++
		h.sendError(d.packet, errorMessage{what: netUnreachable})
		return
	}
	if p.iface.isBroadcast(d.dst) {
		h.stats.NotForUs++ // RFC 2644 §2: not to everybody on another link
		return
	}
	p.mtu = p.iface.mtu // what is known of the rest of the path is the sender's business
	if len(d.packet) > p.mtu {
		h.forwardLarge(d, &p)
		return
	}
	b := append(h.open(&p), d.packet...)
	decrement(b[len(b)-len(d.packet):])
	h.shut(&p, b, true)
}

// forwardLarge sends on a packet that the next link does not take whole:
// in fragments where that is allowed, and otherwise not at all (RFC 1191 §4,
// RFC 8200 §5).
func (h *Host) forwardLarge(d *datagram, p *path) {
	if d.dst.Is6() {
		h.sendError(d.packet, errorMessage{what: tooBig, mtu: p.mtu})
		return
	}
	v4, payload, err := packet.ParseIPv4(d.packet)
	if err != nil || v4.DontFragment {
		h.sendError(d.packet, errorMessage{what: tooBig, mtu: p.mtu})
		return
	}
	v4.TTL--
	h.fragmentIPv4(p, v4, payload, true)
}
