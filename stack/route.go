package stack

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Route says where packets to the addresses of a prefix go.
type Route struct {
	Prefix netip.Prefix
	// Via is the gateway. The zero Addr says that the addresses are on the
	// link of Interface.
	Via netip.Addr
	// Interface is the way out; nil stands for the one on whose link Via is.
	Interface *Interface
}

func (r Route) String() string {
	if !r.Via.IsValid() {
		return fmt.Sprintf("%v on %s", r.Prefix, r.Interface.name)
	}
	return fmt.Sprintf("%v via %v on %s", r.Prefix, r.Via, r.Interface.name)
}

// maxRoutes bounds the table; a lookup goes through it.
const maxRoutes = 4096

// AddRoute adds a route. One for the same prefix is replaced, but for those
// of the interfaces' own links.
func (h *Host) AddRoute(r Route) error {
	h.lock()
	defer h.unlock()
	r.Prefix = r.Prefix.Masked()
	fail := func(why string) error {
		return fmt.Errorf("add route %v via %v to host %s: %s", r.Prefix, r.Via, h.config.Name, why)
	}
	switch {
	case !r.Prefix.IsValid():
		return fail("no valid prefix")
	case r.Interface != nil && r.Interface.host != h:
		return fail("the interface is another host's")
	case !r.Via.IsValid() && r.Interface == nil:
		return fail("neither gateway nor interface")
	case r.Via.IsValid() && r.Via.Is4() != r.Prefix.Addr().Is4():
		return fail("the gateway is of another family")
	case r.Via.IsValid() && h.isLocal(r.Via):
		return fail("the gateway is this host")
	case len(h.routes) >= maxRoutes:
		return fail("the table is full")
	}
	if r.Interface == nil {
		if r.Interface = h.linkOf(r.Via); r.Interface == nil {
			return fail("no interface has the gateway on its link")
		}
	}
	h.insertRoute(r)
	return nil
}

// Routes returns the table in the order in which it is looked through: the
// longest prefix first.
func (h *Host) Routes() []Route {
	h.lock()
	defer h.unlock()
	return slices.Clone(h.routes)
}

// insertRoute puts r behind the routes of longer prefixes.
func (h *Host) insertRoute(r Route) {
	h.generation++
	h.routes = slices.DeleteFunc(h.routes, func(o Route) bool {
		return o.Prefix == r.Prefix && (o.Via.IsValid() || o.Interface == r.Interface && !r.Via.IsValid())
	})
	at, _ := slices.BinarySearchFunc(h.routes, r, func(o, r Route) int {
		return cmp.Or(cmp.Compare(r.Prefix.Bits(), o.Prefix.Bits()), -1)
	})
	h.routes = slices.Insert(h.routes, at, r)
}

// lookup finds the route of the longest prefix that holds dst, on the
// interface if one is given.
func (h *Host) lookup(dst netip.Addr, on *Interface) (Route, bool) {
	for _, r := range h.routes {
		if r.Prefix.Contains(dst) && (on == nil || r.Interface == on) {
			return r, true
		}
	}
	return Route{}, false
}

// linkOf is the interface that has a on its link, or nil.
func (h *Host) linkOf(a netip.Addr) *Interface {
	for _, r := range h.routes {
		if !r.Via.IsValid() && !r.Interface.loopback && r.Prefix.Contains(a) {
			return r.Interface
		}
	}
	return nil
}

// isLocal reports whether a is this host: one of its unicast addresses, or a
// loopback address.
func (h *Host) isLocal(a netip.Addr) bool {
	if h.addrs[a] != nil {
		return true
	}
	if a.IsLoopback() { // RFC 1122 §3.2.1.3 (g): all of 127/8
		return true
	}
	if !a.IsLinkLocalUnicast() || a.Is4() {
		return false
	}
	return slices.ContainsFunc(h.interfaces, func(i *Interface) bool { return i.linkLocal == a.WithZone("") })
}

// isBroadcast reports whether a is the broadcast address of the interface's
// links: the limited one (RFC 919 §7) or a directed one (RFC 922 §7).
func (i *Interface) isBroadcast(a netip.Addr) bool {
	return a == limitedBroadcast || slices.Contains(i.broadcasts, a)
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// lastOf is the address of an IPv4 prefix whose host bits are all ones.
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// source chooses our address for packets that leave through i towards next,
// where dst is their destination: one on the same link before others
// (RFC 1122 §3.3.4.3), over IPv6 one of the same scope before others and
// then the longest prefix in common (RFC 6724 §5 rules 2 and 8); the first
// where there is nothing to choose.
func (h *Host) source(i *Interface, dst, next netip.Addr) (netip.Addr, error) {
	var best netip.Addr
	bestRank := -1
	consider := func(a netip.Addr, rank int) {
		if a.Is4() == dst.Is4() && rank > bestRank {
			best, bestRank = a, rank
		}
	}
	for _, p := range i.prefixes {
		rank := 0
		if p.Contains(next) {
			rank = 1
		}
		if dst.Is6() {
			rank = commonBits(p.Addr(), dst)
			if !local(dst) {
				rank += sameScope
			}
		}
		consider(p.Addr(), rank)
	}
	if i.linkLocal.IsValid() {
		rank := commonBits(i.linkLocal, dst)
		if local(dst) {
			rank += sameScope
		}
		consider(i.linkLocal, rank)
	}
	if bestRank >= 0 {
		return best, nil
	}
	// An interface without addresses of the family speaks with another's.
	for _, o := range h.interfaces[1:] {
		for _, p := range o.prefixes {
			if p.Addr().Is4() == dst.Is4() {
				return p.Addr(), nil
			}
		}
	}
	return netip.Addr{}, syscall.EADDRNOTAVAIL
}

// sameScope outranks any common prefix.
const sameScope = 256

// local reports whether a has the scope of a link.
func local(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast()
}

// commonBits is the number of leading bits that two IPv6 addresses share.
func commonBits(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for n := range x {
		if d := x[n] ^ y[n]; d != 0 {
			bits := n * 8
			for ; d&0x80 == 0; d <<= 1 {
				bits++
			}
			return bits
		}
	}
	return 128
}
