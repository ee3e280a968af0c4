package stack

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waypost/link"
	"waypost/tcp"
)

// TestListener looks at addresses, ports and what Close does.
func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		l := listenTCP(t, p.b, "0.0.0.0:80")
		for _, at := range []string{"0.0.0.0:80", "[::]:80", "192.0.2.2:80", "127.0.0.1:80"} {
			if _, err := p.b.Listen(t.Context(), addrPort(at)); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("listen %s: %v, want address in use", at, err)
			}
		}
		if _, err := p.b.Listen(t.Context(), addrPort("192.0.2.1:80")); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("listen on another's address: %v", err)
		}
		listenTCP(t, p.b, "[2001:db8::2]:80") // another family
		any1, any2 := listenTCP(t, p.b, "0.0.0.0:0"), listenTCP(t, p.b, "0.0.0.0:0")
		if link.AddrPort(any1.Addr()).Port() == link.AddrPort(any2.Addr()).Port() {
			t.Error("port 0 gave one port twice")
		}
		if _, err := p.a.Dial(t.Context(), addrPort("[2001:db8::2]:80")); err != nil {
			t.Errorf("dial IPv6: %v", err)
		}

		start := time.Now()
		l.SetDeadline(start.Add(time.Second))
		if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("accept: %v after %v", err, time.Since(start))
		}
		l.SetDeadline(time.Time{})

		// Close resets what was not accepted and wakes Accept.
		waiting := make([]*TCPConn, 3)
		for n := range waiting {
			waiting[n] = dialTCP(t, p.a, "192.0.2.2:80")
		}
		go func() {
			time.Sleep(time.Second)
			l.Close()
		}()
		for range waiting {
			if _, err := l.Accept(); err != nil {
				t.Fatal(err)
			}
		}
		late := dialTCP(t, p.a, "192.0.2.2:80")
		c, _ := l.Accept()
		if c == nil {
			t.Fatal("the fourth was not accepted")
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept when closed: %v", err)
		}
		if _, err := p.a.Dial(t.Context(), addrPort("192.0.2.2:80")); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial a closed listener: %v", err)
		}
		c.Write([]byte("x")) // what was accepted lives on
		if _, err := io.ReadFull(late, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		m := listenTCP(t, p.b, "192.0.2.2:80")
		queued := dialTCP(t, p.a, "192.0.2.2:80")
		m.Close()
		if _, err := queued.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read on a connection that was never accepted: %v", err)
		}
	})
}

// TestAcceptReset: a connection that was reset while it waited is handed out
// in its turn, with what had arrived and with how it ended.
func TestAcceptReset(t *testing.T) {
	for _, cookies := range []tcp.CookieMode{tcp.Always, tcp.Never} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, time.Millisecond, Config{}, Config{Cookies: cookies})
			l := listenTCP(t, p.b, "192.0.2.2:80")
			for n := range 3 {
				c := dialTCP(t, p.a, "192.0.2.2:80")
				c.Write([]byte{byte(n)})
				time.Sleep(time.Second)
				if n == 1 {
					c.SetLinger(0)
					c.Close()
					time.Sleep(time.Second)
				}
			}
			for n := range 3 {
				s, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 1)
				if _, err := io.ReadFull(s, b); err != nil || int(b[0]) != n {
					t.Errorf("cookies %v: connection %d is number %d, %v", cookies, n, b[0], err)
				}
				if n == 1 {
					if _, err := s.Read(b); !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("cookies %v: read of a connection that was reset: %v", cookies, err)
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			synctest.Wait()
			if len(l.children) != 0 {
				t.Errorf("%d connections are kept", len(l.children))
			}
		})
	}
}

// TestCloseReset: what was reset while it waited is gone with its listener.
func TestCloseReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		l := listenTCP(t, p.b, "192.0.2.2:80")
		c := dialTCP(t, p.a, "192.0.2.2:80")
		c.SetLinger(0)
		c.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(l.children) != 1 || len(p.b.connections) != 0 {
			t.Errorf("%d wait, %d are in the table", len(l.children), len(p.b.connections))
		}
		l.Close()
		synctest.Wait()
		if len(l.children) != 0 || len(p.b.connections) != 0 {
			t.Errorf("%d wait, %d are in the table", len(l.children), len(p.b.connections))
		}
	})
}

// TestBacklog: what the backlog has no room for waits at the client, and
// gets in when there is room.
func TestBacklog(t *testing.T) {
	for _, cookies := range []tcp.CookieMode{tcp.Auto, tcp.Always, tcp.Never} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, time.Millisecond, Config{}, Config{Backlog: 4, Cookies: cookies})
			l := listenTCP(t, p.b, "192.0.2.2:80")
			const clients = 12
			var dials sync.WaitGroup
			for n := range clients {
				dials.Go(func() {
					c, err := p.a.Dial(t.Context(), addrPort("192.0.2.2:80"))
					if err != nil {
						t.Errorf("dial %d: %v", n, err)
						return
					}
					defer c.Close()
					c.Write([]byte{byte(n)})
					if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
						t.Errorf("client %d reads %v", n, err)
					}
				})
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if got := len(l.children); got > 8 {
				t.Errorf("%d connections wait", got)
			}
			seen := map[byte]bool{}
			for len(seen) < clients {
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 1)
				if _, err := io.ReadFull(c, b); err != nil {
					t.Errorf("read: %v", err)
				}
				seen[b[0]] = true
				c.Close()
			}
			dials.Wait()
		})
	}
}

// TestTimeWaitReuse: a client may come back from the port of a connection
// that is in TIME-WAIT at the server.
func TestTimeWaitReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		l := listenTCP(t, p.b, "192.0.2.2:80")
		var first netip.AddrPort
		for range 3 {
			c := dialTCP(t, p.a, "192.0.2.2:80")
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			s.Close() // the server closes first: TIME-WAIT is on its side
			time.Sleep(10 * time.Millisecond)
			c.Close()
			time.Sleep(2 * time.Second)
			if first.IsValid() && c.local != first {
				t.Fatalf("came from %v, want %v again", c.local, first)
			}
			first = c.local
			for n := range p.a.portOffsets {
				p.a.portOffsets[n]--
			}
		}
		synctest.Wait()
		if got := len(p.b.connections); got != 1 {
			t.Errorf("%d connections at the server, want one in TIME-WAIT: %v", got, p.b.Sockets())
		}
	})
}

// TestTimeWaitBounded: above the bound the oldest are forgotten early.
func TestTimeWaitBounded(t *testing.T) {
	h := newHost(t, Config{})
	h.lock()
	defer h.unlock()
	const extra = 100
	for n := range maxTimeWaits + extra {
		local, remote := addrPort("10.0.0.1:80"), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), uint16(1+n>>16))
		c := h.newTCPConn(local, remote, path{})
		c.conn = tcp.Dial(h.tcpConfig(1460), local, remote, 1, h.time)
		h.connections[c.key] = c
		h.timeWaits.add(h, c)
		if n >= maxTimeWaits && h.connections[keyOf(local, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(n - maxTimeWaits)}), 1))] != nil {
			t.Fatalf("the %dth oldest is still there", n-maxTimeWaits+1)
		}
	}
	if got := len(h.connections); got != maxTimeWaits {
		t.Errorf("%d connections, want %d", got, maxTimeWaits)
	}
	if got := len(h.timeWaits.queue) - h.timeWaits.first; got != maxTimeWaits {
		t.Errorf("%d in the queue, want %d", got, maxTimeWaits)
	}
	for _, c := range h.connections {
		h.forget(c)
	}
	if len(h.timeWaits.queue) != 0 {
		t.Errorf("the queue keeps %d", len(h.timeWaits.queue))
	}
}
