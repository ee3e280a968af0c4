package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
)

var rules = &cache.Rules{Shared: true}

// response makes a head as cache.Stored returns it.
func response(req field.Fields, fields ...field.Line) *cache.Response {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return cache.Stored(rules, &cache.Request{Method: "GET", Fields: req}, &cache.Response{
		Status: 200, Asked: now, Received: now,
		Fields: append(field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}, fields...),
	})
}

// keep stores a body of n bytes under key.
func keep(t testing.TB, m *Memory, key string, n int) *Object {
	t.Helper()
	o, stored := fill(m, key, bytes.Repeat([]byte{byte('a' + len(key)%26)}, n), int64(n))
	if !stored {
		t.Fatalf("%d bytes under %q were not stored", n, key)
	}
	return o
}

func fill(m *Memory, key string, body []byte, length int64) (*Object, bool) {
	f := m.BeginAlone([]byte(key))
	o := f.Start(response(nil), length, true, nil)
	f.Write(body)
	return o, f.Commit()
}

func readAll(t testing.TB, o *Object) string {
	t.Helper()
	r, err := o.Reader(0, -1)
	if err != nil {
		t.Fatalf("Reader: %v", err)
	}
	defer r.Close()
	var all []byte
	for {
		p, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return string(all)
		}
		if err != nil {
			t.Fatalf("Next after %d bytes: %v", len(all), err)
		}
		all = append(all, p...)
	}
}

func TestStoreAndGet(t *testing.T) {
	m := NewMemory(1 << 20)
	if e := m.Get([]byte("k")); e != nil || e.Select(rules, nil) != nil {
		t.Fatal("an empty store has something")
	}
	keep(t, m, "k", 1000)
	e := m.Get([]byte("k"))
	o := e.Select(rules, nil)
	if o == nil || o.Size() != 1000 || !o.Complete() || o.Key != "k" {
		t.Fatalf("Get(k) = %+v", o)
	}
	if got := readAll(t, o); len(got) != 1000 {
		t.Errorf("read %d bytes, want 1000", len(got))
	}
	if m.Len() != 1 {
		t.Errorf("Len = %d", m.Len())
	}
	keep(t, m, "k", 500)
	if got := m.Get([]byte("k")).Select(rules, nil).Size(); got != 500 || m.Len() != 1 {
		t.Errorf("after storing again: size %d, Len %d", got, m.Len())
	}
	if n, _ := m.Purge([]byte("k")); n != 1 || m.Len() != 0 || m.Bytes() != 0 || m.Get([]byte("k")) != nil {
		t.Errorf("Purge = %d, Len %d, Bytes %d", n, m.Len(), m.Bytes())
	}
	if got := readAll(t, o); len(got) != 1000 {
		t.Errorf("after purge and replacement the old object has %d bytes", len(got))
	}
}

func TestChunks(t *testing.T) {
	m := NewMemory(64 << 20)
	for _, tt := range []struct {
		size   int
		length int64 // announced
		chunks int
	}{
		{0, 0, 0}, {1, 1, 1}, {1 << 10, 1 << 10, 1}, {64 << 10, 64 << 10, 1},
		{64<<10 + 1, 64<<10 + 1, 2}, {1 << 20, 1 << 20, 2}, {3 << 20, 3 << 20, 4},
		{0, -1, 0}, {100, -1, 1}, {64 << 10, -1, 1}, {256 << 10, -1, 1},
	} {
		body := make([]byte, tt.size)
		for i := range body {
			body[i] = byte(i * 7)
		}
		o, stored := fill(m, "k", body, tt.length)
		if !stored || o.Size() != int64(tt.size) {
			t.Errorf("%d bytes announced as %d: stored %v, size %d", tt.size, tt.length, stored, o.Size())
			continue
		}
		if got := bytes.Join(o.Chunks(), nil); !bytes.Equal(got, body) {
			t.Errorf("%d bytes announced as %d: Chunks differ", tt.size, tt.length)
		}
		if got := len(o.Chunks()); got != tt.chunks {
			t.Errorf("%d bytes announced as %d: %d chunks, want %d", tt.size, tt.length, got, tt.chunks)
		}
		for _, cut := range [][2]int{{0, tt.size}, {0, 1}, {tt.size / 2, tt.size}, {tt.size - 1, 1}, {70 << 10, 300 << 10}} {
			off, end := max(0, cut[0]), min(tt.size, cut[0]+cut[1])
			want := body[min(off, tt.size):max(min(off, tt.size), end)]
			r, _ := o.Reader(int64(off), int64(cut[1]))
			var got []byte
			for {
				p, err := r.Next(t.Context())
				if err != nil {
					break
				}
				got = append(got, p...)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes: Reader(%v) has %d bytes, want %d", tt.size, cut, len(got), len(want))
			}
		}
	}
}

func TestSmallObjectsCostLittle(t *testing.T) {
	m := NewMemory(1 << 20)
	keep(t, m, "shop https://www.shop.test/index.html", 1024)
	if got := m.Bytes(); got > 1024+1024 {
		t.Errorf("an object of 1 KiB costs %d bytes", got)
	}
	purgeAll(m)
	keep(t, m, "k", 64<<10)
	if got := m.Bytes(); got > 66<<10 {
		t.Errorf("an object of 64 KiB costs %d bytes", got)
	}
}

// purgeAll drops everything.
func purgeAll(m *Memory) int {
	n, _ := m.PurgeMatching(func(*Object) bool { return true })
	return n
}

func TestVariants(t *testing.T) {
	m := NewMemory(1 << 20)
	store := func(lang string) {
		req := field.Fields{{Name: "Accept-Language", Value: lang}}
		f := m.BeginAlone([]byte("k"))
		f.Start(response(req, field.Line{Name: "Vary", Value: "Accept-Language"}), -1, true, nil)
		f.Write([]byte(lang))
		f.Commit()
	}
	store("en")
	store("de")
	for _, lang := range []string{"en", "de"} {
		o := m.Get([]byte("k")).Select(rules, field.Fields{{Name: "Accept-Language", Value: lang}})
		if o == nil || readAll(t, o) != lang {
			t.Errorf("no variant for %s", lang)
		}
	}
	o, v := m.Get([]byte("k")).Lookup(time.Now(), rules, &cache.Request{Method: "GET"})
	if o != nil || v.Action != cache.Miss {
		t.Errorf("Lookup without the field = %v, %v", o, v.Action)
	}
	store("en") // replaces
	if m.Len() != 2 {
		t.Errorf("%d objects, want 2", m.Len())
	}
	for i := range 2 * maxVariants {
		store(fmt.Sprint("x", i))
	}
	if e := m.Get([]byte("k")); len(e.Variants) != maxVariants || m.Len() != maxVariants || len(e.Responses) != maxVariants {
		t.Errorf("%d variants, %d objects", len(e.Variants), m.Len())
	}
	if n, err := m.Purge([]byte("k")); n != maxVariants || err != nil || m.Bytes() != 0 {
		t.Errorf("after the purge %d bytes are left", m.Bytes())
	}
}

func TestReplaces(t *testing.T) {
	m := NewMemory(1 << 20)
	old := keep(t, m, "k", 10)
	f := m.BeginAlone([]byte("k"))
	req := field.Fields{{Name: "Accept", Value: "*/*"}}
	f.Start(response(req, field.Line{Name: "Vary", Value: "Accept"}), 3, true, old)
	f.Write([]byte("new"))
	if !f.Commit() || m.Len() != 1 {
		t.Errorf("the object that was replaced is still there: Len %d", m.Len())
	}
}

func TestRefresh(t *testing.T) {
	m := NewMemory(1 << 20)
	old := keep(t, m, "k", 1000)
	fresh := m.Refresh([]byte("k"), old, response(nil, field.Line{Name: "X", Value: "1"}))
	got := m.Get([]byte("k")).Select(rules, nil)
	if got != fresh || got.Fields.Get("X") != "1" || readAll(t, got) != readAll(t, old) {
		t.Errorf("after Refresh: %+v", got)
	}
	if m.Len() != 1 {
		t.Errorf("Len = %d", m.Len())
	}
	m.Purge([]byte("k"))
	if m.Bytes() != 0 {
		t.Errorf("%d bytes left", m.Bytes())
	}
	again := m.Refresh([]byte("k"), fresh, response(nil))
	if m.Get([]byte("k")) != nil || readAll(t, again) != readAll(t, old) || m.Bytes() != 0 {
		t.Error("Refresh brought back what was purged")
	}
}

func TestTornIsNeverStored(t *testing.T) {
	m := NewMemory(1 << 20)
	for _, tt := range []struct {
		announced int64
		body      string
	}{{5, "1234"}, {5, "123456"}, {5, ""}} {
		o, stored := fill(m, "k", []byte(tt.body), tt.announced)
		if stored || m.Get([]byte("k")) != nil || o.Complete() {
			t.Errorf("%q announced as %d bytes was stored", tt.body, tt.announced)
		}
	}
	f, _ := m.Begin([]byte("k"))
	o := f.Start(response(nil), -1, true, nil)
	f.Write([]byte("half"))
	boom := errors.New("connection reset")
	f.Abort(boom)
	r, _ := o.Reader(0, -1)
	if p, err := r.Next(t.Context()); string(p) != "half" || err != nil {
		t.Errorf("Next = %q, %v", p, err)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, boom) {
		t.Errorf("Next after the abort = %v, want %v", err, boom)
	}
	if m.Bytes() != 0 || m.Len() != 0 {
		t.Errorf("%d bytes, %d objects left", m.Bytes(), m.Len())
	}
	if f.Commit() || f.Wanted() {
		t.Error("Commit after Abort")
	}
	if n, err := f.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("Write after Abort = %d, %v", n, err)
	}
}

func TestWriteInPlace(t *testing.T) {
	m := NewMemory(1 << 20)
	f := m.BeginAlone([]byte("k"))
	o := f.Start(response(nil), 10000, true, nil)
	if got := len(f.Buffer()); got < 10000 {
		t.Errorf("the first buffer has %d bytes", got)
	}
	for i := 0; i < 10000; {
		n := copy(f.Buffer(), bytes.Repeat([]byte("z"), min(999, 10000-i)))
		if err := f.Advance(n); err != nil {
			t.Fatal(err)
		}
		i += n
	}
	if !f.Commit() || len(readAll(t, o)) != 10000 {
		t.Error("what was read in place is not there")
	}
}

func TestReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(1 << 20)
		lead, _ := m.Begin([]byte("k"))
		_, join := m.Begin([]byte("k"))
		var got []byte
		done := make(chan struct{})
		go func() {
			defer close(done)
			o, err := join.Head(t.Context())
			if err != nil {
				t.Errorf("Head: %v", err)
				return
			}
			got = []byte(readAll(t, o))
		}()
		time.Sleep(time.Second)
		lead.Start(response(nil), -1, true, nil)
		for i := range 5 {
			time.Sleep(time.Second)
			fmt.Fprintf(lead, "part %d;", i)
		}
		synctest.Wait()
		if lead.Audience() != 1 {
			t.Errorf("Audience = %d", lead.Audience())
		}
		lead.Commit()
		<-done
		if want := "part 0;part 1;part 2;part 3;part 4;"; string(got) != want {
			t.Errorf("read %q, want %q", got, want)
		}
	})
}

func TestContextEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(1 << 20)
		lead, _ := m.Begin([]byte("k"))
		_, join := m.Begin([]byte("k"))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := join.Head(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Head = %v", err)
		}
		o := lead.Start(response(nil), 10, true, nil)
		r, err := o.Reader(0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ready() {
			t.Error("Ready before anything is there")
		}
		if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next = %v", err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("waited %v", got)
		}
		r.Close()
		r.Close()
		lead.Abort(nil)
	})
}
