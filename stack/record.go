package stack

import (
	"fmt"
	"net/netip"
	"time"

	"waypost/packet"
	"waypost/tcp"
	"waypost/trace"
)

// This file is all that the host says in the record. With Station nil
// nothing of it is built. It is called under the host's lock.

// account is a connection's place in the record.
type account struct {
	span          *trace.Span
	local, remote string
}

// join begins a span at this host's station for what from caused.
func (h *Host) join(from *trace.Span) *trace.Span {
	return h.config.Station.Join(from.Context())
}

// recording reports whether anybody reads the record.
func (h *Host) recording() bool {
	return h.config.Station != nil && h.config.Station.Recorder != nil
}

// spanOf is the span of a cause, or a journey of its own where there is
// none.
func (h *Host) spanOf(cause *trace.Span) *trace.Span {
	if cause != nil {
		return cause
	}
	return h.config.Station.Begin()
}

// wall is a time of the host's clock as a time of the record.
func (h *Host) wall(at tcp.Time) time.Time { return h.epoch.Add(at) }

// noteResolve notes that a neighbour was found, or not.
func (h *Host) noteResolve(n *neighbour) {
	if !h.recording() {
		return
	}
	f := trace.ARPResolve{Interface: n.iface.name, Address: n.addr.String(), Protocol: "ndp", Asked: n.asked}
	d := &trace.Decision{Verdict: "found", Clause: "RFC 4861 §7.2"}
	if n.addr.Is4() {
		f.Protocol, d.Clause = "arp", "RFC 826"
	}
	if n.wanted != n.addr {
		f.For = n.wanted.String()
		d.Reason = fmt.Sprintf("the route to %v leads through the gateway %v", n.wanted, n.addr)
	} else {
		d.Reason = fmt.Sprintf("%v is on the link of %s", n.addr, n.iface.name)
	}
	if n.state == failed {
		f.Fault = "destination_ip_unroutable"
		d.Verdict = "gave-up"
		d.Reason += fmt.Sprintf(", and nobody answered %d requests", n.asked)
	} else {
		f.MAC = n.mac.String()
	}
	h.spanOf(n.cause).Took(h.wall(n.since), h.wall(h.time), f, d)
}

// noteICMP notes an ICMP error that is sent to or was received from peer.
func (h *Host) noteICMP(sent bool, peer netip.Addr, m errorMessage, about []byte) {
	if !h.recording() {
		return
	}
	q, _ := packet.ParseQuote(about)
	f := trace.ICMPError{Sent: sent, Peer: peer.String(), Message: errorText[m.what], About: q.Flow.String(), MTU: m.mtu}
	d := &trace.Decision{Verdict: "received", Reason: errorText[m.what], Clause: errorClause(m.what, peer.Is4())}
	var cause *trace.Span
	ours := q.Flow
	if sent {
		d.Verdict, ours = "sent", q.Flow.Reverse()
	}
	switch ours.Protocol {
	case packet.ProtocolTCP:
		if c := h.connections[keyOf(ours.Src, ours.Dst)]; c != nil && c.account != nil {
			cause = c.account.span
		} else if why, known := h.config.Causes.Of(ours); known {
			cause = h.config.Station.Join(why)
		}
	case packet.ProtocolUDP:
		if c := h.udp.find(ours.Src.Addr(), ours.Src.Port(), ours.Dst); c != nil {
			cause = c.cause
		}
	}
	h.spanOf(cause).Note(f, d)
}

// errorClause is where an ICMP error is defined.
func errorClause(k errorKind, v4 bool) string {
	switch {
	case k == tooBig && v4:
		return "RFC 1191 §4"
	case k == tooBig:
		return "RFC 4443 §3.2"
	case v4:
		return "RFC 792"
	case k == ttlExceeded || k == reassemblyExceeded:
		return "RFC 4443 §3.3"
	case k == headerProblem || k == protocolUnreachable:
		return "RFC 4443 §3.4"
	}
	return "RFC 4443 §3.1"
}

// accountFor opens the account of a connection. A dial brings its span; the
// other end finds out by the lab's causes.
func (h *Host) accountFor(local, remote netip.AddrPort, dial *trace.Span) *account {
	if !h.recording() {
		return nil
	}
	a := &account{local: local.String(), remote: remote.String()}
	if dial != nil {
		a.span = h.join(dial)
	} else if why := h.config.Causes.get(remote, local); why.Sampled {
		a.span = h.config.Station.Join(why)
	}
	if a.span == nil {
		a.span = h.config.Station.Begin()
	}
	return a
}

// observe is tcp.Config.Observe. A connection that a listener is just making
// is not in the table yet: its account waits in h.newcomer.
func (h *Host) observe(e *tcp.Event) {
	var a *account
	if c := h.connections[keyOf(e.Local, e.Remote)]; c != nil && c.account != nil {
		a = c.account
	} else {
		if h.newcomer == nil {
			h.newcomer = h.accountFor(e.Local, e.Remote, nil)
		}
		a = h.newcomer
	}
	now := h.wall(e.Time)
	f, d := a.fact(e)
	a.span.Took(now, now, f, d)
}

// fact is an event of package tcp in the words of the catalogue.
func (a *account) fact(e *tcp.Event) (trace.Fact, *trace.Decision) {
	d := &trace.Decision{Verdict: e.Verdict, Reason: e.Reason, Clause: e.Clause}
	switch e.Kind {
	case tcp.StateChange:
		if d.Verdict == "" {
			d.Verdict = e.To.String()
		}
		return trace.TCPState{Local: a.local, Remote: a.remote, From: e.From.String(), To: e.To.String(), Seq: e.Seq, Ack: e.Ack}, d
	case tcp.CwndChange:
		return trace.TCPCongestion{
			Local: a.local, Remote: a.remote, Algorithm: e.Algorithm, Phase: e.Phase, Cwnd: e.Cwnd, Ssthresh: e.Ssthresh,
			Flight: e.Flight, PeerWindow: e.PeerWindow, RTT: trace.Millis(e.SRTT), RTO: trace.Millis(e.RTO),
		}, d
	case tcp.Retransmit:
		return trace.TCPRetransmit{
			Local: a.local, Remote: a.remote, Seq: e.Seq, Bytes: e.Bytes, Flags: e.Flags.String(), Times: e.Times, RTO: trace.Millis(e.RTO),
		}, d
	case tcp.Probe:
		return trace.TCPProbe{Local: a.local, Remote: a.remote, Probe: e.Phase, Count: e.Times}, d
	}
	return trace.TCPDrop{
		Local: a.local, Remote: a.remote, State: e.From.String(), Seq: e.Seq, Ack: e.Ack, Bytes: e.Bytes, Flags: e.Flags.String(),
	}, d
}
