package edge

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
)

func TestRange(t *testing.T) {
	const body = "0123456789"
	inWorld(t, replying(200, body, "Cache-Control", "max-age=60", "ETag", `"1"`, "Content-Type", "text/plain"), func(w *world) {
		w.get("/r")
		for _, tt := range []struct {
			name         string
			ask          []string
			status       int
			body         string
			contentRange string
		}{
			{"first bytes", []string{"Range", "bytes=0-1"}, 206, "01", "bytes 0-1/10"},
			{"open end", []string{"Range", "bytes=7-"}, 206, "789", "bytes 7-9/10"},
			{"suffix", []string{"Range", "bytes=-1"}, 206, "9", "bytes 9-9/10"},
			{"beyond", []string{"Range", "bytes=10-"}, 416, "~10 bytes", "bytes */10"},
			{"another unit", []string{"Range", "lines=1-2"}, 200, body, ""},
			{"nonsense", []string{"Range", "bytes=x"}, 200, body, ""},
			{"If-Range holds", []string{"Range", "bytes=0-1", "If-Range", `"1"`}, 206, "01", "bytes 0-1/10"},
			{"If-Range does not hold", []string{"Range", "bytes=0-1", "If-Range", `"2"`}, 200, body, ""},
			{"precondition first", []string{"Range", "bytes=0-1", "If-None-Match", `"1"`}, 304, "", ""},
		} {
			g := w.get("/r", tt.ask...)
			want := tt.body
			if part, ok := strings.CutPrefix(want, "~"); ok && strings.Contains(g.body, part) {
				want = g.body
			}
			if g.status != tt.status || g.body != want || g.fields.Get("Content-Range") != tt.contentRange {
				t.Errorf("%s: %v, Content-Range %q", tt.name, g, g.fields.Get("Content-Range"))
			}
		}
		if w.trips() != 1 {
			t.Errorf("%d trips", w.trips())
		}
	})
}

func TestRanges(t *testing.T) {
	inWorld(t, replying(200, "0123456789", "Cache-Control", "max-age=60", "Content-Type", "text/plain"), func(w *world) {
		w.get("/r")
		g := w.get("/r", "Range", "bytes=0-1, 8-")
		media, params, err := mime.ParseMediaType(g.fields.Get("Content-Type"))
		if g.status != 206 || media != "multipart/byteranges" || err != nil || g.length != int64(len(g.body)) {
			t.Fatalf("got %v, %s, %v, length %d for %d", g, media, err, g.length, len(g.body))
		}
		parts := multipart.NewReader(strings.NewReader(g.body), params["boundary"])
		for _, want := range []string{"01 bytes 0-1/10 text/plain", "89 bytes 8-9/10 text/plain"} {
			p, err := parts.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(p)
			if got := string(body) + " " + p.Header.Get("Content-Range") + " " + p.Header.Get("Content-Type"); got != want {
				t.Errorf("part %q, want %q", got, want)
			}
		}
		if _, err := parts.NextPart(); err != io.EOF {
			t.Errorf("after the last part: %v", err)
		}
	})
}

// TestRangeOfLarge reads parts across the chunks of the store.
func TestRangeOfLarge(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "%07d,", i)
	}
	whole := b.String()
	inWorld(t, replying(200, whole, "Cache-Control", "max-age=60"), func(w *world) {
		if g := w.get("/r"); g.body != whole {
			t.Fatalf("the whole has %d bytes", len(g.body))
		}
		if g := w.get("/r"); g.body != whole {
			t.Fatalf("the hit has %d bytes", len(g.body))
		}
		for _, r := range [][2]int{{0, 0}, {65535, 65536}, {65536, 70000}, {1, 799_998}, {327_679, 600_000}} {
			g := w.get("/r", "Range", fmt.Sprintf("bytes=%d-%d", r[0], r[1]))
			if g.body != whole[r[0]:r[1]+1] {
				t.Errorf("bytes %v: got %d bytes", r, len(g.body))
			}
		}
	})
}

// TestRangeOnMiss: the part comes from the origin, at once. Who asks for a
// second part gets it, too, and the whole is fetched behind the client's back,
// unless it is large.
func TestRangeOnMiss(t *testing.T) {
	size := int64(10)
	inWorld(t, func(x wire.Exchange) {
		value, ok := x.Request().Fields.Lookup("Range")
		if !ok {
			reply(x, 200, "0123456789", "Cache-Control", "max-age=60")
			return
		}
		ranges, _ := cache.ParseRange(value, size)
		p := ranges[0]
		reply(x, 206, "0123456789"[p.Start:p.Start+p.Length], "Cache-Control", "max-age=60", "Content-Range", p.ContentRange(size))
	}, func(w *world) {
		g := w.get("/small", "Range", "bytes=0-1")
		if g.status != 206 || g.body != "01" {
			t.Errorf("got %v", g)
		}
		w.cacheStatus(g, "; fwd=uri-miss; ttl=60; stored")
		if w.trips() != 1 {
			t.Fatalf("%d trips for the first part", w.trips())
		}
		g = w.get("/small", "Range", "bytes=4-5")
		w.cacheStatus(g, "; fwd=uri-miss; ttl=60; stored")
		if g.body != "45" || w.trips() != 3 {
			t.Fatalf("%v, %d trips, want one for each part and one for the whole", g, w.trips())
		}
		w.cacheStatus(w.get("/small", "Range", "bytes=7-8"), "; hit; ttl=60")
		size = wholeUpTo + 1
		w.get("/large", "Range", "bytes=0-1")
		w.get("/large", "Range", "bytes=4-5")
		if w.trips() != 5 {
			t.Errorf("%d trips: the whole of a large object is not fetched for its parts", w.trips())
		}
	})
}

// TestPartThatIsNone: where a 206 does not say which single part it is, it is
// passed on, and nothing else (RFC 9110 §14.4).
func TestPartThatIsNone(t *testing.T) {
	for _, says := range [][]string{
		{"items 0-1/10"}, {"bytes 1-0/10"}, {"bytes 0-1/1"}, {"bytes */10"}, {"/10"},
		{"bytes 0-1/10", "bytes 0-1/10"}, {"bytes 0-1/10", "bytes 0-1/20"},
	} {
		inWorld(t, func(x wire.Exchange) {
			if !x.Request().Fields.Has("Range") {
				reply(x, 200, "0123456789", "Cache-Control", "max-age=60")
				return
			}
			fields := []string{"Cache-Control", "max-age=60"}
			for _, s := range says {
				fields = append(fields, "Content-Range", s)
			}
			reply(x, 206, "01", fields...)
		}, func(w *world) {
			for range 2 {
				if g := w.get("/a", "Range", "bytes=0-1"); g.status != 206 || g.body != "01" {
					t.Errorf("%q: got %v", says, g)
				}
			}
			if w.trips() != 2 || w.edge.store.Len() != 0 {
				t.Errorf("%q: %d trips and %d objects stored, want the two that were asked for and none", says, w.trips(), w.edge.store.Len())
			}
		})
	}
}

// TestRangeWhileFilling: what was stored is stale; the new whole comes in
// slowly and the part is sent as soon as it is there.
func TestRangeWhileFilling(t *testing.T) {
	first := true
	inWorld(t, func(x wire.Exchange) {
		if first {
			first = false
			reply(x, 200, "0123", "Cache-Control", "max-age=1", "ETag", `"1"`)
			return
		}
		x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}, 4)
		for _, c := range "abcd" {
			x.Write([]byte(string(c)))
			x.Flush()
			time.Sleep(time.Second)
		}
	}, func(w *world) {
		w.get("/r")
		time.Sleep(2 * time.Second)
		began := time.Now()
		g := w.get("/r", "Range", "bytes=1-2")
		if g.status != 206 || g.body != "bc" || time.Since(began) != 2*time.Second {
			t.Errorf("got %v after %v", g, time.Since(began))
		}
	})
}

func TestNotModifiedFields(t *testing.T) {
	inWorld(t, replying(200, "x", "Cache-Control", "max-age=60", "ETag", `"1"`, "Last-Modified", "Fri, 31 Dec 1999 23:00:00 GMT",
		"Content-Type", "text/css", "Content-Language", "en", "Vary", "Foo", "Content-Location", "/x", "X-Other", "1"), func(w *world) {
		w.get("/")
		g := w.get("/", "If-None-Match", `"1"`)
		checkFields(t, "304", g.fields, []string{"Cache-Control", "max-age=60", "ETag", `"1"`, "Vary", "Foo",
			"Content-Location", "/x", "Age", "0", "Content-Type", "", "Content-Language", "", "X-Other", "", "Content-Length", ""})
		if g.status != 304 || !g.fields.Has("Date") {
			t.Errorf("got %v with Date %q", g, g.fields.Get("Date"))
		}
	})
}

// TestEmptyAndBodiless: responses whose body is nothing.
func TestEmptyAndBodiless(t *testing.T) {
	for _, status := range []int{200, 204, 301} {
		inWorld(t, replying(status, "", "Cache-Control", "max-age=60"), func(w *world) {
			w.get("/")
			if g := w.get("/"); g.status != status || g.body != "" || g.err != nil || w.trips() != 1 {
				t.Errorf("%d: %v, %v", status, g, g.err)
			}
		})
	}
}
