package stack

import (
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// membership is a group that a socket has joined on an interface.
type membership struct {
	iface *Interface
	group netip.Addr
}

// SetMulticast sets how datagrams to groups leave: the interface (nil: the
// one that a route names, or the first), the TTL (1 at first: they stay on
// the link), and whether members on this host hear them too (at first they
// do).
func (c *UDPConn) SetMulticast(i *Interface, ttl uint8, loop bool) {
	c.host.lock()
	defer c.host.unlock()
	c.groupDevice, c.groupTTL, c.noLoop = i, ttl, !loop
	c.way = path{}
}

// member reports whether the socket has joined a group on an interface.
func (c *UDPConn) member(i *Interface, group netip.Addr) bool {
	return slices.Contains(c.groups, membership{i, group})
}

// JoinGroup makes the socket hear datagrams to a multicast group that come
// in on an interface; nil stands for the one that datagrams to the group
// leave by. Routers are told (IGMP version 2, MLD version 1).
func (c *UDPConn) JoinGroup(i *Interface, group netip.Addr) error {
	return c.change("join", i, group, func(m membership) error {
		if slices.Contains(c.groups, m) {
			return syscall.EADDRINUSE
		}
		if len(m.iface.groups) >= maxGroups {
			return syscall.ENOBUFS
		}
		m.iface.join(m.group)
		c.groups = append(c.groups, m)
		return nil
	})
}

// LeaveGroup undoes JoinGroup.
func (c *UDPConn) LeaveGroup(i *Interface, group netip.Addr) error {
	return c.change("leave", i, group, func(m membership) error {
		at := slices.Index(c.groups, m)
		if at < 0 {
			return syscall.EADDRNOTAVAIL
		}
		c.groups = slices.Delete(c.groups, at, at+1)
		m.iface.leave(m.group)
		return nil
	})
}

func (c *UDPConn) change(op string, i *Interface, group netip.Addr, do func(membership) error) error {
	h := c.host
	h.lock()
	defer h.unlock()
	to := netip.AddrPortFrom(group, c.local.Port())
	if c.closed {
		return c.fail(op, to, net.ErrClosed)
	}
	if !group.IsMulticast() || i != nil && i.host != h {
		return c.fail(op, to, syscall.EINVAL)
	}
	if i == nil {
		p, err := h.path(netip.Addr{}, group, c.groupDevice)
		if err != nil {
			return c.fail(op, to, err)
		}
		i = p.iface
	}
	if err := do(membership{i, group.WithZone("")}); err != nil {
		return c.fail(op, to, err)
	}
	return nil
}
