package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Open opens the log in a directory, which it makes if there is none, and
// reads what is there. A record that was cut off at the end is dropped. Where
// bytes in the middle are none, which no kill leaves behind, a deletion may
// have stood there: then all that is older is dropped, too. Only one process
// has a log open at a time.
func Open(o Options) (*Log, error) {
	if o.Bytes < MinBytes {
		return nil, fmt.Errorf("open %s: %d bytes are too few, the least is %d", o.Dir, o.Bytes, MinBytes)
	}
	if o.Segment == 0 {
		o.Segment = min(o.Bytes/parts, MaxSegment)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	l := &Log{dir: o.Dir, limit: o.Bytes, segment: o.Segment, index: map[string][]place{}}
	var err error
	if l.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	if err := l.recover(); err != nil {
		for _, s := range l.segments {
			s.release()
		}
		return nil, errors.Join(fmt.Errorf("open %s: %w", o.Dir, err), l.lock.Close())
	}
	return l, nil
}

// recover reads all segments, oldest first.
func (l *Log) recover() error {
	names, err := filepath.Glob(filepath.Join(l.dir, "*.segment"))
	if err != nil {
		return err
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.SortFunc(numbers, cmp.Compare)
	for i, n := range numbers {
		if err := l.recoverSegment(n, i == len(numbers)-1); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) recoverSegment(number uint64, last bool) error {
	s, err := openSegment(l.dir, number)
	if errors.Is(err, errNoRecord) {
		// Of another version, or being made when the process was killed.
		if !last {
			if err := l.lose(); err != nil {
				return err
			}
		}
		return os.Remove(segmentName(l.dir, number))
	}
	if err != nil {
		return err
	}
	if err := l.read(s, last); err != nil {
		s.release()
		return err
	}
	l.segments = append(l.segments, s)
	l.bytes.Add(s.size)
	return nil
}

// read enters the records of a segment into the index. What is no record at
// the end of the last segment was being written, and is cut off.
func (l *Log) read(s *segment, last bool) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	for c := newScan(s, info.Size()); ; {
		f, err := c.next()
		ended := err == io.EOF //nolint:errorlint // an end is io.EOF itself
		if err != nil && !ended {
			return err
		}
		if f.hole && (!ended || !last) {
			if err := l.lose(); err != nil {
				return err
			}
		}
		if ended {
			break
		}
		l.replay(s, &f)
		s.size = c.at
	}
	switch {
	case s.size == info.Size():
		return nil
	case last:
		return s.file.Truncate(s.size)
	}
	s.size = info.Size() // the hole stays, so that each Open sees it
	return nil
}

func (l *Log) replay(s *segment, f *found) {
	if f.kind == kindDeletion {
		l.remove(f.key, func(*place) bool { return true })
		return
	}
	l.enter(f.key, place{segment: s, at: f.at, header: uint32(f.headerSize), bodySum: f.bodySum, body: int64(f.body), variant: f.variant})
}

// lose forgets everything read so far: a deletion of it may be lost.
func (l *Log) lose() error {
	clear(l.index)
	l.families, l.records, l.orphans = Families{}, 0, nil
	for len(l.segments) > 0 {
		if err := l.removeOldest(); err != nil {
			return err
		}
	}
	return nil
}
