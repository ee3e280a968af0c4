package lab

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"waypost/packet"
)

// NAT makes an interface of a router the outer side of an address
// translator: packets that leave by it carry its own address and a port that
// stands for the sender's, and answers go back the same way. It is the part
// of RFC 4787, 5382 and 5508 that clients meet: a mapping does not depend on
// whom the sender speaks to (RFC 4787 §4.1), whoever knows the outer port may
// answer (§5), only packets from inside keep it alive (§4.3), and the port
// is kept where it is free (§4.2.1). IPv4 only.
//
// We deviate: fragments are not translated but dropped, and one inside host
// does not reach another by the outer address (hairpinning).
type NAT struct {
	// Inside are the addresses that are translated; none: all but the
	// interface's own.
	Inside []netip.Prefix
	// Mappings bounds how many there are at a time; 0: DefaultMappings.
	// A packet that would need one more is dropped.
	Mappings int
	// How long a mapping lives without a packet from inside; 0: the
	// defaults. TCPTransitory is for connections that are opening or closing.
	UDP, TCP, TCPTransitory, ICMP time.Duration
}

// The defaults of a NAT.
const (
	// DefaultMappings is the table of a good home router.
	DefaultMappings = 16384
	// DefaultNATUDP is what RFC 4787 §4.3 recommends.
	DefaultNATUDP = 5 * time.Minute
	// DefaultNATTCP and DefaultNATTransitory are the least that RFC 5382 §5
	// allows.
	DefaultNATTCP        = 2*time.Hour + 4*time.Minute
	DefaultNATTransitory = 4 * time.Minute
	// DefaultNATICMP is the least that RFC 5508 §3.2 allows.
	DefaultNATICMP = 60 * time.Second
)

// translator stands between a router's outer interface and its link. It
// implements stack.Device towards the router.
type translator struct {
	rules  NAT
	link   *end
	outer  netip.Addr
	inward func(frame []byte) // the router's interface

	mu     sync.Mutex
	table  natTable
	out    []byte // the frame on its way out, rewritten; under mu
	in     []byte // the frame on its way in; the loop's alone
	refuse int64  // packets dropped: fragments, a full table
}

func newTranslator(n NAT, e *end, prefixes []netip.Prefix) (*translator, error) {
	for _, p := range prefixes {
		if p.Addr().Is4() {
			return &translator{rules: n.withDefaults(), link: e, outer: p.Addr(), table: newNATTable()}, nil
		}
	}
	return nil, fmt.Errorf("address translation needs an IPv4 address on the interface")
}

func (n NAT) withDefaults() NAT {
	or := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	or(&n.UDP, DefaultNATUDP)
	or(&n.TCP, DefaultNATTCP)
	or(&n.TCPTransitory, DefaultNATTransitory)
	or(&n.ICMP, DefaultNATICMP)
	if n.Mappings == 0 {
		n.Mappings = DefaultMappings
	}
	return n
}

// translates reports whether packets of a sender are translated.
func (t *translator) translates(src netip.Addr) bool {
	if src == t.outer {
		return false
	}
	for _, p := range t.rules.Inside {
		if p.Contains(src) {
			return true
		}
	}
	return len(t.rules.Inside) == 0
}

// Transmit sends a frame of the router, as if it came from its own address.
func (t *translator) Transmit(frame []byte) {
	ip, ok := openIPv4(frame)
	if !ok || !t.translates(ip.src()) {
		t.link.Transmit(frame)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = append(t.out[:0], frame...)
	ip, _ = openIPv4(t.out)
	if !t.outward(ip) {
		t.refuse++
		return
	}
	t.link.Transmit(t.out)
}

// receive takes a frame from the link: an answer is given to the router as
// one to the inside host.
func (t *translator) receive(frame []byte) {
	ip, ok := openIPv4(frame)
	if !ok || ip.dst() != t.outer {
		t.inward(frame)
		return
	}
	t.in = append(t.in[:0], frame...)
	ip, _ = openIPv4(t.in)
	t.mu.Lock()
	t.back(ip)
	t.mu.Unlock()
	t.inward(t.in)
}

// outward rewrites a packet from inside. It reports false for one that
// cannot go out.
func (t *translator) outward(ip ipv4Packet) bool {
	if ip.fragment() {
		return false
	}
	proto, port, ok := ip.sender()
	if !ok {
		return t.outwardError(ip)
	}
	m := t.table.from(t.now(), t.rules, natEnd{proto, netip.AddrPortFrom(ip.src(), port)})
	if m == nil {
		return false
	}
	m.seen(ip, true)
	m.until = t.now() + m.life(t.rules)
	ip.setSource(t.outer, m.port)
	return true
}

// outwardError rewrites an ICMP error that an inside host sends about a
// packet that was translated on its way in (RFC 5508 §4.2).
func (t *translator) outwardError(ip ipv4Packet) bool {
	inner, ok := ip.quoted()
	if !ok {
		return false
	}
	proto, port, ok := inner.receiver()
	if !ok {
		return false
	}
	m := t.table.known(natEnd{proto, netip.AddrPortFrom(inner.dst(), port)})
	if m == nil {
		return false
	}
	inner.setReceiver(t.outer, m.port)
	ip.setAddr(ipv4Source, t.outer)
	ip.sumICMP()
	return true
}

// back rewrites a packet to the outer address, where it belongs to a mapping.
// Others are left as they are: they are the router's own.
func (t *translator) back(ip ipv4Packet) {
	if ip.fragment() {
		return
	}
	if inner, ok := ip.quoted(); ok {
		if proto, port, ok := inner.sender(); ok && inner.src() == t.outer {
			if m := t.table.to(t.now(), proto, port); m != nil {
				inner.setSource(m.inside.addr.Addr(), m.inside.addr.Port())
				ip.setAddr(ipv4Destination, m.inside.addr.Addr())
				ip.sumICMP()
			}
		}
		return
	}
	proto, port, ok := ip.receiver()
	if !ok {
		return
	}
	if m := t.table.to(t.now(), proto, port); m != nil {
		m.seen(ip, false)
		ip.setReceiver(m.inside.addr.Addr(), m.inside.addr.Port())
	}
}

func (t *translator) now() time.Duration { return t.link.lab.Now() }

// natEnd is the inside end of a mapping.
type natEnd struct {
	proto packet.Protocol
	addr  netip.AddrPort // the port is the identifier of ICMP echoes
}
