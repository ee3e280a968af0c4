package tcp

import (
	"net/netip"

	"waypost/packet"
)

// EventKind says what an Event is about.
type EventKind uint8

// The kinds of events. They stand for the facts tcp.state, tcp.congestion,
// tcp.retransmit, tcp.probe and tcp.drop of the record.
const (
	StateChange EventKind = iota // a step of the state machine: From, To
	CwndChange                   // the congestion window or threshold moved, or a loss phase began or ended
	Retransmit                   // a segment is sent again
	Probe                        // a window or keepalive probe is sent
	Drop                         // a segment was not taken
)

var eventNames = [...]string{StateChange: "state", CwndChange: "congestion", Retransmit: "retransmit", Probe: "probe", Drop: "drop"}

// String is the kind's name in the record without "tcp.".
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown event"
}

// Event is one thing that happened to a connection, and why. It is the
// observer's to keep. Sizes are in bytes.
type Event struct {
	Time          Time
	Kind          EventKind
	Local, Remote netip.AddrPort

	// From and To are the states of a StateChange; in all others both are
	// the state at the time.
	From, To State

	// Seq and Ack are SND.NXT and RCV.NXT for StateChange and CwndChange,
	// and the segment's own numbers for the rest.
	Seq, Ack uint32
	// Bytes is the segment's payload, Flags its control bits.
	Bytes int
	Flags packet.TCPFlags

	// Algorithm, Phase and the sizes describe the sender after the event.
	// Phase is "slow-start", "avoidance" or "recovery"; for a Probe it is
	// "window" or "keepalive".
	Algorithm  string
	Phase      string
	Cwnd       int
	Ssthresh   int // 0: not yet set
	Flight     int // sent and not acknowledged
	PeerWindow int // SND.WND
	SRTT, RTO  Time

	// Times counts retransmissions of what Seq begins, and probes without
	// an answer; this one included.
	Times int

	Verdict string // one word or a few joined by hyphens, e.g. "fast-retransmit"
	Reason  string // one plain sentence
	Clause  string // e.g. "RFC 5681 §3.2"
}

// tell fills in what every event says about its connection and hands it to
// the observer, which is not nil.
func (c *Conn) tell(e *Event) {
	e.Local, e.Remote = c.local, c.remote
	if e.Kind != StateChange {
		e.From, e.To = c.state, c.state
	}
	e.Algorithm = c.cc.name().String()
	if e.Phase == "" {
		e.Phase = c.phaseName()
	}
	e.Cwnd, e.Ssthresh = int(c.cwnd), c.threshold()
	e.Flight, e.PeerWindow = int(c.nxt-c.una), int(c.wnd)
	e.SRTT, e.RTO = c.srtt, c.rto
	c.cfg.Observe(e)
}

// drop tells of a segment that is not taken.
func (c *Conn) drop(now Time, s *Segment, verdict, reason, clause string) {
	c.dropped++
	if c.cfg.Observe != nil {
		c.tell(&Event{Time: now, Kind: Drop, Seq: s.Seq, Ack: s.Ack, Bytes: len(s.Payload), Flags: s.Flags,
			Verdict: verdict, Reason: reason, Clause: clause})
	}
}
