package edge

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
)

// serveRange is an origin's answer to a request for a part of body, or for
// the whole, with these fields.
func serveRange(x wire.Exchange, body string, fields ...string) {
	in := x.Request().Fields
	var f field.Fields
	for i := 0; i < len(fields); i += 2 {
		f.Add(fields[i], fields[i+1])
	}
	size := int64(len(body))
	current := &cache.Response{Status: 200, Fields: f, Received: time.Now()}
	value, ok := in.Lookup("Range")
	if !ok || !cache.IfRange(in, cache.ValidatorOf(current)) {
		reply(x, 200, body, fields...)
		return
	}
	ranges, err := cache.ParseRange(value, size)
	switch {
	case errors.Is(err, cache.ErrUnsatisfiable):
		reply(x, 416, "", "Content-Range", cache.UnsatisfiedRange(size))
	case err != nil || len(ranges) != 1:
		reply(x, 200, body, fields...)
	default:
		p := ranges[0]
		reply(x, 206, body[p.Start:p.Start+p.Length], append(fields, "Content-Range", p.ContentRange(size))...)
	}
}

const digits = "0123456789abcdefghij"

// TestParts tells a story for each line: requests by their Range ("-" for the
// whole), and what the origin is then asked for.
func TestParts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fields []string
		steps  []string // Range → what comes, Range asked of the origin ("" for the whole, "no" for no trip)
	}{
		{"within", nil, []string{"bytes=5-9 → 56789, bytes=5-9", "bytes=6-7 → 67, no", "bytes=5-9 → 56789, no", "bytes=5-5,9-9 → parts, no"}},
		{"to the end", nil, []string{"bytes=15- → fghij, bytes=15-", "bytes=-2 → ij, no", "bytes=18- → ij, no", "bytes=14- → efghij, bytes=14- and all"}},
		{"what touches becomes one", []string{"ETag", `"1"`}, []string{"bytes=2-4 → 234, bytes=2-4", "bytes=5-6 → 56, bytes=5-6 and all"}},
		{"the whole from its beginning", []string{"ETag", `"1"`}, []string{"bytes=0-4 → 01234, bytes=0-4", "- → " + digits + ", bytes=5-", "- → " + digits + ", no", "bytes=7-8 → 78, no"}},
		{"the whole from its end", []string{"ETag", `"1"`}, []string{"bytes=12- → cdefghij, bytes=12-", "- → " + digits + ", bytes=0-11", "bytes=0-1 → 01, no"}},
		{"not from its middle", []string{"ETag", `"1"`}, []string{"bytes=2-4 → 234, bytes=2-4", "- → " + digits + ", "}},
		{"a weak validator joins nothing", []string{"ETag", `W/"1"`}, []string{"bytes=0-4 → 01234, bytes=0-4", "- → " + digits + ", bytes=5-, ", "- → " + digits + ", no"}},
		{"a part that is the whole", nil, []string{"bytes=0- → " + digits + ", bytes=0-", "- → " + digits + ", no", "bytes=3-4 → 34, no"}},
		{"the client's preconditions", []string{"ETag", `"1"`}, []string{"bytes=2-4 → 234, bytes=2-4", `bytes=3-4|If-Range|"1" → 34, no`, `bytes=3-4|If-None-Match|"1" → , no`, `bytes=3-4|If-Range|"2" → ` + digits + `, bytes=3-4`}},
		{"not for sharing", []string{"Cache-Control", "private"}, []string{"bytes=2-4 → 234, bytes=2-4", "bytes=2-4 → 234, bytes=2-4"}},
	} {
		inWorld(t, func(x wire.Exchange) {
			serveRange(x, digits, append([]string{"Cache-Control", "max-age=60"}, tt.fields...)...)
		}, func(w *world) {
			for i, step := range tt.steps {
				ask, want, _ := strings.Cut(step, " → ")
				want, trips, _ := strings.Cut(want, ", ")
				var fields []string
				if ask != "-" {
					fields = strings.Split("Range|"+ask, "|")
				}
				before := w.trips()
				g := w.get("/file", fields...)
				asked := "no"
				for j, r := range w.asked[before:] {
					value := r.Fields.Get("Range")
					switch {
					case j == 0:
						asked = value
					case value == "" && ask != "-":
						asked += " and all"
					default:
						asked += ", " + value
					}
				}
				if want == "parts" && strings.HasPrefix(g.fields.Get("Content-Type"), "multipart/byteranges") {
					want = g.body
				}
				if g.body != want || asked != trips {
					t.Errorf("%s, step %d: %s: got %v, the origin was asked for %q, want %q", tt.name, i+1, ask, g, asked, trips)
				}
			}
		})
	}
}

// TestPartsOfTwoVersions: what the origin has changed is never put together.
func TestPartsOfTwoVersions(t *testing.T) {
	version := 1
	bodies := map[int]string{1: strings.Repeat("a", 20), 2: strings.Repeat("b", 20)}
	inWorld(t, func(x wire.Exchange) {
		serveRange(x, bodies[version], "Cache-Control", "max-age=60", "ETag", fmt.Sprintf("%q", fmt.Sprint(version)))
	}, func(w *world) {
		w.get("/file", "Range", "bytes=0-9")
		version = 2
		if g := w.get("/file"); g.body != bodies[2] || g.fields.Get("ETag") != `"2"` {
			t.Errorf("the whole is %v", g)
		}
		if got := w.lastAsked().Fields.Get("If-Range"); got != `"1"` {
			t.Errorf("asked with If-Range %q", got)
		}
		if g := w.get("/file", "Range", "bytes=0-9"); g.body != bodies[2][:10] {
			t.Errorf("the part is %v", g)
		}
	})
}

// TestPartsJoined: parts that touch become one, and in the end the whole;
// also for a file of which the whole is never fetched for its parts.
func TestPartsJoined(t *testing.T) {
	body := strings.Repeat("0123456789abcde|", (wholeUpTo+16)/16)
	body = body[:wholeUpTo+16]
	inWorld(t, func(x wire.Exchange) {
		serveRange(x, body, "Cache-Control", "max-age=60", "ETag", `"1"`)
	}, func(w *world) {
		const step = 1 << 20
		for at := 0; at < 4*step; at += step {
			w.get("/file", "Range", fmt.Sprintf("bytes=%d-%d", at, at+step-1))
		}
		trips := w.trips()
		g := w.get("/file", "Range", fmt.Sprintf("bytes=%d-%d", step/2, 3*step+7))
		w.cacheStatus(g, "; hit; ttl=60")
		if g.body != body[step/2:3*step+8] || w.trips() != trips {
			t.Errorf("got %d bytes, %d trips more", len(g.body), w.trips()-trips)
		}
		if n := w.edge.store.Len(); n != 1 {
			t.Errorf("%d objects are stored, want one part", n)
		}
		if g := w.get("/file"); g.body != body || w.lastAsked().Fields.Get("Range") != fmt.Sprintf("bytes=%d-", 4*step) {
			t.Errorf("the whole has %d bytes, asked for with Range %q", len(g.body), w.lastAsked().Fields.Get("Range"))
		}
	})
}

// TestPartsInvalidated: an unsafe request and a purge take the parts with
// them.
func TestPartsInvalidated(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		if x.Request().Method == "POST" {
			reply(x, 200, "done")
			return
		}
		serveRange(x, digits, "Cache-Control", "max-age=60")
	}, func(w *world) {
		for _, drop := range []func(){
			func() { w.do(&wire.Request{Method: "POST", Path: "/file"}) },
			func() { w.edge.Purge(Purge{URL: "http://www.shop.test/file"}) },
			func() { w.edge.Purge(Purge{URL: "http://www.shop.test/file", Soft: true}) },
			func() { w.edge.Purge(Purge{Prefix: "http://www.shop.test/fi"}) },
		} {
			w.get("/file", "Range", "bytes=1-2")
			w.cacheStatus(w.get("/file", "Range", "bytes=1-2"), "; hit; ttl=60")
			drop()
			trips := w.trips()
			w.get("/file", "Range", "bytes=1-2")
			if w.trips() == trips {
				t.Error("the part is still served")
			}
			w.edge.Purge(Purge{Prefix: "http://www.shop.test/fi"})
		}
	})
}

// TestPartBrokenOff: half a part is not kept.
func TestPartBrokenOff(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		x.Respond(206, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}, {Name: "Content-Range", Value: "bytes 0-9/20"}}, 10)
		x.Write([]byte("01234"))
		x.Flush()
		x.Abort()
	}, func(w *world) {
		if g := w.get("/file", "Range", "bytes=0-9"); g.err == nil {
			t.Errorf("the client was not told: %v", g)
		}
		if n := w.edge.store.Len(); n != 0 {
			t.Errorf("%d objects are stored", n)
		}
	})
}

// TestPartNotAsked: an origin that answers with another range than the one
// asked for has said so to who asked; the same question goes to it again (RFC
// 9111 §3.3), and what came serves who asks for what it holds.
func TestPartNotAsked(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		if !x.Request().Fields.Has("Range") {
			reply(x, 503, "not now")
			return
		}
		reply(x, 206, "fgh", "Cache-Control", "max-age=60", "ETag", `"a"`, "Content-Range", "bytes 5-7/10")
	}, func(w *world) {
		for _, tt := range []struct {
			asked string
			hit   bool
		}{{"0-2", false}, {"0-2", false}, {"0-3", false}, {"5-7", true}, {"6-6", true}, {"1-2", false}, {"0-2", false}} {
			before := w.trips()
			g := w.get("/file", "Range", "bytes="+tt.asked)
			if hit := w.trips() == before; hit != tt.hit || g.status != 206 {
				t.Errorf("bytes=%s: a hit is %v, want %v: %v", tt.asked, hit, tt.hit, g)
			}
		}
	})
}

// TestRestOfNoLength: a beginning that is to stand before a stored end must say
// how long it is; else the whole is fetched, and nobody gets a byte out of place.
func TestRestOfNoLength(t *testing.T) {
	const size = 300_000
	body := strings.Repeat("0123456789abc", size/13+1)[:size]
	for _, tt := range []struct {
		name  string
		sends string
		abort bool
	}{
		{"short", body[:150_000], false},
		{"long", body[:200_000] + strings.Repeat("!", 50_000), false},
		{"long, and broken off", body[:200_000] + strings.Repeat("!", 50_000), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lying := false
			inWorld(t, func(x wire.Exchange) {
				if in := x.Request().Fields; !lying || !in.Has("Range") {
					serveRange(x, body, "ETag", `"v"`, "Cache-Control", "max-age=600", "Accept-Ranges", "bytes")
					return
				}
				x.Respond(206, field.Fields{{Name: "ETag", Value: `"v"`}, {Name: "Cache-Control", Value: "max-age=600"},
					{Name: "Content-Range", Value: fmt.Sprintf("bytes 0-199999/%d", size)}}, -1)
				x.Write([]byte(tt.sends))
				if tt.abort {
					x.Flush()
					x.Abort()
				}
			}, func(w *world) {
				w.get("/f", "Range", "bytes=200000-")
				lying = true
				if g := w.get("/f"); g.body != body || g.err != nil {
					t.Errorf("the whole came as %d bytes, %v; %d of them are the origin's", len(g.body), g.err, len(g.body)-strings.Count(g.body, "!"))
				}
				if g := w.get("/f", "Range", "bytes=190000-239999"); g.body != body[190_000:240_000] {
					t.Errorf("a part came with %d bytes that are not the origin's", strings.Count(g.body, "!"))
				}
			})
		})
	}
}

// TestRangeIgnored: the whole that an origin answers a Range with is kept, and
// the next ones are answered from it.
func TestRangeIgnored(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		reply(x, 200, digits, "Cache-Control", "max-age=60")
	}, func(w *world) {
		g := w.get("/f", "Range", "bytes=0-")
		w.cacheStatus(g, "; fwd=uri-miss; ttl=60; stored")
		if g.status != 200 || g.body != digits {
			t.Errorf("got %d %q", g.status, g.body)
		}
		g = w.get("/f", "Range", "bytes=3-5")
		w.cacheStatus(g, "; hit; ttl=60")
		if g.status != 206 || g.body != digits[3:6] || w.trips() != 1 {
			t.Errorf("got %d %q after %d trips", g.status, g.body, w.trips())
		}
	})
}
