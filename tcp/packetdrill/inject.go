package packetdrill

import (
	"errors"
	"fmt"
	"net/netip"
)

// flowOf returns the flow that a segment of the script belongs to: the one of
// its ports, or the one that the script last made. After listen, and before
// any socket, a segment that comes in makes a new one.
func (r *run) flowOf(p *Packet) (*flow, error) {
	h := r.host
	if p.SrcPort != 0 || p.DstPort != 0 {
		local, remote := p.SrcPort, p.DstPort
		if p.Inbound {
			local, remote = remote, local
		}
		return h.flow(netip.AddrPortFrom(h.set.local, local), netip.AddrPortFrom(h.set.remote, remote)), nil
	}
	if h.current == nil {
		if !p.Inbound {
			return nil, errors.New("no segment came in and nothing was connected that this could belong to")
		}
		h.current = h.flow(netip.AddrPortFrom(h.set.local, r.boundPort()), netip.AddrPortFrom(h.set.remote, h.ephemeralPort()))
	}
	return h.current, nil
}

// boundPort is the port of the last socket that listens, or --bind_port.
func (r *run) boundPort() uint16 {
	if n := len(r.host.listeners); n > 0 {
		return r.host.listeners[n-1].local.Port()
	}
	return r.set.bindPort
}

// inject lets a segment arrive.
func (r *run) inject(p *Packet) error {
	f, err := r.flowOf(p)
	if err != nil {
		return err
	}
	f.forget()
	s, err := f.untake(p, r.set.timestampScaled)
	if err != nil {
		return err
	}
	r.host.log.add(r.now(), p.String())
	r.host.arrive(f, s)
	return nil
}

// unreachable lets an ICMP error arrive. A host gives it to the connection
// only where the segment that it quotes is under way (RFC 5927 §4.1).
func (r *run) unreachable(u *Unreachable) error {
	f := r.host.current
	if f == nil {
		return errors.New("no connection that an ICMP message could be about")
	}
	r.host.log.add(r.now(), u.String())
	f.forget()
	if f.conn == nil {
		return nil
	}
	if u.HasSeq && !f.underWay(u.Seq) {
		return nil
	}
	switch u.Code {
	case "frag_needed", "packet_too_big":
		f.conn.PathMTU(r.now(), u.MTU)
	default:
		f.conn.Unreachable(r.now(), unreachableCodes[u.Code], icmpError(u.Code))
	}
	r.host.drain()
	return nil
}

// icmpError is an ICMP code as the error of a call: the errno that Linux has
// for it.
type icmpError string

func (e icmpError) Error() string { return fmt.Sprintf("ICMP: %s", string(e)) }

func (e icmpError) errno() string {
	switch e {
	case "net_unreachable":
		return "ENETUNREACH"
	case "protocol_unreachable":
		return "ENOPROTOOPT"
	case "port_unreachable":
		return "ECONNREFUSED"
	}
	return "EHOSTUNREACH"
}
