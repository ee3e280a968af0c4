package resolver

import (
	"sync"
	"sync/atomic"
	"time"

	"waypost/dns"
)

// question is what a cache is asked: a name and a record type. Type 0 stands
// for the name as a whole, which is how NXDOMAIN is kept.
type question struct {
	name  dns.Name
	qtype uint16
}

// sieve is a map with a bound on its bytes, which evicts by SIEVE (Zhang and
// others, NSDI 2024): entries stand in the order in which they came, a hand
// walks from the oldest to the newest, spares those that were used since it
// last passed and evicts the first that was not. A hit only sets a flag, so
// that hits share the lock; a scan of names asked once goes straight through.
//
// Values must not change once put. A sieve is safe for concurrent use.
type sieve[V any] struct {
	shards [sieveShards]shard[V]
}

// sieveShards splits the lock. Each shard has its share of the bound.
const sieveShards = 16

// nodeCost is what an entry takes besides its value and name: the node, the
// map's share and the key.
const nodeCost = 192

type shard[V any] struct {
	mu    sync.RWMutex
	m     map[question]*node[V]
	newer *node[V] // the newest entry
	older *node[V] // the oldest entry
	hand  *node[V] // where the hand stopped; nil is at the oldest
	bytes int
	most  int
}

type node[V any] struct {
	key     question
	value   V
	size    int
	expires time.Time
	used    atomic.Bool
	newer   *node[V]
	older   *node[V]
}

func newSieve[V any](bytes int) *sieve[V] {
	c := new(sieve[V])
	for i := range c.shards {
		c.shards[i].m = make(map[question]*node[V])
		c.shards[i].most = max(bytes/sieveShards, 1)
	}
	return c
}

// shardOf hashes with FNV-1a. Whoever aims names at one shard wins a 16th of
// the cache; the maps themselves are seeded by the runtime.
func shardOf[N dns.Name | []byte](name N, qtype uint16) int {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	h = (h ^ uint32(qtype)) * 16777619
	return int(h>>16^h) % sieveShards
}

// get returns what is kept under q and not expired at now.
func (c *sieve[V]) get(q question, now time.Time) (v V, ok bool) {
	s := &c.shards[shardOf(q.name, q.qtype)]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[q].read(now)
}

// getWire is get for a lower-case name in a packet; it does not allocate.
func (c *sieve[V]) getWire(name []byte, qtype uint16, now time.Time) (v V, ok bool) {
	s := &c.shards[shardOf(name, qtype)]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[question{dns.Name(name), qtype}].read(now)
}

func (n *node[V]) read(now time.Time) (v V, ok bool) {
	if n == nil || !now.Before(n.expires) {
		return v, false
	}
	if !n.used.Load() { // a shared flag is written only when it changes
		n.used.Store(true)
	}
	return n.value, true
}

// update replaces what is kept under q. The function gets the value that
// stands, if it has not expired, and returns the new one with its size in
// bytes and its end; keep false leaves everything as it is.
func (c *sieve[V]) update(q question, now time.Time, f func(old V, ok bool) (v V, size int, expires time.Time, keep bool)) {
	s := &c.shards[shardOf(q.name, q.qtype)]
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.m[q]
	var before V
	ok := old != nil && now.Before(old.expires)
	if ok {
		before = old.value
	}
	v, size, expires, keep := f(before, ok)
	if !keep {
		return
	}
	if old != nil {
		s.remove(old)
	}
	size += nodeCost + len(q.name)
	if size > s.most {
		return
	}
	for s.bytes+size > s.most {
		s.evict(now)
	}
	n := &node[V]{key: q, value: v, size: size, expires: expires, older: s.newer}
	if s.newer != nil {
		s.newer.newer = n
	} else {
		s.older = n
	}
	s.newer = n
	s.m[q] = n
	s.bytes += size
}

// put keeps v under q until expires.
func (c *sieve[V]) put(q question, v V, size int, now, expires time.Time) {
	c.update(q, now, func(V, bool) (V, int, time.Time, bool) { return v, size, expires, true })
}

// drop forgets what is kept under q.
func (c *sieve[V]) drop(q question) {
	s := &c.shards[shardOf(q.name, q.qtype)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.m[q]; n != nil {
		s.remove(n)
	}
}

// evict removes one entry: the first from the hand on that has expired or was
// not used. It ends, because every entry that it passes loses its flag.
func (s *shard[V]) evict(now time.Time) {
	n := s.hand
	for {
		if n == nil {
			n = s.older
		}
		if !n.used.Swap(false) || !now.Before(n.expires) {
			break
		}
		n = n.newer
	}
	s.hand = n.newer
	s.remove(n)
}

func (s *shard[V]) remove(n *node[V]) {
	if s.hand == n {
		s.hand = n.newer
	}
	if n.newer != nil {
		n.newer.older = n.older
	} else {
		s.newer = n.older
	}
	if n.older != nil {
		n.older.newer = n.newer
	} else {
		s.older = n.newer
	}
	delete(s.m, n.key)
	s.bytes -= n.size
}

// size returns how many entries there are and what they take.
func (c *sieve[V]) size() (entries, bytes int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		entries += len(s.m)
		bytes += s.bytes
		s.mu.RUnlock()
	}
	return entries, bytes
}
