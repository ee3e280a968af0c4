package wire

import (
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// h2Tunnel is a stream as a connection, after CONNECT.
type h2Tunnel struct {
	s *h2Stream

	// Under the connection's mutex:
	readBy, writeBy *time.Timer
	readLate        bool
	writeLate       bool
	closed          bool
	writing         sync.Mutex // one Write at a time
}

func newH2Tunnel(s *h2Stream) *h2Tunnel { return &h2Tunnel{s: s} }

func (t *h2Tunnel) Read(p []byte) (int, error) {
	t.s.c.mu.Lock()
	defer t.s.c.mu.Unlock()
	for t.s.recvFrom == len(t.s.recv) && t.s.err == nil && !t.s.remoteEnded {
		switch {
		case t.closed:
			return 0, net.ErrClosed
		case t.readLate:
			return 0, os.ErrDeadlineExceeded
		}
		t.s.c.kick()
		t.s.pause()
	}
	return t.s.read(p)
}

// Write waits here for what the stream's own write would wait for, so that the
// deadline and Close end it.
func (t *h2Tunnel) Write(p []byte) (total int, err error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	s, c := t.s, t.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	defer s.unpress()
	for len(p) > 0 {
		room := min(s.sendWindow, c.sendWindow)
		switch {
		case t.closed || s.localEnded:
			return total, net.ErrClosed
		case s.err != nil:
			return total, s.err
		case t.writeLate:
			return total, os.ErrDeadlineExceeded
		case room <= 0:
			c.kick()
			s.press()
			c.nextTurn()
			s.pause()
			continue
		case c.full() || c.outranked(s):
			s.waitForTurn()
			continue
		}
		n, err := s.write(p[:min(int64(len(p)), room, int64(c.peer.maxFrame))], false) // one frame, which does not wait
		if total += n; err != nil {
			return total, err
		}
		p = p[n:]
	}
	c.kick()
	return total, nil
}

// CloseWrite ends the sending side.
func (t *h2Tunnel) CloseWrite() error {
	t.s.c.mu.Lock()
	defer t.s.c.mu.Unlock()
	if t.s.err == nil && !t.s.localEnded {
		_, _ = t.s.write(nil, true)
	}
	return t.s.err
}

// Close ends both sides. A peer that has not ended its own is told that
// nobody reads it any more.
func (t *h2Tunnel) Close() error {
	t.s.c.mu.Lock()
	defer t.s.c.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	if t.s.err == nil && !t.s.localEnded {
		_, _ = t.s.write(nil, true)
	}
	if t.s.err == nil && !t.s.remoteEnded {
		t.s.abandon(http2.ErrCodeCancel, net.ErrClosed)
	}
	t.s.discard()
	t.s.c.kick()
	t.s.cond.Broadcast()
	return nil
}

func (t *h2Tunnel) SetDeadline(at time.Time) error {
	_ = t.SetReadDeadline(at)
	return t.SetWriteDeadline(at)
}

func (t *h2Tunnel) SetReadDeadline(at time.Time) error {
	t.set(&t.readBy, &t.readLate, at)
	return nil
}

func (t *h2Tunnel) SetWriteDeadline(at time.Time) error {
	t.set(&t.writeBy, &t.writeLate, at)
	return nil
}

// set arms a deadline: when it passes, late is set and who waits is woken.
func (t *h2Tunnel) set(timer **time.Timer, late *bool, at time.Time) {
	mu := &t.s.c.mu
	mu.Lock()
	defer mu.Unlock()
	if *timer != nil {
		(*timer).Stop()
		*timer = nil
	}
	*late = false
	if at.IsZero() {
		return
	}
	var armed *time.Timer
	armed = time.AfterFunc(time.Until(at), func() {
		mu.Lock()
		defer mu.Unlock()
		if *timer == armed { // not replaced meanwhile
			*late = true
			t.s.cond.Broadcast()
		}
	})
	*timer = armed
}

func (t *h2Tunnel) LocalAddr() net.Addr  { return t.s.c.conn.LocalAddr() }
func (t *h2Tunnel) RemoteAddr() net.Addr { return t.s.c.conn.RemoteAddr() }

// NetConn is the connection underneath, for link.InfoOf.
func (t *h2Tunnel) NetConn() net.Conn { return t.s.c.conn }
