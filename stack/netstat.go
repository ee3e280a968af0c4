package stack

import (
	"cmp"
	"net/netip"
	"slices"
)

// listening is the state of a listener.
const listening = "LISTEN"

// Socket is one line of what netstat would say.
type Socket struct {
	Protocol      string // "tcp" or "udp"
	Local, Remote netip.AddrPort
	State         string // of TCP: RFC 9293 §3.3.2
	ReceiveQueue  int    // bytes not yet read
	SendQueue     int    // bytes not yet acknowledged, sent or not
}

// Sockets returns all sockets: TCP before UDP, listeners before connections,
// by their local and remote ends.
func (h *Host) Sockets() []Socket {
	h.lock()
	defer h.unlock()
	var all []Socket
	for _, listeners := range h.listeners {
		for _, l := range listeners {
			all = append(all, Socket{Protocol: "tcp", Local: l.local, State: listening})
		}
	}
	for _, c := range h.connections {
		info := c.conn.Info()
		all = append(all, Socket{
			Protocol: "tcp", Local: c.local, Remote: c.remote, State: info.State.String(),
			ReceiveQueue: info.Unread, SendQueue: info.Unacked,
		})
	}
	for _, sockets := range h.udp {
		for _, c := range sockets {
			all = append(all, Socket{Protocol: "udp", Local: c.local, Remote: c.remote, ReceiveQueue: c.queued})
		}
	}
	slices.SortFunc(all, func(a, b Socket) int {
		return cmp.Or(
			cmp.Compare(a.Protocol, b.Protocol),
			compareBool(a.State != listening, b.State != listening),
			a.Local.Compare(b.Local), a.Remote.Compare(b.Remote),
		)
	})
	return all
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Neighbours returns the ARP and NDP caches, by interface and address.
func (h *Host) Neighbours() []Neighbour {
	h.lock()
	defer h.unlock()
	var all []Neighbour
	for _, i := range h.interfaces {
		first := len(all)
		for _, n := range i.neighbours {
			state := n.state
			if state == reachable && h.time-n.confirmed >= reachableTime {
				state = stale
			}
			if state != unasked {
				all = append(all, Neighbour{i.name, n.addr, n.mac, state.String()})
			}
		}
		slices.SortFunc(all[first:], func(a, b Neighbour) int { return a.Addr.Compare(b.Addr) })
	}
	return all
}
