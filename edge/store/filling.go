package store

import (
	"errors"
	"io"

	"waypost/http/cache"
)

// storeError is an error of this package.
type storeError string

func (e storeError) Error() string { return string(e) }

// ErrNotShared: the response is for the leader alone; ask the origin.
const ErrNotShared = storeError("the response is not shared")

// errOver is what a Filling answers that was ended.
var errOver = errors.New("write to a stored object: it is complete")

// Filling is the right to write one object. Its holder ends it with Commit,
// Refuse or Abort; `defer f.Abort(err)` right after Begin makes sure that
// nobody waits for a leader that is gone, in a panic too. It is used by one
// goroutine at a time.
type Filling struct {
	fetch    *fetch
	object   *Object // once started
	replaces *Object
	charged  int64  // for the head
	tail     []byte // the last chunk; its free part is ours alone
	scratch  []byte // what is written for nobody
	over     bool
	holding  bool // what is on its way in counts as held, too
}

// Start publishes the response head to those who wait, with the body's
// length or -1. It takes a copy of head, which is as cache.Stored returns
// it. With keep the object will be stored by Commit, in place of replaces if
// that is not nil and of any variant with the same Selecting.
//
// A body longer than the store's limit for one object is let through without
// being kept. Where that is known beforehand, nobody joins; where it turns
// out later, those who joined read on, and the slowest of them sets the pace.
func (f *Filling) Start(head *cache.Response, length int64, keep bool, replaces *Object) *Object {
	m := f.fetch.memory
	o := &Object{Response: *head, Key: f.fetch.key, hash: f.fetch.hash}
	o.body = &body{memory: m, announced: length}
	f.object, f.replaces = o, replaces
	f.fetch.started.Store(o)
	cost := o.headCost()
	if keep && !m.tooLarge(length) && !m.tooMuchHeld(length) && cost <= m.MaxObject && m.reserve(cost) {
		f.charged, o.body.kept, f.holding = cost, true, o.Hold()
	}
	if m.tooLarge(length) || m.tooMuchHeld(length) {
		s := m.shard(o.hash)
		s.mu.Lock()
		f.fetch.open = false
		s.mu.Unlock()
		f.fetch.decide(nil, ErrNotShared)
		return o
	}
	f.fetch.decide(o, nil)
	return o
}

// Refuse tells those who wait that the response is not for them: their Head
// returns [ErrNotShared]. The Filling is over.
func (f *Filling) Refuse() { f.Abort(ErrNotShared) }

// Audience is the number of those who are there now: joiners who wait for
// the head, and open readers of the body. An edge gives up a fetch for which
// there has been none for a while. Unlike the rest of f it may be asked from
// any goroutine, once Begin has returned.
func (f *Filling) Audience() int {
	n := int(f.fetch.waiting.Load())
	if o := f.fetch.started.Load(); o != nil {
		o.body.mu.Lock()
		n += len(o.body.readers)
		o.body.mu.Unlock()
	}
	return n
}

// Write appends to the body and wakes the readers. Where the body is not
// kept, it waits for readers who are too far behind. The error is not nil
// only when the Filling is over.
func (f *Filling) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		room := f.room(len(p))
		n := copy(room, p)
		if err := f.Advance(n); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

// Buffer returns room for the bytes that follow, at least one, so that they
// can be read in place; Advance then appends the first n of them. It waits
// as Write does. It is valid until the next call on f.
func (f *Filling) Buffer() []byte { return f.room(unknownChunk) }

// Advance appends the first n bytes of the last Buffer. Bytes beyond the
// length announced end the Filling as Commit would.
func (f *Filling) Advance(n int) error {
	switch {
	case f.over:
		return errOver
	case n == 0:
		return nil
	case f.object.body.announced >= 0 && f.object.body.size+int64(n) > f.object.body.announced:
		f.Abort(io.ErrUnexpectedEOF)
		return errOver
	case f.scratch != nil:
		f.object.body.discard(n)
		return nil
	}
	f.tail = f.tail[:len(f.tail)+n]
	f.object.body.publish(f.tail, n)
	return nil
}

// Wanted reports whether the body still serves somebody: it will be kept, or
// it is being read.
func (f *Filling) Wanted() bool {
	if f.over || f.object == nil {
		return !f.over
	}
	b := f.object.body
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept || len(b.readers) > 0
}

// Commit ends the body and stores the object if it is to be kept, and as it is
// after a soft purge where there was one meanwhile. It reports whether it was
// stored. A body shorter or longer than announced is no
// complete one: that is Abort(io.ErrUnexpectedEOF).
func (f *Filling) Commit() (stored bool) {
	if f.over {
		return false
	}
	if f.object == nil {
		f.Abort(ErrNotShared)
		return false
	}
	b := f.object.body
	if b.announced >= 0 && b.size != b.announced {
		f.Abort(io.ErrUnexpectedEOF)
		return false
	}
	f.over = true
	defer f.letGo()
	f.compact()
	m := f.fetch.memory
	m.release(b.end(nil))
	if !b.kept {
		f.leave()
		m.release(f.charged)
		return false
	}
	return f.store()
}

// store puts the complete object into the table and the queues.
func (f *Filling) store() bool {
	m, o := f.fetch.memory, f.object
	s := m.shard(o.hash)
	cost := f.charged + o.body.cost()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !f.fetch.recall {
		s.finish(f.fetch)
	}
	if f.fetch.purged || f.fetch.heir && f.fetch.walks != m.walks.Load() {
		m.discharge(o, cost)
		return false
	}
	if at := f.fetch.expired; !at.IsZero() {
		o = &Object{Response: *o.Expired(at), Key: o.Key, hash: o.hash, body: o.body}
	}
	var e *Entry
	if n := m.table.find(o.hash, []byte(o.Key)); n != nil {
		e = n.entry.Load()
	}
	next, gone := e.with(o, f.replaces)
	if f.fetch.recall {
		next = next.byAge()
	} else {
		s.outdate(o.Key)
		m.shelf.add(o)
	}
	m.drop(gone)
	m.table.put(o.hash, o.Key, next)
	m.count.Add(1)
	m.queues.enter(o, cost)
	return true
}

// Abort gives up: those who wait get err, readers get it after the bytes
// that are there. After Commit, Refuse or Abort it does nothing.
func (f *Filling) Abort(err error) {
	if f.over {
		return
	}
	f.over = true
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	f.leave()
	f.fetch.decide(nil, err)
	if f.object != nil {
		m := f.fetch.memory
		m.release(f.object.body.end(err) + f.charged)
		f.charged = 0
		f.letGo()
	}
}

func (f *Filling) letGo() {
	if f.holding {
		f.holding = false
		f.object.LetGo()
	}
}

// leave ends the fetch, but for a recall, which does that when it has brought
// all its objects.
func (f *Filling) leave() {
	if !f.fetch.recall {
		f.fetch.leave()
	}
}

// outdate keeps what is being recalled under key from being stored: something
// has come from the origin that it must not replace. The shard is locked.
func (s *shard) outdate(key string) {
	for _, f := range s.fetches[key] {
		f.purged = f.purged || f.recall
	}
}
