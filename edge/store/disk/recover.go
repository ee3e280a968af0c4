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
// reads what is there. A record that was cut off is dropped with what is
// behind it in its segment. Only one process has a log open at a time.
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
	for _, n := range numbers {
		f, err := os.OpenFile(segmentName(l.dir, n), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		s := &segment{number: n, file: f}
		s.users.Store(1)
		l.segments = append(l.segments, s)
		if err := l.read(s); err != nil {
			return err
		}
		l.bytes.Add(s.size)
	}
	return nil
}

// window is what is read at a time while looking for records: most heads
// with their keys fit in, and most bodies do not.
const window = 4 << 10

// read enters the records of a segment into the index and cuts off what is
// no record.
func (l *Log) read(s *segment) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	buf := make([]byte, window)
	for s.size < size {
		n, err := s.file.ReadAt(buf[:min(int64(len(buf)), size-s.size)], s.size)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		x, err := parsePrefix(buf[:n])
		if err != nil || s.size+x.size() > size {
			break
		}
		if x.headerSize > int64(n) {
			if x.headerSize > int64(len(buf)) {
				buf = make([]byte, x.headerSize)
			}
			if err := s.readFull(buf[:x.headerSize], s.size); err != nil {
				return err
			}
		}
		key, _, err := x.check(buf)
		if err != nil {
			break
		}
		l.replay(s, string(key), &x)
		s.size += x.size()
	}
	if s.size == size {
		return nil
	}
	return s.file.Truncate(s.size)
}

func (l *Log) replay(s *segment, key string, x *prefix) {
	if x.kind == kindDeletion {
		l.remove(key, func(*place) bool { return true })
		return
	}
	l.enter(key, place{segment: s, at: s.size, header: uint32(x.headerSize), bodySum: x.bodySum, body: int64(x.body), variant: x.variant})
}
