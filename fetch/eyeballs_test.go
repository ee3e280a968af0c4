package fetch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fault"
	"waypost/internal/memnet"
	"waypost/trace"
)

func addrs(list string) []netip.Addr {
	var out []netip.Addr
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestInterleave(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"one family", "192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2"},
		{"IPv6 first, then in turn", "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1 2001:db8::2",
			"2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3"},
		{"each once", "192.0.2.1 ::ffff:192.0.2.1 192.0.2.1", "192.0.2.1"},
		{"bounded", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9",
			"192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8"},
	}
	for _, tt := range tests {
		if got := interleave(addrs(tt.in)); !slices.Equal(got, addrs(tt.want)) {
			t.Errorf("%s: got %v, want %s", tt.name, got, tt.want)
		}
	}
}

// TestRace asserts the exact course of Happy Eyeballs: who wins, when, and
// what the record says of the others.
func TestRace(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name    string
		addrs   string
		up      map[string]time.Duration // listening, with the one-way delay
		holes   string
		connect time.Duration
		wins    string
		after   time.Duration
		fault   fault.Kind
		record  []string // host → fault of each tcp.connect, in order
		because string   // in the winner's reason
	}{
		{
			name: "the only address", addrs: "192.0.2.10",
			up:   map[string]time.Duration{"192.0.2.10": 10 * ms},
			wins: "192.0.2.10", after: 20 * ms,
			record: []string{"192.0.2.10"}, because: "no other address",
		},
		{
			name: "the first answers in time: the second is not tried", addrs: "2001:db8::1 192.0.2.10",
			up:   map[string]time.Duration{"192.0.2.10": 1 * ms, "2001:db8::1": 100 * ms},
			wins: "2001:db8::1", after: 200 * ms,
			record: []string{"2001:db8::1"}, because: "1 not tried",
		},
		{
			name: "the first is slow: the second starts beside it and wins", addrs: "2001:db8::1 192.0.2.10",
			up:   map[string]time.Duration{"192.0.2.10": 10 * ms, "2001:db8::1": 200 * ms},
			wins: "192.0.2.10", after: 270 * ms,
			record:  []string{"192.0.2.10", "2001:db8::1 connection_terminated"},
			because: "2001:db8::1 had not answered in 270ms",
		},
		{
			name: "the first is slow but still first", addrs: "2001:db8::1 192.0.2.10",
			up:   map[string]time.Duration{"192.0.2.10": 50 * ms, "2001:db8::1": 130 * ms},
			wins: "2001:db8::1", after: 260 * ms,
			record:  []string{"2001:db8::1", "192.0.2.10 connection_terminated"},
			because: "192.0.2.10 had not answered in 10ms",
		},
		{
			name: "a refusal starts the next at once", addrs: "2001:db8::1 192.0.2.10",
			up:   map[string]time.Duration{"192.0.2.10": 10 * ms},
			wins: "192.0.2.10", after: 40 * ms, // both hosts are 10 ms away
			record:  []string{"2001:db8::1 connection_refused", "192.0.2.10"},
			because: "2001:db8::1 failed before",
		},
		{
			name: "all refuse", addrs: "192.0.2.10 192.0.2.11",
			after: 40 * ms, fault: fault.ConnectionRefused,
			record: []string{"192.0.2.10 connection_refused", "192.0.2.11 connection_refused"},
		},
		{
			name: "nobody answers", addrs: "192.0.2.10 192.0.2.11", holes: "192.0.2.10 192.0.2.11",
			connect: 3 * time.Second, after: 3 * time.Second, fault: fault.ConnectionTimeout,
			record: []string{"192.0.2.10 connection_timeout", "192.0.2.11 connection_timeout"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &memnet.Net{Delay: 10 * ms, Delays: map[netip.Addr]time.Duration{}, Hole: map[netip.Addr]bool{}}
				for a, d := range tt.up {
					at := netip.AddrPortFrom(netip.MustParseAddr(a), 80)
					n.Delays[at.Addr()] = d
					l, err := n.Host(at.Addr()).Listen(t.Context(), at)
					if err != nil {
						t.Fatal(err)
					}
					defer l.Close()
				}
				for _, a := range addrs(tt.holes) {
					n.Hole[a] = true
				}
				var ring trace.Ring
				station := &trace.Station{Name: "test", Recorder: &ring}
				span := station.Begin()
				c := &Client{
					Network:  n.Host(netip.MustParseAddr("192.0.2.1")),
					Timeouts: Timeouts{Connect: tt.connect},
				}
				start := time.Now()
				conn, err := c.connect(trace.With(t.Context(), span), target{host: "h", toHost: "h", toPort: 80}, addrs(tt.addrs))
				if got := time.Since(start); got != tt.after {
					t.Errorf("settled after %v, want %v", got, tt.after)
				}
				if got := fault.Of(err); got != tt.fault {
					t.Errorf("fault %q (%v), want %q", got, err, tt.fault)
				}
				if err == nil {
					if got := conn.RemoteAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Addr(); got.String() != tt.wins {
						t.Errorf("%v won, want %s", got, tt.wins)
					}
					conn.Close()
				}
				c.Close()
				var record []string
				events, _ := ring.Events(span.Context().Trace)
				for _, e := range events {
					f := e.Fact.(trace.TCPConnect)
					record = append(record, strings.TrimSpace(netip.MustParseAddrPort(f.Remote).Addr().String()+" "+f.Fault))
					if f.Fault == "" && !strings.Contains(e.Decision.Reason, tt.because) {
						t.Errorf("reason %q does not say %q", e.Decision.Reason, tt.because)
					}
				}
				if !slices.Equal(record, tt.record) {
					t.Errorf("record %q, want %q", record, tt.record)
				}
			})
		})
	}
}

// TestRaceAbandoned ends the race from outside.
func TestRaceAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hole := netip.MustParseAddr("192.0.2.10")
		n := &memnet.Net{Hole: map[netip.Addr]bool{hole: true}}
		c := &Client{Network: n.Host(netip.MustParseAddr("192.0.2.1"))}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the client left")
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, err := c.connect(ctx, target{toHost: "h", toPort: 80}, []netip.Addr{hole})
		if !errors.Is(err, gone) {
			t.Errorf("got %v, want %v in its chain", err, gone)
		}
		c.Close()
	})
}

// TestConnectedElsewhere: the record has the peer that the connection is with,
// also when the network took the address asked for elsewhere (link.Via).
func TestConnectedElsewhere(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	peer := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:8443"))
	got := connected("www.shop.test", elsewhere{here, peer}).Remote
	if got != peer.String() {
		t.Errorf("remote %s, want %s", got, peer)
	}
}

type elsewhere struct {
	net.Conn
	peer net.Addr
}

func (e elsewhere) LocalAddr() net.Addr  { return e.peer }
func (e elsewhere) RemoteAddr() net.Addr { return e.peer }
