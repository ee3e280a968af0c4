package edge

import (
	"testing"
	"time"

	"waypost/http/wire"
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
		{"tag of another site", Purge{Tag: "letters", Site: "sho"}, ""},
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
		for _, p := range []Purge{{}, {URL: "http://www.shop.test/", Tag: "x"}, {URL: "http://www.shop.test/", Site: "shop"}, {Prefix: "/a"}, {Prefix: "http://stranger.test/"}} {
			if r, err := w.edge.Purge(p); err == nil {
				t.Errorf("%+v was taken: %d objects", p, r.Objects)
			}
		}
	})
}
