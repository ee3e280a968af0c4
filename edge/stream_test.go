package edge

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/andybalholm/brotli"

	"waypost/cdn"
	"waypost/edge/rules"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// TestPressing: what is not stored is compressed on its way, for whom and
// where the rules say so.
func TestPressing(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		ask          []string
		status       int
		say          []string
		coding, etag string
		vary         string
	}{
		{"no-store", "GET", nil, 200, nil, "br", `W/"1"`, "Accept-Encoding"},
		{"private", "GET", nil, 200, []string{"Cache-Control", "private"}, "br", `W/"1"`, "Accept-Encoding"},
		{"POST", "POST", nil, 200, nil, "br", `W/"1"`, "Accept-Encoding"},
		{"our own page asks", "GET", []string{"Cookie", "a=b", "Sec-Fetch-Site", "same-origin"}, 200, nil, "br", `W/"1"`, "Accept-Encoding"},
		{"another site has it asked", "GET", []string{"Cookie", "a=b", "Sec-Fetch-Site", "cross-site"}, 200, nil, "", `"1"`, "Accept-Encoding"},
		{"nobody knows who asks", "GET", []string{"Cookie", "a=b"}, 200, nil, "", `"1"`, "Accept-Encoding"},
		{"without a cookie", "GET", []string{"Sec-Fetch-Site", "cross-site"}, 200, nil, "br", `W/"1"`, "Accept-Encoding"},
		{"HEAD", "HEAD", nil, 200, []string{"Repr-Digest", "sha-256=:x:"}, "br", `W/"1"`, "Accept-Encoding"},
		{"HEAD with a cookie", "HEAD", []string{"Cookie", "a=b"}, 200, nil, "", `"1"`, "Accept-Encoding"},
		{"not taken", "GET", []string{"Accept-Encoding", "identity"}, 200, nil, "", `"1"`, "Accept-Encoding"},
		{"an error page", "GET", nil, 404, nil, "", `"1"`, ""},
		{"no-transform", "GET", nil, 200, []string{"Cache-Control", "no-transform, no-store"}, "", `"1"`, ""},
		{"coded", "GET", nil, 200, []string{"Content-Encoding", "x-own"}, "x-own", `"1"`, ""},
		{"image", "GET", nil, 200, []string{"Content-Type", "image/png"}, "", `"1"`, ""},
		{"events", "GET", nil, 200, []string{"Content-Type", "text/event-stream"}, "", `"1"`, ""},
		{"a digest at its end", "GET", nil, 200, []string{"Trailer", "Repr-Digest"}, "", `"1"`, "Accept-Encoding"},
		{"its digest", "GET", nil, 200, []string{"Repr-Digest", "sha-256=:x:", "Accept-Ranges", "bytes"}, "br", `W/"1"`, "Accept-Encoding"},
	} {
		var f field.Fields
		for _, l := range [][2]string{{"Content-Type", "text/html"}, {"Cache-Control", "no-store"}, {"ETag", `"1"`}} {
			f.Add(l[0], l[1])
		}
		for i := 0; i < len(tt.say); i += 2 {
			f.Set(tt.say[i], tt.say[i+1])
		}
		for _, length := range []int64{int64(len(prose)), -1} {
			inWorld(t, func(x wire.Exchange) {
				if x.Respond(tt.status, f.Clone(), length) == nil && tt.method != "HEAD" {
					io.WriteString(writer{x}, prose)
				}
			}, func(w *world) {
				ask := tt.ask
				if len(ask) == 0 || ask[0] != "Accept-Encoding" {
					ask = append([]string{"Accept-Encoding", "br, gzip"}, ask...)
				}
				g := w.do(&wire.Request{Method: tt.method, Path: "/a"}, ask...)
				want := prose
				if tt.method == "HEAD" {
					want = ""
				}
				if g.status != tt.status || g.err != nil || undo(t, g) != want || g.fields.Join("Content-Encoding") != tt.coding ||
					g.fields.Get("ETag") != tt.etag || g.fields.Join("Vary") != tt.vary {
					t.Errorf("%s, length %d: %d, %d bytes, %v, %v", tt.name, length, g.status, len(g.body), g.fields, g.err)
				}
				if tt.method == "HEAD" && tt.coding == "br" && g.fields.Has("Content-Length") {
					t.Errorf("%s: %v", tt.name, g.fields)
				}
				if tt.coding == "br" && (len(g.body) > 300 || g.fields.Has("Repr-Digest") || g.fields.Has("Accept-Ranges")) {
					t.Errorf("%s: %d bytes, %v", tt.name, len(g.body), g.fields)
				}
			}, compressing)
		}
	}
}

// TestPressingFlushes: what the origin has sent arrives before more of it
// comes, and a body that breaks off does not look whole.
func TestPressingFlushes(t *testing.T) {
	broken := false
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/html"}, {Name: "Cache-Control", Value: "no-store"}}, -1)
		for range 3 {
			io.WriteString(writer{x}, prose)
			x.Flush()
			time.Sleep(time.Second)
		}
		if broken {
			x.Abort()
		}
	}, func(w *world) {
		for _, broken = range []bool{false, true} {
			resp, err := w.open(context.Background(), &wire.Request{Path: "/a"}, "Accept-Encoding", "br")
			if err != nil || resp.Fields.Get("Content-Encoding") != "br" {
				t.Fatal(resp, err)
			}
			began := time.Now()
			body := brotli.NewReader(resp.Body)
			piece := make([]byte, len(prose))
			for i := range 3 {
				if _, err := io.ReadFull(body, piece); err != nil || string(piece) != prose || time.Since(began) != time.Duration(i)*time.Second {
					t.Errorf("piece %d after %v: %v", i, time.Since(began), err)
				}
			}
			if rest, err := io.ReadAll(body); len(rest) > 0 || (err != nil) != broken {
				t.Errorf("broken %v: %d bytes more, %v", broken, len(rest), err)
			}
			resp.Body.Close()
		}
	}, compressing)
}

// TestPressingIsBounded: beyond so many at once they go uncoded, and nothing
// is kept of clients who left.
func TestPressingIsBounded(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/html"}, {Name: "Cache-Control", Value: "no-store"}}, -1)
		x.Flush()
		<-x.Context().Done()
	}, func(w *world) {
		ctx, leave := context.WithCancel(context.Background())
		codings := map[string]int{}
		open := func(n int) {
			for range n {
				resp, err := w.open(ctx, &wire.Request{Path: "/a"}, "Accept-Encoding", "br")
				if err != nil {
					t.Fatal(err)
				}
				codings[resp.Fields.Get("Content-Encoding")]++
				context.AfterFunc(ctx, func() { resp.Body.Close() })
			}
		}
		open(rules.MaxStreams + 3)
		if codings["br"] != rules.MaxStreams || codings[""] != 3 {
			t.Errorf("codings %v", codings)
		}
		leave()
		synctest.Wait()
		ctx, leave = context.WithCancel(context.Background())
		defer leave()
		open(1)
		if codings["br"] != rules.MaxStreams+1 {
			t.Errorf("after all have left: %v", codings)
		}
	}, compressing)
}

// TestPressedCopyConfirmed: a client that has a coded form by its weak tag is
// told by that tag that its copy is right: by a strong one it could not match
// the two (RFC 9111 §4.3.4).
func TestPressedCopyConfirmed(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		if strings.Contains(x.Request().Fields.Get("If-None-Match"), `"1"`) {
			reply(x, 304, "", "ETag", `"1"`)
			return
		}
		reply(x, 200, prose, "Content-Type", "text/html", "Cache-Control", "private, no-cache", "ETag", `"1"`)
	}, func(w *world) {
		w.get("/a") // shows that it is not for the store
		for _, tag := range []string{`"1"`, `W/"1"`} {
			g := w.get("/a", "Accept-Encoding", "br", "If-None-Match", tag)
			if g.status != 304 || g.fields.Get("ETag") != tag {
				t.Errorf("If-None-Match: %s: %d %v", tag, g.status, g.fields)
			}
		}
	}, compressing)
}

// TestPressingIsOnRecord: the choice is there with its reason.
func TestPressingIsOnRecord(t *testing.T) {
	s := trusting
	s.site = func(site *cdn.Site) { site.Rules.Compress.Codings = []string{"br"} }
	inWorld(t, replying(200, prose, "Content-Type", "text/html", "Cache-Control", "no-store"), func(w *world) {
		for i, tt := range []struct{ site, want string }{{"same-origin", "encode br"}, {"cross-site", "identity identity"}} {
			parent, id := sampled(uint64(i + 1))
			w.get("/a", "Accept-Encoding", "br", "Cookie", "a=b", "Sec-Fetch-Site", tt.site, "Traceparent", parent)
			got := ""
			for _, e := range w.events(id) {
				if f, ok := e.Fact.(trace.CodingDecision); ok {
					got += e.Decision.Verdict + " " + f.Coding
				}
			}
			if got != tt.want {
				t.Errorf("%s: on record %q, want %q", tt.site, got, tt.want)
			}
		}
	}, s)
}
