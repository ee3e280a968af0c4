package stack

import (
	"net/netip"
	"syscall"

	"waypost/packet"
	"waypost/tcp"
	"waypost/trace"
)

// path is the way of packets from this host: what a route, a neighbour and
// the choice of a source address came to. Sockets keep theirs, as long as it is
// not out of date.
type path struct {
	iface      *Interface
	src, dst   netip.Addr
	neighbour  *neighbour // nil: there is no link address to find
	mac        packet.MAC // where to, when neighbour is nil: a group or everybody
	mtu        int        // of the interface, or less as path MTU discovery found
	until      tcp.Time   // how long that is believed
	generation uint64
	cause      *trace.Span // what the packets are sent for; nil: unknown
}

// path finds the way to dst. src may be the zero Addr: the host chooses. on
// restricts the way to an interface; nil does not.
func (h *Host) path(src, dst netip.Addr, on *Interface) (path, error) {
	if on == nil && dst.Zone() != "" {
		if on = h.interfaceNamed(dst.Zone()); on == nil {
			return path{}, syscall.ENODEV
		}
	}
	dst = dst.WithZone("")
	src = src.WithZone("")
	p := path{src: src, dst: dst, until: never, generation: h.generation}
	if h.isLocal(dst) {
		p.iface = h.interfaces[0]
		p.mtu = p.iface.mtu
		if !src.IsValid() {
			p.src = dst // what the destination is to itself
		}
		return p, nil
	}
	next, err := h.next(&p, on)
	if err != nil {
		return path{}, err
	}
	if !src.IsValid() {
		if p.src, err = h.source(p.iface, dst, next); err != nil {
			return path{}, err
		}
	}
	p.mtu, p.until = h.pathMTU(dst, p.iface.mtu)
	if !p.iface.ethernet {
		return p, nil
	}
	if dst.IsMulticast() || p.iface.isBroadcast(dst) {
		p.mac = packet.MulticastMAC(dst)
		if !dst.IsMulticast() {
			p.mac = packet.Broadcast()
		}
		return p, nil
	}
	p.neighbour = p.iface.neighbour(next, dst)
	return p, nil
}

// next sets the interface towards p.dst and returns the next hop.
func (h *Host) next(p *path, on *Interface) (netip.Addr, error) {
	if on == nil && p.dst == limitedBroadcast || on == nil && p.dst.IsMulticast() {
		// The link is not told by the address: it is that of the source, of a
		// route if there is one, or else the first.
		if i := h.addrs[p.src]; i != nil {
			on = i
		}
	}
	if on != nil && (p.dst.IsMulticast() || on.isBroadcast(p.dst)) {
		p.iface = on
		return p.dst, nil
	}
	r, ok := h.lookup(p.dst, on)
	if !ok && (p.dst.IsMulticast() || p.dst == limitedBroadcast) && len(h.interfaces) > 1 {
		p.iface = h.interfaces[1]
		return p.dst, nil
	}
	if !ok || r.Interface.loopback {
		return netip.Addr{}, syscall.ENETUNREACH
	}
	p.iface = r.Interface
	if r.Via.IsValid() && !p.dst.IsMulticast() {
		return r.Via, nil
	}
	return p.dst, nil
}

// header is the Ethernet header of packets on this path.
func (p *path) header() packet.Ethernet {
	e := packet.Ethernet{Dst: p.mac, Src: p.iface.mac, Type: packet.TypeIPv4}
	if p.dst.Is6() {
		e.Type = packet.TypeIPv6
	}
	if p.neighbour != nil {
		e.Dst = p.neighbour.mac
	}
	return e
}

// outOfDate reports whether something has changed since p was found, or what
// was found of its MTU has had its time.
func (h *Host) outOfDate(p *path) bool {
	return p.generation != h.generation || h.time >= p.until || p.neighbour != nil && p.neighbour.gone
}

// renew looks for the way anew if it is out of date.
func (h *Host) renew(p *path) error {
	if !h.outOfDate(p) {
		return nil
	}
	n, err := h.path(p.src, p.dst, p.iface.ifLocal(p.dst))
	if err != nil {
		return err
	}
	n.cause = p.cause
	*p = n
	return nil
}

func (h *Host) interfaceNamed(name string) *Interface {
	for _, i := range h.interfaces {
		if i.name == name {
			return i
		}
	}
	return nil
}
