package store

const (
	// holdAbove is the body that is worth the account: shorter ones are in the
	// buffers of the network sooner than a slow reader could keep them here.
	holdAbove = 16 << 10
	// heldShare is the part of the store that may be in the hands of readers
	// before another large object is kept: one half. A client can ask for a
	// thousand large things, or for one under a thousand names, and read none
	// of them; then it must not have the rest of the store too.
	heldShare = 2
	// maxHeldSkips bounds how many objects in somebody's hands are passed over
	// in the search for one that can go.
	maxHeldSkips = 128
)

// Hold says that the body of o is being sent to somebody. Until LetGo its
// bytes are counted, even when it is dropped, and it is not evicted: a slow
// reader costs what he costs. It reports false where the body is not kept, or
// too short to be worth it; LetGo must not follow then.
func (o *Object) Hold() bool {
	b := o.body
	if b.complete.Load() && b.size <= holdAbove {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.kept {
		return false
	}
	if b.holds.Add(1) == 1 {
		b.held = max(b.size, b.announced)
		b.memory.held.Add(b.held)
	}
	return true
}

// LetGo ends a Hold.
func (o *Object) LetGo() {
	b := o.body
	b.mu.Lock()
	var orphaned int64
	if b.holds.Add(-1) == 0 {
		b.memory.held.Add(-b.held)
		b.held, orphaned, b.orphaned = 0, b.orphaned, 0
	}
	b.mu.Unlock()
	b.memory.release(orphaned)
}

// grew counts n bytes that were added to a body of unknown length in
// somebody's hands. b is locked.
func (b *body) grew(n int) {
	if b.announced < 0 && b.holds.Load() > 0 {
		b.held += int64(n)
		b.memory.held.Add(int64(n))
	}
}

// unkept takes out of the account what is no longer kept. b is locked.
func (b *body) unkept() {
	b.memory.held.Add(-b.held)
	b.held = 0
}

// tooMuchHeld reports whether readers have so much in their hands that a body
// of n bytes is not to be kept.
func (m *Memory) tooMuchHeld(n int64) bool {
	return n > holdAbove && m.held.Load()+n > m.capacity/heldShare
}

// discharge gives back what o was charged with, once nobody holds it.
func (m *Memory) discharge(o *Object, cost int64) {
	b := o.body
	b.mu.Lock()
	if b.holds.Load() > 0 {
		b.orphaned += cost
		cost = 0
	}
	b.mu.Unlock()
	m.release(cost)
}
