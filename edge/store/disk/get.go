package disk

import (
	"hash/crc32"
	"io"
	"iter"
	"slices"
)

// Record is one that Get has found. Its body is read from it, once, before
// Get goes on to the next.
type Record struct {
	Variant uint64
	Head    []byte // the caller's
	Size    int64  // of the body, in bytes

	log  *Log
	key  string
	at   *place
	read int64 // so much of the body
	sum  uint32
}

// Get finds the records of key, the earliest first, and counts them as used.
// One whose head does not meet its checksum is left out, and forgotten.
// Wanted says which variants there is a use for; nil means all.
func (l *Log) Get(key string, wanted func(variant uint64) bool) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
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
		defer func() {
			for i := range places {
				places[i].segment.release()
			}
		}()
		for i := range slices.Backward(places) {
			p := &places[i]
			head, err := p.head(key)
			if err != nil {
				l.forget(key, p)
				continue
			}
			if !yield(&Record{Variant: p.variant, Head: head, Size: p.body, log: l, key: key, at: p}) {
				return
			}
		}
	}
}

// Read reads the body. The end of a body that meets its checksum is io.EOF;
// one that does not is another error, and the record is forgotten.
func (r *Record) Read(b []byte) (int, error) {
	left := r.Size - r.read
	if left == 0 {
		if r.sum != r.at.bodySum {
			r.log.forget(r.key, r.at)
			return 0, errNoRecord
		}
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), left)]
	if err := r.at.segment.readFull(b, r.at.at+int64(r.at.header)+r.read); err != nil {
		r.log.forget(r.key, r.at)
		return 0, err
	}
	r.read += int64(len(b))
	r.sum = crc32.Update(r.sum, castagnoli, b)
	return len(b), nil
}

// head reads prefix, key and head, verifies them and returns the head.
func (p *place) head(key string) ([]byte, error) {
	b := make([]byte, p.header)
	if err := p.segment.readFull(b, p.at); err != nil {
		return nil, err
	}
	x, err := parsePrefix(b, p.segment.mark)
	if err != nil {
		return nil, err
	}
	k, head, err := x.check(b)
	if err != nil || string(k) != key || x.variant != p.variant || int64(x.body) != p.body {
		return nil, errNoRecord
	}
	return head, nil
}

// forget takes one place out of the index, if it is still there: it cannot be
// read now.
func (l *Log) forget(key string, p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.remove(key, func(o *place) bool { return o.segment == p.segment && o.at == p.at }) > 0 {
		l.orphaned(key, p.segment)
	}
}
