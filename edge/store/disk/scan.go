package disk

import (
	"bytes"
	"errors"
	"io"
)

// scan reads the records of a segment in their order, without their bodies.
type scan struct {
	segment *segment
	at, end int64 // of the bytes that have not been looked at
	buf     []byte
}

// found is a record that a scan has come to.
type found struct {
	prefix
	key string
	at  int64
	// hole: bytes before it are no record.
	hole bool
}

// window is what is read at a time while looking for records: most heads
// with their keys fit in, and most bodies do not.
const window = 4 << 10

func newScan(s *segment, end int64) *scan {
	return &scan{segment: s, at: segmentHeader, end: end, buf: make([]byte, window)}
}

// next finds the next record. Where bytes are none, it looks for the
// segment's mark behind them, which only a record has. The error is io.EOF
// where there is no record any more; hole then tells of the end.
func (c *scan) next() (f found, err error) {
	for c.at < c.end {
		ok, err := c.record(&f)
		if err != nil {
			return f, err
		}
		if ok {
			c.at += f.size()
			return f, nil
		}
		f.hole = true
		if err := c.seek(); err != nil {
			return f, err
		}
	}
	return f, io.EOF
}

// record reads the record at c.at, if there is one.
func (c *scan) record(f *found) (ok bool, err error) {
	s := c.segment
	n, err := s.file.ReadAt(c.buf[:min(int64(len(c.buf)), c.end-c.at)], c.at)
	if errors.Is(err, io.EOF) {
		err = nil // n says where
	}
	if err != nil {
		return false, err
	}
	x, none := parsePrefix(c.buf[:n], s.mark)
	if ours := none == nil && c.at+x.size() <= c.end; !ours {
		return false, nil
	}
	if x.headerSize > int64(n) {
		if x.headerSize > int64(len(c.buf)) {
			c.buf = make([]byte, x.headerSize)
		}
		if err := s.readFull(c.buf[:x.headerSize], c.at); err != nil {
			return false, err
		}
	}
	key, _, none := x.check(c.buf)
	if none == nil {
		f.prefix, f.key, f.at = x, string(key), c.at
	}
	return none == nil, nil
}

// seek goes on to the next place behind c.at where the mark stands, or to the
// end.
func (c *scan) seek() error {
	for c.at++; c.at < c.end; {
		b := c.buf[:min(int64(len(c.buf)), c.end-c.at)]
		if err := c.segment.readFull(b, c.at); err != nil {
			return err
		}
		if i := bytes.Index(b, c.segment.mark[:]); i >= 0 {
			c.at += int64(i)
			return nil
		}
		if c.at+int64(len(b)) == c.end {
			break
		}
		c.at += int64(len(b) - len(mark{}) + 1) // it may stand across two windows
	}
	c.at = c.end
	return nil
}
