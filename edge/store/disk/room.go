package disk

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"syscall"
)

// makeRoom returns the segment to which size bytes can be appended, and sees
// to it that the files stay within the limit. The writing lock is held, here
// and below.
func (l *Log) makeRoom(size int64, keep func(string, uint64) bool) (*segment, error) {
	if _, err := l.last(size, nil); err != nil {
		return nil, err
	}
	for l.bytes.Load()+size+segmentHeader > l.limit && len(l.segments) > 1 {
		if err := l.retire(l.segments[0].size/moveShare, keep); err != nil {
			return nil, err
		}
	}
	return l.last(size, nil)
}

// last is the segment to which size bytes can be appended: the last one, or
// another that it begins. It is not the one given.
func (l *Log) last(size int64, not *segment) (*segment, error) {
	number := uint64(1)
	if n := len(l.segments); n > 0 {
		s := l.segments[n-1]
		if s != not && !s.spoiled && (s.size == segmentHeader || s.size+size <= l.segment) {
			return s, nil
		}
		number = s.number + 1
	}
	s, err := newSegment(l.dir, number)
	if err != nil {
		return nil, err
	}
	l.segments = append(l.segments, s)
	l.bytes.Add(s.size)
	return s, nil
}

// full reports whether a write failed for want of room on the disk: others
// have taken it, or there never was as much as the limit.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// yield makes room on a disk that is full: the oldest segment goes, and
// nothing of it moves on.
func (l *Log) yield() error {
	if len(l.segments) == 0 {
		return nil
	}
	return l.retire(0, nil)
}

// moveShare bounds what retiring a segment may carry on: half of it, so that
// the log gets shorter each time.
const moveShare = 2

// retire removes the oldest segment. What was used moves to the end, as far
// as the budget of bytes lets it.
func (l *Log) retire(budget int64, keep func(string, uint64) bool) error {
	oldest, holes := l.segments[0], false
	for c := newScan(oldest, oldest.size); ; {
		f, err := c.next()
		holes = holes || f.hole
		if err != nil {
			holes = holes || err != io.EOF //nolint:errorlint // an end is io.EOF itself
			break
		}
		if err := l.carry(oldest, f.key, f.at, &budget, keep); err != nil {
			return err
		}
	}
	if holes {
		l.forgetAll(oldest)
	}
	return l.removeOldest()
}

// forgetAll takes all places in a segment out of the index: those that can no
// longer be read, too.
func (l *Log) forgetAll(s *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.index {
		l.remove(key, func(p *place) bool { return p.segment == s })
	}
}

// removeOldest removes the file of the oldest segment. The index has nothing
// of it any more.
func (l *Log) removeOldest() error {
	oldest := l.segments[0]
	if err := os.Remove(segmentName(l.dir, oldest.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.orphanedAll(oldest)
		return err // it stays the oldest: the next try is for it
	}
	l.segments = l.segments[1:]
	l.bytes.Add(-oldest.size)
	oldest.release()
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.orphans, func(_ string, newest uint64) bool { return newest <= oldest.number })
	return nil
}

// orphanedAll notes that nothing of a segment is in the index.
func (l *Log) orphanedAll(s *segment) {
	for c := newScan(s, s.size); ; {
		f, err := c.next()
		if err != nil {
			return
		}
		l.mu.Lock()
		l.orphaned(f.key, s)
		l.mu.Unlock()
	}
}

// carry moves the record at a place to the end of the log, or forgets it. A
// record that the index does not point to has been replaced or deleted; so
// has a deletion done its work: all that it deleted is older, and gone.
func (l *Log) carry(from *segment, key string, at int64, budget *int64, keep func(string, uint64) bool) error {
	p, ok := l.placeAt(key, from, at)
	if !ok {
		return nil
	}
	if p.size() <= *budget && (p.used || keep != nil && keep(key, p.variant)) {
		b := make([]byte, p.size())
		if from.readFull(b, at) == nil {
			*budget -= p.size()
			return l.move(key, p, b)
		}
	}
	l.forget(key, &p)
	return nil
}

// placeAt is what the index has of key at that place.
func (l *Log) placeAt(key string, s *segment, at int64) (place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.index[key] {
		if p.segment == s && p.at == at {
			return p, true
		}
	}
	return place{}, false
}

// move appends the bytes of a record to the log and lets the index know.
func (l *Log) move(key string, p place, b []byte) error {
	last, err := l.last(p.size(), p.segment)
	if err != nil {
		return err
	}
	at, err := last.append(b)
	if err != nil {
		return err
	}
	l.bytes.Add(p.size())
	l.mu.Lock()
	defer l.mu.Unlock()
	places := l.index[key]
	for i := range places {
		if o := &places[i]; o.segment == p.segment && o.at == p.at {
			o.segment, o.at, o.used = last, at, false
		}
	}
	return nil
}
