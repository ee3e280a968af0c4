package store

import "waypost/edge/store/disk"

// A purge goes over memory and then looks at the disk a second time. What is
// recalled in between has been read before it is deleted, by a fetch that the
// purge did not see: so nothing is. A recall that began earlier is listed, and
// the purge of memory meets it, or what it has stored.

// everything is what a purge hides that walks over everything: the name of no
// key, for those begin with the name of a site.
const everything = ""

// hide keeps what is on disk from being recalled until show is called as often
// with the same name: that of a key, a family's, or everything. A purge calls
// it before it locks the first shard. The shelf may be nil, here and below.
func (s *shelf) hide(name string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.hidden[name]++
	s.mu.Unlock()
}

// show takes one hide back.
func (s *shelf) show(name string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden[name]--; s.hidden[name] == 0 {
		delete(s.hidden, name)
	}
}

// hides reports whether key must not be recalled. A key that has the name of a
// family is hidden with it, which does no harm.
func (s *shelf) hides(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hidden) == 0 {
		return false
	}
	family, _ := disk.FamilyOf(key) // else the key itself
	return s.hidden[everything]+s.hidden[key]+s.hidden[family] > 0
}
