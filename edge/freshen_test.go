package edge

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
)

// TestConfirmedForOne: a 304 that is not to be kept serves the one who asked,
// and ends what is stored, in memory and on disk; those who waited ask for
// themselves. Other variants stay, and what is coming in of them is stored.
func TestConfirmedForOne(t *testing.T) {
	for _, control := range []string{"private, max-age=60", "no-store"} {
		t.Run(control, func(t *testing.T) {
			dir := t.TempDir()
			const key = "shop http://www.shop.test/a"
			inWorld(t, personal(control), func(w *world) {
				w.get("/a", "Accept-Language", "en")
				w.get("/a", "Accept-Language", "de")
				time.Sleep(5 * time.Second)
				coming := w.edge.store.BeginAlone([]byte(key))
				var visits [2]got
				var visitors sync.WaitGroup
				for i := range visits {
					visitors.Go(func() { visits[i] = w.send(&wire.Request{Path: "/a"}, "Accept-Language", "en") })
					synctest.Wait()
				}
				visitors.Wait()
				for i, g := range visits {
					cookie := fmt.Sprint("visit=", i+2)
					if g.status != 200 || g.body != "en" || g.fields.Join("Set-Cookie") != cookie {
						t.Errorf("visitor %d: %v, Set-Cookie %q, want %q", i, g, g.fields.Join("Set-Cookie"), cookie)
					}
				}
				coming.Start(&cache.Response{Status: 200, Asked: time.Now(), Received: time.Now(),
					Fields:    field.Fields{{Name: "Cache-Control", Value: "max-age=600"}, {Name: "Vary", Value: "Accept-Language"}},
					Selecting: field.Fields{{Name: "Accept-Language", Value: "fr"}}}, 2, true, nil)
				if _, err := coming.Write([]byte("fr")); err != nil || !coming.Commit() {
					t.Errorf("what was coming in was not stored: %v", err)
				}
				w.cacheStatus(w.get("/a", "Accept-Language", "de"), "; hit; ttl=593")
				w.cacheStatus(w.get("/a", "Accept-Language", "en"), "; fwd=vary-miss")
				if err := w.edge.store.Close(); err != nil {
					t.Error(err)
				}
			}, setting{config: func(c *Config) { c.Store.PutOn(openLog(t, dir)) }})
			m := store.NewMemory(64 << 20)
			m.PutOn(openLog(t, dir))
			defer m.Close()
			var bodies []string
			if m.Recall([]byte(key), &cache.Rules{Shared: true}) {
				for _, o := range m.Get([]byte(key)).Variants {
					bodies = append(bodies, string(bytes.Join(o.Chunks(), nil)))
				}
			}
			if slices.Sort(bodies); !slices.Equal(bodies, []string{"de", "fr"}) {
				t.Errorf("the disk has %q", bodies)
			}
		})
	}
}

// TestHeadShowsAnother: a HEAD that shows another representation than the one
// that is stored ends that one, and no other variant (RFC 9111 §4.3.5).
func TestHeadShowsAnother(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		fields     []string
	}{
		{"by its length", "en, another", nil},
		{"by its entity tag", "en", []string{"ETag", `"2"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := false
			inWorld(t, func(x wire.Exchange) {
				switch language := x.Request().Fields.Get("Accept-Language"); {
				case language == "en" && changed:
					reply(x, 200, tt.body, append(tt.fields, "Vary", "Accept-Language", "Cache-Control", "max-age=60")...)
				case language == "en":
					reply(x, 200, language, "Vary", "Accept-Language", "Cache-Control", "max-age=1")
				default:
					reply(x, 200, language, "Vary", "Accept-Language", "Cache-Control", "max-age=60")
				}
			}, func(w *world) {
				w.get("/a", "Accept-Language", "en")
				w.get("/a", "Accept-Language", "de")
				time.Sleep(5 * time.Second)
				changed = true
				w.do(&wire.Request{Method: "HEAD", Path: "/a"}, "Accept-Language", "en")
				w.cacheStatus(w.get("/a", "Accept-Language", "de"), "; hit; ttl=55")
				w.cacheStatus(w.get("/a", "Accept-Language", "en"), "; fwd=vary-miss; ttl=60; stored")
			})
		})
	}
}

// personal is an origin whose English page is shared once, and then, a second
// after it is asked for, confirmed for each visitor with these words.
func personal(control string) func(wire.Exchange) {
	var mu sync.Mutex
	visits := 0
	return func(x wire.Exchange) {
		language := x.Request().Fields.Get("Accept-Language")
		tag := `"` + language + `"`
		fields := []string{"Vary", "Accept-Language", "ETag", tag}
		if language != "en" {
			reply(x, 200, language, append(fields, "Cache-Control", "max-age=600")...)
			return
		}
		mu.Lock()
		visits++
		visit := visits
		mu.Unlock()
		if visit == 1 {
			reply(x, 200, language, append(fields, "Cache-Control", "max-age=1")...)
			return
		}
		time.Sleep(time.Second)
		fields = append(fields, "Cache-Control", control, "Set-Cookie", fmt.Sprint("visit=", visit))
		if x.Request().Fields.Get("If-None-Match") == tag {
			reply(x, 304, "", fields...)
			return
		}
		reply(x, 200, language, fields...)
	}
}

func openLog(t *testing.T, dir string) *disk.Log {
	t.Helper()
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
