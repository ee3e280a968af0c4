package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
)

const mib = 1 << 20

// file is an origin's file of any size: its bytes follow from their place and
// the version.
type file struct {
	size   int64
	fields []string // beside Cache-Control and ETag
	noTag  bool
	deaf   bool // does not do ranges
	wait   func(start int64)

	mu      sync.Mutex
	version int64
}

// fileBytes writes the bytes from offset at on into p.
func fileBytes(p []byte, at, version int64) {
	for i := range p {
		n := at + int64(i)
		p[i] = byte(n ^ n>>8 ^ n>>20 ^ version)
	}
}

func (f *file) now() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version
}

func (f *file) change() {
	f.mu.Lock()
	f.version++
	f.mu.Unlock()
}

func (f *file) serve(x wire.Exchange) {
	version := f.now()
	fields := field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}
	if !f.noTag {
		fields.Add("ETag", fmt.Sprintf(`"v%d"`, version))
	}
	for i := 0; i < len(f.fields); i += 2 {
		fields.Set(f.fields[i], f.fields[i+1])
	}
	in := x.Request().Fields
	if tag, ok := in.Lookup("If-None-Match"); ok && tag == fields.Get("ETag") {
		x.Respond(304, fields, 0)
		return
	}
	status, p := 200, cache.Range{Length: f.size}
	if value, ok := in.Lookup("Range"); ok && !f.deaf {
		ranges, err := cache.ParseRange(value, f.size)
		if errors.Is(err, cache.ErrUnsatisfiable) {
			reply(x, 416, "", "Content-Range", cache.UnsatisfiedRange(f.size))
			return
		}
		status, p = 206, ranges[0]
		fields.Add("Content-Range", p.ContentRange(f.size))
	}
	if f.wait != nil {
		f.wait(p.Start)
	}
	if x.Respond(status, fields, p.Length) != nil || x.Request().Method == "HEAD" {
		return
	}
	buf := make([]byte, 64<<10)
	for at, end := p.Start, p.Start+p.Length; at < end; {
		b := buf[:min(int64(len(buf)), end-at)]
		fileBytes(b, at, version)
		if _, err := x.Write(b); err != nil {
			return
		}
		at += int64(len(b))
	}
}

// part is what the file has there.
func (f *file) part(start, length int64) string {
	b := make([]byte, length)
	fileBytes(b, start, f.now())
	return string(b)
}

// inSlices is a world whose site holds its files in slices of 1 MiB.
func inSlices(t *testing.T, f *file, run func(w *world)) {
	t.Helper()
	inWorld(t, f.serve, run, setting{site: func(s *cdn.Site) { s.Policy.Slice = mib }})
}

// asked are the ranges that the origin was asked for since the last call.
func (w *world) askedRanges(since *int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, r := range w.asked[*since:] {
		value, ok := r.Fields.Lookup("Range")
		if !ok {
			value = "all"
		}
		all = append(all, strings.TrimPrefix(value, "bytes="))
	}
	*since = len(w.asked)
	return strings.Join(all, " ")
}

const large = 10 << 30

// TestSlices: a range of a file of 10 GiB costs the slices that it lies in.
func TestSlices(t *testing.T) {
	f := &file{size: large}
	inSlices(t, f, func(w *world) {
		since := 0
		for _, tt := range []struct {
			name          string
			asked         string
			start, length int64
			from          string // asked of the origin
			status        string
		}{
			{"within one slice", "bytes=5368709120-5368709219", 5 << 30, 100, "5368709120-5369757695", "; fwd=uri-miss; ttl=60; stored"},
			{"again", "bytes=5368709120-5368709219", 5 << 30, 100, "", "; hit; ttl=60"},
			{"elsewhere in it", "bytes=5369757695-5369757695", 5369757695, 1, "", "; hit; ttl=60"},
			{"into the next", "bytes=5369757694-5369757697", 5369757694, 4, "5369757696-5370806271", "; fwd=partial; ttl=60; stored"},
			{"the last bytes", "bytes=-3", large - 3, 3, "10736369664-10737418239", "; fwd=partial; ttl=60; stored"},
			{"over three slices", "bytes=1048575-2097152", mib - 1, mib + 2, "0-1048575 1048576-2097151 2097152-3145727", "; fwd=partial; ttl=60; stored"},
			{"beyond the end of what there is", "bytes=10737418238-10737419999", large - 2, 2, "", "; hit; ttl=60"},
		} {
			g := w.get("/file", "Range", tt.asked)
			if g.status != 206 || g.body != f.part(tt.start, tt.length) ||
				g.fields.Get("Content-Range") != (cache.Range{Start: tt.start, Length: tt.length}).ContentRange(large) {
				t.Errorf("%s: %d, %d bytes, %s", tt.name, g.status, len(g.body), g.fields.Get("Content-Range"))
			}
			if got := w.askedRanges(&since); got != tt.from {
				t.Errorf("%s: asked for %q, want %q", tt.name, got, tt.from)
			}
			w.cacheStatus(g, tt.status)
		}
		if g := w.do(&wire.Request{Method: "HEAD", Path: "/file"}); g.status != 200 || g.length != large {
			t.Errorf("HEAD: %d, length %d", g.status, g.length)
		}
		if g := w.get("/file", "Range", "bytes=10737418240-"); g.status != 416 || g.fields.Get("Content-Range") != "bytes */10737418240" {
			t.Errorf("beyond the end: %v", g)
		}
		g := w.get("/file", "Range", "bytes=0-1,5368709120-5368709121")
		if g.status != 206 || !strings.Contains(g.body, "Content-Range: bytes 5368709120-5368709121/10737418240\r\n\r\n"+f.part(5<<30, 2)+"\r\n--") {
			t.Errorf("two ranges: %v", g)
		}
		if g := w.get("/file", "Range", "bytes=0-1", "If-None-Match", `"v0"`); g.status != 304 {
			t.Errorf("a precondition: %v", g)
		}
		if got := w.askedRanges(&since); got != "" {
			t.Errorf("asked for %q", got)
		}
		if used := w.edge.store.Bytes(); used > 6*(mib+4096)+4096 {
			t.Errorf("the store holds %d bytes, want six slices", used)
		}
	})
}

// TestSlicesWhole reads a whole file through a store that holds a part of it,
// and has no more than that in memory.
func TestSlicesWhole(t *testing.T) {
	f := &file{size: 150*mib + 12345}
	if raceEnabled {
		f.size /= 10
	}
	inSlices(t, f, func(w *world) {
		resp, err := w.open(context.Background(), &wire.Request{Path: "/file"})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		buf, want := make([]byte, 256<<10), make([]byte, 256<<10)
		at, most := int64(0), int64(0)
		for {
			n, err := resp.Body.Read(buf)
			fileBytes(want[:n], at, 0)
			if string(buf[:n]) != string(want[:n]) {
				t.Fatalf("other bytes at %d", at)
			}
			at += int64(n)
			most = max(most, w.edge.store.Bytes())
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if at != f.size || resp.Length != f.size {
			t.Errorf("%d bytes of %d", at, f.size)
		}
		if most > w.edge.store.Limit() {
			t.Errorf("the store had %d bytes, its limit is %d", most, w.edge.store.Limit())
		}
		if want := (f.size + mib - 1) / mib; int64(w.trips()) != want {
			t.Errorf("%d trips, want %d", w.trips(), want)
		}
	})
}

// TestSlicesReadAhead: one slice ahead, and not more than that.
func TestSlicesReadAhead(t *testing.T) {
	f := &file{size: large}
	inSlices(t, f, func(w *world) {
		resp, err := w.open(context.Background(), &wire.Request{Path: "/file"})
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(resp.Body, make([]byte, 1000))
		synctest.Wait()
		sent := w.trips() // what the connection holds, and one more
		if sent > 4 {
			t.Errorf("%d slices were fetched for a client that reads none", sent)
		}
		resp.Body.Close()
		time.Sleep(time.Minute)
		if w.trips() > sent+1 {
			t.Errorf("%d slices more for a client that has left", w.trips()-sent)
		}
		if n := w.edge.background.Load() + w.edge.abandoned.Load(); n != 0 {
			t.Errorf("%d fills are still counted", n)
		}
	})
}

// TestSlicesCollapsed: clients who want the same slice share its fetching.
func TestSlicesCollapsed(t *testing.T) {
	f := &file{size: large, wait: func(int64) { time.Sleep(time.Second) }}
	inSlices(t, f, func(w *world) {
		for _, want := range []string{"1073741824-1074790399", "2147483648-2148532223"} {
			since := w.trips()
			start := int64(1 << 30)
			if strings.HasPrefix(want, "2") {
				start = 2 << 30
			}
			began := time.Now()
			for _, g := range w.many(50, "/file", "Range", fmt.Sprintf("bytes=%d-%d", start+5, start+9)) {
				if g.status != 206 || g.body != f.part(start+5, 5) {
					t.Errorf("got %v", g)
				}
			}
			if got := w.askedRanges(&since); got != want {
				t.Errorf("asked for %q, want %q", got, want)
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("took %v", took)
			}
		}
	})
}

// TestSlicesOfTwoVersions: what has changed begins anew where nothing was
// sent, and is broken off where something was.
func TestSlicesOfTwoVersions(t *testing.T) {
	f := &file{size: 8 * mib}
	inSlices(t, f, func(w *world) {
		since := 0
		w.get("/file", "Range", "bytes=0-9")
		f.change()
		if g := w.get("/file", "Range", "bytes=2097152-2097161"); g.body != f.part(2*mib, 10) || g.fields.Get("ETag") != `"v1"` {
			t.Errorf("after a change: %v", g)
		}
		if got := w.askedRanges(&since); got != "0-1048575 2097152-3145727 2097152-3145727" {
			t.Errorf("asked for %q", got)
		}
		if g := w.get("/file", "Range", "bytes=0-9"); g.body != f.part(0, 10) {
			t.Errorf("the first slice is that of the old version")
		}
		before := f.now()
		f.wait = func(start int64) {
			if start == 5*mib && f.now() == before {
				f.change()
			}
		}
		g := w.get("/file") // the slice at 5 MiB is still the old version, the one after is not
		if g.err == nil || int64(len(g.body)) > 6*mib {
			t.Errorf("a response over a change: %d bytes, %v", len(g.body), g.err)
		}
		want := make([]byte, len(g.body))
		fileBytes(want, 0, before)
		if g.body != string(want) {
			t.Error("what was sent is of two versions")
		}
		if g := w.get("/file"); g.err != nil || g.body != f.part(0, f.size) {
			t.Errorf("the next response: %d bytes, %v", len(g.body), g.err)
		}
	})
}

// TestSlicesRestless: a file that changes each time somebody looks is passed
// on as it comes.
func TestSlicesRestless(t *testing.T) {
	f := &file{size: 4 * mib}
	f.wait = func(int64) { f.change() }
	inSlices(t, f, func(w *world) {
		w.get("/file", "Range", "bytes=0-9")
		for range 4 {
			if g := w.get("/file", "Range", "bytes=3145728-3145737"); g.status != 206 || len(g.body) != 10 || g.err != nil {
				t.Errorf("got %v, %v", g, g.err)
			}
		}
		if w.trips() > 16 {
			t.Errorf("%d trips", w.trips())
		}
	})
}

// TestNotInSlices: files for which slices are no use or not to be had are
// stored whole, or passed on, as on any site.
func TestNotInSlices(t *testing.T) {
	for _, tt := range []struct {
		name string
		file *file
		ask  []string
		want string // asked of the origin for two requests
		body func(f *file) string
	}{
		{"smaller than a slice", &file{size: 1000}, nil, "0-1048575", func(f *file) string { return f.part(0, 1000) }},
		{"a part of a small one", &file{size: 1000}, []string{"Range", "bytes=5-8"}, "0-1048575", func(f *file) string { return f.part(5, 4) }},
		{"of one slice", &file{size: mib}, nil, "0-1048575", func(f *file) string { return f.part(0, mib) }},
		{"empty", &file{}, nil, "0-1048575 all", func(*file) string { return "" }},
		{"no ranges", &file{size: 3 * mib, deaf: true}, nil, "0-1048575", func(f *file) string { return f.part(0, 3*mib) }},
		{"a part without ranges", &file{size: 3 * mib, deaf: true}, []string{"Range", "bytes=5-8"}, "0-1048575", func(f *file) string { return f.part(5, 4) }},
		{"no validator", &file{size: 3 * mib, noTag: true}, nil, "0-1048575 all", func(f *file) string { return f.part(0, 3*mib) }},
		{"a weak validator", &file{size: 3 * mib, fields: []string{"ETag", `W/"1"`}}, nil, "0-1048575 all", func(f *file) string { return f.part(0, 3*mib) }},
		{"a part by a weak validator", &file{size: 30 * mib, fields: []string{"ETag", `W/"1"`}}, []string{"Range", "bytes=5-8"}, "0-1048575 5-8", func(f *file) string { return f.part(5, 4) }},
		{"not for sharing", &file{size: 3 * mib, fields: []string{"Cache-Control", "private"}}, []string{"Range", "bytes=5-8"}, "0-1048575 5-8 5-8", func(f *file) string { return f.part(5, 4) }},
		{"beyond the end", &file{size: 3 * mib}, []string{"Range", "bytes=9999999-"}, "9437184-10485759 0-1048575", func(*file) string {
			return "The representation has 3145728 bytes; the range asked for is not in it.\n"
		}},
		{"by an old date", &file{size: 3 * mib, noTag: true, fields: []string{"Last-Modified", "Fri, 01 Jan 1999 00:00:00 GMT"}}, []string{"Range", "bytes=5-8"}, "0-1048575", func(f *file) string { return f.part(5, 4) }},
	} {
		inSlices(t, tt.file, func(w *world) {
			since := 0
			for range 2 {
				if g := w.get("/file", tt.ask...); g.body != tt.body(tt.file) || g.err != nil {
					t.Errorf("%s: %d, %d bytes, %v", tt.name, g.status, len(g.body), g.err)
				}
			}
			if got := w.askedRanges(&since); got != tt.want {
				t.Errorf("%s: asked for %q, want %q", tt.name, got, tt.want)
			}
		})
	}
}

// TestSlicesConfirmed: the index is confirmed, and the slices serve on; a new
// version takes the place of both.
func TestSlicesConfirmed(t *testing.T) {
	f := &file{size: 3 * mib}
	inSlices(t, f, func(w *world) {
		since := 0
		w.get("/file")
		w.askedRanges(&since)
		time.Sleep(2 * time.Minute)
		g := w.get("/file")
		w.cacheStatus(g, "; fwd=stale; fwd-status=304; ttl=60; stored")
		if g.body != f.part(0, 3*mib) || w.trips() != since+1 {
			t.Errorf("%d bytes, %d trips to confirm it", len(g.body), w.trips()-since)
		}
		f.change()
		time.Sleep(2 * time.Minute)
		if g := w.get("/file"); g.body != f.part(0, 3*mib) || g.fields.Get("ETag") != `"v1"` {
			t.Errorf("the new version: %d bytes, %v", len(g.body), g.fields)
		}
	})
}

// TestSlicesPurged: a purge by URL drops the slices, too.
func TestSlicesPurged(t *testing.T) {
	f := &file{size: 4 * mib}
	inSlices(t, f, func(w *world) {
		w.get("/file")
		r, err := w.edge.Purge(Purge{URL: "http://www.shop.test/file"})
		if err != nil || r.Objects != 5 || w.edge.store.Len() != 0 {
			t.Errorf("%v, %v; %d objects are left", r, err, w.edge.store.Len())
		}
		w.get("/file")
		w.edge.Purge(Purge{URL: "http://www.shop.test/file", Soft: true})
		since := w.trips()
		w.get("/file")
		if got := w.trips() - since; got != 1 {
			t.Errorf("%d trips after a soft purge, want one to confirm", got)
		}
	})
}

// TestSliceFails: an origin that fails is told before anything was sent, and
// breaks a response off that has begun.
func TestSliceFails(t *testing.T) {
	f := &file{size: 4 * mib}
	down := false
	inWorld(t, func(x wire.Exchange) {
		if down {
			x.Abort()
			return
		}
		f.serve(x)
	}, func(w *world) {
		w.get("/file", "Range", "bytes=0-9")
		down = true
		if g := w.get("/file", "Range", "bytes=2097152-2097161"); g.status != 502 {
			t.Errorf("got %v", g)
		}
		if g := w.get("/file"); g.status != 200 || g.err == nil || len(g.body) != mib {
			t.Errorf("%d, %d bytes, %v", g.status, len(g.body), g.err)
		}
		down = false
		if g := w.get("/file"); g.body != f.part(0, f.size) {
			t.Errorf("%d bytes, %v", len(g.body), g.err)
		}
	}, setting{site: func(s *cdn.Site) { s.Policy.Slice = mib }})
}

// TestSlicesInSmallStore: slices that the store cannot hold are passed on.
func TestSlicesInSmallStore(t *testing.T) {
	f := &file{size: 5 * mib}
	inWorld(t, f.serve, func(w *world) {
		if g := w.get("/file"); g.body != f.part(0, f.size) {
			t.Errorf("%d bytes, %v", len(g.body), g.err)
		}
		if g := w.get("/file", "Range", "bytes=3145000-3146000"); g.body != f.part(3145000, 1001) {
			t.Errorf("%d bytes, %v", len(g.body), g.err)
		}
	}, setting{site: func(s *cdn.Site) { s.Policy.Slice = mib }, config: func(c *Config) { c.Store = store.NewMemory(2 << 20) }})
}

// TestSliceStorm: whatever the origin does, nobody gets bytes of a version
// other than that of the ETag, or of another place, and nobody hangs.
func TestSliceStorm(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	source := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	rnd := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return source.IntN(n)
	}
	const size, slice = 700_000, 64 << 10
	f := &file{size: size, wait: func(int64) { time.Sleep(time.Duration(rnd(300)) * time.Millisecond) }}
	inWorld(t, func(x wire.Exchange) {
		switch rnd(40) {
		case 0:
			x.Abort()
		case 1:
			reply(x, 503, "busy")
		case 2:
			f.change()
			f.serve(x)
		default:
			f.serve(x)
		}
	}, func(w *world) {
		var clients sync.WaitGroup
		for range 30 {
			clients.Go(func() {
				for range 30 {
					start := int64(rnd(size))
					length := min(int64(1+rnd(4*slice)), size-start)
					fields := []string{"Range", cache.Range{Start: start, Length: length}.Ask()}
					if rnd(8) == 0 {
						start, length, fields = 0, size, nil
					}
					g := w.send(&wire.Request{Path: "/file"}, fields...)
					if g.status == 206 || g.status == 200 {
						var version int64
						fmt.Sscanf(g.fields.Get("ETag"), `"v%d"`, &version)
						want := make([]byte, length)
						fileBytes(want, start, version)
						if g.status == 200 && fields != nil || !strings.HasPrefix(string(want), g.body) || g.err == nil && len(g.body) != len(want) {
							t.Errorf("seed %d: %d, version %d, %d bytes from %d on: got %d, %v", seed, g.status, version, length, start, len(g.body), g.err)
						}
					}
					time.Sleep(time.Duration(rnd(2000)) * time.Millisecond)
				}
			})
		}
		clients.Go(func() {
			for range 20 {
				time.Sleep(time.Duration(rnd(3000)) * time.Millisecond)
				w.edge.Purge(Purge{URL: "http://www.shop.test/file"})
			}
		})
		clients.Wait()
		time.Sleep(5 * time.Minute)
		if n := w.edge.background.Load() + w.edge.abandoned.Load(); n != 0 {
			t.Errorf("seed %d: %d fills are still counted", seed, n)
		}
	}, setting{site: func(s *cdn.Site) { s.Policy.Slice = slice }, config: func(c *Config) { c.Store = store.NewMemory(4 << 20) }})
}
