package store

// Purge drops everything stored under key, and keeps what is on its way in
// from being stored and from being joined. Who is reading finishes
// undisturbed. It returns the number of objects dropped.
func (m *Memory) Purge(key []byte) int {
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

// PurgeAll is Purge for every key.
func (m *Memory) PurgeAll() int {
	dropped := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for _, fetches := range s.fetches {
			for _, f := range fetches {
				f.open, f.purged = false, true
			}
		}
		for b := i; b < len(m.table.buckets); b += shardCount {
			for n := m.table.buckets[b].Load(); n != nil; n = n.next.Load() {
				dropped += m.clear(n)
			}
		}
		s.mu.Unlock()
	}
	return dropped
}

// clear drops what is stored under a node's key. The shard is locked.
func (m *Memory) clear(n *node) int {
	gone := n.entry.Load().Variants
	m.table.put(n.hash, n.key, nil)
	m.drop(gone)
	return len(gone)
}
