package stack

import (
	"container/list"
	"fmt"
	"net/netip"
	"slices"

	"waypost/packet"
)

// Device is what an interface sends through: one end of a link of the lab, a
// TUN device.
type Device interface {
	// Transmit sends a frame: Ethernet, or an IP packet on an interface
	// without a MAC. The frame is borrowed during the call. A host calls one
	// Transmit at a time, in the order of its frames and without holding its
	// lock. Transmit should not block for long: the host's other frames wait
	// behind it.
	Transmit(frame []byte)
}

// InterfaceConfig is what an interface is made of.
type InterfaceConfig struct {
	Name string // by which it is known on its host; "" means eth0, eth1, …
	// MAC is the link address. The zero MAC stands for a device that carries
	// IP packets without Ethernet.
	MAC packet.MAC
	MTU int // bytes of an IP packet; 0 means DefaultMTU
	// Prefixes are our addresses, each with the length of the prefix whose
	// addresses are on the link.
	Prefixes []netip.Prefix
}

// The limits of an interface.
const (
	// DefaultMTU is Ethernet's (RFC 894).
	DefaultMTU = 1500
	// minMTU is what every IPv4 host must be able to take (RFC 791 §3.1);
	// with IPv6 addresses it is minMTUv6 (RFC 8200 §5).
	minMTU   = 576
	minMTUv6 = 1280
	// maxMTU is the largest IP packet.
	maxMTU = 65535

	ethernetSize = packet.EthernetSize
)

// Interface is where a host meets a link.
type Interface struct {
	host     *Host
	device   Device
	name     string
	mac      packet.MAC
	ethernet bool
	loopback bool
	mtu      int

	// Under the host's lock.
	prefixes   []netip.Prefix
	broadcasts []netip.Addr // of the prefixes
	linkLocal  netip.Addr   // fe80::/64 (RFC 4291 §2.5.6); the zero Addr without IPv6
	neighbours map[netip.Addr]*neighbour
	idle       list.List // those without packets, the last used at the end
	waiting    list.List // those for which packets wait, likewise
	groups     []*group
}

// Attach makes an interface of d. Its prefixes become routes.
func (h *Host) Attach(d Device, c InterfaceConfig) (*Interface, error) {
	h.lock()
	defer h.unlock()
	i := &Interface{host: h, device: d, name: c.Name, mac: c.MAC, ethernet: !c.MAC.IsZero(), mtu: c.MTU}
	if i.name == "" {
		i.name = fmt.Sprintf("eth%d", len(h.interfaces)-1)
	}
	if i.mtu == 0 {
		i.mtu = DefaultMTU
	}
	if err := h.attachable(i, c.Prefixes); err != nil {
		return nil, fmt.Errorf("attach %s to host %s: %w", i.name, h.config.Name, err)
	}
	h.add(i, c.Prefixes)
	return i, nil
}

// attachable says what speaks against an interface.
func (h *Host) attachable(i *Interface, prefixes []netip.Prefix) error {
	smallest := minMTU
	for n, p := range prefixes {
		switch a := p.Addr(); {
		case !p.IsValid() || a.Zone() != "" || a.Is4In6():
			return fmt.Errorf("%v is no prefix", p)
		case a.IsMulticast() || a.IsUnspecified():
			return fmt.Errorf("%v is not a unicast address", p)
		case h.addrs[a] != nil:
			return fmt.Errorf("%v is on %s already", p, h.addrs[a].name)
		case slices.ContainsFunc(prefixes[:n], func(q netip.Prefix) bool { return q.Addr() == a }):
			return fmt.Errorf("%v is there twice", a)
		case a.Is6():
			smallest = minMTUv6
		}
	}
	switch {
	case h.closed:
		return errHostClosed
	case i.mtu < smallest || i.mtu > maxMTU:
		return fmt.Errorf("MTU %d is not within %d and %d", i.mtu, smallest, maxMTU)
	case i.mac.IsMulticast():
		return fmt.Errorf("%v is a group address", i.mac)
	case slices.ContainsFunc(h.interfaces, func(o *Interface) bool { return o.name == i.name }):
		return fmt.Errorf("the name is taken")
	}
	return nil
}

// add puts the interface in place.
func (h *Host) add(i *Interface, prefixes []netip.Prefix) {
	i.prefixes = slices.Clone(prefixes)
	i.neighbours = make(map[netip.Addr]*neighbour)
	h.interfaces = append(h.interfaces, i)
	h.generation++
	if !i.loopback && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		i.addLinkLocal()
	}
	for _, p := range prefixes {
		h.addrs[p.Addr()] = i
		h.insertRoute(Route{Prefix: p.Masked(), Interface: i})
		if p.Addr().Is4() && p.Bits() < 31 && !i.loopback { // RFC 3021 §2.1: two ends need none
			i.broadcasts = append(i.broadcasts, lastOf(p))
		}
		if p.Addr().Is6() && i.ethernet {
			i.join(packet.SolicitedNode(p.Addr()))
		}
	}
}

// addLinkLocal gives the interface the address that RFC 4291 §2.1 requires.
// We deviate from RFC 4862 §5.4: addresses are not probed for duplicates,
// for the lab hands them out.
func (i *Interface) addLinkLocal() {
	mac := i.mac
	if !i.ethernet {
		mac = i.host.mac(len(i.host.interfaces))
	}
	i.linkLocal = packet.LinkLocal(mac)
	i.host.insertRoute(Route{Prefix: netip.PrefixFrom(i.linkLocal, 64).Masked(), Interface: i})
	if i.ethernet {
		i.join(packet.SolicitedNode(i.linkLocal))
	}
}

// Name is the interface's name on its host; it is also the zone of its
// link-local addresses.
func (i *Interface) Name() string { return i.name }

// MAC is the interface's link address; zero without Ethernet.
func (i *Interface) MAC() packet.MAC { return i.mac }

// MTU is the largest IP packet in bytes.
func (i *Interface) MTU() int { return i.mtu }

// Prefixes returns the interface's addresses, each with its on-link prefix.
func (i *Interface) Prefixes() []netip.Prefix { return slices.Clone(i.prefixes) }

// Receive takes a frame from the device. It is borrowed: what the host keeps
// it copies. The call does all that the frame causes, which may include
// calls of Transmit, and does not block. Frames of one flow come from one
// goroutine, in their order.
func (i *Interface) Receive(frame []byte) {
	h := i.host
	h.lock()
	defer h.unlock()
	if h.closed {
		return
	}
	if !i.ethernet {
		i.inputIP(frame, toUs)
		return
	}
	eth, payload, err := packet.ParseEthernet(frame)
	if err != nil {
		h.stats.Malformed++
		return
	}
	to := toUs
	switch {
	case eth.Dst == i.mac:
	case eth.Dst.IsMulticast():
		to = toMany
	default:
		h.stats.NotForUs++
		return
	}
	switch eth.Type {
	case packet.TypeARP:
		i.inputARP(payload)
	case packet.TypeIPv4:
		i.inputIPv4(payload, to)
	case packet.TypeIPv6:
		i.inputIPv6(payload, to)
	}
}

// reach tells whom a frame was addressed to on its link.
type reach uint8

const (
	toUs   reach = iota // our link address, or a link without addresses
	toMany              // broadcast or multicast
)

// loopback is the device of a host's own addresses: what it is given comes
// back. That works because a device is called without the host's lock.
type loopback struct{ own *Interface }

// Transmit implements [Device].
func (l *loopback) Transmit(frame []byte) { l.own.Receive(frame) }

// loopbackMTU is that of Linux, but for the one byte that an IPv4 length
// cannot say.
const loopbackMTU = maxMTU

func (h *Host) attachLoopback() {
	d := &loopback{}
	d.own = &Interface{host: h, device: d, name: "lo", loopback: true, mtu: loopbackMTU}
	h.add(d.own, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")})
}
