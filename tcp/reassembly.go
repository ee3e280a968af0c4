package tcp

import "waypost/packet"

// maxLate bounds the ranges of data out of order: every second segment of a
// window of one MiB lost makes 360 of them. A peer that makes more has its
// segments dropped until the holes are filled.
const maxLate = 512

// reassembly is what came out of order. The bytes lie in the receive buffer
// where they belong; here is only which.
type reassembly struct {
	spans spans
	// recent names a byte of each of the ranges that changed last, newest
	// first: RFC 2018 §4 has them told in this order.
	recent  [packet.MaxSACKBlocks]uint32
	recents int
	// twice is what came a second time, to be told once (RFC 2883 §4).
	twice span
}

// lateBeyond reports whether bytes at or after seq have come out of order: no
// FIN can stand there.
func (c *Conn) lateBeyond(seq uint32) bool {
	if c.late == nil || len(c.late.spans) == 0 {
		return false
	}
	return after(c.late.spans[len(c.late.spans)-1].right, seq)
}

// keepLate takes a payload that begins behind RCV.NXT.
func (c *Conn) keepLate(now Time, s *Segment, seq uint32, p []byte) {
	// RFC 5681 §3.2: a segment out of order is acknowledged at once, by an
	// ACK that the sender can count as a duplicate.
	c.ackNow, c.ackAlone = true, true
	if c.late == nil {
		c.late = new(reassembly)
	}
	end := seq + uint32(len(p))
	twice := c.late.spans.first(seq, end)
	fresh, ok := c.late.spans.add(seq, end, maxLate)
	if !ok {
		c.drop(now, s, "too-many-holes", "it would begin one more range out of order than are kept", "RFC 9293 §3.10.7.4")
		return
	}
	if fresh < uint32(len(p)) {
		c.duplicateData(twice.left, twice.right)
	}
	if fresh > 0 {
		c.in.put(c.unread+int(seq-c.rcvNxt), p)
	}
	c.late.touch(seq)
}

// joinLate moves RCV.NXT over what came early and is now in order.
func (c *Conn) joinLate() {
	l := &c.late.spans
	if len(*l) == 0 {
		return
	}
	l.forget(c.rcvNxt)
	if len(*l) > 0 && (*l)[0].left == c.rcvNxt {
		c.took((*l)[0].right - c.rcvNxt)
		l.forget(c.rcvNxt)
	}
	// RFC 5681 §4.2: what fills all or part of a gap is acknowledged at once.
	c.ackNow = true
}

// duplicateData notes that bytes came a second time. Of several ranges in one
// segment the first is told (RFC 2883 §4).
func (c *Conn) duplicateData(left, right uint32) {
	if !c.sackOn || left == right {
		return
	}
	if c.late == nil {
		c.late = new(reassembly)
	}
	c.late.twice = span{left, right}
}

// touch makes the range that holds seq the one that changed last.
func (r *reassembly) touch(seq uint32) {
	i := r.spans.find(seq)
	s := r.spans[i]
	kept := 0
	for _, at := range r.recent[:r.recents] {
		if (before(at, s.left) || atLeast(at, s.right)) && kept < len(r.recent)-1 {
			r.recent[kept] = at
			kept++
		}
	}
	copy(r.recent[1:kept+1], r.recent[:kept])
	r.recent[0] = seq
	r.recents = kept + 1
}

// count returns how many SACK blocks the next ACK has at most.
func (r *reassembly) count(stamps bool) int {
	n := min(r.recents, len(r.spans))
	if r.twice.left != r.twice.right {
		n++
	}
	if stamps {
		return min(n, packet.MaxSACKBlocks-1)
	}
	return min(n, packet.MaxSACKBlocks)
}

// blocks fills in the SACK blocks of an ACK and returns how many there are:
// first what came twice, then the ranges that changed last.
func (r *reassembly) blocks(to []packet.SACKBlock, next uint32) int {
	n := 0
	if r.twice.left != r.twice.right {
		to[0] = packet.SACKBlock{Left: r.twice.left, Right: r.twice.right}
		r.twice = span{}
		n++
	}
	if len(r.spans) == 0 {
		r.recents = 0
		return n
	}
	kept := 0
	for _, at := range r.recent[:r.recents] {
		i := r.spans.find(at)
		if atMost(at, next) || i == len(r.spans) || after(r.spans[i].left, at) {
			continue // it is in order by now
		}
		r.recent[kept] = at
		kept++
		if n < len(to) {
			to[n] = packet.SACKBlock{Left: r.spans[i].left, Right: r.spans[i].right}
			n++
		}
	}
	r.recents = kept
	return n
}
