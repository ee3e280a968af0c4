package store

import (
	"fmt"
	"testing"
	"time"

	"waypost/edge/store/disk"
	"waypost/http/cache"
)

func slice(whole string, i int) string { return fmt.Sprint(whole, disk.FamilyMark, "v/", i) }

// TestPurgeFamily: a family goes as a whole, wherever its members are: in
// memory, on disk, in the queue for it, on their way in. Its namesakes stay,
// over a restart too.
func TestPurgeFamily(t *testing.T) {
	dir := t.TempDir()
	m := onDisk(t, dir, 1<<20)
	names := []string{"shop http://www.shop.test/a", "shop http://www.shop.test/ab", "shop http://www.shop.test/a?b"}
	for _, name := range names {
		kept(t, m, name, "whole")
		for i := range 20 {
			kept(t, m, slice(name, i), fmt.Sprint(i))
		}
	}
	under, _ := m.Begin([]byte(slice(names[0], 99)))
	defer under.Abort(nil)
	other, _ := m.Begin([]byte(slice(names[1], 99)))
	defer other.Abort(nil)
	if n, err := m.PurgeFamily([]byte(names[0])); n != 20 || err != nil {
		t.Errorf("%d dropped, %v, want 20", n, err)
	}
	for _, f := range []*Filling{under, other} {
		f.Start(&cache.Response{Status: 200}, 1, true, nil)
		f.Write([]byte("x"))
		if stored := f.Commit(); stored != (f == other) {
			t.Errorf("%s was under way: stored %v", f.fetch.key, stored)
		}
	}
	closeStore(t, m)
	m = onDisk(t, dir, 1<<20)
	for _, name := range names {
		here := 0
		for i := range 20 {
			here += len(bodies(m, slice(name, i)))
		}
		want := 20
		if name == names[0] {
			want = 0
		}
		if whole := len(bodies(m, name)); here != want || whole != 1 {
			t.Errorf("%s: %d slices and %d wholes after a restart, want %d and 1", name, here, whole, want)
		}
	}
	if n, err := m.PurgeFamily([]byte(names[1])); n != 21 || err != nil {
		t.Errorf("%d dropped after a restart, %v, want 21", n, err)
	}
}

// TestFamiliesAreBounded: what leaves the store leaves its family.
func TestFamiliesAreBounded(t *testing.T) {
	m := NewMemorySeeded(1<<20, 1)
	for i := range 2000 {
		keep(t, m, slice(fmt.Sprint("file", i%50), i), 4<<10)
	}
	listed := 0
	for i := range 50 {
		listed += len(m.table.family(fmt.Sprint("file", i)))
	}
	if listed != m.Len() || listed == 0 || listed == 2000 {
		t.Errorf("%d keys in families, %d objects", listed, m.Len())
	}
	if n := purgeAll(m); n != listed {
		t.Errorf("%d purged, want %d", n, listed)
	}
	if all := m.table.families.Of("file1"); len(all) != 0 {
		t.Errorf("left in the family: %v", all)
	}
}

// TestExpire: one key, with all its variants, and no other.
func TestExpire(t *testing.T) {
	m := NewMemorySeeded(1<<20, 1)
	kept(t, m, "a", "de", "Vary", "Accept-Language", "Cache-Control", "max-age=60")
	kept(t, m, "a", "en", "Vary", "Accept-Language", "Cache-Control", "max-age=60")
	kept(t, m, "b", "x", "Cache-Control", "max-age=60")
	now := time.Unix(1e9, 0).Add(10 * time.Second)
	if n, _ := m.Expire(now, []byte("a")); n != 2 {
		t.Errorf("%d expired, want 2", n)
	}
	for key, want := range map[string]bool{"a": true, "b": false} {
		for _, o := range m.Get([]byte(key)).Variants {
			if got := !o.Purged.IsZero(); got != want {
				t.Errorf("%s: expired %v, want %v", key, got, want)
			}
		}
	}
	if n, _ := m.Expire(now, []byte("c")); n != 0 {
		t.Errorf("%d expired of nothing", n)
	}
}
