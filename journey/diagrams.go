package journey

import (
	"net/netip"
	"slices"
	"strconv"

	"waypost/packet"
	"waypost/report"
	"waypost/trace"
)

// maxSequences bounds the diagrams of one journey.
const maxSequences = 24

// sequences are the TCP conversations of the journey: first those that a
// client began or caused, then what machines do by themselves, such as the
// checks of each other's health, which are many.
func (w *world) sequences(events []trace.Event, loads []trace.Load) []report.Sequence {
	if w.recording == nil {
		return nil
	}
	w.recording.Stop()
	caused := connections(loads)
	var first, then []packet.Flow
	for _, f := range w.recording.Flows() {
		switch {
		case f.Protocol != packet.ProtocolTCP:
		case caused[[2]netip.AddrPort{f.Src, f.Dst}] || w.isClient(f.Src.Addr()):
			first = append(first, f)
		default:
			then = append(then, f)
		}
	}
	all := slices.Concat(first, then)
	var drawn []report.Sequence
	for _, f := range all[:min(len(all), maxSequences)] {
		q := w.recording.Sequence(f)
		q.Title = w.hostPort(&q, f.Src) + " → " + w.hostPort(&q, f.Dst)
		q.Explain(events, w.lab.Epoch())
		drawn = append(drawn, q)
	}
	return drawn
}

// connections are the ends of all connections that the loads opened, at
// whatever station: the client's first.
func connections(loads []trace.Load) map[[2]netip.AddrPort]bool {
	all := map[[2]netip.AddrPort]bool{}
	for i := range loads {
		for _, e := range loads[i].Events {
			f, ok := e.Fact.(trace.TCPConnect)
			if !ok {
				continue
			}
			local, err1 := netip.ParseAddrPort(f.Local)
			remote, err2 := netip.ParseAddrPort(f.Remote)
			if err1 == nil && err2 == nil {
				all[[2]netip.AddrPort{local, remote}] = true
			}
		}
	}
	return all
}

// isClient reports whether an address is that of a host on which nothing
// serves: all that it does, the script told it to.
func (w *world) isClient(a netip.Addr) bool {
	for _, h := range w.hosts {
		if h.service == nil && slices.Contains(h.Addrs(), a) {
			return true
		}
	}
	return false
}

// hostPort is an end of a conversation by its host's name. The diagram's lanes
// know it where the end was heard; several hosts may have the address.
func (w *world) hostPort(q *report.Sequence, at netip.AddrPort) string {
	port := ":" + strconv.Itoa(int(at.Port()))
	for _, l := range q.Lanes {
		if l.Address == at.String() {
			return l.Name + port
		}
	}
	name := ""
	for _, h := range w.hosts {
		if slices.Contains(h.Addrs(), at.Addr()) {
			if name != "" {
				return at.String()
			}
			name = h.name
		}
	}
	if name == "" {
		return at.String()
	}
	return name + port
}
