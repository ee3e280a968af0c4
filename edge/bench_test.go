package edge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/link"
)

// filled is an edge that holds an object of so many bytes for
// http://www.shop.test/object.
func filled(t testing.TB, size int) *Edge {
	e, err := New(Config{Name: "t1", Store: store.NewMemory(256 << 20), Fetch: &fetch.Client{Network: link.OS{}},
		Sites: []cdn.Site{{Name: "shop", Hosts: []string{"www.shop.test"}, Origin: cdn.Origin{URLs: []string{"http://127.0.0.1:9"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	body := bytes.Repeat([]byte("x"), size)
	origin := wire.HandlerFunc(func(x wire.Exchange) {
		x.Respond(200, field.Fields{
			{Name: "Cache-Control", Value: "max-age=3600"}, {Name: "Content-Type", Value: "text/css; charset=utf-8"},
			{Name: "ETag", Value: `"5f3c-1a2b"`}, {Name: "Last-Modified", Value: "Fri, 31 Dec 1999 23:00:00 GMT"},
		}, int64(size))
		x.Write(body)
	})
	l := listen(t)
	serve(t, &wire.Server{Handler: origin}, l)
	if err := e.SetSites([]cdn.Site{{Name: "shop", Hosts: []string{"www.shop.test"},
		Origin: cdn.Origin{URLs: []string{"http://" + l.Addr().String()}}}}); err != nil {
		t.Fatal(err)
	}
	x := &fakeExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/object", Proto: wire.HTTP11}}
	for range 2 {
		e.Serve(x)
	}
	if e.store.Len() != 1 {
		t.Fatalf("%d objects stored", e.store.Len())
	}
	return e
}

func listen(t testing.TB) net.Listener {
	l, err := link.OS{}.Listen(context.Background(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve runs a server until the test ends.
func serve(t testing.TB, s *wire.Server, l net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(ctx, l)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}

var objectRequest = []byte("GET /object HTTP/1.1\r\nHost: www.shop.test\r\nUser-Agent: bench/1\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\n\r\n")

// lean is a client that knows how long the response is and makes no garbage.
type lean struct {
	conn net.Conn
	buf  []byte
	size int
}

// newLean learns the size of a response; keep a connection to one client.
func newLean(t testing.TB, c net.Conn, body int) *lean {
	l := &lean{conn: c, buf: make([]byte, 256<<10)}
	c.Write(objectRequest)
	for {
		n, err := c.Read(l.buf[l.size:])
		if err != nil {
			t.Fatal(err)
		}
		l.size += n
		if at := bytes.Index(l.buf[:l.size], []byte("\r\n\r\n")); at >= 0 && l.size >= at+4+body {
			break
		}
	}
	if !bytes.HasPrefix(l.buf, []byte("HTTP/1.1 200")) || !bytes.Contains(l.buf[:l.size], []byte("; hit;")) {
		t.Fatalf("no hit: %.300s", l.buf[:l.size])
	}
	return l
}

// get makes one exchange. The number of bytes may change by a digit of Age or
// ttl; then the reading stops in the next response's place, which shows.
func (l *lean) get() error {
	if _, err := l.conn.Write(objectRequest); err != nil {
		return err
	}
	for n := 0; n < l.size; {
		m, err := l.conn.Read(l.buf[n:])
		if err != nil {
			return err
		}
		if n == 0 {
			l.size = total(l.buf[:m], l.size)
		}
		n += m
	}
	return nil
}

// total is the length of the response whose head is at the front of b.
func total(b []byte, usual int) int {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	at := bytes.Index(b, []byte("Content-Length: "))
	if head < 0 || at < 0 {
		return usual
	}
	n := 0
	for _, c := range b[at+len("Content-Length: "):] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	return head + 4 + n
}

// TestHitDoesNotAllocate sends hits through the whole server, over a
// connection in memory that makes no garbage either.
func TestHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, size := range []int{0, 1 << 10, 64 << 10} {
		e := filled(t, size)
		l := newMemListener()
		serve(t, &wire.Server{Handler: e}, l)
		client := newLean(t, l.dial(), size)
		var err error
		n := testing.AllocsPerRun(2000, func() {
			if e := client.get(); e != nil {
				err = e
			}
		})
		if n != 0 || err != nil {
			t.Errorf("a hit of %d bytes allocates %v times (%v)", size, n, err)
		}
		client.conn.Close()
	}
}

func BenchmarkHit1K(b *testing.B)  { benchmarkHit(b, 1<<10) }
func BenchmarkHit64K(b *testing.B) { benchmarkHit(b, 64<<10) }

// benchmarkHit measures hits over HTTP/1.1 keep-alive on the loopback
// interface, one connection per processor, client and server in one process.
func benchmarkHit(b *testing.B, size int) {
	e := filled(b, size)
	l := listen(b)
	serve(b, &wire.Server{Handler: e}, l)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		client := newLean(b, c, size)
		for pb.Next() {
			if err := client.get(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkStages measures the edge alone: a hit without codec or network.
func BenchmarkStages(b *testing.B) {
	e := filled(b, 1<<10)
	x := &nullExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/object", Proto: wire.HTTP11,
		Fields: field.Fields{{Name: "User-Agent", Value: "bench/1"}, {Name: "Accept", Value: "*/*"}, {Name: "Accept-Encoding", Value: "gzip, br"}}}}
	b.ReportAllocs()
	for b.Loop() {
		e.Serve(x)
	}
}

// BenchmarkMiss measures the way through to an origin on loopback for
// responses that are not stored.
func BenchmarkMiss(b *testing.B) {
	origin := listen(b)
	serve(b, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "no-store"}}, 4)
		x.Write([]byte("miss"))
	})}, origin)
	e, err := New(Config{Name: "t1", Store: store.NewMemory(1 << 20), Fetch: &fetch.Client{Network: link.OS{}},
		Sites: []cdn.Site{{Name: "shop", Hosts: []string{"*"}, Origin: cdn.Origin{URLs: []string{"http://" + origin.Addr().String()}}}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	x := &fakeExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/object", Proto: wire.HTTP11}}
	b.ReportAllocs()
	for b.Loop() {
		e.Serve(x)
		x.body.Reset()
	}
}

// nullExchange takes a response and forgets it.
type nullExchange struct {
	wire.Exchange
	request wire.Request
	conn    wire.ConnInfo
}

func (x *nullExchange) Request() *wire.Request               { return &x.request }
func (x *nullExchange) Conn() *wire.ConnInfo                 { return &x.conn }
func (*nullExchange) Respond(int, field.Fields, int64) error { return nil }
func (*nullExchange) Write(p []byte) (int, error)            { return len(p), nil }

// memListener hands out connections in memory that do not allocate.
type memListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memListener) dial() net.Conn {
	up, down := newHalf(), newHalf()
	l.conns <- &memConn{in: up, out: down}
	return &memConn{in: down, out: up}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }
func (l *memListener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:80"))
}

// half is one direction: a ring without room to spare.
type half struct {
	mu     sync.Mutex
	change sync.Cond
	buf    []byte
	n      int
	closed bool
}

func newHalf() *half {
	h := &half{buf: make([]byte, 512<<10)}
	h.change.L = &h.mu
	return h
}

type memConn struct{ in, out *half }

func (c *memConn) Read(p []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.n == 0 && !h.closed {
		h.change.Wait()
	}
	if h.n == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.buf[:h.n])
	h.n = copy(h.buf, h.buf[n:h.n])
	h.change.Broadcast()
	return n, nil
}

func (c *memConn) Write(p []byte) (int, error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.n+len(p) > len(h.buf) {
		return 0, fmt.Errorf("closed or full")
	}
	h.n += copy(h.buf[h.n:], p)
	h.change.Broadcast()
	return len(p), nil
}

func (c *memConn) Close() error {
	for _, h := range []*half{c.in, c.out} {
		h.mu.Lock()
		h.closed = true
		h.change.Broadcast()
		h.mu.Unlock()
	}
	return nil
}

func (*memConn) LocalAddr() net.Addr              { return memAddr }
func (*memConn) RemoteAddr() net.Addr             { return memAddr }
func (*memConn) SetDeadline(time.Time) error      { return nil }
func (*memConn) SetReadDeadline(time.Time) error  { return nil }
func (*memConn) SetWriteDeadline(time.Time) error { return nil }

var memAddr net.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
