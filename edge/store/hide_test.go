package store

import (
	"sync"
	"testing"
	"time"

	"waypost/http/cache"
)

// TestRecallBetween: what is stored and written while a purge by a walk first
// looks at the disk is not recalled from there between its walk and its second
// look. Afterwards the disk is there again.
func TestRecallBetween(t *testing.T) {
	for _, tt := range []struct {
		name  string
		purge func(m *Memory, match func(*Object) bool) (int, error)
	}{
		{"purge", (*Memory).PurgeMatching},
		{"soft purge", func(m *Memory, match func(*Object) bool) (int, error) {
			return m.ExpireMatching(time.Unix(1e9+10, 0), match)
		}},
	} {
		m := onDisk(t, t.TempDir(), 1<<20)
		kept(t, m, "other", "x")
		written(m)
		m.Drop(m.Get([]byte("other")).Variants[0])
		first, met, recalled := true, 0, false
		if _, err := tt.purge(m, func(o *Object) bool {
			switch {
			case o.Fields == nil && o.Received.IsZero():
				return true // only a key
			case o.Key == "other" && first: // the first look
				first = false
				kept(t, m, "k", "x")
			case o.Key == "k":
				if met++; met == 1 { // the walk
					written(m)
				} else { // the second look
					if e := m.Get([]byte("k")); e != nil {
						m.Drop(e.Variants[0])
					}
					recalled = m.Recall([]byte("k"), sharedRules)
				}
			}
			return o.Key == "k"
		}); err != nil || first || met != 2 {
			t.Fatalf("%s: %v, k was seen %d times", tt.name, err, met)
		}
		if recalled || m.Get([]byte("k")) != nil {
			t.Errorf("%s: recalled %v, and there is %v", tt.name, recalled, m.Get([]byte("k")))
		}
		if !m.Recall([]byte("other"), sharedRules) || len(m.shelf.hidden) != 0 {
			t.Errorf("%s: %v is still hidden", tt.name, m.shelf.hidden)
		}
	}
}

// TestHidden: what is hidden is not recalled, as often as it has been hidden.
func TestHidden(t *testing.T) {
	m := onDisk(t, t.TempDir(), 1<<20)
	name := slice("a", 1)
	kept(t, m, name, "x")
	written(m)
	for _, hidden := range []string{name, "a", everything} {
		m.Drop(m.Get([]byte(name)).Variants[0])
		m.shelf.hide(hidden)
		m.shelf.hide(hidden)
		m.shelf.hide("b")
		for range 2 {
			if m.Recall([]byte(name), sharedRules) {
				t.Errorf("%q is hidden, and recalled", hidden)
			}
			m.shelf.show(hidden)
		}
		if !m.Recall([]byte(name), sharedRules) {
			t.Errorf("%q is no longer hidden, and not recalled", hidden)
		}
		m.shelf.show("b")
	}
}

// TestPurgeBesideRecall: each purge of a key against one who stores what was
// read before it, and another who misses and recalls that. Nothing is there
// afterwards, but stale after a soft purge; nor does anything stay hidden.
func TestPurgeBesideRecall(t *testing.T) {
	name := slice("a", 1)
	at := time.Unix(1e9+10, 0)
	for purge, do := range map[string]func(m *Memory){
		"Purge":       func(m *Memory) { m.Purge([]byte(name)) },
		"PurgeBut":    func(m *Memory) { m.PurgeBut([]byte(name), nil) },
		"PurgeFamily": func(m *Memory) { m.PurgeFamily([]byte("a")) },
		"Expire":      func(m *Memory) { m.Expire(at, []byte(name)) },
		"Matching":    func(m *Memory) { m.PurgeMatching(func(*Object) bool { return true }) },
	} {
		m := onDisk(t, t.TempDir(), 8<<20)
		for round := range 100 {
			m.Purge([]byte(name))
			f, _ := m.Begin([]byte(name))
			f.Start(&cache.Response{Status: 200}, 1, true, nil)
			f.Write([]byte("x"))
			var all sync.WaitGroup
			all.Go(func() { f.Commit() })
			all.Go(func() { do(m) })
			all.Go(func() {
				for range 20 {
					if m.Get([]byte(name)) == nil {
						m.Recall([]byte(name), sharedRules)
					}
				}
			})
			all.Wait()
			if e := m.Get([]byte(name)); e != nil && !e.Variants[0].Purged.Equal(at) {
				t.Fatalf("%s, round %d: it is there", purge, round)
			}
		}
		if len(m.shelf.hidden) != 0 {
			t.Errorf("%s: %v stays hidden", purge, m.shelf.hidden)
		}
	}
}

// TestForgetBesidePurge: Forget writes those that stay to the disk once more,
// but not what is purged meanwhile.
func TestForgetBesidePurge(t *testing.T) {
	m := onDisk(t, t.TempDir(), 8<<20)
	for round := range 100 {
		for _, language := range []string{"de", "en", "fr", "nl"} {
			kept(t, m, "k", language, "Vary", "Accept-Language")
		}
		o := m.Get([]byte("k")).Variants[0]
		var both sync.WaitGroup
		both.Go(func() { m.Forget(o) })
		both.Go(func() { m.Purge([]byte("k")) })
		both.Wait()
		written(m)
		if got := bodies(m, "k"); got != nil {
			t.Fatalf("round %d: there is %q", round, got)
		}
	}
}

// TestPurgesDoNotWait: while one purge reads heads from the disk, others and
// what is stored go on there.
func TestPurgesDoNotWait(t *testing.T) {
	m := onDisk(t, t.TempDir(), 1<<20)
	kept(t, m, "a", "x")
	kept(t, m, "b", "x")
	written(m)
	m.Drop(m.Get([]byte("a")).Variants[0])
	read := false
	n, err := m.PurgeMatching(func(o *Object) bool {
		if o.Key == "a" && !o.Received.IsZero() { // its head
			read = true
			if n, err := m.Purge([]byte("b")); n != 1 || err != nil {
				t.Errorf("the other purge: %d, %v", n, err)
			}
			kept(t, m, "c", "x")
			written(m)
		}
		return o.Key == "a"
	})
	if n != 1 || err != nil || !read {
		t.Errorf("%d are purged, %v, a head was read: %v", n, err, read)
	}
	for key, want := range map[string]bool{"a": false, "b": false, "c": true} {
		if m.shelf.log.Has([]byte(key)) != want {
			t.Errorf("%s is on disk: %v", key, !want)
		}
	}
}
