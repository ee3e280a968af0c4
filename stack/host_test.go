package stack

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// TestNoAllocation: in steady state neither a datagram nor a segment costs an
// allocation, sent or received.
func TestNoAllocation(t *testing.T) {
	ha, hb := directPair(t, Config{}, Config{})
	s, c := listenUDP(t, hb, "192.0.2.2:53"), listenUDP(t, ha, "192.0.2.1:53")
	b := make([]byte, 1000)
	l := listenTCP(t, hb, "192.0.2.2:80")
	tc := dialTCP(t, ha, "192.0.2.2:80")
	ts, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		do   func() error
	}{
		{"datagram", func() error {
			if _, err := c.WriteToUDPAddrPort(b, s.local); err != nil {
				return err
			}
			_, _, err := s.ReadFromUDPAddrPort(b)
			return err
		}},
		{"segments there and back", func() error {
			if _, err := tc.Write(b); err != nil {
				return err
			}
			if _, err := io.ReadFull(ts, b); err != nil {
				return err
			}
			if _, err := ts.Write(b); err != nil {
				return err
			}
			_, err := io.ReadFull(tc, b)
			return err
		}},
		{"deadline", func() error { return tc.SetReadDeadline(time.Now().Add(time.Minute)) }},
	} {
		if n := testing.AllocsPerRun(1000, func() {
			if err := test.do(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 && !raceEnabled { // then pools forget on purpose
			t.Errorf("a %s costs %v allocations", test.name, n)
		}
	}
}

// TestIdleMemory: ten thousand idle connections, both ends here, in less than
// 100 MB.
func TestIdleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand connections take a second")
	}
	ha, hb := directPair(t, Config{}, Config{})
	before := heapInUse()
	const connections, limit = 10_000, 100 << 20
	idle := openIdle(t, ha, hb, connections)
	if got := heapInUse() - before; got > limit {
		t.Errorf("%d connections take %d bytes, want at most %d", connections, got, limit)
	}
	for _, c := range idle {
		c.Close()
	}
}

// TestPlainIP joins two hosts by devices without Ethernet, as a TUN device
// is.
func TestPlainIP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t, time.Millisecond)
		a, b := newHost(t, Config{Name: "a"}), newHost(t, Config{Name: "b"})
		w.connect(t, a, b,
			InterfaceConfig{Name: "tun0", Prefixes: prefixes("10.0.0.1/30", "fd00::1/64")},
			InterfaceConfig{Name: "tun0", Prefixes: prefixes("10.0.0.2/30", "fd00::2/64")})
		for _, to := range []string{"10.0.0.2", "fd00::2"} {
			if rtt, err := a.Ping(t.Context(), addr(to)); err != nil || rtt != 2*time.Millisecond {
				t.Errorf("ping %s: %v, %v", to, rtt, err)
			}
		}
		l := listenTCP(t, b, "10.0.0.2:80")
		c := dialTCP(t, a, "10.0.0.2:80")
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("hello"))
		if _, err := io.ReadFull(s, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		if n := a.Neighbours(); len(n) != 0 {
			t.Errorf("neighbours on a link without addresses: %v", n)
		}
	})
}

// TestLinkLocal talks by addresses that mean something on one link only.
func TestLinkLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		s, c := listenUDP(t, p.b, "[::]:53"), listenUDP(t, p.a, "")
		to := netip.AddrPortFrom(packet.LinkLocal(macB).WithZone("eth0"), 53)
		if _, err := c.WriteToUDPAddrPort([]byte("near"), to); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		_, from, err := s.ReadFromUDPAddrPort(b)
		if want := packet.LinkLocal(macA).WithZone("eth0"); err != nil || from.Addr() != want {
			t.Errorf("from %v, %v, want %v", from, err, want)
		}
		if _, err := s.WriteToUDPAddrPort([]byte("here"), from); err != nil {
			t.Error(err)
		}
		if _, back, err := c.ReadFromUDPAddrPort(b); err != nil || back != to {
			t.Errorf("back from %v, %v, want %v", back, err, to)
		}
		to = netip.AddrPortFrom(to.Addr().WithZone("eth7"), 53)
		if _, err := c.WriteToUDPAddrPort(b, to); err == nil {
			t.Error("a zone that is not there was taken")
		}
	})
}

// TestLoopbackTCP connects a host to itself.
func TestLoopbackTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, Config{})
		l := listenTCP(t, h, "[::]:80")
		for _, to := range []string{"127.0.0.1:80", "[::1]:80", "0.0.0.0:80", "[::]:80"} {
			c := dialTCP(t, h, to)
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				c.Write(make([]byte, 3<<20))
				c.Close()
			}()
			if n, err := io.Copy(io.Discard, s); n != 3<<20 || err != nil {
				t.Errorf("to %s: %d bytes, %v", to, n, err)
			}
			s.Close()
		}
	})
}

// stuck is a device that blocks until it is released.
type stuck struct{ release chan struct{} }

// Transmit implements Device.
func (s stuck) Transmit([]byte) { <-s.release }

// TestSlowDevice: while a device blocks, others go on, and what waits for it
// is bounded.
func TestSlowDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, Config{})
		d := stuck{make(chan struct{})}
		if _, err := h.Attach(d, InterfaceConfig{Prefixes: prefixes("10.0.0.1/8")}); err != nil {
			t.Fatal(err)
		}
		c := listenUDP(t, h, "")
		go c.WriteToUDPAddrPort([]byte("first"), addrPort("10.0.0.2:9")) // it stays in the device
		synctest.Wait()
		b := make([]byte, 1400)
		for range outboxLimit/1428 + 1000 {
			if _, err := c.WriteToUDPAddrPort(b, addrPort("10.0.0.2:9")); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(h.out.bytes); got > outboxLimit+2000 {
			t.Errorf("%d bytes wait", got)
		}
		if h.Stats().OutboxDropped == 0 {
			t.Error("nothing was dropped")
		}
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, _, err := c.ReadFromUDPAddrPort(b); err == nil {
			t.Error("read from nobody")
		}
		close(d.release)
		synctest.Wait()
		if len(h.out.frames) != 0 || h.flushing {
			t.Error("frames are left")
		}
	})
}

// TestOrder: many goroutines write on connections of their own, both ways at
// once. On the wire each direction of each has its bytes in order: a segment
// may repeat what was sent before, but none leaves a gap.
func TestOrder(t *testing.T) {
	p := newPair(t, 0, Config{}, Config{})
	ends := map[packet.Flow]uint32{} // behind the last byte that was sent
	p.wire.losing(func(_ int, frame []byte) bool {
		flow, _ := packet.FlowOf(frame)
		if flow.Protocol != packet.ProtocolTCP {
			return false
		}
		h, payload, err := packet.ParseTCP(frame[ethernetSize+packet.IPv4Size:], flow.Src.Addr(), flow.Dst.Addr())
		end, known := ends[flow]
		switch {
		case err != nil:
			t.Error(err)
		case known && int32(h.Seq-end) > 0:
			t.Errorf("%v: %d bytes are missing before %d", flow, h.Seq-end, h.Seq)
		}
		next := h.Seq + uint32(len(payload))
		if h.Flags&(packet.SYN|packet.FIN) != 0 {
			next++
		}
		if !known || int32(next-end) > 0 {
			ends[flow] = next
		}
		return false
	})
	l := listenTCP(t, p.b, "192.0.2.2:80")
	var all sync.WaitGroup
	for range 8 {
		c := dialTCP(t, p.a, "192.0.2.2:80")
		s := acceptTCP(t, l)
		for _, way := range [][2]*TCPConn{{c, s}, {s, c}} {
			all.Go(func() {
				for range 100 {
					way[0].Write(make([]byte, 10_000))
				}
				way[0].CloseWrite()
			})
			all.Go(func() {
				if n, err := io.Copy(io.Discard, way[1]); n != 1_000_000 || err != nil {
					t.Error(n, err)
				}
			})
		}
	}
	all.Wait()
}

// TestSeed: one seed, one conversation, byte for byte; another seed, another.
func TestSeed(t *testing.T) {
	talk := func(seed uint64) string {
		var frames strings.Builder
		synctest.Test(t, func(t *testing.T) {
			// All happens in this goroutine, but for the clocks.
			ha, hb := newHost(t, Config{Name: "a", Seed: seed}), newHost(t, Config{Name: "b", Seed: seed})
			da, db := &tap{frames: &frames}, &tap{frames: &frames}
			var err error
			if db.to, err = ha.Attach(da, InterfaceConfig{MAC: macA, Prefixes: prefixes("192.0.2.1/24", "2001:db8::1/64")}); err != nil {
				t.Fatal(err)
			}
			if da.to, err = hb.Attach(db, InterfaceConfig{MAC: macB, Prefixes: prefixes("192.0.2.2/24", "2001:db8::2/64")}); err != nil {
				t.Fatal(err)
			}
			l := listenTCP(t, hb, "192.0.2.2:80")
			c := dialTCP(t, ha, "192.0.2.2:80")
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			u := listenUDP(t, ha, "")
			u.WriteToUDPAddrPort(make([]byte, 3000), addrPort("192.0.2.2:9"))
			u.WriteToUDPAddrPort(make([]byte, 3000), addrPort("[2001:db8::2]:9"))
			c.Write(make([]byte, 10_000))
			io.ReadFull(s, make([]byte, 10_000))
			ha.Ping(t.Context(), addr("192.0.2.2"))
			c.Close()
			time.Sleep(time.Second)
			s.Close()
			time.Sleep(time.Minute)
			synctest.Wait()
		})
		return frames.String()
	}
	one, again, other := talk(5), talk(5), talk(6)
	if one != again {
		t.Error("one seed gave two conversations")
	}
	if one == other {
		t.Error("two seeds gave one conversation")
	}
}

// tap is a direct device that keeps what it delivers.
type tap struct {
	to     *Interface
	frames *strings.Builder
}

// Transmit implements Device.
func (d *tap) Transmit(frame []byte) {
	d.frames.Write(frame)
	if d.to != nil {
		d.to.Receive(frame)
	}
}

// TestSockets lists what stands.
func TestSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		l := listenTCP(t, p.b, "192.0.2.2:80")
		u := listenUDP(t, p.b, "0.0.0.0:53")
		c := dialTCP(t, p.a, "192.0.2.2:80")
		l.Accept()
		c.Write(make([]byte, 100))
		listenUDP(t, p.a, "").WriteToUDPAddrPort(make([]byte, 10), addrPort("192.0.2.2:53"))
		time.Sleep(time.Second)
		got := p.b.Sockets()
		want := []Socket{
			{Protocol: "tcp", Local: l.local, State: "LISTEN"},
			{Protocol: "tcp", Local: l.local, Remote: c.local, State: "ESTABLISHED", ReceiveQueue: 100},
			{Protocol: "udp", Local: u.local, ReceiveQueue: smallBuffer},
		}
		if len(got) != len(want) {
			t.Fatalf("sockets: %+v", got)
		}
		for n := range want {
			if got[n] != want[n] {
				t.Errorf("socket %d: %+v, want %+v", n, got[n], want[n])
			}
		}
	})
}

// TestPortsExhausted: the ports towards one server run out; towards another
// there are more.
func TestPortsExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, Config{})
		if _, err := h.Attach(discard{}, InterfaceConfig{Prefixes: prefixes("10.0.0.1/8")}); err != nil {
			t.Fatal(err)
		}
		h.lock()
		defer h.unlock()
		taken := map[uint16]bool{}
		free := func(port uint16) bool { return !taken[port] }
		from := addr("10.0.0.1")
		for n := range ephemeralPorts {
			port, err := h.connectPort(from, addrPort("10.0.0.2:80"), free)
			if err != nil || taken[port] || port < firstEphemeral {
				t.Fatalf("port %d is %d, %v", n, port, err)
			}
			taken[port] = true
		}
		if _, err := h.connectPort(from, addrPort("10.0.0.2:80"), free); err == nil {
			t.Error("there was one more")
		}
	})
}

// TestContextClosed: a context that has ended opens nothing.
func TestContextClosed(t *testing.T) {
	h := newHost(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, open := range map[string]func() (io.Closer, error){
		"dial":          func() (io.Closer, error) { return h.Dial(ctx, addrPort("127.0.0.1:80")) },
		"listen":        func() (io.Closer, error) { return h.Listen(ctx, addrPort("127.0.0.1:80")) },
		"listen packet": func() (io.Closer, error) { return h.ListenPacket(ctx, addrPort("127.0.0.1:80")) },
	} {
		var op *net.OpError
		if _, err := open(); !errors.As(err, &op) || !errors.Is(err, ctx.Err()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
