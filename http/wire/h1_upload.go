package wire

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// h1Upload sends a request body while the response is awaited.
type h1Upload struct {
	c    *h1Client
	r    *Request
	held chan struct{} // closed when the body may go; nil when it need not wait
	off  chan struct{} // closed when it need not go any more
	done chan struct{} // closed when sending has ended
	once sync.Once
	err  error // valid after done
	sent bool  // all of it; valid after done
}

const (
	// uploadPiece is what is read from a body and sent at a time.
	uploadPiece = 32 << 10
	// uploadGrace is how long a complete response waits for the end of an
	// upload before the connection is given up. It only has to cover a
	// goroutine that is about to return.
	uploadGrace = 100 * time.Millisecond
)

func startUpload(c *h1Client, r *Request) *h1Upload {
	u := &h1Upload{c: c, r: r, off: make(chan struct{}), done: make(chan struct{})}
	if r.Expect {
		u.held = make(chan struct{})
	}
	go u.run()
	return u
}

// goOn lets a body go that waits for 100 (Continue).
func (u *h1Upload) goOn() {
	if u.held != nil {
		u.once.Do(func() { close(u.held) })
	}
}

// answered tells that the final response has come: a body that still waits
// stays here.
func (u *h1Upload) answered() {
	if u.held != nil {
		u.once.Do(func() { close(u.off) })
	}
}

// finished reports whether the body has been sent entirely.
func (u *h1Upload) finished() bool {
	grace := time.NewTimer(uploadGrace)
	defer grace.Stop()
	select {
	case <-u.done:
		return u.sent
	case <-grace.C:
		return false
	}
}

// failure is why the body could not be read, if that was the reason.
func (u *h1Upload) failure() error {
	select {
	case <-u.done:
		return u.err
	default:
		return nil
	}
}

func (u *h1Upload) run() {
	defer close(u.done)
	if u.held != nil {
		var after <-chan time.Time
		if d := u.c.limits.ExpectTimeout; d > 0 {
			timer := time.NewTimer(d)
			defer timer.Stop()
			after = timer.C
		}
		select {
		case <-u.held:
		case <-after:
		case <-u.off:
			return
		}
	}
	if u.err = u.copy(); u.err != nil {
		u.c.under.hangUp() // the server must not take it for the whole
	}
}

// copy sends the body. Its error is that of the body; one of the connection
// will show on the reading side too.
func (u *h1Upload) copy() error {
	chunked, left := u.r.Length < 0, u.r.Length
	buf := make([]byte, uploadPiece)
	var out []byte
	for {
		n, err := u.r.Body.Read(buf)
		if n > 0 {
			piece := buf[:n]
			if chunked {
				out = strconv.AppendInt(out[:0], int64(n), 16)
				out = append(out, "\r\n"...)
				out = append(out, piece...)
				out = append(out, "\r\n"...)
				piece = out
			} else if left -= int64(n); left < 0 {
				return fmt.Errorf("send request body: it is longer than the %d bytes announced", u.r.Length)
			}
			if !u.write(piece) {
				return nil
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("send request body: %w", err)
		}
	}
	if !chunked {
		if left > 0 {
			return fmt.Errorf("send request body: %d bytes short of the %d announced", left, u.r.Length)
		}
		u.sent = true
		return nil
	}
	out = append(out[:0], "0\r\n"...)
	if u.r.Trailers != nil {
		f := u.r.Trailers()
		if err := checkFields(f); err != nil {
			return err
		}
		out = appendFields(out, f)
	}
	u.sent = u.write(append(out, "\r\n"...))
	return nil
}

func (u *h1Upload) write(p []byte) bool {
	_, err := u.c.under.Write(p)
	return err == nil
}
