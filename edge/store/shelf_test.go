package store

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"waypost/edge/store/disk"
	"waypost/http/cache"
	"waypost/http/field"
)

// onDisk is a store over a log in dir.
func onDisk(t testing.TB, dir string, memory int64) *Memory {
	t.Helper()
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMemorySeeded(memory, 1)
	m.PutOn(l)
	t.Cleanup(func() { closeStore(t, m) })
	return m
}

func closeStore(t testing.TB, m *Memory) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

var sharedRules = &cache.Rules{Shared: true}

// kept stores a response as an edge does.
func kept(t testing.TB, m *Memory, key, body string, fields ...string) {
	t.Helper()
	lead, _ := m.Begin([]byte(key))
	if lead == nil {
		t.Fatal("no lead")
	}
	head := &cache.Response{Status: 200, Asked: time.Unix(1e9, 5), Received: time.Unix(1e9, 7)}
	for i := 0; i < len(fields); i += 2 {
		head.Fields.Add(fields[i], fields[i+1])
		if fields[i] == "Vary" {
			head.Selecting = field.Fields{{Name: fields[i+1], Value: body}}
		}
	}
	head.Compile(sharedRules)
	lead.Start(head, int64(len(body)), true, nil)
	if _, err := lead.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if !lead.Commit() {
		t.Fatalf("%s was not stored", key)
	}
}

// written waits until nothing waits to be written to the disk.
func written(m *Memory) {
	s := m.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 || s.now.object != nil {
		s.changed.Wait()
	}
}

// bodies are those that are found under key, in memory and after a recall.
func bodies(m *Memory, key string) (all []string) {
	m.Recall([]byte(key), sharedRules)
	if e := m.Get([]byte(key)); e != nil {
		for _, o := range e.Variants {
			all = append(all, string(bytes.Join(o.Chunks(), nil)))
		}
	}
	return all
}

// TestRestart: what was stored is there after a restart, head and body and
// every variant; what was purged is not.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	m := onDisk(t, dir, 1<<20)
	long := string(bytes.Repeat([]byte("0123456789abcdef"), 10_000)) // several chunks
	kept(t, m, "a", long, "Cache-Control", "max-age=60", "X-Empty", "")
	kept(t, m, "b", "de", "Vary", "Accept-Language")
	kept(t, m, "b", "en", "Vary", "Accept-Language")
	kept(t, m, "gone", "x")
	kept(t, m, "tagged", "x", "Cache-Tag", "t")
	was := m.Get([]byte("a")).Variants[0].Response
	m.Purge([]byte("gone"))
	m.PurgeMatching(func(o *Object) bool { return o.Fields == nil || o.Fields.Get("Cache-Tag") == "t" })
	closeStore(t, m)
	m = onDisk(t, dir, 1<<20)
	if n := m.Len(); n != 0 {
		t.Errorf("%d objects before anybody asks", n)
	}
	for key, want := range map[string][]string{"a": {long}, "b": {"en", "de"}, "gone": nil, "tagged": nil} {
		if got := bodies(m, key); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %.40q, want %.40q", key, got, want)
		}
	}
	if got := m.Get([]byte("a")).Variants[0].Response; !reflect.DeepEqual(got, was) {
		t.Errorf("the head is\n%+v, want\n%+v", got, was)
	}
	if m.Recall([]byte("a"), sharedRules) {
		if got := bodies(m, "a"); len(got) != 1 {
			t.Errorf("recalled twice: %d variants", len(got))
		}
	}
}

// TestForget: one variant goes, from memory and from the disk, and so does what
// has taken its place meanwhile; a refresh of what is gone is not stored.
func TestForget(t *testing.T) {
	for _, refreshed := range []bool{false, true} {
		dir := t.TempDir()
		m := onDisk(t, dir, 1<<20)
		empty := m.Bytes()
		for _, language := range []string{"de", "en", "fr"} {
			kept(t, m, "a", language, "Vary", "Accept-Language")
		}
		o := m.Get([]byte("a")).Variants[1] // en
		if refreshed {
			m.Refresh([]byte("a"), o, &o.Response)
		}
		m.Forget(o)
		m.Forget(o)
		if m.Refresh([]byte("a"), o, &o.Response).Size() != 2 {
			t.Error("the refreshed object has not its body")
		}
		want := []string{"fr", "de"}
		if got := bodies(m, "a"); !reflect.DeepEqual(got, want) || m.Len() != 2 {
			t.Errorf("%d objects, with %q, want %q", m.Len(), got, want)
		}
		closeStore(t, m)
		m = onDisk(t, dir, 1<<20)
		if got := bodies(m, "a"); !reflect.DeepEqual(got, want) {
			t.Errorf("after a restart: %q, want %q", got, want)
		}
		if m.Purge([]byte("a")); m.Bytes() != empty {
			t.Errorf("%d bytes are left", m.Bytes()-empty)
		}
	}
}

// TestEvictedIsRecalled: memory is smaller than what is stored; the disk has
// the rest.
func TestEvictedIsRecalled(t *testing.T) {
	m := onDisk(t, t.TempDir(), 256<<10)
	body := func(i int) string { return string(bytes.Repeat([]byte{byte(i)}, 10_000)) }
	for i := range 100 {
		kept(t, m, fmt.Sprint(i), body(i))
		written(m)
	}
	if d, _ := m.Disk(); d.Objects != 100 || d.Skipped > 0 || d.TooLarge > 0 || d.Failure != nil {
		t.Fatalf("%+v", d)
	}
	if m.Bytes() > m.Limit() || m.Len() > 30 {
		t.Errorf("%d objects, %d bytes in memory", m.Len(), m.Bytes())
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if got := bodies(m, fmt.Sprint(i)); len(got) > 1 || len(got) == 1 && got[0] != body(i) {
				t.Errorf("%d: %d bodies, or another one's", i, len(got))
			}
		})
	}
	wg.Wait()
	if got := bodies(m, "0"); len(got) != 1 {
		t.Errorf("the first is gone")
	}
}

// TestExpireOnDisk: after a soft purge nothing fresh is left on disk.
func TestExpireOnDisk(t *testing.T) {
	dir := t.TempDir()
	m := onDisk(t, dir, 1<<20)
	kept(t, m, "a", "x", "Cache-Control", "max-age=60")
	at := time.Unix(1e9+10, 0)
	if n, err := m.ExpireMatching(at, func(*Object) bool { return true }); n != 1 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	closeStore(t, m)
	m = onDisk(t, dir, 1<<20)
	bodies(m, "a")
	e := m.Get([]byte("a"))
	v := cache.Use(at.Add(time.Second), sharedRules, &cache.Request{Method: "GET"}, &e.Variants[0].Response)
	if v.Action != cache.Validate && v.Action != cache.Miss {
		t.Errorf("it is used: %v", v.Action)
	}
}

func FuzzParseHead(f *testing.F) {
	f.Add(appendHead(nil, &cache.Response{Status: 200, Received: time.Unix(1, 2), Fields: field.Fields{{Name: "A", Value: "b"}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseHead(b)
		if err != nil {
			return
		}
		again, err := parseHead(appendHead(nil, r))
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}
