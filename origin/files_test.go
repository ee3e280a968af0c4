package origin

import (
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"waypost/http/field"
)

var changed = time.Date(1999, 12, 31, 20, 0, 0, 0, time.UTC) // a little before synctest's midnight

func tree() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), ModTime: changed} }
	return fstest.MapFS{
		"index.html":             file("<h1>home</h1>"),
		"404.html":               file("<h1>lost</h1>"),
		"about/index.html":       file("<h1>about</h1>"),
		"a b/index.html":         file("blank"),
		"empty/x.txt":            file(""),
		"text.txt":               file("0123456789"),
		"app.1f2e3d4c.js":        file("let x = 1;"),
		"app.1f2e3d4c.js.gz":     file("gz-bytes"),
		"app.1f2e3d4c.js.br":     file("br"),
		"stale.css":              file("a{}"),
		"stale.css.br":           &fstest.MapFile{Data: []byte("old"), ModTime: changed.Add(-time.Hour)},
		"future.txt":             &fstest.MapFile{Data: []byte("f"), ModTime: changed.AddDate(50, 0, 0)},
		"undated.txt":            &fstest.MapFile{Data: []byte("u")},
		".env":                   file("SECRET=1"),
		".git/config":            file("secret"),
		".well-known/change.txt": file("open"),
		"odd\\name.txt":          file("x"),
	}
}

func site() *Files {
	return &Files{
		FS: tree(), NotFound: "404.html",
		Cache:  append([]CacheRule{{Pattern: "*.html", Value: "max-age=60"}}, DefaultCache()...),
		Fields: field.Fields{{Name: "X-Site", Value: "shop"}},
	}
}

func TestFiles(t *testing.T) {
	const immutable = "Cache-Control: public, max-age=31536000, immutable"
	run(t, Config{Files: site()}, func(g *rig) {
		client := g.client()
		for _, tt := range []struct {
			request string // method, target and fields, by line
			status  int
			body    string
			fields  string // that must be there; "-Name" must not
		}{
			{"GET /", 200, "<h1>home</h1>", "Content-Type: text/html; charset=utf-8|X-Content-Type-Options: nosniff|Cache-Control: max-age=60|Accept-Ranges: bytes|X-Site: shop|Last-Modified: Fri, 31 Dec 1999 20:00:00 GMT|-Vary"},
			{"HEAD /", 200, "", "Content-Type: text/html; charset=utf-8"},
			{"GET /index.html", 200, "<h1>home</h1>", ""},
			{"GET /about", 301, "See /about/\n", "Location: /about/|Cache-Control: max-age=60"},
			{"GET /about?x=//evil.test/", 301, "See /about/?x=//evil.test/\n", "Location: /about/?x=//evil.test/"},
			{"GET /about/", 200, "<h1>about</h1>", ""},
			{"GET /%61bout/", 200, "<h1>about</h1>", ""},
			{"GET /a%20b", 301, "See /a%20b/\n", "Location: /a%20b/"},
			{"GET /empty/x.txt", 200, "", "Content-Type: text/plain; charset=utf-8"},
			{"GET /empty/", 404, "<h1>lost</h1>", "-ETag|Content-Type: text/html; charset=utf-8|X-Site: shop"},
			{"HEAD /nothing", 404, "", ""},
			{"GET /text.txt/", 404, "<h1>lost</h1>", ""},
			{"POST /", 405, "*", "Allow: GET, HEAD, OPTIONS"},
			{"OPTIONS /", 204, "", "Allow: GET, HEAD, OPTIONS"},
			{"GET /future.txt", 200, "f", "Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT"},
			{"GET /undated.txt", 200, "u", "-Last-Modified"},
			{"GET /.well-known/change.txt", 200, "open", ""},

			{"GET /app.1f2e3d4c.js", 200, "let x = 1;", immutable + "|Vary: Accept-Encoding|-Content-Encoding"},
			{"GET /app.1f2e3d4c.js\nAccept-Encoding: gzip, br", 200, "br", immutable + "|Vary: Accept-Encoding|Content-Encoding: br|Content-Type: text/javascript; charset=utf-8"},
			{"GET /app.1f2e3d4c.js\nAccept-Encoding: gzip", 200, "gz-bytes", "Content-Encoding: gzip"},
			{"GET /app.1f2e3d4c.js\nAccept-Encoding: zstd", 200, "let x = 1;", "-Content-Encoding|Vary: Accept-Encoding"},
			{"GET /app.1f2e3d4c.js\nAccept-Encoding: br\nRange: bytes=1-", 206, "r", "Content-Range: bytes 1-1/2|Content-Encoding: br"},
			{"GET /stale.css\nAccept-Encoding: br", 200, "a{}", "-Content-Encoding|-Vary"},

			{"GET /text.txt\nRange: bytes=2-4", 206, "234", "Content-Range: bytes 2-4/10|Content-Type: text/plain; charset=utf-8"},
			{"GET /text.txt\nRange: bytes=-3", 206, "789", "Content-Range: bytes 7-9/10"},
			{"GET /text.txt\nRange: bytes=10-", 416, "", "Content-Range: bytes */10"},
			{"GET /text.txt\nRange: lines=1-2", 200, "0123456789", "-Content-Range"},
			{"HEAD /text.txt\nRange: bytes=2-4", 200, "", "-Content-Range"},
			{"GET /text.txt\nRange: bytes=2-4\nIf-Range: \"other\"", 200, "0123456789", "-Content-Range"},
			{"GET /text.txt\nRange: bytes=2-4\nIf-Range: Fri, 31 Dec 1999 20:00:00 GMT", 206, "234", ""},

			{"GET /text.txt\nIf-Modified-Since: Fri, 31 Dec 1999 20:00:00 GMT", 304, "", "Last-Modified: Fri, 31 Dec 1999 20:00:00 GMT|Cache-Control: public, max-age=0, must-revalidate|-Content-Type"},
			{"GET /text.txt\nIf-Modified-Since: Fri, 31 Dec 1999 19:59:59 GMT", 200, "0123456789", ""},
			{"GET /text.txt\nIf-None-Match: *", 304, "", ""},
			{"GET /text.txt\nIf-Match: \"other\"", 412, "", ""},
			{"GET /text.txt\nIf-None-Match: *\nRange: bytes=0-1", 304, "", ""},
		} {
			lines := strings.Split(tt.request, "\n")
			method, target, _ := strings.Cut(lines[0], " ")
			got := g.do(client, method, target, "", lines[1:]...)
			if got.Status != tt.status || tt.body != "*" && got.body != tt.body {
				t.Errorf("%q = %d %q, want %d %q", tt.request, got.Status, got.body, tt.status, tt.body)
			}
			for want := range strings.SplitSeq(tt.fields, "|") {
				name, value, ok := strings.Cut(want, ": ")
				if gone, not := strings.CutPrefix(want, "-"); not && got.Fields.Has(gone) {
					t.Errorf("%q: has %s: %s", tt.request, gone, got.Fields.Get(gone))
				} else if ok && got.Fields.Get(name) != value {
					t.Errorf("%q: %s = %q, want %q", tt.request, name, got.Fields.Get(name), value)
				}
			}
		}
	})
}

// TestNoWayOut: no path leads out of the tree or to what is hidden in it.
func TestNoWayOut(t *testing.T) {
	run(t, Config{Files: site()}, func(g *rig) {
		client := g.client()
		for _, target := range []string{
			"/../origin.go", "/..%2forigin.go", "/%2e%2e/origin.go", "/about/../index.html", "/about/./index.html",
			"//index.html", "/about//index.html", "/about/%2e%2e/index.html", "/.env", "/%2eenv", "/.git/config", "/.git/",
			"/odd%5cname.txt", "/..%5c..%5corigin.go", "/index.html%00.txt", "/index.html%00", "/about//", "//", "//evil.test/",
			"/.", "/..", "/...", "/about/..", "/index.html/.", "/%2f", "/%2findex.html",
		} {
			if got := g.do(client, "GET", target, ""); got.Status != 404 || got.body != "<h1>lost</h1>" {
				t.Errorf("%s = %d %q", target, got.Status, got.body)
			}
		}
	})
}

func TestEntityTags(t *testing.T) {
	files := site()
	run(t, Config{Files: files}, func(g *rig) {
		client := g.client()
		plain := g.do(client, "GET", "/app.1f2e3d4c.js", "").Fields.Get("ETag")
		br := g.do(client, "GET", "/app.1f2e3d4c.js", "", "Accept-Encoding: br").Fields.Get("ETag")
		if plain == br || !strings.HasPrefix(plain, `"`) {
			t.Errorf("tags %s and %s: each representation has its own, strong one", plain, br)
		}
		if got := g.do(client, "GET", "/app.1f2e3d4c.js", "", "If-None-Match: W/"+plain); got.Status != 304 || got.Fields.Get("ETag") != plain || got.Fields.Get("Vary") == "" {
			t.Errorf("validation gives %d %v", got.Status, got.Fields)
		}
		if got := g.do(client, "GET", "/app.1f2e3d4c.js", "", "If-None-Match: "+plain, "Accept-Encoding: br"); got.Status != 200 {
			t.Errorf("the tag of another representation gives %d", got.Status)
		}
		tree := files.FS.(fstest.MapFS)
		before := g.do(client, "GET", "/text.txt", "").Fields.Get("ETag")
		tree["text.txt"] = &fstest.MapFile{Data: []byte("9876543210"), ModTime: changed.Add(time.Minute)}
		if after := g.do(client, "GET", "/text.txt", "").Fields.Get("ETag"); after == before {
			t.Error("a changed file keeps its tag")
		}
	})
}

// TestTagsAreRemembered: a file is read once for its tag, not for each
// validation.
func TestTagsAreRemembered(t *testing.T) {
	counting := &countingFS{FS: tree()}
	run(t, Config{Files: &Files{FS: counting}}, func(g *rig) {
		client := g.client()
		for range 5 {
			g.do(client, "GET", "/text.txt", "", "If-None-Match: *")
		}
		if counting.opened != 1 {
			t.Errorf("opened %d times, want once", counting.opened)
		}
	})
}

type countingFS struct {
	fs.FS
	opened int
}

func (c *countingFS) Open(name string) (fs.File, error) {
	if name == "text.txt" {
		c.opened++
	}
	return c.FS.Open(name)
}

func (c *countingFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }

func TestMultipleRanges(t *testing.T) {
	run(t, Config{Files: site()}, func(g *rig) {
		got := g.do(g.client(), "GET", "/text.txt", "", "Range: bytes=0-1, 4-5, -1")
		if got.Status != 206 || got.Length != int64(len(got.body)) || got.Fields.Has("Content-Range") {
			t.Fatalf("%d, length %d of %d, %v", got.Status, got.Length, len(got.body), got.Fields)
		}
		kind, params, err := mime.ParseMediaType(got.Fields.Get("Content-Type"))
		if err != nil || kind != "multipart/byteranges" {
			t.Fatalf("Content-Type %q: %v", got.Fields.Get("Content-Type"), err)
		}
		reader := multipart.NewReader(strings.NewReader(got.body), params["boundary"])
		for _, want := range []string{"01 bytes 0-1/10", "45 bytes 4-5/10", "9 bytes 9-9/10"} {
			part, err := reader.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(part)
			if s := string(b) + " " + part.Header.Get("Content-Range"); s != want || part.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("part %q, want %q", s, want)
			}
		}
		if _, err := reader.NextPart(); err != io.EOF {
			t.Errorf("after the last part: %v", err)
		}
	})
}

func TestFingerprinted(t *testing.T) {
	for name, want := range map[string]bool{
		"app.1f2e3d4c.js": true, "x/y.0123456789abcdef.min.css": true, "app.js": false, "app.2024.js": false,
		"deadbeef.js": false, "app.deadbeef": false, "app.deadbeef.js": false, "jquery.3.7.1.js": false, "a.1F2E3D4C.js": false,
	} {
		if got := Fingerprinted(name); got != want {
			t.Errorf("Fingerprinted(%q) = %v", name, got)
		}
	}
}

func TestCacheRule(t *testing.T) {
	for _, tt := range []struct {
		rule CacheRule
		name string
		want bool
	}{
		{CacheRule{}, "a/b", true},
		{CacheRule{Pattern: "*.html"}, "a/b.html", true},
		{CacheRule{Pattern: "*.html"}, "a/b.htm", false},
		{CacheRule{Pattern: "/img/"}, "img/x/y.png", true},
		{CacheRule{Pattern: "img/"}, "imgs/y.png", false},
		{CacheRule{Pattern: "img/*.png"}, "img/y.png", true},
		{CacheRule{Pattern: "img/*.png"}, "img/x/y.png", false},
		{CacheRule{Pattern: "*.js", Fingerprinted: true}, "a.js", false},
	} {
		if got := tt.rule.takes(tt.name); got != tt.want {
			t.Errorf("%+v takes %q = %v", tt.rule, tt.name, got)
		}
	}
}

func TestTypeOf(t *testing.T) {
	for name, want := range map[string]string{
		"a.HTML": "text/html; charset=utf-8", "x.woff2": "font/woff2", "x.svg": "image/svg+xml", "README": "application/octet-stream", "a.exe": "application/octet-stream",
	} {
		if got := TypeOf(name); got != want {
			t.Errorf("TypeOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestChooseCoding(t *testing.T) {
	for _, tt := range []struct{ accept, offer, want string }{
		{"(none)", "br gzip", ""},
		{"", "br gzip", ""},
		{"gzip, deflate, br, zstd", "br zstd gzip", "br"},
		{"gzip, deflate, br, zstd", "zstd gzip", "zstd"},
		{"gzip, deflate", "br zstd gzip", "gzip"},
		{"x-gzip", "gzip", "gzip"},
		{"GZIP", "gzip", "gzip"},
		{"br;q=0.5, gzip", "br gzip", "gzip"},
		{"br;q=0.5, gzip;q=0.5", "br gzip", "br"},
		{"br;q=0, *", "br gzip", "gzip"},
		{"*", "zstd", "zstd"},
		{"*;q=0", "br", ""},
		{"identity", "br", ""},
		{"identity;q=0.5, br;q=0.4", "br", ""},
		{"identity;q=0.5, br;q=0.5", "br", "br"},
		{"identity;q=0", "", ""},
		{"br;q=nonsense", "br", ""},
		{"br;q=1.001", "br", ""},
		{"br; q=1.000", "br", "br"},
		{"br;q=0.001", "br", "br"},
		{"brotli", "br", ""},
	} {
		var f field.Fields
		if tt.accept != "(none)" {
			f.Add("Accept-Encoding", tt.accept)
		}
		offer := strings.Fields(tt.offer)
		got := chooseCoding(f, func(c string) bool {
			for _, o := range offer {
				if o == c {
					return true
				}
			}
			return false
		})
		if got != tt.want {
			t.Errorf("chooseCoding(%q of %q) = %q, want %q", tt.accept, tt.offer, got, tt.want)
		}
	}
}
