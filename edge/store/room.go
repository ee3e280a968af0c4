package store

// room returns free memory behind what is written: of the last chunk, or of
// a new one. want is how much the caller has.
func (f *Filling) room(want int) []byte {
	b := f.object.body
	if f.over || f.scratch != nil {
		if f.scratch == nil {
			f.scratch = make([]byte, unknownChunk)
		}
		return f.scratch
	}
	if !b.kept && f.waitForReaders() {
		f.tail, f.scratch = nil, make([]byte, max(want, unknownChunk))
		return f.scratch
	}
	if len(f.tail) == cap(f.tail) {
		f.extend(want)
		if f.scratch != nil {
			return f.scratch
		}
	}
	return f.tail[len(f.tail):cap(f.tail)]
}

// extend adds a chunk. Where the object must not grow further it stops being
// kept.
func (f *Filling) extend(want int) {
	b, m := f.object.body, f.fetch.memory
	n := f.chunkSize(want)
	if b.kept {
		bound := chunkBound(n)
		if b.size+int64(n) <= m.MaxObject && (b.announced >= 0 || !m.tooMuchHeld(b.size)) && m.reserve(bound) {
			f.tail = newChunk(n)
			m.release(bound - int64(cap(f.tail)) - chunkHeader)
			b.mu.Lock()
			b.chunks = append(b.chunks, f.tail)
			b.counted++
			b.grew(n)
			b.mu.Unlock()
			return
		}
		f.letThrough()
		if f.waitForReaders() {
			f.tail, f.scratch = nil, make([]byte, max(want, unknownChunk))
			return
		}
	}
	f.tail = newChunk(min(n, firstChunk))
	b.mu.Lock()
	b.chunks = append(b.chunks, f.tail)
	b.mu.Unlock()
}

// chunkSize is the length of the next chunk.
func (f *Filling) chunkSize(want int) int {
	b := f.object.body
	if left := b.announced - b.size; left > 0 {
		if b.size == 0 {
			return int(min(left, firstChunk))
		}
		return int(min(left, laterChunk))
	}
	if b.announced >= 0 && b.size > 0 {
		return pastEnd
	}
	if f.tail == nil {
		return min(max(unknownChunk, want), firstChunk)
	}
	return min(4*cap(f.tail), unknownMost)
}

// letThrough stops keeping the body: what every reader has had goes.
func (f *Filling) letThrough() {
	b := f.object.body
	b.mu.Lock()
	b.kept = false
	b.unkept()
	freed := b.trim()
	b.mu.Unlock()
	f.fetch.memory.release(freed + f.charged)
	f.charged = 0
}

// waitForReaders waits until the readers of a body that is not kept have
// come near enough. It reports true when there are none: then nobody will
// read what is written from now on.
func (f *Filling) waitForReaders() (none bool) {
	b := f.object.body
	for {
		b.mu.Lock()
		if len(b.readers) == 0 {
			freed := b.abandon()
			b.mu.Unlock()
			f.fetch.memory.release(freed)
			return true
		}
		if b.size-b.slowest() < transitWindow {
			b.mu.Unlock()
			return false
		}
		room := await(&b.room)
		b.mu.Unlock()
		<-room
	}
}

// dropEmpty lets go of a last chunk that was only there to find the end.
func (f *Filling) dropEmpty() {
	b := f.object.body
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.chunks) - 1
	if n < 1 || len(b.chunks[n]) > 0 || b.counted != n+1 {
		return
	}
	f.fetch.memory.release(int64(cap(b.chunks[n])) + chunkHeader)
	b.chunks[n] = nil
	b.chunks, b.counted = b.chunks[:n], n
}

// compact copies a short body of unknown length into one chunk.
func (f *Filling) compact() {
	b, m := f.object.body, f.fetch.memory
	f.dropEmpty()
	if !b.kept || b.announced >= 0 || b.size == 0 || b.size > compactBelow ||
		len(b.chunks) == 1 && int64(cap(b.chunks[0])) < b.size+b.size/8 {
		return
	}
	bound := chunkBound(int(b.size))
	if !m.reserve(bound) {
		return
	}
	whole := newChunk(int(b.size))
	for _, c := range b.chunks {
		whole = append(whole, c...)
	}
	m.release(bound - int64(cap(whole)) - chunkHeader)
	b.mu.Lock()
	freed := b.uncount()
	b.chunks, b.counted = [][]byte{whole}, 1
	b.mu.Unlock()
	m.release(freed)
}
