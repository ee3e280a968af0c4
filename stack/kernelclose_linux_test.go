package stack_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"waypost/tcp"
)

// conversation is one connection seen from both ends: who goes first in a
// script is a, who follows is b.
type conversation struct{ a, b net.Conn }

// Scripts of how a connection ends. What each end reads and when it closes
// is what the sockets API promises on either system.
var endings = []struct {
	name   string
	script func(c conversation) error
}{
	{"one closes, then the other", func(c conversation) error {
		return steps(c.a.Close(), ended(c.b), c.b.Close())
	}},
	{"both close at once", func(c conversation) error {
		return steps(together(c.a.Close, c.b.Close)...)
	}},
	{"both half-close at once, then read", func(c conversation) error {
		errs := together(func() error { return closeWrite(c.a) }, func() error { return closeWrite(c.b) })
		return steps(append(errs, ended(c.a), ended(c.b), c.a.Close(), c.b.Close())...)
	}},
	{"half-close, an answer, half-close", func(c conversation) error {
		errs := []error{sendStream(c.a, 1, 5000), closeWrite(c.a), receiveStream(c.b, 1, 5000, true)}
		errs = append(errs, sendStream(c.b, 2, 100_000), closeWrite(c.b), receiveStream(c.a, 2, 100_000, true))
		return steps(append(errs, c.b.Close(), c.a.Close())...)
	}},
	{"half-close, an answer, close", func(c conversation) error {
		errs := []error{sendStream(c.a, 1, 5000), closeWrite(c.a), receiveStream(c.b, 1, 5000, true)}
		errs = append(errs, sendStream(c.b, 2, 50_000), c.b.Close(), receiveStream(c.a, 2, 50_000, true))
		return steps(append(errs, c.a.Close())...)
	}},
	{"close with bytes on the way", func(c conversation) error {
		return steps(sendStream(c.a, 1, 60_000), c.a.Close(), receiveStream(c.b, 1, 60_000, true), c.b.Close())
	}},
	{"half-close behind bytes that nobody reads yet", func(c conversation) error {
		errs := []error{sendStream(c.a, 1, 3000), closeWrite(c.a), sendStream(c.b, 2, 3000), closeWrite(c.b)}
		return steps(append(errs, receiveStream(c.b, 1, 3000, true), receiveStream(c.a, 2, 3000, true), c.a.Close(), c.b.Close())...)
	}},
	{"close with bytes unread is a reset", func(c conversation) error {
		// The byte that comes back tells that b has received the others.
		errs := []error{sendStream(c.a, 1, 1000), readable(c.b), c.b.Close(), wasReset(c.a)}
		return steps(append(errs, c.a.Close())...)
	}},
	{"linger 0 is a reset", func(c conversation) error {
		return steps(linger0(c.a), c.a.Close(), wasReset(c.b), c.b.Close())
	}},
	{"linger 0 after a half-close of the other", func(c conversation) error {
		return steps(closeWrite(c.b), ended(c.a), linger0(c.a), c.a.Close(), wasReset(c.b), c.b.Close())
	}},
	{"both reset at once", func(c conversation) error {
		return steps(linger0(c.a), linger0(c.b), errors.Join(together(c.a.Close, c.b.Close)...))
	}},
	{"write to who has closed", func(c conversation) error {
		return steps(c.a.Close(), ended(c.b), writeFails(c.b), c.b.Close())
	}},
	{"write after a half-close", func(c conversation) error {
		if _, err := func() (int, error) { closeWrite(c.a); return c.a.Write([]byte("x")) }(); !errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("write after CloseWrite: %w, want %w", err, syscall.EPIPE)
		}
		return steps(ended(c.b), c.b.Close(), ended(c.a), c.a.Close())
	}},
	{"use after close", func(c conversation) error {
		errs := []error{c.a.Close()}
		if _, err := c.a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("read after Close: %w, want %w", err, net.ErrClosed))
		}
		if _, err := c.a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("write after Close: %w, want %w", err, net.ErrClosed))
		}
		return steps(append(errs, ended(c.b), c.b.Close())...)
	}},
	{"close while the other waits to read", func(c conversation) error {
		got := make(chan error, 1)
		go func() { got <- ended(c.b) }()
		return steps(c.a.Close(), <-got, c.b.Close())
	}},
}

// steps names the first step that went wrong.
func steps(errs ...error) error {
	for n, err := range errs {
		if err != nil {
			return fmt.Errorf("step %d: %w", n+1, err)
		}
	}
	return nil
}

// together calls both at the same time.
func together(f, g func() error) []error {
	errs, ready := make([]error, 2), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { <-ready; errs[0] = f() })
	all.Go(func() { <-ready; errs[1] = g() })
	close(ready)
	all.Wait()
	return errs
}

// ended reads the end, and nothing before it.
func ended(c net.Conn) error {
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("read: %d, %w, want the end", n, err)
	}
	return nil
}

// readable waits until a byte can be read, and reads it.
func readable(c net.Conn) error {
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

// wasReset reads that the other end reset the connection.
func wasReset(c net.Conn) error {
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("read: %d, %w, want %w", n, err, syscall.ECONNRESET)
	}
	return nil
}

// writeFails writes until that fails, because the other end answers with a
// reset.
func writeFails(c net.Conn) error {
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for ; ; <-pace.C {
		if _, err := c.Write([]byte("x")); err != nil {
			if reset(err) {
				return nil
			}
			return fmt.Errorf("write: %w, want a reset", err)
		}
	}
}

func linger0(c net.Conn) error { return c.(interface{ SetLinger(int) error }).SetLinger(0) }

// Connections end in every order, begun by either side, over a good road and
// a bad one.
func TestKernelCloses(t *testing.T) {
	bad := impairment{loss: 0.05, duplicate: 0.1, reorder: 0.1}
	hasty := tcp.Config{InitialRTO: 200 * time.Millisecond} // a lost SYN of ours costs no second
	for _, road := range []struct {
		name  string
		setup setup
		again int
	}{
		{"good road", setup{}, 5},
		{"duplicates and reordering", setup{in: impairment{duplicate: 0.3, reorder: 0.3}, out: impairment{duplicate: 0.3, reorder: 0.3}}, 5},
		{"bad road", setup{in: bad, out: bad, tcp: hasty}, 1},
	} {
		t.Run(road.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				road.again = 1
			}
			k := newKernel(t, road.setup)
			var all sync.WaitGroup
			for _, o := range openings {
				for _, e := range endings {
					if road.setup.in.reorder > 0 && resets[e.name] {
						continue // a lost or late reset reads as something else
					}
					for _, weFirst := range []bool{true, false} {
						all.Go(func() {
							for range road.again {
								our, their, err := k.pair(o)
								if err != nil {
									t.Errorf("%s: %v", o.name, err)
									return
								}
								c, first := conversation{our, their}, "we are first"
								if !weFirst {
									c, first = conversation{their, our}, "the kernel is first"
								}
								if err := e.script(c); err != nil {
									t.Errorf("%s; %s; %s: %v", o.name, first, e.name, err)
								}
							}
						})
					}
				}
			}
			all.Wait()
			if !t.Failed() {
				k.quiet()
				t.Logf("kernel %v, host %v", k.states(), k.ourStates())
			}
		})
	}
}

// resets are the endings whose outcome hangs on one segment that is not sent
// again.
var resets = map[string]bool{
	"close with bytes unread is a reset": true, "linger 0 is a reset": true,
	"linger 0 after a half-close of the other": true, "write to who has closed": true,
}

// Nobody listens: the one who dials is told so at once, and the same way.
func TestKernelRefuses(t *testing.T) {
	k := newKernel(t, setup{})
	for n := range ours {
		for _, c := range []struct {
			name string
			dial func(net.Addr) (net.Conn, error)
			to   net.Addr
		}{
			{"kernel dials us", k.dial, &net.TCPAddr{IP: ours[n].AsSlice(), Port: 9}},
			{"we dial the kernel", k.dialOurs, &net.TCPAddr{IP: theirs[n].AsSlice(), Port: 9}},
		} {
			conn, err := c.dial(c.to)
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s at %v: %v, %v, want %v", c.name, c.to, conn, err, syscall.ECONNREFUSED)
			}
		}
	}
	k.quiet()
}

// The peer vanishes in the middle: what we sent is sent again until the
// deadline that the caller set, and the socket is still closed in order.
func TestKernelSilence(t *testing.T) {
	dead := false
	var gate sync.Mutex
	cut := func(int, []byte) bool {
		gate.Lock()
		defer gate.Unlock()
		return dead
	}
	k := newKernel(t, setup{in: impairment{nth: cut}, out: impairment{nth: cut}})
	our, their, err := k.pair(openings[1])
	if err != nil {
		t.Fatal(err)
	}
	setDead := func(d bool) {
		gate.Lock()
		defer gate.Unlock()
		dead = d
	}
	setDead(true)
	if err := sendStream(our, 1, 1000); err != nil {
		t.Fatal(err)
	}
	our.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := our.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read from a silent peer: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	setDead(false) // the retransmission gets through
	if err := receiveStream(their, 1, 1000, false); err != nil {
		t.Error(err)
	}
	if err := steps(our.Close(), ended(their), their.Close()); err != nil {
		t.Error(err)
	}
	k.quiet()
}
