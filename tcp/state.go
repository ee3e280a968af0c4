package tcp

import "waypost/packet"

// State is one of the eleven states of RFC 9293 §3.3.2.
type State uint8

// The states. LISTEN is a [Listener]; a Conn is never in it, but a
// connection that a listener makes tells that it came from there.
const (
	Closed State = iota
	Listening
	SynSent
	SynReceived
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
)

var stateNames = [...]string{
	Closed: "CLOSED", Listening: "LISTEN", SynSent: "SYN-SENT", SynReceived: "SYN-RECEIVED",
	Established: "ESTABLISHED", FinWait1: "FIN-WAIT-1", FinWait2: "FIN-WAIT-2",
	CloseWait: "CLOSE-WAIT", Closing: "CLOSING", LastAck: "LAST-ACK", TimeWait: "TIME-WAIT",
}

// String is the state's name in the RFC, e.g. "SYN-SENT".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown state"
}

// enter moves the connection to another state and tells why.
func (c *Conn) enter(now Time, to State, reason, clause string) {
	from := c.state
	c.state = to
	if c.cfg.Observe != nil {
		c.tell(&Event{Time: now, Kind: StateChange, From: from, To: to,
			Seq: c.nxt, Ack: c.rcvNxt, Reason: reason, Clause: clause})
	}
	if c.listener != nil && from == SynReceived {
		c.listener.settled(c)
	}
}

// end moves the connection to CLOSED, where nothing more is sent but a RST
// that is already due. err is what the user is told; nil after a close in
// order.
func (c *Conn) end(now Time, err error, reason, clause string) {
	if c.err == nil {
		c.err = err
	}
	c.rtx.stop()
	c.delack.stop()
	c.idle.stop()
	c.ackNow = false
	c.out.reset()
	c.outLen = 0
	c.board, c.late = nil, nil
	if c.readClosed {
		c.in.reset()
		c.unread = 0
	}
	if c.state != Closed {
		c.enter(now, Closed, reason, clause)
	}
}

// abort sends a RST, in the states in which RFC 9293 §3.10.5 wants one, and
// ends the connection.
func (c *Conn) abort(now Time, err error, reason, clause string) {
	switch c.state {
	case SynReceived, Established, FinWait1, FinWait2, CloseWait:
		// <SEQ=SND.NXT><CTL=RST>; with ACK as all stacks send it, so that
		// middleboxes see its place too.
		c.rst = true
		c.rstSeq, c.rstAck = c.nxt, c.rcvNxt
		c.rstFlags = packet.RST | packet.ACK
	}
	c.end(now, err, reason, clause)
}
