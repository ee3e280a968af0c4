package store

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"waypost/edge/store/disk"
)

// table is a hash table with chains whose readers take no lock. Its size is
// fixed: a store knows from its bound how many objects it may have to hold.
// Writers of a bucket hold its shard's lock.
type table struct {
	buckets []atomic.Pointer[node]
	mask    uint64
	seed    uint64

	// Its own lock: one family's keys are in the buckets of many shards.
	kin      sync.Mutex
	families disk.Families
}

// node is one key in a chain. A node taken out of its chain still leads on,
// so that a reader who stands on it finds its way.
type node struct {
	hash  uint64
	key   string
	entry atomic.Pointer[Entry]
	next  atomic.Pointer[node]
}

func (t *table) init(buckets int, seed uint64) {
	t.buckets = make([]atomic.Pointer[node], buckets)
	t.mask = uint64(buckets - 1)
	t.seed = seed
}

// bucket of a hash. The low bits choose the shard, so all keys of a bucket
// are in one shard: there are at least as many buckets as shards.
func (t *table) bucket(hash uint64) *atomic.Pointer[node] { return &t.buckets[hash&t.mask] }

// find returns the node of a key, or nil.
func (t *table) find(hash uint64, key []byte) *node {
	for n := t.bucket(hash).Load(); n != nil; n = n.next.Load() {
		if n.hash == hash && n.key == string(key) {
			return n
		}
	}
	return nil
}

// put stores e under a key: nil takes the key out. The shard is locked.
func (t *table) put(hash uint64, key string, e *Entry) {
	link := t.bucket(hash)
	for n := link.Load(); n != nil; n = link.Load() {
		if n.hash == hash && n.key == key {
			if e == nil {
				link.Store(n.next.Load())
				t.kindred(key, false)
			}
			n.entry.Store(e)
			return
		}
		link = &n.next
	}
	if e == nil {
		return
	}
	n := &node{hash: hash, key: key}
	n.entry.Store(e)
	first := t.bucket(hash)
	n.next.Store(first.Load())
	first.Store(n)
	t.kindred(key, true)
}

// kindred keeps the families up to date.
func (t *table) kindred(key string, there bool) {
	if _, ok := disk.FamilyOf(key); !ok {
		return
	}
	t.kin.Lock()
	defer t.kin.Unlock()
	if there {
		t.families.Add(key)
	} else {
		t.families.Remove(key)
	}
}

// family returns the keys of a family.
func (t *table) family(name string) []string {
	t.kin.Lock()
	defer t.kin.Unlock()
	return t.families.Of(name)
}

// hash is a keyed multiply-and-fold hash in the manner of wyhash: fast, and
// without the seed nobody can make keys collide.
func (t *table) hash(key []byte) uint64 {
	h := t.seed ^ uint64(len(key))
	for len(key) >= 16 {
		h = fold(binary.LittleEndian.Uint64(key)^mixA, binary.LittleEndian.Uint64(key[8:])^h)
		key = key[16:]
	}
	var tail [16]byte
	copy(tail[:], key)
	h = fold(binary.LittleEndian.Uint64(tail[:])^mixB, binary.LittleEndian.Uint64(tail[8:])^h)
	return fold(h^mixA, t.seed^mixB)
}

// Odd constants with about as many ones as zeros.
const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xd6e8feb86659fd93
)

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
