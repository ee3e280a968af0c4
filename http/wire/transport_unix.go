//go:build unix

package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"syscall"
)

// rawRead is one read from a socket that takes a buffer only when there are
// bytes for it.
type rawRead struct {
	call  func(fd uintptr) bool // made once per connection
	owner firstReader
	n     int
	err   error
}

// readFirst waits for bytes and reads them into the owner's first buffer.
// When there are none yet, the buffer is released before waiting, so that an
// idle connection holds none. It reports ok false where conn is no socket
// and nothing was done.
func (t *transport) readFirst(owner firstReader) (n int, ok bool, err error) {
	if t.raw == nil {
		return 0, false, nil
	}
	if t.first.call == nil {
		t.first.call = t.first.try
	}
	t.first.owner = owner
	start := t.beginRead()
	for {
		err := t.raw.Read(t.first.call)
		if err == nil {
			t.endRead(start, t.first.n)
			return t.first.n, true, t.first.err
		}
		if !isTimeout(err) {
			return 0, true, err
		}
		if err := t.readTimeout(&start); err != nil {
			return 0, true, err
		}
	}
}

// try reads once; false means that the caller has to wait.
func (r *rawRead) try(fd uintptr) bool {
	buf := r.owner.firstBuffer()
	for {
		n, err := syscall.Read(int(fd), buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			r.owner.release()
			return false
		case err != nil:
			r.n, r.err = 0, err
		case n == 0:
			r.n, r.err = 0, io.EOF
		default:
			r.n, r.err = n, nil
		}
		return true
	}
}

// awaitBytes waits until there is something to read, and leaves it there. It
// fails as a read would; where conn is no socket, at once.
func (t *transport) awaitBytes() error {
	if t.raw == nil {
		return errors.ErrUnsupported
	}
	start := t.beginRead()
	for {
		err := t.raw.Read(waiting)
		if err == nil || !isTimeout(err) {
			return err
		}
		if err := t.readTimeout(&start); err != nil {
			return err
		}
	}
}

// waiting reports whether something waits to be read, an end included.
func waiting(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
}

// quiet looks whether something waits to be read from an idle connection:
// nothing should. Over TLS only the end counts, because tickets come unasked.
// Where the connection is no socket, nothing is known and it counts as quiet.
func (t *transport) quiet() bool {
	raw, overTLS := t.raw, false
	if c, ok := t.conn.(*tls.Conn); ok {
		raw, overTLS = rawConn(c.NetConn()), true
	}
	if raw == nil {
		return true
	}
	var n int
	var err error
	if raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}) != nil {
		return false
	}
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) || overTLS && err == nil && n > 0
}
