package disk

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// segment is one file of the log. Readers hold it open by acquire, so that
// its removal waits for them.
type segment struct {
	number uint64
	file   *os.File
	size   int64 // what is written; guarded by the log's lock

	users atomic.Int64 // readers, and one for the log itself
}

func segmentName(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x.segment", number))
}

// segmentNumber reads a file's name; false for other files.
func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(filepath.Base(name), ".segment")
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

func newSegment(dir string, number uint64) (*segment, error) {
	f, err := os.OpenFile(segmentName(dir, number), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, file: f}
	s.users.Store(1)
	return s, nil
}

// acquire keeps the file open until release. It is called under the log's
// lock, while the segment is in the log.
func (s *segment) acquire() { s.users.Add(1) }

func (s *segment) release() {
	if s.users.Add(-1) == 0 {
		_ = s.file.Close() // it was only read since the log let go of it
	}
}

// append writes the pieces behind each other at the end. Nothing is counted
// as written where that fails.
func (s *segment) append(pieces ...[]byte) (at int64, err error) {
	at = s.size
	off := at
	for _, p := range pieces {
		if _, err := s.file.WriteAt(p, off); err != nil {
			return 0, err
		}
		off += int64(len(p))
	}
	s.size = off
	return at, nil
}

// readFull reads len(b) bytes at off.
func (s *segment) readFull(b []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(s.file, off, int64(len(b))), b)
	return err
}
