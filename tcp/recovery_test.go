package tcp

import (
	"fmt"
	"strings"
	"testing"
)

// inFlight is a connection with n full segments of 1,000 bytes on their way
// and more waiting.
func inFlight(t testing.TB, cfg *Config, n int) *peer {
	t.Helper()
	cfg.InitialWindow = n
	p := opened(t, cfg)
	p.write(100_000)
	p.out(burst(1, n, false)...)
	p.events = nil
	return p
}

// TestTahoe: three duplicate ACKs, then one segment and slow start. A
// timeout does the same.
func TestTahoe(t *testing.T) {
	p := inFlight(t, with(Tahoe, 0), 10)
	p.in("ACK 1:1001")
	p.sent() // cwnd 11
	p.in("ACK 1:1001", "ACK 1:1001")
	p.sent() // limited transmit
	p.in("ACK 1:1001")
	p.cwnd(1000, 5500) // half of 11, without what limited transmit sent
	p.out("ACK 1001:1 len 1000")
	p.saw(Retransmit, "fast-retransmit", "RFC 5681 §3.2")
	p.in("ACK 1:1001", "ACK 1:1001") // more duplicates change nothing
	p.out()
	p.cwnd(1000, 5500)
	p.in("ACK 1:2001") // slow start: each ACK of a segment adds one
	p.cwnd(2000, 5500)
	p.out("ACK 2001:1 len 1000", "ACK 3001:1 len 1000")
	p.in("ACK 1:3001", "ACK 1:4001")
	p.cwnd(4000, 5500)
	p.out("ACK 4001:1 len 1000", "ACK 5001:1 len 1000", "ACK 6001:1 len 1000", "ACK 7001:1 len 1000")
	p.in("ACK 1:5001")
	p.cwnd(5000, 5500)
	p.in("ACK 1:6001")
	p.cwnd(5500, 5500)
}

// TestTahoeReasons: what Tahoe says of a loss is what told it. With SACK one
// duplicate ACK may be enough.
func TestTahoeReasons(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sack   bool
		acks   []string
		reason string // of the change of cwnd
		clause string // of the retransmission
	}{
		{"duplicates", false, []string{"ACK 1:1", "ACK 1:1", "ACK 1:1"}, "three duplicate ACKs", "RFC 5681 §3.2"},
		{"SACK, one ACK", true, []string{"ACK 1:1 sack 3001-7001"}, "SACK shows a loss", "RFC 6675 §5"},
		{"SACK, three ACKs", true, []string{"ACK 1:1 sack 3001-3101", "ACK 1:1 sack 3001-3201", "ACK 1:1 sack 3001-3301"}, "three duplicate ACKs", "RFC 5681 §3.2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := with(Tahoe, 0)
			cfg.NoSACK = !tc.sack
			p := inFlight(t, cfg, 10)
			p.in(tc.acks...)
			p.sent()
			var reason, clause, again string
			for _, e := range p.events {
				switch {
				case e.Kind == CwndChange && e.Verdict == "fast-retransmit":
					reason, clause = e.Reason, e.Clause
				case e.Kind == Retransmit && again == "":
					again = e.Clause
				}
			}
			if !strings.HasPrefix(reason, tc.reason) || !strings.HasPrefix(clause, "Jacobson 1988") || again != tc.clause {
				t.Errorf("cwnd: %q [%s], sent again [%s]; want %q [Jacobson 1988…], [%s]", reason, clause, again, tc.reason, tc.clause)
			}
			p.cwnd(1000, 5000)
			p.events = nil
			p.in("ACK 1:2001")
			p.sent()
			p.saw(Retransmit, "go-back", "RFC 5681 §3.1")
		})
	}
}

// TestReno is RFC 5681 §3.2 step by step.
func TestReno(t *testing.T) {
	p := inFlight(t, with(Reno, 0), 10)
	p.in("ACK 1:1") // steps 1: limited transmit
	p.out("ACK 10001:1 len 1000")
	p.in("ACK 1:1")
	p.out("ACK 11001:1 len 1000")
	p.in("ACK 1:1")    // steps 2 and 3
	p.cwnd(8000, 5000) // ten segments, halved, and three inflate it
	p.out("ACK 1:1 len 1000")
	p.saw(CwndChange, "fast-recovery", "RFC 5681 §3.2")
	for i := range 4 { // step 4: 12 are on their way, cwnd grows to 12
		p.in("ACK 1:1")
		p.cwnd(9000+1000*i, 5000)
		p.out()
	}
	p.in("ACK 1:1") // step 5: 13
	p.out("ACK 12001:1 len 1000")
	p.in("ACK 1:12001") // step 6: deflate
	p.cwnd(5000, 5000)
	p.saw(CwndChange, "recovered", "RFC 6582 §3.2")
	if got := p.c.phaseName(); got != "avoidance" {
		t.Errorf("phase %s", got)
	}
}

// TestRenoPartial: to Reno the first new ACK ends the recovery, although a
// second segment is missing.
func TestRenoPartial(t *testing.T) {
	p := inFlight(t, with(Reno, 0), 10)
	p.in("ACK 1:1", "ACK 1:1", "ACK 1:1")
	p.sent()
	p.in("ACK 1:3001") // 1 is mended, 3 is missing
	p.cwnd(5000, 5000)
	if p.c.phase != open {
		t.Error("still in recovery")
	}
	p.out()
	p.in("ACK 1:3001", "ACK 1:3001", "ACK 1:3001") // found anew, halved again
	p.cwnd(6500, 3500)
	p.out("ACK 3001:1 len 1000")
}

// TestNewReno is RFC 6582 §3.2: the partial ACK mends the next loss at once.
func TestNewReno(t *testing.T) {
	p := inFlight(t, with(NewReno, 0), 10)
	for _, seq := range []int{10_001, 11_001, 1} { // limited transmit, then the third
		p.in("ACK 1:1")
		p.out(fmt.Sprintf("ACK %d:1 len 1000", seq))
	}
	p.cwnd(8000, 5000)
	p.in("ACK 1:1", "ACK 1:1", "ACK 1:1") // 11
	p.out()
	p.in("ACK 1:3001") // partial: 3,000 bytes: 11 - 3 + 1
	p.cwnd(9000, 5000)
	p.out("ACK 3001:1 len 1000")
	p.saw(Retransmit, "partial-ack", "RFC 6582 §3.2")
	p.in("ACK 1:6001")
	p.cwnd(7000, 5000)
	p.out("ACK 6001:1 len 1000", "ACK 12001:1 len 1000")
	p.in("ACK 1:12001")
	p.cwnd(2000, 5000) // min(ssthresh, max(FlightSize, SMSS) + SMSS): one is on its way
	if p.c.phase != open {
		t.Error("still in recovery")
	}
}

// TestNewRenoTimer: only the first partial ACK starts the timer anew.
func TestNewRenoTimer(t *testing.T) {
	p := inFlight(t, with(NewReno, 0), 10)
	p.in("ACK 1:1", "ACK 1:1", "ACK 1:1")
	p.sent()
	p.now += 50 * ms
	p.in("ACK 1:2001")
	p.sent()
	first := p.c.rtx.at
	if first != p.now+p.c.rto {
		t.Errorf("deadline in %v", first-p.now)
	}
	p.now += 50 * ms
	p.in("ACK 1:4001")
	p.out("ACK 4001:1 len 1000")
	if p.c.rtx.at != first {
		t.Errorf("the second moved it by %v", p.c.rtx.at-first)
	}
}

// TestNewRenoGuard is RFC 6582 §3.2 step 1: duplicates that a timeout's
// retransmissions cause are no new loss.
func TestNewRenoGuard(t *testing.T) {
	p := inFlight(t, with(NewReno, 0), 4)
	p.pass(p.c.rto)
	p.out("ACK 1:1 len 1000")
	p.in("ACK 1:4001")
	p.sent()
	p.cwnd(2000, 2000)
	p.in("ACK 1:4001", "ACK 1:4001", "ACK 1:4001", "ACK 1:4001")
	p.cwnd(2000, 2000)
	if p.c.phase != open {
		t.Error("in recovery")
	}
}

// TestTimeout against three duplicate ACKs: cwnd is one segment, ssthresh
// half of what was on its way (RFC 5681 §3.1), and stays when the same
// segment times out again.
func TestTimeout(t *testing.T) {
	for a, ssthresh := range map[Congestion]int{Tahoe: 5000, Reno: 5000, NewReno: 5000, CUBIC: 7000} {
		p := inFlight(t, with(a, 0), 10)
		p.pass(p.c.rto)
		p.cwnd(1000, ssthresh)
		p.out("ACK 1:1 len 1000")
		p.saw(CwndChange, "timeout", "RFC 5681 §3.1")
		p.pass(p.c.rto)
		p.cwnd(1000, ssthresh)
		p.out("ACK 1:1 len 1000")
		p.in("ACK 1:1001") // go back: slow start sends on what was lost
		p.cwnd(2000, ssthresh)
		p.out("ACK 1001:1 len 1000", "ACK 2001:1 len 1000")
		p.saw(Retransmit, "go-back", "RFC 5681 §3.1")
		p.in("ACK 1:10001") // the rest had arrived
		p.cwnd(3000, ssthresh)
		p.out("ACK 10001:1 len 1000", "ACK 11001:1 len 1000", "ACK 12001:1 len 1000")
		if p.c.phase != open {
			t.Error("the loss is mended, but the phase stays")
		}
	}
}

// TestCubicLoss: CUBIC falls to 0.7.
func TestCubicLoss(t *testing.T) {
	p := inFlight(t, with(CUBIC, 0), 10)
	p.in("ACK 1:1", "ACK 1:1", "ACK 1:1")
	p.cwnd(10_000, 7000) // and three inflate it
	p.in("ACK 1:12001")
	p.sent()
}

// TestSmallFlight: ssthresh is never less than two segments.
func TestSmallFlight(t *testing.T) {
	p := inFlight(t, with(Reno, 0), 1)
	p.pass(p.c.rto)
	p.cwnd(1000, 2000)
}

// TestLimitedTransmit is RFC 3042: the first two duplicates send new data,
// and need neither cwnd nor move it; nothing goes beyond the peer's window.
func TestLimitedTransmit(t *testing.T) {
	p := inFlight(t, with(Reno, 0), 4)
	p.in("ACK 1:1")
	p.out("ACK 4001:1 len 1000")
	p.in("ACK 1:1")
	p.out("ACK 5001:1 len 1000")
	p.cwnd(4000, 0)
	p.in("ACK 1:1001") // it was only reordered
	p.sent()
	p.cwnd(5000, 0)

	p = inFlight(t, with(Reno, 0), 4)
	p.in("ACK 1:1 win 4000") // a window update is no duplicate
	p.in("ACK 1:1 win 4000", "ACK 1:1 win 4000")
	p.out()
}

// TestNoDuplicates: what is not a duplicate ACK (RFC 5681 §2).
func TestNoDuplicates(t *testing.T) {
	for _, in := range []string{"ACK 1:1 win 50000", "ACK 1:1 len 10", "ACK 1:0"} {
		p := inFlight(t, with(Reno, 0), 4)
		for range 5 {
			p.in(in)
			if strings.Contains(in, "win") {
				p.win--
				in = fmt.Sprintf("ACK 1:1 win %d", 50000+int(p.win))
			}
		}
		if p.c.phase != open {
			t.Errorf("%s: recovery", in)
		}
	}
	p := opened(t, plain())
	p.in("ACK 1:1", "ACK 1:1", "ACK 1:1", "ACK 1:1") // nothing is on its way
	p.out()
	p.cwnd(10_000, 0)
}

// TestSACKRecovery is RFC 6675 §5: only what is missing is sent again, and
// pipe decides how much.
func TestSACKRecovery(t *testing.T) {
	p := inFlight(t, sacked(), 10) // 1 and 4 are lost
	p.in("ACK 1:1 sack 1001-2001")
	p.out("ACK 10001:1 len 1000") // limited transmit by pipe
	p.in("ACK 1:1 sack 1001-3001")
	p.out("ACK 11001:1 len 1000")
	p.in("ACK 1:1 sack 4001-5001 1001-3001")
	p.cwnd(5000, 5000)
	p.out("ACK 1:1 len 1000")
	p.saw(CwndChange, "fast-recovery", "RFC 6675 §5")
	// pipe: 4 (3,000-4,000) not lost, 7 more of 6..12, 1 sent again
	if got := p.c.pipe(); got != 9000 {
		t.Errorf("pipe %d", got)
	}
	p.in("ACK 1:1 sack 4001-6001 1001-3001") // two above 3001: lost only when more
	p.in("ACK 1:1 sack 4001-7001 1001-3001") // 3,000 bytes above: 4 is lost
	if got := p.c.pipe(); got != 6000 {
		t.Errorf("pipe %d", got)
	}
	p.out()
	p.in("ACK 1:1 sack 4001-8001 1001-3001")
	p.out()
	p.in("ACK 1:1 sack 4001-9001 1001-3001") // pipe 4,000
	p.out("ACK 3001:1 len 1000")
	p.saw(Retransmit, "sack-hole", "RFC 6675 §4")
	p.in("ACK 1:3001 sack 4001-9001")
	p.out("ACK 12001:1 len 1000")
	p.in("ACK 1:9001")
	p.sent()
	p.cwnd(5000, 5000)
	p.in("ACK 1:12001")
	if p.c.phase != open {
		t.Error("still in recovery")
	}
	p.saw(CwndChange, "recovered", "RFC 6675 §5")
}

// TestSACKLost: three ranges, or more than two segments, say lost.
func TestSACKLost(t *testing.T) {
	for _, tc := range []struct {
		sacks string
		want  bool
	}{
		{"1001-2001", false},
		{"1001-3001", false},
		{"1001-3002", true},
		{"1001-1002 2001-2002", false},
		{"1001-1002 2001-2002 3001-3002", true},
	} {
		p := inFlight(t, sacked(), 10)
		p.in("ACK 1:1 sack " + tc.sacks)
		if got := p.c.phase == recovery; got != tc.want {
			t.Errorf("%s: recovery %v", tc.sacks, got)
		}
	}
}

// TestSACKNothingNew: an ACK that tells nothing new is no duplicate; blocks
// below SND.UNA (RFC 2883) or beyond SND.NXT tell nothing.
func TestSACKNothingNew(t *testing.T) {
	p := inFlight(t, sacked(), 10)
	p.in("ACK 1:1", "ACK 1:1", "ACK 1:1", "ACK 1:1 sack 1001-2001", "ACK 1:1 sack 1001-2001", "ACK 1:1 sack 1001-2001")
	p.in("ACK 1:1 sack 0-1", "ACK 1:1 sack 50000-51000", "ACK 1:1 sack 3001-2001")
	if p.c.phase != open || p.c.dupAcks != 1 {
		t.Errorf("%d duplicates, phase %v", p.c.dupAcks, p.c.phase)
	}
}

// TestRescue is RFC 6675 §4 rule 4: the very end is lost, and nothing after
// it can tell.
func TestRescue(t *testing.T) {
	cfg := sacked()
	cfg.InitialWindow = 6
	p := opened(t, cfg)
	p.write(6000)
	p.out(burst(1, 6, true)...) // 1 and 6 are lost
	p.in("ACK 1:1 sack 1001-2001", "ACK 1:1 sack 1001-3001", "ACK 1:1 sack 1001-4001")
	p.out("ACK 1:1 len 1000")
	p.in("ACK 1:1 sack 1001-5001")
	p.out("PSH,ACK 5001:1 len 1000")
	p.saw(Retransmit, "rescue", "RFC 6675 §4")
	p.in("ACK 1:5001")
	p.out()
	p.in("ACK 1:6001")
	p.out()
}

// TestSACKTimeout: what was selectively acknowledged is not sent again after
// a timeout (RFC 6675 §5.1).
func TestSACKTimeout(t *testing.T) {
	p := inFlight(t, sacked(), 5)
	p.in("ACK 1:1 sack 1001-2001 3001-4001")
	p.sent()
	p.pass(p.c.rto)
	p.out("ACK 1:1 len 1000")
	p.in("ACK 1:2001 sack 3001-4001")
	p.out("ACK 2001:1 len 1000", "ACK 4001:1 len 1000")
}

// TestReneging: a peer that takes back what it had told is served from the
// start (RFC 2018 §8).
func TestReneging(t *testing.T) {
	p := inFlight(t, sacked(), 5)
	p.in("ACK 1:1 sack 1001-5001")
	p.sent()
	p.in("ACK 1:1001") // and yet it waits for what it has
	p.sent()
	p.pass(p.c.rto)
	p.out("ACK 1001:1 len 1000")
	p.in("ACK 1:2001")
	p.out("ACK 2001:1 len 1000", "ACK 3001:1 len 1000")
}

// TestManyScores bounds the scoreboard.
func TestManyScores(t *testing.T) {
	p := inFlight(t, sacked(), 20)
	for i := range 1200 {
		p.in(fmt.Sprintf("ACK 1:1 sack %d-%d", 1001+2*i, 1002+2*i))
		p.sent()
	}
	if n := len(p.c.board.spans); n > maxScores {
		t.Errorf("%d ranges", n)
	}
}
