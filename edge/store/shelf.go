package store

import (
	"errors"
	"slices"
	"sync"

	"waypost/edge/store/disk"
)

const (
	// maxQueued is the most bytes of objects that wait to be written to the
	// disk, or else one object: about a second of an ordinary one. What comes
	// faster than that is not written: an edge does not become as slow as its
	// disk.
	maxQueued = 64 << 20
	// queueShare bounds the queue of a small store: to a quarter of it, as much
	// as one object may take. What waits is in memory beside what is stored,
	// where it has been replaced or evicted since.
	queueShare = objectShare
)

// shelf is the disk behind a store. Everything that is stored in memory is
// written there soon after; what is not found in memory is looked for there
// and brought back (recall.go).
type shelf struct {
	memory *Memory
	log    *disk.Log
	most   int64         // bytes in the queue
	places chan struct{} // of recalls that read

	// writing is held while an object goes from the queue to the log, so
	// that a purge finds it in one of them. It is taken before mu.
	writing sync.Mutex

	mu        sync.Mutex
	queue     []shelved
	queued    int64          // bytes of what is in the queue
	waiting   map[string]int // what is in the queue, with forms, of each object's key
	now       shelved        // what is being written
	replaced  bool           // by one that the disk does not get
	state     DiskState      // without what the log knows
	told      DiskState      // what DiskChanged knows
	changed   *sync.Cond
	stopping  bool
	stopped   chan struct{}
	recalling map[string]chan struct{} // closed when the recall of the key has ended
	hidden    map[string]int           // purges of keys, families and everything that are not through with the disk
}

// shelved is what waits to be written: an object, or a form of its body.
type shelved struct {
	object *Object
	form   string // its key; "" for the object itself
	bytes  []byte // of the form
}

// cost is what w counts for in the queue.
func (w *shelved) cost() int64 {
	if w.form != "" {
		return formCost + int64(len(w.form)+len(w.bytes))
	}
	return w.object.Size() + w.object.headCost()
}

// is reports whether w is an object with that key and variant.
func (w *shelved) is(key string, variant uint64) bool {
	return w.object != nil && w.form == "" && w.object.Key == key && variantOf(&w.object.Response) == variant
}

// PutOn puts a log under the store, which owns it from then on. It is called
// before the first use.
func (m *Memory) PutOn(l *disk.Log) {
	s := &shelf{
		memory: m, log: l, most: min(maxQueued, m.capacity/queueShare),
		places: make(chan struct{}, maxRecalls), stopped: make(chan struct{}),
		recalling: map[string]chan struct{}{}, hidden: map[string]int{}, waiting: map[string]int{},
	}
	s.changed = sync.NewCond(&s.mu)
	m.shelf = s
	go s.write()
}

// Close writes what waits to be written and closes the log. A store without
// one needs no Close.
func (m *Memory) Close() error {
	s := m.shelf
	if s == nil {
		return nil
	}
	s.mu.Lock()
	s.stopping = true
	s.changed.Broadcast()
	s.mu.Unlock()
	<-s.stopped
	return s.log.Close()
}

// DiskState is how the disk behind a store does.
type DiskState struct {
	Objects  int   // on disk
	Bytes    int64 // of files
	Skipped  int64 // objects that came faster than the disk takes
	TooLarge int64 // objects that are longer than it takes
	Behind   bool  // objects have been skipped, and others still wait
	Failure  error // of the latest write
}

// Disk tells how the disk does; false where there is none.
func (m *Memory) Disk() (DiskState, bool) {
	s := m.shelf
	if s == nil {
		return DiskState{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known(), true
}

// known is the state with what the log knows. s is locked.
func (s *shelf) known() DiskState {
	d := s.state
	d.Objects, d.Bytes = s.log.Len(), s.log.Bytes()
	return d
}

// add queues an object that has just been stored. The shelf may be nil.
func (s *shelf) add(o *Object) {
	if s != nil {
		s.enqueue(shelved{object: o})
	}
}

func (s *shelf) enqueue(w shelved) {
	cost := w.cost()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
	case len(s.queue) > 0 && s.queued+cost > s.most:
		s.state.Skipped++
		s.state.Behind = true
		s.forget(&w)
	default:
		s.queue = append(s.queue, w)
		s.queued += cost
		s.waiting[w.object.Key]++
		s.changed.Broadcast()
	}
}

// forget sees to it that no older object comes back from the disk in place of
// one that is not written. s is locked.
func (s *shelf) forget(w *shelved) {
	if w.form != "" {
		return // it is the same as ever
	}
	key, variant := w.object.Key, variantOf(&w.object.Response)
	if s.waiting[key] > 0 { // the queue is long: it is not gone through for nothing
		s.removeQueued(func(q *shelved) bool { return q.is(key, variant) })
	}
	s.replaced = s.replaced || s.now.is(key, variant)
	s.log.Drop(key, variant)
}

// write takes objects from the queue to the log until the store closes.
func (s *shelf) write() {
	defer close(s.stopped)
	for s.await() {
		s.writeNext()
		s.tell()
	}
}

// await waits until something is queued, or there is something to tell; false
// when the store closes and nothing is queued.
func (s *shelf) await() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.stopping {
		s.state.Behind = s.state.Behind && !s.told.Behind // it has caught up; that it had not is told first
		if !s.state.like(s.told) {
			return true
		}
		s.changed.Wait()
	}
	return len(s.queue) > 0 || !s.stopping
}

// like reports whether two states are alike for DiskChanged.
func (d DiskState) like(other DiskState) bool {
	return d.Behind == other.Behind && (d.Failure == nil) == (other.Failure == nil)
}

// tell lets DiskChanged know.
func (s *shelf) tell() {
	s.mu.Lock()
	same, now := s.state.like(s.told), s.known()
	s.told = s.state
	s.mu.Unlock()
	if !same && s.memory.DiskChanged != nil {
		s.memory.DiskChanged(now)
	}
}

func (s *shelf) writeNext() {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if len(s.queue) == 0 { // purged since
		s.mu.Unlock()
		return
	}
	w := s.queue[0]
	s.queue[0] = shelved{}
	s.queue = s.queue[1:]
	s.left(&w)
	s.now = w
	s.mu.Unlock()
	err := s.put(&w)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, disk.ErrTooLarge) {
		s.state.TooLarge++
	} else {
		s.state.Failure = err
	}
	if w.form == "" && (err != nil || s.replaced) {
		s.log.Drop(w.object.Key, variantOf(&w.object.Response)) // what is there is older
	}
	s.now, s.replaced = shelved{}, false
	s.changed.Broadcast()
}

// put writes to the log.
func (s *shelf) put(w *shelved) error {
	if w.form == "" {
		o := w.object
		return s.log.Put(o.Key, variantOf(&o.Response), appendHead(nil, &o.Response), o.Chunks(), s.inUse)
	}
	if s.log.Has([]byte(w.form)) {
		return nil
	}
	return s.log.Put(w.form, 0, nil, [][]byte{w.bytes}, s.inUse)
}

// inUse reports whether a record that is about to be forgotten is one that
// memory serves again and again; its use would not show on disk.
func (s *shelf) inUse(key string, variant uint64) bool {
	e := s.memory.Get([]byte(key))
	if e == nil {
		return false
	}
	return slices.ContainsFunc(e.Variants, func(o *Object) bool {
		return o.uses.Load() > 0 && variantOf(&o.Response) == variant
	})
}

// purge deletes, from the queue and from the log, the objects of a key. It
// returns the number of those that memory has not. The shelf may be nil.
func (s *shelf) purge(key string) (int, error) {
	if s == nil {
		return 0, nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.delete([]string{key}, s.unqueue(func(o *Object) bool { return o.Key == key }))
}

// purgeFamily is purge for all keys of a family. The shelf may be nil.
func (s *shelf) purgeFamily(name string) (int, error) {
	if s == nil {
		return 0, nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	queued := s.unqueue(func(o *Object) bool {
		of, ok := disk.FamilyOf(o.Key)
		return ok && of == name
	})
	return s.delete(s.log.Family(name), queued)
}

// purgeMatching is purge for every object that match approves of. Where one
// variant matches, the others go with it. The shelf may be nil.
func (s *shelf) purgeMatching(match func(*Object) bool) (int, error) {
	if s == nil {
		return 0, nil
	}
	keys, queued := s.candidates(match)
	keys = slices.DeleteFunc(keys, func(key string) bool {
		heads := s.log.Heads(key)
		return len(heads) > 0 && !slices.ContainsFunc(heads, func(head []byte) bool {
			r, err := parseHead(head)
			return err != nil || match(&Object{Key: key, Response: *r})
		})
	})
	return s.delete(keys, queued)
}

// candidates takes the objects that match out of the queue, and finds the keys
// in the log that may have others: what there was is in one of them. Nothing
// is written meanwhile, but afterwards, for the heads of all these keys take
// long to read, and other purges and writes are not to wait for it. What is
// then written under one of the keys may go from the disk with the older; it
// stays in memory.
func (s *shelf) candidates(match func(*Object) bool) (keys []string, queued map[string][]uint64) {
	s.writing.Lock()
	defer s.writing.Unlock()
	queued = s.unqueue(match)
	s.log.Keys(func(key string) bool {
		if !isForm(key) && match(&Object{Key: key}) { // a tag cannot be excluded yet
			keys = append(keys, key)
		}
		return true
	})
	return keys, queued
}

// unqueue takes the objects that match out of the queue, with their forms. It
// returns the variants of each key.
func (s *shelf) unqueue(match func(*Object) bool) (gone map[string][]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeQueued(func(w *shelved) bool {
		if !match(w.object) {
			return false
		}
		if w.form == "" {
			if gone == nil {
				gone = map[string][]uint64{}
			}
			gone[w.object.Key] = append(gone[w.object.Key], variantOf(&w.object.Response))
		}
		return true
	})
	return gone
}

// removeQueued takes what matches out of the queue. s is locked.
func (s *shelf) removeQueued(match func(*shelved) bool) {
	s.queue = slices.DeleteFunc(s.queue, func(w shelved) bool {
		if !match(&w) {
			return false
		}
		s.left(&w)
		return true
	})
	s.changed.Broadcast()
}

// left counts what has left the queue. s is locked.
func (s *shelf) left(w *shelved) {
	s.queued -= w.cost()
	key := w.object.Key
	if s.waiting[key]--; s.waiting[key] == 0 {
		delete(s.waiting, key)
	}
}

// delete deletes keys from the log. It returns how many objects are gone that
// memory has not, those with them that were unqueued. The error is the first.
func (s *shelf) delete(keys []string, unqueued map[string][]uint64) (alone int, first error) {
	for _, key := range keys {
		variants, err := s.log.Delete(key)
		if err != nil {
			if first == nil {
				first = err
			}
		}
		alone += s.alone(key, append(variants, unqueued[key]...))
		delete(unqueued, key)
	}
	for key, variants := range unqueued {
		alone += s.alone(key, variants)
	}
	if first != nil {
		s.mu.Lock()
		s.state.Failure = first
		s.changed.Broadcast()
		s.mu.Unlock()
	}
	return alone, first
}

// alone counts the variants of key that are not in memory.
func (s *shelf) alone(key string, variants []uint64) int {
	if e := s.memory.Get([]byte(key)); e != nil {
		for _, o := range e.Variants {
			here := variantOf(&o.Response)
			variants = slices.DeleteFunc(variants, func(v uint64) bool { return v == here })
		}
	}
	slices.Sort(variants)
	return len(slices.Compact(variants))
}
