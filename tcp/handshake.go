package tcp

import (
	"net/netip"

	"waypost/packet"
)

// Dial opens a connection (RFC 9293 §3.10.1, active OPEN): it is in SYN-SENT
// and its SYN comes out of Next. iss is the initial send sequence number, as
// [InitialSequence] makes them. cfg is shared and must not change any more;
// nil means the zero Config.
func Dial(cfg *Config, local, remote netip.AddrPort, iss uint32, now Time) *Conn {
	if cfg == nil {
		cfg = new(Config)
	}
	c := newConn(cfg, local, remote, iss, cfg.mss(remote.Addr().Unmap().Is4()), now)
	c.active = true
	c.synDue = true
	c.sackOn, c.stampsOn, c.scaleOn = !cfg.NoSACK, !cfg.NoTimestamps, !cfg.NoWindowScale
	if c.scaleOn {
		c.rcvScale = scaleFor(cfg.receiveBuffer())
	}
	c.enter(now, SynSent, "the user opens the connection, so a SYN is sent", "RFC 9293 §3.10.1")
	return c
}

// answer makes the half-open connection that a SYN begins, in SYN-RECEIVED.
func answer(cfg *Config, local, remote netip.AddrPort, iss uint32, mss int, s *Segment, now Time) *Conn {
	c := newConn(cfg, local, remote, iss, mss, now)
	c.state = Listening
	c.sackOn, c.stampsOn, c.scaleOn = !cfg.NoSACK, !cfg.NoTimestamps, !cfg.NoWindowScale
	if c.scaleOn {
		c.rcvScale = scaleFor(cfg.receiveBuffer())
	}
	c.takeSYN(now, s)
	c.synDue = true
	c.enter(now, SynReceived, "a SYN came for a listening port, so a SYN,ACK is sent", "RFC 9293 §3.10.7.2")
	return c
}

// takeSYN keeps what a SYN tells: where the peer's numbers begin, its window
// and its options. Data on a SYN are not acknowledged, so that they come
// again. (We deviate from RFC 9293 §3.10.7.2, which queues them: a forged SYN
// would hold memory.)
func (c *Conn) takeSYN(now Time, s *Segment) {
	c.irs = s.Seq
	c.rcvNxt = s.Seq + 1
	c.lastAck = c.rcvNxt
	// The window of a SYN is never scaled, so this is what we offered.
	c.rcvAdv = c.rcvNxt + uint32(min(c.cfg.receiveBuffer(), 0xffff))
	c.wnd = uint32(s.Window)
	c.maxWnd = c.wnd
	c.wl1, c.wl2 = s.Seq, s.Ack
	c.negotiate(now, &s.Options)
}

// segmentSynSent is RFC 9293 §3.10.7.3: what a SYN of ours brings back.
func (c *Conn) segmentSynSent(now Time, s *Segment) {
	hasAck := s.Flags.Has(packet.ACK)
	if hasAck && (atMost(s.Ack, c.iss) || after(s.Ack, c.nxt)) {
		if !s.Flags.Has(packet.RST) {
			c.reset(s.Ack, 0, packet.RST)
		}
		c.drop(now, s, "stale", "it acknowledges what this SYN did not send, so it belongs to an older connection", "RFC 9293 §3.10.7.3")
		return
	}
	switch {
	case s.Flags.Has(packet.RST) && hasAck:
		c.end(now, ErrRefused, "a RST answered the SYN", "RFC 9293 §3.10.7.3")
		return
	case s.Flags.Has(packet.RST):
		c.drop(now, s, "unproven", "a RST without ACK does not show that it answers our SYN", "RFC 9293 §3.10.7.3")
		return
	case !s.Flags.Has(packet.SYN):
		c.drop(now, s, "no-syn", "neither SYN nor RST: nothing to be learnt from it in SYN-SENT", "RFC 9293 §3.10.7.3")
		return
	}
	c.heardAt = now
	c.takeSYN(now, s)
	if !hasAck {
		// Both have opened at once. Our SYN goes out again, now with an ACK.
		c.synDue, c.why = true, causeBoth
		c.enter(now, SynReceived, "a SYN came without an ACK: both ends opened at once", "RFC 9293 §3.5 figure 7")
		return
	}
	c.ackNow = true
	c.established(now, s, "our SYN was acknowledged and the peer's is being", "RFC 9293 §3.10.7.3")
	rest := Segment{TCP: s.TCP, Payload: s.Payload}
	rest.Seq++
	rest.Flags &^= packet.SYN
	c.text(now, &rest)
	c.takeFIN(now, &rest)
}

// synAgain handles a SYN that comes in SYN-RECEIVED with the number that we
// know already. It reports whether rest of the segment is to be looked at.
func (c *Conn) synAgain(now Time, s *Segment) (rest Segment, more bool) {
	if !s.Flags.Has(packet.ACK) {
		c.synDue, c.why = true, causeSYN
		c.drop(now, s, "syn-again", "the SYN came again, so our SYN,ACK did not arrive: it is sent again", "RFC 9293 §3.8.1")
		return rest, false
	}
	// Simultaneous open: the peer's SYN,ACK repeats its SYN, which lies
	// before the window; RFC 9293 §3.10.7.4 trims it off.
	rest = Segment{TCP: s.TCP, Payload: s.Payload}
	rest.Seq++
	rest.Flags &^= packet.SYN
	return rest, true
}

// established is the step into ESTABLISHED (or FIN-WAIT-1, when CLOSE was
// called before): s acknowledged our SYN.
func (c *Conn) established(now Time, s *Segment, reason, clause string) {
	c.una = s.Ack
	c.retries = 0
	c.synDue = false
	if !c.karn || s.Options.TSEcr == c.cfg.stamp(c.timedAt) {
		c.sample(now, s)
	}
	c.karn = false
	if !c.measured && c.synRetries > 0 {
		// RFC 6298 §5.7: without a sample, data begin with three seconds.
		// An answer to an earlier SYN than the last is none, although RFC
		// 7323 §4.1 would time it: a peer whose SYN,ACK was lost goes on to
		// echo the first SYN, and the time holds our own timeouts. After
		// two of them data would wait nine seconds for their first timer.
		c.rto = lostSYNRTO
	}
	c.rtx.stop()
	c.openWindow()
	if c.finQueued {
		c.enter(now, FinWait1, "CLOSE was called during the handshake, so the FIN follows it", "RFC 9293 §3.10.4")
	} else {
		c.enter(now, Established, reason, clause)
	}
	c.tellCwnd(now, "initial-window", "the connection begins with its initial window", "RFC 6928 §2")
	c.armIdle(now)
}

// nextSYN fills in our SYN or SYN,ACK.
func (c *Conn) nextSYN(now Time, s *Segment) bool {
	if !c.synDue {
		return false
	}
	c.synDue = false
	again := c.nxt != c.iss
	c.nxt = c.iss + 1
	c.header(s, c.iss, packet.SYN)
	if c.state == SynReceived {
		s.Flags |= packet.ACK
		s.Ack = c.rcvNxt
		c.acked()
	}
	s.Window = uint16(min(c.cfg.receiveBuffer(), 0xffff))
	c.offer(now, &s.Options)
	c.timedAt = now
	if again {
		c.timing, c.karn = false, true
		c.sentAgain(now, s, c.why)
	} else {
		c.timing, c.timed = true, c.nxt
		c.stalledAt = now
	}
	if c.why == causeSYN && again && c.rtx.on {
		// The timer goes on: a peer that repeats its SYN would otherwise keep
		// a half-open connection for as long as it likes.
		return true
	}
	c.armRTO(now)
	return true
}
