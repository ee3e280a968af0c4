package tcp

// delayAck notes that n bytes in order wait for an acknowledgement. It is
// sent at once when they are more than one full segment, so that every second
// one has its ACK; otherwise it waits for data to go with (RFC 9293 §3.8.6.3,
// RFC 5681 §4.2).
func (c *Conn) delayAck(now Time, n uint32) {
	c.unacked += n
	wait := c.cfg.delayedAck()
	if wait < 0 || c.unacked > uint32(c.rcvMSS) {
		c.ackNow = true
	}
	if !c.ackNow && !c.delack.on {
		c.delack.set(now + wait)
	}
}

// acked notes that a segment with an ACK is being sent.
func (c *Conn) acked() {
	c.ackNow, c.ackAlone = false, false
	c.unacked = 0
	c.lastAck = c.rcvNxt
	c.delack.stop()
}
