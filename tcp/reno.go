package tcp

// reno is RFC 5681: additive increase, multiplicative decrease, and a fast
// recovery that the first new ACK ends. A second loss in the same window is
// found anew, and halves again, or waits for the timer.
type reno struct{}

func (reno) name() Congestion { return Reno }

// reduce is RFC 5681 §3.1 equation 4.
func (reno) reduce(c *Conn, _ Time, flight uint32) uint32 {
	return max(flight/2, 2*uint32(c.full()))
}

func (reno) timeout(*Conn) {}

// avoid adds one segment for each window of acknowledged bytes (RFC 5681
// §3.1, counting bytes as RFC 3465 does).
func (reno) avoid(c *Conn, _ Time, n uint32) {
	c.growth += n
	if c.growth >= c.cwnd {
		c.growth -= c.cwnd
		c.cwnd += uint32(c.full())
	}
}

func (reno) unused(Time) {}

func (reno) lost(c *Conn, now Time) { c.fastRecovery(now) }

// partial ends the recovery: to Reno any new ACK does.
func (reno) partial(c *Conn, now Time, _ uint32) {
	c.recovered(now, c.ssthresh, "the first new ACK ends fast recovery: cwnd comes down to the threshold", "RFC 5681 §3.2")
}
