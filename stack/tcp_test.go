package stack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fault"
	"waypost/link"
	"waypost/tcp"
)

func listenTCP(t testing.TB, h *Host, at string) *TCPListener {
	t.Helper()
	l, err := h.Listen(context.Background(), addrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*TCPListener)
}

func dialTCP(t testing.TB, h *Host, to string) *TCPConn {
	t.Helper()
	c, err := h.Dial(t.Context(), addrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*TCPConn)
}

// acceptTCP takes a connection.
func acceptTCP(t testing.TB, l *TCPListener) *TCPConn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*TCPConn)
}

// connected returns both ends of a connection from a to b.
func (p *pair) connected(t testing.TB) (client, server *TCPConn) {
	t.Helper()
	l := listenTCP(t, p.b, "192.0.2.2:0")
	client = dialTCP(t, p.a, l.Addr().String())
	server = acceptTCP(t, l)
	t.Cleanup(func() { server.Close() })
	l.Close()
	return client, server
}

// TestTCP is a connection from SYN to TIME-WAIT, over both versions.
func TestTCP(t *testing.T) {
	for _, at := range []string{"192.0.2.2:80", "[2001:db8::2]:80"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, 10*time.Millisecond, Config{}, Config{})
			l := listenTCP(t, p.b, at)
			p.a.Ping(t.Context(), addrPort(at).Addr())
			start := time.Now()
			c := dialTCP(t, p.a, at)
			if got, want := time.Since(start), 20*time.Millisecond; got != want {
				t.Errorf("connected after %v, want %v", got, want)
			}
			s := acceptTCP(t, l)
			if link.AddrPort(s.RemoteAddr()) != link.AddrPort(c.LocalAddr()) || s.LocalAddr().String() != at {
				t.Errorf("server has %v ↔ %v, client %v ↔ %v", s.LocalAddr(), s.RemoteAddr(), c.LocalAddr(), c.RemoteAddr())
			}
			go func() {
				b, err := io.ReadAll(s)
				if err != nil {
					t.Error(err)
				}
				s.Write(bytes.ToUpper(b))
				s.Close()
			}()
			io.WriteString(c, "hello")
			c.CloseWrite()
			got, err := io.ReadAll(c)
			if err != nil || string(got) != "HELLO" {
				t.Errorf("read %q, %v", got, err)
			}
			if _, err := c.Write([]byte("more")); !errors.Is(err, syscall.EPIPE) {
				t.Errorf("write after CloseWrite: %v, want EPIPE", err)
			}
			c.Close()
			if _, err := c.Read(nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read after close: %v", err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got := len(p.b.connections); got != 0 {
				t.Errorf("the server keeps %d connections", got)
			}
			if got := p.a.Sockets(); len(got) != 1 || got[0].State != "TIME-WAIT" {
				t.Errorf("sockets of the client: %v", got)
			}
			time.Sleep(2 * tcp.DefaultMSL)
			if got := p.a.Sockets(); len(got) != 0 {
				t.Errorf("sockets of the client a minute later: %v", got)
			}
		})
	}
}

// TestTCPTransfer moves bytes both ways at once, with writes and reads of
// all sizes, over a link that loses one frame of fifty.
func TestTCPTransfer(t *testing.T) {
	for _, lossy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, 5*time.Millisecond, Config{}, Config{})
			c, s := p.connected(t)
			random := rand.New(rand.NewPCG(1, 2))
			if lossy {
				p.wire.losing(func(int, []byte) bool { return random.IntN(50) == 0 })
			}
			const size = 4 << 20
			var all sync.WaitGroup
			for n, ends := range [][2]*TCPConn{{c, s}, {s, c}} {
				sent := make([]byte, size)
				rng := rand.New(rand.NewPCG(uint64(n), 7))
				for i := range sent {
					sent[i] = byte(rng.Uint32())
				}
				all.Go(func() {
					rest := sent
					for len(rest) > 0 {
						k := min(1+rng.IntN(100_000), len(rest))
						if m, err := ends[0].Write(rest[:k]); err != nil || m != k {
							t.Errorf("wrote %d of %d: %v", m, k, err)
							return
						}
						rest = rest[k:]
					}
					ends[0].CloseWrite()
				})
				all.Go(func() {
					var got bytes.Buffer
					b := make([]byte, 50_000)
					for {
						n, err := ends[1].Read(b[:1+len(sent)%len(b)])
						got.Write(b[:n])
						if errors.Is(err, io.EOF) {
							break
						}
						if err != nil {
							t.Error(err)
							return
						}
					}
					if !bytes.Equal(got.Bytes(), sent) {
						t.Errorf("direction %d: %d bytes arrived, not those that were sent", n, got.Len())
					}
				})
			}
			all.Wait()
			time.Sleep(time.Second) // the last acknowledgement
			info, _ := c.TCPInfo()
			if info.BytesAcked != size || info.BytesRecv != size || lossy != (info.Retransmits > 0) {
				t.Errorf("info: %+v", info)
			}
			c.Close()
			s.Close()
			p.wire.losing(nil)
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			if len(p.a.connections)+len(p.b.connections) != 0 {
				t.Errorf("connections are left: %v %v", p.a.Sockets(), p.b.Sockets())
			}
		})
	}
}

// TestDialFails looks at the ways in which a dial ends without a connection,
// how long each takes, and what the fault is called.
func TestDialFails(t *testing.T) {
	tests := []struct {
		name  string
		to    string
		cut   bool // the link is dead for IP
		limit time.Duration
		want  error
		fault fault.Kind
		took  time.Duration
	}{
		{name: "nobody listens", to: "192.0.2.2:81", want: syscall.ECONNREFUSED, fault: fault.ConnectionRefused, took: 2 * time.Millisecond},
		{name: "nobody there", to: "192.0.2.99:80", want: syscall.EHOSTUNREACH, fault: fault.DestinationIPUnroutable, took: 3 * time.Second},
		{name: "no route", to: "198.51.100.1:80", want: syscall.ENETUNREACH, fault: fault.DestinationIPUnroutable},
		{name: "limited", to: "192.0.2.2:80", cut: true, limit: 1500 * time.Millisecond, want: context.DeadlineExceeded, fault: fault.ConnectionTimeout, took: 1500 * time.Millisecond},
		// RFC 6298: 1 + 2 + 4 + 8 + 16 + 32 + 64 seconds.
		{name: "silence", to: "192.0.2.2:80", cut: true, want: syscall.ETIMEDOUT, fault: fault.ConnectionTimeout, took: 127 * time.Second},
		{name: "to a group", to: "224.0.0.1:80", want: syscall.EADDRNOTAVAIL, fault: fault.ProxyInternalError},
		{name: "to everybody", to: "192.0.2.255:80", want: syscall.EACCES, fault: fault.DestinationIPProhibited},
		{name: "port 0", to: "192.0.2.2:0", want: syscall.EADDRNOTAVAIL, fault: fault.ProxyInternalError},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, time.Millisecond, Config{}, Config{})
				listenTCP(t, p.b, "192.0.2.2:80")
				p.a.Ping(t.Context(), addr("192.0.2.2"))
				if test.cut {
					p.wire.losing(func(_ int, f []byte) bool { return f[12] == 8 && f[13] == 0 })
				}
				ctx := t.Context()
				if test.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.limit)
					defer cancel()
				}
				start := time.Now()
				_, err := p.a.Dial(ctx, addrPort(test.to))
				if !errors.Is(err, test.want) {
					t.Errorf("dial: %v, want %v", err, test.want)
				}
				if got := fault.Of(err); got != test.fault {
					t.Errorf("the fault is %s, want %s", got, test.fault)
				}
				if got := time.Since(start); got != test.took {
					t.Errorf("it took %v, want %v", got, test.took)
				}
				var op *net.OpError
				if !errors.As(err, &op) || op.Op != "dial" || op.Net != "tcp" {
					t.Errorf("the error is %#v", err)
				}
				synctest.Wait()
				if len(p.a.connections) != 0 {
					t.Errorf("left: %v", p.a.Sockets())
				}
			})
		})
	}
}

// TestReset: what calls return when the peer resets the connection.
func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		c, s := p.connected(t)
		c.SetLinger(0)
		c.Close()
		b := make([]byte, 1)
		if _, err := s.Read(b); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v, want connection reset", err)
		}
		if _, err := s.Write(b); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after the read: %v, want EPIPE", err)
		}
		synctest.Wait()
		if len(p.a.connections)+len(p.b.connections) != 0 {
			t.Errorf("left: %v %v", p.a.Sockets(), p.b.Sockets())
		}

		c, s = p.connected(t)
		c.SetLinger(0)
		c.Close()
		time.Sleep(time.Second)
		for n, want := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.EPIPE} {
			if _, err := s.Write(b); !errors.Is(err, want) {
				t.Errorf("write %d: %v, want %v", n, err, want)
			}
		}

		// Close with unread data resets too.
		c, s = p.connected(t)
		s.Write([]byte("unread"))
		time.Sleep(time.Second)
		c.Close()
		time.Sleep(time.Second)
		if _, err := s.Read(b); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after a close with unread data: %v", err)
		}
	})
}

// TestTCPDeadlines: reads and writes end at their deadlines, exactly, and go
// on after them.
func TestTCPDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		c, s := p.connected(t)
		b := make([]byte, 100)
		start := time.Now()
		c.SetReadDeadline(start.Add(700 * time.Millisecond))
		if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if got := time.Since(start); got != 700*time.Millisecond {
			t.Errorf("read ended after %v", got)
		}
		if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read again: %v", err)
		}
		c.SetReadDeadline(time.Time{})
		// A deadline set while a read waits.
		start = time.Now()
		time.AfterFunc(time.Second, func() { c.SetReadDeadline(time.Unix(1, 0)) })
		if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("read ended after %v", got)
		}
		c.SetDeadline(time.Time{})
		s.Write([]byte("still here"))
		if n, err := c.Read(b); err != nil || string(b[:n]) != "still here" {
			t.Errorf("read %q, %v", b[:n], err)
		}

		// A write that finds no room: the peer does not read.
		start = time.Now()
		c.SetWriteDeadline(start.Add(3 * time.Second))
		n, err := c.Write(make([]byte, 16<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == 16<<20 {
			t.Errorf("wrote %d, %v", n, err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("write ended after %v", got)
		}
		var rest sync.WaitGroup
		rest.Go(func() {
			got, err := io.Copy(io.Discard, s)
			if err != nil || got != int64(n)+4 {
				t.Errorf("the peer read %d of %d, %v", got, n+4, err)
			}
		})
		c.SetWriteDeadline(time.Time{})
		if _, err := c.Write([]byte("last")); err != nil {
			t.Error(err)
		}
		c.Close()
		rest.Wait()
	})
}

// TestWritesDoNotMix: each Write arrives in one piece, though many write at
// once and the buffer is full.
func TestWritesDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{TCP: tcp.Config{SendBuffer: 10_000}}, Config{})
		c, s := p.connected(t)
		const writers, size = 8, 50_000
		for n := range writers {
			go c.Write(bytes.Repeat([]byte{byte('a' + n)}, size))
		}
		b := make([]byte, size)
		for range writers {
			if _, err := io.ReadFull(s, b); err != nil {
				t.Fatal(err)
			}
			if k := bytes.Count(b, b[:1]); k != size {
				t.Fatalf("%d of %d bytes are %q", k, size, b[0])
			}
		}
	})
}

// TestCloseDrains: what was written before Close arrives, though nobody
// holds the connection any more.
func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 20*time.Millisecond, Config{}, Config{})
		c, s := p.connected(t)
		const size = 900_000
		if n, err := c.Write(make([]byte, size)); n != size || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
		c.Close()
		if n, err := io.Copy(io.Discard, s); n != size || err != nil {
			t.Errorf("read %d of %d, %v", n, size, err)
		}
	})
}

// TestHostClose: everybody who waits on a host that closes is told, and the
// peers hear a RST.
func TestHostClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		c, s := p.connected(t)
		l := listenTCP(t, p.a, "192.0.2.1:80")
		u := listenUDP(t, p.a, "")
		var waits sync.WaitGroup
		for name, wait := range map[string]func() error{
			"read":      func() error { _, err := c.Read(make([]byte, 1)); return err },
			"write":     func() error { _, err := c.Write(make([]byte, 64<<20)); return err },
			"accept":    func() error { _, err := l.Accept(); return err },
			"read from": func() error { _, _, err := u.ReadFrom(make([]byte, 1)); return err },
			"ping":      func() error { _, err := p.a.Ping(t.Context(), addr("192.0.2.77")); return err },
			"dial":      func() error { _, err := p.a.Dial(t.Context(), addrPort("192.0.2.78:1")); return err },
		} {
			waits.Go(func() {
				if err := wait(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s: %v, want closed", name, err)
				}
			})
		}
		time.Sleep(time.Second)
		p.a.Close()
		p.a.Close()
		waits.Wait()
		io.Copy(io.Discard, s)
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer reads %v, want connection reset", err)
		}
		synctest.Wait()
		if len(p.a.connections)+len(p.a.listeners)+len(p.a.udp)+len(p.a.timers.heap) != 0 {
			t.Error("the host keeps something")
		}
		// Nothing that is called afterwards does anything.
		c.SetNoDelay(false)
		c.SetUserTimeout(time.Second)
		c.SetKeepAlive(true)
		c.SetDeadline(time.Now())
		c.TCPInfo()
		c.Close()
		l.Close()
		u.SetReadBuffer(1 << 20)
		u.JoinGroup(p.ia, addr("239.1.2.3"))
		u.Close()
		p.ia.announce()
		p.wire.frames()
		p.ib.announce()
		p.b.Ping(contextFor(t, 10*time.Second), addr("192.0.2.1"))
		for _, f := range p.wire.frames() {
			if strings.Contains(f, " 0 ") && !strings.Contains(f, "ARP who has") {
				t.Errorf("a closed host sent %s", f)
			}
		}
		if _, err := p.a.Dial(t.Context(), addrPort("192.0.2.2:1")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial on a closed host: %v", err)
		}
		if _, err := p.a.Listen(t.Context(), netip.AddrPort{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("listen on a closed host: %v", err)
		}
	})
}

// contextFor is a context that ends after a while, at the latest with the test.
func contextFor(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestKeepalive: a dead peer is found after idle + probes × interval.
func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		c, _ := p.connected(t)
		c.SetKeepAlive(true)
		start := time.Now()
		p.wire.losing(func(int, []byte) bool { return true })
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("read: %v, want timed out", err)
		}
		if got, want := time.Since(start), 2*time.Hour+10*75*time.Second; got.Round(time.Second) != want {
			t.Errorf("found after %v, want %v", got, want)
		}
	})
}

// TestKeepAliveConfig: the fields mean what they mean in package net.
func TestKeepAliveConfig(t *testing.T) {
	for _, test := range []struct {
		set   func(c *TCPConn) error
		found time.Duration
	}{
		{func(c *TCPConn) error { return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}) }, 15*time.Second + 9*15*time.Second},
		{func(c *TCPConn) error {
			return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: time.Second, Count: 3})
		}, time.Minute + 3*time.Second},
		{func(c *TCPConn) error {
			return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: -1, Count: -1})
		}, time.Minute + 10*75*time.Second},
		{func(c *TCPConn) error { return c.SetKeepAlivePeriod(20 * time.Second) }, 11 * 20 * time.Second},
		{func(c *TCPConn) error {
			c.SetKeepAlive(true)
			return c.SetKeepAliveConfig(net.KeepAliveConfig{})
		}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, time.Millisecond, Config{}, Config{})
			c, _ := p.connected(t)
			if err := test.set(c); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			p.wire.losing(func(int, []byte) bool { return true })
			c.SetReadDeadline(start.Add(24 * time.Hour))
			_, err := c.Read(make([]byte, 1))
			if found := errors.Is(err, syscall.ETIMEDOUT); found != (test.found > 0) {
				t.Errorf("read: %v, want the dead peer found: %v", err, test.found > 0)
			}
			if got := time.Since(start).Round(time.Second); test.found > 0 && got != test.found {
				t.Errorf("found after %v, want %v", got, test.found)
			}
		})
	}
}
