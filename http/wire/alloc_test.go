package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"waypost/http/field"
)

// hit answers as an edge does from its store: prepared fields and body.
func hit(size int) HandlerFunc {
	fields := field.Fields{
		{Name: "Content-Type", Value: "text/plain"}, {Name: "Cache-Control", Value: "max-age=60"},
		{Name: "ETag", Value: `"33a64df5"`}, {Name: "Age", Value: "3"},
	}
	body := bytes.Repeat([]byte("x"), size)
	return func(x Exchange) {
		_ = x.Respond(200, fields, int64(len(body)))
		_, _ = x.Write(body)
	}
}

const browserGet = "GET /assets/app.js?v=3 HTTP/1.1\r\nHost: www.shop.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
	"Accept: */*\r\nAccept-Language: en\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: https://www.shop.test/\r\nConnection: keep-alive\r\n\r\n"

// asker is a client that costs nothing: it sends the same bytes and reads
// the same number of bytes each time.
type asker struct {
	conn net.Conn
	get  []byte
	buf  []byte
	size int // of a response
}

func newAsker(tb testing.TB, conn net.Conn, get string, body int) *asker {
	a := &asker{conn: conn, get: []byte(get), buf: make([]byte, body+4096)}
	if _, err := conn.Write(a.get); err != nil {
		tb.Fatal(err)
	}
	for {
		n, err := conn.Read(a.buf[a.size:])
		if err != nil {
			tb.Fatal(err)
		}
		a.size += n
		if end := bytes.Index(a.buf[:a.size], []byte("\r\n\r\n")); end >= 0 && a.size >= end+4+body {
			return a
		}
	}
}

func (a *asker) ask(tb testing.TB) {
	if _, err := a.conn.Write(a.get); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(a.conn, a.buf[:a.size]); err != nil {
		tb.Fatal(err)
	}
}

// startServer runs s outside of a bubble until the test ends.
func startServer(tb testing.TB, s *Server, l net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
}

// TestHitDoesNotAllocate covers what happens from the first byte of a request
// to the last of its response: in memory, and on a socket, where other code
// runs.
func TestHitDoesNotAllocate(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	for _, kind := range []string{"memory", "socket"} {
		for _, size := range []int{1 << 10, 64 << 10} {
			t.Run(fmt.Sprintf("%s %d", kind, size), func(t *testing.T) {
				conn := serveAndDial(t, kind, &Server{Handler: hit(size)})
				a := newAsker(t, conn, browserGet, size)
				if n := testing.AllocsPerRun(1000, func() { a.ask(t) }); n != 0 {
					t.Errorf("a hit costs %v allocations", n)
				}
			})
		}
	}
}

// serveAndDial runs s in memory or on a socket, and connects to it.
func serveAndDial(tb testing.TB, kind string, s *Server) net.Conn {
	tb.Helper()
	var conn net.Conn
	var err error
	if kind == "memory" {
		l := newMemListener()
		startServer(tb, s, l)
		conn, err = l.dial(context.Background())
	} else {
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			tb.Fatal(err)
		}
		startServer(tb, s, l)
		conn, err = net.Dial("tcp", l.Addr().String())
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

func BenchmarkHit(b *testing.B) {
	for _, bb := range []struct {
		name string
		size int
	}{{"1KB", 1 << 10}, {"64KB", 64 << 10}} {
		b.Run(bb.name, func(b *testing.B) {
			conn := serveAndDial(b, "socket", &Server{Handler: hit(bb.size)})
			a := newAsker(b, conn, browserGet, bb.size)
			b.ReportAllocs()
			b.SetBytes(int64(bb.size))
			for b.Loop() {
				a.ask(b)
			}
		})
	}
}

func BenchmarkParseRequestHead(b *testing.B) {
	limits := Limits{}.withDefaults()
	var h requestHead
	in := []byte(browserGet)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if n, bad := parseRequestHead(&h, in, "http", &limits); n != len(in) || bad != nil {
			b.Fatal(n, bad)
		}
	}
}

// BenchmarkH2Hit asks with 32 streams at a time: what it reports is for
// server and client together.
func BenchmarkH2Hit(b *testing.B) {
	c, err := NewClient(serveAndDial(b, "socket", &Server{Handler: hit(1 << 10)}), "h2", Limits{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	b.SetBytes(1 << 10)
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			askClient(b, c)
		}
	})
}

// BenchmarkClient asks over HTTP/1.1 with the client of this package.
func BenchmarkClient(b *testing.B) {
	c, err := NewClient(serveAndDial(b, "socket", &Server{Handler: hit(1 << 10)}), "http/1.1", Limits{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	b.SetBytes(1 << 10)
	for b.Loop() {
		askClient(b, c)
	}
}

func askClient(b *testing.B, c Client) {
	resp, err := c.Do(context.Background(), &Request{Method: "GET", Scheme: "http", Authority: "h", Path: "/"})
	if err != nil {
		b.Error(err)
		return
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != 1<<10 || err != nil {
		b.Error(n, err)
	}
}
