package tcp

import "time"

// The retransmission timer of RFC 6298. Round trips are timed to the
// nanosecond, one at a time, on segments that were sent once; after a
// retransmission the timestamps option tells which of the two was answered.
//
// We deviate from RFC 6298 §2.4 as Linux does: the minimum bounds not the sum
// but its second term. On a path whose round trips hardly vary RTTVAR
// vanishes, and SRTT alone would time out whenever the peer delays an ACK.

const (
	// lostSYNRTO is where data begin when the SYN was sent again and no
	// round trip could be timed (RFC 6298 §5.7).
	lostSYNRTO = 3 * time.Second
	// maxSample bounds a round trip told by timestamps: what is longer is a
	// peer's mistake.
	maxSample = 5 * time.Minute
)

// sample takes a round-trip time from the segment that has just moved
// SND.UNA, if it tells one.
func (c *Conn) sample(now Time, s *Segment) {
	switch {
	case c.timing && atLeast(c.una, c.timed):
		c.timing = false
		c.measure(now - c.timedAt)
	case c.karn && c.stampsOn && s.Options.HasTimestamps && s.Options.TSEcr != 0:
		// RFC 7323 §4.1: RTTM does not suffer from the ambiguity.
		if r := time.Duration(c.cfg.stamp(now)-s.Options.TSEcr) * time.Millisecond; r < maxSample {
			c.measure(r)
		}
	default:
		return
	}
	c.karn = false
}

// measure is RFC 6298 §2.2 and §2.3.
func (c *Conn) measure(r Time) {
	if !c.measured {
		c.measured = true
		c.srtt, c.rttvar = r, r/2
	} else {
		c.rttvar = (3*c.rttvar + max(c.srtt-r, r-c.srtt)) / 4
		c.srtt = (7*c.srtt + r) / 8
	}
	c.rto = min(c.srtt+max(c.cfg.minRTO(), 4*c.rttvar), c.cfg.maxRTO())
}

// armRTO starts the retransmission timer anew (RFC 6298 §5.1, §5.3).
func (c *Conn) armRTO(now Time) {
	c.persisting = false
	c.rtx.set(c.bounded(now, c.rto))
}

// bounded returns when a timer of d ends: not after the user timeout.
func (c *Conn) bounded(now, d Time) Time {
	at := now + d
	if c.userTimeout > 0 {
		at = min(at, max(now, c.stalledAt+c.userTimeout))
	}
	return at
}

// backOff doubles the timeout (RFC 6298 §5.5).
func (c *Conn) backOff() { c.rto = min(2*c.rto, c.cfg.maxRTO()) }

// retransmissionTimeout is the end of the rtx timer.
func (c *Conn) retransmissionTimeout(now Time) {
	switch {
	case c.state == SynSent || c.state == SynReceived:
		c.synTimeout(now)
	case c.persisting || c.wnd == 0:
		c.persistTimeout(now)
	case c.flight() > 0:
		c.dataTimeout(now)
	}
}

// synTimeout sends the SYN or SYN,ACK again.
func (c *Conn) synTimeout(now Time) {
	most := min(or(c.cfg.SYNRetries, DefaultSYNRetries), maxRetries)
	if c.state == SynReceived && !c.active {
		most-- // Linux's tcp_synack_retries is one less too
	}
	if int(c.synRetries) >= most || c.overdue(now) {
		c.giveUp(now, "the SYN was not answered, however often it was sent", "RFC 9293 §3.8.3")
		return
	}
	c.synRetries++
	c.backOff()
	c.synDue = true
	c.why = causeTimeout
}

// dataTimeout is RFC 6298 §5.4 to §5.7 and RFC 5681 §3.1.
func (c *Conn) dataTimeout(now Time) {
	most := min(or(c.cfg.Retries, DefaultRetries), maxRetries)
	if c.readClosed {
		most = min(most, orphanRetries)
	}
	if int(c.retries) >= most || c.overdue(now) {
		c.giveUp(now, "data were not acknowledged, however often they were sent", "RFC 9293 §3.8.3")
		return
	}
	c.retries++
	c.backOff()
	c.collapse(now, causeTimeout, c.retries == 1)
	c.rtx.set(c.bounded(now, c.rto))
}

// overdue reports whether the user timeout has passed.
func (c *Conn) overdue(now Time) bool {
	return c.userTimeout > 0 && now-c.stalledAt >= c.userTimeout
}

// giveUp ends a connection whose peer does not answer. What the network said
// meanwhile is the better reason.
func (c *Conn) giveUp(now Time, reason, clause string) {
	err := ErrTimeout
	if c.soft != nil {
		err = c.soft
	}
	c.end(now, err, reason, clause)
}
