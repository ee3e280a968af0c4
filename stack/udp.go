package stack

import (
	"net/netip"
	"slices"
	"syscall"

	"waypost/packet"
)

// udpPorts holds the UDP sockets by local port. Those of one port are few
// and stand in the order in which they were opened.
type udpPorts map[uint16][]*UDPConn

// inputUDP takes a datagram (RFC 768, RFC 1122 §4.1).
func (h *Host) inputUDP(d *datagram) {
	udp, payload, err := packet.ParseUDP(d.payload, d.src, d.dst)
	if err != nil {
		h.stats.Malformed++
		return
	}
	from := netip.AddrPortFrom(d.src, udp.SrcPort)
	if d.dst.IsMulticast() || d.many && d.iface.isBroadcast(d.dst) {
		h.udp.toMany(d.iface, netip.AddrPortFrom(d.dst, udp.DstPort), from, payload)
		return
	}
	if c := h.udp.find(d.dst, udp.DstPort, from); c != nil {
		c.arrived(d.iface, from, payload)
		return
	}
	if !d.many {
		h.sendError(d.packet, errorMessage{what: portUnreachable}) // RFC 1122 §4.1.3.1
	}
}

// find is the socket that takes unicast datagrams from from to dst: a
// connected one before others, then the one that is bound most exactly.
func (u udpPorts) find(dst netip.Addr, port uint16, from netip.AddrPort) *UDPConn {
	var best *UDPConn
	bestRank := -1
	for _, c := range u[port] {
		rank, ok := covers(c.local.Addr(), dst)
		if !ok || c.remote.IsValid() && c.remote != from {
			continue
		}
		if c.remote.IsValid() {
			rank += 4
		}
		if rank > bestRank {
			best, bestRank = c, rank
		}
	}
	return best
}

// toMany hands a multicast or broadcast datagram to every socket that means
// it: bound to the port, and to the group, or to the unspecified address; of a
// group a member on that interface.
func (u udpPorts) toMany(i *Interface, to, from netip.AddrPort, payload []byte) {
	for _, c := range u[to.Port()] {
		if _, ok := covers(c.local.Addr(), to.Addr()); !ok {
			continue
		}
		if c.remote.IsValid() && c.remote != from {
			continue
		}
		if to.Addr().IsMulticast() && !c.member(i, to.Addr()) {
			continue
		}
		c.arrived(i, from, payload)
	}
}

// taken reports whether a socket could not be bound to local beside the
// others. One that is bound to a group shares its port with all that were
// there before it.
func (u udpPorts) taken(local netip.AddrPort) bool {
	return slices.ContainsFunc(u[local.Port()], func(c *UDPConn) bool {
		return !c.remote.IsValid() && overlap(c.local.Addr(), local.Addr()) && !local.Addr().IsMulticast()
	})
}

func (u udpPorts) remove(c *UDPConn) {
	port := c.local.Port()
	if u[port] = slices.DeleteFunc(u[port], func(o *UDPConn) bool { return o == c }); len(u[port]) == 0 {
		delete(u, port)
	}
}

// closeAll closes every socket: the host is closing.
func (u udpPorts) closeAll() {
	for _, sockets := range u {
		for _, c := range sockets {
			c.closed = true
			c.host.unset(&c.readTimer)
			c.readers.Broadcast()
		}
	}
	clear(u)
}

// lostUDP tells a connected socket of an ICMP error about its datagram
// (RFC 1122 §4.1.3.3).
func (h *Host) lostUDP(f packet.Flow, err syscall.Errno) {
	c := h.udp.find(f.Src.Addr(), f.Src.Port(), f.Dst)
	if c != nil && c.remote == f.Dst {
		c.err = err
		c.readers.Broadcast()
	}
}

// message is a datagram that waits to be read.
type message struct {
	from  netip.AddrPort
	bytes []byte
}

// The buffers of datagrams.
const (
	// defaultUDPBuffer bounds the bytes that a socket keeps unread: the
	// default of Linux, net.core.rmem_default, is 212,992; four times as
	// much, since here a whole internet shares one scheduler.
	defaultUDPBuffer = 832 << 10
	// maxUDPBuffer bounds what SetReadBuffer can ask for.
	maxUDPBuffer = 16 << 20
	// smallBuffer holds a datagram of an Ethernet link; larger ones get
	// buffers of their own.
	smallBuffer = 2048
	// maxFreeBuffers bounds the small buffers that a host keeps for later.
	maxFreeBuffers = 256
)

// arrived queues a datagram for the socket's reader, or drops it where there
// is no room.
func (c *UDPConn) arrived(i *Interface, from netip.AddrPort, payload []byte) {
	h := c.host
	size := max(len(payload), smallBuffer) // what it takes, not what it says
	if c.queued+size > c.readBuffer {
		c.dropped++
		h.stats.ReceiveDropped++
		return
	}
	c.queued += size
	b := append(h.buffer(len(payload)), payload...)
	if local(from.Addr()) && from.Addr().Is6() && !i.loopback {
		from = netip.AddrPortFrom(from.Addr().WithZone(i.name), from.Port())
	}
	c.queue.push(message{from, b})
	c.readers.Signal()
}

// buffer returns an empty buffer with room for n bytes.
func (h *Host) buffer(n int) []byte {
	if n > smallBuffer {
		return make([]byte, 0, n)
	}
	if last := len(h.buffers) - 1; last >= 0 {
		b := h.buffers[last]
		h.buffers = h.buffers[:last]
		return b
	}
	return make([]byte, 0, smallBuffer)
}

// free takes a buffer back.
func (h *Host) free(b []byte) {
	if cap(b) == smallBuffer && len(h.buffers) < maxFreeBuffers && !h.closed {
		h.buffers = append(h.buffers, b[:0])
	}
}

// messages is a first-in first-out queue that reuses its room.
type messages struct {
	ring  []message
	first int
	count int
}

func (q *messages) push(m message) {
	if q.count == len(q.ring) {
		grown := make([]message, max(4, 2*len(q.ring)))
		for n := range q.count {
			grown[n] = q.ring[(q.first+n)%len(q.ring)]
		}
		q.ring, q.first = grown, 0
	}
	q.ring[(q.first+q.count)%len(q.ring)] = m
	q.count++
}

func (q *messages) pop() message {
	m := q.ring[q.first]
	q.ring[q.first] = message{}
	q.first = (q.first + 1) % len(q.ring)
	q.count--
	return m
}
