package store

import (
	"io"

	"waypost/edge/store/disk"
	"waypost/http/cache"
)

// maxRecalls is how many keys are read from the disk at a time. Each read
// takes a thread of the system while it waits for the disk, and some memory
// for the head; what a body takes is charged to the store. Others wait.
const maxRecalls = 64

// Recall brings what the disk has under key, and memory has not, back into
// memory. It reports whether that was anything; then a Get is worth another
// try. While a purge is at it, there is nothing. What the store has no room for, since too much of it is in use, is not
// brought back. Only one of several callers reads, the others wait for it. The
// objects are compiled for rules.
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
	s.places <- struct{}{}
	defer func() { <-s.places }()
	return s.recall(string(key), rules)
}

func (s *shelf) recall(key string, rules *cache.Rules) (found bool) {
	// One fetch for all of them, begun before anything is read, so that it
	// knows of every purge meanwhile.
	f := s.memory.beginRecall(key)
	if f == nil {
		return false
	}
	defer f.leave()
	newer := s.newer(key)
	for r := range s.log.Get(key, func(variant uint64) bool { return !newer[variant] }) {
		if f.bring(r, rules) {
			found = true
		}
	}
	return found
}

// newer are the variants of key that are in memory, or on their way to the
// disk: what it has of them has been replaced.
func (s *shelf) newer(key string) map[uint64]bool {
	all := map[uint64]bool{}
	if e := s.memory.Get([]byte(key)); e != nil {
		for _, o := range e.Variants {
			all[variantOf(&o.Response)] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range append(s.queue[:len(s.queue):len(s.queue)], s.now) {
		if w.object != nil && w.form == "" && w.object.Key == key {
			all[variantOf(&w.object.Response)] = true
		}
	}
	return all
}

// bring reads one record into the store.
func (f *fetch) bring(r *disk.Record, rules *cache.Rules) bool {
	head, err := parseHead(r.Head)
	if err != nil {
		return false
	}
	head.Compile(rules)
	into := &Filling{fetch: f}
	defer into.Abort(ErrNotShared)
	into.Start(head, r.Size, true, nil)
	for left := r.Size; left > 0; {
		if !into.Wanted() {
			return false // there is no room for it
		}
		n, err := r.Read(into.Buffer())
		if err != nil {
			return false
		}
		if into.Advance(n) != nil {
			return false
		}
		left -= int64(n)
	}
	if _, err := r.Read(nil); err != io.EOF { //nolint:errorlint // an end is io.EOF itself
		return false
	}
	return into.Commit()
}
