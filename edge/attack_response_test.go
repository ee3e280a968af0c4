package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/http/wire"
)

// TestResponseSplitting: an origin that has been made to write more than its
// response, or one that can be read in two ways, gives the client one response
// or 502, and the next client gets nothing of it.
func TestResponseSplitting(t *testing.T) {
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\nSet-Cookie: evil\r\n\r\nevil"
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name, out string
		status    int
		whole     bool // the response comes to its end
	}{
		{"another response behind it", ok + "Content-Length: 4\r\n\r\ngood" + evil, 200, true},
		{"another one behind a 204", "HTTP/1.1 204 No Content\r\n\r\n" + evil, 204, true},
		{"another one behind the last chunk", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + evil, 200, true},
		{"both framings", ok + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + evil, 502, true},
		{"two lengths", ok + "Content-Length: 4\r\nContent-Length: 200\r\n\r\ngood" + evil, 502, true},
		{"a signed length", ok + "Content-Length: +4\r\n\r\ngood" + evil, 502, true},
		{"a bare LF in a field", ok + "X: y\nSet-Cookie: evil\r\nContent-Length: 4\r\n\r\ngood", 502, true},
		{"a bare CR in a field", ok + "X: y\rSet-Cookie: evil\r\nContent-Length: 4\r\n\r\ngood", 502, true},
		{"a NUL in a field", ok + "X: y\x00Set-Cookie: evil\r\nContent-Length: 4\r\n\r\ngood", 502, true},
		{"a space before the colon", ok + "Content-Length : 4\r\n\r\ngood" + evil, 502, true},
		{"chunked, twice", ok + "Transfer-Encoding: chunked, chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + evil, 502, true},
		{"a coding that nobody knows", ok + "Transfer-Encoding: xchunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + evil, 502, true},
		{"a chunk size that overflows", ok + "Transfer-Encoding: chunked\r\n\r\n10000000000000004\r\ngood\r\n0\r\n\r\n", 200, false},
		{"a chunk longer than said", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\ngoodies\r\n0\r\n\r\n" + evil, 200, false},
		{"a head without end", ok + strings.Repeat("X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 2000), 502, true},
		{"no HTTP", "SSH-2.0-OpenSSH\r\n", 502, true},
		{"an upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + evil, 502, true},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			inWorld(t, replying(500, ""), func(w *world) {
				stop := w.listenRaw(func(c net.Conn) { answerRaw(c, tt.out) })
				defer stop()
				first := w.get("/split")
				if first.status != tt.status || (first.err == nil) != tt.whole {
					t.Errorf("got %v, %v", first, first.err)
				}
				again := w.get("/split") // what was stored of it
				next := w.get("/innocent")
				if next.status != 200 || next.body != "/innocent" {
					t.Errorf("the next client got %v", next)
				}
				for _, g := range []got{first, again, next} {
					if strings.Contains(g.body, "evil") || g.fields.Has("Set-Cookie") {
						t.Errorf("somebody got %v with %v", g, g.fields)
					}
				}
			}, setting{site: func(s *cdn.Site) { s.Origin.URLs = []string{"http://" + rawAddr.String()} }})
		})
	}
}

// answerRaw says out to /split and the path to anything else.
func answerRaw(c net.Conn, out string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		path := strings.Fields(line)[1]
		for line != "\r\n" {
			if line, err = in.ReadString('\n'); err != nil {
				return
			}
		}
		answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path)
		if path == "/split" {
			answer = out
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

// TestUnaskedNotModified: a 304 to a request without a condition is no response
// (RFC 9110 §15.4.5): the client is told so, and nothing is stored. To the
// client's own condition it is one.
func TestUnaskedNotModified(t *testing.T) {
	always := replying(304, "", "Cache-Control", "max-age=60", "ETag", `"1"`)
	for _, tt := range []struct {
		method string
		fields []string
		want   int
	}{
		{"GET", nil, 502},
		{"HEAD", nil, 502},
		{"GET", []string{"Range", "bytes=0-1"}, 502},
		{"GET", []string{"If-None-Match", `"1"`}, 502}, // what is for the store is asked for without
		{"HEAD", []string{"If-None-Match", `"1"`}, 304},
		{"GET", []string{"If-None-Match", `"1"`, "If-Match", `"1"`}, 304}, // passed on
		{"GET", []string{"If-Match", `"1"`}, 502},
	} {
		inWorld(t, always, func(w *world) {
			g := w.do(&wire.Request{Method: tt.method, Path: "/"}, tt.fields...)
			told := g.fields.Join("Proxy-Status")
			if g.status != tt.want || tt.want == 502 && !strings.Contains(told, "error=http_protocol_error; details=\"the origin server answered 304") {
				t.Errorf("%s %q: %v, Proxy-Status %q, want %d", tt.method, tt.fields, g, told, tt.want)
			}
			if n := w.edge.store.Len(); n != 0 {
				t.Errorf("%s %q: %d objects are stored", tt.method, tt.fields, n)
			}
		})
	}
	// What is stored serves on where the origin has nothing else to say.
	stale := false
	inWorld(t, func(x wire.Exchange) {
		if stale {
			reply(x, 304, "", "ETag", `"2"`) // which confirms nothing that we have
			return
		}
		reply(x, 200, "page", "Cache-Control", "max-age=1, stale-if-error=60", "ETag", `"1"`)
	}, func(w *world) {
		w.get("/")
		stale = true
		time.Sleep(2 * time.Second)
		if g := w.get("/"); g.status != 200 || g.body != "page" {
			t.Errorf("got %v", g)
		}
	})
}
