package memnet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	client = netip.MustParseAddr("192.0.2.1")
	server = netip.MustParseAddrPort("198.51.100.1:80")
)

// TestTimes follows bytes through connect, request and answer.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Net{Delay: 10 * time.Millisecond}
		l, err := n.Host(server.Addr()).Listen(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(c, c)
			c.Close()
		}()
		start := time.Now()
		c, err := n.Host(client).Dial(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(start), 20*time.Millisecond; got != want {
			t.Errorf("connected after %v, want %v", got, want)
		}
		c.Write([]byte("hello"))
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			t.Fatalf("echo %q, %v", b, err)
		}
		if got, want := time.Since(start), 40*time.Millisecond; got != want {
			t.Errorf("echoed after %v, want %v", got, want)
		}
		c.(*Conn).CloseWrite()
		if _, err := c.Read(b); !errors.Is(err, io.EOF) {
			t.Errorf("read after the end: %v", err)
		}
		c.Close()
	})
}

// TestFailures looks at addresses that do not serve.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Net{Hole: map[netip.Addr]bool{netip.MustParseAddr("198.51.100.9"): true}}
		if _, err := n.Host(client).Dial(t.Context(), server); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Host(client).Dial(ctx, netip.MustParseAddrPort("198.51.100.9:80")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hole: %v", err)
		}
	})
}

// TestDatagrams sends datagrams and looks at when they arrive, and which do
// not.
func TestDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := 0
		n := &Net{Delay: 10 * time.Millisecond, Lose: func(_, _ netip.AddrPort, b []byte) bool {
			if string(b) == "lose" {
				lost++
				return true
			}
			return false
		}}
		there, err := n.Host(server.Addr()).ListenPacket(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Host(server.Addr()).ListenPacket(t.Context(), server); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second socket: %v", err)
		}
		here, err := n.Host(client).ListenPacket(t.Context(), netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, s := range []string{"lose", "one", "two"} {
			here.WriteToUDPAddrPort([]byte(s), server)
		}
		here.WriteToUDPAddrPort([]byte("nobody"), netip.MustParseAddrPort("198.51.100.9:53"))
		b := make([]byte, 16)
		for _, want := range []string{"one", "two"} {
			k, from, err := there.ReadFromUDPAddrPort(b)
			if err != nil || string(b[:k]) != want || from.Addr() != client || time.Since(start) != 10*time.Millisecond {
				t.Errorf("%q from %v after %v, %v", b[:k], from, time.Since(start), err)
			}
		}
		there.SetReadDeadline(start.Add(time.Second))
		if _, _, err := there.ReadFromUDPAddrPort(b); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		there.Close()
		if _, _, err := there.ReadFromUDPAddrPort(b); !errors.Is(err, net.ErrClosed) || lost != 1 {
			t.Errorf("%v, %d lost", err, lost)
		}
	})
}
