package wire

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// FuzzRequestHead: a head that is taken means the same when it is written
// anew and read again, and does not depend on what follows it.
func FuzzRequestHead(f *testing.F) {
	f.Add([]byte(browserGet))
	f.Add([]byte("POST http://h:80/a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close, x\r\nX: y\r\nTE: trailers\r\n\r\n"))
	f.Add([]byte("\r\nOPTIONS * HTTP/1.0\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: [::1]:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nExpect: 100-continue\r\n\r\n"))
	limits := Limits{}.withDefaults()
	f.Fuzz(func(t *testing.T, in []byte) {
		var h requestHead
		n, bad := parseRequestHead(&h, in, "http", &limits)
		if n > 0 && bad != nil || n > len(in) {
			t.Fatalf("%d bytes read and %v", n, bad)
		}
		if bad != nil && (bad.status < 400 || bad.status > 599 || strings.ContainsAny(bad.reason, "\r\n")) {
			t.Fatalf("refused with %d %q", bad.status, bad.reason)
		}
		if n == 0 {
			return
		}
		if bytes.ContainsAny(in[:n], "\x00") || bytes.Count(in[:n], []byte("\n")) != bytes.Count(in[:n], []byte("\r\n")) {
			t.Fatalf("took %q", in[:n])
		}
		var alone requestHead
		if m, bad := parseRequestHead(&alone, in[:n], "http", &limits); m != n || bad != nil {
			t.Fatalf("alone: %d of %d bytes, %v", m, n, bad)
		}
		if m, bad := parseRequestHead(&alone, in[:n-1], "http", &limits); m != 0 || bad != nil {
			t.Fatalf("without its last byte: %d bytes, %v", m, bad)
		}
		if h.proto == HTTP10 && h.authority == "" {
			return
		}
		again, err := appendRequest(nil, &Request{
			Method: h.method, Authority: h.authority, Path: h.path, Fields: h.fields,
			Upgrade: upgradeToken(h.upgrade), TakesTrailers: h.te,
		})
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		var back requestHead
		if m, bad := parseRequestHead(&back, again, "http", &limits); m != len(again) || bad != nil {
			if bad != nil && (bad.status == 431 || bad.status == 414) {
				return
			}
			t.Fatalf("written as %q: %d bytes, %v", again, m, bad)
		}
		if back.method != h.method || back.authority != h.authority || back.path != h.path || len(back.fields) != len(h.fields) {
			t.Fatalf("%+v came back as %+v", h, back)
		}
		for i := range h.fields {
			if h.fields[i] != back.fields[i] {
				t.Fatalf("field %v came back as %v", h.fields[i], back.fields[i])
			}
		}
	})
}

func upgradeToken(s string) string {
	if validToken(s) {
		return s
	}
	return ""
}

// FuzzResponseHead: no panic, and what is taken has one framing.
func FuzzResponseHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"), "GET")
	f.Add([]byte("HTTP/1.1 304\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"), "GET")
	f.Add([]byte("HTTP/1.0 200 \r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"), "HEAD")
	f.Add([]byte("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), "CONNECT")
	limits := Limits{}.withDefaults()
	f.Fuzz(func(t *testing.T, in []byte, method string) {
		var h responseHead
		n, bad := parseResponseHead(&h, in, method, &limits)
		if n > 0 && bad != nil || n > len(in) {
			t.Fatalf("%d bytes read and %v", n, bad)
		}
		if n == 0 {
			return
		}
		if h.status < 100 || h.status > 999 || h.lengths > 0 && h.codings > 0 || h.framed == framedByLength && h.bodyBytes < 0 {
			t.Fatalf("took %q as %+v", in[:n], h)
		}
		out, err := appendHead(nil, h.status, h.fields, nil)
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		var back responseHead
		out = append(out, "\r\n"...)
		if m, bad := parseResponseHead(&back, out, method, &limits); (m != len(out) || bad != nil) && len(out) <= limits.HeaderBytes {
			t.Fatalf("written as %q: %d bytes, %v", out, m, bad)
		}
	})
}

// FuzzChunked: a chunked body gives the same however its bytes arrive, and
// never more than came in.
func FuzzChunked(f *testing.F) {
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nGET"), uint8(1))
	f.Add([]byte("0\r\n\r\n"), uint8(3))
	f.Add([]byte("fffffffff\r\nabc"), uint8(2))
	limits := Limits{}.withDefaults()
	read := func(in []byte, step int) (body, rest []byte, err error) {
		src := &input{src: stepReader{bytes.NewReader(in), step}, buf: make([]byte, inputSize)}
		b := newBody(src, framedChunked, -1, &limits)
		var out bytes.Buffer
		_, err = io.CopyBuffer(&out, readerFunc(b.read), make([]byte, 64))
		rest, _ = io.ReadAll(src.src)
		return out.Bytes(), append(bytes.Clone(src.pending()), rest...), err
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		body, rest, err := read(in, len(in)+1)
		body2, rest2, err2 := read(in, int(step)+1)
		if (err == nil) != (err2 == nil) || err == nil && (!bytes.Equal(body, body2) || !bytes.Equal(rest, rest2)) {
			t.Fatalf("at once: %q, %q, %v; in steps: %q, %q, %v", body, rest, err, body2, rest2, err2)
		}
		if len(body)+len(rest) > len(in) {
			t.Fatalf("%d bytes came in, %d + %d out", len(in), len(body), len(rest))
		}
	})
}

// stepReader reads a few bytes at a time.
type stepReader struct {
	r    io.Reader
	step int
}

func (s stepReader) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.step)]) }

// FuzzH2Conn: a server takes any frames without a panic, and when the client
// has gone, so has everything that served it.
func FuzzH2Conn(f *testing.F) {
	var seed bytes.Buffer
	fr := http2.NewFramer(&seed, nil)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, hf := range []hpack.HeaderField{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "h"}, {Name: "cookie", Value: "a"}, {Name: "cookie", Value: "b"}} {
		_ = enc.WriteField(hf)
	}
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes()[:5]})
	_ = fr.WriteContinuation(1, true, block.Bytes()[5:])
	_ = fr.WriteData(1, true, []byte("hello"))
	_ = fr.WriteWindowUpdate(0, 100)
	_ = fr.WriteWindowUpdate(1, 100)
	_ = fr.WritePing(false, [8]byte{})
	_ = fr.WriteRSTStream(1, http2.ErrCodeCancel)
	_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
	f.Add(seed.Bytes())
	_ = fr.WriteDataPadded(3, true, []byte("hello"), make([]byte, 10))
	_ = fr.WritePriority(5, http2.PriorityParam{StreamDep: 3})
	f.Add(seed.Bytes())

	f.Fuzz(func(t *testing.T, in []byte) {
		client, server := memPipe()
		go func() {
			_, _ = io.WriteString(client, http2Preface)
			_, _ = client.Write(in)
			_ = client.CloseWrite()
			_, _ = io.Copy(io.Discard, client)
			client.Close()
		}()
		serveOne(t, &Server{Handler: HandlerFunc(echo)}, server)
	})
}

// FuzzH1Conn is the same for HTTP/1.1, pipelining included.
func FuzzH1Conn(f *testing.F) {
	f.Add([]byte(browserGet + "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + browserGet))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + browserGet))
	f.Fuzz(func(t *testing.T, in []byte) {
		client, server := memPipe()
		go func() {
			_, _ = client.Write(in)
			_ = client.CloseWrite()
			_, _ = io.Copy(io.Discard, client)
			client.Close()
		}()
		serveOne(t, &Server{Handler: HandlerFunc(echo)}, server)
	})
}

// hangsAfter is how long a connection may take that has nothing to wait for,
// on a machine that has other work.
const hangsAfter = 2 * time.Minute

// serveOne serves one connection and fails when that does not end.
func serveOne(t *testing.T, s *Server, conn net.Conn) {
	t.Helper()
	v := newServing(t.Context(), s)
	c := newServerConn(v, conn)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.serve()
	}()
	select {
	case <-done:
	case <-time.After(hangsAfter):
		t.Fatal("the connection hangs")
	}
}
