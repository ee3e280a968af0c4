package stack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// TestARPExchange is the whole of a first contact on the link.
func TestARPExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		p.wire.frames()
		p.wire.from(time.Now())
		if _, err := p.a.Ping(t.Context(), addr("192.0.2.2")); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"0s 0 ARP who has 192.0.2.2? tell 192.0.2.1",
			"1ms 1 ARP 192.0.2.2 is at 02:00:00:00:00:0b",
			"2ms 0 ICMP 192.0.2.1 → 192.0.2.2 echo request",
			"3ms 1 ICMP 192.0.2.2 → 192.0.2.1 echo reply",
		}
		equal(t, "frame", cut(p.wire.frames(), want), want)
		for _, h := range []*Host{p.a, p.b} {
			n := h.Neighbours()
			state := map[*Host]string{p.a: "reachable", p.b: "delay"}[h]
			if len(n) != 1 || n[0].State != state {
				t.Errorf("neighbours of %s are %v, want one that is %s", h.Name(), n, state)
			}
		}
	})
}

// cut shortens lines to the length of what is wanted: the identifiers of
// echoes differ.
func cut(got, want []string) []string {
	for n := range min(len(got), len(want)) {
		if len(got[n]) > len(want[n]) {
			got[n] = got[n][:len(want[n])]
		}
	}
	return got
}

// TestNobodyThere: a neighbour that does not answer is asked three times, a
// second apart, and given up after exactly three seconds.
func TestNobodyThere(t *testing.T) {
	for _, to := range []string{"192.0.2.99", "2001:db8::99"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, time.Millisecond, Config{}, Config{})
			time.Sleep(time.Minute) // the reports of membership are over
			p.wire.frames()
			start := time.Now()
			_, err := p.a.Ping(t.Context(), addr(to))
			if !errors.Is(err, syscall.EHOSTUNREACH) {
				t.Errorf("ping %s: %v, want no route to host", to, err)
			}
			if got, want := time.Since(start), 3*time.Second; got != want {
				t.Errorf("ping %s failed after %v, want %v", to, got, want)
			}
			if got := len(p.wire.frames()); got != maxSolicit {
				t.Errorf("asked %d times, want %d", got, maxSolicit)
			}
			if n := p.a.Neighbours(); n[len(n)-1].State != "failed" {
				t.Errorf("neighbours: %v", n)
			}
			// A connected socket hears of it too, and the next packet asks again.
			c, err := p.a.DialUDP(t.Context(), addrPort(netAddrPort(to, "9")))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Write([]byte("?"))
			start = time.Now()
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.EHOSTUNREACH) {
				t.Errorf("read: %v, want no route to host", err)
			}
			if got, want := time.Since(start), 3*time.Second; got != want {
				t.Errorf("read failed after %v, want %v", got, want)
			}
			synctest.Wait()
			if p.a.held != 0 {
				t.Errorf("%d bytes are still held", p.a.held)
			}
		})
	}
}

func netAddrPort(a, port string) string {
	if addr(a).Is6() {
		a = "[" + a + "]"
	}
	return a + ":" + port
}

// TestHeldPackets: what waits for a neighbour is bounded; the latest survive
// and keep their order.
func TestHeldPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		s, c := listenUDP(t, p.b, "192.0.2.2:53"), listenUDP(t, p.a, "")
		s.SetReadBuffer(maxUDPBuffer)
		const sent = 100
		for n := range sent {
			b := make([]byte, 1000)
			b[0] = byte(n)
			c.WriteToUDPAddrPort(b, addrPort("192.0.2.2:53"))
		}
		time.Sleep(time.Second)
		kept := maxHeld / 1028
		if got := p.a.Stats().NeighbourDropped; got != sent-kept {
			t.Errorf("dropped %d, want %d", got, sent-kept)
		}
		b := make([]byte, 1000)
		for n := sent - kept; n < sent; n++ {
			if _, _, err := s.ReadFromUDPAddrPort(b); err != nil || b[0] != byte(n) {
				t.Fatalf("read datagram %d, %v, want %d", b[0], err, n)
			}
		}
		synctest.Wait()
		if s.queue.count != 0 {
			t.Errorf("%d datagrams more than held", s.queue.count)
		}
	})
}

// TestHeldLargest: the largest datagram waits for a neighbour, whole or in
// fragments, as RFC 1122 §2.3.2.2 asks for at least one packet.
func TestHeldLargest(t *testing.T) {
	for _, to := range []string{"192.0.2.2", "2001:db8::2"} {
		for _, mtu := range []int{minMTU, minMTUv6, DefaultMTU, maxMTU} {
			t.Run(fmt.Sprintf("%s mtu %d", to, mtu), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					own := [][]string{{"192.0.2.1/24", "2001:db8::1/64"}, {"192.0.2.2/24", "2001:db8::2/64"}}
					if mtu == minMTU {
						if addr(to).Is6() {
							t.Skip("no MTU of IPv6")
						}
						own = [][]string{{"192.0.2.1/24"}, {"192.0.2.2/24"}}
					}
					a, b, w := newHost(t, Config{}), newHost(t, Config{}), newWire(t, time.Millisecond)
					w.connect(t, a, b, InterfaceConfig{MAC: macA, MTU: mtu, Prefixes: prefixes(own[0]...)},
						InterfaceConfig{MAC: macB, MTU: mtu, Prefixes: prefixes(own[1]...)})
					s, c := listenUDP(t, b, netAddrPort(to, "53")), listenUDP(t, a, "")
					s.SetReadBuffer(maxUDPBuffer)
					sent := maxMTU - packet.IPv4Size - packet.UDPSize
					if addr(to).Is6() {
						sent = maxMTU - packet.IPv6Size - packet.UDPSize
					}
					if _, err := c.WriteToUDPAddrPort(make([]byte, sent), addrPort(netAddrPort(to, "53"))); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
					synctest.Wait()
					if got := a.Stats().NeighbourDropped; got != 0 || s.queue.count != 1 {
						t.Errorf("%d packets dropped, %d datagrams arrived", got, s.queue.count)
					}
				})
			})
		}
	}
}

// TestReachability follows an entry through the states of RFC 4861 §7.3.2.
func TestReachability(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		state := func() string {
			for _, n := range p.a.Neighbours() {
				if n.Addr == addr("192.0.2.2") {
					return n.State
				}
			}
			return "absent"
		}
		listenUDP(t, p.b, "192.0.2.2:9")
		c := listenUDP(t, p.a, "")
		send := func() { c.WriteToUDPAddrPort([]byte("x"), addrPort("192.0.2.2:9")) }
		step := func(what string, wait time.Duration, want string) {
			t.Helper()
			time.Sleep(wait)
			if got := state(); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		start := time.Now()
		step("at first", 0, "absent")
		send()
		step("asked", 0, "incomplete")
		step("answered", 10*time.Millisecond, "reachable")
		step("30 s later", reachableTime, "stale")
		send()
		step("used again", 0, "delay")
		p.wire.frames()
		p.wire.from(start)
		step("5 s later, asked and answered", delayFirstProbe+10*time.Millisecond, "reachable")
		want := []string{"35.01s 0 ARP who has 192.0.2.2? tell 192.0.2.1", "35.011s 1 ARP 192.0.2.2 is at 02:00:00:00:00:0b"}
		equal(t, "frame", p.wire.frames(), want)

		p.wire.losing(func(int, []byte) bool { return true })
		time.Sleep(reachableTime)
		send()
		step("used, the link is dead", delayFirstProbe+time.Millisecond, "probe")
		send()
		step("asked three times in vain", 3*time.Second, "failed")
	})
}

// TestGratuitousARP: a neighbour that moves is believed; one that we do not
// know is not remembered.
func TestGratuitousARP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		p.ib.announce()
		time.Sleep(10 * time.Millisecond)
		if n := p.a.Neighbours(); len(n) != 0 {
			t.Errorf("neighbours after an announcement of a stranger: %v", n)
		}
		if _, err := p.a.Ping(t.Context(), addr("192.0.2.2")); err != nil {
			t.Fatal(err)
		}
		moved := packet.MAC{2, 0, 0, 0, 0, 0xc}
		m := packet.ARP{Op: packet.ARPRequest, SenderMAC: moved, SenderIP: addr("192.0.2.2"), TargetIP: addr("192.0.2.2")}
		p.ia.Receive(m.Append(packet.Ethernet{Dst: packet.Broadcast(), Src: moved, Type: packet.TypeARP}.Append(nil)))
		if n := p.a.Neighbours(); len(n) != 1 || n[0].MAC != moved || n[0].State != "stale" {
			t.Errorf("neighbours after the move: %v", n)
		}
		// An announcement of our own address by another teaches us nothing.
		m.SenderIP, m.TargetIP = addr("192.0.2.1"), addr("192.0.2.1")
		p.ia.Receive(m.Append(packet.Ethernet{Dst: packet.Broadcast(), Src: moved, Type: packet.TypeARP}.Append(nil)))
		if n := p.a.Neighbours(); len(n) != 1 {
			t.Errorf("neighbours after a conflict: %v", n)
		}
	})
}

// flood has strangers number from to end ask an interface for 10.0.0.1.
func flood(i *Interface, from, end int) {
	for n := from; n < end; n++ {
		m := packet.ARP{Op: packet.ARPRequest, SenderMAC: macB, SenderIP: stranger(n), TargetIP: addr("10.0.0.1")}
		i.Receive(m.Append(packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeARP}.Append(nil)))
	}
}

func stranger(n int) netip.Addr {
	return addrFrom4([4]byte{10, byte(1 + n>>16), byte(n >> 8), byte(n)})
}

// TestNeighbourCacheBounded floods the cache with senders that ask for us.
// The latest stay, and so does whom packets wait for; the paths of
// connections are as good as before.
func TestNeighbourCacheBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, Config{})
		i, err := h.Attach(discard{}, InterfaceConfig{MAC: macA, Prefixes: prefixes("10.0.0.1/8")})
		if err != nil {
			t.Fatal(err)
		}
		h.lock()
		awaited, err := h.path(addr("10.0.0.1"), addr("10.9.9.9"), nil)
		if err != nil {
			t.Fatal(err)
		}
		h.send(&awaited, header{protocol: packet.ProtocolUDP}, make([]byte, 100))
		h.unlock()
		flood(i, 0, 1)
		h.lock()
		first, err := h.path(addr("10.0.0.1"), stranger(0), nil)
		if err != nil {
			t.Fatal(err)
		}
		if h.outOfDate(&first) {
			t.Error("a new path is out of date")
		}
		generation := h.generation
		h.unlock()
		const all = 3 * maxNeighbours
		flood(i, 0, all)
		if got := len(h.Neighbours()); got != maxNeighbours {
			t.Errorf("%d neighbours, want %d", got, maxNeighbours)
		}
		h.lock()
		defer h.unlock()
		if got := i.idle.Len() + i.waiting.Len(); got != maxNeighbours {
			t.Errorf("%d neighbours are in the queues, want %d", got, maxNeighbours)
		}
		if h.generation != generation {
			t.Errorf("the flood made every path of the host out of date, %d times", h.generation-generation)
		}
		if !h.outOfDate(&first) {
			t.Error("the path to a forgotten neighbour is not out of date")
		}
		if h.outOfDate(&awaited) || i.neighbours[addr("10.9.9.9")] == nil {
			t.Error("a neighbour that a packet waits for was forgotten for one that nothing waits for")
		}
		for n := range all {
			if kept := i.neighbours[stranger(n)] != nil; kept != (n > all-maxNeighbours) {
				t.Fatalf("number %d is kept: %v", n, kept)
			}
		}
	})
}

// TestNeighbourInUseStays: between the frames of a flood a connection goes
// on, and its neighbour is not asked for again.
func TestNeighbourInUseStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, Config{})
		i, err := h.Attach(discard{}, InterfaceConfig{MAC: macA, Prefixes: prefixes("10.0.0.1/8")})
		if err != nil {
			t.Fatal(err)
		}
		flood(i, 0, 1)
		h.lock()
		p, err := h.path(addr("10.0.0.1"), stranger(0), nil)
		h.unlock()
		if err != nil {
			t.Fatal(err)
		}
		for n := range 4 {
			flood(i, 1+n*(maxNeighbours-1), 1+(n+1)*(maxNeighbours-1))
			h.lock()
			h.send(&p, header{protocol: packet.ProtocolUDP}, make([]byte, 100))
			h.unlock()
		}
		if p.neighbour.gone || i.neighbours[stranger(0)] != p.neighbour {
			t.Error("a neighbour in use was forgotten")
		}
	})
}

// BenchmarkNeighbourFlood is what one frame of a flood costs a host whose
// cache is full.
func BenchmarkNeighbourFlood(b *testing.B) {
	h := newHost(b, Config{})
	i, err := h.Attach(discard{}, InterfaceConfig{MAC: macA, Prefixes: prefixes("10.0.0.1/8")})
	if err != nil {
		b.Fatal(err)
	}
	flood(i, 0, maxNeighbours)
	b.ReportAllocs()
	b.ResetTimer()
	flood(i, maxNeighbours, maxNeighbours+b.N)
}

// TestPingCancelled: a ping ends with its context.
func TestPingCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		p.wire.losing(func(_ int, frame []byte) bool { _, ok := packet.FlowOf(frame); return ok }) // IP, not ARP
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := p.a.Ping(ctx, addr("192.0.2.2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ping: %v", err)
		}
		if got := time.Since(start); got != 700*time.Millisecond {
			t.Errorf("ended after %v", got)
		}
		if len(p.a.pings) != 0 {
			t.Errorf("%d pings are remembered", len(p.a.pings))
		}
	})
}
