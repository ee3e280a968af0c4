package tcp

import (
	"time"

	"waypost/packet"
)

const (
	// challengeWindow and challengeMost bound what a blind attacker can
	// make us send: RFC 5961 §7 suggests ten challenge ACKs in five
	// seconds. The count is the connection's own: one that is shared would
	// tell an attacker about others (CVE-2016-5696).
	challengeWindow = 5 * time.Second
	challengeMost   = 10
)

// believable decides whether a segment belongs to this connection: whether
// its numbers lie in the window and what its RST or SYN means. It reports
// whether the segment is to be processed further.
func (c *Conn) believable(now Time, s *Segment) bool {
	if c.stampsOn && !s.Flags.Has(packet.RST) && !c.stampFresh(now, s) {
		return false
	}
	if !c.inWindow(s) {
		c.unacceptable(now, s)
		return false
	}
	if s.Flags.Has(packet.RST) {
		c.takeRST(now, s)
		return false
	}
	if s.Flags.Has(packet.SYN) {
		if c.state == SynReceived && !c.active {
			// RFC 9293 §3.10.7.4: back to LISTEN.
			c.drop(now, s, "another-syn", "another SYN in the window: the half-open connection gives way", "RFC 9293 §3.10.7.4")
			c.end(now, ErrReset, "another SYN came for a half-open connection, so it returns to LISTEN", "RFC 9293 §3.10.7.4")
			return false
		}
		c.challenge(now, s, "a SYN in a synchronized state may be forged: a challenge ACK asks the peer", "RFC 5961 §4.2")
		return false
	}
	return true
}

// inWindow is the first check of RFC 9293 §3.10.7.4: does any part of the
// segment lie in the receive window? Two cases deviate. A segment without
// length may stand at the right edge, where a peer's ACK stands that has
// filled the window with data that were lost. One with data may stand at a
// closed window: it is a probe, and its ACK must count. A RST is held to the
// letter.
func (c *Conn) inWindow(s *Segment) bool {
	n := s.length()
	edge := later(c.rcvAdv, c.rcvNxt)
	if s.Flags.Has(packet.RST) {
		return s.Seq == c.rcvNxt || after(s.Seq, c.rcvNxt) && before(s.Seq, edge)
	}
	if n == 0 {
		return atLeast(s.Seq, c.rcvNxt) && atMost(s.Seq, edge)
	}
	if s.Seq == c.rcvNxt {
		return true
	}
	return before(s.Seq, edge) && after(s.Seq+n, c.rcvNxt)
}

// unacceptable answers a segment outside the window with an ACK that says
// what we expect.
func (c *Conn) unacceptable(now Time, s *Segment) {
	if s.Flags.Has(packet.RST) {
		c.drop(now, s, "rst-outside", "a RST outside the window is not believed", "RFC 5961 §3.2")
		return
	}
	if c.state == TimeWait && s.Flags.Has(packet.FIN) && s.Seq+s.length() == c.rcvNxt {
		c.finAgain(now, s)
		return
	}
	old := before(s.Seq, c.rcvNxt)
	if old && len(s.Payload) > 0 {
		c.duplicateData(s.Seq, s.Seq+uint32(len(s.Payload)))
	}
	switch {
	case s.Flags.Has(packet.SYN):
		c.challenge(now, s, "a SYN in a synchronized state may be forged or old: a challenge ACK asks the peer", "RFC 5961 §4.2")
		return
	case len(s.Payload) > 0 || s.Flags.Has(packet.FIN):
		c.ackNow, c.ackAlone = true, true
	default:
		// Keepalive probes come here, and answers to answers of two ends
		// that disagree, which must not go on for ever.
		c.ackSometimes(now)
	}
	if old {
		c.drop(now, s, "old", "all of it was received before: an ACK says what is expected", "RFC 9293 §3.10.7.4")
	} else {
		c.drop(now, s, "outside", "it lies beyond the window that we offered: an ACK says what is expected", "RFC 9293 §3.10.7.4")
	}
}

// takeRST is RFC 5961 §3.2: only a RST with exactly the number that we expect
// ends the connection.
func (c *Conn) takeRST(now Time, s *Segment) {
	if s.Seq != c.rcvNxt {
		c.challenge(now, s, "a RST inside the window but not at its edge may be forged: a challenge ACK asks the peer", "RFC 5961 §3.2")
		return
	}
	switch c.state {
	case SynReceived:
		if c.active {
			c.end(now, ErrRefused, "a RST came during the simultaneous open", "RFC 9293 §3.10.7.4")
		} else {
			c.end(now, ErrReset, "a RST came for a half-open connection, so it returns to LISTEN", "RFC 9293 §3.10.7.4")
		}
	case Closing, LastAck, TimeWait:
		c.end(now, nil, "a RST came after both had closed", "RFC 9293 §3.10.7.4")
	default:
		c.end(now, ErrReset, "the peer sent a RST", "RFC 9293 §3.10.7.4")
	}
}

// challenge sends a challenge ACK, if it may, and drops the segment.
func (c *Conn) challenge(now Time, s *Segment, reason, clause string) {
	if c.ackSometimes(now) {
		c.drop(now, s, "challenged", reason, clause)
	} else {
		c.drop(now, s, "throttled", "it would be answered with a challenge ACK, but ten were sent within five seconds", "RFC 5961 §7")
	}
}

// ackSometimes has an ACK sent unless too many were sent so lately.
func (c *Conn) ackSometimes(now Time) bool {
	if now-c.challengedAt >= challengeWindow || c.challenges == 0 {
		c.challengedAt, c.challenges = now, 0
	}
	if c.challenges == challengeMost {
		return false
	}
	c.challenges++
	c.ackNow, c.ackAlone = true, true
	return true
}
