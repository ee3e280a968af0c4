package edge

import (
	"sync"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/http/cache"
	"waypost/http/wire"
)

// TestPurgeBeforeTheAnswer: a purge between the origin's reading and its
// answer is of that answer, too, whatever way that takes into the store.
func TestPurgeBeforeTheAnswer(t *testing.T) {
	old := func(x wire.Exchange) {
		switch x.Request().Fields.Get("Range") {
		case "bytes=0-1":
			reply(x, 206, "ol", "Cache-Control", "max-age=60", "ETag", `"1"`, "Content-Range", "bytes 0-1/3")
		case "bytes=0-2":
			reply(x, 206, "old", "Cache-Control", "max-age=60", "ETag", `"1"`, "Content-Range", "bytes 0-2/3")
		case "bytes=0-1023":
			reply(x, 206, string(make([]byte, 1024)), "Cache-Control", "max-age=60", "ETag", `"1"`, "Content-Range", "bytes 0-1023/5000")
		default:
			reply(x, 200, "old", "Cache-Control", "max-age=60", "ETag", `"1"`, "Content-Location", x.Request().Path)
		}
	}
	for _, tt := range []struct {
		name, method string
		fields       []string
		alone        bool  // an earlier answer was not for sharing
		slice        int64 // of the site
	}{
		{name: "fill", method: "GET"},
		{name: "alone", method: "GET", alone: true},
		{name: "part", method: "GET", fields: []string{"Range", "bytes=0-1"}},
		{name: "part that is all", method: "GET", fields: []string{"Range", "bytes=0-2"}},
		{name: "answer to a POST", method: "POST"},
		{name: "slice", method: "GET", fields: []string{"Range", "bytes=0-1"}, slice: 1024},
	} {
		for _, purge := range []*Purge{nil, {URL: "http://www.shop.test/a"}, {Prefix: "http://www.shop.test/"},
			{URL: "http://www.shop.test/a", Soft: true}, {Prefix: "http://www.shop.test/", Soft: true}} {
			name := tt.name + ", not purged"
			if purge != nil {
				name = tt.name + ", by " + map[bool]string{true: "URL", false: "prefix"}[purge.URL != ""] + map[bool]string{true: ", softly"}[purge.Soft]
			}
			t.Run(name, func(t *testing.T) {
				var w *world
				inWorld(t, func(x wire.Exchange) {
					if tt.alone && w.trips() == 1 {
						reply(x, 200, "one", "Cache-Control", "private")
						return
					}
					time.Sleep(2 * time.Second)
					old(x)
				}, func(in *world) {
					w = in
					if tt.alone {
						w.get("/a")
					}
					var first sync.WaitGroup
					first.Go(func() { w.send(&wire.Request{Method: tt.method, Path: "/a"}, tt.fields...) })
					time.Sleep(time.Second) // the origin has read what it answers with
					if purge != nil {
						if _, err := w.edge.Purge(*purge); err != nil {
							t.Fatal(err)
						}
					}
					first.Wait()
					time.Sleep(time.Second)
					before := w.trips()
					w.get("/a", tt.fields...)
					if asked := w.trips() > before; asked != (purge != nil) {
						t.Errorf("the origin was asked again: %v", asked)
					}
				}, setting{site: func(s *cdn.Site) { s.Policy.Slice = tt.slice }})
			})
		}
	}
}

// TestMergeOfWhatIsPurged: parts that are purged while they are put together
// do not come back as the whole.
func TestMergeOfWhatIsPurged(t *testing.T) {
	inWorld(t, replying(206, "ol", "Cache-Control", "max-age=60", "ETag", `"1"`, "Content-Range", "bytes 0-1/3"), func(w *world) {
		w.get("/a", "Range", "bytes=0-1")
		r := &request{edge: w.edge, site: w.edge.sites.Load().all[0], key: []byte("shop http://www.shop.test/a")}
		parts := w.edge.store.Get(r.partsKey()).Variants
		head := parts[0].Response
		if _, err := w.edge.Purge(Purge{URL: "http://www.shop.test/a"}); err != nil {
			t.Fatal(err)
		}
		if r.merge(&head, cache.Part{Range: cache.Range{Length: 2}, Size: 3}, parts[0], parts[0], 2) {
			t.Error("they were merged")
		}
		if w.edge.store.Len() != 0 {
			t.Error("something is stored")
		}
	})
}
