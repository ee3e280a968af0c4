package edge

import (
	"hash/maphash"
	"sync"
	"time"

	"waypost/http/cache"
)

// Limits of the marks.
const (
	// markFor is how long a resource whose responses could not be shared is
	// fetched without making anyone wait for the answer. It may become
	// sharable again; then one request finds out.
	markFor = 30 * time.Second
	// maxMarks bounds them: 32 bytes and the map's own for each.
	maxMarks = 1 << 14
)

// marks remember the keys whose latest response was not for sharing, or is
// to be confirmed for each client anew. Waiting for such a response brings
// nothing but the wait: without the marks, a popular resource that cannot be
// cached would be fetched twice as slowly as without a cache. A mark is a
// hint: two keys with one hash cost a fetch.
//
// There are two generations. When the young one has its half of the marks, the
// old one is dropped whole: nobody looks for marks that are over, with the
// lock held, and a flood of keys costs only the older hints.
type marks struct {
	mu         sync.Mutex
	seed       maphash.Seed
	young, old map[uint64]time.Time // until when
}

func (m *marks) has(key []byte, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young)+len(m.old) == 0 {
		return false
	}
	h := maphash.Bytes(m.seed, key)
	until, ok := m.young[h]
	if !ok {
		until, ok = m.old[h]
	}
	return ok && now.Before(until)
}

func (m *marks) set(key []byte, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil {
		m.young, m.seed = make(map[uint64]time.Time), maphash.MakeSeed()
	}
	h := maphash.Bytes(m.seed, key)
	if _, ok := m.young[h]; !ok && len(m.young) == maxMarks/2 {
		m.young, m.old = make(map[uint64]time.Time), m.young
	}
	m.young[h] = now.Add(markFor)
}

func (m *marks) clear(key []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young)+len(m.old) > 0 {
		h := maphash.Bytes(m.seed, key)
		delete(m.young, h)
		delete(m.old, h)
	}
}

// shares reports whether a response serves others without asking the origin.
func (s *site) shares(kept *cache.Response, now time.Time) bool {
	return cache.Use(now, s.rules, &cache.Request{Method: "GET"}, kept).Serves()
}
