package tcp

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// TestNoAllocations: in the steady state nothing is allocated, with losses
// neither.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops pages under the race detector")
	}
	for _, cfg := range []*Config{{}, {NoSACK: true, NoTimestamps: true}} {
		client, server, _ := pair(t, cfg)
		in, out := make([]byte, 64<<10), make([]byte, 64<<10)
		var s Segment
		now, n := time.Second, 0
		round := func() {
			now += 50 * time.Millisecond
			client.Write(now, in)
			for idle := 0; idle < 2; {
				idle++
				for client.Next(now, &s) {
					idle = 0
					if n++; n%97 == 0 {
						continue // lost
					}
					server.Segment(now, &s)
					for server.Next(now, &s) {
						client.Segment(now, &s)
					}
				}
				server.Read(now, out)
				for server.Next(now, &s) {
					idle = 0
					client.Segment(now, &s)
				}
				if at, ok := client.Deadline(); ok && client.flight() > 0 && idle > 0 {
					now = max(now, at)
					client.Tick(now)
				}
				server.Tick(now)
			}
		}
		for range 100 {
			round()
		}
		if got := testing.AllocsPerRun(200, round); got != 0 {
			t.Errorf("%+v: %v allocations in a round", cfg, got)
		}
		if client.retransmits == 0 {
			t.Error("nothing was lost")
		}
	}
}

// TestSmall bounds what a connection costs that has nothing to do: ten
// thousand of them, both ends, after a request and its answer.
func TestSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine, and too slow")
	}
	if size := unsafe.Sizeof(Conn{}); size > 704 {
		t.Errorf("a Conn has %d bytes", size)
	}
	const n = 10_000
	cfg := &Config{Keepalive: DefaultKeepalive}
	l := Listen(&ListenConfig{Config: cfg, Backlog: n})
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	was := heap()
	conns := make([]*Conn, 0, 2*n)
	var s Segment
	buf := make([]byte, 4096)
	for i := range n {
		now := time.Duration(i) * time.Millisecond
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5000)
		c := Dial(cfg, addr, serverAddr, uint32(i), now)
		c.Next(now, &s)
		d, _, _ := l.Segment(now, serverAddr, addr, &s)
		for from, to := d, c; from.Next(now, &s) || to.Next(now, &s); from, to = to, from {
			if s.SrcPort == 80 {
				c.Segment(now, &s)
			} else {
				d.Segment(now, &s)
			}
		}
		for _, way := range [][2]*Conn{{c, d}, {d, c}} {
			way[0].Write(now, buf)
			for way[0].Next(now, &s) {
				way[1].Segment(now, &s)
			}
			if k, _ := way[1].Read(now, buf); k != len(buf) {
				t.Fatalf("%d bytes arrived", k)
			}
			way[1].Tick(now + time.Second)
			for way[1].Next(now, &s) {
				way[0].Segment(now, &s)
			}
		}
		if l.Accept() != d {
			t.Fatal("not accepted")
		}
		conns = append(conns, c, d)
	}
	each := float64(heap()-was) / n
	t.Logf("%.0f bytes for both ends of a connection", each)
	if each > 2500 {
		t.Errorf("%.0f bytes for both ends of a connection", each)
	}
	runtime.KeepAlive(conns)
	runtime.KeepAlive(l)
}

// TestEventsExplain: whatever happens on a bad link, every event has a
// reason, a clause and its ends.
func TestEventsExplain(t *testing.T) {
	kinds := map[EventKind]int{}
	for _, a := range []Congestion{CUBIC, NewReno, Reno, Tahoe} {
		for _, sack := range []bool{true, false} {
			cfg := &Config{Congestion: a, NoSACK: !sack, ReceiveBuffer: 30_000, Keepalive: Keepalive{Idle: time.Second}}
			m := newSim(t, cfg, cfg, 10*ms)
			m.fate = lossy(7, 10*ms, 0.05)
			m.established()
			m.transfer(m.client, m.server, noise(500_000), time.Hour)
			m.server.Close(m.now)
			m.client.Close(m.now)
			m.run(time.Hour)
			last := m.seen[0].Time
			for _, e := range m.seen {
				kinds[e.Kind]++
				source := strings.HasPrefix(e.Clause, "RFC ") || a == Tahoe && strings.HasPrefix(e.Clause, "Jacobson 1988")
				if !source || !strings.Contains(e.Reason, " ") || strings.HasSuffix(e.Reason, ".") {
					t.Errorf("%v %s: reason %q, clause %q", e.Kind, e.Verdict, e.Reason, e.Clause)
				}
				if !e.Local.IsValid() || !e.Remote.IsValid() || e.Time < last || e.Algorithm == "" && e.From != Listening {
					t.Errorf("%+v", e)
				}
				if e.Kind != StateChange && e.Kind != Probe && e.Verdict == "" {
					t.Errorf("no verdict: %+v", e)
				}
				last = e.Time
			}
		}
	}
	for _, k := range []EventKind{StateChange, CwndChange, Retransmit, Drop} {
		if kinds[k] == 0 {
			t.Errorf("no event of kind %v", k)
		}
	}
}
