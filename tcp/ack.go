package tcp

import "waypost/packet"

// acknowledge is the ACK check of RFC 9293 §3.10.7.4 in the synchronized
// states. It reports whether the segment is to be processed further.
func (c *Conn) acknowledge(now Time, s *Segment) bool {
	if after(s.Ack, c.nxt) {
		c.challenge(now, s, "it acknowledges what was never sent: an ACK says what was", "RFC 9293 §3.10.7.4")
		return false
	}
	if before(s.Ack, c.una-c.maxWnd) {
		c.challenge(now, s, "it acknowledges less than any segment on its way could: it may be forged", "RFC 5961 §5.2")
		return false
	}
	c.probed(now)
	fresh := c.takeSACK(s)
	closed := c.wnd == 0
	switch {
	case after(s.Ack, c.una):
		c.updateWindow(s)
		c.advance(now, s, closed)
		if fresh > 0 && c.flight() > 0 {
			// RFC 6675 §5: a duplicate, whether it advances SND.UNA or not.
			c.duplicateACK(now)
		}
	case s.Ack == c.una:
		duplicate := c.duplicates(s, fresh)
		c.updateWindow(s)
		if closed && c.wnd > 0 {
			c.windowReopened(now)
		} else if duplicate {
			c.duplicateACK(now)
		}
	}
	return c.state != Closed
}

// age moves the marks that lie behind SND.UNA along with it: where they stay
// behind by 2³¹ they would seem to lie ahead.
func (c *Conn) age() {
	c.smallEnd = later(c.smallEnd, c.una)
	if after(c.una, c.recover) {
		c.recover = c.una - 1
	}
}

// updateWindow takes SND.WND from a segment unless it is older than the one
// that told it last (RFC 9293 §3.10.7.4).
func (c *Conn) updateWindow(s *Segment) {
	if after(c.wl1, s.Seq) || c.wl1 == s.Seq && after(c.wl2, s.Ack) {
		return
	}
	c.wnd = uint32(s.Window) << c.sndScale
	c.maxWnd = max(c.maxWnd, c.wnd)
	c.wl1, c.wl2 = s.Seq, s.Ack
}

// duplicates reports whether an ACK of SND.UNA is a duplicate: without SACK
// by RFC 5681 §2, with it when it tells of fresh bytes (RFC 6675 §2).
func (c *Conn) duplicates(s *Segment, fresh uint32) bool {
	if c.flight() == 0 {
		return false
	}
	if c.sackOn {
		return fresh > 0
	}
	// While the window is closed, what looks like a duplicate answers a probe.
	return len(s.Payload) == 0 && s.Flags&(packet.SYN|packet.FIN) == 0 && uint32(s.Window)<<c.sndScale == c.wnd && c.wnd > 0
}

// advance moves SND.UNA to what s acknowledges. closed tells that the window
// was closed before s came.
func (c *Conn) advance(now Time, s *Segment, closed bool) {
	n := s.Ack - c.una
	c.una = s.Ack
	if data := min(int(int32(c.una-c.outSeq)), c.outLen); data > 0 {
		c.release(data)
	}
	if c.board != nil {
		c.board.bytes -= c.board.spans.forget(c.una)
	}
	c.again = later(c.again, c.una)
	if c.resending && atLeast(c.again, c.nxt) {
		c.resending = false
	}
	c.fastDue = false
	c.retries = 0
	c.stalledAt = now
	c.soft = nil // what the network said has passed
	c.sample(now, s)
	if c.persisting {
		c.stopPersist()
	}
	if c.flight() == 0 {
		c.rtx.stop() // RFC 6298 §5.2
	} else if !c.rtx.on || c.phase != recovery || c.sackOn {
		c.armRTO(now) // §5.3
	}
	c.grow(now, n)
	c.age()
	if closed && c.wnd > 0 && c.flight() > 0 {
		c.windowReopened(now)
	}
	if c.finAcked() {
		c.finAcknowledged(now)
	}
}
