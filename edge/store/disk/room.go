package disk

import "os"

// makeRoom sees to it that size bytes can be appended to the last segment and
// that the files stay within the limit. The writing lock is held, here and
// below.
func (l *Log) makeRoom(size int64, keep func(string, uint64) bool) error {
	n := len(l.segments)
	if n == 0 || l.segments[n-1].size > 0 && l.segments[n-1].size+size > l.segment {
		if err := l.extend(); err != nil {
			return err
		}
	}
	for l.bytes.Load()+size > l.limit && len(l.segments) > 1 {
		if err := l.retire(keep); err != nil {
			return err
		}
	}
	return nil
}

// extend begins another segment.
func (l *Log) extend() error {
	number := uint64(1)
	if n := len(l.segments); n > 0 {
		number = l.segments[n-1].number + 1
	}
	s, err := newSegment(l.dir, number)
	if err != nil {
		return err
	}
	l.segments = append(l.segments, s)
	return nil
}

// moveShare bounds what retiring a segment may carry on: half of it, so that
// the log gets shorter each time.
const moveShare = 2

// retire removes the oldest segment. What was used moves to the end, as far
// as moveShare lets it.
func (l *Log) retire(keep func(string, uint64) bool) error {
	oldest := l.segments[0]
	budget := oldest.size / moveShare
	for at := int64(0); at < oldest.size; {
		key, x, err := oldest.headerAt(at)
		if err != nil {
			break // what cannot be read goes
		}
		if err := l.carry(oldest, key, at, &budget, keep); err != nil {
			return err
		}
		at += x.size()
	}
	l.segments = l.segments[1:]
	l.bytes.Add(-oldest.size)
	err := os.Remove(segmentName(l.dir, oldest.number))
	oldest.release()
	return err
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
	last := l.segments[len(l.segments)-1]
	if last == p.segment || last.size+p.size() > l.segment {
		if err := l.extend(); err != nil {
			return err
		}
		last = l.segments[len(l.segments)-1]
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

// headerAt reads the record's prefix, key and head at an offset.
func (s *segment) headerAt(at int64) (key string, x prefix, err error) {
	var b [prefixSize]byte
	if err := s.readFull(b[:], at); err != nil {
		return "", x, err
	}
	if x, err = parsePrefix(b[:]); err != nil {
		return "", x, err
	}
	whole := make([]byte, x.headerSize)
	if err := s.readFull(whole, at); err != nil {
		return "", x, err
	}
	k, _, err := x.check(whole)
	return string(k), x, err
}
