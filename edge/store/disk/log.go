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
	s, at, err := l.write(keep, append([][]byte{l.buf}, body...)...)
	if err != nil {
		return fmt.Errorf("write to %s: %w", l.dir, err)
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
	case len(key) > MaxKey || len(head) > MaxHead || prefixSize+int64(len(key)+len(head))+body > l.segment:
		return ErrTooLarge
	}
	return nil
}

// write appends to the last segment, or to a new one. The writing lock is
// held.
func (l *Log) write(keep func(string, uint64) bool, pieces ...[]byte) (*segment, int64, error) {
	size := int64(0)
	for _, p := range pieces {
		size += int64(len(p))
	}
	if err := l.makeRoom(size, keep); err != nil {
		return nil, 0, err
	}
	s := l.segments[len(l.segments)-1]
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
		if o.variant != p.variant && len(places) < MaxVariants {
			places = append(places, o)
		}
	}
	l.records += len(places) - len(was)
	l.index[key] = places
	if was == nil {
		l.families.Add(key)
	}
}

// Has reports whether there are records of key.
func (l *Log) Has(key []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.index[string(key)]) > 0
}

// Record is what Get found.
type Record struct {
	Variant    uint64
	Head, Body []byte // the caller's
}

// Get reads the records of key, latest first, and counts them as used. What
// does not meet its checksum is left out, and forgotten. Wanted says which
// variants to read; nil means all.
func (l *Log) Get(key string, wanted func(variant uint64) bool) []Record {
	l.mu.Lock()
	places := slices.Clone(l.index[key])
	if wanted != nil {
		places = slices.DeleteFunc(places, func(p place) bool { return !wanted(p.variant) })
	}
	for i := range places {
		places[i].segment.acquire()
	}
	for i := range l.index[key] {
		l.index[key][i].used = true
	}
	l.mu.Unlock()
	var found []Record
	for i := range places {
		r, err := places[i].read(key)
		places[i].segment.release()
		if err != nil {
			l.forget(key, &places[i])
			continue
		}
		found = append(found, r)
	}
	return found
}

// read reads a whole record and verifies all of it.
func (p *place) read(key string) (Record, error) {
	b := make([]byte, p.size())
	if err := p.segment.readFull(b, p.at); err != nil {
		return Record{}, err
	}
	x, err := parsePrefix(b)
	if err != nil {
		return Record{}, err
	}
	k, head, err := x.check(b)
	if err != nil || string(k) != key || x.variant != p.variant || int64(x.body) != p.body {
		return Record{}, errNoRecord
	}
	body := b[p.header:]
	if crc32.Checksum(body, castagnoli) != p.bodySum {
		return Record{}, errNoRecord
	}
	return Record{p.variant, slices.Clone(head), body}, nil
}

// forget takes one place out of the index, if it is still there.
func (l *Log) forget(key string, p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(key, func(o *place) bool { return o.segment == p.segment && o.at == p.at })
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

// Delete forgets the records of key, for good: a restart does not bring them
// back. It returns their number.
func (l *Log) Delete(key string) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	n := l.remove(key, func(*place) bool { return true })
	l.mu.Unlock()
	if l.closed || n == 0 {
		return n, nil
	}
	l.buf = appendHeader(l.buf[:0], kindDeletion, key, 0, nil, 0, 0)
	if _, _, err := l.write(nil, l.buf); err != nil {
		return n, fmt.Errorf("write to %s: %w", l.dir, err)
	}
	return n, nil
}

// Keys calls visit with every key until it returns false. The order is
// arbitrary; visit must not call the log.
func (l *Log) Keys(visit func(key string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.index {
		if !visit(k) {
			return
		}
	}
}

// Family returns the keys of a family.
func (l *Log) Family(name string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.families.Of(name)
}

// Heads reads the heads of the records of key, without their bodies.
func (l *Log) Heads(key string) [][]byte {
	l.mu.Lock()
	places := slices.Clone(l.index[key])
	for i := range places {
		places[i].segment.acquire()
	}
	l.mu.Unlock()
	var heads [][]byte
	for i := range places {
		p := &places[i]
		b := make([]byte, p.header)
		if err := p.segment.readFull(b, p.at); err == nil {
			if x, err := parsePrefix(b); err == nil {
				if _, head, err := x.check(b); err == nil {
					heads = append(heads, head)
				}
			}
		}
		p.segment.release()
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
	l.index, l.families, l.records = map[string][]place{}, Families{}, 0
	l.mu.Unlock()
	var errs []error
	if n := len(l.segments); n > 0 {
		errs = append(errs, l.segments[n-1].file.Sync())
	}
	for _, s := range l.segments {
		s.release()
	}
	l.segments = nil
	return errors.Join(append(errs, l.lock.Close())...)
}
