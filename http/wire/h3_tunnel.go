package wire

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// h3Tunnel is a stream as a connection, after CONNECT: what is read and
// written travels in DATA frames (RFC 9114 §4.4).
type h3Tunnel struct {
	s     *h3Stream
	ended func() // the stream is not used any more

	reading sync.Mutex
	writing sync.Mutex
	broken  error  // a frame was written in part: nothing can follow it
	out     []byte // the frame being written
	closing sync.Once
}

// h3TunnelFrame is what one frame of a tunnel carries at most: about what is
// read at a time.
const h3TunnelFrame = 16 << 10

func newH3Tunnel(s *h3Stream, ended func()) *h3Tunnel {
	s.tunnel, s.sections = true, 1
	s.need, s.in = time.Time{}, pace{}
	s.armRead(time.Time{})
	s.armWrite(time.Time{})
	return &h3Tunnel{s: s, ended: ended}
}

func (t *h3Tunnel) Read(p []byte) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	n, err := t.s.data(p)
	var stream *quic.StreamError
	switch {
	case err == nil || err == io.EOF || isTimeout(err): //nolint:errorlint // the end is io.EOF itself
		return n, err
	case errors.As(err, &stream) && !stream.Remote:
		return n, net.ErrClosed
	}
	return n, t.s.readFault("read tunnel", err)
}

func (t *h3Tunnel) Write(p []byte) (total int, err error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	for len(p) > 0 {
		if t.broken != nil {
			return total, t.broken
		}
		piece := p[:min(len(p), h3TunnelFrame)]
		t.out = append(appendH3Frame(t.out[:0], h3Data, int64(len(piece))), piece...)
		n, err := t.s.q.Write(t.out)
		if err != nil {
			if n > 0 {
				t.broken = err
			}
			if errors.Is(err, quic.ErrStreamClosed) {
				return total, net.ErrClosed
			}
			if !isTimeout(err) {
				err = t.s.c.fault("write tunnel", err)
			}
			return total + max(0, n-(len(t.out)-len(piece))), err
		}
		p, total = p[len(piece):], total+len(piece)
	}
	return total, nil
}

// CloseWrite ends the sending side.
func (t *h3Tunnel) CloseWrite() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.s.q.Close()
}

// Close ends both sides. A peer that has not ended its own is told that
// nobody reads it any more.
func (t *h3Tunnel) Close() error {
	t.closing.Do(func() {
		_ = t.s.q.SetWriteDeadline(past) // ends a write under way
		_ = t.CloseWrite()
		t.s.q.CancelRead(quic.StreamErrorCode(h3RequestCancelled))
		t.ended()
	})
	return nil
}

func (t *h3Tunnel) SetDeadline(at time.Time) error      { return t.s.q.SetDeadline(at) }
func (t *h3Tunnel) SetReadDeadline(at time.Time) error  { return t.s.q.SetReadDeadline(at) }
func (t *h3Tunnel) SetWriteDeadline(at time.Time) error { return t.s.q.SetWriteDeadline(at) }
func (t *h3Tunnel) LocalAddr() net.Addr                 { return t.s.c.quic.LocalAddr() }
func (t *h3Tunnel) RemoteAddr() net.Addr                { return t.s.c.quic.RemoteAddr() }
