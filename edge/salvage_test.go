package edge

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
)

// flaky is an origin with one file, whose connection breaks after so many
// bytes of a body, where that is told.
type flaky struct {
	body   string
	fields []string
	breaks int  // -1: not
	length bool // of the whole is told
	rude   bool // sends parts of another version, whatever If-Range says
}

func (o *flaky) serve(x wire.Exchange) {
	in := x.Request().Fields
	var f field.Fields
	for i := 0; i < len(o.fields); i += 2 {
		f.Add(o.fields[i], o.fields[i+1])
	}
	status, body := 200, o.body
	current := &cache.Response{Status: 200, Fields: f, Received: time.Now()}
	if value, ok := in.Lookup("Range"); ok && (o.rude || cache.IfRange(in, cache.ValidatorOf(current))) {
		if ranges, err := cache.ParseRange(value, int64(len(body))); err == nil && len(ranges) == 1 {
			p := ranges[0]
			f.Add("Content-Range", p.ContentRange(int64(len(body))))
			status, body = 206, body[p.Start:p.Start+p.Length]
		}
	}
	length := int64(len(body))
	if !o.length {
		length = -1
	}
	if x.Respond(status, f, length) != nil {
		return
	}
	if o.breaks < 0 || o.breaks >= len(body) {
		writer{x}.Write([]byte(body))
		return
	}
	writer{x}.Write([]byte(body[:o.breaks]))
	x.Flush()
	x.Abort()
}

// version is a body of which each byte tells the version.
func version(n, size int) string {
	letters := strings.Repeat(fmt.Sprintf("%c%c%c", 'a'+n, 'A'+n, 'a'+n), size/3+1)
	return letters[:size]
}

// TestSalvage: a whole that broke off is kept as a part where it can be put
// together with the rest later, and thrown away where it cannot.
func TestSalvage(t *testing.T) {
	const size, came = 300 << 10, 200 << 10
	good := []string{"Cache-Control", "max-age=60", "ETag", `"0"`, "Accept-Ranges", "bytes"}
	rest := fmt.Sprintf("bytes=%d-", came)
	for _, tt := range []struct {
		name    string
		fields  []string
		breaks  int
		unsaid  bool // the length
		between func(w *world, o *flaky)
		asked   string // Range of what the origin is asked for then
		version int
	}{
		{"the rest is asked for", good, came, false, nil, rest, 0},
		{"by an old Last-Modified", []string{"Cache-Control", "max-age=60", "Last-Modified", "Fri, 31 Dec 1999 00:00:00 GMT", "Accept-Ranges", "bytes"}, came, false, nil, rest, 0},
		{"weak validator", []string{"Cache-Control", "max-age=60", "ETag", `W/"0"`, "Accept-Ranges", "bytes"}, came, false, nil, "", 0},
		{"no validator", []string{"Cache-Control", "max-age=60", "Accept-Ranges", "bytes"}, came, false, nil, "", 0},
		{"takes no ranges", []string{"Cache-Control", "max-age=60", "ETag", `"0"`, "Accept-Ranges", "none"}, came, false, nil, "", 0},
		{"does not say", []string{"Cache-Control", "max-age=60", "ETag", `"0"`}, came, false, nil, "", 0},
		{"length not known", good, came, true, nil, "", 0},
		{"too little came", good, salvageFrom - 1, false, nil, "", 0},
		{"not for the store", []string{"Cache-Control", "no-store", "ETag", `"0"`, "Accept-Ranges", "bytes"}, came, false, nil, "", 0},
		{"purged since", good, came, false, func(w *world, _ *flaky) { w.edge.Purge(Purge{URL: "http://www.shop.test/file"}) }, "", 0},
		{"too old", good, came, false, func(*world, *flaky) { time.Sleep(2 * time.Minute) }, "", 0},
		{"another version since", good, came, false, func(_ *world, o *flaky) {
			o.body, o.fields = version(1, size), append([]string{"ETag", `"1"`}, good[:2]...)
		}, rest, 1},
		{"another version, and a rude origin", good, came, false, func(_ *world, o *flaky) {
			o.body, o.rude, o.fields = version(1, size), true, append([]string{"ETag", `"1"`}, good[:2]...)
		}, rest + " ", 1},
	} {
		o := &flaky{body: version(0, size), fields: tt.fields, breaks: tt.breaks, length: !tt.unsaid}
		inWorld(t, o.serve, func(w *world) {
			if g := w.get("/file"); g.err == nil || len(g.body) > tt.breaks {
				t.Errorf("%s: what broke off looks whole: %d bytes, %v", tt.name, len(g.body), g.err)
			}
			o.breaks = -1
			if tt.between != nil {
				tt.between(w, o)
			}
			before := w.trips()
			g := w.get("/file")
			if g.status != 200 || g.err != nil || g.body != version(tt.version, size) {
				t.Errorf("%s: %d, %d bytes, %v", tt.name, g.status, len(g.body), g.err)
			}
			var asked []string
			for _, r := range w.asked[before:] {
				asked = append(asked, r.Fields.Get("Range"))
			}
			if got := strings.Join(asked, " "); got != tt.asked {
				t.Errorf("%s: the origin was asked for %q, want %q", tt.name, got, tt.asked)
			}
			trips := w.trips()
			if g := w.get("/file"); !strings.Contains(tt.fields[1], "no-store") && (g.body != version(tt.version, size) || w.trips() != trips) {
				t.Errorf("%s: then %d bytes, %d trips more", tt.name, len(g.body), w.trips()-trips)
			}
		})
	}
}

// TestSalvageServesRanges: of what has come, and breaks off again and again.
func TestSalvageServesRanges(t *testing.T) {
	const size = 500 << 10
	o := &flaky{body: version(0, size), fields: []string{"Cache-Control", "max-age=60", "ETag", `"0"`, "Accept-Ranges", "bytes"}, breaks: 150 << 10, length: true}
	inWorld(t, o.serve, func(w *world) {
		for i := 1; i <= 3; i++ {
			w.get("/file")
			trips, end := w.trips(), i*150<<10
			g := w.get("/file", "Range", fmt.Sprintf("bytes=%d-%d", end-10, end-1))
			if g.body != o.body[end-10:end] || w.trips() != trips {
				t.Errorf("round %d: %q after %d trips", i, g.body, w.trips()-trips)
			}
		}
		if g := w.get("/file"); g.body != o.body || w.lastAsked().Fields.Get("Range") != fmt.Sprintf("bytes=%d-", 450<<10) {
			t.Errorf("%d bytes, asked for %q", len(g.body), w.lastAsked().Fields.Get("Range"))
		}
		if n := w.edge.store.Len(); n != 1 {
			t.Errorf("%d objects are stored", n)
		}
	})
}

// TestSalvagePurged: a purge while the whole comes in keeps what came of it
// from the store, by whatever it is named.
func TestSalvagePurged(t *testing.T) {
	for _, p := range []Purge{{URL: "http://www.shop.test/file"}, {Prefix: "http://www.shop.test/"}, {Tag: "t"}} {
		body := version(0, 300<<10)
		inWorld(t, func(x wire.Exchange) {
			x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}, {Name: "ETag", Value: `"0"`},
				{Name: "Accept-Ranges", Value: "bytes"}, {Name: "Surrogate-Key", Value: "t"}}, int64(len(body)))
			x.Write([]byte(body[:200<<10]))
			x.Flush()
			time.Sleep(2 * time.Second)
			x.Abort()
		}, func(w *world) {
			time.AfterFunc(time.Second, func() { w.edge.Purge(p) })
			w.get("/file")
			if n := w.edge.store.Len(); n != 0 {
				t.Errorf("%+v: %d objects are stored", p, n)
			}
		})
	}
}

// TestNeverTorn: over any course of breaks, new versions, ranges and purges a
// client that is told that all has come has one version of it.
func TestNeverTorn(t *testing.T) {
	const size = 400 << 10
	for seed := range uint64(20) {
		draw := rand.New(rand.NewPCG(seed, 1))
		o := &flaky{length: true}
		now := 0
		set := func() {
			o.body = version(now, size)
			o.fields = []string{"Cache-Control", "max-age=60", "ETag", fmt.Sprintf("%q", fmt.Sprint(now)), "Accept-Ranges", "bytes"}
		}
		set()
		inWorld(t, o.serve, func(w *world) {
			for step := range 60 {
				switch draw.IntN(8) {
				case 0:
					now = (now + 1) % 4
					set()
				case 1:
					o.rude = !o.rude
				case 2:
					w.edge.Purge(Purge{URL: "http://www.shop.test/file"})
				case 3:
					time.Sleep(time.Duration(draw.IntN(90)) * time.Second)
				}
				if o.breaks = draw.IntN(size * 3 / 2); draw.IntN(3) == 0 {
					o.breaks = -1
				}
				var fields []string
				from, to := 0, size
				if draw.IntN(4) == 0 {
					from = draw.IntN(size)
					to = from + 1 + draw.IntN(size-from)
					fields = []string{"Range", fmt.Sprintf("bytes=%d-%d", from, to-1)}
				}
				g := w.get("/file", fields...)
				if g.status == 200 {
					from, to = 0, size
				}
				if g.err != nil || g.status >= 500 {
					continue
				}
				tag := strings.Trim(g.fields.Get("ETag"), `"`)
				if len(tag) != 1 || g.body != version(int(tag[0]-'0'), size)[from:to] {
					t.Fatalf("seed %d, step %d: %d with ETag %s, %d bytes: torn", seed, step, g.status, tag, len(g.body))
				}
			}
		})
	}
}
