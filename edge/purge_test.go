package edge

import (
	"fmt"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/wire"
	"waypost/link"
)

// tagging answers every request, with a tag by the path's first letter.
func tagging(x wire.Exchange) {
	tag := map[byte]string{'a': "letters a-only", 'b': "letters", 'c': "Letters lettersX"}[x.Request().Path[1]]
	replying(200, "hello", "Cache-Control", "max-age=60, stale-while-revalidate=60", "ETag", `"1"`, "Surrogate-Key", tag)(x)
}

// TestPurgeMany: prefix and tag match exactly, one purge of each kind over
// three objects.
func TestPurgeMany(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    Purge
		gone string // the first letters of what is gone
	}{
		{"prefix", Purge{Prefix: "http://www.shop.test/a"}, "a"},
		{"prefix of all", Purge{Prefix: "http://www.shop.test/"}, "abc"},
		{"prefix of a path that is nowhere", Purge{Prefix: "http://www.shop.test/aa/"}, ""},
		{"tag", Purge{Tag: "letters"}, "ab"},
		{"tag of one", Purge{Tag: "a-only"}, "a"},
		{"part of a tag", Purge{Tag: "letter"}, ""},
		{"tag of this site", Purge{Tag: "letters", Site: "shop"}, "ab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, tagging, func(w *world) {
				paths := []string{"/a", "/b", "/c"}
				for _, p := range paths {
					w.get(p)
				}
				r, err := w.edge.Purge(tt.p)
				if err != nil || r.Objects != len(tt.gone) {
					t.Fatalf("%d objects, %v, want %d", r.Objects, err, len(tt.gone))
				}
				for _, p := range paths {
					want := "; hit; ttl=60"
					for i := range tt.gone {
						if tt.gone[i] == p[1] {
							want = "; fwd=uri-miss; ttl=60; stored"
						}
					}
					w.cacheStatus(w.get(p), want)
				}
			})
		})
	}
}

// TestSoftPurge: what is purged softly is stale from that moment on, serves
// while it is confirmed where the response says so, and is fresh again then.
func TestSoftPurge(t *testing.T) {
	inWorld(t, tagging, func(w *world) {
		w.get("/a")
		time.Sleep(10 * time.Second)
		r, err := w.edge.Purge(Purge{URL: "http://www.shop.test/a", Soft: true})
		if err != nil || r.Objects != 1 {
			t.Fatalf("%d objects, %v, want 1", r.Objects, err)
		}
		time.Sleep(20 * time.Second) // stale for 20 s, with 50 s of its lifetime left
		w.cacheStatus(w.get("/a"), "; hit; ttl=-20; detail=stale-while-revalidate")
		time.Sleep(time.Second) // confirmed behind the client's back
		w.cacheStatus(w.get("/a"), "; hit; ttl=59")
	})
}

func TestPurgeOrders(t *testing.T) {
	inWorld(t, tagging, func(w *world) {
		for _, p := range []Purge{{}, {URL: "http://www.shop.test/", Tag: "x"}, {URL: "http://www.shop.test/", Site: "shop"}, {Prefix: "/a"}, {Prefix: "http://stranger.test/"},
			{URL: "ftp://www.shop.test/"}, {Tag: "letters", Site: "sho"}, {Tag: "letters a-only"}, {Tag: "letters\n"}, {Tag: " "}, {Tag: "é"}} {
			if r, err := w.edge.Purge(p); err == nil {
				t.Errorf("%+v was taken: %d objects", p, r.Objects)
			}
		}
	})
}

// BenchmarkPurgeURL purges one file of 16 slices among 100,000 objects.
func BenchmarkPurgeURL(b *testing.B) {
	const others, slices = 100_000, 16
	for _, onDisk := range []bool{false, true} {
		objects := store.NewMemory(512 << 20)
		if onDisk {
			log, err := disk.Open(disk.Options{Dir: b.TempDir(), Bytes: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			objects.PutOn(log)
		}
		e, err := New(Config{Name: "t1", Store: objects, Fetch: &fetch.Client{Network: link.OS{}},
			Sites: []cdn.Site{{Name: "shop", Hosts: []string{"www.shop.test"}, Origin: cdn.Origin{URLs: []string{"http://127.0.0.1:9"}},
				Policy: cdn.Policy{Slice: mib}}}})
		if err != nil {
			b.Fatal(err)
		}
		keep := func(key string) {
			f := objects.BeginAlone([]byte(key))
			f.Start(&cache.Response{Status: 200, Received: time.Now()}, 4, true, nil)
			f.Write([]byte("body"))
			if !f.Commit() {
				b.Fatal("not stored")
			}
		}
		for i := range others {
			keep(fmt.Sprintf("shop http://www.shop.test/other/%d", i))
		}
		file := func() {
			keep("shop http://www.shop.test/file")
			for i := range slices {
				keep(fmt.Sprintf("shop http://www.shop.test/file%s1abc/%d", sliceSuffix, i))
			}
		}
		for _, soft := range []bool{false, true} {
			b.Run(fmt.Sprintf("disk=%v/soft=%v", onDisk, soft), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					file()
					b.StartTimer()
					r, err := e.Purge(Purge{URL: "http://www.shop.test/file", Soft: soft})
					if err != nil || !soft && r.Objects != 1+slices || r.Objects == 0 {
						b.Fatal(r, err)
					}
				}
			})
		}
		e.Close()
		if err := objects.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
