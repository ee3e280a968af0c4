package store

import (
	"bytes"
	"errors"
	"testing"

	"waypost/http/cache"
)

// TestBequeath: what has come is stored under the other key, is not affected
// by the end of the first, and is not stored where that must not be.
func TestBequeath(t *testing.T) {
	broke := errors.New("broke off")
	text := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // several chunks
	for _, tt := range []struct {
		name string
		do   func(m *Memory, f *Filling)
		want bool
	}{
		{"as it is", func(*Memory, *Filling) {}, true},
		{"its key was purged", func(m *Memory, _ *Filling) { m.Purge([]byte("a")) }, false},
		{"it was purged by a walk", func(m *Memory, _ *Filling) { m.PurgeMatching(func(o *Object) bool { return o.Key == "a" }) }, false},
		{"a walk has passed neither yet", func(m *Memory, _ *Filling) { m.walks.Add(1) }, false},
		{"over", func(_ *Memory, f *Filling) { f.Abort(broke) }, false},
	} {
		m := NewMemorySeeded(4<<20, 1)
		f, _ := m.Begin([]byte("a"))
		o := f.Start(&cache.Response{Status: 200}, 400<<10, true, nil)
		f.Write(text)
		tt.do(m, f)
		if stored := f.Bequeath([]byte("b"), &cache.Response{Status: 206}); stored != tt.want {
			t.Errorf("%s: stored %v, want %v", tt.name, stored, tt.want)
		}
		f.Abort(broke)
		if o.Complete() || m.Get([]byte("a")) != nil {
			t.Errorf("%s: what broke off is complete", tt.name)
		}
		e := m.Get([]byte("b"))
		if (e != nil) != tt.want {
			t.Fatalf("%s: there is %v", tt.name, e)
		}
		if e != nil && (e.Variants[0].Status != 206 || !bytes.Equal(bytes.Join(e.Variants[0].Chunks(), nil), text)) {
			t.Errorf("%s: %d bytes", tt.name, e.Variants[0].Size())
		}
		if purgeAll(m); m.Bytes() != 0 {
			t.Errorf("%s: %d bytes are left in the account", tt.name, m.Bytes())
		}
	}
}
