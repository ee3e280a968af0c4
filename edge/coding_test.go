package edge

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"waypost/cdn"
	"waypost/edge/rules"
	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

var compressing = ruledBy(cdn.Rules{Compress: cdn.Compress{Codings: []string{"br", "gzip"}}})

// prose is text that compresses.
var prose = strings.Repeat("All work and no play makes Jack a dull boy. ", 200)

func undo(t *testing.T, g got) string {
	t.Helper()
	var r io.Reader = strings.NewReader(g.body)
	if g.body == "" {
		return ""
	}
	switch g.fields.Get("Content-Encoding") {
	case "br":
		r = brotli.NewReader(r)
	case "gzip":
		var err error
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// TestCoding: each client gets its coding of one stored response.
func TestCoding(t *testing.T) {
	origin := replying(200, prose, "Content-Type", "text/plain", "Cache-Control", "max-age=60", "ETag", `"1"`,
		"Accept-Ranges", "bytes", "Repr-Digest", "sha-256=:x:")
	inWorld(t, origin, func(w *world) {
		for _, tt := range []struct {
			name, method string
			fields       []string
			status       int
			coding, etag string
			body         string
		}{
			{"first", "GET", []string{"Accept-Encoding", "br"}, 200, "br", `W/"1"`, prose},
			{"again", "GET", []string{"Accept-Encoding", "gzip, br"}, 200, "br", `W/"1"`, prose},
			{"another", "GET", []string{"Accept-Encoding", "gzip"}, 200, "gzip", `W/"1"`, prose},
			{"none", "GET", nil, 200, "", `"1"`, prose},
			{"none wanted", "GET", []string{"Accept-Encoding", "br;q=0"}, 200, "", `"1"`, prose},
			{"head", "HEAD", []string{"Accept-Encoding", "br"}, 200, "br", `W/"1"`, ""},
			{"part", "GET", []string{"Accept-Encoding", "br", "Range", "bytes=4-7"}, 206, "", `"1"`, "work"},
			{"part of a coded copy", "GET", []string{"Accept-Encoding", "br", "Range", "bytes=4-7", "If-Range", `W/"1"`}, 200, "br", `W/"1"`, prose},
			{"copy is right", "GET", []string{"Accept-Encoding", "br", "If-None-Match", `W/"1"`}, 304, "", `W/"1"`, ""},
			{"uncoded copy is right", "GET", []string{"If-None-Match", `"1"`}, 304, "", `"1"`, ""},
			{"no-transform", "GET", []string{"Accept-Encoding", "br", "Cache-Control", "no-transform"}, 200, "", `"1"`, prose},
		} {
			g := w.do(&wire.Request{Method: tt.method, Path: "/a"}, tt.fields...)
			f := g.fields
			if g.status != tt.status || f.Join("Content-Encoding") != tt.coding || f.Join("ETag") != tt.etag || undo(t, g) != tt.body {
				t.Errorf("%s: %d %q %s %.40q", tt.name, g.status, f.Join("Content-Encoding"), f.Join("ETag"), g.body)
			}
			if vary := f.Join("Vary"); vary != "Accept-Encoding" && tt.name != "no-transform" {
				t.Errorf("%s: Vary: %s", tt.name, vary)
			}
			if tt.coding != "" && (f.Has("Accept-Ranges") || f.Has("Repr-Digest")) {
				t.Errorf("%s: says of the coded form what holds for the other: %v", tt.name, f)
			}
			if tt.method == "HEAD" {
				if g.length <= 0 || g.length > 200 {
					t.Errorf("HEAD: length %d, %v", g.length, f)
				}
			}
		}
		if w.trips() != 1 || w.edge.store.Len() != 1 {
			t.Errorf("%d trips and %d objects for one resource", w.trips(), w.edge.store.Len())
		}
		// A confirmation keeps the forms.
		o := w.edge.store.Get([]byte("shop http://www.shop.test/a")).Variants[0]
		w.origin = replying(304, "", "ETag", `"1"`, "Cache-Control", "max-age=60")
		time.Sleep(2 * time.Minute)
		g := w.get("/a", "Accept-Encoding", "gzip")
		fresh := w.edge.store.Get([]byte("shop http://www.shop.test/a")).Variants[0]
		if _, known := fresh.Form("gzip"); !known || fresh == o || g.fields.Get("Content-Encoding") != "gzip" {
			t.Errorf("after a confirmation: %v, form kept %v", g, known)
		}
	}, compressing)
}

// TestPartVariesAsTheWhole: a part carries the Vary of the 200 of which it is
// one (RFC 9110 §15.3.7), from the origin as from the store.
func TestPartVariesAsTheWhole(t *testing.T) {
	for _, tt := range []struct{ media, control, vary string }{
		{"text/plain", "max-age=60", "Accept-Encoding"},
		{"text/plain", "max-age=60, no-transform", ""},
		{"image/png", "max-age=60", ""},
	} {
		inWorld(t, func(x wire.Exchange) {
			serveRange(x, prose, "Content-Type", tt.media, "Cache-Control", tt.control, "ETag", `"1"`)
		}, func(w *world) {
			for i, from := range []string{"from the origin", "from the store"} {
				g := w.get("/a", "Range", "bytes=4-7", "Accept-Encoding", "br")
				if f := g.fields; g.status != 206 || g.body != "work" || f.Join("Vary") != tt.vary || f.Get("ETag") != `"1"` || f.Has("Content-Encoding") || w.trips() != 1 {
					t.Errorf("%v %s: %d %q %v, %d trips", tt, from, g.status, g.body, f, w.trips())
				}
				if i == 0 && w.edge.store.Len() != 1 {
					t.Errorf("%d objects are stored", w.edge.store.Len())
				}
			}
			// Who has the coded form of the whole has it confirmed by a part.
			want := `"1"`
			if tt.vary != "" {
				want = `W/"1"`
			}
			if g := w.get("/a", "Range", "bytes=4-7", "Accept-Encoding", "br", "If-None-Match", want); g.status != 304 || g.fields.Get("ETag") != want || g.fields.Join("Vary") != tt.vary {
				t.Errorf("%v: %d %v", tt, g.status, g.fields)
			}
		}, compressing)
	}
}

// TestCodingLeavesAlone: what is not to be compressed.
func TestCodingLeavesAlone(t *testing.T) {
	for _, tt := range []struct {
		name, body, vary string
		fields           []string
	}{
		{"image", prose, "", []string{"Content-Type", "image/png"}},
		{"small", "short", "", []string{"Content-Type", "text/css"}},
		{"coded by the origin", prose, "Accept-Encoding", []string{"Content-Type", "text/css", "Content-Encoding", "x-own", "Vary", "Accept-Encoding"}},
		{"no-transform", prose, "", []string{"Content-Type", "text/css", "Cache-Control", "no-transform"}},
		{"noise", noise(4000), "Accept-Encoding", []string{"Content-Type", "text/css"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, replying(200, tt.body, append(tt.fields, "Cache-Control", "max-age=60", "ETag", `"1"`)...), func(w *world) {
				for range 2 {
					g := w.get("/a", "Accept-Encoding", "br")
					want := ""
					if tt.name == "coded by the origin" {
						want = "x-own"
					}
					if g.fields.Get("Content-Encoding") != want || g.body != tt.body || g.fields.Get("ETag") != `"1"` || g.fields.Join("Vary") != tt.vary {
						t.Errorf("%v", g.fields)
					}
				}
				if got := w.lastAsked().Fields.Get("Accept-Encoding"); got != "br" {
					t.Errorf("the origin was asked for %q", got)
				}
			}, compressing)
		})
	}
}

// noise is text that does not compress.
func noise(n int) string {
	var b strings.Builder
	x := uint64(88172645463325252)
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b.WriteByte(byte(x))
	}
	return b.String()
}

// TestCodingDoesNotHoldUp: a body that is slow in coming is sent as it comes.
func TestCodingDoesNotHoldUp(t *testing.T) {
	origin := func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/plain"}, {Name: "Cache-Control", Value: "max-age=60"}}, -1)
		for range 4 {
			x.Write([]byte(prose))
			x.Flush()
			time.Sleep(time.Second)
		}
	}
	inWorld(t, origin, func(w *world) {
		start := time.Now()
		resp, err := w.open(context.Background(), &wire.Request{Path: "/a"}, "Accept-Encoding", "br")
		if err != nil {
			t.Fatal(err)
		}
		if wait := time.Since(start); wait != wholeWait || resp.Fields.Has("Content-Encoding") || resp.Fields.Get("Vary") != "Accept-Encoding" {
			t.Errorf("the head came after %v: %v", wait, resp.Fields)
		}
		if g := read(resp); g.body != strings.Repeat(prose, 4) {
			t.Errorf("%d bytes came", len(g.body))
		}
		if g := w.get("/a", "Accept-Encoding", "br"); g.fields.Get("Content-Encoding") != "br" || undo(t, g) != strings.Repeat(prose, 4) {
			t.Errorf("once it is there: %v", g.fields)
		}
	}, compressing)
}

// TestCodingOutlivesRestart: the coded form comes from the disk.
func TestCodingOutlivesRestart(t *testing.T) {
	dir := t.TempDir()
	origin := replying(200, prose, "Content-Type", "text/plain", "Cache-Control", "max-age=60", "ETag", `"1"`)
	for _, restarted := range []bool{false, true} {
		var objects *store.Memory
		s := compressing
		s.config = func(c *Config) {
			trusting.config(c)
			log, err := disk.Open(disk.Options{Dir: dir, Bytes: disk.MinBytes})
			if err != nil {
				t.Fatal(err)
			}
			objects = c.Store
			objects.PutOn(log)
		}
		inWorld(t, origin, func(w *world) {
			parent, id := sampled(1)
			g := w.get("/a", "Accept-Encoding", "br", "Traceparent", parent)
			if g.fields.Get("Content-Encoding") != "br" || undo(t, g) != prose || restarted != (w.trips() == 0) {
				t.Errorf("restarted %v: %v, %d trips", restarted, g.fields, w.trips())
			}
			noted := 0
			for _, e := range w.events(id) {
				if f, ok := e.Fact.(trace.CodingDecision); ok {
					if noted++; f.Made == restarted || f.Coded != g.length {
						t.Errorf("restarted %v: on record %+v", restarted, f)
					}
				}
			}
			if noted != 1 {
				t.Errorf("restarted %v: %d decisions on record", restarted, noted)
			}
			synctest.Wait()
			if err := objects.Close(); err != nil {
				t.Error(err)
			}
		}, s)
	}
}

func TestCodingIsOnRecord(t *testing.T) {
	inWorld(t, replying(200, prose, "Content-Type", "text/plain", "Cache-Control", "max-age=60"), func(w *world) {
		for i, made := range []bool{true, false} {
			parent, id := sampled(uint64(i + 1))
			w.get("/a", "Traceparent", parent, "Accept-Encoding", "br")
			told := false
			for _, e := range w.events(id) {
				if f, ok := e.Fact.(trace.CodingDecision); ok {
					told = f.Coding == "br" && f.Identity == int64(len(prose)) && f.Coded > 0 && f.Made == made && e.Decision.Verdict == "encode"
				}
			}
			if !told {
				t.Errorf("told %v", w.told(id))
			}
		}
	}, compressing)
}

// A hit in a coding that is there costs no allocation.
func TestCodedHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := filled(t, 4096)
	ruled := *e.sites.Load().all[0]
	ruled.owner = &rules.Set{}
	var err error
	if ruled.owner.Compress, err = rules.NewCompress(cdn.Compress{Codings: []string{"gzip"}}); err != nil {
		t.Fatal(err)
	}
	all := &sites{all: []*site{&ruled}, exact: map[string]*site{"www.shop.test": &ruled}}
	e.sites.Store(all)
	x := &nullExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/object", Proto: wire.HTTP11,
		Fields: field.Fields{{Name: "Accept-Encoding", Value: "gzip"}}}}
	first := &fakeExchange{request: x.request}
	e.Serve(first)
	if first.fields.Get("Content-Encoding") != "gzip" {
		t.Fatal(first.fields)
	}
	if n := testing.AllocsPerRun(500, func() { e.Serve(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
