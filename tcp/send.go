package tcp

import "waypost/packet"

// Next fills in the next segment that is to be sent and reports true, or
// reports false when there is none now. The payload is valid until the next
// call on c. The owner calls it until it reports false after every other
// call.
func (c *Conn) Next(now Time, s *Segment) bool {
	if c.rst {
		c.rst = false
		c.header(s, c.rstSeq, c.rstFlags)
		s.Ack = c.rstAck
		if c.stampsOn && c.rstFlags.Has(packet.ACK) { // RFC 7323 §3.2: SHOULD
			s.Options.HasTimestamps, s.Options.TSVal, s.Options.TSEcr = true, c.cfg.stamp(now), c.tsRecent
		}
		return true
	}
	switch c.state {
	case Closed:
		return false
	case SynSent, SynReceived:
		return c.nextSYN(now, s) || c.nextACK(now, s)
	}
	switch {
	case c.ackAlone && c.nextACK(now, s):
	case c.fastDue && c.nextFast(now, s):
	case c.probeDue && c.nextProbe(now, s):
	case c.resending && c.nextAgain(now, s):
	case c.phase == recovery && c.sackOn && c.nextHole(now, s):
	case c.nextNew(now, s):
	case c.phase == recovery && c.sackOn && c.nextRescue(now, s):
	case c.keepDue && c.nextKeepalive(now, s):
	case c.nextACK(now, s):
	default:
		c.armPersist(now)
		return false
	}
	return true
}

// header fills in what every segment has.
func (c *Conn) header(s *Segment, seq uint32, flags packet.TCPFlags) {
	*s = Segment{}
	s.SrcPort, s.DstPort = c.local.Port(), c.remote.Port()
	s.Seq = seq
	s.Flags = flags
}

// segment fills in a segment of the established connection: header, ACK,
// window, options.
func (c *Conn) segment(now Time, s *Segment, seq uint32) {
	c.header(s, seq, packet.ACK)
	s.Ack = c.rcvNxt
	s.Window = c.offerWindow()
	c.stampAndSACK(now, &s.Options)
	c.acked()
}

// nextACK fills in an ACK without data when one is due.
func (c *Conn) nextACK(now Time, s *Segment) bool {
	if !c.ackNow || c.state == SynSent {
		return false
	}
	c.segment(now, s, c.nxt)
	return true
}

// full is the payload of a full segment now: the options that it carries
// take their room from it (RFC 9293 §3.7.1, RFC 6691).
func (c *Conn) full() int {
	n := int(c.mss)
	if c.stampsOn {
		n -= stampSize
	}
	if c.late != nil && c.sackOn {
		if k := c.late.count(c.stampsOn); k > 0 {
			n -= 4 + 8*k
		}
	}
	return n
}

// nextNew fills in a segment of data that were not sent before, or the FIN
// behind them, when peer's window, congestion window and Nagle let it go.
func (c *Conn) nextNew(now Time, s *Segment) bool {
	end := c.dataEnd()
	if c.resending || after(c.nxt, end) || c.nxt == end && !c.finQueued {
		return false
	}
	unsent := int(end - c.nxt)
	full := c.full()
	n := min(unsent, full, c.usable())
	fin := c.finQueued && n == unsent
	if n == 0 && !fin {
		return false
	}
	if !fin && n < full && !c.worthSending(n, unsent) {
		return false
	}
	if n > 0 && !c.cwndAllows(uint32(n)) {
		return false
	}
	c.restartAfterIdle(now)
	c.sendNew(now, s, n, fin)
	return true
}

// usable is how much the peer's window takes beyond SND.NXT.
func (c *Conn) usable() int {
	return max(0, int(int32(c.una+c.wnd-c.nxt)))
}

// worthSending decides about n bytes that are less than a full segment, of
// unsent that wait: the sender's half of avoiding silly windows (RFC 9293
// §3.8.6.2.1), with Nagle's algorithm in Minshall's form, as on Linux: a
// small segment waits while an earlier small one is unacknowledged. (The form
// of RFC 9293 §3.7.4 waits for full ones too, and so runs into their delayed
// ACK.)
func (c *Conn) worthSending(n, unsent int) bool {
	if n == unsent && (c.noDelay || atMost(c.smallEnd, c.una)) {
		return true
	}
	idle := c.noDelay || c.flight() == 0
	return idle && n < unsent && uint32(n) >= c.maxWnd/2
}

// cwndAllows reports whether the congestion window has room for n bytes more.
// When nothing is on its way, one segment may always go.
func (c *Conn) cwndAllows(n uint32) bool {
	pipe := c.pipe()
	if pipe == 0 {
		return true
	}
	room := c.cwnd
	if c.phase == open && !c.sackOn && c.dupAcks > 0 {
		// RFC 3042: each of the first two duplicate ACKs lets one segment go.
		room += uint32(min(c.dupAcks, 2)) * uint32(c.full())
	}
	return pipe+n <= room
}

// sendNew fills in n bytes from SND.NXT on, and the FIN.
func (c *Conn) sendNew(now Time, s *Segment, n int, fin bool) {
	c.stopPersist()
	full := n == c.full()
	c.segment(now, s, c.nxt)
	s.Payload = c.out.view(int(c.nxt-c.outSeq), n)
	if c.flight() == 0 {
		c.stalledAt = now
	}
	if c.phase == open && c.dupAcks > 0 && c.flight()+uint32(n) > c.cwnd {
		c.limited += uint32(n)
	}
	c.nxt += uint32(n)
	if c.flight() >= c.peak {
		c.peak, c.peakEnd = c.flight(), c.nxt
	}
	if n > 0 && c.nxt == c.dataEnd() {
		s.Flags |= packet.PSH // RFC 9293 §3.9.1.2: the last of what waits
	}
	if fin {
		s.Flags |= packet.FIN
		c.nxt++
	} else if !full {
		c.smallEnd = c.nxt
	}
	if !c.timing {
		c.timing, c.timed, c.timedAt = true, c.nxt, now
	}
	c.sentAt = now
	if !c.rtx.on {
		c.armRTO(now)
	}
}

// cause is why something is sent again.
type cause uint8

const (
	causeTimeout cause = iota
	causeGoBack
	causeFast
	causeSACK
	causePartial
	causeHole
	causeGap
	causeRescue
	causeMTU
	causeWindow
	causeSYN
	causeBoth
)

var causes = [...]struct{ verdict, reason, clause string }{
	causeTimeout: {"timeout", "the retransmission timer expired without an acknowledgement", "RFC 6298 §5.4"},
	causeGoBack:  {"go-back", "it was on its way when the loss was seen and counts as lost until it is acknowledged", "RFC 5681 §3.1"},
	causeFast:    {"fast-retransmit", "three duplicate ACKs say that it was lost and later ones were not", "RFC 5681 §3.2"},
	causeSACK:    {"fast-retransmit", "the peer holds enough of what was sent after it: it was lost", "RFC 6675 §5"},
	causePartial: {"partial-ack", "an ACK of only a part of what was on its way says that the next segment was lost too", "RFC 6582 §3.2"},
	causeHole:    {"sack-hole", "enough after it was selectively acknowledged: it was lost", "RFC 6675 §4"},
	causeGap:     {"sack-gap", "nothing new may be sent, so what is missing before something selectively acknowledged is sent again in case it was lost", "RFC 6675 §4"},
	causeRescue:  {"rescue", "nothing else may be sent, so the end is sent again in case it was lost", "RFC 6675 §4"},
	causeMTU:     {"path-mtu", "the path takes only smaller packets, so it is cut anew; that is no congestion", "RFC 1191 §6.4"},
	causeWindow:  {"window-open", "the peer's window is open again, and it had no room for this before", "RFC 9293 §3.8.6.1"},
	causeSYN:     {"syn-again", "the peer's SYN came again, so it has not seen our answer", "RFC 9293 §3.8.1"},
	causeBoth:    {"simultaneous-open", "both ends opened at once, so our SYN goes again with the ACK of the peer's", "RFC 9293 §3.5"},
}

// sendAgain fills in a segment that begins at seq, which was sent before, and
// ends before limit. It returns the number behind it.
func (c *Conn) sendAgain(now Time, s *Segment, seq, limit uint32, why cause) uint32 {
	end := c.dataEnd()
	n := max(0, min(c.full(), int(int32(earlier(limit, end)-seq)), int(int32(c.una+c.wnd-seq))))
	c.segment(now, s, seq)
	s.Payload = c.out.view(int(seq-c.outSeq), n)
	next := seq + uint32(n)
	if n > 0 && next == end {
		s.Flags |= packet.PSH
	}
	if next == end && c.finQueued && after(limit, end) {
		s.Flags |= packet.FIN
		next++
	}
	if after(next, c.nxt) {
		c.nxt = next
	}
	// Karn's algorithm (RFC 6298 §3): what is sent twice is not timed.
	c.timing, c.karn = false, true
	c.sentAt = now
	if !c.rtx.on || seq == c.una && why != causePartial {
		c.armRTO(now)
	}
	c.sentAgain(now, s, why)
	return next
}

// sentAgain counts and tells of a retransmission.
func (c *Conn) sentAgain(now Time, s *Segment, why cause) {
	c.retransmits++
	if c.cfg.Observe != nil {
		w := causes[why]
		times := 1
		if s.Seq == c.una {
			times = max(1, int(c.retries))
		}
		if c.state == SynSent || c.state == SynReceived {
			times = max(1, int(c.synRetries))
		}
		c.tell(&Event{Time: now, Kind: Retransmit, Seq: s.Seq, Ack: s.Ack, Bytes: len(s.Payload), Flags: s.Flags,
			Times: times, Verdict: w.verdict, Reason: w.reason, Clause: w.clause})
	}
}

// nextFast sends the first unacknowledged segment again, whatever cwnd says.
func (c *Conn) nextFast(now Time, s *Segment) bool {
	c.fastDue = false
	if c.flight() == 0 || c.wnd == 0 {
		return false
	}
	limit := c.nxt
	if c.sackOn && c.board != nil && len(c.board.spans) > 0 {
		limit = earlier(limit, c.board.spans[0].left)
	}
	next := c.sendAgain(now, s, c.una, limit, c.why)
	if c.board != nil {
		c.board.highRxt = later(c.board.highRxt, next)
	}
	return true
}

// nextAgain sends on from again what was sent before, skipping what was
// selectively acknowledged, as cwnd allows.
func (c *Conn) nextAgain(now Time, s *Segment) bool {
	limit := c.nxt
	if c.board != nil {
		c.again, limit = c.board.hole(c.again, c.nxt)
	}
	if atLeast(c.again, c.nxt) {
		c.resending = false
		return false
	}
	if limit == c.nxt && c.why == causeWindow {
		limit = c.dataEnd() // the probe's byte goes with what follows it
		if c.finSent() {
			limit = c.nxt
		}
	}
	if atLeast(c.again, c.una+c.wnd) {
		return false
	}
	if n := earlier(limit-c.again, uint32(c.full())); c.pipe() > 0 && c.pipe()+n > c.cwnd {
		return false
	}
	c.again = c.sendAgain(now, s, c.again, limit, c.why)
	if c.why == causeTimeout || c.why == causeFast || c.why == causeSACK {
		c.why = causeGoBack
	}
	c.resending = before(c.again, c.nxt)
	return true
}
