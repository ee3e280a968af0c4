package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The tests' network: connections in memory that wait on sync.Cond and
// timers only, so that they work in a synctest bubble. Unlike net.Pipe they
// buffer, have half-close, and count what is written.

const halfSize = 256 << 10

// half is one direction of a connection.
type half struct {
	mu        sync.Mutex
	cond      sync.Cond
	buf       []byte
	ended     bool // no more will be written
	cut       bool // the reader is gone
	rBy, wBy  deadline
	writes    int
	limit     int
	writeHook func([]byte)
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(h *half, at time.Time) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at = at
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.cond.Broadcast()
		})
	}
	h.cond.Broadcast()
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

type memConn struct {
	in, out *half
	name    string
	once    sync.Once
}

func newHalf() *half {
	h := &half{limit: halfSize}
	h.cond.L = &h.mu
	return h
}

// memPipe returns the two ends of a connection.
func memPipe() (client, server *memConn) {
	a, b := newHalf(), newHalf()
	return &memConn{in: a, out: b, name: "client"}, &memConn{in: b, out: a, name: "server"}
}

func (c *memConn) Read(p []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.cut:
			return 0, net.ErrClosed
		case h.rBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[:copy(h.buf, h.buf[n:])]
			h.cond.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

func (c *memConn) Write(p []byte) (total int, err error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	if h.writeHook != nil {
		h.writeHook(p)
	}
	for len(p) > 0 {
		switch {
		case h.ended:
			return total, net.ErrClosed
		case h.cut:
			return total, errors.New("connection reset")
		case h.wBy.passed():
			return total, os.ErrDeadlineExceeded
		case len(h.buf) < h.limit:
			n := min(len(p), h.limit-len(h.buf))
			h.buf = append(h.buf, p[:n]...)
			p, total = p[n:], total+n
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
	return total, nil
}

func (c *memConn) CloseWrite() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.ended = true
	c.out.cond.Broadcast()
	return nil
}

func (c *memConn) Close() error {
	c.once.Do(func() {
		_ = c.CloseWrite()
		c.in.mu.Lock()
		defer c.in.mu.Unlock()
		c.in.cut = true
		c.in.cond.Broadcast()
	})
	return nil
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.rBy.set(c.in, t)
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.wBy.set(c.out, t)
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *memConn) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: map[string]int{"client": 40000, "server": 80}[c.name]}
}

func (c *memConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: map[string]int{"client": 80, "server": 40000}[c.name]}
}

// memListener accepts what its dial connects.
type memListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memListener) dial(ctx context.Context) (*memConn, error) {
	c, s := memPipe()
	select {
	case l.conns <- s:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *memListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80} }
