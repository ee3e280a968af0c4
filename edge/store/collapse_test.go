package store

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
)

func TestCollapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(1 << 20)
		fetched := 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				lead, join := m.Begin([]byte("k"))
				if lead == nil {
					o, err := join.Head(t.Context())
					if err != nil {
						t.Errorf("Head: %v", err)
						return
					}
					if got := readAll(t, o); got != "body" {
						t.Errorf("joined and read %q", got)
					}
					return
				}
				mu.Lock()
				fetched++
				mu.Unlock()
				defer lead.Abort(nil)
				time.Sleep(time.Second)
				lead.Start(response(nil), 4, true, nil)
				time.Sleep(time.Second)
				lead.Write([]byte("body"))
				lead.Commit()
			})
		}
		wg.Wait()
		if fetched != 1 {
			t.Errorf("%d fetches, want 1", fetched)
		}
		if lead, _ := m.Begin([]byte("k")); lead == nil {
			t.Error("the fetch is still under way after Commit")
		}
	})
}

func TestDeadLeader(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name string
		dies func(f *Filling)
		want error
	}{
		{"aborts", func(f *Filling) { f.Abort(boom) }, boom},
		{"refuses to share", func(f *Filling) { f.Refuse() }, ErrNotShared},
		{"commits without a head", func(f *Filling) { f.Commit() }, ErrNotShared},
		{"panics", func(f *Filling) {
			defer func() { recover() }()
			defer f.Abort(boom)
			panic("in the leader")
		}, boom},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMemory(1 << 20)
			lead, _ := m.Begin([]byte("k"))
			_, join := m.Begin([]byte("k"))
			go func() {
				time.Sleep(time.Minute)
				tt.dies(lead)
			}()
			if _, err := join.Head(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("%s: Head = %v, want %v", tt.name, err, tt.want)
			}
			again, _ := m.Begin([]byte("k"))
			if again == nil {
				t.Errorf("%s: nobody can lead any more", tt.name)
			}
			again.Abort(nil)
		})
	}
}

func TestAudience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(1 << 20)
		lead, _ := m.Begin([]byte("k"))
		_, join := m.Begin([]byte("k"))
		if got := lead.Audience(); got != 0 {
			t.Errorf("before anybody waits: %d", got)
		}
		go join.Head(t.Context())
		synctest.Wait()
		if got := lead.Audience(); got != 1 {
			t.Errorf("with one waiting for the head: %d", got)
		}
		o := lead.Start(response(nil), -1, true, nil)
		synctest.Wait()
		r, err := o.Reader(0, -1)
		if err != nil || lead.Audience() != 1 {
			t.Errorf("with one reading: %d, %v", lead.Audience(), err)
		}
		r.Close()
		if got := lead.Audience(); got != 0 {
			t.Errorf("when it has left: %d", got)
		}
		lead.Abort(nil)
	})
}

// Two variants are wanted at once by many: each is fetched once.
func TestNextVariant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(1 << 20)
		fetched := map[string]int{}
		var mu sync.Mutex
		get := func(lang string) {
			req := field.Fields{{Name: "Accept-Language", Value: lang}}
			lead, join := m.Begin([]byte("k"))
			for lead == nil {
				o, err := join.Head(t.Context())
				if err != nil {
					t.Errorf("Head: %v", err)
					return
				}
				if cache.Matches(rules, req, &o.Response) {
					if got := readAll(t, o); got != lang {
						t.Errorf("read %q, want %q", got, lang)
					}
					return
				}
				lead, join = join.Next(nil, nil)
			}
			mu.Lock()
			fetched[lang]++
			mu.Unlock()
			time.Sleep(time.Second)
			lead.Start(response(req, field.Line{Name: "Vary", Value: "Accept-Language"}), -1, true, nil)
			time.Sleep(time.Second)
			lead.Write([]byte(lang))
			lead.Commit()
		}
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() { get([]string{"en", "de", "fr"}[i%3]) })
		}
		wg.Wait()
		for lang, n := range fetched {
			if n != 1 {
				t.Errorf("%s was fetched %d times", lang, n)
			}
		}
		if len(fetched) != 3 || m.Len() != 3 {
			t.Errorf("fetched %v, stored %d", fetched, m.Len())
		}
	})
}

func TestFetchesPerKeyAreBounded(t *testing.T) {
	m := NewMemory(1 << 20)
	lead, _ := m.Begin([]byte("k"))
	leads := []*Filling{lead}
	_, join := m.Begin([]byte("k"))
	for range 3 * maxFetches {
		next, after := join.Next(nil, nil)
		if next != nil {
			leads = append(leads, next)
			continue
		}
		join = after
	}
	open := 0
	for _, f := range leads {
		if f.fetch.open {
			open++
		}
		f.Abort(nil)
	}
	if open > maxFetches {
		t.Errorf("%d fetches to join, want at most %d", open, maxFetches)
	}
	for i := range m.shards {
		if n := len(m.shards[i].fetches); n != 0 {
			t.Errorf("%d fetches left", n)
		}
	}
}

func TestPurgeDuringFetch(t *testing.T) {
	for _, alone := range []bool{false, true} {
		m := NewMemory(1 << 20)
		f := m.BeginAlone([]byte("k"))
		if !alone {
			f.Abort(nil)
			f, _ = m.Begin([]byte("k"))
		}
		o := f.Start(response(nil), 4, true, nil)
		f.Write([]byte("ol"))
		m.Purge([]byte("k"))
		if lead, _ := m.Begin([]byte("k")); lead == nil {
			t.Error("after the purge one still joins what was asked for before")
		} else {
			lead.Abort(nil)
		}
		f.Write([]byte("d!"))
		if f.Commit() || m.Get([]byte("k")) != nil || m.Bytes() != 0 {
			t.Errorf("what was purged on its way in was stored (alone %v)", alone)
		}
		if got := readAll(t, o); got != "old!" {
			t.Errorf("its reader read %q", got)
		}
	}
}

// An object that is too long reaches its readers whole and is not kept.
func TestTooLongIsLetThrough(t *testing.T) {
	const size = 3 << 20
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	for _, tt := range []struct {
		name      string
		announced int64
	}{{"unknown length", -1}, {"known length", size}} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMemory(4 << 20) // one object may take 1 MiB
			lead, _ := m.Begin([]byte("k"))
			_, join := m.Begin([]byte("k"))
			o := lead.Start(response(nil), tt.announced, true, nil)
			joined, err := join.Head(t.Context())
			if tt.announced > 0 {
				if !errors.Is(err, ErrNotShared) {
					t.Errorf("%s: Head = %v, want ErrNotShared", tt.name, err)
				}
				joined = o
			}
			var wg sync.WaitGroup
			for pace := range 3 {
				r, err := joined.Reader(0, -1)
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				wg.Go(func() {
					defer r.Close()
					var got []byte
					for {
						p, err := r.Next(t.Context())
						if err != nil {
							break
						}
						got = append(got, p...)
						if pace == 2 && len(got) > size/2 {
							return // leaves in the middle
						}
						time.Sleep(time.Duration(pace) * time.Second)
					}
					if !bytes.Equal(got, body) {
						t.Errorf("%s: reader %d got %d bytes, want %d", tt.name, pace, len(got), size)
					}
				})
			}
			for p := body; len(p) > 0; {
				n := min(len(p), 10000)
				lead.Write(p[:n])
				p = p[n:]
				if used := m.Bytes(); used > m.Limit() {
					t.Fatalf("%s: %d bytes in use", tt.name, used)
				}
			}
			if lead.Commit() || m.Get([]byte("k")) != nil {
				t.Errorf("%s: it was stored", tt.name)
			}
			wg.Wait()
			if m.Bytes() != 0 {
				t.Errorf("%s: %d bytes left", tt.name, m.Bytes())
			}
			if _, err := o.Reader(0, -1); !errors.Is(err, ErrNotShared) {
				t.Errorf("%s: who comes too late gets %v, want ErrNotShared", tt.name, err)
			}
		})
	}
}

// With nobody reading, what is not kept is not held either.
func TestUnwanted(t *testing.T) {
	m := NewMemory(4 << 20)
	f := m.BeginAlone([]byte("k"))
	f.Start(response(nil), -1, false, nil)
	if f.Wanted() {
		t.Error("a body for nobody is wanted")
	}
	for range 100 {
		if n, err := f.Write(make([]byte, 100<<10)); n != 100<<10 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		copy(f.Buffer(), "x")
		f.Advance(1)
	}
	if m.Bytes() != 0 {
		t.Errorf("%d bytes are held", m.Bytes())
	}
	if f.Commit() {
		t.Error("it was stored")
	}
}
