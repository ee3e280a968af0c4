package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"waypost/cdn"
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
