package lab

import (
	"fmt"
	"net/netip"

	"waypost/packet"
	"waypost/stack"
)

// Node is what links join: a [*Host], a [*Router] or a [*Switch].
type Node interface {
	// Name is the node's name, unique in its lab.
	Name() string
	// plug gives the node the end of a link. The lab's lock is held.
	plug(e *end, p Port) error
}

// Port is a place at a node into which a link is plugged.
type Port struct {
	Node Node
	// Prefixes are the addresses of the interface that a host or router
	// gets for the link, each with the length of its on-link prefix.
	Prefixes []netip.Prefix
	// MTU is the largest IP packet in bytes; 0: that of the link's shape.
	MTU int
	// NAT makes the interface the outer side of an address translator.
	NAT *NAT
}

// Host is a host of the lab. Being a stack.Host, it is a link.Network.
type Host struct {
	*stack.Host
	lab        *Lab
	station    int // its place among the lab's hosts: the order of what happens at one instant
	interfaces []*stack.Interface
	taken      spacing
}

// Router is a host that forwards what is not for it.
type Router struct{ Host }

// Host makes a host without links.
func (l *Lab) Host(name string, o HostOptions) (*Host, error) {
	h := &Host{}
	if err := l.equip(h, h, name, o, false); err != nil {
		return nil, err
	}
	return h, nil
}

// Router makes a router without links.
func (l *Lab) Router(name string) (*Router, error) {
	r := &Router{}
	if err := l.equip(r, &r.Host, name, HostOptions{}, true); err != nil {
		return nil, err
	}
	return r, nil
}

// equip makes h, which is n or within it, a host of the lab.
func (l *Lab) equip(n Node, h *Host, name string, o HostOptions, forward bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	h.lab, h.station = l, len(l.order)
	c := stack.Config{
		Name:    name,
		Station: l.station(name),
		Seed:    l.seed("host " + name),
		TCP:     o.TCP,
		Backlog: o.Backlog,
		Cookies: o.Cookies,
		Forward: forward,
		Causes:  l.causes,
	}
	if l.options.Virtual {
		c.AfterFunc = l.loop.timerOf(h.station)
	}
	h.Host = stack.New(c)
	return l.add(n)
}

// Port is a new interface of the host, with these addresses.
func (h *Host) Port(prefixes ...netip.Prefix) Port { return Port{Node: h, Prefixes: prefixes} }

// Port is a new interface of the router, with these addresses.
func (r *Router) Port(prefixes ...netip.Prefix) Port { return Port{Node: r, Prefixes: prefixes} }

// Interfaces returns the host's interfaces in the order in which links were
// plugged in.
func (h *Host) Interfaces() []*stack.Interface {
	h.lab.mu.Lock()
	defer h.lab.mu.Unlock()
	return append([]*stack.Interface(nil), h.interfaces...)
}

// plug makes an interface of the end of a link.
func (h *Host) plug(e *end, p Port) error {
	e.mac = h.lab.nextMAC()
	device := stack.Device(e)
	var outer *translator
	if p.NAT != nil {
		var err error
		if outer, err = newTranslator(*p.NAT, e, p.Prefixes); err != nil {
			return err
		}
		device = outer
	}
	i, err := h.Attach(device, stack.InterfaceConfig{
		Name:     fmt.Sprintf("eth%d", len(h.interfaces)),
		MAC:      e.mac,
		MTU:      p.MTU,
		Prefixes: p.Prefixes,
	})
	if err != nil {
		return err
	}
	e.taken = &h.taken
	e.receive = i.Receive
	if outer != nil {
		outer.inward = i.Receive
		e.receive = outer.receive
	}
	h.interfaces = append(h.interfaces, i)
	return nil
}

// nextMAC returns the next link address: locally administered (IEEE 802 §8.4,
// the bit 02 of the first octet) and counted, so that it does not depend on
// anything but the order in which links are plugged in. The lock is held.
func (l *Lab) nextMAC() packet.MAC {
	l.macs++
	n := l.macs
	return packet.MAC{0x02, 0x00, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}
