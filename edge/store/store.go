// Package store keeps response bodies and their heads in memory, within a
// bound of bytes.
//
// A reader finds what is stored by its key without a lock and without an
// allocation. A response that is on its way in can be read by many while one
// writes it (collapsed forwarding). What is no longer wanted leaves by
// S3-FIFO: Yang et al., "FIFO queues are all you need for cache eviction",
// SOSP 2023.
package store

import (
	"context"
	"io"
	"net"

	"waypost/http/cache"
	"waypost/http/field"
)

// Memory is a store in memory. It is safe for concurrent use.
type Memory struct{}

// NewMemory returns a store that holds at most maxBytes, everything counted:
// bodies, heads, keys and its own structures.
func NewMemory(maxBytes int64) *Memory { return &Memory{} }

// Get returns what is stored under key, or nil. It takes no lock and does
// not allocate.
func (m *Memory) Get(key []byte) *Entry { return nil }

// Purge drops everything stored under key and keeps what is on its way in
// from being stored. Who is reading finishes undisturbed. It returns the
// number of objects dropped.
func (m *Memory) Purge(key []byte) int { return 0 }

// PurgeAll is Purge for every key.
func (m *Memory) PurgeAll() int { return 0 }

// Len is the number of objects stored.
func (m *Memory) Len() int { return 0 }

// Bytes is the memory in use, that of objects on their way in included. It
// never exceeds the limit.
func (m *Memory) Bytes() int64 { return 0 }

// Limit is the maxBytes of NewMemory.
func (m *Memory) Limit() int64 { return 0 }

// Refresh replaces old, stored under key, by one with the same body and
// another head (RFC 9111 §4.3.4), and returns it. Where old is no longer
// stored, the new object is returned all the same, without being stored.
func (m *Memory) Refresh(key []byte, old *Object, head *cache.Response) *Object { return nil }

// SetHead gives o the bytes of its serialised head; the first call wins.
// They are counted, and not kept where they do not fit.
func (m *Memory) SetHead(o *Object, head []byte) {}

// Entry is what is stored under one key: the variants of one resource. It is
// immutable: a change makes another one.
type Entry struct {
	// Variants are the objects, most recently stored first, and Responses
	// their heads in the same order, as cache.Select wants them.
	Variants  []*Object
	Responses []*cache.Response
}

// Select returns the most recent variant that the request selects
// (RFC 9111 §4.1), or nil, and counts it as used. It may be called on nil.
func (e *Entry) Select(rules *cache.Rules, req field.Fields) *Object { return nil }

// Object is one stored response, or one on its way in. All is read-only.
type Object struct {
	cache.Response
	Key string
}

// Touch counts o as used, as Select does.
func (o *Object) Touch() {}

// Complete reports whether the whole body is there.
func (o *Object) Complete() bool { return false }

// Size is the length of the body: of a complete one, or the one announced
// to Start; -1 while it is unknown.
func (o *Object) Size() int64 { return -1 }

// Chunks returns the body of a complete object, in as few slices as it was
// stored in: one up to 64 KiB. They must not be written to. It is nil while
// the object is on its way in.
func (o *Object) Chunks() net.Buffers { return nil }

// Head returns what SetHead gave, or nil.
func (o *Object) Head() []byte { return nil }

// Reader returns a reader of the body from byte offset off on; length -1
// reads to the end. Close it. It fails with [ErrNotShared] on an object on
// its way in whose first bytes are no longer held.
func (o *Object) Reader(off, length int64) (*Reader, error) { return nil, nil }

// Reader reads one object's body, while it comes in if need be. It is used
// by one goroutine at a time.
type Reader struct{}

// Next returns the bytes that follow, without copying: at least one byte, or
// an error. It waits for the writer. At the end the error is io.EOF; where
// the writer gave up it is the writer's error; where ctx ends, ctx's. ctx is
// asked only when there is something to wait for. The bytes must not be
// written to; they stay valid.
func (r *Reader) Next(ctx context.Context) ([]byte, error) { return nil, io.EOF }

// Ready reports whether Next would return without waiting.
func (r *Reader) Ready() bool { return true }

// Close says that no more will be read.
func (r *Reader) Close() {}

// Begin starts fetching what is not stored. The first to come leads: it gets
// a Filling. Those who come while it is at work get a Joining. Exactly one of
// the two is not nil.
func (m *Memory) Begin(key []byte) (lead *Filling, join *Joining) { return nil, nil }

// BeginAlone starts a Filling that nobody joins.
func (m *Memory) BeginAlone(key []byte) *Filling { return nil }

// Joining is a place in the queue behind a leader.
type Joining struct{}

// Head waits for the leader's response head and returns the object that it
// fills; the caller then decides whether its own request may be answered by
// it (cache.Matches, cache.Use). The error is ctx's, or [ErrNotShared] when
// the leader found out that its response is for nobody else, or the error
// that the leader gave up with.
func (j *Joining) Head(ctx context.Context) (*Object, error) { return nil, ErrNotShared }

// Next is for a joiner whom the leader's response does not suit, as with
// another variant: the next fetch of the same key under way to join, or the
// lead of a new one.
func (j *Joining) Next() (lead *Filling, join *Joining) { return nil, nil }

// Filling is the right to write one object. Its holder ends it with Commit
// or Abort; `defer f.Abort(err)` after Begin makes sure that nobody waits
// for a leader that is gone. It is used by one goroutine at a time.
type Filling struct{}

// Start publishes the response head to those who wait, with the body's
// length or -1. With keep the object will be stored by Commit, in place of
// replaces if that is not nil and of any variant with the same Selecting.
// A body longer than the store's limit for one object is let through
// without being kept.
func (f *Filling) Start(head *cache.Response, length int64, keep bool, replaces *Object) *Object {
	return nil
}

// Refuse tells those who wait that the response is not for them: their Head
// returns [ErrNotShared]. The Filling is over.
func (f *Filling) Refuse() {}

// Joined is the number of those who joined.
func (f *Filling) Joined() int { return 0 }

// Write appends to the body and wakes the readers.
func (f *Filling) Write(p []byte) (int, error) { return len(p), nil }

// Buffer returns room for the bytes that follow, at least one, so that they
// can be read in place; Advance then appends the first n of them.
func (f *Filling) Buffer() []byte { return nil }

// Advance appends the first n bytes of the last Buffer.
func (f *Filling) Advance(n int) error { return nil }

// Wanted reports whether the body still serves somebody: it will be kept, or
// it is being read.
func (f *Filling) Wanted() bool { return true }

// Commit ends the body and stores the object if it is to be kept. It reports
// whether it was stored.
func (f *Filling) Commit() (stored bool) { return false }

// Abort gives up: readers get err after the bytes that are there. After
// Commit, Refuse or Abort it does nothing.
func (f *Filling) Abort(err error) {}

type storeError string

func (e storeError) Error() string { return string(e) }

// ErrNotShared: the response is for the leader alone; ask the origin.
const ErrNotShared = storeError("the response is not shared")
