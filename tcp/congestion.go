package tcp

import "math"

// algorithm is what congestion control algorithms differ in. The four files
// tahoe.go, reno.go, newreno.go and cubic.go hold one each; what they share
// is here, how a loss is found and mended is in recovery.go.
type algorithm interface {
	name() Congestion
	// reduce returns ssthresh after a loss, from the bytes that were on
	// their way.
	reduce(c *Conn, now Time, flight uint32) uint32
	// timeout tells of a retransmission timeout.
	timeout(c *Conn)
	// avoid lets cwnd grow for n acknowledged bytes in congestion avoidance.
	avoid(c *Conn, now Time, n uint32)
	// unused tells that the user left room in cwnd, which must not grow then.
	unused(now Time)
	// lost answers the third duplicate ACK, when neither SACK nor an
	// earlier loss says otherwise.
	lost(c *Conn, now Time)
	// partial answers an ACK, without SACK, of n bytes of what was on its
	// way when the loss was found.
	partial(c *Conn, now Time, n uint32)
}

func newAlgorithm(name Congestion) algorithm {
	switch name {
	case Tahoe:
		return tahoe{}
	case Reno:
		return reno{}
	case NewReno:
		return newReno{}
	}
	return new(cubic)
}

const (
	// infiniteThreshold is ssthresh before the first loss: "arbitrarily
	// high" (RFC 5681 §3.1).
	infiniteThreshold = math.MaxUint32
	// maxCwnd bounds cwnd: no window is larger (RFC 7323 §2.3).
	maxCwnd = 1 << 30
	// slowStartLimit is L of RFC 3465 §2.2: an ACK lets cwnd grow by no
	// more than two segments, so that delayed ACKs do not slow it down.
	slowStartLimit = 2
)

// openWindow gives cwnd its first value.
func (c *Conn) openWindow() { c.cwnd = c.initialWindow() }

// initialWindow is RFC 6928 §2: ten segments, fewer when they are large. When
// the SYN was lost more than once it is one segment (RFC 5681 §3.1).
func (c *Conn) initialWindow() uint32 {
	mss := uint32(c.full())
	if c.cfg.InitialWindow > 0 {
		return min(mss*uint32(min(c.cfg.InitialWindow, maxInitialWindow)), maxCwnd)
	}
	if c.synRetries > 1 {
		return mss
	}
	return min(10*mss, max(2*mss, 14600))
}

// maxInitialWindow bounds Config.InitialWindow; nothing on the internet is
// served by more segments at once.
const maxInitialWindow = 1000

// grow lets cwnd grow for n newly acknowledged bytes, where the window was
// used: one that its user left empty says nothing about the path (RFC 7661
// §4.1 has the reasons). It also ends a loss that is mended.
func (c *Conn) grow(now Time, n uint32) {
	used := c.peak
	if atLeast(c.una, c.peakEnd) {
		c.peak = c.flight()
		c.peakEnd = c.nxt
	}
	if c.phase == recovery {
		c.recoveryACK(now, n)
		return
	}
	c.dupAcks, c.limited = 0, 0
	mended := c.phase == loss && atLeast(c.una, c.recover)
	limit := uint32(slowStartLimit)
	if c.phase == loss {
		limit = 1 // RFC 3465 §2.3: the ACK of a retransmission may cover much
	}
	if mended {
		c.phase = open
	}
	mss := uint32(c.full())
	was := c.cwnd
	switch {
	case c.cwnd < c.ssthresh:
		if c.cwnd < 2*used || c.phase == loss {
			c.cwnd = min(c.cwnd+min(n, limit*mss), max(c.ssthresh, c.cwnd))
		} else {
			c.cc.unused(now)
		}
	case used+mss > c.cwnd:
		c.cc.avoid(c, now, n)
	default:
		c.cc.unused(now)
	}
	c.cwnd = min(c.cwnd, maxCwnd)
	if c.cfg.Observe == nil || c.cwnd == was && !mended {
		return
	}
	switch {
	case mended:
		c.tellCwnd(now, "mended", "everything that was on its way at the timeout is acknowledged", "RFC 5681 §3.1")
	case was < c.ssthresh:
		c.tellCwnd(now, "slow-start", "below the threshold each ACK adds what it acknowledged, at most two segments", "RFC 5681 §3.1, RFC 3465 §2.2")
	case c.cfg.Congestion == CUBIC:
		c.tellCwnd(now, "avoidance", "above the threshold cwnd follows the cubic curve of the time since the last loss", "RFC 9438 §4.2")
	default:
		c.tellCwnd(now, "avoidance", "above the threshold a full window of acknowledged bytes adds one segment", "RFC 5681 §3.1")
	}
}

// restartAfterIdle takes cwnd back to its first value when nothing was sent
// for longer than the retransmission timeout (RFC 5681 §4.1): the ACKs that
// would clock a burst are gone.
func (c *Conn) restartAfterIdle(now Time) {
	if c.flight() > 0 || now-c.sentAt <= c.rto || !c.measured {
		return
	}
	if w := c.initialWindow(); c.cwnd > w {
		c.cwnd = w
		c.cc.unused(now)
		c.tellCwnd(now, "idle", "nothing was sent for longer than the timeout, so cwnd begins anew", "RFC 5681 §4.1")
	}
}

// tellCwnd tells the observer where the congestion window stands.
func (c *Conn) tellCwnd(now Time, verdict, reason, clause string) {
	if c.cfg.Observe != nil {
		c.tell(&Event{Time: now, Kind: CwndChange, Seq: c.nxt, Ack: c.rcvNxt, Verdict: verdict, Reason: reason, Clause: clause})
	}
}

// threshold is ssthresh in bytes, 0 while it is not set.
func (c *Conn) threshold() int {
	if c.ssthresh == infiniteThreshold {
		return 0
	}
	return int(c.ssthresh)
}

// phaseName is where the sender stands, in the words of the record.
func (c *Conn) phaseName() string {
	switch {
	case c.phase == recovery:
		return "recovery"
	case c.cwnd < c.ssthresh:
		return "slow-start"
	}
	return "avoidance"
}
