package disk

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// segment is one file of the log: a header, and records behind each other.
// Readers hold it open by acquire, so that its removal waits for them.
type segment struct {
	number uint64
	file   *os.File
	mark   mark

	// Guarded by the log's writing lock.
	size     int64 // what is written
	unsynced bool  // written to since it was opened
	spoiled  bool  // what a failed write has left could not be cut off: nothing is written behind it

	users atomic.Int64 // readers, and one for the log itself
}

// The header of a segment: its format, and its mark. Files of another format
// are removed by Open.
const (
	segmentFormat = "wpseg v2"
	segmentHeader = int64(len(segmentFormat) + len(mark{}))
)

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

// newSegment makes an empty segment, with a mark that nobody can guess. What
// an earlier try has left under its name is overwritten.
func newSegment(dir string, number uint64) (*segment, error) {
	name := segmentName(dir, number)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, file: f, size: segmentHeader, unsynced: true}
	s.users.Store(1)
	_, _ = rand.Read(s.mark[:]) // never fails
	if _, err := f.WriteAt(append([]byte(segmentFormat), s.mark[:]...), 0); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(name))
	}
	return s, nil
}

// openSegment opens one that is there; errNoRecord says that it is none of
// ours.
func openSegment(dir string, number uint64) (*segment, error) {
	f, err := os.OpenFile(segmentName(dir, number), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, file: f, size: segmentHeader}
	s.users.Store(1)
	var header [segmentHeader]byte
	err = s.readFull(header[:], 0)
	ours, found := bytes.CutPrefix(header[:], []byte(segmentFormat))
	if err == nil && found {
		s.mark = mark(ours)
		return s, nil
	}
	s.release()
	if err == nil || err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) { //nolint:errorlint // an end is io.EOF itself
		err = errNoRecord
	}
	return nil, err
}

// acquire keeps the file open until release. It is called under the log's
// lock, while the segment is in the log.
func (s *segment) acquire() { s.users.Add(1) }

func (s *segment) release() {
	if s.users.Add(-1) == 0 {
		_ = s.file.Close() // it was only read since the log let go of it
	}
}

// append writes a record, in pieces, at the end; the first piece begins with
// room for the mark. Where that fails, what has been written of it is cut off.
func (s *segment) append(pieces ...[]byte) (at int64, err error) {
	copy(pieces[0], s.mark[:])
	s.unsynced = true
	off := s.size
	for _, p := range pieces {
		if _, err := s.file.WriteAt(p, off); err != nil {
			s.spoiled = s.file.Truncate(s.size) != nil
			return 0, err
		}
		off += int64(len(p))
	}
	at, s.size = s.size, off
	return at, nil
}

// readFull reads len(b) bytes at off.
func (s *segment) readFull(b []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(s.file, off, int64(len(b))), b)
	return err
}
