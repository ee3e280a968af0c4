package edge

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"waypost/cdn"
	"waypost/http/wire"
)

// TestLimitsOfRequests: what is too large is refused before it is read, with
// the status that says so, and the connection goes on where the end of the
// request is known and at hand.
func TestLimitsOfRequests(t *testing.T) {
	const maxBody = 1000
	const host = "Host: www.shop.test\r\n"
	const post = "POST / HTTP/1.1\r\n" + host
	const next = "GET /next HTTP/1.1\r\n" + host + "\r\n"
	for _, tt := range []struct {
		name, in string
		want     []int // statuses
		open     bool  // the connection stays open
		asked    int   // requests that the origin gets at most
	}{
		{"a long target", "GET /" + strings.Repeat("a", wire.DefaultTargetBytes) + " HTTP/1.1\r\n" + host + "\r\n" + next, []int{414}, false, 0},
		{"a target at the limit", "GET /" + strings.Repeat("a", wire.DefaultTargetBytes-1) + " HTTP/1.1\r\n" + host + "\r\n" + next, []int{200, 200}, true, 2},
		{"a long field", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("a", wire.DefaultHeaderBytes) + "\r\n\r\n" + next, []int{431}, false, 0},
		{"many fields", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", wire.DefaultHeaderCount) + "\r\n" + next, []int{431}, false, 0},
		{"fields below the limit, with room for ours", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", wire.DefaultHeaderCount-12) + "\r\n" + next, []int{200, 200}, true, 2},

		{"a body at the limit", post + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", maxBody, strings.Repeat("b", maxBody)) + next, []int{200, 200}, true, 2},
		{"a body beyond the limit, at hand", post + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", maxBody+1, strings.Repeat("b", maxBody+1)) + next, []int{413}, false, 0},
		{"a body beyond the limit that never comes", post + "Content-Length: 1000000000\r\n\r\n", []int{413}, false, 0},
		{"a body beyond the limit, in chunks", post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("64\r\n"+strings.Repeat("c", 100)+"\r\n", 20) + "0\r\n\r\n" + next, []int{413}, false, 1},
		{"Expect, and a body beyond the limit", post + "Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n", []int{413}, false, 0},
		{"Expect, and a body within that never comes", post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", []int{100, 408}, false, 1},
		{"an expectation that nobody knows", post + "Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello" + next, []int{417}, false, 0},
		{"a method too long", strings.Repeat("M", 100) + " / HTTP/1.1\r\n" + host + "\r\n" + next, []int{501}, false, 0},
		{"a method that makes tunnels", "CONNECT www.shop.test:80 HTTP/1.1\r\n" + host + "\r\n", []int{405}, true, 0},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			inWorld(t, func(x wire.Exchange) {
				if body := x.Request().Body; body != nil {
					if _, err := io.Copy(io.Discard, body); err != nil {
						x.Abort()
						return
					}
				}
				reply(x, 200, "fine")
			}, func(w *world) {
				got := w.rawRequest(tt.in)
				var statuses []int
				for _, part := range strings.Split("\r\n"+strings.ReplaceAll(got, "fine", "\r\n"), "\r\nHTTP/1.1 ")[1:] {
					var n int
					_, _ = fmt.Sscan(part, &n)
					statuses = append(statuses, n)
				}
				if fmt.Sprint(statuses) != fmt.Sprint(tt.want) {
					t.Errorf("got %v, want %v: %q", statuses, tt.want, got)
				}
				if open := strings.HasSuffix(got, "<open>"); open != tt.open {
					t.Errorf("open: %v, want %v: %q", open, tt.open, got)
				}
				if tt.asked < w.trips() {
					t.Errorf("the origin got %d requests, want at most %d", w.trips(), tt.asked)
				}
				if g := w.get("/other"); g.status != 200 {
					t.Errorf("another client got %v", g)
				}
			}, setting{site: func(s *cdn.Site) { s.Policy.MaxBody = maxBody }})
		})
	}
}
