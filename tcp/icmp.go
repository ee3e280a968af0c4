package tcp

// The network speaks by ICMP. Whoever hears it has checked that the message
// quotes a segment of this connection that is on its way (RFC 5927 §4.1).

const (
	// minPathMTU4 and minPathMTU6 are the smallest MTUs that are believed:
	// Linux's floor for IPv4, RFC 8200 §5 for IPv6.
	minPathMTU4 = 552
	minPathMTU6 = 1280
)

// Outstanding reports whether seq is sent and not acknowledged: the check of
// RFC 5927 §4.1 for whoever hears the network speak.
func (c *Conn) Outstanding(seq uint32) bool { return atLeast(seq, c.una) && before(seq, c.nxt) }

// PathMTU tells the largest IP packet that the path carries (RFC 1191,
// RFC 8201). What is on its way is sent again in smaller segments, at once
// and without touching the congestion window. A larger MTU than before lets
// segments grow again, up to what the handshake allowed.
func (c *Conn) PathMTU(now Time, mtu int) {
	if c.state == Closed {
		return
	}
	size := max(mtu, minPathMTU6) - 60
	if c.remote.Addr().Unmap().Is4() {
		size = max(mtu, minPathMTU4) - 40
	}
	mss := uint16(min(size, int(c.mssLimit)))
	smaller := mss < c.mss
	c.mss = mss
	c.cwnd = max(c.cwnd, uint32(c.full()))
	if smaller && c.flight() > 0 && c.state >= Established {
		if c.phase == recovery {
			c.phase, c.dupAcks = open, 0
			c.cwnd = min(c.cwnd, c.ssthresh)
		}
		c.again, c.resending, c.why = c.una, true, causeMTU
	}
}

// Unreachable tells that a segment did not reach the peer. A hard error ends
// a connection that is being opened; later, or when it is soft, it is only
// remembered as the reason should the connection time out before anything
// more is acknowledged. We deviate from RFC 9293 §3.9.2.2 SHLD-26, by which a
// hard error ends every connection: whoever can guess ports could end it
// (RFC 5927 §5.2).
func (c *Conn) Unreachable(now Time, hard bool, err error) {
	c.soft = err
	if hard && (c.state == SynSent || c.state == SynReceived) {
		c.end(now, c.soft, "the network says that the peer cannot be reached", "RFC 9293 §3.9.2.2")
	}
}
