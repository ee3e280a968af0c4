package store

import (
	"sync/atomic"
	"unsafe"

	"waypost/edge/store/disk"
	"waypost/http/cache"
	"waypost/http/field"
)

// Object is one stored response, or one on its way in. All is read-only.
type Object struct {
	cache.Response
	Key string

	hash uint64
	body *body
	uses atomic.Uint32 // up to maxFreq

	// Guarded by the queues' lock.
	place        place
	cost         int64
	older, newer *Object
}

// Touch counts o as used, as Select does. Two uses at the same moment may
// count as one; what is used often is soon no longer written to, so that it
// costs readers on other processors nothing.
func (o *Object) Touch() {
	if n := o.uses.Load(); n < maxFreq {
		o.uses.Store(n + 1)
	}
}

// Complete reports whether the whole body is there, and will stay.
func (o *Object) Complete() bool { return o.body.complete.Load() }

// Kept reports whether o is stored, or is to be when its body has come, as far
// as that is known now: one whose length is not known yet may turn out too
// long. What is let through without being kept is not.
func (o *Object) Kept() bool {
	o.body.mu.Lock()
	defer o.body.mu.Unlock()
	return o.body.kept
}

// Size is the length of the body: of a complete one, or the one announced
// to Start; -1 while it is unknown.
func (o *Object) Size() int64 {
	if o.body.complete.Load() {
		return o.body.size
	}
	return o.body.announced
}

// Came is how many bytes of the body are there.
func (o *Object) Came() int64 {
	o.body.mu.Lock()
	defer o.body.mu.Unlock()
	return o.body.size
}

// Chunks returns the body of a complete object in the slices in which it is
// held: one up to 64 KiB, none for an empty body. They must not be written
// to, nor handed to net.Buffers, which uses up what it is given. It is nil
// while the object is on its way in.
func (o *Object) Chunks() [][]byte {
	if !o.body.complete.Load() {
		return nil
	}
	return o.body.chunks
}

// Refresh replaces old, stored under key, by one with the same body and
// another head (RFC 9111 §4.3.4), and returns it. Where old is no longer
// stored, the new object is returned all the same, without being stored. Where
// there has been a soft purge since a fetch of the key began, the new one is as
// it is after that.
func (m *Memory) Refresh(key []byte, old *Object, head *cache.Response) *Object {
	o := &Object{Response: *head, Key: old.Key, hash: old.hash, body: old.body}
	headCost := o.headCost()
	if string(key) != old.Key || !m.reserve(headCost) {
		return o
	}
	s := m.shard(old.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.fetches[old.Key] {
		// What confirms it may have been sent before that soft purge.
		if at := f.expired; !at.IsZero() {
			o.Response = *o.Expired(at)
		}
	}
	was, ok := m.queues.succeed(old, o, headCost+old.body.cost())
	if !ok {
		m.release(headCost)
		return o
	}
	m.release(was - old.body.cost())
	n := m.table.find(old.hash, key)
	next, gone := n.entry.Load().with(o, old)
	m.drop(gone)
	m.count.Add(1)
	m.table.put(old.hash, old.Key, next)
	if o.Size() <= maxRewrite {
		m.shelf.add(o)
	}
	return o
}

// maxRewrite bounds the bodies that are written to the disk once more for a
// new head. A larger one keeps its old head there: after a restart it is
// stale sooner, and confirmed again.
const maxRewrite = 256 << 10

// drop uncounts objects that a new entry leaves out, and takes them out of
// the queues. The shard is locked.
func (m *Memory) drop(gone []*Object) {
	m.count.Add(-int64(len(gone)))
	for _, o := range gone {
		m.discharge(o, m.queues.leave(o))
	}
}

// What the structures of an object cost besides its body. allocSlack is what
// the allocator rounds up over an object's handful of small allocations.
const (
	bucketCost = int64(unsafe.Sizeof((*node)(nil)))
	ghostCost  = int64(unsafe.Sizeof(ghost{}))
	memoryCost = 8 << 10 // the shards with their empty maps
	allocSlack = 128
	kinCost    = 128 // a key's place in its family: two maps' share
	objectCost = int64(unsafe.Sizeof(Object{})+unsafe.Sizeof(body{})+unsafe.Sizeof(node{})+
		unsafe.Sizeof(Entry{})+2*unsafe.Sizeof((*Object)(nil))) + allocSlack
)

// headCost is what o costs without its body.
func (o *Object) headCost() int64 {
	n := int64(0)
	if _, ok := disk.FamilyOf(o.Key); ok {
		n = kinCost
	}
	return n + objectCost + int64(len(o.Key)) + fieldsCost(o.Fields) + fieldsCost(o.Selecting)
}

func fieldsCost(f field.Fields) int64 {
	return int64(len(f))*int64(unsafe.Sizeof(field.Line{})) + int64(f.Size())
}
