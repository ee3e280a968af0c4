package tcp

import (
	"time"

	"waypost/packet"
)

// recentLife is how long TS.Recent counts without a new one: RFC 7323 §5.5.
// After 24 days a millisecond clock may have passed its sign bit.
const recentLife = 24 * 24 * time.Hour

// stampFresh is PAWS, protection against wrapped sequence numbers (RFC 7323
// §5.3 R1): a segment whose timestamp is older than the last one taken in
// order is an old duplicate.
func (c *Conn) stampFresh(now Time, s *Segment) bool {
	o := &s.Options
	if !o.HasTimestamps {
		if s.Flags.Has(packet.SYN) {
			return true // a new connection's, perhaps: the SYN check answers
		}
		c.drop(now, s, "no-timestamp", "timestamps were agreed on, but it has none", "RFC 7323 §3.2")
		return false
	}
	if !c.recentSet || !before(o.TSVal, c.tsRecent) {
		return true
	}
	if now-c.tsRecentAt > recentLife {
		c.recentSet = false // RFC 7323 §5.5
		return true
	}
	c.drop(now, s, "paws", "its timestamp is older than one that came before: an old duplicate", "RFC 7323 §5.3")
	if len(s.Payload) > 0 || s.Flags.Has(packet.FIN) {
		c.ackNow, c.ackAlone = true, true
	} else {
		c.ackSometimes(now)
	}
	return false
}

// takeStamp keeps the timestamp that our ACKs echo (RFC 7323 §4.3): that of
// the segment which the last ACK waited for, so that a round trip measured
// by it includes the delay of the ACK.
func (c *Conn) takeStamp(now Time, s *Segment) {
	if c.stampsOn && atMost(s.Seq, c.lastAck) && (!c.recentSet || !before(s.Options.TSVal, c.tsRecent)) {
		c.tsRecent, c.tsRecentAt, c.recentSet = s.Options.TSVal, now, true
	}
}
