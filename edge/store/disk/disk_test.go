package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func reopen(t testing.TB, l *Log, o Options) *Log {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, o)
}

// killed is reopen after the process has ended without a word.
func killed(t testing.TB, l *Log, o Options) *Log {
	t.Helper()
	for _, s := range l.segments {
		s.release()
	}
	l.segments, l.closed = nil, true
	if err := l.lock.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, o)
}

func put(t testing.TB, l *Log, key string, variant uint64, head, body string) {
	t.Helper()
	if err := l.Put(key, variant, []byte(head), [][]byte{[]byte(body[:len(body)/2]), []byte(body[len(body)/2:])}, nil); err != nil {
		t.Fatal(err)
	}
}

// got is what Get finds, as "variant head body" lines, the latest first.
func got(l *Log, key string) (all []string) {
	for r := range l.Get(key, nil) {
		if body, err := io.ReadAll(r); err == nil {
			all = append(all, fmt.Sprintf("%d %s %s", r.Variant, r.Head, body))
		}
	}
	slices.Reverse(all)
	return all
}

func want(t testing.TB, l *Log, key string, lines ...string) {
	t.Helper()
	if g := got(l, key); !slices.Equal(g, lines) {
		t.Errorf("%s: got %q, want %q", key, g, lines)
	}
}

func TestLog(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "made"), Bytes: MinBytes}
	l := open(t, o)
	put(t, l, "a", 1, "head", "body")
	put(t, l, "a", 2, "", "")
	put(t, l, "b", 1, "h", "b")
	put(t, l, "a", 1, "head 2", "body 2")
	put(t, l, "c", 7, "h", "gone")
	if of, err := l.Delete("c"); !slices.Equal(of, []uint64{7}) || err != nil {
		t.Errorf("Delete = %d, %v", of, err)
	}
	for range 2 { // the same before and after a restart
		want(t, l, "a", "1 head 2 body 2", "2  ")
		want(t, l, "b", "1 h b")
		want(t, l, "c")
		want(t, l, "nobody")
		if l.Len() != 3 || !l.Has([]byte("b")) || l.Has([]byte("c")) {
			t.Errorf("%d records", l.Len())
		}
		if h := l.Heads("a"); len(h) != 2 || string(h[0]) != "head 2" {
			t.Errorf("heads %q", h)
		}
		l = reopen(t, l, o)
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	l := open(t, Options{Dir: t.TempDir(), Bytes: MinBytes})
	if err := l.Put("k", 0, nil, [][]byte{make([]byte, MinBytes/parts)}, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record of a whole segment: %v", err)
	}
	if err := l.Put(string(make([]byte, MaxKey+1)), 0, nil, nil, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a long key: %v", err)
	}
	if _, err := Open(Options{Dir: t.TempDir(), Bytes: 1}); err == nil {
		t.Error("a log of one byte was opened")
	}
}

// TestOneProcess: a second opening of the directory is refused.
func TestOneProcess(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	open(t, o)
	if _, err := Open(o); err == nil {
		t.Error("opened twice")
	}
}

// TestTorn cuts the file at every byte of its last record, and flips each:
// what was whole before is there, what is not whole is not.
func TestTorn(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	put(t, l, "first", 0, "head", "the first body")
	whole := l.Bytes()
	put(t, l, "last", 0, "head", "the last body")
	all := l.Bytes()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := segmentName(o.Dir, 1)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, at int64, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, o)
		want(t, l, "first", "0 head the first body")
		if g := got(l, "last"); len(g) != 0 {
			t.Errorf("%s at %d: the last record is %q", what, at, g)
		}
		put(t, l, "next", 0, "", "goes on") // behind what was cut
		l = reopen(t, l, o)
		want(t, l, "next", "0  goes on")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for at := whole; at < all; at++ {
		try("cut", at, text[:at])
		flipped := bytes.Clone(text)
		flipped[at] ^= 0x10
		try("flip", at, flipped)
	}
}

// TestRoom: the log keeps to its bytes; what is in use stays, although far
// more has been written since, and what was written last is there.
func TestRoom(t *testing.T) {
	o := Options{Dir: t.TempDir(), Bytes: MinBytes}
	l := open(t, o)
	body := string(make([]byte, 1000))
	put(t, l, "used", 0, "", body)
	put(t, l, "kept", 0, "", body)
	kept := func(key string, _ uint64) bool { return key == "kept" }
	for i := range 5000 {
		if err := l.Put(fmt.Sprint("scan ", i), 0, nil, [][]byte{[]byte(body)}, kept); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			got(l, "used")
		}
		if l.Bytes() > o.Bytes {
			t.Fatalf("%d bytes, the limit is %d", l.Bytes(), o.Bytes)
		}
	}
	for range 2 {
		for key, stays := range map[string]bool{"used": true, "kept": true, "scan 0": false, "scan 4999": true, "scan 4500": true} {
			if l.Has([]byte(key)) != stays {
				t.Errorf("%s is there: %v, want %v", key, !stays, stays)
			}
		}
		l = reopen(t, l, o)
	}
}

// TestModel does anything at random beside a map that does the same, being
// killed now and then, and never more than the log may forget.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		o := Options{Dir: t.TempDir(), Bytes: MinBytes, Segment: 8 << 10}
		l := open(t, o)
		model := map[string]string{}
		for step := range 2000 {
			key := fmt.Sprint("key ", rnd.IntN(400))
			switch rnd.IntN(20) {
			case 0:
				delete(model, key)
				if _, err := l.Delete(key); err != nil {
					t.Fatal(err)
				}
			case 1:
				if rnd.IntN(20) == 0 {
					l = killed(t, l, o)
				}
			case 2, 3, 4, 5, 6, 7:
				g := got(l, key)
				if len(g) > 1 || len(g) == 1 && g[0] != model[key] {
					t.Fatalf("seed %d step %d: %q, want %q", seed, step, g, model[key])
				}
				if len(g) == 0 && model[key] != "" && l.Bytes() < MinBytes/2 {
					t.Fatalf("seed %d step %d: %s was forgotten without need", seed, step, key)
				}
			default:
				body := string(bytes.Repeat([]byte{byte('a' + rnd.IntN(26))}, rnd.IntN(6000)))
				put(t, l, key, 0, "h", body)
				model[key] = "0 h " + body
			}
		}
	}
}

func BenchmarkOpen100k(b *testing.B) {
	o := Options{Dir: b.TempDir(), Bytes: 4 << 30}
	l, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	head, body := make([]byte, 400), make([]byte, 4<<10)
	for i := range 100_000 {
		if err := l.Put(fmt.Sprint("shop https://www.shop.test/assets/item/", i), 0, head, [][]byte{body}, nil); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		if l, err = Open(o); err != nil || l.Len() != 100_000 {
			b.Fatal(err, l.Len())
		}
	}
	_ = l.Close()
}

// FuzzOpen reads any bytes as a segment: Open never fails over them, and
// what it finds is whole.
func FuzzOpen(f *testing.F) {
	// A segment whose mark is zeros, as appendHeader leaves it.
	segment := append([]byte(segmentFormat), make([]byte, len(mark{}))...)
	f.Add(appendHeader(segment, kindRecord, "k", 1, []byte("head"), 0, 0))
	f.Add(append(appendHeader(segment, kindRecord, "k", 1, nil, 0x1b, 2), "ab"...))
	f.Add(appendHeader(appendHeader(segment, kindRecord, "k", 1, nil, 0, 0), kindDeletion, "k", 0, nil, 0, 0))
	f.Add(appendHeader(append(appendHeader(segment, kindRecord, "k", 1, nil, 0, 0), "a hole"...), kindDeletion, "k", 0, nil, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := Options{Dir: t.TempDir(), Bytes: MinBytes}
		if err := os.WriteFile(segmentName(o.Dir, 3), b, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, o)
		if l.Bytes() > int64(len(b)) {
			t.Errorf("%d bytes of %d", l.Bytes(), len(b))
		}
		var keys []string
		l.Keys(func(key string) bool { keys = append(keys, key); return true })
		for _, key := range keys {
			got(l, key)
		}
	})
}
