package fetch

import (
	"net/netip"
	"testing"

	"waypost/fault"
)

// TestShare: each client has as many connections as are free, and who is
// nobody's client has what there is. What is given back goes to who waits and
// has less than that, in the order of the queue.
func TestShare(t *testing.T) {
	p := &pool{perHost: 12, idle: -1, hosts: map[target]*host{}, conns: map[*conn]uint64{}, running: map[*exchange]uint64{}}
	to := target{scheme: "http", host: "origin.test", port: 80}
	client := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }
	var last *party
	ask := func(who netip.Addr) *waiter {
		t.Helper()
		g, w := p.ask(to, DefaultUrgency, false, who)
		if g.err != nil {
			t.Fatal(g.err)
		}
		if w == nil && g.who != nil {
			last = g.who
		}
		return w
	}
	gets := func(who netip.Addr, want int) {
		t.Helper()
		for n := range want {
			if ask(who) != nil {
				t.Fatalf("%v waits for its connection %d of %d", who, n+1, want)
			}
		}
	}
	gets(client(1), 6) // half
	first := last
	greedy := ask(client(1))
	gets(client(2), 3) // a third of what was left, and the same of all: 3 are free
	second := last
	alsoGreedy := ask(client(2))
	gets(client(3), 1)
	gets(client(4), 1)
	gets(client(5), 1)
	last6, nobody := ask(client(6)), ask(netip.Addr{})
	for _, w := range []*waiter{greedy, alsoGreedy, last6, nobody} {
		if w == nil {
			t.Fatal("there are more connections than twelve")
		}
	}
	granted := func(w *waiter) bool {
		select {
		case g := <-w.granted:
			return g.dial
		default:
			return false
		}
	}
	p.undialed(to, first, nil, true)
	if !granted(last6) || granted(greedy) || granted(alsoGreedy) || granted(nobody) {
		t.Error("one that came free went to somebody else than who had none")
	}
	p.undialed(to, first, nil, true)
	if !granted(nobody) || granted(greedy) {
		t.Error("the next went to somebody else than who waits without a share")
	}
	for range 5 {
		p.undialed(to, first, nil, true)
	}
	if !granted(greedy) || !granted(alsoGreedy) {
		t.Error("who had three waits although four are free")
	}
	h := p.hosts[to]
	for _, who := range []*party{second, second, second, second} {
		p.undialed(to, who, nil, true)
	}
	if len(h.parties) != 4 || h.dialing != 5 || len(h.queue) != 0 {
		t.Errorf("%d clients are known with %d connections, %d wait", len(h.parties), h.dialing, len(h.queue))
	}
}

// TestShareOfTheQueue: one client does not fill the queue either, and what it
// leaves is forgotten.
func TestShareOfTheQueue(t *testing.T) {
	p := &pool{perHost: 2, idle: -1, hosts: map[target]*host{}, conns: map[*conn]uint64{}, running: map[*exchange]uint64{}}
	to := target{scheme: "http", host: "origin.test", port: 80}
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	held, _ := p.ask(to, DefaultUrgency, false, one)
	var waiting []*waiter
	for range maxQueue / 2 {
		g, w := p.ask(to, DefaultUrgency, false, one)
		if g.err != nil || w == nil {
			t.Fatalf("request %d: %v", len(waiting), g.err)
		}
		waiting = append(waiting, w)
	}
	if g, _ := p.ask(to, DefaultUrgency, false, one); fault.Of(g.err) != fault.ConnectionLimitReached {
		t.Errorf("beyond its share of the queue: %v", g.err)
	}
	if g, _ := p.ask(to, DefaultUrgency, false, other); !g.dial {
		t.Error("another client has no connection")
	}
	if _, w := p.ask(to, DefaultUrgency, false, other); w == nil || !p.expel(to, w) {
		t.Error("another client has no place in the queue")
	}
	for _, w := range waiting {
		p.leave(to, w)
	}
	p.undialed(to, held.who, nil, true)
	if h := p.hosts[to]; len(h.parties) != 1 || len(h.queue) != 0 {
		t.Errorf("%d clients are known, %d wait", len(h.parties), len(h.queue))
	}
}

// BenchmarkShareFullQueue is what a released connection costs where a client
// has filled its share of the queue, and is passed over each time.
func BenchmarkShareFullQueue(b *testing.B) {
	p := &pool{perHost: 512, idle: -1, hosts: map[target]*host{}, conns: map[*conn]uint64{}, running: map[*exchange]uint64{}}
	to := target{scheme: "http", host: "origin.test", port: 80}
	for range maxQueue {
		_, _ = p.ask(to, DefaultUrgency, false, netip.MustParseAddr("192.0.2.1"))
	}
	visitor := netip.MustParseAddr("192.0.2.2")
	b.ReportAllocs()
	for b.Loop() {
		g, _ := p.ask(to, DefaultUrgency, false, visitor)
		p.undialed(to, g.who, nil, true)
	}
}
