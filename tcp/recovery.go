package tcp

// phase is what the sender is doing about losses.
type phase uint8

const (
	open     phase = iota // none is known
	recovery              // fast recovery: duplicate ACKs told of one
	loss                  // after a timeout, or Tahoe's fast retransmit: all that was on its way counts as lost
)

// dupThresh is the number of duplicate ACKs that say lost and not late
// (RFC 5681 §3.2, RFC 6675 §2).
const dupThresh = 3

// duplicateACK counts a duplicate ACK and acts on the third.
func (c *Conn) duplicateACK(now Time) {
	c.dupAcks = min(c.dupAcks+1, 250)
	switch {
	case c.phase == recovery && !c.sackOn:
		// RFC 5681 §3.2 step 4: a segment has left the network.
		c.cwnd = min(c.cwnd+uint32(c.full()), maxCwnd)
		c.tellCwnd(now, "inflate", "one more duplicate ACK: a segment has left the network, so another may enter", "RFC 5681 §3.2")
	case c.phase != open:
	case c.dupAcks >= dupThresh || c.sackOn && c.board.lost(c.una, uint32(c.full())):
		if c.mayRecover() {
			c.cc.lost(c, now)
		}
	}
}

// mayRecover is the guard against mending one loss twice: without SACK, the
// duplicates that a timeout's retransmissions cause are not a new loss
// (RFC 6582 §3.2 step 1, §4).
func (c *Conn) mayRecover() bool {
	if c.sackOn {
		return atLeast(c.una, c.recover)
	}
	return c.cfg.Congestion == Reno || after(c.una, c.recover)
}

// fastRecovery begins fast recovery: RFC 6675 §5 step 4 with SACK, RFC 5681
// §3.2 steps 2 and 3 without.
func (c *Conn) fastRecovery(now Time) {
	// What limited transmit sent does not count (RFC 5681 §3.2).
	c.ssthresh = c.cc.reduce(c, now, c.flight()-min(c.limited, c.flight()))
	c.phase, c.recover, c.growth = recovery, c.nxt, 0
	c.resending, c.partials = false, false
	c.fastDue, c.why = true, causeFast
	c.cwnd = c.ssthresh
	if c.sackOn {
		c.why = causeSACK
		c.scores().begin(c.una)
		c.tellCwnd(now, "fast-recovery", "SACK shows a loss: the window falls and only what is missing is sent again", "RFC 6675 §5")
		return
	}
	// The three segments behind the duplicates have left the network.
	c.cwnd += dupThresh * uint32(c.full())
	c.tellCwnd(now, "fast-recovery", "three duplicate ACKs: the window falls, and what they stand for may be sent anew", "RFC 5681 §3.2")
}

// recoveryACK is an ACK of n new bytes during fast recovery.
func (c *Conn) recoveryACK(now Time, n uint32) {
	switch {
	case c.sackOn && atLeast(c.una, c.recover):
		c.recovered(now, c.cwnd, "everything that was on its way when the loss was seen is acknowledged", "RFC 6675 §5")
	case c.sackOn:
		// RFC 6675 §5 step B: the pipe is reckoned anew when something is
		// to be sent.
	case atLeast(c.una, c.recover):
		w := c.ssthresh
		if c.cfg.Congestion != Reno {
			// RFC 6582 §3.2 step 3: no burst when little is on its way.
			w = min(w, max(c.flight(), uint32(c.full()))+uint32(c.full()))
		}
		c.recovered(now, w, "everything that was on its way when the loss was seen is acknowledged", "RFC 6582 §3.2")
	default:
		c.cc.partial(c, now, n)
	}
}

// recovered ends fast recovery with a window of cwnd.
func (c *Conn) recovered(now Time, cwnd uint32, reason, clause string) {
	c.phase, c.dupAcks, c.limited, c.growth = open, 0, 0, 0
	c.cwnd = cwnd
	c.fastDue = false
	if c.flight() > 0 {
		c.armRTO(now)
	}
	c.tellCwnd(now, "recovered", reason, clause)
}

// collapse takes cwnd to one segment and sends everything again from SND.UNA
// on, as slow start allows: RFC 5681 §3.1 after a timeout, Tahoe after a
// fast retransmit. ssthresh falls only the first time for the same segment.
func (c *Conn) collapse(now Time, why cause, reduce bool) {
	if reduce {
		flight := c.flight() - min(c.limited, c.flight())
		if c.phase != open {
			// What the peer holds and what was given up before is not in
			// the network, though FlightSize counts it.
			flight = min(flight, c.pipe())
		}
		c.ssthresh = c.cc.reduce(c, now, flight)
	}
	if why == causeTimeout {
		c.cc.timeout(c)
	}
	if c.board != nil && len(c.board.spans) > 0 && c.board.spans[0].left == c.una {
		// The peer has taken back what it had (RFC 2018 §8): nothing that
		// it told counts any more.
		c.board.clear()
	}
	c.cwnd = uint32(c.full())
	c.phase, c.recover = loss, c.nxt
	c.dupAcks, c.limited, c.growth = 0, 0, 0
	c.fastDue = false
	c.again, c.resending, c.why = c.una, true, why
	if why == causeTimeout {
		c.tellCwnd(now, "timeout", "the retransmission timer expired: cwnd is one segment and slow start begins", "RFC 5681 §3.1")
		return
	}
	reason := "three duplicate ACKs: Tahoe begins slow start with one segment"
	if why == causeSACK {
		reason = "SACK shows a loss: Tahoe begins slow start with one segment"
	}
	c.tellCwnd(now, "fast-retransmit", reason, "Jacobson 1988, Congestion avoidance and control")
}
