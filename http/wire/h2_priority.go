package wire

import (
	"slices"

	"golang.org/x/net/http2"

	"waypost/http/field"
)

// This file decides whose DATA goes first where not all can (RFC 9218 §10):
// when more waits to be written than one write carries, or when the
// connection's window is smaller than what the streams would send.
//
// A stream that has to wait presses. It may send only when no stream that
// presses, and could send, comes before it. Whoever stops pressing, or finds
// that it cannot go on, hands the turn to the first of those that wait for
// theirs; so does the writer when it has taken what waited. All of it happens
// under the connection's mutex.

// h2Rank is a stream's place among those that press. The zero value is the
// most urgent.
type h2Rank struct {
	urgency     int8 // 0 to 7, 0 first
	incremental bool // its parts are of use: it shares with its like
	turn        uint64
	yields      bool // it waits for its turn
	presses     bool
}

// fairly is the rank of a stream about which nothing was said: clients that do
// not know of priorities expect that streams share.
var fairly = h2Rank{urgency: defaultUrgency, incremental: true}

// rankOf reads the Priority field of a request (RFC 9218 §5).
func rankOf(f field.Fields) h2Rank {
	value, ok := f.Lookup("priority")
	if !ok {
		return fairly
	}
	urgency, incremental := parsePriority(value)
	return h2Rank{urgency: urgency, incremental: incremental}
}

// before orders streams, each pair of them: by urgency; those whose parts are
// of no use first and in the order of their opening; those that share by who
// has waited longest.
func (s *h2Stream) before(o *h2Stream) bool {
	a, b := &s.rank, &o.rank
	switch {
	case a.urgency != b.urgency:
		return a.urgency < b.urgency
	case a.incremental != b.incremental:
		return b.incremental
	case a.incremental && a.turn != b.turn:
		return a.turn < b.turn
	}
	return s.id < o.id
}

// outranked reports whether a stream that could send comes before s.
func (c *h2Conn) outranked(s *h2Stream) bool {
	for _, o := range c.pressing {
		if o != s && o.sendWindow > 0 && o.before(s) {
			return true
		}
	}
	return false
}

// press makes s one of those that wait. What has sent since it last did goes
// behind those with whom it shares.
func (s *h2Stream) press() {
	if s.sent {
		s.sent = false
		s.c.turns++
		s.rank.turn = s.c.turns
	}
	if !s.rank.presses {
		s.rank.presses = true
		s.c.pressing = append(s.c.pressing, s)
	}
}

// unpress is the end of press; the next may go on.
func (s *h2Stream) unpress() {
	if !s.rank.presses {
		return
	}
	c := s.c
	s.rank.presses = false
	i := slices.Index(c.pressing, s)
	last := len(c.pressing) - 1
	c.pressing[i], c.pressing[last] = c.pressing[last], nil
	c.pressing = c.pressing[:last]
	c.nextTurn()
}

// waitForTurn waits until s may be the next to append to out. One goroutine at
// a time waits so for a stream.
func (s *h2Stream) waitForTurn() {
	s.c.kick()
	s.press()
	s.rank.yields = true
	s.pause()
	s.rank.yields = false
}

// nextTurn wakes the first of the streams that wait for their turn. When out is
// full the writer will, once it has taken it.
func (c *h2Conn) nextTurn() {
	if len(c.pressing) == 0 {
		return
	}
	if c.full() {
		c.kick()
		return
	}
	var first *h2Stream
	for _, s := range c.pressing {
		if s.rank.yields && (first == nil || s.before(first)) {
			first = s
		}
	}
	if first != nil {
		first.cond.Broadcast()
	}
}

// priorityUpdate changes the rank of a stream that is open (RFC 9218 §7.1).
// What it says of one that is not open yet is passed over: clients send it with
// the request too.
func (c *h2Conn) priorityUpdate(f *http2.PriorityUpdateFrame) error {
	if c.nextOurs != 0 {
		return broken(http2.ErrCodeProtocol, "PRIORITY_UPDATE from a server")
	}
	c.mu.Lock()
	if s := c.streams[f.PrioritizedStreamID]; s != nil {
		s.rank.urgency, s.rank.incremental = parsePriority(f.Priority)
		c.nextTurn()
	}
	c.mu.Unlock()
	return c.floods.control()
}
