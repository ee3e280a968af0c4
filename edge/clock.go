package edge

import "sync/atomic"

// clock is a table of at most so many hashes that gives up what has not been
// asked for lately: when it is full the hand goes round, passes what was used
// since it came by the last time, and takes the first place that was not (the
// clock algorithm, F. J. Corbató, "A paging experiment with the Multics
// system", 1968). Who floods it with what is asked for once takes the places
// of his own flood.
//
// It is not safe for concurrent use, but for get beside get. The zero value is
// empty; it takes its memory with the first put.
type clock[V any] struct {
	slots []slot[V] // a fixed number once there are any
	at    map[uint64]int
	hand  int
}

type slot[V any] struct {
	hash  uint64
	value V
	taken bool
	used  atomic.Bool
}

// get returns what is under a hash, and counts it as used.
func (c *clock[V]) get(hash uint64) (value V, ok bool) {
	i, ok := c.at[hash]
	if !ok {
		return value, false
	}
	s := &c.slots[i]
	if !s.used.Load() {
		s.used.Store(true)
	}
	return s.value, true
}

// put puts a value under a hash. limit is the same in every call.
func (c *clock[V]) put(hash uint64, value V, limit int) {
	if i, ok := c.at[hash]; ok {
		c.slots[i].value = value
		return
	}
	if c.slots == nil {
		c.slots, c.at = make([]slot[V], limit), make(map[uint64]int)
	}
	s := &c.slots[c.hand]
	for s.taken && s.used.Load() { // once round at most, then all are unused
		s.used.Store(false)
		c.hand = (c.hand + 1) % limit
		s = &c.slots[c.hand]
	}
	if s.taken {
		delete(c.at, s.hash)
	}
	s.hash, s.value, s.taken = hash, value, true
	s.used.Store(false)
	c.at[hash] = c.hand
	c.hand = (c.hand + 1) % limit
}

// remove takes a hash out.
func (c *clock[V]) remove(hash uint64) {
	if i, ok := c.at[hash]; ok {
		s := &c.slots[i]
		var none V
		s.value, s.taken = none, false
		s.used.Store(false)
		delete(c.at, hash)
	}
}
