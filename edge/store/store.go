// Package store keeps response bodies and their heads: in memory, within a
// bound of bytes, and on a disk behind it, where there is one.
//
// A reader finds what is stored by its key without a lock and without an
// allocation: the table's chains are followed through atomic pointers, and
// what they lead to is immutable. A response that is on its way in can be
// read by many while one writes it (collapsed forwarding): [Memory.Begin]
// makes the first to come the leader and the others joiners. What is no
// longer wanted leaves by S3-FIFO, which a scan does not flush: Yang et al.,
// "FIFO queues are all you need for cache eviction", SOSP 2023.
//
// Bodies are plain memory under the garbage collector. Whoever reads an
// object that is evicted, purged or replaced meanwhile reads on undisturbed;
// its bytes are no longer counted then.
//
// On the disk (shelf.go, package disk) is a copy of what was stored, written
// soon after. What is not found in memory is brought back from there by
// [Memory.Recall], and so is everything after a restart. A purge is written
// before it returns; what was replaced while the disk was behind or failed may
// be back after a restart, as old as it is. After a loss of power, so may what
// was purged in the half minute before.
package store

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

const (
	// shardCount is how many parts of the table can be written at once.
	shardCount = 64
	// perBucket is the memory that the table expects below each of its
	// buckets: about what a stored object of 2 KiB takes. Smaller ones make
	// longer chains, up to two or three.
	perBucket  = 4 << 10
	minBuckets = 64
	maxBuckets = 1 << 24 // 128 MiB of table, for a store of 64 GiB and more
	// objectShare is the part of a store that one object may take unless
	// MaxObject says otherwise: one quarter, so that a big file cannot push
	// out everything else.
	objectShare = 4
)

// Memory is a store. It is safe for concurrent use.
type Memory struct {
	// MaxObject is the most bytes that one object may take, with what is looked
	// into behind its end. What is longer is let through without being kept. It
	// is set before the first use. See LargestBody.
	MaxObject int64
	// DiskChanged is told when writes to the disk begin to fail or succeed
	// again, and when objects begin to come faster than it takes them or no
	// longer do. It is set before PutOn, and called by one goroutine, which
	// writes nothing meanwhile.
	DiskChanged func(DiskState)

	limit    int64         // maxBytes, as given
	capacity int64         // what objects may take: limit without the table
	used     atomic.Int64  // bytes that are charged to objects
	held     atomic.Int64  // bytes of bodies in the hands of readers
	count    atomic.Int64  // objects stored
	walks    atomic.Uint64 // purges by a walk over everything, begun so far
	walked   atomic.Uint64 // and ended
	table    table
	shards   [shardCount]shard
	queues   queues
	shelf    *shelf // the disk behind it; nil: none
}

// shard guards the writing of some of the table's buckets, and the fetches
// under way for their keys. Where both are wanted, a shard's lock is taken
// before that of the queues, never after.
type shard struct {
	mu      sync.Mutex
	fetches map[string][]*fetch
	fetched uint64 // number of fetches begun
	_       [32]byte
}

// NewMemory returns a store that takes at most maxBytes, everything counted:
// bodies, heads, keys and its own structures.
func NewMemory(maxBytes int64) *Memory { return NewMemorySeeded(maxBytes, rand.Uint64()) }

// NewMemorySeeded is NewMemory with a seed for the table's hash. What the
// store does depends on the seed only in rare collisions; the lab sets it so
// that the same run does the same. Elsewhere it must not be guessable, for
// clients choose the keys.
func NewMemorySeeded(maxBytes int64, seed uint64) *Memory {
	buckets, capacity := divide(maxBytes)
	m := &Memory{limit: maxBytes, capacity: capacity}
	m.table.init(int(buckets), seed)
	m.queues.init(int(buckets))
	m.queues.smallTarget = m.capacity / smallShare
	m.MaxObject = m.capacity / objectShare
	for i := range m.shards {
		m.shards[i].fetches = make(map[string][]*fetch)
	}
	return m
}

// divide says how many buckets a store of maxBytes has, and what objects may
// take beside them.
func divide(maxBytes int64) (buckets, capacity int64) {
	buckets = minBuckets
	for buckets < maxBytes/perBucket && buckets < maxBuckets {
		buckets *= 2
	}
	return buckets, max(0, maxBytes-buckets*(bucketCost+ghostCost)-memoryCost)
}

// LargestBody is the length of the longest body that a store of maxBytes
// keeps: about a quarter of it.
func LargestBody(maxBytes int64) int64 {
	_, capacity := divide(maxBytes)
	return max(0, capacity/objectShare-pastEnd)
}

// tooLarge reports whether a body of that length is more than one object may
// take; -1 is not known yet.
func (m *Memory) tooLarge(length int64) bool { return length > m.MaxObject-pastEnd }

func (m *Memory) shard(hash uint64) *shard { return &m.shards[hash%shardCount] }

// Get returns what is stored under key, or nil. It takes no lock and does
// not allocate. It does not count as use: see [Entry.Select].
func (m *Memory) Get(key []byte) *Entry {
	n := m.table.find(m.table.hash(key), key)
	if n == nil {
		return nil
	}
	return n.entry.Load()
}

// Len is the number of objects stored.
func (m *Memory) Len() int { return int(m.count.Load()) }

// Bytes is the memory in use beyond the empty table: that of the objects
// stored and of those on their way in, from the disk too. It never exceeds
// [Memory.Limit]. Not in it is what an object that is let through without
// being kept has in transit: a buffer as in any proxy, of transitWindow and
// one chunk at most; nor what waits to be written to the disk and is no longer
// stored (maxQueued, queueShare).
func (m *Memory) Bytes() int64 { return m.used.Load() }

// Limit is the maxBytes of NewMemory.
func (m *Memory) Limit() int64 { return m.limit }

// reserve charges n bytes, evicting where need be. It reports false when
// they cannot be had: the rest is on its way in.
func (m *Memory) reserve(n int64) bool {
	for {
		used := m.used.Load()
		if used+n <= m.capacity {
			if m.used.CompareAndSwap(used, used+n) {
				return true
			}
			continue
		}
		if n > m.capacity || !m.evict() {
			return false
		}
	}
}

// release takes back n bytes that were charged.
func (m *Memory) release(n int64) { m.used.Add(-n) }
