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
	// maxMarks bounds them: 16 bytes and the map's own for each.
	maxMarks = 1 << 14
)

// marks remember the keys whose latest response was not for sharing, or is
// to be confirmed for each client anew. Waiting for such a response brings
// nothing but the wait: without the marks, a popular resource that cannot be
// cached would be fetched twice as slowly as without a cache. A mark is a
// hint: two keys with one hash cost a fetch.
type marks struct {
	mu    sync.Mutex
	seed  maphash.Seed
	until map[uint64]time.Time
}

func (m *marks) has(key []byte, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.until) == 0 {
		return false
	}
	until, ok := m.until[maphash.Bytes(m.seed, key)]
	return ok && now.Before(until)
}

func (m *marks) set(key []byte, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until == nil {
		m.until, m.seed = make(map[uint64]time.Time), maphash.MakeSeed()
	}
	if len(m.until) == maxMarks {
		for k, until := range m.until {
			if now.After(until) {
				delete(m.until, k)
			}
		}
		if len(m.until) == maxMarks {
			clear(m.until) // all of them fresh: a flood of keys; hints may be lost
		}
	}
	m.until[maphash.Bytes(m.seed, key)] = now.Add(markFor)
}

func (m *marks) clear(key []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.until) > 0 {
		delete(m.until, maphash.Bytes(m.seed, key))
	}
}

// shares reports whether a response serves others without asking the origin.
func (s *site) shares(kept *cache.Response, now time.Time) bool {
	return cache.Use(now, s.rules, &cache.Request{Method: "GET"}, kept).Serves()
}
