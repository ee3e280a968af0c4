package tcp

import (
	"io"

	"waypost/packet"
)

// text takes the payload of an acceptable segment: what is in order goes
// behind what waits to be read, what is not waits in its place (RFC 9293
// §3.10.7.4, seventh step).
func (c *Conn) text(now Time, s *Segment) {
	seq, p := s.Seq, s.Payload
	if len(p) == 0 && !s.Flags.Has(packet.FIN) {
		return
	}
	if c.state != Established && c.state != FinWait1 && c.state != FinWait2 {
		return // the peer has closed: there is nothing after its FIN
	}
	if before(seq, c.rcvNxt) {
		old := min(c.rcvNxt-seq, uint32(len(p)))
		if old > 0 {
			c.duplicateData(seq, seq+old)
			c.ackNow = true
		}
		seq, p = seq+old, p[old:]
	}
	if c.readClosed && len(p) > 0 {
		c.drop(now, s, "unwanted", "data came after the user closed: nobody can read them", "RFC 9293 §3.6.1")
		c.abort(now, ErrReset, "data came after the user closed, so the peer is told by a RST", "RFC 9293 §3.6.1")
		return
	}
	edge := later(c.rcvAdv, c.rcvNxt)
	if c.finKnown {
		edge = earlier(edge, c.finAt)
	}
	fin := s.Flags.Has(packet.FIN)
	if end := seq + uint32(len(p)); after(end, edge) {
		over := min(int(end-edge), len(p))
		p, fin = p[:len(p)-over], false
		c.ackNow = true
		if len(p) == 0 {
			c.drop(now, s, "window-closed", "the receive buffer is full: nothing of it is taken, an ACK tells the window", "RFC 9293 §3.8.6.1")
		}
	}
	if fin && !c.finKnown && !c.lateBeyond(seq+uint32(len(p))) {
		c.finKnown, c.finAt = true, seq+uint32(len(p))
		c.ackNow = true
	}
	if len(p) == 0 {
		return
	}
	if int(c.rcvMSS) < len(p) {
		c.rcvMSS = uint16(min(len(p), int(c.ownMSS)))
	}
	if seq != c.rcvNxt {
		c.keepLate(now, s, seq, p)
		return
	}
	c.in.put(c.unread, p)
	c.took(uint32(len(p)))
	if c.late != nil {
		if c.late.twice == (span{}) {
			twice := c.late.spans.first(seq, seq+uint32(len(p)))
			c.duplicateData(twice.left, twice.right)
		}
		c.joinLate()
	}
	c.delayAck(now, uint32(len(p)))
}

// took moves RCV.NXT over n bytes that lie in the buffer.
func (c *Conn) took(n uint32) {
	c.rcvNxt += n
	c.unread += int(n)
	c.bytesTaken += int64(n)
}

// takeFIN is the eighth step of RFC 9293 §3.10.7.4: the peer's FIN, once all
// before it has come.
func (c *Conn) takeFIN(now Time, s *Segment) {
	if !c.finKnown || c.finRead || c.rcvNxt != c.finAt {
		return
	}
	c.finRead = true
	c.rcvNxt++
	c.ackNow = true
	c.late = nil
	switch c.state {
	case Established:
		c.enter(now, CloseWait, "the peer's FIN came: it sends no more, we still may", "RFC 9293 §3.10.7.4")
	case FinWait1:
		c.enter(now, Closing, "the peer's FIN came before the ACK of ours: both close at once", "RFC 9293 §3.10.7.4")
	case FinWait2:
		c.timeWait(now, "the peer's FIN came: both directions are closed", "RFC 9293 §3.10.7.4")
	}
}

// Read copies bytes that are in order to p and opens the window. It returns
// 0, nil when none are there, io.EOF behind the peer's FIN, and when the
// connection has ended otherwise what ended it. Bytes that came before a RST
// can still be read, as on Linux (we deviate from RFC 9293 §3.10.7.4, which
// flushes them).
func (c *Conn) Read(now Time, p []byte) (int, error) {
	if c.readClosed {
		return 0, c.or(ErrClosed)
	}
	if c.state == SynSent || c.state == SynReceived || len(p) == 0 {
		return 0, nil
	}
	if c.unread == 0 {
		switch {
		case c.finRead:
			return 0, io.EOF
		case c.state == Closed:
			return 0, c.or(ErrClosed)
		}
		return 0, nil
	}
	n := min(len(p), c.unread)
	c.in.get(0, p[:n])
	c.unread -= n
	if c.unread == 0 && (c.late == nil || len(c.late.spans) == 0) {
		c.in.reset()
	} else {
		c.in.drop(n)
	}
	c.windowOpened()
	return n, nil
}

// or returns what ended the connection, or err.
func (c *Conn) or(err error) error {
	if c.err != nil {
		return c.err
	}
	return err
}
