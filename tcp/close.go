package tcp

// CloseWrite ends our direction (RFC 9293 §3.10.4, CLOSE): a FIN follows the
// last byte that was written, and the peer's data can still be read. Before
// the handshake has begun to succeed it ends the connection. A second call is
// ErrClosed.
func (c *Conn) CloseWrite(now Time) error {
	switch c.state {
	case Closed:
		return c.or(ErrClosed)
	case SynSent:
		c.end(now, ErrClosed, "the user closed before the peer had answered", "RFC 9293 §3.10.4")
		return nil
	}
	if c.finQueued {
		return ErrClosed
	}
	c.finQueued = true
	switch c.state {
	case Established:
		c.enter(now, FinWait1, "the user has nothing more to send: a FIN follows the last byte", "RFC 9293 §3.10.4")
	case CloseWait:
		c.enter(now, LastAck, "both users have nothing more to send: our FIN follows the last byte", "RFC 9293 §3.10.4")
	}
	// In SYN-RECEIVED the FIN waits for the handshake: established.
	return nil
}

// Close gives the connection up: CloseWrite, and nobody reads any more. Data
// that were not read, or that come later, are answered with a RST so that the
// peer knows (RFC 9293 §3.6.1, RFC 2525 §2.17). The connection goes on by
// itself until it is Done.
func (c *Conn) Close(now Time) {
	if c.readClosed {
		return
	}
	c.readClosed = true
	if c.state == Closed {
		c.in.reset()
		return
	}
	if c.unread > 0 && c.state < Closing {
		c.abort(now, ErrClosed, "the user closed without reading everything, so the peer is told by a RST", "RFC 9293 §3.6.1")
		return
	}
	c.in.reset()
	c.unread, c.late = 0, nil
	switch c.state {
	case FinWait2:
		c.idle.set(now + or(c.cfg.FinWait2, DefaultFinWait2))
	default:
		_ = c.CloseWrite(now) // it may have been called before
	}
}

// Abort sends a RST and forgets everything (RFC 9293 §3.10.5).
func (c *Conn) Abort(now Time) {
	c.readClosed = true
	if c.state != Closed {
		c.abort(now, ErrClosed, "the user aborted the connection", "RFC 9293 §3.10.5")
	}
	c.in.reset()
	c.unread = 0
}

// finAcknowledged is the ACK of our FIN.
func (c *Conn) finAcknowledged(now Time) {
	switch c.state {
	case FinWait1:
		c.enter(now, FinWait2, "our FIN was acknowledged: the peer may still send", "RFC 9293 §3.10.7.4")
		if c.readClosed {
			c.idle.set(now + or(c.cfg.FinWait2, DefaultFinWait2))
		}
	case Closing:
		c.timeWait(now, "our FIN was acknowledged: both directions are closed", "RFC 9293 §3.10.7.4")
	case LastAck:
		c.end(now, nil, "our FIN was acknowledged: both directions are closed, and the peer waits in our stead", "RFC 9293 §3.10.7.4")
	}
}
