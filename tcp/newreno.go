package tcp

// newReno is RFC 6582: an ACK of only a part of what was on its way shows the
// next loss, which is mended at once, one in each round trip, without leaving
// fast recovery.
type newReno struct{ reno }

func (newReno) name() Congestion { return NewReno }

func (newReno) partial(c *Conn, now Time, n uint32) { c.partialACK(now, n) }

// partialACK is RFC 6582 §3.2 step 3 for a partial acknowledgement.
func (c *Conn) partialACK(now Time, n uint32) {
	mss := uint32(c.full())
	c.cwnd -= min(n, c.cwnd-mss) // deflate by what left the network, …
	if n >= mss {
		c.cwnd += mss // … and let one more segment follow
	}
	c.fastDue, c.why = true, causePartial
	if !c.partials {
		c.partials = true
		c.armRTO(now) // only for the first: the timer shall end a long recovery
	}
	c.tellCwnd(now, "partial-ack", "an ACK of a part deflates cwnd by what it acknowledges", "RFC 6582 §3.2")
}
