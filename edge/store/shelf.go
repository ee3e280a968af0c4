package store

import (
	"slices"
	"sync"

	"waypost/edge/store/disk"
	"waypost/http/cache"
)

// maxQueued is the most bytes of bodies that wait to be written to the disk:
// about a second of an ordinary one. What comes faster than that is not
// written: an edge does not become as slow as its disk.
const maxQueued = 64 << 20

// shelf is the disk behind a store. Everything that is stored in memory is
// written there soon after; what is not found in memory is looked for there
// and brought back (Recall).
type shelf struct {
	memory *Memory
	log    *disk.Log

	// writing is held while an object goes from the queue to the log, so
	// that a purge finds it in one of them. It is taken before mu.
	writing sync.Mutex

	mu        sync.Mutex
	queue     []shelved
	queued    int64 // bytes of bodies in the queue
	skipped   int64 // objects that the queue had no room for
	failure   error // of the latest write; nil once one succeeds
	some      *sync.Cond
	stopping  bool
	stopped   chan struct{}
	recalling map[string]chan struct{} // closed when the recall of the key has ended
}

// shelved is what waits to be written: an object, or a form of its body.
type shelved struct {
	object *Object
	form   string // its key; "" for the object itself
	bytes  []byte // of the form
}

// size is the bytes of body to be written.
func (w *shelved) size() int64 {
	if w.form != "" {
		return int64(len(w.bytes))
	}
	return w.object.Size()
}

// PutOn puts a log under the store, which owns it from then on. It is called
// before the first use.
func (m *Memory) PutOn(l *disk.Log) {
	s := &shelf{memory: m, log: l, stopped: make(chan struct{}), recalling: map[string]chan struct{}{}}
	s.some = sync.NewCond(&s.mu)
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
	s.some.Signal()
	s.mu.Unlock()
	<-s.stopped
	return s.log.Close()
}

// DiskState is how the disk behind a store does.
type DiskState struct {
	Objects int   // on disk
	Bytes   int64 // of files
	Skipped int64 // objects that came faster than the disk takes
	Failure error // of the latest write
}

// Disk tells how the disk does; false where there is none.
func (m *Memory) Disk() (DiskState, bool) {
	s := m.shelf
	if s == nil {
		return DiskState{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return DiskState{Objects: s.log.Len(), Bytes: s.log.Bytes(), Skipped: s.skipped, Failure: s.failure}, true
}

// add queues an object that has just been stored. The shelf may be nil.
func (s *shelf) add(o *Object) {
	if s != nil {
		s.enqueue(shelved{object: o})
	}
}

func (s *shelf) enqueue(w shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || s.queued+w.size() > maxQueued {
		s.skipped++
		return
	}
	s.queue = append(s.queue, w)
	s.queued += w.size()
	s.some.Signal()
}

// write takes objects from the queue to the log until the store closes.
func (s *shelf) write() {
	defer close(s.stopped)
	for s.await() {
		s.writeNext()
	}
}

// await waits until something is queued; false when the store closes and
// nothing is.
func (s *shelf) await() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.stopping {
		s.some.Wait()
	}
	return len(s.queue) > 0
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
	s.queued -= w.size()
	s.mu.Unlock()
	var err error
	if o := w.object; w.form == "" {
		err = s.log.Put(o.Key, variantOf(&o.Response), appendHead(nil, &o.Response), o.Chunks(), s.inUse)
	} else if !s.log.Has([]byte(w.form)) {
		err = s.log.Put(w.form, 0, nil, [][]byte{w.bytes}, s.inUse)
	}
	s.mu.Lock()
	s.failure = err
	s.mu.Unlock()
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

// Recall brings what the disk has under key, and memory has not, back into
// memory. It reports whether that was anything; then a Get is worth another
// try. Only one of several callers reads, the others wait for it. The objects
// are compiled for rules.
func (m *Memory) Recall(key []byte, rules *cache.Rules) bool {
	s := m.shelf
	if s == nil || !s.log.Has(key) {
		return false
	}
	s.mu.Lock()
	if other := s.recalling[string(key)]; other != nil {
		s.mu.Unlock()
		<-other
		return true
	}
	done := make(chan struct{})
	s.recalling[string(key)] = done
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.recalling, string(key))
		s.mu.Unlock()
		close(done)
	}()
	return s.recall(string(key), rules)
}

func (s *shelf) recall(key string, rules *cache.Rules) (found bool) {
	// Begun before reading, so that a purge meanwhile keeps it from being
	// stored.
	fillings := []*Filling{s.memory.BeginAlone([]byte(key))}
	defer func() {
		for _, f := range fillings {
			f.Abort(ErrNotShared)
		}
	}()
	have := map[uint64]bool{}
	if e := s.memory.Get([]byte(key)); e != nil {
		for _, o := range e.Variants {
			have[variantOf(&o.Response)] = true
		}
	}
	records := s.log.Get(key, func(variant uint64) bool { return !have[variant] })
	for range len(records) - 1 {
		fillings = append(fillings, s.memory.BeginAlone([]byte(key)))
	}
	for i, r := range slices.Backward(records) { // each goes before those that are there
		head, err := parseHead(r.Head)
		if err != nil {
			continue
		}
		head.Compile(rules)
		f := fillings[i]
		f.recalled = true
		f.Start(head, int64(len(r.Body)), true, nil)
		if _, err := f.Write(r.Body); err == nil && f.Commit() {
			found = true
		}
	}
	return found
}

// purge deletes, from the queue and from the log, the objects of a key. The
// shelf may be nil.
func (s *shelf) purge(key string) int {
	if s == nil {
		return 0
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.unqueue(func(o *Object) bool { return o.Key == key })
	n, err := s.log.Delete(key)
	if err != nil {
		s.fail(err)
	}
	return n
}

// purgeFamily is purge for all keys of a family. The shelf may be nil.
func (s *shelf) purgeFamily(name string) (dropped int) {
	if s == nil {
		return 0
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.unqueue(func(o *Object) bool {
		of, ok := disk.FamilyOf(o.Key)
		return ok && of == name
	})
	for _, key := range s.log.Family(name) {
		n, err := s.log.Delete(key)
		if err != nil {
			s.fail(err)
		}
		dropped += n
	}
	return dropped
}

// purgeMatching is purge for every object that match approves of. Where one
// variant matches, the others go with it. The shelf may be nil.
func (s *shelf) purgeMatching(match func(*Object) bool) int {
	if s == nil {
		return 0
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.unqueue(match)
	var keys []string
	s.log.Keys(func(key string) bool {
		if !isForm(key) && match(&Object{Key: key}) { // a tag cannot be excluded yet
			keys = append(keys, key)
		}
		return true
	})
	dropped := 0
	for _, key := range keys {
		if !slices.ContainsFunc(s.log.Heads(key), func(head []byte) bool {
			r, err := parseHead(head)
			return err != nil || match(&Object{Key: key, Response: *r})
		}) {
			continue
		}
		n, err := s.log.Delete(key)
		if err != nil {
			s.fail(err)
		}
		dropped += n
	}
	return dropped
}

// unqueue takes what matches out of the queue.
func (s *shelf) unqueue(match func(*Object) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = slices.DeleteFunc(s.queue, func(w shelved) bool {
		if !match(w.object) {
			return false
		}
		s.queued -= w.size()
		return true
	})
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}
