package site

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/image/font/sfnt"

	"waypost/demo/site/internal/catalogue"
	"waypost/http/wire"
	"waypost/internal/memnet"
	"waypost/trace"
)

var (
	shopAddr   = netip.MustParseAddrPort("192.0.2.10:80")
	clientAddr = netip.MustParseAddr("192.0.2.20")
)

// town is the shop on a network in memory, in virtual time.
type town struct {
	t    *testing.T
	net  memnet.Net
	site *Site
	ring trace.Ring
}

// visit runs f in a bubble with the shop open.
func visit(t *testing.T, f func(*town)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &town{t: t}
		n := uint64(0)
		s, err := New(Options{
			Rand:    func() uint64 { n++; return n },
			Station: &trace.Station{Name: "origin", Recorder: &v.ring}, TrustTrace: []netip.Prefix{netip.PrefixFrom(clientAddr, 32)},
		})
		if err != nil {
			t.Fatal(err)
		}
		v.site = s
		l, err := v.net.Host(shopAddr.Addr()).Listen(t.Context(), shopAddr)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			(&wire.Server{Handler: s}).Serve(ctx, l)
		}()
		f(v)
		stop()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (v *town) dial() net.Conn {
	v.t.Helper()
	c, err := v.net.Host(clientAddr).Dial(v.t.Context(), shopAddr)
	if err != nil {
		v.t.Fatal(err)
	}
	return c
}

func (v *town) client() wire.Client {
	v.t.Helper()
	c, err := wire.NewClient(v.dial(), "http/1.1", wire.Limits{})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { c.Close() })
	return c
}

type answer struct {
	*wire.Response
	body string
}

func (v *town) do(c wire.Client, method, target, body string, fields ...string) answer {
	v.t.Helper()
	r := &wire.Request{Method: method, Scheme: "http", Authority: "www.shop.test", Path: target}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Fields.Add(name, value)
	}
	if body != "" {
		r.Body, r.Length = strings.NewReader(body), int64(len(body))
	}
	resp, err := c.Do(v.t.Context(), r)
	if err != nil {
		v.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatalf("%s %s: body: %v", method, target, err)
	}
	return answer{resp, string(b)}
}

const html = "text/html; charset=utf-8"

func TestAddresses(t *testing.T) {
	visit(t, func(v *town) {
		client := v.client()
		lampHead, err := asset(mustSub(t), "lamp-head.png")
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			target string
			status int
			kind   string // Content-Type
			field  string
		}{
			{"/", 200, html, "Cache-Control: public, max-age=0, must-revalidate, s-maxage=60"},
			{"/products", 301, "", "Location: /products/"},
			{"/products/", 200, html, ""},
			{"/products/fog-bell/", 200, html, ""},
			{"/about/", 200, html, ""},
			{"/nowhere", 404, html, "Cache-Control: " + pageCache},
			{"/old", 301, "", "Location: /"},
			{"/images/lamp-head.png", 301, "", "Location: " + lampHead},
			{lampHead, 200, "image/png", "Cache-Control: public, max-age=31536000, immutable"},
			{"/today", 302, "", "Location: /products/tide-clock/"}, // 2000-01-01, when bubbles begin
			{"/api/products", 200, "application/json", "Cache-Control: public, max-age=5"},
			{"/api/products/fog-bell", 200, "application/json", ""},
			{"/api/products/unicorn", 404, "application/problem+json", "Cache-Control: no-store"},
			{"/api/orders", 405, "application/problem+json", "Allow: OPTIONS, POST"},
			{"/api/orders/SM-0", 404, "application/problem+json", ""},
			{"/upload", 405, "application/problem+json", "Allow: OPTIONS, POST, PUT"},
			{"/slow?ms=0", 200, "text/plain; charset=utf-8", "Cache-Control: no-store"},
			{"/slow?ms=60001", 400, "application/problem+json", ""},
			{"/slow?ms=soon", 400, "application/problem+json", ""},
			{"/ws", 426, "application/problem+json", "Upgrade: websocket"},
		} {
			got := v.do(client, "GET", tt.target, "")
			if got.Status != tt.status || tt.kind != "" && got.Fields.Get("Content-Type") != tt.kind {
				t.Errorf("%s = %d %s, want %d %s", tt.target, got.Status, got.Fields.Get("Content-Type"), tt.status, tt.kind)
			}
			if name, value, ok := strings.Cut(tt.field, ": "); ok && name != "Upgrade" && got.Fields.Get(name) != value {
				t.Errorf("%s: %s = %q, want %q", tt.target, name, got.Fields.Get(name), value)
			}
		}
	})
}

func mustSub(t *testing.T) fs.FS {
	t.Helper()
	tree, err := fs.Sub(public, "public")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

var links = regexp.MustCompile(`(?:href|src)="([^"#]+)|url\("([^"]+)"\)|from "([^"]+)"`)

// TestLinks loads every page and style sheet and follows what they name, as a
// browser and a crawler would.
func TestLinks(t *testing.T) {
	visit(t, func(v *town) {
		client := v.client()
		seen, queue := map[string]bool{"/": true}, []string{"/", "/404.html"}
		for len(queue) > 0 {
			target := queue[0]
			queue = queue[1:]
			got := v.do(client, "GET", target, "")
			if got.Status != 200 && got.Status != 301 && got.Status != 302 {
				t.Errorf("%s = %d", target, got.Status)
			}
			if ct := got.Fields.Get("Content-Type"); !strings.Contains(ct, "html") && !strings.Contains(ct, "css") && !strings.Contains(ct, "javascript") {
				continue
			}
			for _, m := range links.FindAllStringSubmatch(got.body, -1) {
				link, _, _ := strings.Cut(m[1]+m[2]+m[3], "#")
				if link != "" && !seen[link] {
					seen[link], queue = true, append(queue, link)
				}
			}
		}
		if len(seen) < 30 {
			t.Errorf("only %d addresses", len(seen))
		}
	})
}

// TestFrontPage: a loader finds subresources of every kind on it.
func TestFrontPage(t *testing.T) {
	tree := mustSub(t)
	page := read(t, tree, "index.html")
	for _, want := range []string{
		`<script>`, `<script src="/assets/settings.`, `" async></script>`, `" defer></script>`, `type="module"></script>`, `rel="modulepreload"`,
		`rel="icon"`, `rel="preload"`, `src="/images/lamp-head.png"`, `loading="lazy"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the front page has no %s", want)
		}
	}
	resources := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:src|href)="(/(?:assets|images)/[^"]+)`).FindAllStringSubmatch(page, -1) {
		resources[m[1]] = true
		if strings.HasSuffix(m[1], ".css") {
			for _, u := range regexp.MustCompile(`url\("([^"]+)"\)`).FindAllStringSubmatch(read(t, tree, strings.TrimPrefix(m[1], "/")), -1) {
				resources[u[1]] = true
			}
		}
	}
	if n := len(resources); n < 15 || n > 22 {
		t.Errorf("%d subresources: %v", n, slices.Sorted(mapKeys(resources)))
	}
	base, err := asset(tree, "base.css")
	if err != nil {
		t.Fatal(err)
	}
	if css := read(t, tree, base[1:]); strings.Contains(css, "url(") || strings.Contains(css, "@import") {
		t.Error("base.css needs something else")
	}
}

func mapKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func read(t *testing.T, tree fs.FS, name string) string {
	t.Helper()
	b, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPictures: every picture is one, and together they stay small.
func TestPictures(t *testing.T) {
	tree := mustSub(t)
	total := 0
	pictures, err := fs.Glob(tree, "assets/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pictures {
		content := read(t, tree, name)
		switch path.Ext(name) {
		case ".png":
			img, kind, err := image.Decode(strings.NewReader(content))
			if err != nil || kind != "png" || img.Bounds().Dx() < 400 {
				t.Errorf("%s: %v, %s", name, err, kind)
			}
		case ".svg":
			if !strings.HasPrefix(content, "<svg ") {
				t.Errorf("%s is no SVG", name)
			}
		case ".ttf":
			testFont(t, []byte(content))
			continue
		default:
			continue
		}
		total += len(content)
	}
	if total > 300<<10 {
		t.Errorf("pictures of %d bytes", total)
	}
}

// testFont: the typeface has every printable character of ASCII, and what
// the pages need beyond.
func testFont(t *testing.T, data []byte) {
	font, err := sfnt.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var b sfnt.Buffer
	if name, err := font.Name(&b, sfnt.NameIDFamily); err != nil || name != "Octant" {
		t.Errorf("family %q, %v", name, err)
	}
	const ppem = 10 << 6
	for r := rune(' '); r < 0x7f; r++ {
		i, err := font.GlyphIndex(&b, r)
		if err != nil || i == 0 {
			t.Errorf("no glyph for %q: %v", r, err)
			continue
		}
		segments, err := font.LoadGlyph(&b, i, ppem, nil)
		if err != nil || len(segments) == 0 && r != ' ' {
			t.Errorf("glyph of %q: %d segments, %v", r, len(segments), err)
		}
		if advance, err := font.GlyphAdvance(&b, i, ppem, 0); err != nil || advance < 2<<6 || advance > 8<<6 {
			t.Errorf("advance of %q: %v, %v", r, advance, err)
		}
	}
	for _, r := range "\u00a0€£°·′×–—…‘’“”←→↑↓©" {
		if i, err := font.GlyphIndex(&b, r); err != nil || i == 0 {
			t.Errorf("no glyph for %q: %v", r, err)
		}
	}
	if i, _ := font.GlyphIndex(&b, 'Ж'); i != 0 {
		t.Error("a glyph for what is not drawn")
	}
}

func TestOrder(t *testing.T) {
	const json = "Content-Type: application/json"
	order := func(items string) string {
		return `{"name": "Ada", "harbour": "Whitby", "items": [` + items + `]}`
	}
	visit(t, func(v *town) {
		client := v.client()
		for _, tt := range []struct {
			name, body string
			fields     []string
			status     int
			contain    string
		}{
			{"fine", order(`{"product": "fog-bell", "quantity": 2}`), []string{json + "; charset=utf-8"}, 201, `"cents":43800`},
			{"no JSON", `{"name": }`, []string{json}, 400, "byte 10"},
			{"nothing", "", []string{json}, 400, "there is no text"},
			{"cut off", `{"name": "x`, []string{json}, 400, "ends too early"},
			{"two", order(``) + "{}", []string{json}, 400, "something follows"},
			{"not UTF-8", "\"\xff\"", []string{json}, 400, "not UTF-8"},
			{"form", "name=Ada", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "application/json"},
			{"no type", "{}", nil, 415, ""},
			{"coded", "{}", []string{json, "Content-Encoding: gzip"}, 415, "without content coding"},
			{"too large", order(strings.Repeat(" ", maxOrder)), []string{json}, 413, "16384 bytes"},
			{"no order", `[]`, []string{json}, 422, `"pointer":"","detail":"must be an object"`},
			{"members", `{"nam/e": 1, "name": " ", "harbour": 7}`, []string{json}, 422,
				`[{"pointer":"/nam~1e","detail":"is not known here"},{"pointer":"/name","detail":"must not be empty"},{"pointer":"/harbour","detail":"must be a string"},{"pointer":"/items","detail":"is missing"}]`},
			{"quantity", order(`{"product": "fog-bell", "quantity": 1.5}`), []string{json}, 422, `"pointer":"/items/0/quantity"`},
			{"unknown", order(`{"product": "unicorn", "quantity": 1}`), []string{json}, 422, `"pointer":"/items/0/product"`},
			{"twice", order(`{"product": "fog-bell", "quantity": 1}, {"product": "fog-bell", "quantity": 1}`), []string{json}, 422, "is there twice"},
			{"too much", order(`{"product": "watch-mug", "quantity": 1}, {"product": "fog-bell", "quantity": 8}`), []string{json}, 409, `"pointer":"/items/1/quantity","detail":"only 7 are left"`},
		} {
			got := v.do(client, "POST", "/api/orders", tt.body, tt.fields...)
			if got.Status != tt.status || !strings.Contains(got.body, tt.contain) {
				t.Errorf("%s: %d %s, want %d with %s", tt.name, got.Status, got.body, tt.status, tt.contain)
			}
		}
		// What was refused took nothing.
		for id, want := range map[string]string{"fog-bell": `"stock":7`, "watch-mug": `"stock":210`} {
			if got := v.do(client, "GET", "/api/products/"+id, ""); !strings.Contains(got.body, want) {
				t.Errorf("%s after the orders: %s, want %s", id, got.body, want)
			}
		}
		got := v.do(client, "POST", "/api/orders", order(`{"product": "spar-buoy", "quantity": 1}`), json)
		if read := v.do(client, "GET", got.Fields.Get("Location"), ""); read.Status != 200 || read.body != got.body {
			t.Errorf("placed %s, read %s", got.body, read.body)
		}
	})
}

func TestProducts(t *testing.T) {
	visit(t, func(v *town) {
		var list struct{ Products []product }
		if err := json.Unmarshal([]byte(v.do(v.client(), "GET", "/api/products", "").body), &list); err != nil {
			t.Fatal(err)
		}
		for i, p := range catalogue.Products() {
			want := product{p.ID, p.Name, p.Short, p.Light, p.Cents, "EUR", p.Stock, "/products/" + p.ID + "/"}
			if got := list.Products[i]; got != want {
				t.Errorf("product %d: %+v, want %+v", i, got, want)
			}
		}
	})
}

func TestOrdersAreForgotten(t *testing.T) {
	s, err := openShop(t.Context(), func() func() uint64 { n := uint64(0); return func() uint64 { n++; return n } }())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, err := s.db.Exec(`INSERT INTO purchase (number, id, placed, name, harbour, cents) VALUES (1, 'first', '', '', '', 1), (?, 'latest', '', '', '', 1)`, maxOrders); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.place(t.Context(), order{"a", "b", []item{{"fog-bell", 1}}}); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.db.QueryRow(`SELECT count(*) FROM purchase`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d orders kept, %v; want 2", n, err)
	}
}

func TestUpload(t *testing.T) {
	visit(t, func(v *town) {
		client := v.client()
		got := v.do(client, "POST", "/upload", "hello")
		if want := `{"bytes":5,"sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}` + "\n"; got.Status != 200 || got.body != want {
			t.Errorf("%d %s", got.Status, got.body)
		}
		if got := v.do(client, "PUT", "/upload", strings.Repeat("x", 1<<20)); got.Status != 200 {
			t.Errorf("1 MiB: %d", got.Status)
		}
		conn := v.dial()
		fmt.Fprintf(conn, "POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", 1<<20+1)
		if b, _ := io.ReadAll(conn); !strings.HasPrefix(string(b), "HTTP/1.1 413 ") {
			t.Errorf("1 MiB and a byte: %q", b)
		}
	})
}

// TestSlow: the answer comes when it comes, and the record says who was there.
func TestSlow(t *testing.T) {
	const traceparent = "traceparent: 00-000000000000000000000000000000aa-00000000000000bb-01\r\n"
	visit(t, func(v *town) {
		begin := time.Now()
		if got := v.do(v.client(), "GET", "/slow", ""); got.Status != 200 || time.Since(begin) != slowDefault {
			t.Errorf("%d after %v", got.Status, time.Since(begin))
		}
		conn := v.dial()
		io.WriteString(conn, "GET /slow?ms=5000 HTTP/1.1\r\nHost: a\r\n"+traceparent+"\r\n")
		time.Sleep(2 * time.Second)
		conn.Close()
		time.Sleep(4 * time.Second)
		events, _ := v.ring.Events(v.ring.Traces()[0])
		want := trace.OriginResponse{Method: "GET", Target: "/slow?ms=5000", Handler: "slow", Status: 200, Bytes: 24, Left: trace.Millis(2 * time.Second)}
		if len(events) != 1 || events[0].Fact != want {
			t.Errorf("record %+v, want %+v", events, want)
		}
	})
}

// TestCloseEndsSlow: nothing waits for a shop that is closed.
func TestCloseEndsSlow(t *testing.T) {
	visit(t, func(v *town) {
		client := v.client()
		go func() {
			time.Sleep(time.Second)
			v.site.Close()
		}()
		begin := time.Now()
		if got := v.do(client, "GET", "/slow", ""); got.Status != 503 || time.Since(begin) != time.Second {
			t.Errorf("%d after %v", got.Status, time.Since(begin))
		}
		time.Sleep(time.Second)
	})
}

func TestEvents(t *testing.T) {
	visit(t, func(v *town) {
		listen := func(fields string) (next func() string, conn net.Conn) {
			conn = v.dial()
			io.WriteString(conn, "GET /events HTTP/1.0\r\nHost: a\r\n"+fields+"\r\n")
			r := bufio.NewReader(conn)
			return func() string {
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return err.Error()
					}
					if data, ok := strings.CutPrefix(line, "data: "); ok {
						return strings.TrimSpace(data)
					}
				}
			}, conn
		}
		next, conn := listen("")
		synctest.Wait()
		v.do(v.client(), "POST", "/api/orders", `{"name":"A","harbour":"B","items":[{"product":"fog-bell","quantity":3}]}`, "Content-Type: application/json")
		if got, want := next(), `{"product":"fog-bell","stock":6,"text":"3 × Fog bell left the quay","time":"2000-01-01T00:00:00Z"}`; got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
		begin := time.Now()
		if got := next(); time.Since(begin) != DefaultTide || !strings.Contains(got, "the quay") {
			t.Errorf("the tide brought %s after %v", got, time.Since(begin))
		}
		conn.Close()
		synctest.Wait()
		if v.site.log.ebb != nil {
			t.Error("the tide flows for nobody")
		}
		// Who comes back hears what was missed, and only that.
		next, conn = listen("Last-Event-ID: 1\r\n")
		if got := next(); strings.Contains(got, "3 × Fog bell") {
			t.Errorf("heard %s again", got)
		}
		next2, conn2 := listen("")
		if got := next2(); !strings.Contains(got, "3 × Fog bell") {
			t.Errorf("a new listener is greeted with %s", got)
		}
		conn.Close()
		conn2.Close()
	})
}

// TestSlowListener: who does not keep up is let go, and the rest hears on.
func TestSlowListener(t *testing.T) {
	l := newHarbourLog(nil, -1)
	entries, stop := l.listen("")
	defer stop()
	for range logQueue + 1 {
		l.write(change{})
	}
	n := 0
	for range entries { // ends: it was let go
		n++
	}
	if n != logQueue || len(l.listeners) != 0 {
		t.Errorf("heard %d, %d listeners left", n, len(l.listeners))
	}
	again, stop2 := l.listen("3")
	defer stop2()
	if e := <-again; e.ID != "4" {
		t.Errorf("goes on with %s", e.ID)
	}
	l.close()
	if entries, _ := l.listen(""); entries != nil {
		t.Error("listens to a closed log")
	}
}
