package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of a connection.
type Conn struct {
	in, out       *pipe
	local, remote netip.AddrPort
}

func (c *Conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *Conn) Write(b []byte) (int, error) { return c.out.write(b) }

// Close ends both directions: what was written still arrives, what the peer
// writes from now on meets a reset.
func (c *Conn) Close() error {
	c.in.abandon() // first: what the peer writes because of the end must not be read
	c.out.end(io.EOF)
	return nil
}

// CloseWrite ends the outgoing direction.
func (c *Conn) CloseWrite() error {
	c.out.end(io.EOF)
	return nil
}

// Reset breaks the connection as an RST does: the peer's reads fail.
func (c *Conn) Reset() {
	c.in.abandon()
	c.out.end(syscall.ECONNRESET)
}

func (c *Conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *Conn) SetDeadline(t time.Time) error {
	c.in.deadline(&c.in.readBy, t)
	c.out.deadline(&c.out.writeBy, t)
	return nil
}

func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.deadline(&c.in.readBy, t)
	return nil
}

func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.deadline(&c.out.writeBy, t)
	return nil
}

// window bounds the bytes on the way in one direction.
const window = 256 << 10

// pipe is one direction.
type pipe struct {
	delay time.Duration

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	parts   []part
	size    int
	ended   error     // what the reader meets after the last part
	endsAt  time.Time // and when
	gone    bool      // the reader has closed
	readBy  time.Time
	writeBy time.Time
}

// part is what one write brought.
type part struct {
	bytes []byte
	at    time.Time
}

func newPipe(delay time.Duration) *pipe {
	return &pipe{delay: delay, changed: make(chan struct{})}
}

// change wakes everybody who waits on the pipe. The lock is held.
func (p *pipe) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		now := time.Now()
		var wait time.Time // for what is on its way
		switch {
		case p.gone:
			return 0, net.ErrClosed
		case !p.readBy.IsZero() && !now.Before(p.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(p.parts) > 0 && !now.Before(p.parts[0].at):
			n := copy(b, p.parts[0].bytes)
			if p.parts[0].bytes = p.parts[0].bytes[n:]; len(p.parts[0].bytes) == 0 {
				p.parts = p.parts[1:]
			}
			p.size -= n
			p.change()
			return n, nil
		case len(p.parts) > 0:
			wait = p.parts[0].at
		case p.ended != nil && !now.Before(p.endsAt):
			return 0, p.ended
		case p.ended != nil:
			wait = p.endsAt
		}
		p.wait(wait, p.readBy)
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 {
		switch {
		case p.ended != nil:
			return n, net.ErrClosed
		case p.gone:
			return n, syscall.EPIPE
		case !p.writeBy.IsZero() && !time.Now().Before(p.writeBy):
			return n, os.ErrDeadlineExceeded
		case p.size >= window:
			p.wait(time.Time{}, p.writeBy)
			continue
		}
		m := min(len(b), window-p.size)
		p.parts = append(p.parts, part{append([]byte(nil), b[:m]...), time.Now().Add(p.delay)})
		p.size += m
		n += m
		b = b[m:]
		p.change()
	}
	return n, nil
}

// wait blocks until a change or until one of the times given, where set.
func (p *pipe) wait(times ...time.Time) {
	changed := p.changed
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	p.mu.Unlock()
	defer p.mu.Lock()
	if first.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(first))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// end closes the writer's side.
func (p *pipe) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended, p.endsAt = err, time.Now().Add(p.delay)
		p.change()
	}
}

// abandon closes the reader's side.
func (p *pipe) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.change()
}

func (p *pipe) deadline(at *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*at = t
	p.change()
}
