package store

import (
	"context"
	"io"
	"slices"
)

// Reader reads one object's body, while it comes in if need be. It is used
// by one goroutine at a time.
type Reader struct {
	body  *body
	off   int64 // of the next byte
	end   int64 // -1: to the end of the body
	index int   // of the chunk that holds off, once the body is complete
	start int64 // where that chunk begins
	// listed: the body knows of this reader, because it was still coming in
	// when reading began.
	listed bool
}

// Reader returns a reader of the body from byte offset off on; length -1
// reads to the end. Close it. It fails with [ErrNotShared] where off is no
// longer held, as it happens with a body that turned out to be too long to
// be kept.
//
// A body that is not kept waits for its slowest reader: whoever reads does
// so in another goroutine than the writer's, and closes what it gives up.
func (o *Object) Reader(off, length int64) (*Reader, error) {
	r := &Reader{body: o.body, off: off, end: -1}
	if length >= 0 {
		r.end = off + length
	}
	b := o.body
	if b.complete.Load() {
		return r, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if off < b.base || b.gone {
		return nil, ErrNotShared
	}
	b.readers = append(b.readers, r)
	r.listed = true
	return r, nil
}

// Next returns the bytes that follow, without copying: at least one byte, or
// an error. It waits for the writer. At the end the error is io.EOF; where
// the writer gave up it is the writer's error; where ctx ends, ctx's. ctx is
// asked only when there is something to wait for. The bytes must not be
// written to; they stay valid.
func (r *Reader) Next(ctx context.Context) ([]byte, error) {
	if r.end >= 0 && r.off >= r.end {
		return nil, io.EOF
	}
	if r.body.complete.Load() {
		return r.nextComplete()
	}
	for {
		p, wait, err := r.take()
		if wait == nil {
			return p, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// nextComplete is Next without the lock.
func (r *Reader) nextComplete() ([]byte, error) {
	for chunks := r.body.chunks; r.index < len(chunks); r.index++ {
		c := chunks[r.index]
		if next := r.start + int64(len(c)); r.off >= next {
			r.start = next
			continue
		}
		return r.cut(c[r.off-r.start:]), nil
	}
	return nil, io.EOF
}

// take is Next if that need not wait; otherwise it returns what to wait for.
func (r *Reader) take() (p []byte, wait chan struct{}, err error) {
	b := r.body
	b.mu.Lock()
	defer b.mu.Unlock()
	start := b.base
	for _, c := range b.chunks {
		if next := start + int64(len(c)); r.off >= next {
			start = next
			continue
		}
		p = r.cut(c[r.off-start:])
		b.memory.release(b.trim())
		return p, nil, nil
	}
	switch {
	case b.ended && b.err != nil:
		return nil, nil, b.err
	case b.ended:
		return nil, nil, io.EOF
	}
	return nil, await(&b.wake), nil
}

// cut advances over the bytes that it returns.
func (r *Reader) cut(p []byte) []byte {
	if r.end >= 0 && int64(len(p)) > r.end-r.off {
		p = p[:r.end-r.off]
	}
	r.off += int64(len(p))
	return p
}

// Ready reports whether Next would return without waiting.
func (r *Reader) Ready() bool {
	b := r.body
	if b.complete.Load() || r.end >= 0 && r.off >= r.end {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended || r.off < b.size
}

// Close says that no more will be read. It may be called more than once.
func (r *Reader) Close() {
	if !r.listed {
		return
	}
	r.listed = false
	b := r.body
	b.mu.Lock()
	if i := slices.Index(b.readers, r); i >= 0 {
		b.readers = slices.Delete(b.readers, i, i+1)
	}
	freed := b.trim()
	b.mu.Unlock()
	b.memory.release(freed)
}
