package store

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"waypost/edge/store/disk"
	"waypost/http/cache"
)

// TestSoftPurgeOfWhatComes: what is on its way in when it is purged softly may
// have been read before at the origin: it is stored, and stale.
func TestSoftPurgeOfWhatComes(t *testing.T) {
	now := time.Unix(1e9+10, 0)
	for _, tt := range []struct {
		name  string
		purge func(m *Memory) (int, error)
		stale bool
	}{
		{"of its key", func(m *Memory) (int, error) { return m.Expire(now, []byte("k")) }, true},
		{"of another", func(m *Memory) (int, error) { return m.Expire(now, []byte("l")) }, false},
		{"of all", func(m *Memory) (int, error) { return m.ExpireMatching(now, func(*Object) bool { return true }) }, true},
		{"of nothing", func(m *Memory) (int, error) { return m.ExpireMatching(now, func(*Object) bool { return false }) }, false},
	} {
		m := NewMemorySeeded(1<<20, 1)
		f, _ := m.Begin([]byte("k"))
		if n, err := tt.purge(m); n != 0 || err != nil {
			t.Errorf("%s: %d, %v", tt.name, n, err)
		}
		if lead, join := m.Begin([]byte("k")); (join == nil) != tt.stale {
			t.Errorf("%s: who comes after it joins: %v", tt.name, join != nil)
		} else if lead != nil {
			lead.Abort(nil)
		}
		before := f.Start(&cache.Response{Status: 200}, 1, true, nil)
		before.Hold()
		f.Write([]byte("x"))
		if !f.Commit() {
			t.Fatalf("%s: not stored", tt.name)
		}
		before.LetGo()
		o := m.Get([]byte("k")).Variants[0]
		if o.Purged.Equal(now) != tt.stale || readAll(t, o) != "x" || m.Len() != 1 {
			t.Errorf("%s: purged at %v", tt.name, o.Purged)
		}
		if m.Purge([]byte("k")); m.Bytes() != 0 {
			t.Errorf("%s: %d bytes are left", tt.name, m.Bytes())
		}
	}
}

// TestSoftPurgeOfWhatIsConfirmed: a confirmation that was under way does not
// make it fresh again.
func TestSoftPurgeOfWhatIsConfirmed(t *testing.T) {
	m := NewMemorySeeded(1<<20, 1)
	kept(t, m, "k", "x")
	f, _ := m.Begin([]byte("k"))
	defer f.Abort(nil)
	now := time.Unix(1e9+10, 0)
	m.Expire(now, []byte("k"))
	o := m.Get([]byte("k")).Variants[0]
	m.Refresh([]byte("k"), o, &cache.Response{Status: 200, Received: now})
	if o := m.Get([]byte("k")).Variants[0]; !o.Purged.Equal(now) {
		t.Errorf("purged at %v", o.Purged)
	}
}

// TestBeginFrom: what is put together from stored objects is not stored where
// one of them is purged, or where a walk has begun.
func TestBeginFrom(t *testing.T) {
	walk := func(m *Memory) { m.PurgeMatching(func(*Object) bool { return false }) }
	for _, tt := range []struct {
		name          string
		before, after func(m *Memory)
		want          bool
	}{
		{"nothing", nil, nil, true},
		{"a walk before", walk, nil, true},
		{"a walk under way", func(m *Memory) { m.walks.Add(1) }, nil, false},
		{"a walk after", nil, walk, false},
		{"a soft one", nil, func(m *Memory) { m.ExpireMatching(time.Now(), func(*Object) bool { return false }) }, false},
		{"a part is gone", func(m *Memory) { m.Purge([]byte("b")) }, nil, false},
		{"its key is purged", nil, func(m *Memory) { m.Purge([]byte("whole")) }, false},
	} {
		m := NewMemorySeeded(1<<20, 1)
		a, b := keep(t, m, "a", 1), keep(t, m, "b", 1)
		if tt.before != nil {
			tt.before(m)
		}
		f := m.BeginFrom([]byte("whole"), a, b)
		stored := false
		if f != nil {
			f.Start(&cache.Response{Status: 200}, 2, true, nil)
			f.Write([]byte("ab"))
			if tt.after != nil {
				tt.after(m)
			}
			stored = f.Commit()
		}
		if stored != tt.want {
			t.Errorf("%s: stored %v", tt.name, stored)
		}
		for i := range m.shards {
			if len(m.shards[i].fetches) > 0 {
				t.Errorf("%s: a fetch is left", tt.name)
			}
		}
	}
}

// TestReceipts: each object counts once, wherever it is: on disk only, in
// memory and in the queue, in the queue only, in both.
func TestReceipts(t *testing.T) {
	m := onDisk(t, t.TempDir(), 4<<20)
	place := func() {
		kept(t, m, "disk", "x")
		kept(t, m, "both", "x")
		written(m)
		m.Drop(m.Get([]byte("disk")).Variants[0])
		m.shelf.writing.Lock()
		kept(t, m, "memory", "x")
		kept(t, m, "queue", "x")
		m.Drop(m.Get([]byte("queue")).Variants[0])
	}
	place()
	receipt := make(chan int)
	go func() { receipt <- purgeAll(m) }()
	m.shelf.writing.Unlock()
	if n := <-receipt; n != 4 {
		t.Errorf("PurgeMatching: the receipt says %d, want 4", n)
	}
	for _, soft := range []bool{false, true} {
		purge := m.Purge
		if soft {
			purge = func(key []byte) (int, error) { return m.Expire(time.Now(), key) }
		}
		place()
		m.shelf.writing.Unlock()
		total := 0
		for _, key := range []string{"disk", "both", "memory", "queue", "nothing"} {
			n, err := purge([]byte(key))
			if total += n; err != nil || n > 1 {
				t.Errorf("%s: %d, %v", key, n, err)
			}
		}
		if total != 4 {
			t.Errorf("soft %v: the receipts say %d, want 4", soft, total)
		}
		purgeAll(m)
	}
}

// blocked is a store whose log is full up to less than a deletion of key, and
// can begin no other segment until free is called.
func blocked(t *testing.T, key string) (m *Memory, free func()) {
	t.Helper()
	dir := t.TempDir()
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m = NewMemorySeeded(1<<20, 1)
	m.PutOn(l)
	t.Cleanup(func() { closeStore(t, m) })
	kept(t, m, key, "x")
	written(m)
	name := filepath.Join(dir, "0000000000000002.segment")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	return m, func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPurgeThatTheDiskDoesNotTake: it is an error, and made good by another
// try, of whatever kind.
func TestPurgeThatTheDiskDoesNotTake(t *testing.T) {
	key := "of" + disk.FamilyMark + strings.Repeat("k", 40<<10)
	all := func(*Object) bool { return true }
	for name, purge := range map[string]func(m *Memory) (int, error){
		"key":              func(m *Memory) (int, error) { return m.Purge([]byte(key)) },
		"family":           func(m *Memory) (int, error) { return m.PurgeFamily([]byte("of")) },
		"matching":         func(m *Memory) (int, error) { return m.PurgeMatching(all) },
		"key, softly":      func(m *Memory) (int, error) { return m.Expire(time.Now(), []byte(key)) },
		"matching, softly": func(m *Memory) (int, error) { return m.ExpireMatching(time.Now(), all) },
	} {
		m, free := blocked(t, key)
		if n, err := purge(m); n != 1 || err == nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if d, _ := m.Disk(); d.Failure == nil {
			t.Errorf("%s: the disk is well", name)
		}
		m.shelf.purgeMatching(func(o *Object) bool { return false }) // says nothing of the failure
		if _, err := purge(m); err == nil {
			t.Errorf("%s: once more: it is said to be done", name)
		}
		free()
		if _, err := purge(m); err != nil {
			t.Errorf("%s: when the disk takes it: %v", name, err)
		}
	}
}

// TestDiskChanged: what is wrong with the disk is told once when it begins,
// and once when it ends.
func TestDiskChanged(t *testing.T) {
	dir := t.TempDir()
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMemorySeeded(1<<20, 1)
	told := make(chan DiskState, 100)
	m.DiskChanged = func(d DiskState) { told <- d }
	m.PutOn(l)
	name := filepath.Join(dir, "0000000000000001.segment")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		kept(t, m, "k", "x")
		written(m)
	}
	if d := <-told; d.Failure == nil {
		t.Errorf("told %+v", d)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		kept(t, m, "k", "x")
		written(m)
	}
	if d := <-told; d.Failure != nil {
		t.Errorf("told %+v", d)
	}
	m.shelf.writing.Lock()
	for i := 0; m.shelf.state.Skipped < 3; i++ {
		kept(t, m, string(rune('a'+i)), strings.Repeat("x", 50_000))
	}
	m.shelf.writing.Unlock()
	written(m)
	if behind, caughtUp := <-told, <-told; !behind.Behind || caughtUp.Behind {
		t.Errorf("told %+v and %+v", behind, caughtUp)
	}
	kept(t, m, "large", strings.Repeat("x", 100_000)) // more than a segment takes: that is no failure
	written(m)
	closeStore(t, m)
	close(told)
	for d := range told {
		t.Errorf("told %+v", d)
	}
	if d, _ := m.Disk(); d.TooLarge != 1 || d.Failure != nil || d.Skipped < 3 {
		t.Errorf("%+v", d)
	}
}

// TestSkippedIsNotReplaced: where the disk does not get the newer one, the
// older does not come back in its place.
func TestSkippedIsNotReplaced(t *testing.T) {
	m := onDisk(t, t.TempDir(), 1<<20)
	kept(t, m, "written", "old")
	written(m)
	m.shelf.writing.Lock()
	kept(t, m, "queued", "old")
	for i := 0; m.shelf.state.Skipped == 0; i++ {
		kept(t, m, string(rune('a'+i)), strings.Repeat("x", 100_000))
	}
	kept(t, m, "written", strings.Repeat("new", 33_000))
	kept(t, m, "queued", strings.Repeat("new", 33_000))
	m.shelf.writing.Unlock()
	written(m)
	for _, key := range []string{"written", "queued"} {
		if e := m.Get([]byte(key)); e != nil {
			m.Drop(e.Variants[0])
		}
		if got := bodies(m, key); got != nil {
			t.Errorf("%s: recalled %.10q", key, got)
		}
	}
}

// TestWaiting: how much waits of each key is known while the queue grows, is
// purged, overflows and is written; what is skipped takes the older one along.
func TestWaiting(t *testing.T) {
	m := onDisk(t, t.TempDir(), 1<<20)
	check := func(when string, want map[string]int) {
		t.Helper()
		got, bytes := map[string]int{}, int64(0)
		for _, w := range m.shelf.queue {
			got[w.object.Key]++
			bytes += w.cost()
		}
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(m.shelf.waiting, want) || m.shelf.queued != bytes {
			t.Errorf("%s: %v of %d bytes wait, counted are %v of %d, want %v", when, got, bytes, m.shelf.waiting, m.shelf.queued, want)
		}
	}
	m.shelf.writing.Lock() // nothing leaves the queue
	kept(t, m, "a", "de", "Vary", "Accept-Language")
	kept(t, m, "a", "en", "Vary", "Accept-Language")
	m.SetForm(m.Get([]byte("a")).Variants[0], "br", []byte("x"))
	kept(t, m, "b", "x")
	kept(t, m, "c", "x")
	check("queued", map[string]int{"a": 3, "b": 1, "c": 1})
	m.shelf.unqueue(func(o *Object) bool { return o.Key == "c" })
	check("purged", map[string]int{"a": 3, "b": 1})
	m.shelf.most = m.shelf.queued
	kept(t, m, "b", "newer")
	kept(t, m, "d", "x")
	check("skipped", map[string]int{"a": 3, "d": 1})
	m.shelf.writing.Unlock()
	written(m)
	check("written", map[string]int{})
	if got := bodies(m, "a"); len(got) != 2 || m.shelf.log.Has([]byte("b")) {
		t.Errorf("a is %q, b on disk: %v", got, m.shelf.log.Has([]byte("b")))
	}
}
