package disk

import (
	"bytes"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// forged is a whole record of that key as an origin could send it as a body.
func forged(key string, of mark) []byte {
	body := []byte("forged")
	b := append(appendHeader(nil, kindRecord, key, 7, []byte("head"), crc32.Checksum(body, castagnoli), int64(len(body))), body...)
	copy(b, of[:])
	return b
}

// spoil flips a bit of a closed log's file.
func spoil(t *testing.T, dir string, number uint64, at int64) {
	t.Helper()
	name := segmentName(dir, number)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x10
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBodyIsNoRecord: a body that holds a record is not read as one, though
// the head before it is lost. It would be if the mark could be guessed.
func TestBodyIsNoRecord(t *testing.T) {
	for _, guessed := range []bool{false, true} {
		o := Options{Dir: t.TempDir(), Bytes: MinBytes}
		l := open(t, o)
		put(t, l, "before", 1, "h", "b")
		at := l.segments[0].size
		of := mark{1, 2, 3}
		if guessed {
			of = l.segments[0].mark
		}
		put(t, l, "evil", 1, "h", string(bytes.Repeat(forged("bank https://bank.test/", of), 100)))
		put(t, l, "after", 1, "h", "b")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		spoil(t, o.Dir, 1, at+20)
		l = open(t, o)
		if there := len(got(l, "bank https://bank.test/")) > 0; there != guessed {
			t.Errorf("with the mark %v: the forged record is there: %v", guessed, there)
		}
		want(t, l, "after", "1 h b")
		want(t, l, "evil")
	}
}

// TestHole: where a record in the middle has become unreadable, what follows
// is there, deletions too; what is older is not, for it may have been one.
func TestHole(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	filler := string(make([]byte, MinBytes/parts/3))
	put(t, l, "older", 1, "h", filler)
	put(t, l, "purged", 1, "h", filler)
	for l.segments[len(l.segments)-1].number < 2 {
		put(t, l, "filler", 1, "h", filler)
	}
	at := l.segments[1].size
	put(t, l, "spoilt", 1, "h", "b")
	if _, err := l.Delete("purged"); err != nil {
		t.Fatal(err)
	}
	put(t, l, "after", 1, "h", "b")
	for l.segments[len(l.segments)-1].number < 3 {
		put(t, l, "filler", 1, "h", filler)
	}
	put(t, l, "last", 1, "h", "b")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, o.Dir, 2, at+20)
	l = open(t, o)
	for range 2 {
		want(t, l, "purged")
		want(t, l, "older")
		want(t, l, "spoilt")
		want(t, l, "after", "1 h b")
		want(t, l, "last", "1 h b")
		l = reopen(t, l, o)
	}
	for i := range 3 * MinBytes / len(filler) { // it goes like the others
		put(t, l, string(rune('a'+i)), 1, "", filler)
	}
	want(t, l, "after")
	if l.segments[0].number < 4 {
		t.Errorf("segment %d is there", l.segments[0].number)
	}
}

// TestOtherFormat: segments of another format are removed, and with them what
// is older.
func TestOtherFormat(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	put(t, l, "older", 1, "h", "b")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for number, text := range map[uint64]string{2: "wpr1 and so on, as they were in the first format", 3: ""} {
		if err := os.WriteFile(segmentName(o.Dir, number), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, o)
	want(t, l, "older")
	put(t, l, "new", 1, "h", "b")
	if names, err := filepath.Glob(filepath.Join(o.Dir, "*.segment")); len(names) != 1 || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	l = reopen(t, l, o)
	want(t, l, "new", "1 h b")
}

// TestDeletionFails: a deletion that cannot be written is an error, and made
// good by the next try.
func TestDeletionFails(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	put(t, l, "k", 1, "h", "body")
	file := l.segments[0].file
	readOnly, err := os.Open(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l.segments[0].file = readOnly
	if of, err := l.Delete("k"); err == nil || len(of) != 1 {
		t.Errorf("Delete = %v, %v", of, err)
	}
	want(t, l, "k")
	if of, err := l.Delete("k"); err != nil || len(of) != 0 {
		t.Errorf("Delete once more = %v, %v", of, err)
	}
	if n := l.segments[len(l.segments)-1].number; n != 2 {
		t.Errorf("it was written to segment %d, which cannot be written to", n)
	}
	l.segments[0].unsynced = false
	l = reopen(t, l, o)
	want(t, l, "k")
}

// TestDrop: what was dropped is back after a restart, unless it was deleted,
// too.
func TestDrop(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	for _, key := range []string{"kept", "deleted", "of" + FamilyMark + "1"} {
		put(t, l, key, 1, "h", "b")
		l.Drop(key, 1)
		want(t, l, key)
	}
	keys := map[string]bool{}
	l.Keys(func(key string) bool { keys[key] = true; return true })
	if len(keys) != 3 || len(l.Family("of")) != 1 || l.Len() != 0 {
		t.Errorf("Keys %v, Family %v, Len %d", keys, l.Family("of"), l.Len())
	}
	if of, err := l.Delete("deleted"); of != nil || err != nil {
		t.Errorf("Delete = %v, %v", of, err)
	}
	l = reopen(t, l, o)
	want(t, l, "kept", "1 h b")
	want(t, l, "deleted")
}

// TestMostVariants: those beyond the bound do not come back when the others
// are deleted.
func TestMostVariants(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	for i := range uint64(MaxVariants + 4) {
		put(t, l, "k", i, "h", "b")
	}
	for i := range uint64(MaxVariants + 4) {
		l.Drop("k", i)
	}
	if l.Len() != 0 {
		t.Errorf("%d records", l.Len())
	}
	if _, err := l.Delete("k"); err != nil {
		t.Fatal(err)
	}
	l = reopen(t, l, o)
	want(t, l, "k")
}

// TestRemovalFails: a segment that cannot be removed stays the oldest, and
// goes when it can.
func TestRemovalFails(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	put(t, l, "oldest", 1, "h", "b")
	name := segmentName(o.Dir, 1)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	inTheWay := filepath.Join(name, "in the way") // a directory with something in it
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	body, failed := make([]byte, 10_000), 0
	fill := func() {
		for range 2 * MinBytes / len(body) {
			if l.Put("k", 1, nil, [][]byte{body}, nil) != nil {
				failed++
			}
			if l.Bytes() > o.Bytes {
				t.Fatalf("%d bytes, the limit is %d", l.Bytes(), o.Bytes)
			}
		}
	}
	fill()
	if failed == 0 || l.segments[0].number != 1 {
		t.Errorf("%d failed; the oldest segment is %d", failed, l.segments[0].number)
	}
	want(t, l, "oldest")
	if _, orphan := l.orphans["oldest"]; !orphan {
		t.Error("a deletion of what the segment has would not be written")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	failed = 0
	fill()
	if failed > 0 || l.segments[0].number == 1 || len(l.orphans) > 0 {
		t.Errorf("%d failed; the oldest segment is %d; %d orphans", failed, l.segments[0].number, len(l.orphans))
	}
}
