package stack

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
	"waypost/trace"
)

// notes is a recorder for tests.
type notes struct {
	mu     sync.Mutex
	events []trace.Event
}

// Record implements trace.Recorder.
func (n *notes) Record(e trace.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

// of returns the events of one kind.
func (n *notes) of(kind trace.Kind) []trace.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.events), func(e trace.Event) bool { return e.Fact.Kind() != kind })
}

// TestRecordTCP: both ends' facts of a connection carry the journey of the
// dial, and say what moved them.
func TestRecordTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all notes
		causes := NewCauses()
		station := func(name string) *trace.Station { return &trace.Station{Name: name, Recorder: &all} }
		p := newPair(t, time.Millisecond, Config{Station: station("a"), Causes: causes}, Config{Station: station("b"), Causes: causes})
		l := listenTCP(t, p.b, "192.0.2.2:80")
		journey := (&trace.Station{Name: "browser", Recorder: &all}).Begin()
		start := time.Now()
		c, err := p.a.Dial(trace.With(t.Context(), journey), addrPort("192.0.2.2:80"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		s.Read(make([]byte, 1))
		s.Close()
		time.Sleep(2 * time.Minute)

		var got []string
		for _, e := range all.of(trace.KindTCPState) {
			f := e.Fact.(trace.TCPState)
			got = append(got, fmt.Sprintf("%v %s %s → %s", e.Time.Sub(start), e.Station, f.From, f.To))
			if e.Trace != journey.Context().Trace || e.Parent != journey.Context().Span {
				t.Errorf("%s: trace %v, parent %v, want %v", got[len(got)-1], e.Trace, e.Parent, journey.Context())
			}
			if e.Decision == nil || e.Decision.Reason == "" || !strings.HasPrefix(e.Decision.Clause, "RFC ") {
				t.Errorf("%s: decision %+v", got[len(got)-1], e.Decision)
			}
		}
		want := []string{
			"0s a CLOSED → SYN-SENT",
			"3ms b LISTEN → SYN-RECEIVED",
			"4ms a SYN-SENT → ESTABLISHED",
			"5ms b SYN-RECEIVED → ESTABLISHED",
			"5ms a ESTABLISHED → FIN-WAIT-1",
			"6ms b ESTABLISHED → CLOSE-WAIT",
			"6ms b CLOSE-WAIT → LAST-ACK",
			"7ms a FIN-WAIT-1 → FIN-WAIT-2",
			"7ms a FIN-WAIT-2 → TIME-WAIT",
			"8ms b LAST-ACK → CLOSED",
			"1m0.007s a TIME-WAIT → CLOSED",
		}
		equal(t, "state", got, want)

		arp := all.of(trace.KindARPResolve)
		if len(arp) != 1 || arp[0].Trace != journey.Context().Trace || arp[0].Took != 2*time.Millisecond {
			t.Fatalf("arp: %+v", arp)
		}
		if f := arp[0].Fact.(trace.ARPResolve); f != (trace.ARPResolve{Interface: "eth0", Address: "192.0.2.2", Protocol: "arp", MAC: macB.String(), Asked: 1}) {
			t.Errorf("arp: %+v", f)
		}
	})
}

// TestRecordLoss: what is lost and sent again is noted with its reason, at
// its time.
func TestRecordLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all notes
		p := newPair(t, 10*time.Millisecond, Config{Station: &trace.Station{Name: "a", Recorder: &all}}, Config{})
		c, s := p.connected(t)
		sent := 0
		p.wire.losing(func(from int, f []byte) bool {
			if from == 0 && len(f) > 1000 {
				sent++
			}
			return from == 0 && sent == 5 && len(f) > 1000
		})
		go func() {
			c.Write(make([]byte, 100_000))
			c.Close()
		}()
		if n, err := io.Copy(io.Discard, s); n != 100_000 || err != nil {
			t.Fatal(n, err)
		}
		again := all.of(trace.KindTCPRetransmit)
		if len(again) != 1 {
			t.Fatalf("%d retransmissions, want one: %+v", len(again), again)
		}
		if f := again[0].Fact.(trace.TCPRetransmit); f.Bytes != 1448 || f.Times != 1 || f.Local != c.local.String() {
			t.Errorf("retransmission: %+v", f)
		}
		if d := again[0].Decision; d == nil || d.Reason == "" || d.Clause == "" {
			t.Errorf("decision: %+v", d)
		}
		if len(all.of(trace.KindTCPCongestion)) == 0 {
			t.Error("nothing was said of the congestion window")
		}
	})
}

// TestRecordErrors: failures of neighbours and ICMP errors.
func TestRecordErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all notes
		station := func(name string) *trace.Station { return &trace.Station{Name: name, Recorder: &all} }
		p := newPair(t, time.Millisecond, Config{Station: station("a")}, Config{Station: station("b")})
		if err := p.a.AddRoute(Route{Prefix: prefixes("0.0.0.0/0")[0], Via: addr("192.0.2.99")}); err != nil {
			t.Fatal(err)
		}
		_, err := p.a.Dial(t.Context(), addrPort("203.0.113.1:80"))
		if !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Error(err)
		}
		arp := all.of(trace.KindARPResolve)
		if len(arp) != 1 {
			t.Fatalf("arp: %+v", arp)
		}
		want := trace.ARPResolve{Interface: "eth0", Address: "192.0.2.99", For: "203.0.113.1", Protocol: "arp", Asked: 3, Fault: "destination_ip_unroutable"}
		if f := arp[0].Fact.(trace.ARPResolve); f != want || arp[0].Took != 3*time.Second {
			t.Errorf("arp: %+v in %v, want %+v", f, arp[0].Took, want)
		}

		journey := (&trace.Station{Name: "resolver", Recorder: &all}).Begin()
		c, err := p.a.DialUDP(trace.With(t.Context(), journey), addrPort("192.0.2.2:9"))
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("?"))
		c.Read(make([]byte, 1))
		icmp := all.of(trace.KindICMPError)
		if len(icmp) != 2 {
			t.Fatalf("icmp: %+v", icmp)
		}
		if icmp[1].Trace != journey.Context().Trace {
			t.Error("the error that was received belongs to another journey than its socket")
		}
		about := packet.Flow{Protocol: packet.ProtocolUDP, Src: c.local, Dst: c.remote}.String()
		for n, want := range []trace.ICMPError{
			{Sent: true, Peer: "192.0.2.1", Message: errorText[portUnreachable], About: about},
			{Sent: false, Peer: "192.0.2.2", Message: errorText[portUnreachable], About: about},
		} {
			if got := icmp[n].Fact.(trace.ICMPError); got != want || icmp[n].Decision.Clause != "RFC 792" {
				t.Errorf("icmp: %+v %+v, want %+v", got, icmp[n].Decision, want)
			}
		}
	})
}

// TestRecorderLater: a station may get its recorder when connections are
// there already. An ICMP error about one of them is nobody's in particular.
func TestRecorderLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all notes
		s := &trace.Station{Name: "a"}
		p := newPair(t, time.Millisecond, Config{Station: s}, Config{})
		c, _ := p.connected(t)
		if c.account != nil {
			t.Fatal("an account without a recorder")
		}
		p.a.lock()
		s.Recorder = &all
		p.a.unlock()
		about := packet.IPv4{TTL: 64, Protocol: packet.ProtocolTCP, Src: c.local.Addr(), Dst: c.remote.Addr()}.Append(nil, packet.TCPSize)
		about = packet.TCP{SrcPort: c.local.Port(), DstPort: c.remote.Port()}.Append(about, c.local.Addr(), c.remote.Addr(), nil)
		p.a.lock()
		p.a.noteICMP(false, c.remote.Addr(), errorMessage{what: hostUnreachable}, about)
		p.a.unlock()
		if got := all.of(trace.KindICMPError); len(got) != 1 {
			t.Errorf("noted: %+v", got)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Error(err)
		}
	})
}

// TestCausesBounded: old dials are forgotten.
func TestCausesBounded(t *testing.T) {
	c := NewCauses()
	why := trace.Context{Trace: trace.ID{1, 2}, Span: 3, Sampled: true}
	at := func(n int) (a, b string) {
		return fmt.Sprintf("10.0.%d.%d:1000", n>>8&255, n&255), fmt.Sprintf("10.9.9.9:%d", n>>16+1)
	}
	for n := range 3 * maxCauses {
		a, b := at(n)
		c.put(addrPort(a), addrPort(b), why)
		c.put(addrPort(a), addrPort(b), why) // again is not one more
	}
	if len(c.known) != maxCauses || len(c.oldest) != maxCauses {
		t.Errorf("%d and %d are kept, want %d", len(c.known), len(c.oldest), maxCauses)
	}
	a, b := at(3*maxCauses - 1)
	if c.get(addrPort(a), addrPort(b)) != why {
		t.Error("the latest is gone")
	}
	a, b = at(0)
	if c.get(addrPort(a), addrPort(b)).Sampled {
		t.Error("the first is still there")
	}
	var none *Causes
	none.put(addrPort(a), addrPort(b), why)
	if none.get(addrPort(a), addrPort(b)).Sampled {
		t.Error("a nil memory remembers")
	}
}
