package tcp

// The window that we offer is the room of the receive buffer. What was
// offered is never taken back (RFC 9293 §3.8.6: do not shrink the window), so
// rcvAdv, the right edge, only grows.

// room is how far behind RCV.NXT the receive buffer reaches, as far as the
// window field can tell: without scaling, a larger buffer is no larger window,
// and an update that tells nothing new would count as a duplicate ACK.
func (c *Conn) room() uint32 {
	return uint32(min(max(0, c.cfg.receiveBuffer()-c.unread), 0xffff<<c.rcvScale))
}

// worthTelling is the step below which the right edge stays where it is:
// RFC 9293 §3.8.6.2.2, against the silly window syndrome.
func (c *Conn) worthTelling() uint32 {
	return uint32(min(c.cfg.receiveBuffer()/2, int(c.rcvMSS)))
}

// offerWindow returns the window field of the segment that is being sent and
// keeps what it promises.
func (c *Conn) offerWindow() uint16 {
	wnd := uint32(0)
	if offered := c.rcvAdv - c.rcvNxt; after(c.rcvAdv, c.rcvNxt) {
		wnd = offered
	}
	if room := c.room(); room >= wnd+c.worthTelling() {
		wnd = room
	}
	// The field is cut down to a multiple of the scale (RFC 7323 §2.4);
	// what was offered before is still taken.
	field := min(wnd>>c.rcvScale, 0xffff)
	c.rcvAdv = later(c.rcvAdv, c.rcvNxt+field<<c.rcvScale)
	return uint16(field)
}

// windowOpened decides, after a read, whether the peer must be told at once:
// when half the buffer or more could not be used so far and twice as much now
// can. Else the next ACK tells it.
func (c *Conn) windowOpened() {
	switch c.state {
	case Established, FinWait1, FinWait2:
	default:
		return // nothing more will come
	}
	var offered uint32
	if after(c.rcvAdv, c.rcvNxt) {
		offered = c.rcvAdv - c.rcvNxt
	}
	room := c.room()
	if offered <= uint32(c.cfg.receiveBuffer())/2 && room >= 2*offered && room >= offered+c.worthTelling() {
		c.ackNow = true
	}
}
