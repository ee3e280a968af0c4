package store

import (
	"bytes"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"waypost/http/cache"
)

// onlyOnDisk stores n variants under key, and drops them from memory.
func onlyOnDisk(t *testing.T, m *Memory, key string, n int) {
	t.Helper()
	for i := range n {
		kept(t, m, key, fmt.Sprint("variant ", i), "Vary", "A", "Cache-Control", "max-age=60")
	}
	written(m)
	for _, o := range m.Get([]byte(key)).Variants {
		m.Drop(o)
	}
}

// TestPurgeWhileRecalled: a purge while the variants of a key are being read
// from the disk is of all of them: of those that have been stored again, and
// of those that are still to be.
func TestPurgeWhileRecalled(t *testing.T) {
	at := time.Unix(1e9+10, 0)
	all := func(o *Object) bool { return o.Fields == nil || o.Fields.Get("Cache-Control") != "" }
	for _, tt := range []struct {
		name  string
		purge func(m *Memory, key []byte) (int, error)
		soft  bool
	}{
		{"nothing", nil, false},
		{"key", func(m *Memory, key []byte) (int, error) { return m.Purge(key) }, false},
		{"family", func(m *Memory, _ []byte) (int, error) { return m.PurgeFamily([]byte("a")) }, false},
		{"matching", func(m *Memory, _ []byte) (int, error) { return m.PurgeMatching(all) }, false},
		{"key, softly", func(m *Memory, key []byte) (int, error) { return m.Expire(at, key) }, true},
		{"matching, softly", func(m *Memory, _ []byte) (int, error) { return m.ExpireMatching(at, all) }, true},
	} {
		m := onDisk(t, t.TempDir(), 1<<20)
		key := slice("a", 1)
		onlyOnDisk(t, m, key, 4)
		f := m.beginRecall(key)
		next, stop := iter.Pull(m.shelf.log.Get(key, nil))
		for i := range 4 {
			r, ok := next()
			if !ok {
				t.Fatalf("%s: record %d is not there", tt.name, i)
			}
			f.bring(r, sharedRules)
			if i == 1 && tt.purge != nil {
				if n, err := tt.purge(m, []byte(key)); n != 4 || err != nil {
					t.Errorf("%s: the receipt says %d, %v", tt.name, n, err)
				}
			}
		}
		stop()
		f.leave()
		fresh, stale := 0, 0
		if e := m.Get([]byte(key)); e != nil {
			for _, o := range e.Variants {
				if cache.Use(at.Add(time.Second), sharedRules, &cache.Request{Method: "GET"}, &cache.Response{
					Status: 200, Fields: o.Fields[1:], Asked: o.Asked, Received: o.Received, Purged: o.Purged}).Action == cache.Hit {
					fresh++
				} else {
					stale++
				}
			}
		}
		if want := tt.purge == nil; (fresh == 4) != want || fresh > 0 && !want || stale > 0 && !tt.soft {
			t.Errorf("%s: %d fresh and %d stale are there", tt.name, fresh, stale)
		}
		if m.Recall([]byte(key), sharedRules) && tt.purge != nil {
			t.Errorf("%s: there is still something on disk", tt.name)
		}
	}
}

// TestRecallIsOlder: what comes from the origin while the disk is being read is
// not replaced by what that has, not even where it has left memory again.
func TestRecallIsOlder(t *testing.T) {
	for _, dropped := range []bool{false, true} {
		m := onDisk(t, t.TempDir(), 1<<20)
		kept(t, m, "k", "old")
		written(m)
		m.Drop(m.Get([]byte("k")).Variants[0])
		f := m.beginRecall("k")
		next, stop := iter.Pull(m.shelf.log.Get("k", nil))
		r, _ := next()
		kept(t, m, "k", "new")
		if dropped {
			m.Drop(m.Get([]byte("k")).Variants[0])
		}
		if f.bring(r, sharedRules) {
			t.Error("the older one was stored")
		}
		stop()
		f.leave()
		if e := m.Get([]byte("k")); !dropped && string(e.Variants[0].Chunks()[0]) != "new" || dropped && e != nil {
			t.Errorf("dropped %v: there is %v", dropped, e)
		}
	}
}

// TestRecallWhileQueued: the disk has an older one than what still waits to be
// written to it, and is not asked for that.
func TestRecallWhileQueued(t *testing.T) {
	m := onDisk(t, t.TempDir(), 1<<20)
	kept(t, m, "k", "old")
	written(m)
	m.shelf.writing.Lock()
	kept(t, m, "k", "new")
	m.Drop(m.Get([]byte("k")).Variants[0])
	if got := bodies(m, "k"); got != nil {
		t.Errorf("recalled %q", got)
	}
	m.shelf.writing.Unlock()
	written(m)
	if got := bodies(m, "k"); len(got) != 1 || got[0] != "new" {
		t.Errorf("recalled %q", got)
	}
}

// TestRecallHasItsBound: what is brought back counts as it comes in, and what
// there is no room for stays on the disk.
func TestRecallHasItsBound(t *testing.T) {
	m := onDisk(t, t.TempDir(), 4<<20)
	body := string(bytes.Repeat([]byte("x"), 700<<10))
	const n = 12
	for i := range n {
		kept(t, m, fmt.Sprint(i), body)
		written(m)
		m.Drop(m.Get([]byte(fmt.Sprint(i))).Variants[0])
	}
	before := m.Bytes()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			m.Recall([]byte(fmt.Sprint(i)), sharedRules)
			if now := m.Bytes(); now > m.Limit() {
				t.Errorf("%d bytes, the limit is %d", now, m.Limit())
			}
		})
	}
	wg.Wait()
	if m.Len() == 0 {
		t.Error("nothing was recalled")
	}
	var held []*Object
	for i := range n {
		if e := m.Get([]byte(fmt.Sprint(i))); e != nil && e.Variants[0].Hold() {
			held = append(held, e.Variants[0])
		}
	}
	for m.held.Load()+int64(len(body)) <= m.capacity/heldShare {
		held[0].body.mu.Lock()
		held[0].body.held += int64(len(body))
		held[0].body.mu.Unlock()
		m.held.Add(int64(len(body)))
	}
	for i := range n {
		key := fmt.Sprint(i)
		if m.Get([]byte(key)) == nil && m.Recall([]byte(key), sharedRules) {
			t.Errorf("%s was recalled although readers have too much in their hands", key)
		}
	}
	for _, o := range held {
		o.LetGo()
	}
	purgeAll(m)
	if m.Bytes() != before || m.held.Load() != 0 {
		t.Errorf("%d bytes are left, %d held", m.Bytes()-before, m.held.Load())
	}
}

// TestRecallOfNothing: an empty body takes nothing but its head.
func TestRecallOfNothing(t *testing.T) {
	m := onDisk(t, t.TempDir(), 1<<20)
	kept(t, m, "k", "")
	cost := m.Bytes()
	written(m)
	m.Drop(m.Get([]byte("k")).Variants[0])
	if !m.Recall([]byte("k"), sharedRules) || m.Bytes() != cost {
		t.Errorf("%d bytes, before it were %d", m.Bytes(), cost)
	}
}
