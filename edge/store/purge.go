package store

import (
	"time"

	"waypost/edge/store/disk"
)

// Purge drops everything stored under key, and keeps what is on its way in
// from being stored and from being joined. Who is reading finishes
// undisturbed. It returns the number of objects dropped.
func (m *Memory) Purge(key []byte) int {
	// The disk first, so that what is recalled from now on is not there; what
	// is being recalled is kept out below; and once more for what a Refresh
	// has put there meanwhile.
	onDisk := m.shelf.purge(string(key))
	n := m.purge(key)
	m.shelf.purge(string(key))
	return max(n, onDisk)
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

func (m *Memory) purge(key []byte) int {
	hash := m.table.hash(key)
	s := m.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.fetches[string(key)] {
		f.open, f.purged = false, true
	}
	n := m.table.find(hash, key)
	if n == nil {
		return 0
	}
	return m.clear(n)
}

// PurgeFamily is Purge for all keys of a family (disk.FamilyMark). It takes as
// long as there are such keys, and fetches under way; not as there are objects.
func (m *Memory) PurgeFamily(name []byte) int {
	family := string(name)
	onDisk := m.shelf.purgeFamily(family)
	m.eachFetch(func(f *fetch) {
		if of, ok := disk.FamilyOf(f.key); ok && of == family {
			f.open, f.purged = false, true
		}
	})
	n := 0
	for _, key := range m.table.family(family) {
		n += m.purge([]byte(key))
	}
	m.shelf.purgeFamily(family)
	return max(n, onDisk)
}

// PurgeAll is Purge for every key.
func (m *Memory) PurgeAll() int {
	return m.PurgeMatching(func(*Object) bool { return true })
}

// PurgeMatching is Purge for every object that match approves of. match is
// called for what is on its way in, too; where its head has not come, the
// object has a Key only, and approval keeps it from being stored. It must not
// call the store.
//
// It walks over everything stored, one shard after the other: an index by
// prefix or tag would have to be bounded against sites that give every
// response a thousand tags, and purges are rare beside requests.
func (m *Memory) PurgeMatching(match func(*Object) bool) int {
	m.walks.Add(1)
	onDisk := m.shelf.purgeMatching(match)
	n := m.purgeMatching(match)
	m.shelf.purgeMatching(match)
	return max(n, onDisk)
}

func (m *Memory) purgeMatching(match func(*Object) bool) int {
	dropped := 0
	m.each(func(f *fetch) {
		o := f.started.Load()
		if o == nil {
			o = &Object{Key: f.key}
		}
		if match(o) {
			f.open, f.purged = false, true
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
func (m *Memory) Expire(now time.Time, key []byte) int {
	onDisk := m.shelf.purge(string(key))
	e := m.Get(key)
	if e == nil {
		return onDisk
	}
	for _, o := range e.Variants {
		m.Refresh(key, o, o.Expired(now))
	}
	return max(len(e.Variants), onDisk)
}

// ExpireMatching ends the freshness of every stored object that match
// approves of (a soft purge): see cache.Response.Expired. It returns their
// number. What is on its way in comes fresh from the origin, and stays so.
// What is only on disk is dropped: its head would have to be written anew.
func (m *Memory) ExpireMatching(now time.Time, match func(*Object) bool) int {
	onDisk := m.shelf.purgeMatching(match)
	var matched []*Object
	m.each(nil, func(n *node) {
		if e := n.entry.Load(); e != nil {
			for _, o := range e.Variants {
				if match(o) {
					matched = append(matched, o)
				}
			}
		}
	})
	for _, o := range matched {
		m.Refresh([]byte(o.Key), o, o.Expired(now))
	}
	return max(len(matched), onDisk)
}

// eachFetch visits the fetches under way, each under its shard's lock.
func (m *Memory) eachFetch(fetched func(*fetch)) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for _, fetches := range s.fetches {
			for _, f := range fetches {
				fetched(f)
			}
		}
		s.mu.Unlock()
	}
}

// each visits the fetches under way and the nodes of the table, shard by
// shard, each under its lock. fetched may be nil.
func (m *Memory) each(fetched func(*fetch), stored func(*node)) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		if fetched != nil {
			for _, fetches := range s.fetches {
				for _, f := range fetches {
					fetched(f)
				}
			}
		}
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
