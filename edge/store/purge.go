package store

import (
	"slices"
	"time"

	"waypost/edge/store/disk"
)

// Each purge takes the disk first, so that what is recalled from then on is
// not there; then memory, with what is on its way in and what is being
// recalled; and the disk once more, for what has been put there meanwhile. That
// is hidden from recalls until it is through (hide.go). A deletion that could not be written is tried again by the second time, whose
// error counts.

// Purge drops everything stored under key, and keeps what is on its way in
// from being stored and from being joined. Who is reading finishes
// undisturbed. It returns the number of objects dropped. The error says that
// the disk does not take the deletion: a restart may bring them back, and
// another try is worth it. It is in [Memory.Disk], too.
func (m *Memory) Purge(key []byte) (int, error) {
	onDisk, _ := m.shelf.purge(string(key)) // tried again below
	m.shelf.hide(string(key))
	defer m.shelf.show(string(key))
	n := m.purge(key, nil)
	_, err := m.shelf.purge(string(key))
	return n + onDisk, err
}

// PurgeBut is Purge by the one who fills mine, which may be nil: what that
// brings is not what is purged. The error is told by DiskChanged only.
func (m *Memory) PurgeBut(key []byte, mine *Filling) {
	var spared *fetch
	if mine != nil {
		spared = mine.fetch
	}
	_, _ = m.shelf.purge(string(key)) // tried again below
	m.shelf.hide(string(key))
	defer m.shelf.show(string(key))
	m.purge(key, spared)
	_, _ = m.shelf.purge(string(key)) // Disk has it
}

// Drop takes one object out of memory, where it is still there; the others
// under its key stay. Who is reading it finishes undisturbed. On disk it stays
// until its room is wanted.
func (m *Memory) Drop(o *Object) {
	s := m.shard(o.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	cost := m.queues.leave(o)
	if cost == 0 {
		return // it has left already
	}
	m.unlist(o)
	m.discharge(o, cost)
}

// Forget drops what has the place of o, which is or was stored: o itself, or
// what it has given way to, in memory and on disk. The other variants that
// memory has stay, and so does what is on its way in. Who is reading finishes
// undisturbed. Where the disk does not take the deletion, [Memory.Disk] says so.
//
// The disk forgets by the key: those that stay are written to it once more,
// and what only the disk had of the key is gone.
func (m *Memory) Forget(o *Object) {
	_, _ = m.shelf.purge(o.Key) // tried again below
	m.shelf.hide(o.Key)
	defer m.shelf.show(o.Key)
	m.forget(o)
	if m.shelf == nil {
		return
	}
	_, _ = m.shelf.purge(o.Key)
	s := m.shard(o.hash) // locked, so that nothing is written that is purged meanwhile
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := m.Get([]byte(o.Key)); e != nil {
		for _, v := range slices.Backward(e.Variants) {
			m.shelf.add(v)
		}
	}
}

// forget is Forget in memory.
func (m *Memory) forget(o *Object) {
	s := m.shard(o.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.fetches[o.Key] {
		if f.recall {
			f.purge()
		}
	}
	n := m.table.find(o.hash, []byte(o.Key))
	if n == nil {
		return
	}
	next := n.entry.Load()
	var gone []*Object
	for _, v := range next.Variants {
		if sameSelection(&v.Response, &o.Response) {
			next, gone = next.without(v), append(gone, v)
		}
	}
	if gone != nil {
		m.table.put(o.hash, o.Key, next)
		m.drop(gone)
	}
}

// purge drops what is in memory under key, and marks the fetches but one.
func (m *Memory) purge(key []byte, spared *fetch) int {
	hash := m.table.hash(key)
	s := m.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.fetches[string(key)] {
		if f != spared {
			f.purge()
		}
	}
	n := m.table.find(hash, key)
	if n == nil {
		return 0
	}
	return m.clear(n)
}

// PurgeFamily is Purge for all keys of a family (disk.FamilyMark). It takes as
// long as there are such keys, and fetches under way; not as there are objects.
func (m *Memory) PurgeFamily(name []byte) (int, error) {
	family := string(name)
	n, _ := m.shelf.purgeFamily(family) // tried again below
	m.shelf.hide(family)
	defer m.shelf.show(family)
	m.eachFetch(func(f *fetch) {
		if of, ok := disk.FamilyOf(f.key); ok && of == family {
			f.purge()
		}
	})
	for _, key := range m.table.family(family) {
		n += m.purge([]byte(key), nil)
	}
	_, err := m.shelf.purgeFamily(family)
	return n, err
}

// PurgeMatching is Purge for every object that match approves of. match is
// called for what is on its way in, too; where its head has not come, the
// object has a Key only, and approval keeps it from being stored. It must not
// call the store.
//
// It walks over everything stored, one shard after the other: an index by
// prefix or tag would have to be bounded against sites that give every
// response a thousand tags, and purges are rare beside requests. What
// somebody puts together meanwhile of objects that it has not come to is not
// stored, for it may already have been there: see BeginFrom and Bequeath.
func (m *Memory) PurgeMatching(match func(*Object) bool) (int, error) {
	m.walks.Add(1)
	defer m.walked.Add(1)
	n, _ := m.shelf.purgeMatching(match) // tried again below
	m.shelf.hide(everything)
	defer m.shelf.show(everything)
	n += m.purgeMatching(match)
	_, err := m.shelf.purgeMatching(match)
	return n, err
}

func (m *Memory) purgeMatching(match func(*Object) bool) int {
	dropped := 0
	m.each(func(f *fetch) {
		if match(f.brings()) {
			f.purge()
		}
	}, func(n *node) {
		e := n.entry.Load()
		if e == nil {
			return
		}
		next := e
		var gone []*Object
		for _, o := range e.Variants {
			if match(o) {
				next, gone = next.without(o), append(gone, o)
			}
		}
		if gone != nil {
			m.table.put(n.hash, n.key, next)
			m.drop(gone)
			dropped += len(gone)
		}
	})
	return dropped
}

// Expire is ExpireMatching for one key, without the walk.
func (m *Memory) Expire(now time.Time, key []byte) (int, error) {
	onDisk, _ := m.shelf.purge(string(key)) // tried again below
	m.shelf.hide(string(key))
	defer m.shelf.show(string(key))
	s := m.shard(m.table.hash(key))
	s.mu.Lock()
	for _, f := range s.fetches[string(key)] {
		f.expire(now)
	}
	s.mu.Unlock()
	_, err := m.shelf.purge(string(key))
	e := m.Get(key)
	if e == nil {
		return onDisk, err
	}
	n := onDisk
	for _, o := range e.Variants {
		if !o.Purged.Equal(now) { // else this has been done
			m.Refresh(key, o, o.Expired(now))
			n++
		}
	}
	return n, err
}

// ExpireMatching ends the freshness of every stored object that match
// approves of (a soft purge): see cache.Response.Expired. It returns their
// number. What is on its way in is stored expired, for the origin may have
// been read before. What is only on disk is dropped: its head would have to be
// written anew. The error is Purge's.
func (m *Memory) ExpireMatching(now time.Time, match func(*Object) bool) (int, error) {
	m.walks.Add(1)
	defer m.walked.Add(1)
	onDisk, _ := m.shelf.purgeMatching(match) // tried again below
	m.shelf.hide(everything)
	defer m.shelf.show(everything)
	var matched []*Object
	m.each(func(f *fetch) {
		if match(f.brings()) {
			f.expire(now)
		}
	}, func(n *node) {
		if e := n.entry.Load(); e != nil {
			for _, o := range e.Variants {
				if match(o) {
					matched = append(matched, o)
				}
			}
		}
	})
	_, err := m.shelf.purgeMatching(match)
	for _, o := range matched {
		m.Refresh([]byte(o.Key), o, o.Expired(now))
	}
	return len(matched) + onDisk, err
}

// eachFetch visits the fetches under way, each under its shard's lock.
func (m *Memory) eachFetch(fetched func(*fetch)) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.eachFetch(fetched)
		s.mu.Unlock()
	}
}

// eachFetch visits the fetches under way. The shard is locked.
func (s *shard) eachFetch(fetched func(*fetch)) {
	for _, fetches := range s.fetches {
		for _, f := range fetches {
			fetched(f)
		}
	}
}

// each visits the fetches under way and the nodes of the table, shard by
// shard, each under its lock.
func (m *Memory) each(fetched func(*fetch), stored func(*node)) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.eachFetch(fetched)
		for b := i; b < len(m.table.buckets); b += shardCount {
			for n := m.table.buckets[b].Load(); n != nil; n = n.next.Load() {
				stored(n)
			}
		}
		s.mu.Unlock()
	}
}

// clear drops what is stored under a node's key. The shard is locked.
func (m *Memory) clear(n *node) int {
	gone := n.entry.Load().Variants
	m.table.put(n.hash, n.key, nil)
	m.drop(gone)
	return len(gone)
}
