package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/field"
)

// epoch is the Date of a synctest bubble's first second.
const epoch = "Sat, 01 Jan 2000 00:00:00 GMT"

// serveMem runs s on an in-memory listener until the test ends. It must be
// called in a synctest bubble.
func serveMem(t *testing.T, s *Server) *memListener {
	t.Helper()
	l := newMemListener()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l
}

// raw sends text to a server and returns all that comes back until the
// server closes, or until nothing more comes for a virtual minute.
func raw(t *testing.T, s *Server, text string) string {
	t.Helper()
	l := serveMem(t, s)
	c, err := l.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return readAll(c)
}

// readAll reads until the peer closes, or for a virtual minute.
func readAll(c *memConn) string {
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	b, err := io.ReadAll(c)
	if err == nil {
		return string(b) + "<closed>"
	}
	return string(b)
}

// echo tells what it was asked.
func echo(x Exchange) {
	r := x.Request()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", r.Method, r.Authority, r.Path)
	for _, l := range r.Fields {
		fmt.Fprintf(&b, " %s=%s", l.Name, l.Value)
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(&b, " body %d %q", r.Length, body)
		if err != nil {
			fmt.Fprintf(&b, " %v", err)
		}
		for _, l := range r.Trailers() {
			fmt.Fprintf(&b, " %s=%s", l.Name, l.Value)
		}
	}
	status := 200
	if r.Method == http.MethodConnect {
		status = 403
	}
	_ = x.Respond(status, field.Fields{{Name: "Content-Type", Value: "text/plain"}}, int64(b.Len()))
	_, _ = io.WriteString(x, b.String())
}

// ok is the head of an echo's response.
func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s", epoch, len(body), body)
}

func okClose(body string) string {
	return strings.Replace(ok(body), "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1) + "<closed>"
}

func TestDoesAnythingGetThrough(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a GET", "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", ok("GET h /a?b=c")},
		{"closed by request", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", okClose("GET h /")},
		{"end-to-end fields keep case and order", "GET / HTTP/1.1\r\nHost: h\r\nX-b: 1 \r\nx-A:\t2\r\n\r\n", ok("GET h / X-b=1 x-A=2")},
		{"fields about the connection stay here",
			"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\nProxy-Connection: close\r\nTE: trailers\r\nUpgrade: x\r\nAccept: a\r\n\r\n",
			ok("GET h / Accept=a")},
		{"pipelined", "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
			ok("GET h /1") + ok("GET h /2") + okClose("GET h /3")},
		{"a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
			ok(`POST h / body 5 "hello"`) + ok("GET h /2")},
		{"a chunked body", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\nA\r\n, world!!!\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n",
			ok(`POST h / body -1 "hello, world!!!" X-Sum=1`)},
		{"an empty body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", ok("POST h /")},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", okClose("GET  /")},
		{"HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n",
			strings.Replace(ok("GET h /"), "\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n", 1)},
		{"a later minor version", "GET / HTTP/1.7\r\nHost: h\r\n\r\n", ok("GET h /")},
		{"absolute form beats Host", "GET http://a.test:81?q HTTP/1.1\r\nHost: b.test\r\n\r\n", ok("GET a.test:81 /?q")},
		{"absolute form without path", "OPTIONS http://a.test HTTP/1.1\r\nHost: b.test\r\n\r\n", ok("OPTIONS a.test *")},
		{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", ok("OPTIONS h *")},
		{"authority form", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", strings.Replace(ok("CONNECT a.test:443 "), "200 OK", "403 Forbidden", 1)},
		{"IPv6 host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", ok("GET [2001:db8::1]:8080 /")},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", strings.TrimSuffix(ok("HEAD h /"), "HEAD h /")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := raw(t, &Server{Handler: HandlerFunc(echo)}, tt.in); got != tt.want {
					t.Errorf("got\n%q\nwant\n%q", got, tt.want)
				}
			})
		})
	}
}
