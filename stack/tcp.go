package stack

import (
	"net/netip"
	"slices"
	"syscall"

	"waypost/packet"
	"waypost/tcp"
)

// flowKey names a connection on this host. It has no pointers and no
// padding, so that the table hashes it in one go.
type flowKey struct {
	local, remote         [16]byte
	localPort, remotePort uint16
}

func keyOf(local, remote netip.AddrPort) flowKey {
	return flowKey{local.Addr().As16(), remote.Addr().As16(), local.Port(), remote.Port()}
}

// inputTCP takes a segment and hands it to its connection, or to a listener,
// or answers that there is neither (RFC 9293 §3.10.7).
func (h *Host) inputTCP(d *datagram) {
	if d.many || d.src.IsUnspecified() {
		return // RFC 9293 §3.9.2.3: not from or for many
	}
	s := &h.segment
	var err error
	if s.TCP, s.Payload, err = packet.ParseTCP(d.payload, d.src, d.dst); err != nil {
		h.stats.Malformed++
		return
	}
	local, remote := netip.AddrPortFrom(d.dst, s.DstPort), netip.AddrPortFrom(d.src, s.SrcPort)
	key := keyOf(local, remote)
	if c := h.connections[key]; c != nil {
		if c.conn.State() == tcp.TimeWait && s.Flags.Has(packet.SYN) && h.renewed(c, local, remote) {
			return
		}
		acked := c.conn.Acked()
		c.conn.Segment(h.time, s)
		if c.conn.Acked() != acked && c.way.neighbour != nil {
			c.way.neighbour.confirm(h.time)
		}
		h.pump(c)
		return
	}
	if l := h.listener(local); l != nil {
		l.segment(d, local, remote)
		return
	}
	if reply, send := tcp.Reset(s); send {
		h.answer(d, &reply)
	}
}

// answer sends a segment that belongs to no connection back along the way
// that d came.
func (h *Host) answer(d *datagram, s *tcp.Segment) {
	if p, err := h.path(d.dst, d.src, d.iface.ifLocal(d.src)); err == nil {
		h.transmit(&p, s)
	}
}

// transmit sends a segment.
func (h *Host) transmit(p *path, s *tcp.Segment) {
	o := header{protocol: packet.ProtocolTCP, dontFragment: true} // RFC 1191: discovery needs it
	size := s.Size() + len(s.Payload)
	if o.size(p.dst)+size > maxMTU {
		return
	}
	b := o.append(h.open(p), h, p, size)
	h.shut(p, s.Append(b, p.src, p.dst, s.Payload), false)
}

// pump does what follows from a change of a connection: it sends what is due,
// sets its timer, wakes who waits, and forgets it when it is over.
func (h *Host) pump(c *TCPConn) {
	if h.outOfDate(&c.way) {
		h.rerouted(c)
	}
	for c.conn.Next(h.time, &h.segment) {
		if !c.lostWay {
			h.transmit(&c.way, &h.segment)
		}
		if len(h.out.bytes) >= outboxFull {
			h.yield(c)
			break
		}
	}
	at, ok := c.conn.Deadline()
	if !ok {
		at = never
	}
	h.set(&c.timer, at)
	c.wake()
	if c.conn.Done() {
		h.forget(c)
	} else if c.conn.State() == tcp.TimeWait && !c.timeWait {
		c.timeWait = true
		h.timeWaits.add(h, c)
	}
}

// rerouted finds the way of a connection anew after routes, neighbours or
// the path MTU have changed. While there is none, what it sends is lost: a
// route may come back before the connection gives up.
func (h *Host) rerouted(c *TCPConn) {
	before := c.way.mtu
	c.lostWay = h.renew(&c.way) != nil
	if !c.lostWay && c.way.mtu != before {
		c.conn.PathMTU(h.time, c.way.mtu)
	}
}

// expire implements expirer.
func (c *TCPConn) expire(now tcp.Time, kind timerKind) {
	switch kind {
	case readTimer:
		c.readLate = true
		c.readers.Broadcast()
	case writeTimer:
		c.writeLate = true
		c.writers.Broadcast()
	default:
		c.conn.Tick(now)
		c.host.pump(c)
	}
}

// forget takes a connection that is over out of the tables. What its user
// has not yet read stays with it.
func (h *Host) forget(c *TCPConn) {
	if h.connections[c.key] != c {
		return
	}
	delete(h.connections, c.key)
	h.unset(&c.timer)
	// One that waits for Accept is handed out all the same, as on Linux: its
	// user reads what had arrived and hears how it ended.
	if c.listener != nil && !c.conn.Queued() {
		delete(c.listener.children, c.conn)
		c.listener = nil
	}
	c.gone = true
	h.timeWaits.trim()
}

// maxTimeWaits bounds the connections in TIME-WAIT. Above it the oldest is
// forgotten early, as on Linux (tcp_max_tw_buckets): an old segment then
// meets a RST, which is what RFC 1337 warns of, but memory is bounded.
const maxTimeWaits = 16384

// timeWaits are the connections in TIME-WAIT, in the order in which they got
// there, which is that of their ends but for those that restarted.
type timeWaits struct {
	queue []*TCPConn
	first int
}

func (t *timeWaits) add(h *Host, c *TCPConn) {
	t.queue = append(t.queue, c)
	if len(t.queue)-t.first > maxTimeWaits {
		h.forget(t.queue[t.first])
	}
}

// trim lets go of those at the head that are gone.
func (t *timeWaits) trim() {
	for t.first < len(t.queue) && t.queue[t.first].gone {
		t.queue[t.first] = nil
		t.first++
	}
	if t.first > 64 && t.first > len(t.queue)/2 || t.first == len(t.queue) {
		t.queue = append(t.queue[:0:0], t.queue[t.first:]...)
		t.first = 0
	}
}

// inFlight reports whether a segment that an ICMP error quotes is one that
// we sent and that is not acknowledged (RFC 5927 §4.1).
func (h *Host) inFlight(q packet.Quoted) bool {
	c := h.connections[keyOf(q.Flow.Src, q.Flow.Dst)]
	return c != nil && c.conn.Outstanding(q.Seq)
}

// shrinkTCP tells a connection that its path takes smaller packets than it
// sends.
func (h *Host) shrinkTCP(f packet.Flow, mtu int) {
	if c := h.connections[keyOf(f.Src, f.Dst)]; c != nil {
		c.conn.PathMTU(h.time, mtu)
		h.pump(c)
	}
}

// lostTCP tells a connection that a segment of it was not delivered. We
// deviate from RFC 9293 §3.9.2.2 as Linux does (RFC 5461 §4.1): while a
// connection is being opened every error ends it, for a user waits.
func (h *Host) lostTCP(f packet.Flow, err syscall.Errno, hard bool) {
	if c := h.connections[keyOf(f.Src, f.Dst)]; c != nil {
		hard = hard || c.conn.State() == tcp.SynSent
		c.conn.Unreachable(h.time, hard, err)
		h.pump(c)
	}
}

// tcpConfig is the configuration of connections with this MSS. They share
// it.
func (h *Host) tcpConfig(mss int) *tcp.Config {
	if c := h.tcpConfigs[mss]; c != nil {
		return c
	}
	c := h.config.TCP
	c.MSS = mss
	c.NoDelay = !h.config.Nagle
	c.TimestampOffset = uint32(h.hash(hashTimestamp, netip.AddrPort{}, netip.AddrPort{}))
	if h.recording() {
		c.Observe = h.observe
	}
	h.tcpConfigs[mss] = &c
	return &c
}

// mss is the MSS that we announce on a link: what fits in its MTU behind the
// fixed headers (RFC 6691 §2), or less where the configuration says so.
func (h *Host) mss(i *Interface, peer netip.Addr) int {
	mss := i.mtu - packet.TCPSize - packet.IPv4Size
	if peer.Is6() {
		mss = i.mtu - packet.TCPSize - packet.IPv6Size
	}
	if most := h.config.TCP.MSS; most > 0 {
		mss = min(mss, most)
	}
	return min(mss, tcp.MaxMSS)
}

// closeTCP resets every connection, in the order in which they were made,
// and closes every listener.
func (h *Host) closeTCP() {
	all := make([]*TCPConn, 0, len(h.connections))
	for _, c := range h.connections {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *TCPConn) int { return int(int64(a.number) - int64(b.number)) })
	for _, c := range all {
		c.closed = true
		c.conn.Abort(h.time)
		h.pump(c)
		h.unset(&c.readTimer)
		h.unset(&c.writeTimer)
		c.readers.Broadcast()
		c.writers.Broadcast()
	}
	for _, listeners := range h.listeners {
		for _, l := range listeners {
			l.closed = true
			l.waiting.Broadcast()
		}
	}
	clear(h.listeners)
	clear(h.connections)
	h.timeWaits = timeWaits{}
}
