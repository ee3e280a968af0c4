//go:build linux || darwin || freebsd

package disk

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestTornWrite: a file may not grow any more in the middle of a record. What
// was written of it is cut off again; what is put later is there, and nothing
// else.
func TestTornWrite(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: 16 << 20}
	l := open(t, o)
	put(t, l, "first", 1, "h", "body")
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	now := was
	now.Cur = 100_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		t.Fatal(err)
	}
	err := l.Put("torn", 1, []byte("h"), [][]byte{make([]byte, 50_000), make([]byte, 100_000)}, nil)
	if again := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); again != nil {
		t.Fatal(again)
	}
	signal.Reset(syscall.SIGXFSZ)
	if err == nil {
		t.Fatal("it was written")
	}
	s := l.segments[0]
	if info, err := s.file.Stat(); err != nil || info.Size() != s.size || l.Bytes() != s.size {
		t.Errorf("the file has %d bytes, %v; counted are %d and %d", info.Size(), err, s.size, l.Bytes())
	}
	put(t, l, "next", 1, "h", "b")
	l = reopen(t, l, o)
	want(t, l, "first", "1 h body")
	want(t, l, "next", "1 h b")
	want(t, l, "torn")
}

// TestFullDisk: where the disk has no room left, the oldest segment gives its
// own, for records and for deletions.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there is no device that is always full:", err)
	}
	defer full.Close()
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	for i := 0; len(l.segments) < 3; i++ {
		put(t, l, fmt.Sprint(i), 1, "h", string(make([]byte, 10_000)))
	}
	put(t, l, "deleted", 1, "h", "b")
	was := l.segments[2].file
	defer was.Close()
	l.segments[2].file = full
	put(t, l, "k", 1, "h", "b")
	want(t, l, "k", "1 h b")
	want(t, l, "0")
	if len(l.segments) != 3 || l.segments[0].number != 2 || l.segments[2].number != 4 {
		t.Errorf("%d segments, from %d to %d", len(l.segments), l.segments[0].number, l.segments[2].number)
	}
	last := l.segments[2].file
	defer last.Close()
	if full, err = os.OpenFile("/dev/full", os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	l.segments[2].file = full
	if of, err := l.Delete("deleted"); len(of) != 1 || err != nil {
		t.Errorf("Delete = %v, %v", of, err)
	}
	for _, s := range l.segments {
		s.unsynced = false // the device cannot be synced
	}
	l = reopen(t, l, o)
	want(t, l, "deleted")
}
