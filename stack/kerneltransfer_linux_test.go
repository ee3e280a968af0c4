package stack_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"waypost/tcp"
)

// Bytes go both ways at once, whoever opened, over every kind of road.
func TestKernelTransfer(t *testing.T) {
	bad := impairment{loss: 0.02, duplicate: 0.02, reorder: 0.05}
	for _, c := range []struct {
		name  string
		bytes int
		setup setup
		knobs map[string]string // the kernel's
	}{
		{"clean", 8 << 20, setup{}, nil},
		{"loss towards the kernel", 1 << 20, setup{out: impairment{loss: 0.03}}, nil},
		{"loss towards us", 1 << 20, setup{in: impairment{loss: 0.03}}, nil},
		{"duplicates", 2 << 20, setup{in: impairment{duplicate: 0.2}, out: impairment{duplicate: 0.2}}, nil},
		{"reordering", 1 << 20, setup{in: impairment{reorder: 0.1}, out: impairment{reorder: 0.1}}, nil},
		{"all at once", 512 << 10, setup{in: bad, out: bad}, nil},
		{"small windows", 256 << 10, setup{tcp: tcp.Config{ReceiveBuffer: 4 << 10, SendBuffer: 4 << 10}},
			map[string]string{"net.ipv4.tcp_rmem": "4096 4608 4608", "net.ipv4.tcp_wmem": "4096 4608 4608"}},
		{"small windows and all at once", 64 << 10, setup{in: bad, out: bad, tcp: tcp.Config{ReceiveBuffer: 8 << 10}},
			map[string]string{"net.ipv4.tcp_rmem": "4096 8192 8192"}},
		{"small packets", 512 << 10, setup{mtu: 1280, in: bad}, nil},
		{"large packets", 8 << 20, setup{mtu: 65000}, nil},
		{"kernel without options", 256 << 10, setup{in: bad, out: bad},
			map[string]string{"net.ipv4.tcp_sack": "0", "net.ipv4.tcp_timestamps": "0", "net.ipv4.tcp_window_scaling": "0"}},
		{"we without options", 256 << 10, setup{in: bad, out: bad, tcp: tcp.Config{NoSACK: true, NoTimestamps: true, NoWindowScale: true}}, nil},
		{"Tahoe", 256 << 10, setup{out: bad, tcp: tcp.Config{Congestion: tcp.Tahoe, NoSACK: true}}, nil},
		{"Reno", 256 << 10, setup{out: bad, tcp: tcp.Config{Congestion: tcp.Reno, NoSACK: true}}, nil},
		{"NewReno", 256 << 10, setup{out: bad, tcp: tcp.Config{Congestion: tcp.NewReno}}, nil},
		{"our cookies", 64 << 10, setup{cookies: tcp.Always}, nil},
		{"their cookies", 64 << 10, setup{}, map[string]string{"net.ipv4.tcp_syncookies": "2"}},
		{"Ethernet", 2 << 20, setup{tap: true}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.setup.seed = uint64(len(c.name))
			k := newKernel(t, c.setup)
			for name, value := range c.knobs {
				k.sysctl(t, name, value)
			}
			n := c.bytes
			if testing.Short() {
				n /= 8
			}
			var all sync.WaitGroup
			for _, o := range openings {
				all.Go(func() {
					our, their, err := k.pair(o)
					if err != nil {
						t.Errorf("%s: %v", o.name, err)
						return
					}
					start := time.Now()
					if err := exchange(our, their, n); err != nil {
						t.Errorf("%s: %v", o.name, err)
					}
					if c.name == "clean" {
						t.Logf("%s: %.0f MB/s each way", o.name, float64(n)/1e6/time.Since(start).Seconds())
					}
				})
			}
			all.Wait()
			if !t.Failed() {
				k.quiet()
			}
		})
	}
}

// A reader that does not read closes the window; the writer waits, probes,
// and goes on when it opens.
func TestKernelZeroWindow(t *testing.T) {
	k := newKernel(t, setup{tcp: tcp.Config{ReceiveBuffer: 16 << 10, SendBuffer: 64 << 10}})
	k.sysctl(t, "net.ipv4.tcp_rmem", "4096 16384 16384")
	k.sysctl(t, "net.ipv4.tcp_wmem", "4096 65536 65536")
	for _, weRead := range []bool{true, false} {
		reader, writer := "we read", "kernel writes"
		if !weRead {
			reader, writer = "kernel reads", "we write"
		}
		t.Run(reader, func(t *testing.T) {
			our, their, err := k.pair(openings[0])
			if err != nil {
				t.Fatal(err)
			}
			from, to := their, our
			if !weRead {
				from, to = our, their
			}
			// Fill everything: no room is left when a write takes this long.
			from.SetWriteDeadline(time.Now().Add(400 * time.Millisecond))
			sent, fill := 0, make([]byte, 4096)
			for {
				m, err := from.Write(fill)
				sent += m
				if errors.Is(err, os.ErrDeadlineExceeded) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v", writer, err)
				}
			}
			from.SetWriteDeadline(time.Now().Add(patience))
			errs := make(chan error, 1)
			go func() {
				_, err := from.Write(fill)
				errs <- errors.Join(err, closeWrite(from))
			}()
			got := 0
			for b := make([]byte, 1000); ; {
				m, err := to.Read(b)
				got += m
				if err != nil {
					break
				}
			}
			if err := <-errs; err != nil {
				t.Errorf("%s: %v", writer, err)
			}
			if want := sent + len(fill); got != want {
				t.Errorf("%s %d bytes, want %d", reader, got, want)
			}
			our.Close()
			their.Close()
		})
	}
	k.quiet()
}

// A thousand connections over a bad road: each gets its bytes, none is stuck.
func TestKernelThousandConnections(t *testing.T) {
	connections, atOnce, n := 1000, 250, 20<<10
	if testing.Short() {
		connections = 100
	}
	bad := impairment{loss: 0.01, duplicate: 0.01, reorder: 0.02}
	k := newKernel(t, setup{in: bad, out: bad, seed: 3, tcp: tcp.Config{InitialRTO: 200 * time.Millisecond}})
	type meeting struct {
		listener net.Listener
		dial     func(net.Addr) (net.Conn, error)
		opening
	}
	var meetings []meeting
	for _, o := range openings {
		if o.byUs {
			meetings = append(meetings, meeting{k.listen(theirs[o.which]), k.dialOurs, o})
		} else {
			meetings = append(meetings, meeting{k.listenOurs(ours[o.which]), k.dial, o})
		}
	}
	// Who accepts does not know whom: the first byte tells which of the
	// streams follows, and is sent back.
	start := time.Now()
	var all sync.WaitGroup
	for _, m := range meetings {
		all.Go(func() {
			for {
				c, err := m.listener.Accept()
				if err != nil {
					return
				}
				all.Go(func() {
					c.SetDeadline(time.Now().Add(patience))
					if err := answer(c, n); err != nil {
						t.Errorf("%s, the other end: %v", m.name, err)
					}
				})
			}
		})
	}
	var dials sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range connections {
		slots <- struct{}{}
		dials.Go(func() {
			defer func() { <-slots }()
			m := meetings[i%len(meetings)]
			if err := ask(m.listener.Addr(), m.dial, byte(i), n); err != nil {
				t.Errorf("%s, connection %d: %v", m.name, i, err)
			}
		})
	}
	dials.Wait()
	for _, m := range meetings {
		m.listener.Close()
	}
	all.Wait()
	if !t.Failed() {
		k.quiet()
	}
	t.Logf("%d connections in %v; kernel %v, host %v, %+v", connections, time.Since(start).Round(time.Millisecond), k.states(), k.ourStates(), k.host.Stats())
}

// ask opens a connection, sends the stream of seed, and reads the next one.
func ask(to net.Addr, dial func(net.Addr) (net.Conn, error), seed byte, n int) error {
	c, err := dial(to)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte{seed}); err != nil {
		return err
	}
	if err := sendStream(c, seed, n); err != nil {
		return err
	}
	if err := closeWrite(c); err != nil {
		return err
	}
	return receiveStream(c, seed+1, n, true)
}

// answer is the other end of ask.
func answer(c net.Conn, n int) error {
	defer c.Close()
	var seed [1]byte
	if _, err := c.Read(seed[:]); err != nil {
		return err
	}
	if err := receiveStream(c, seed[0], n, true); err != nil {
		return fmt.Errorf("stream %d: %w", seed[0], err)
	}
	return sendStream(c, seed[0]+1, n)
}
