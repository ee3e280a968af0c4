package stack

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// wire is a link for tests: it carries frames between its ends after a
// delay, in order, from one goroutine for each direction.
type wire struct {
	delay time.Duration
	// lose is asked about every frame from an end, under the wire's lock;
	// nil loses nothing.
	lose func(from int, frame []byte) bool

	mu    sync.Mutex
	ends  [2]*wireEnd
	seen  []string // what was sent, with its time
	start time.Time
	log   bool
}

// wireEnd is the device at one end.
type wireEnd struct {
	wire   *wire
	number int
	to     *Interface // at the other end
	wake   chan struct{}
	done   chan struct{}
	queue  []sentFrame
	spare  [][]byte
}

type sentFrame struct {
	bytes []byte
	at    time.Time
}

// newWire returns a wire that carries frames until the test ends.
func newWire(t testing.TB, delay time.Duration) *wire {
	w := &wire{delay: delay, start: time.Now()}
	for n := range w.ends {
		w.ends[n] = &wireEnd{wire: w, number: n, wake: make(chan struct{}, 1), done: make(chan struct{})}
	}
	var running sync.WaitGroup
	for _, e := range w.ends {
		running.Go(e.carry)
	}
	t.Cleanup(func() {
		for _, e := range w.ends {
			close(e.done)
		}
		running.Wait()
	})
	return w
}

// Transmit implements Device.
func (e *wireEnd) Transmit(frame []byte) {
	w := e.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	lost := w.lose != nil && w.lose(e.number, frame)
	if w.log {
		line := fmt.Sprintf("%v %d %s", time.Since(w.start), e.number, describe(frame, e))
		if lost {
			line += " (lost)"
		}
		w.seen = append(w.seen, line)
	}
	if lost {
		return
	}
	var b []byte
	if n := len(e.spare); n > 0 {
		b, e.spare = e.spare[n-1], e.spare[:n-1]
	}
	e.queue = append(e.queue, sentFrame{append(b[:0], frame...), time.Now().Add(w.delay)})
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func describe(frame []byte, e *wireEnd) string {
	if e.to != nil && !e.to.ethernet {
		return packet.DescribeIP(frame)
	}
	return packet.Describe(frame)
}

// carry delivers what the end sent.
func (e *wireEnd) carry() {
	w := e.wire
	var batch []sentFrame
	for {
		w.mu.Lock()
		for _, f := range batch {
			if len(e.spare) < 4096 {
				e.spare = append(e.spare, f.bytes)
			}
		}
		batch, e.queue = e.queue, batch[:0]
		to := e.to
		w.mu.Unlock()
		for _, f := range batch {
			if wait := time.Until(f.at); w.delay > 0 && wait > 0 {
				select {
				case <-time.After(wait):
				case <-e.done:
					return
				}
			}
			if to != nil {
				to.Receive(f.bytes)
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-e.wake:
		case <-e.done:
			return
		}
	}
}

// losing sets what is lost from now on.
func (w *wire) losing(lose func(from int, frame []byte) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose = lose
}

// from makes the times of the log count from start.
func (w *wire) from(start time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start = start
}

// frames returns what was sent since the last call, from the start of the
// log on. Whatever goes on is waited for.
func (w *wire) frames() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen, w.log = nil, true
	return seen
}

// direct is a device that delivers within Transmit: the shortest link there
// is.
type direct struct{ to *Interface }

// Transmit implements Device.
func (d *direct) Transmit(frame []byte) { d.to.Receive(frame) }

func prefixes(all ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, s := range all {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func addr(s string) netip.Addr         { return netip.MustParseAddr(s) }
func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// newHost returns a host that is closed when the test ends.
func newHost(t testing.TB, c Config) *Host {
	if c.Seed == 0 {
		c.Seed = 1
	}
	h := New(c)
	t.Cleanup(h.Close)
	return h
}

// connect attaches both ends of a wire.
func (w *wire) connect(t testing.TB, a, b *Host, ca, cb InterfaceConfig) (ia, ib *Interface) {
	t.Helper()
	ia, err := a.Attach(w.ends[0], ca)
	if err != nil {
		t.Fatal(err)
	}
	ib, err = b.Attach(w.ends[1], cb)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.ends[0].to, w.ends[1].to = ib, ia
	w.mu.Unlock()
	return ia, ib
}

var (
	macA = packet.MAC{2, 0, 0, 0, 0, 0xa}
	macB = packet.MAC{2, 0, 0, 0, 0, 0xb}
)

// pair is two hosts on one Ethernet link: 192.0.2.1 and .2, 2001:db8::1 and
// ::2.
type pair struct {
	a, b   *Host
	ia, ib *Interface
	wire   *wire
}

func newPair(t testing.TB, delay time.Duration, a, b Config) *pair {
	t.Helper()
	if a.Name == "" {
		a.Name = "a"
	}
	if b.Name == "" {
		b.Name = "b"
	}
	p := &pair{a: newHost(t, a), b: newHost(t, b), wire: newWire(t, delay)}
	p.ia, p.ib = p.wire.connect(t, p.a, p.b,
		InterfaceConfig{MAC: macA, Prefixes: prefixes("192.0.2.1/24", "2001:db8::1/64")},
		InterfaceConfig{MAC: macB, Prefixes: prefixes("192.0.2.2/24", "2001:db8::2/64")})
	return p
}

// equal compares lists line by line.
func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for n := range max(len(got), len(want)) {
		var g, w string
		if n < len(got) {
			g = got[n]
		}
		if n < len(want) {
			w = want[n]
		}
		mark := "  "
		if g != w {
			mark = "! "
		}
		t.Errorf("%s%s %d\n   got %s\n  want %s", mark, what, n, g, w)
	}
}

// discard is a device that leads nowhere.
type discard struct{}

// Transmit implements Device.
func (discard) Transmit([]byte) {}

func addrFrom4(b [4]byte) netip.Addr { return netip.AddrFrom4(b) }

// removeRoute removes the route of a prefix and reports whether there was
// one.
func (h *Host) removeRoute(prefix netip.Prefix) bool {
	h.lock()
	defer h.unlock()
	prefix = prefix.Masked()
	n := len(h.routes)
	h.routes = slices.DeleteFunc(h.routes, func(r Route) bool { return r.Prefix == prefix })
	h.generation++
	return len(h.routes) < n
}

// announce tells the link our addresses, as a host does that has come up or
// taken over an address: a gratuitous ARP request for each IPv4 address
// (RFC 5227 §3), an unsolicited neighbor advertisement for each IPv6 address
// (RFC 4861 §7.2.6). Switches learn from it where we are.
func (i *Interface) announce() {
	h := i.host
	h.lock()
	defer h.unlock()
	if h.closed || !i.ethernet {
		return
	}
	for _, p := range i.prefixes {
		if a := p.Addr(); a.Is4() {
			i.sendARP(packet.Broadcast(), packet.ARP{Op: packet.ARPRequest, SenderMAC: i.mac, SenderIP: a, TargetIP: a})
		} else {
			i.advertise(a, allNodes, packet.NeighborAdvertisement{Override: true})
		}
	}
}
