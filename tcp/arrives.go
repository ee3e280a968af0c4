package tcp

import "waypost/packet"

// Segment takes a segment that arrived for this connection; its payload is
// borrowed during the call. The steps are those of RFC 9293 §3.10.7.4, with
// the checks of RFC 5961 and RFC 7323 in their places.
func (c *Conn) Segment(now Time, s *Segment) {
	switch c.state {
	case Closed:
		c.drop(now, s, "closed", "the connection has ended", "RFC 9293 §3.10.7.1")
		return
	case SynSent:
		c.segmentSynSent(now, s)
		return
	case SynReceived:
		if s.Flags&(packet.SYN|packet.RST) == packet.SYN && s.Seq == c.irs {
			rest, more := c.synAgain(now, s)
			if !more {
				return
			}
			s = &rest
		}
	}
	// First, check sequence number; second, RST; fourth, SYN. (The third is
	// the security of a network that nobody has.)
	if !c.believable(now, s) {
		return
	}
	// Fifth, check ACK.
	if !s.Flags.Has(packet.ACK) {
		c.drop(now, s, "no-ack", "every segment after the SYN carries an ACK", "RFC 9293 §3.10.7.4")
		return
	}
	c.heard(now)
	if c.state == SynReceived {
		if !c.synAcknowledged(now, s) {
			return
		}
	} else if !c.acknowledge(now, s) {
		return
	}
	// Not before the ACK check: a forged timestamp with an impossible ACK
	// would have PAWS drop all that follows.
	c.takeStamp(now, s)
	// Sixth, URG: urgent data are read in line and without a mark, as
	// RFC 6093 §6 advises; the pointer is not looked at.
	// Seventh, the segment text; eighth, FIN.
	c.text(now, s)
	c.takeFIN(now, s)
}

// synAcknowledged is the ACK check of SYN-RECEIVED. It reports whether the
// segment is to be processed further.
func (c *Conn) synAcknowledged(now Time, s *Segment) bool {
	if atMost(s.Ack, c.una) || after(s.Ack, c.nxt) {
		c.reset(s.Ack, 0, packet.RST)
		c.drop(now, s, "stale", "it acknowledges what our SYN,ACK did not send", "RFC 9293 §3.10.7.4")
		return false
	}
	if c.listener != nil && c.listener.full() {
		c.drop(now, s, "backlog", "the queue of connections that wait for accept is full; our SYN,ACK will be sent again", "")
		return false
	}
	c.updateWindow(s)
	c.established(now, s, "our SYN,ACK was acknowledged", "RFC 9293 §3.10.7.4")
	return true
}

// heard notes that the peer lives.
func (c *Conn) heard(now Time) {
	c.heardAt = now
	c.keepProbes, c.keepDue = 0, false
}

// reset has a RST sent.
func (c *Conn) reset(seq, ack uint32, flags packet.TCPFlags) {
	c.rst, c.rstSeq, c.rstAck, c.rstFlags = true, seq, ack, flags
}
