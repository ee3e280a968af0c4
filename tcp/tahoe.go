package tcp

// tahoe is TCP of 1988 (Jacobson, "Congestion Avoidance and Control", with
// fast retransmit): every loss, however it is found, empties the pipe. cwnd
// begins at one segment again.
type tahoe struct{ reno }

func (tahoe) name() Congestion { return Tahoe }

func (tahoe) lost(c *Conn, now Time) {
	why := causeFast
	if c.dupAcks < dupThresh { // SACK told of the loss before the third
		why = causeSACK
	}
	c.collapse(now, why, true)
}
