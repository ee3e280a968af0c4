package tcp

// keepalive asks an idle peer whether it is still there (RFC 9293 §3.8.4): a
// segment with the number before SND.NXT, which the peer must answer because
// it lies outside its window.

// SetKeepalive changes when the connection is probed; the zero Keepalive
// turns it off.
func (c *Conn) SetKeepalive(now Time, k Keepalive) {
	c.keepalive = k
	c.keepProbes = 0
	c.armIdle(now)
}

func (k Keepalive) interval() Time { return or(k.Interval, DefaultKeepalive.Interval) }
func (k Keepalive) probes() int    { return or(k.Probes, DefaultKeepalive.Probes) }

// armIdle sets the idle timer to what the state wants of it.
func (c *Conn) armIdle(now Time) {
	switch c.state {
	case Closed, SynSent, SynReceived, TimeWait:
		return
	case FinWait2:
		if c.readClosed {
			return // set by close.go
		}
	}
	c.idle.stop()
	if c.keepalive.Idle > 0 {
		c.idle.set(max(now, c.heardAt+c.keepalive.Idle))
	}
}

// idleTimeout is the end of the idle timer: of TIME-WAIT, of an orphan's
// FIN-WAIT-2, or of a stretch of silence.
func (c *Conn) idleTimeout(now Time) {
	switch {
	case c.state == TimeWait:
		c.end(now, nil, "two maximum segment lifetimes have passed", "RFC 9293 §3.6.1")
	case c.state == FinWait2 && c.readClosed:
		c.end(now, nil, "the user has closed, and the peer's FIN did not come in time", "RFC 9293 §3.6")
	case c.keepalive.Idle > 0:
		c.keepaliveTimeout(now)
	}
}

// keepaliveTimeout sends a probe or ends the connection. The timer is not
// moved by every segment: it finds out here that the peer was heard.
func (c *Conn) keepaliveTimeout(now Time) {
	k := c.keepalive
	if due := c.heardAt + k.Idle; due > now || c.flight() > 0 || c.persisting {
		if due <= now {
			due = now + k.Idle // data on their way have a timer of their own
		}
		c.idle.set(due)
		return
	}
	if int(c.keepProbes) >= k.probes() || c.userTimeout > 0 && c.keepProbes > 0 && now-c.heardAt >= c.userTimeout {
		c.abort(now, ErrTimeout, "the peer answered no keepalive probe", "RFC 9293 §3.8.4")
		return
	}
	c.keepProbes++
	c.keepDue = true
	c.idle.set(now + k.interval())
}

// nextKeepalive fills in a keepalive probe.
func (c *Conn) nextKeepalive(now Time, s *Segment) bool {
	c.keepDue = false
	if c.flight() > 0 {
		return false
	}
	c.segment(now, s, c.nxt-1)
	if c.cfg.Observe != nil {
		c.tell(&Event{Time: now, Kind: Probe, Phase: "keepalive", Seq: s.Seq, Ack: s.Ack, Flags: s.Flags,
			Times: int(c.keepProbes), Reason: "nothing was heard from the peer for the keepalive time: a probe asks for an ACK", Clause: "RFC 9293 §3.8.4"})
	}
	return true
}
