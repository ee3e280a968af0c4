package disk

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Log is the store. It is safe for concurrent use.
type Log struct {
	dir     string
	limit   int64 // bytes of files
	segment int64 // bytes of one file, about
	lock    *os.File

	// writing is held by whoever writes to the files; it is taken before mu.
	writing  sync.Mutex
	segments []*segment // oldest first; the last is being written
	buf      []byte     // for headers
	closed   bool
	bytes    atomic.Int64 // of all files

	mu       sync.Mutex
	index    map[string][]place // by key: its variants, latest first
	families Families           // of the keys in index
	records  int
	// orphans are keys of which the files may have records that the index has
	// not, without a deletion behind them: with the number of the newest
	// segment that may. There are never more than records in the files.
	orphans map[string]uint64
}

// place is where a record is.
type place struct {
	segment *segment
	at      int64
	header  uint32 // prefix, key and head, in bytes
	bodySum uint32
	body    int64
	variant uint64
	used    bool // read since it was written
}

func (p *place) size() int64 { return int64(p.header) + p.body }

// MaxVariants is how many records of one key are kept, the latest.
const MaxVariants = 16

// Options say where the log is and how large.
type Options struct {
	Dir   string
	Bytes int64 // of all files; at least MinBytes
	// Segment is the size of a file, about; 0 means one of 16 parts of
	// Bytes, and MaxSegment at most.
	Segment int64
}

const (
	// MinBytes is the least that is of use: some segments of some records.
	MinBytes = 1 << 20
	// MaxSegment bounds what making room reads and writes at a time.
	MaxSegment = 256 << 20
	parts      = 16
)

// ErrClosed is what a closed log answers.
var ErrClosed = errors.New("the log is closed")

// ErrTooLarge: the record would take more than a segment, or its key or head
// is beyond MaxKey or MaxHead.
var ErrTooLarge = errors.New("the record is too large for the log")

// Put appends a record; it replaces the one with the same key and variant.
// The pieces of the body are written behind each other. Where room has to be
// made, keep is asked of the records about to go that have not been read
// since they were written: true moves them on. keep may be nil; it must not
// call the log.
func (l *Log) Put(key string, variant uint64, head []byte, body [][]byte, keep func(key string, variant uint64) bool) error {
	sum, length := uint32(0), int64(0)
	for _, b := range body {
		sum = crc32.Update(sum, castagnoli, b)
		length += int64(len(b))
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.fits(key, head, length); err != nil {
		return err
	}
	l.buf = appendHeader(l.buf[:0], kindRecord, key, variant, head, sum, length)
	header := len(l.buf)
	s, at, err := l.write(keep, append([][]byte{l.buf}, body...))
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enter(key, place{segment: s, at: at, header: uint32(header), bodySum: sum, body: length, variant: variant})
	return nil
}

func (l *Log) fits(key string, head []byte, body int64) error {
	switch {
	case l.closed:
		return ErrClosed
	case len(key) > MaxKey || len(head) > MaxHead || segmentHeader+prefixSize+int64(len(key)+len(head))+body > l.segment:
		return ErrTooLarge
	}
	return nil
}

// write appends a record to the last segment, or to a new one; on a disk that
// is full, in the room of the oldest. The writing lock is held.
func (l *Log) write(keep func(string, uint64) bool, pieces [][]byte) (*segment, int64, error) {
	s, at, err := l.append(keep, pieces)
	if full(err) {
		if err = l.yield(); err == nil {
			s, at, err = l.append(keep, pieces)
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("write to %s: %w", l.dir, err)
	}
	return s, at, nil
}

func (l *Log) append(keep func(string, uint64) bool, pieces [][]byte) (*segment, int64, error) {
	size := int64(0)
	for _, p := range pieces {
		size += int64(len(p))
	}
	s, err := l.makeRoom(size, keep)
	if err != nil {
		return nil, 0, err
	}
	at, err := s.append(pieces...)
	if err == nil {
		l.bytes.Add(size)
	}
	return s, at, err
}

// enter puts a place into the index, in front of the key's others. The lock
// is held.
func (l *Log) enter(key string, p place) {
	was := l.index[key]
	places := make([]place, 0, len(was)+1)
	places = append(places, p)
	for _, o := range was {
		switch {
		case o.variant == p.variant:
		case len(places) < MaxVariants:
			places = append(places, o)
		default:
			l.orphaned(key, o.segment)
		}
	}
	l.records += len(places) - len(was)
	l.index[key] = places
	if was == nil {
		l.families.Add(key)
	}
}

// orphaned notes that s has a record of key which the index has not. The lock
// is held.
func (l *Log) orphaned(key string, s *segment) {
	if l.orphans == nil {
		l.orphans = map[string]uint64{}
	}
	l.orphans[key] = max(l.orphans[key], s.number)
}

// Has reports whether there are records of key.
func (l *Log) Has(key []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.index[string(key)]) > 0
}

// Drop forgets one record of key, without a word on the disk: a restart may
// bring it back.
func (l *Log) Drop(key string, variant uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(key, func(p *place) bool {
		if p.variant != variant {
			return false
		}
		l.orphaned(key, p.segment)
		return true
	})
}

// remove takes the places of key that match out of the index and returns
// their number. The lock is held.
func (l *Log) remove(key string, match func(*place) bool) int {
	was := l.index[key]
	rest := make([]place, 0, len(was))
	for i := range was {
		if !match(&was[i]) {
			rest = append(rest, was[i])
		}
	}
	if len(rest) == 0 {
		delete(l.index, key)
		l.families.Remove(key)
	} else if len(rest) < len(was) {
		l.index[key] = rest
	}
	l.records -= len(was) - len(rest)
	return len(was) - len(rest)
}

// Delete forgets the records of key, for good: a restart after the process has
// ended, in whatever way, does not bring them back. It returns their variants.
// On error they are forgotten until the restart, and another try is worth it.
func (l *Log) Delete(key string) (variants []uint64, err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	for _, p := range l.index[key] {
		variants = append(variants, p.variant)
	}
	l.remove(key, func(*place) bool { return true })
	_, orphan := l.orphans[key]
	l.mu.Unlock()
	if l.closed || variants == nil && !orphan {
		return variants, nil
	}
	l.buf = appendHeader(l.buf[:0], kindDeletion, key, 0, nil, 0, 0)
	_, _, err = l.write(nil, [][]byte{l.buf})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		delete(l.orphans, key)
	} else if n := len(l.segments); n > 0 {
		l.orphaned(key, l.segments[n-1])
	}
	return variants, err
}

// Keys calls visit with every key that a restart may find records of, until it
// returns false: besides those that Has knows, such as Drop has forgotten.
// The order is arbitrary; visit must not call the log.
func (l *Log) Keys(visit func(key string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.index {
		if !visit(k) {
			return
		}
	}
	for k := range l.orphans {
		if l.index[k] == nil && !visit(k) {
			return
		}
	}
}

// Family returns the keys of a family, of those that Keys has.
func (l *Log) Family(name string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.families.Of(name)
	for k := range l.orphans {
		if of, ok := FamilyOf(k); ok && of == name && l.index[k] == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// Heads reads the heads of the records of key, without their bodies. One that
// cannot be read is nil.
func (l *Log) Heads(key string) [][]byte {
	l.mu.Lock()
	places := slices.Clone(l.index[key])
	for i := range places {
		places[i].segment.acquire()
	}
	l.mu.Unlock()
	var heads [][]byte
	for i := range places {
		head, _ := places[i].head(key)
		heads = append(heads, head)
		places[i].segment.release()
	}
	return heads
}

// Len is the number of records.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records
}

// Bytes is what the files take.
func (l *Log) Bytes() int64 { return l.bytes.Load() }

// Close writes what the system still holds to the disk and closes the files.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	l.mu.Lock()
	l.index, l.families, l.records, l.orphans = map[string][]place{}, Families{}, 0, nil
	l.mu.Unlock()
	var errs []error
	for _, s := range l.segments {
		if s.unsynced {
			errs = append(errs, s.file.Sync())
		}
		s.release()
	}
	l.segments = nil
	return errors.Join(append(errs, l.lock.Close())...)
}
