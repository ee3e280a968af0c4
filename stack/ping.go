package stack

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"waypost/packet"
	"waypost/tcp"
)

// ping is an echo request that waits for its reply.
type ping struct {
	host    *Host
	to      netip.Addr
	sent    tcp.Time
	heard   tcp.Time
	replied bool
	err     error
	changed sync.Cond
}

// maxPings bounds the requests under way.
const maxPings = 1024

// pingBody is what travels in a request: the 56 bytes that ping sends.
const pingBody = 56

// Ping sends one ICMP echo request to addr and returns the time until its
// reply. Without a reply it ends with ctx; an ICMP error ends it at once.
func (h *Host) Ping(ctx context.Context, addr netip.Addr) (time.Duration, error) {
	fail := func(err error) (time.Duration, error) {
		return 0, &net.OpError{Op: "ping", Net: "ip", Addr: &net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()}, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	h.lock()
	defer h.unlock()
	if h.closed {
		return fail(net.ErrClosed)
	}
	way, err := h.path(netip.Addr{}, addr, nil)
	if err != nil {
		return fail(sysError("sendto", err))
	}
	if len(h.pings) >= maxPings {
		return fail(syscall.ENOBUFS)
	}
	p := &ping{host: h, to: way.dst, sent: h.time}
	p.changed.L = &h.mu
	id := h.random.Uint32()
	for h.pings[id] != nil {
		id = h.random.Uint32()
	}
	h.pings[id] = p
	defer delete(h.pings, id)
	h.sendEcho(&way, id)
	defer context.AfterFunc(ctx, func() {
		h.lock()
		defer h.unlock()
		p.changed.Broadcast()
	})()
	for !p.replied {
		switch {
		case p.err != nil:
			return fail(sysError("recvfrom", p.err))
		case ctx.Err() != nil:
			return fail(ctx.Err())
		case h.closed:
			return fail(net.ErrClosed)
		}
		h.wait(&p.changed)
	}
	return p.heard - p.sent, nil
}

func (h *Host) sendEcho(way *path, id uint32) {
	body := make([]byte, pingBody)
	for n := range body {
		body[n] = byte(n)
	}
	if way.dst.Is4() {
		m := packet.ICMP{Type: packet.ICMPv4Echo, Rest: id}
		h.send(way, header{protocol: packet.ProtocolICMP}, m.AppendV4(nil, body))
		return
	}
	m := packet.ICMP{Type: packet.ICMPv6Echo, Rest: id}
	h.send(way, header{protocol: packet.ProtocolICMPv6}, m.AppendV6(nil, way.src, way.dst, body))
}

// pong takes an echo reply.
func (h *Host) pong(from netip.Addr, id uint32) {
	if p := h.pings[id]; p != nil && p.to == from && !p.replied {
		p.replied, p.heard = true, h.time
		p.changed.Broadcast()
	}
}
