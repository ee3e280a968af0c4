package store

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"waypost/http/field"
)

// maxFetches is how many fetches of one key can be joined at a time. Each
// brings another variant; whoever comes when there are more fetches alone.
const maxFetches = maxVariants

// fetch is one object on its way in, and those who wait for its head.
type fetch struct {
	memory *Memory
	key    string
	hash   uint64
	number uint64 // in the order in which the shard's fetches began

	// Guarded by the shard's lock.
	asked   field.Fields // of the request that it is for; nil: not known
	open    bool         // others can join
	purged  bool         // what it brings must not be stored
	expired time.Time    // of a soft purge: what it brings is stored as it is after that
	recall  bool         // it comes from the disk, maybe as several objects
	heir    bool         // it takes over what another has brought, or is stored: see Bequeath, BeginFrom
	walks   uint64       // purges by a walk that there had been when it began, or that other

	decided chan struct{} // closed when object and err are final
	object  *Object
	err     error
	waiting atomic.Int64 // joiners in Head
	started atomic.Pointer[Object]
}

// Begin starts fetching what is not stored. The first to come leads: it gets
// a Filling. Those who come while it is at work get a Joining, until it has
// stored its object. Exactly one of the two is not nil.
//
// Between a Get that found nothing and Begin another leader may have
// finished; who leads may want to look again.
func (m *Memory) Begin(key []byte) (lead *Filling, join *Joining) {
	return m.begin(m.table.hash(key), key, 0, nil, nil)
}

// BeginLike is Begin for a key that may have variants. Asked are the fields of
// the request: others learn from them whether to join. They must not change
// before [Filling.Asked] has given others in their place. Where it is known how
// variants are chosen, like judges the fields of fetches under way, and only
// those are joined that it approves of, or whose fields are not known. It must
// not call the store; nil approves of all.
func (m *Memory) BeginLike(key []byte, asked field.Fields, like func(asked field.Fields) bool) (lead *Filling, join *Joining) {
	return m.begin(m.table.hash(key), key, 0, asked, like)
}

// Join is BeginLike for those who would not lead: nil where there is nothing to join.
func (m *Memory) Join(key []byte, like func(asked field.Fields) bool) *Joining {
	s := m.shard(m.table.hash(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.fetches[string(key)] {
		if f.open && f.suits(like) {
			return &Joining{f}
		}
	}
	return nil
}

// begin joins the first fetch of the key with a number after that one.
func (m *Memory) begin(hash uint64, key []byte, after uint64, asked field.Fields, like func(field.Fields) bool) (*Filling, *Joining) {
	s := m.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	open := 0
	for _, f := range s.fetches[string(key)] {
		if !f.open {
			continue
		}
		if f.number > after && f.suits(like) {
			return nil, &Joining{f}
		}
		open++
	}
	lead := s.begin(m, hash, key, open < maxFetches)
	lead.fetch.asked = asked
	return lead, nil
}

// BeginAlone starts a Filling that nobody joins.
func (m *Memory) BeginAlone(key []byte) *Filling {
	hash := m.table.hash(key)
	s := m.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begin(m, hash, key, false)
}

// BeginFrom is BeginAlone for what is put together from stored objects. It
// returns nil where one of them is no longer stored, or a purge is on its walk.
// One that begins a walk before the end keeps the Filling from being stored. A
// purge of single keys must be of key once more after those of the others.
func (m *Memory) BeginFrom(key []byte, stored ...*Object) *Filling {
	walked := m.walked.Load() // first: a walk that begins and ends in between must not stand for another
	walks := m.walks.Load()
	f := m.BeginAlone(key)
	s := m.shard(f.fetch.hash)
	s.mu.Lock()
	f.fetch.heir, f.fetch.walks = true, walks
	s.mu.Unlock()
	for _, o := range stored {
		if e := m.Get([]byte(o.Key)); walks != walked || e == nil || !slices.Contains(e.Variants, o) {
			f.Abort(ErrNotShared)
			return nil
		}
	}
	return f
}

// beginRecall lists the fetch of all that is on disk under key. It returns nil
// where that is being purged: see shelf.hide.
func (m *Memory) beginRecall(key string) *fetch {
	hash := m.table.hash([]byte(key))
	s := m.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.shelf.hides(key) {
		return nil
	}
	f := s.begin(m, hash, []byte(key), false).fetch
	f.recall = true
	return f
}

// begin lists a new fetch. The shard is locked.
func (s *shard) begin(m *Memory, hash uint64, key []byte, open bool) *Filling {
	s.fetched++
	f := &fetch{memory: m, key: string(key), hash: hash, number: s.fetched, open: open, walks: m.walks.Load(), decided: make(chan struct{})}
	s.fetches[f.key] = append(s.fetches[f.key], f)
	return &Filling{fetch: f}
}

// decide tells those who wait what they wait for. The first call counts.
func (f *fetch) decide(o *Object, err error) {
	select {
	case <-f.decided:
	default:
		f.object, f.err = o, err
		close(f.decided)
	}
}

// purge keeps what the fetch brings from being stored and from being joined.
// The shard is locked, here and below.
func (f *fetch) purge() { f.open, f.purged = false, true }

// expire has what the fetch brings stored as it is after a soft purge at that
// time, for the origin may have been read before. Nobody joins any more.
func (f *fetch) expire(at time.Time) { f.open, f.expired = false, at }

// brings is what the fetch brings, as far as that is known: its key at least.
func (f *fetch) brings() *Object {
	if o := f.started.Load(); o != nil && !f.recall {
		return o
	}
	return &Object{Key: f.key}
}

// leave ends the fetch for those who come, and for purges. The shard is not
// locked.
func (f *fetch) leave() {
	s := f.memory.shard(f.hash)
	s.mu.Lock()
	s.finish(f)
	s.mu.Unlock()
}

// finish takes a fetch off the list. The shard is locked.
func (s *shard) finish(f *fetch) {
	rest := slices.DeleteFunc(s.fetches[f.key], func(g *fetch) bool { return g == f })
	if len(rest) == 0 {
		delete(s.fetches, f.key)
		return
	}
	s.fetches[f.key] = rest
}

// Joining is a place in the queue behind a leader.
type Joining struct{ fetch *fetch }

// Head waits for the leader's response head and returns the object that it
// fills; the caller then decides whether its own request may be answered by
// it (cache.Matches, cache.Use). The error is ctx's, or [ErrNotShared] when
// the leader found out that its response is for nobody else, or the error
// that the leader gave up with.
func (j *Joining) Head(ctx context.Context) (*Object, error) {
	select {
	case <-j.fetch.decided:
		return j.fetch.object, j.fetch.err
	default:
	}
	j.fetch.waiting.Add(1)
	defer j.fetch.waiting.Add(-1)
	select {
	case <-j.fetch.decided:
		return j.fetch.object, j.fetch.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Next is for a joiner whom the leader's response does not suit, as with
// another variant: the next fetch of the same key under way to join whose
// request is like, as with BeginLike (nil: any), or the lead of a new one.
// Exactly one of the two is not nil.
func (j *Joining) Next(asked field.Fields, like func(asked field.Fields) bool) (lead *Filling, join *Joining) {
	f := j.fetch
	return f.memory.begin(f.hash, []byte(f.key), f.number, asked, like)
}

// Asked gives the fields of the request that the fetch is for, in memory that
// does not change any more. Once it returns, nobody looks at those that
// BeginLike or Next was given.
func (f *Filling) Asked(fields field.Fields) {
	s := f.fetch.memory.shard(f.fetch.hash)
	s.mu.Lock()
	f.fetch.asked = fields
	s.mu.Unlock()
}

// suits reports whether who judges so may join. The shard is locked.
func (f *fetch) suits(like func(field.Fields) bool) bool {
	return like == nil || f.asked == nil || like(f.asked)
}
