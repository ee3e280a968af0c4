package store

import "waypost/http/cache"

// Written is the number of body bytes so far.
func (f *Filling) Written() int64 {
	if f.object == nil {
		return 0
	}
	return f.object.body.size
}

// Bequeath stores a copy of what f has brought so far as an object of its own
// under another key: head says which part of the whole that is. It is for a
// Filling that is about to be given up, which it does not change. Whatever
// keeps f from being stored keeps the copy from it, too. It reports whether
// that was stored.
func (f *Filling) Bequeath(key []byte, head *cache.Response) (stored bool) {
	if f.over || f.Written() == 0 || !f.object.body.kept {
		return false
	}
	m, b := f.fetch.memory, f.object.body
	heir := m.BeginAlone(key)
	defer heir.Abort(ErrNotShared)
	if !heir.inherit(f) {
		return false
	}
	heir.Start(head, b.size, true, nil)
	for _, chunk := range b.chunks {
		_, _ = heir.Write(chunk) // fails only when it is over
	}
	return heir.Commit()
}

// inherit makes what f brings as old as what from has brought. It reports
// false where that has been purged meanwhile, be it softly. A purge of one key from now on
// meets f itself, if it is of both keys, as a purge of a resource is. One that
// walks may have passed f's key already and not yet come to the other: so none
// may have begun since from did.
func (f *Filling) inherit(from *Filling) bool {
	m := f.fetch.memory
	s := m.shard(f.fetch.hash)
	s.mu.Lock()
	f.fetch.heir, f.fetch.walks = true, from.fetch.walks
	s.mu.Unlock()
	s = m.shard(from.fetch.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	return !from.fetch.purged && from.fetch.expired.IsZero()
}
