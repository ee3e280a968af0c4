package stack

import (
	"net/netip"
	"slices"
	"time"

	"waypost/packet"
	"waypost/tcp"
)

// maxGroups bounds the groups that sockets join on an interface: a lookup
// goes through them.
const maxGroups = 1024

// unsolicitedReport bounds the wait for the second report of a new member,
// in case the first was lost (RFC 2236 §8.10, RFC 2710 §7.10).
const unsolicitedReport = 10 * time.Second

// allSystems is the group that every IPv4 host is in and that is never
// reported (RFC 2236 §6).
var allSystems = netip.AddrFrom4([4]byte{224, 0, 0, 1})

// allRoutersV4 is where IGMP leaves go.
var allRoutersV4 = netip.AddrFrom4([4]byte{224, 0, 0, 2})

// group is a multicast group that an interface listens to, and where its
// membership stands (RFC 2236 §6, RFC 2710 §5: the delaying member and the
// idle member).
type group struct {
	iface   *Interface
	addr    netip.Addr
	members int   // sockets that joined, and the host itself
	last    bool  // we were the last to report it: we shall say when we leave
	timer   timer // a report is to be sent
}

// listens reports whether packets to a multicast group are for us.
func (i *Interface) listens(a netip.Addr) bool {
	if a == allSystems || a == allNodes {
		return true
	}
	if i.host.config.Forward && (a == allRoutersV4 || a == allRouters) {
		return true
	}
	return i.group(a) != nil
}

func (i *Interface) group(a netip.Addr) *group {
	for _, g := range i.groups {
		if g.addr == a {
			return g
		}
	}
	return nil
}

// join makes the interface listen to a group. The first member's joining is
// reported, twice.
func (i *Interface) join(a netip.Addr) {
	if g := i.group(a); g != nil {
		g.members++
		return
	}
	g := &group{iface: i, addr: a, members: 1}
	g.timer.owner = g
	i.groups = append(i.groups, g)
	if g.reported() {
		g.report()
		i.host.set(&g.timer, i.host.time+i.host.within(unsolicitedReport))
	}
}

// leave undoes join. When the last member leaves, the routers are told.
func (i *Interface) leave(a netip.Addr) {
	g := i.group(a)
	if g == nil {
		return
	}
	if g.members--; g.members > 0 {
		return
	}
	i.host.unset(&g.timer)
	if g.last && g.reported() {
		g.done()
	}
	i.groups = slices.DeleteFunc(i.groups, func(o *group) bool { return o == g })
}

// reported reports whether routers are told of the membership. Those of the
// whole link and of less need nobody's forwarding.
func (g *group) reported() bool {
	if g.iface.loopback || g.addr == allSystems || g.addr == allNodes {
		return false
	}
	return !g.addr.IsInterfaceLocalMulticast()
}

// within is a random time up to limit.
func (h *Host) within(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(h.random.Int64N(int64(limit)))
}

// expire implements expirer: it is our turn to report.
func (g *group) expire(tcp.Time, timerKind) { g.report() }

// report says that the group has a member here.
func (g *group) report() {
	g.last = true
	if g.addr.Is4() {
		g.iface.sendIGMP(g.addr, packet.IGMP{Type: packet.IGMPReport, Group: g.addr})
	} else {
		g.iface.sendMLD(g.addr, packet.MLD{Type: packet.ICMPv6MLDReport, Group: g.addr})
	}
}

// done says that it has none any more, as far as we know.
func (g *group) done() {
	if g.addr.Is4() {
		g.iface.sendIGMP(allRoutersV4, packet.IGMP{Type: packet.IGMPLeave, Group: g.addr})
	} else {
		g.iface.sendMLD(allRouters, packet.MLD{Type: packet.ICMPv6MLDDone, Group: g.addr})
	}
}

// asked takes a query: a report is due within the time it gives, unless one
// is due earlier. The unspecified address asks about all groups.
func (i *Interface) asked(about netip.Addr, limit time.Duration) {
	h := i.host
	for _, g := range i.groups {
		if !g.reported() || g.addr.Is4() != about.Is4() || !about.IsUnspecified() && g.addr != about {
			continue
		}
		if at := h.time + h.within(limit); at < g.due() {
			h.set(&g.timer, at)
		}
	}
}

// due is when a report is to be sent; never when none is.
func (g *group) due() tcp.Time {
	if g.timer.index == 0 {
		return never
	}
	return g.timer.want
}

// reportedByOther takes the report of another member: ours is not needed.
func (i *Interface) reportedByOther(a netip.Addr) {
	if g := i.group(a); g != nil {
		g.last = false
		i.host.unset(&g.timer)
	}
}
