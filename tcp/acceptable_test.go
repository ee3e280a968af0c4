package tcp

import (
	"errors"
	"testing"
	"time"
)

// TestAcceptable is the table of RFC 9293 §3.10.7.4 with our two deviations.
func TestAcceptable(t *testing.T) {
	const wnd = 10_000
	for _, tc := range []struct {
		name   string
		seq, n int // the segment's, relative to RCV.NXT
		wnd    int
		want   bool
	}{
		{"no length, closed window, at RCV.NXT", 0, 0, 0, true},
		{"no length, closed window, beyond", 1, 0, 0, false},
		{"no length, closed window, before", -1, 0, 0, false},
		{"no length, at RCV.NXT", 0, 0, wnd, true},
		{"no length, in the window", wnd - 1, 0, wnd, true},
		{"no length, at the edge: we deviate", wnd, 0, wnd, true},
		{"no length, beyond the edge", wnd + 1, 0, wnd, false},
		{"no length, before", -1, 0, wnd, false},
		{"data, closed window, at RCV.NXT: its ACK counts", 0, 1, 0, true},
		{"data, closed window, beyond", 1, 1, 0, false},
		{"data, whole", 0, 100, wnd, true},
		{"data, begins in the window", wnd - 1, 100, wnd, true},
		{"data, begins at the edge", wnd, 1, wnd, false},
		{"data, ends in the window", -99, 100, wnd, true},
		{"data, ends before it", -100, 100, wnd, false},
		{"data, covers it", -5, wnd + 10, wnd, true},
		{"far away", 1 << 30, 10, wnd, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := opened(t, plain()).c
			c.rcvAdv = c.rcvNxt + uint32(tc.wnd)
			s := Segment{Payload: make([]byte, tc.n)}
			s.Seq = c.rcvNxt + uint32(tc.seq)
			if got := c.inWindow(&s); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestRST is RFC 5961 §3.2.
func TestRST(t *testing.T) {
	for _, tc := range []struct {
		in     string
		closed bool
		out    []string
		clause string
	}{
		{"RST 1:0", true, nil, ""},
		{"RST,ACK 1:1", true, nil, ""},
		{"RST 2:0", false, []string{"ACK 1:1"}, "challenged"},
		{"RST 60000:0", false, []string{"ACK 1:1"}, "challenged"},
		{"RST 0:0", false, nil, "rst-outside"},
		{"RST 70000:0", false, nil, "rst-outside"},
	} {
		p := opened(t, plain())
		p.in(tc.in)
		p.out(tc.out...)
		if got := p.c.State() == Closed; got != tc.closed {
			t.Errorf("%s: closed %v", tc.in, got)
		}
		if !tc.closed {
			p.saw(Drop, tc.clause, "RFC 5961 §3.2")
		} else if !errors.Is(p.c.Err(), ErrReset) {
			t.Errorf("%s: %v", tc.in, p.c.Err())
		}
	}
}

// TestChallenge: no SYN in a synchronized state is taken, wherever it lies
// (RFC 5961 §4.2), nor an ACK that nothing of ours can have caused (§5.2).
func TestChallenge(t *testing.T) {
	for _, tc := range []struct{ in, clause string }{
		{"SYN 1:0", "RFC 5961 §4.2"},
		{"SYN 30000:0", "RFC 5961 §4.2"},
		{"SYN -30000:0", "RFC 5961 §4.2"},
		{"SYN,ACK 1:1", "RFC 5961 §4.2"},
		{"ACK 1:-70000", "RFC 5961 §5.2"},
		{"ACK 1:2 len 10", "RFC 9293 §3.10.7.4"},
	} {
		p := opened(t, plain())
		p.in(tc.in)
		p.out("ACK 1:1")
		p.state(Established)
		p.saw(Drop, "challenged", tc.clause)
		if p.c.unread != 0 {
			t.Errorf("%s: its data were taken", tc.in)
		}
	}
}

// TestChallengeLimit is RFC 5961 §7: ten in five seconds.
func TestChallengeLimit(t *testing.T) {
	p := opened(t, plain())
	for range challengeMost {
		p.in("SYN 1:0")
		p.out("ACK 1:1")
	}
	p.in("SYN 1:0", "RST 100:0", "ACK -1:1")
	p.out()
	p.saw(Drop, "throttled", "RFC 5961 §7")
	p.now += challengeWindow
	p.in("SYN 1:0")
	p.out("ACK 1:1")
}

// TestUnacceptable: what lies outside of the window is answered by an ACK
// that says what is expected.
func TestUnacceptable(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 len 100")
	p.pass(40 * time.Millisecond)
	p.out("ACK 1:101")
	p.in("ACK 1:1 len 100")
	p.out("ACK 1:101")
	p.saw(Drop, "old", "RFC 9293 §3.10.7.4")
	p.in("ACK 90000:1 len 100")
	p.out("ACK 1:101")
	p.saw(Drop, "outside", "RFC 9293 §3.10.7.4")
	p.in("ACK 100:1") // a keepalive probe
	p.out("ACK 1:101")
	p.in("PSH 101:0 len 10") // no ACK
	p.out()
}
