package stack

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func listenUDP(t testing.TB, h *Host, at string) *UDPConn {
	t.Helper()
	var to netip.AddrPort
	if at != "" {
		to = addrPort(at)
	}
	c, err := h.ListenPacket(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*UDPConn)
}

// TestUDP sends a datagram there and back over both versions of IP; the
// first waits for ARP or NDP.
func TestUDP(t *testing.T) {
	for _, server := range []string{"192.0.2.2:53", "[2001:db8::2]:53"} {
		t.Run(server, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, time.Millisecond, Config{}, Config{})
				s, c := listenUDP(t, p.b, server), listenUDP(t, p.a, "")
				start := time.Now()
				if _, err := c.WriteToUDPAddrPort([]byte("question"), addrPort(server)); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 100)
				n, from, err := s.ReadFromUDPAddrPort(b)
				if err != nil || string(b[:n]) != "question" {
					t.Fatalf("server read %q, %v", b[:n], err)
				}
				if got, want := time.Since(start), 3*time.Millisecond; got != want {
					t.Errorf("the question took %v, want %v: ARP there and back, then itself", got, want)
				}
				if want := p.ia.Prefixes()[map[bool]int{true: 0, false: 1}[from.Addr().Is4()]].Addr(); from.Addr() != want {
					t.Errorf("from %v, want %v", from.Addr(), want)
				}
				if _, err := s.WriteToUDPAddrPort([]byte("answer"), from); err != nil {
					t.Fatal(err)
				}
				n, back, err := c.ReadFromUDPAddrPort(b)
				if err != nil || string(b[:n]) != "answer" || back != addrPort(server) {
					t.Fatalf("client read %q from %v, %v", b[:n], back, err)
				}
				if got, want := time.Since(start), 4*time.Millisecond; got != want {
					t.Errorf("there and back took %v, want %v: the server knows who asked", got, want)
				}
			})
		})
	}
}

// TestUDPLarge sends datagrams of all sizes in fragments.
func TestUDPLarge(t *testing.T) {
	for _, server := range []string{"192.0.2.2:53", "[2001:db8::2]:53"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, 0, Config{}, Config{})
			s, c := listenUDP(t, p.b, server), listenUDP(t, p.a, "")
			buf := make([]byte, 70000)
			most := 65507
			if addrPort(server).Addr().Is6() {
				most = 65487
			}
			for _, size := range []int{0, 1, 1452, 1453, 1472, 1473, 2952, 2953, 9000, 65000, most} {
				sent := make([]byte, size)
				for n := range sent {
					sent[n] = byte(n * 7)
				}
				if _, err := c.WriteToUDPAddrPort(sent, addrPort(server)); err != nil {
					t.Fatalf("%s: %d bytes: %v", server, size, err)
				}
				n, _, err := s.ReadFromUDPAddrPort(buf)
				if err != nil || string(buf[:n]) != string(sent) {
					t.Fatalf("%s: %d bytes arrived as %d, %v", server, size, n, err)
				}
			}
			if _, err := c.WriteToUDPAddrPort(make([]byte, most+1), addrPort(server)); !errors.Is(err, syscall.EMSGSIZE) {
				t.Errorf("%s: %d bytes: %v, want message too long", server, most+1, err)
			}
			synctest.Wait()
			if p.b.fragments.bytes != 0 || len(p.b.fragments.unfinished) != 0 {
				t.Errorf("reassembly keeps %d bytes of %d packets", p.b.fragments.bytes, len(p.b.fragments.unfinished))
			}
		})
	}
}

// TestUDPErrors looks at what sockets return.
func TestUDPErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 5*time.Millisecond, Config{}, Config{})
		c := listenUDP(t, p.a, "192.0.2.1:1000")
		b := make([]byte, 10)

		start := time.Now()
		c.SetReadDeadline(start.Add(time.Second))
		_, _, err := c.ReadFromUDPAddrPort(b)
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("read after the deadline: %v", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("the deadline came after %v", got)
		}
		c.SetReadDeadline(time.Time{})

		for _, at := range []string{"192.0.2.1:1000", "0.0.0.0:1000", "[::]:1000"} {
			if _, err := p.a.ListenPacket(t.Context(), addrPort(at)); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("listen %s: %v, want address in use", at, err)
			}
		}
		if _, err := p.a.ListenPacket(t.Context(), addrPort("192.0.2.2:1")); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("listen on another's address: %v", err)
		}
		if _, err := c.WriteToUDPAddrPort(b, addrPort("198.51.100.1:1")); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("no route: %v", err)
		}

		// A closed port is told to a connected socket.
		d, err := p.a.DialUDP(t.Context(), addrPort("192.0.2.2:9"))
		if err != nil {
			t.Fatal(err)
		}
		d.Write([]byte("anybody?"))
		start = time.Now()
		if _, err := d.Read(b); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("read from a closed port: %v, want connection refused", err)
		}
		if got, want := time.Since(start), 20*time.Millisecond; got != want {
			t.Errorf("refused after %v, want %v", got, want)
		}

		go func() {
			time.Sleep(time.Second)
			d.Close()
		}()
		if _, err := d.Read(b); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read when closed: %v", err)
		}
		if _, err := d.Write(b); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
	})
}

// TestUDPQueue fills a socket's queue.
func TestUDPQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		s, c := listenUDP(t, p.b, "192.0.2.2:53"), listenUDP(t, p.a, "")
		s.SetReadBuffer(10 * smallBuffer)
		for n := range 15 {
			c.WriteToUDPAddrPort([]byte{byte(n)}, addrPort("192.0.2.2:53"))
		}
		synctest.Wait()
		if got, want := s.Dropped(), 5; got != want {
			t.Errorf("dropped %d, want %d", got, want)
		}
		b := make([]byte, 10)
		for n := range 10 {
			if _, _, err := s.ReadFromUDPAddrPort(b); err != nil || b[0] != byte(n) {
				t.Fatalf("datagram %d is %d, %v", n, b[0], err)
			}
		}
	})
}

// TestLoopback talks to the host itself, by all its names.
func TestLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		s, c := listenUDP(t, p.a, "[::]:53"), listenUDP(t, p.a, "")
		p.wire.frames()
		for _, a := range []string{"127.0.0.1", "127.0.0.53", "::1", "192.0.2.1", "2001:db8::1"} {
			to := netip.AddrPortFrom(addr(a), 53)
			if _, err := c.WriteToUDPAddrPort([]byte(a), to); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			n, from, err := s.ReadFromUDPAddrPort(b)
			if err != nil || string(b[:n]) != a || from.Addr() != to.Addr() {
				t.Errorf("to %s: read %q from %v, %v", a, b[:n], from, err)
			}
		}
		synctest.Wait()
		equal(t, "frame on the link", p.wire.frames(), nil)
	})
}
