package tcp

// maxScores bounds the sender's scoreboard: a peer that acknowledges single
// bytes has the rest of them ignored, which is safe (RFC 2018 §8).
const maxScores = 512

// scoreboard is what the peer holds beyond SND.UNA (RFC 6675 §2).
type scoreboard struct {
	spans   spans
	bytes   uint32 // in spans
	highRxt uint32 // HighRxt: behind the last retransmission of this recovery
	rescued bool   // RescueRxt is set
}

// scores returns the scoreboard, made when it is needed first.
func (c *Conn) scores() *scoreboard {
	if c.board == nil {
		c.board = new(scoreboard)
	}
	return c.board
}

func (b *scoreboard) begin(una uint32) { b.highRxt, b.rescued = una, false }

func (b *scoreboard) clear() { b.spans, b.bytes = b.spans[:0], 0 }

// takeSACK is Update of RFC 6675 §4: it keeps what the segment's SACK blocks
// tell and returns how many bytes of it are new. Blocks outside of what is on
// its way, such as those of RFC 2883, tell nothing.
func (c *Conn) takeSACK(s *Segment) uint32 {
	if !c.sackOn || s.Options.SACKBlocks == 0 {
		return 0
	}
	var fresh uint32
	base := later(c.una, s.Ack)
	for _, k := range s.Options.SACK[:s.Options.SACKBlocks] {
		if !before(k.Left, k.Right) || !after(k.Right, base) || after(k.Right, c.nxt) || before(k.Left, base) {
			continue
		}
		n, _ := c.scores().spans.add(k.Left, k.Right, maxScores)
		fresh += n
	}
	if fresh > 0 {
		c.board.bytes += fresh
	}
	return fresh
}

// lost is IsLost of RFC 6675 §4: three ranges, or more than two segments'
// bytes, after seq have arrived.
func (b *scoreboard) lost(seq, mss uint32) bool {
	if b == nil {
		return false
	}
	i := b.spans.find(seq)
	return len(b.spans)-i >= dupThresh || b.spans.covered(seq, seq+1<<30) > (dupThresh-1)*mss
}

// hole returns the next range from seq on that the peer does not hold, before
// end.
func (b *scoreboard) hole(seq, end uint32) (left, right uint32) {
	i := b.spans.find(seq)
	if i < len(b.spans) && atMost(b.spans[i].left, seq) {
		seq = b.spans[i].right
		i++
	}
	if i < len(b.spans) {
		end = earlier(end, b.spans[i].left)
	}
	return seq, end
}

// pipe is an estimate of the bytes that are in the network now.
func (c *Conn) pipe() uint32 {
	b := c.board
	switch {
	case c.phase == recovery && c.sackOn && b != nil:
		return b.pipe(c.una, c.nxt, uint32(c.full()))
	case c.resending && b != nil:
		return c.again - c.una - b.spans.covered(c.una, c.again)
	case c.resending:
		return c.again - c.una
	case b != nil:
		return c.flight() - b.bytes
	}
	return c.flight()
}

// pipe is SetPipe of RFC 6675 §4: every byte that the peer does not hold
// counts once unless it is lost, and once if it was sent again.
func (b *scoreboard) pipe(una, nxt, mss uint32) uint32 {
	var pipe uint32
	bytes := b.bytes // held from here on
	left := una
	for i, s := range b.spans {
		pipe += b.inHole(left, s.left, len(b.spans)-i >= dupThresh || bytes > (dupThresh-1)*mss)
		bytes -= s.right - s.left
		left = s.right
	}
	return pipe + b.inHole(left, nxt, false)
}

// inHole is what the bytes from left on, before right, add to the pipe.
func (b *scoreboard) inHole(left, right uint32, lost bool) uint32 {
	var n uint32
	if !lost {
		n = right - left
	}
	if after(b.highRxt, left) {
		n += earlier(b.highRxt, right) - left
	}
	return n
}

// nextHole is NextSeg rule 1 of RFC 6675 §4: the first lost byte that was not
// sent again yet.
func (c *Conn) nextHole(now Time, s *Segment) bool {
	b := c.board
	left, right := b.hole(later(b.highRxt, c.una), c.nxt)
	if b.spans.find(left) == len(b.spans) || !b.lost(left, uint32(c.full())) {
		return false
	}
	return c.mend(now, s, left, right, causeHole)
}

// nextRescue is NextSeg rules 3 and 4: when neither a lost byte nor a new one
// may go, a missing one that is not lost yet, or once the very end.
func (c *Conn) nextRescue(now Time, s *Segment) bool {
	b := c.board
	left, right := b.hole(later(b.highRxt, c.una), c.nxt)
	if b.spans.find(left) < len(b.spans) {
		return c.mend(now, s, left, right, causeGap)
	}
	if b.rescued || !before(left, c.nxt) && len(b.spans) == 0 {
		return false
	}
	// The highest byte that is missing.
	end := c.nxt
	if n := len(b.spans); n > 0 && b.spans[n-1].right == end {
		return false
	}
	first := c.una
	if n := len(b.spans); n > 0 {
		first = b.spans[n-1].right
	}
	first = later(first, end-earlier(end-first, uint32(c.full())))
	if !c.cwndAllows(end-first) || atLeast(first, c.una+c.wnd) {
		return false
	}
	high := b.highRxt
	c.sendAgain(now, s, first, end, causeRescue)
	b.rescued, b.highRxt = true, high
	return true
}

// mend sends the hole from left on again when cwnd and the peer's window
// allow it.
func (c *Conn) mend(now Time, s *Segment, left, right uint32, why cause) bool {
	n := min(right-left, uint32(c.full()))
	if n == 0 || !c.cwndAllows(n) || atLeast(left, c.una+c.wnd) {
		return false
	}
	c.board.highRxt = c.sendAgain(now, s, left, right, why)
	return true
}
