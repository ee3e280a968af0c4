package tcp

import "waypost/packet"

// A closed window is probed (RFC 9293 §3.8.6.1): the ACK that opens it may be
// lost, and nobody would send again. The probe is one byte that the window
// does not take; the peer answers it with its window. The timer serves a
// window that is open but silly, too: then it is the override timeout of
// §3.8.6.2.1 and sends what fits.

// armPersist runs when nothing more can be sent. Data that wait while nothing
// is on its way wait for the peer's window.
func (c *Conn) armPersist(now Time) {
	if c.rtx.on || c.flight() > 0 || c.state < Established {
		return
	}
	if c.outLen == 0 {
		return // a FIN alone does not wait for a window
	}
	if !c.persisting {
		c.persisting = true
		c.stalledAt = now
		c.retries, c.probes = 0, 0
	}
	c.rtx.set(c.bounded(now, c.persistInterval()))
}

// persistInterval grows as the retransmission timeout does.
func (c *Conn) persistInterval() Time {
	d := c.rto
	for range c.retries {
		if d *= 2; d >= c.cfg.maxRTO() {
			return c.cfg.maxRTO()
		}
	}
	return d
}

// stopPersist ends the probing: the window is open, or nothing waits.
func (c *Conn) stopPersist() {
	if c.persisting {
		c.persisting, c.probeDue = false, false
		c.retries, c.probes = 0, 0
		c.rtx.stop()
	}
}

// persistTimeout has a probe sent. As long as the peer answers, the window
// may stay closed for ever (RFC 9293 §3.8.6.1 MUST-37) unless the user has
// left.
func (c *Conn) persistTimeout(now Time) {
	most := min(or(c.cfg.Retries, DefaultRetries), maxRetries)
	if c.readClosed {
		most = min(most, orphanRetries)
	}
	if int(c.probes) >= most || c.overdue(now) {
		c.giveUp(now, "the peer's window is closed and its probes were not answered", "RFC 9293 §3.8.6.1")
		return
	}
	c.persisting = true
	c.retries = min(c.retries+1, 32)
	c.probes++
	c.probeDue = true
	c.rtx.set(c.bounded(now, c.persistInterval()))
}

// probed notes that the peer has answered while its window stays closed.
func (c *Conn) probed(now Time) {
	if c.persisting && !c.readClosed {
		c.probes = 0
		c.stalledAt = now
	}
}

// nextProbe fills in a window probe.
func (c *Conn) nextProbe(now Time, s *Segment) bool {
	c.probeDue = false
	if c.usable() > 0 {
		n := min(int(c.dataEnd()-c.nxt), c.full(), c.usable())
		if n <= 0 {
			return false
		}
		c.sendNew(now, s, n, c.finQueued && c.nxt+uint32(n) == c.dataEnd())
		return true
	}
	if c.wnd > 0 || c.flight() == 0 && c.outLen == 0 {
		return false
	}
	c.segment(now, s, c.una)
	if c.outLen > 0 {
		s.Payload = c.out.view(0, 1)
	} else {
		s.Flags |= packet.FIN
	}
	c.nxt = later(c.nxt, c.una+1)
	c.timing, c.karn = false, true
	c.sentAt = now
	if c.cfg.Observe != nil {
		c.tell(&Event{Time: now, Kind: Probe, Phase: "window", Seq: s.Seq, Ack: s.Ack, Bytes: len(s.Payload), Flags: s.Flags,
			Times: int(c.probes), Reason: "the peer's window is closed: one byte asks whether it still is", Clause: "RFC 9293 §3.8.6.1"})
	}
	return true
}

// windowReopened has everything sent again that a closed window did not take.
func (c *Conn) windowReopened(now Time) {
	c.stopPersist()
	if c.flight() == 0 {
		return
	}
	if c.phase == open {
		c.again, c.resending, c.why = c.una, true, causeWindow
	}
	c.armRTO(now)
}
