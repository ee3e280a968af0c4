package stack

import (
	"container/list"
	"net/netip"
	"syscall"
	"time"

	"waypost/packet"
	"waypost/tcp"
	"waypost/trace"
)

// The times and limits of the neighbour cache. They are those of RFC 4861
// §10, which Linux uses for ARP too.
const (
	maxSolicit      = 3                // requests for one address before it is given up
	retransTimer    = time.Second      // between two of them
	reachableTime   = 30 * time.Second // a neighbour heard of is believed to be there so long
	delayFirstProbe = 5 * time.Second  // a doubtful neighbour in use is given so long before it is asked
	// maxNeighbours bounds the cache of an interface: gc_thresh3 of Linux.
	maxNeighbours = 1024
	// maxHeld bounds the bytes of packets that wait for one neighbour. RFC
	// 1122 §2.3.2.2 asks for one packet: the largest, 65,535 bytes, has room
	// with the headers of its fragments on a link of minMTU.
	maxHeld = 68 << 10
	// maxHeldHost bounds them for all neighbours of the host, for a stranger
	// who scans a router's link could fill many.
	maxHeldHost = 4 << 20
)

// neighbourState is what is known of a neighbour (RFC 4861 §7.3.2).
type neighbourState uint8

const (
	unasked    neighbourState = iota // nothing is known and nobody was asked
	incomplete                       // asked, not answered
	reachable                        // there, as of less than reachableTime ago
	stale                            // the address may be out of date; used all the same
	delay                            // stale and in use: to be asked soon
	probe                            // stale and asked
	failed                           // asked, and nobody answered
)

var neighbourNames = [...]string{
	unasked: "unasked", incomplete: "incomplete", reachable: "reachable", stale: "stale",
	delay: "delay", probe: "probe", failed: "failed",
}

func (s neighbourState) String() string { return neighbourNames[s] }

// neighbour is an entry of the ARP or NDP cache: who has addr on the link.
type neighbour struct {
	iface     *Interface
	addr      netip.Addr
	mac       packet.MAC
	state     neighbourState
	confirmed tcp.Time // when it was last heard to be there
	asked     int      // requests since it was last heard
	since     tcp.Time // when the first of them was sent
	timer     timer
	held      []heldPacket
	heldBytes int
	wanted    netip.Addr  // the destination that made us ask first
	cause     *trace.Span // and what it was sent for

	queue *list.List // the interface's idle or waiting
	place *list.Element
	gone  bool // forgotten: a path that leads here is out of date
}

// heldPacket is an IP packet that waits for the link address of its next
// hop.
type heldPacket struct {
	bytes     []byte
	forwarded bool // it is not ours
}

// neighbour returns the entry for addr, making an unasked one.
func (i *Interface) neighbour(addr, wanted netip.Addr) *neighbour {
	if n := i.neighbours[addr]; n != nil {
		return n
	}
	if len(i.neighbours) >= maxNeighbours {
		i.forgetNeighbour()
	}
	n := &neighbour{iface: i, addr: addr, wanted: wanted, queue: &i.idle}
	n.timer.owner = n
	n.place = i.idle.PushBack(n)
	i.neighbours[addr] = n
	return n
}

// forgetNeighbour makes room: the entry that has been of no use for longest
// goes, and those with packets last. Only the paths that lead to it are out
// of date then, for a stranger can make it happen with every frame.
func (i *Interface) forgetNeighbour() {
	queue := &i.idle
	if queue.Len() == 0 {
		queue = &i.waiting
	}
	n := queue.Remove(queue.Front()).(*neighbour)
	n.gone = true
	i.host.release(n)
	i.host.unset(&n.timer)
	delete(i.neighbours, n.addr)
}

// touched puts n, which was of use, behind all others in its queue.
func (n *neighbour) touched() {
	queue := &n.iface.idle
	if len(n.held) > 0 {
		queue = &n.iface.waiting
	}
	switch {
	case n.gone:
	case n.queue == queue:
		queue.MoveToBack(n.place)
	default:
		n.queue.Remove(n.place)
		n.queue, n.place = queue, queue.PushBack(n)
	}
}

// usable reports whether packets on the path can leave now, and asks for the
// neighbour where they cannot, or where its address is in doubt.
func (h *Host) usable(p *path) bool {
	n := p.neighbour
	n.touched()
	switch n.state {
	case reachable:
		if h.time-n.confirmed < reachableTime {
			return true
		}
		n.state = stale
		fallthrough
	case stale:
		n.state = delay
		h.set(&n.timer, h.time+delayFirstProbe)
		return true
	case delay, probe:
		return true
	case incomplete:
		return false
	}
	n.wanted, n.cause = p.dst, p.cause
	return false
}

// hold keeps a packet until its neighbour answers. It asks if nobody has.
// The packet's bytes are copied. When there is no room the oldest goes
// (RFC 4861 §7.2.2).
func (h *Host) hold(p *path, ip []byte, forwarded bool) {
	n := p.neighbour
	if h.held+len(ip) > maxHeldHost {
		h.stats.NeighbourDropped++
	} else {
		for n.heldBytes+len(ip) > maxHeld {
			h.drop(n, 1)
		}
		n.held = append(n.held, heldPacket{append([]byte(nil), ip...), forwarded})
		n.heldBytes += len(ip)
		h.held += len(ip)
		n.touched()
	}
	if n.state != incomplete {
		n.state, n.asked, n.since = incomplete, 0, h.time
		n.ask()
	}
}

// drop drops the oldest packets that wait for n.
func (h *Host) drop(n *neighbour, count int) {
	for _, p := range n.held[:count] {
		n.heldBytes -= len(p.bytes)
		h.held -= len(p.bytes)
		h.stats.NeighbourDropped++
	}
	n.held = append(n.held[:0], n.held[count:]...)
}

// release drops all packets that wait for n.
func (h *Host) release(n *neighbour) { h.drop(n, len(n.held)); n.held = nil }

// expire implements expirer: nobody has answered, or a doubtful neighbour is
// still in use.
func (n *neighbour) expire(now tcp.Time, _ timerKind) {
	switch {
	case n.state == delay:
		n.state, n.asked, n.since = probe, 0, now
		n.ask()
	case n.state != incomplete && n.state != probe:
	case n.asked < maxSolicit:
		n.ask()
	default:
		n.fail()
	}
}

// ask sends a request: to everybody, or to the address that is in doubt.
func (n *neighbour) ask() {
	n.asked++
	if n.addr.Is4() {
		n.askARP()
	} else {
		n.askNDP()
	}
	n.iface.host.set(&n.timer, n.iface.host.time+retransTimer)
}

// fail gives up. Whoever sent the packets that waited is told (RFC 1122
// §2.3.2.2, RFC 4861 §7.2.2): as a router with an ICMP error, as their own
// host directly.
func (n *neighbour) fail() {
	h := n.iface.host
	n.state, n.mac = failed, packet.MAC{}
	h.noteResolve(n)
	held := n.held
	n.held, n.heldBytes = nil, 0
	if n.touched(); !n.gone {
		n.queue.MoveToFront(n.place) // nothing is lost with it
	}
	for _, p := range held {
		h.held -= len(p.bytes)
		h.stats.NeighbourDropped++
		if p.forwarded {
			h.sendError(p.bytes, errorMessage{what: hostUnreachable})
		} else {
			h.ownPacketLost(p.bytes, syscall.EHOSTUNREACH)
		}
	}
}

// evidence is how a neighbour's address became known.
type evidence uint8

const (
	unsolicited evidence = iota // it spoke of itself
	solicited                   // it answered us: we know that both directions work
)

// heard takes in that n is at mac.
func (n *neighbour) heard(mac packet.MAC, how evidence) {
	h := n.iface.host
	was := n.state
	changed := mac != n.mac
	n.mac = mac
	switch {
	case how == solicited:
		n.state, n.confirmed = reachable, h.time
	case changed || was == incomplete || was == failed || was == unasked:
		n.state = stale
	}
	if n.state == reachable || n.state == stale {
		h.unset(&n.timer)
	}
	if was == incomplete {
		h.noteResolve(n)
	}
	held := n.held
	n.held, n.heldBytes = nil, 0
	n.touched()
	p := path{iface: n.iface, neighbour: n, dst: n.addr}
	for _, k := range held {
		h.held -= len(k.bytes)
		h.shut(&p, append(h.open(&p), k.bytes...), k.forwarded)
	}
	if n.state == reachable || n.state == stale {
		n.asked = 0
	}
}

// confirm takes in that what went to n has arrived, as a transport knows that
// hears acknowledgements (RFC 4861 §7.3.1): n need not be asked.
func (n *neighbour) confirm(now tcp.Time) {
	switch n.state {
	case reachable:
		n.confirmed = now
	case stale, delay, probe:
		n.state, n.confirmed = reachable, now
		n.iface.host.unset(&n.timer)
	}
}

// Neighbour is one entry of the ARP or NDP cache.
type Neighbour struct {
	Interface string
	Addr      netip.Addr
	MAC       packet.MAC // zero while it is not known
	State     string     // incomplete, reachable, stale, delay, probe or failed (RFC 4861 §7.3.2)
}
