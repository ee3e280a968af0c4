//go:build linux

package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// parkedServer serves on loopback with connections that are parked at once,
// and returns its address and how it is stopped.
func parkedServer(t *testing.T, limits Limits) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limits.ParkAfter = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := &Server{Handler: hit(100), Limits: limits}
	go func() { ended <- s.Serve(ctx, l) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func dialed(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(hangs(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestParkedConnectionEnds: the server closes it when its idle time is over,
// and when it stops.
func TestParkedConnectionEnds(t *testing.T) {
	t.Run("idle time", func(t *testing.T) {
		addr, _ := parkedServer(t, Limits{IdleTimeout: 50 * time.Millisecond})
		if n, err := dialed(t, addr).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read %d, %v, want EOF", n, err)
		}
	})
	t.Run("stop", func(t *testing.T) {
		addr, stop := parkedServer(t, Limits{})
		var all []net.Conn
		for range 50 {
			all = append(all, dialed(t, addr))
		}
		stop() // some are parked by now, some about to be, some not accepted
		for _, c := range all {
			if n, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("read %d, want an end", n)
			}
		}
	})
	t.Run("evicted", func(t *testing.T) {
		addr, _ := parkedServer(t, Limits{Connections: 4})
		for range 40 { // every one is served although nobody leaves
			newAsker(t, dialed(t, addr), browserGet, 100)
		}
	})
	t.Run("client leaves", func(t *testing.T) {
		addr, stop := parkedServer(t, Limits{Connections: 4, Drain: -1})
		for range 40 {
			dialed(t, addr).Close()
		}
		newAsker(t, dialed(t, addr), browserGet, 100)
		stop()
	})
}

// TestParkStorm: clients that come back at the moment of parking lose nothing.
func TestParkStorm(t *testing.T) {
	addr, _ := parkedServer(t, Limits{})
	var wg sync.WaitGroup
	for i := range 8 {
		c := dialed(t, addr)
		wg.Go(func() {
			a := newAsker(t, c, browserGet, 100)
			for n := range 200 {
				<-time.After(time.Duration(i*n%30) * 100 * time.Microsecond) // around ParkAfter
				a.ask(t)
			}
		})
	}
	wg.Wait()
}
