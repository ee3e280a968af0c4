package tcp

// Write copies what fits of p to the send buffer and returns how many bytes
// that are: 0, nil when it is full. In SYN-SENT and SYN-RECEIVED the data wait
// for the handshake. After CloseWrite, Close or Abort the error is ErrClosed;
// after any other end it is what ended the connection.
func (c *Conn) Write(now Time, p []byte) (int, error) {
	if c.state == Closed {
		return 0, c.or(ErrClosed)
	}
	if c.finQueued {
		return 0, ErrClosed
	}
	n := min(len(p), c.cfg.sendBuffer()-c.outLen)
	if n <= 0 {
		return 0, nil
	}
	c.out.put(c.outLen, p[:n])
	c.outLen += n
	return n, nil
}

// release forgets the first n bytes of the send buffer: they were
// acknowledged.
func (c *Conn) release(n int) {
	c.outSeq += uint32(n)
	c.outLen -= n
	c.bytesAcked += int64(n)
	if c.outLen == 0 {
		c.out.reset()
	} else {
		c.out.drop(n)
	}
}

// SetNoDelay turns Nagle's algorithm off (true) or on (false).
func (c *Conn) SetNoDelay(now Time, off bool) { c.noDelay = off }

// SetUserTimeout bounds how long data may stay unacknowledged before the
// connection ends (RFC 9293 §3.9.1.1; RFC 5482 without its option); 0 leaves
// it to Config.Retries. It counts from the next time the retransmission timer
// is set.
func (c *Conn) SetUserTimeout(now Time, d Time) { c.userTimeout = d }
