package tcp

import "waypost/packet"

// timeWait begins TIME-WAIT: the end that closed first answers the peer's FIN
// should it come again, and lets old segments die before the same ports are
// used again (RFC 9293 §3.6.1).
func (c *Conn) timeWait(now Time, reason, clause string) {
	c.rtx.stop()
	c.out.reset()
	c.board, c.late = nil, nil
	c.enter(now, TimeWait, reason, clause)
	c.idle.set(now + 2*c.cfg.msl())
}

// finAgain answers a FIN sent again: our last ACK was lost. The wait begins
// anew.
func (c *Conn) finAgain(now Time, s *Segment) {
	c.ackNow = true
	c.idle.set(now + 2*c.cfg.msl())
	c.drop(now, s, "fin-again", "the FIN came again, so our last ACK was lost: it is sent again, and the wait begins anew", "RFC 9293 §3.10.7.4")
}

// yields reports whether a connection in TIME-WAIT may give way to a new one
// that the SYN s begins: only when the SYN cannot be an old duplicate, by its
// timestamp (RFC 6191 §2) or its sequence number (RFC 9293 §3.6.1).
func (c *Conn) yields(s *Segment) bool {
	if c.state != TimeWait || s.Flags&(packet.SYN|packet.ACK|packet.RST|packet.FIN) != packet.SYN {
		return false
	}
	if c.stampsOn && c.recentSet && s.Options.HasTimestamps {
		if s.Options.TSVal == c.tsRecent {
			return after(s.Seq, c.rcvNxt)
		}
		return after(s.Options.TSVal, c.tsRecent)
	}
	return after(s.Seq, c.rcvNxt)
}
