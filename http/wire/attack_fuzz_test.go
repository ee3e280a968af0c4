package wire

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// FuzzOneRequest: a head that is taken, as the client writes it to the next
// server, is one request to another reader too, with the same method, host and
// body, and nothing behind it.
func FuzzOneRequest(f *testing.F) {
	for _, r := range refusedRequests {
		f.Add([]byte(r.in), "hello")
	}
	f.Add([]byte(browserGet), "")
	f.Add([]byte("POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: x, close\r\nX: y\r\nContent_Length: 3\r\n\r\n"), "GET / HTTP/1.1\r\n\r\n")
	f.Add([]byte("PUT http://h:81/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: x\r\n\r\n"), "0\r\n\r\n")
	limits := Limits{}.withDefaults()
	f.Fuzz(func(t *testing.T, in []byte, body string) {
		var h requestHead
		n, bad := parseRequestHead(&h, in, "http", &limits)
		if n == 0 || bad != nil || h.authority == "" || h.method == http.MethodConnect {
			return
		}
		r := &Request{Method: h.method, Authority: h.authority, Path: h.path, Fields: h.fields, TakesTrailers: h.te}
		switch {
		case h.bodyLength > 0:
			r.Length = int64(len(body))
		case h.bodyLength < 0:
			r.Length = -1
		}
		if r.Length != 0 {
			r.Body = strings.NewReader(body)
		}
		out, err := appendRequest(nil, r)
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		switch {
		case r.Length > 0:
			out = append(out, body...)
		case r.Length < 0:
			if body != "" {
				out = append(out, strconv.FormatInt(int64(len(body)), 16)+"\r\n"+body+"\r\n"...)
			}
			out = append(out, "0\r\n\r\n"...)
		default:
			body = ""
		}
		rest := bufio.NewReader(bytes.NewReader(out))
		got, err := http.ReadRequest(rest)
		if err != nil {
			return // it takes less than we do
		}
		read, err := io.ReadAll(got.Body)
		if err != nil || string(read) != body {
			t.Fatalf("%q: body %q, %v, want %q", out, read, err, body)
		}
		if got.Method != h.method || got.Host != h.authority {
			t.Fatalf("%q is %s %s, want %s %s", out, got.Method, got.Host, h.method, h.authority)
		}
		if n, _ := io.Copy(io.Discard, rest); n > 0 {
			t.Fatalf("%q: %d bytes are left for another request", out, n)
		}
	})
}
