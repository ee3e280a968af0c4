package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Chunk sizes. A body of known length is held in pieces of its own length;
// one of unknown length in pieces that grow, so that neither a liar nor a
// trickle makes us reserve much.
const (
	// firstChunk holds all of a body up to that length: it is written with
	// one write.
	firstChunk = 64 << 10
	// laterChunk is what follows in a longer body, so that a megabyte leaves in
	// two writes.
	laterChunk = 1 << 20
	// unknownChunk is where a body of unknown length begins; each chunk is
	// four times the one before, up to unknownMost: what is free in the last
	// one is charged, too.
	unknownChunk = 4 << 10
	unknownMost  = 256 << 10
	// pastEnd is the room behind a body that has the length announced, in
	// which its end is looked for.
	pastEnd = 64
	// compactBelow: a shorter body of unknown length is copied into one chunk
	// of its own length once that is known.
	compactBelow = 256 << 10
	// transitWindow is how far the writer of a body that is not kept may be
	// ahead of its slowest reader.
	transitWindow = 256 << 10
)

// chunkHeader is what a chunk costs beside its bytes.
const chunkHeader = int64(unsafe.Sizeof([]byte(nil)))

// body is the bytes of an object, shared by those who read and the one who
// writes. When complete is set, chunks and size are final and read without
// the lock.
type body struct {
	memory    *Memory
	complete  atomic.Bool
	forms     atomic.Pointer[[]form] // see form.go
	announced int64                  // length given to Start; -1: unknown

	mu     sync.Mutex
	chunks [][]byte // what is there, from byte base on; only the last grows
	base   int64
	size   int64 // bytes written so far
	ended  bool
	err    error // why the writer gave up
	// kept: the bytes stay until the end. Otherwise they go when all readers
	// have had them.
	kept    bool
	gone    bool // what is written goes nowhere
	counted int  // the first so many chunks are charged to the store
	// holds is how many send it, see Hold; held is what the store counts for
	// that, and orphaned what is charged although the object was dropped.
	holds          atomic.Int32
	held, orphaned int64
	readers        []*Reader
	wake           chan struct{} // closed when something happens that readers wait for
	room           chan struct{} // closed when something happens that the writer waits for
}

// cost is what the chunks of a complete body, and its forms, are charged with.
func (b *body) cost() int64 {
	n := b.formsCost()
	for _, c := range b.chunks {
		n += int64(cap(c)) + chunkHeader
	}
	return n
}

// newChunk allocates n bytes or what the allocator gives for them.
func newChunk(n int) []byte { return slices.Grow([]byte(nil), n)[:0] }

// chunkBound is the most that newChunk(n) takes: the allocator's size classes
// are an eighth apart at most, and whole pages beyond 32 KiB.
func chunkBound(n int) int64 {
	bound := int64(n) + int64(n)/8 + 16 + chunkHeader
	if n > 32<<10 {
		bound = int64(n) + 8<<10 + chunkHeader
	}
	return bound
}

// signal wakes all who wait on ch.
func signal(ch *chan struct{}) {
	if *ch != nil {
		close(*ch)
		*ch = nil
	}
}

// await returns a channel that the next signal closes. b is locked.
func await(ch *chan struct{}) chan struct{} {
	if *ch == nil {
		*ch = make(chan struct{})
	}
	return *ch
}

// publish makes the writer's last chunk, grown by n bytes, visible.
func (b *body) publish(tail []byte, n int) {
	b.mu.Lock()
	b.chunks[len(b.chunks)-1] = tail
	b.size += int64(n)
	signal(&b.wake)
	b.mu.Unlock()
}

// discard counts n bytes that nobody wants.
func (b *body) discard(n int) {
	b.mu.Lock()
	b.size += int64(n)
	b.base = b.size
	b.mu.Unlock()
}

// abandon lets go of everything: nobody reads, and from now on nobody can.
// It returns what was charged for it. b is locked.
func (b *body) abandon() (freed int64) {
	freed = b.uncount()
	b.chunks, b.base, b.gone = nil, b.size, true
	return freed
}

// slowest is how far the last of the readers has come. b is locked.
func (b *body) slowest() int64 {
	first := b.size
	for _, r := range b.readers {
		first = min(first, r.off)
	}
	return first
}

// trim lets go of the chunks that every reader has had, but for the last,
// which may still grow. It returns what was charged for them. b is locked.
func (b *body) trim() (freed int64) {
	if b.kept {
		return 0
	}
	first := b.slowest()
	for len(b.chunks) > 1 {
		c := b.chunks[0]
		end := b.base + int64(len(c))
		if end > first {
			break
		}
		if b.counted > 0 {
			b.counted--
			freed += int64(cap(c)) + chunkHeader
		}
		b.chunks[0] = nil
		b.chunks, b.base = b.chunks[1:], end
	}
	signal(&b.room)
	return freed
}

// end says that nothing more comes. It returns what is still charged for the
// chunks where they are not to be kept: who reads them still has them, as
// with an evicted object.
func (b *body) end(err error) (freed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.err = true, err
	if b.kept && err == nil {
		b.complete.Store(true)
	} else {
		freed = b.uncount()
	}
	signal(&b.wake)
	return freed
}

// uncount returns what is charged for the chunks, which no longer is. b is
// locked.
func (b *body) uncount() (freed int64) {
	for _, c := range b.chunks[:b.counted] {
		freed += int64(cap(c)) + chunkHeader
	}
	b.counted = 0
	return freed
}
