package tcp

import (
	"errors"
	"testing"
	"time"
)

// TestThreeWay is RFC 9293 figure 6, with all options.
func TestThreeWay(t *testing.T) {
	p := dialled(t, &Config{MSS: 1460})
	p.showOpts, p.showWin = true, true
	p.out("SYN 0:0 win 65535 mss 1460 ws 5 sackok ts 1001/0")
	p.now += 30 * time.Millisecond
	p.in("SYN,ACK 0:1 win 5000 mss 1400 ws 7 sackok ts 77/1001")
	p.out("ACK 1:1 win 32768 ts 1031/77")
	i := p.c.Info()
	if !i.SACK || !i.Timestamps || !i.WindowScale || i.MSS != 1388 || i.SendScale != 7 || i.ReceiveScale != 5 {
		t.Errorf("options %+v", i)
	}
	if i.PeerWindow != 5000 { // RFC 7323 §2.2: that of a SYN is never scaled
		t.Errorf("window %d", i.PeerWindow)
	}
	if i.SRTT != 30*time.Millisecond {
		t.Errorf("the handshake took %v", i.SRTT)
	}
	p.in("ACK 1:1 win 5000 ts 78/1031")
	if i := p.c.Info(); i.PeerWindow != 5000<<7 {
		t.Errorf("window %d", i.PeerWindow)
	}
}

// TestOptionsAgreed: what only one end offers is off for both.
func TestOptionsAgreed(t *testing.T) {
	for _, tc := range []struct {
		name                string
		cfg                 Config
		answer              string
		sack, stamps, scale bool
	}{
		{"all", Config{}, "sackok ts 5/1001 ws 3", true, true, true},
		{"peer has none", Config{}, "", false, false, false},
		{"peer scales only", Config{}, "ws 3", false, false, true},
		{"we have none", *plain(), "", false, false, false},
		{"we have none, the peer offers", *plain(), "sackok ts 5/1001 ws 3", false, false, false},
		{"a shift of zero is scaling too", Config{}, "ws 0", false, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := dialled(t, &tc.cfg)
			p.sent()
			p.in("SYN,ACK 0:1 mss 1000 " + tc.answer)
			i := p.c.Info()
			if i.SACK != tc.sack || i.Timestamps != tc.stamps || i.WindowScale != tc.scale {
				t.Errorf("got sack %v, timestamps %v, scale %v", i.SACK, i.Timestamps, i.WindowScale)
			}
			if !tc.scale && (i.SendScale != 0 || i.ReceiveScale != 0) {
				t.Errorf("shifts %d and %d", i.SendScale, i.ReceiveScale)
			}
		})
	}
}

// TestMSS: RFC 9293 §3.7.1; options take their room from the payload.
func TestMSS(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ours   int
		syn    string
		stamps bool
		want   int
	}{
		{"the peer's is smaller", 1460, "mss 1400", false, 1400},
		{"ours is smaller", 1220, "mss 8960", false, 1220},
		{"none told", 1460, "", false, 536},
		{"timestamps take twelve", 1460, "mss 1460 ts 1/1001", true, 1448},
		{"a tiny one is not believed", 1460, "mss 1", false, minMSS},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := dialled(t, &Config{MSS: tc.ours, NoTimestamps: !tc.stamps})
			p.sent()
			p.in("SYN,ACK 0:1 " + tc.syn)
			if got := p.c.Info().MSS; got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

// TestSYNRetries: one second, doubled each time; after six more SYNs the
// connection is given up at 127 s.
func TestSYNRetries(t *testing.T) {
	p := dialled(t, plain())
	p.out("SYN 0:0")
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32} {
		p.pass(wait * time.Second)
		p.out("SYN 0:0")
	}
	p.pass(64*time.Second - 1)
	p.state(SynSent)
	p.pass(1)
	p.state(Closed)
	if !errors.Is(p.c.Err(), ErrTimeout) || p.now != 128*time.Second {
		t.Errorf("%v: %v", p.now, p.c.Err())
	}
	if !p.c.Done() {
		t.Error("not done")
	}
}

// TestSYNACKRetries: a half-open connection is given up after 63 s.
func TestSYNACKRetries(t *testing.T) {
	p := listening(t, &ListenConfig{})
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	for _, wait := range []time.Duration{1, 2, 4, 8, 16} {
		p.pass(wait * time.Second)
		p.out("SYN,ACK 0:1")
	}
	p.pass(32 * time.Second)
	p.state(Closed)
	if len(p.l.half) != 0 {
		t.Errorf("%d are still half-open", len(p.l.half))
	}
}

// TestSYNAgainBounded: a SYN that comes again is answered and does not keep
// the half-open connection alive: it is given up at the same 63 s.
func TestSYNAgainBounded(t *testing.T) {
	p := listening(t, &ListenConfig{})
	start := p.now
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	timeouts := 0
	for p.c.state == SynReceived && p.now < start+2*time.Minute {
		p.now += 500 * time.Millisecond
		if at, ok := p.c.Deadline(); !ok {
			t.Fatal("no timer runs")
		} else if at <= p.now {
			p.c.Tick(p.now)
			if timeouts++; p.c.state == Closed {
				break
			}
			p.out("SYN,ACK 0:1")
		}
		p.in("SYN 0:0")
		p.out("SYN,ACK 0:1")
	}
	p.state(Closed)
	if took := p.now - start; took != 63*time.Second || timeouts != 6 {
		t.Errorf("given up after %v and %d timeouts, want 63s and 6", took, timeouts)
	}
	if len(p.l.half) != 0 {
		t.Errorf("%d are still half-open", len(p.l.half))
	}
}

// TestSYNAgainAtTimeout: the SYN and the end of the timer together still set
// the next timer.
func TestSYNAgainAtTimeout(t *testing.T) {
	p := listening(t, &ListenConfig{})
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	p.now += time.Second
	p.c.Tick(p.now)
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	if at, ok := p.c.Deadline(); !ok || at != p.now+2*time.Second {
		t.Errorf("next timeout %v, %v, want in 2s", at-p.now, ok)
	}
}

// TestSYNLost: RFC 6298 §5.7 (three seconds without a sample), RFC 6928 §2
// (one SYN lost does not shrink the initial window, two do).
func TestSYNLost(t *testing.T) {
	for lost, cwnd := range []int{10_000, 10_000, 1000, 1000} {
		p := dialled(t, plain())
		p.sent()
		for i := range lost {
			p.pass(time.Second << i)
			p.out("SYN 0:0")
		}
		p.now += 100 * time.Millisecond
		p.in("SYN,ACK 0:1 mss 1000")
		i := p.c.Info()
		if i.Cwnd != cwnd {
			t.Errorf("%d SYNs lost: cwnd %d, want %d", lost, i.Cwnd, cwnd)
		}
		rto := 300 * time.Millisecond // 100 + 4 · 50
		if lost > 0 {
			rto = 3 * time.Second
		}
		if i.RTO != rto {
			t.Errorf("%d SYNs lost: RTO %v, want %v", lost, i.RTO, rto)
		}
	}
}

// TestSYNLostTimestamps: with timestamps the answered SYN is known, so the
// round trip can be timed all the same (RFC 7323 §4.1).
func TestSYNLostTimestamps(t *testing.T) {
	p := dialled(t, &Config{})
	p.sent()
	p.pass(time.Second)
	p.out("SYN 0:0")
	p.now += 100 * time.Millisecond
	p.in("SYN,ACK 0:1 mss 1000 ts 9/2001")
	if i := p.c.Info(); i.SRTT != 100*time.Millisecond || i.RTO != 300*time.Millisecond {
		t.Errorf("SRTT %v, RTO %v", i.SRTT, i.RTO)
	}
}

// TestSYNACKLost: the peer answered the first SYN, but we hear only its answer
// to the third. That it echoes the first tells nothing about the path.
func TestSYNACKLost(t *testing.T) {
	p := dialled(t, &Config{})
	p.sent()
	for i := range 2 {
		p.pass(time.Second << i)
		p.out("SYN 0:0")
	}
	p.now += 100 * time.Millisecond
	p.in("SYN,ACK 0:1 mss 1000 ts 9/1001")
	if i := p.c.Info(); i.SRTT != 0 || i.RTO != 3*time.Second {
		t.Errorf("SRTT %v, RTO %v, want none and 3s", i.SRTT, i.RTO)
	}
}

func TestRefused(t *testing.T) {
	p := dialled(t, plain())
	p.sent()
	p.in("RST,ACK 0:1")
	p.state(Closed)
	if !errors.Is(p.c.Err(), ErrRefused) {
		t.Error(p.c.Err())
	}
	if _, err := p.c.Read(p.now, make([]byte, 1)); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if _, err := p.c.Write(p.now, make([]byte, 1)); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

// TestSynSentDrops: what does not answer our SYN changes nothing (RFC 9293
// §3.10.7.3).
func TestSynSentDrops(t *testing.T) {
	for _, tc := range []struct{ in, out, verdict string }{
		{"RST 0:0", "", "unproven"},
		{"RST,ACK 0:0", "", "stale"},
		{"RST,ACK 0:2", "", "stale"},
		{"ACK 0:1", "", "no-syn"},
		{"ACK 0:0", "RST 0:0", "stale"},
		{"ACK 0:500", "RST 500:0", "stale"},
		{"SYN,ACK 0:2", "RST 2:0", "stale"},
		{"FIN 0:0", "", "no-syn"},
	} {
		p := dialled(t, plain())
		p.sent()
		p.in(tc.in)
		p.state(SynSent)
		if tc.out == "" {
			p.out()
		} else {
			p.out(tc.out)
		}
		p.saw(Drop, tc.verdict, "RFC 9293 §3.10.7.3")
	}
}

// TestOldDuplicateSYN is RFC 9293 figure 8, and why two steps would not be
// enough: the peer's RST takes back a connection that an old SYN began.
func TestOldDuplicateSYN(t *testing.T) {
	p := listening(t, &ListenConfig{})
	p.in("SYN -900:0") // from an earlier connection
	p.out("SYN,ACK 0:-899")
	p.in("RST -899:0")
	p.state(Closed)
	if n := len(p.l.half); n != 0 {
		t.Fatalf("%d are half-open", n)
	}
	p.c = nil
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	p.in("ACK 1:1")
	p.state(Established)
}

// TestOldSYNFirst: the new SYN comes while the old one's connection is still
// half-open. Its number is unknown, so an ACK asks; the peer, in SYN-SENT,
// answers that with a RST.
func TestOldSYNFirst(t *testing.T) {
	p := listening(t, &ListenConfig{})
	p.in("SYN -900000:0")
	p.out("SYN,ACK 0:-899999")
	p.in("SYN 0:0")
	p.out("ACK 1:-899999")
	p.in("RST -899999:0")
	p.state(Closed)
}

// TestHalfOpen is RFC 9293 figure 9: one end has forgotten the connection
// and opens anew.
func TestHalfOpen(t *testing.T) {
	p := opened(t, plain())
	p.in("SYN 5000:0")
	p.out("ACK 1:1") // a challenge: is that you?
	p.saw(Drop, "challenged", "RFC 5961 §4.2")
	p.in("RST 1:0") // the peer knows nothing of it
	p.state(Closed)
	if !errors.Is(p.c.Err(), ErrReset) {
		t.Error(p.c.Err())
	}
}

// TestSimultaneousOpen is RFC 9293 figure 7.
func TestSimultaneousOpen(t *testing.T) {
	p := dialled(t, plain())
	p.out("SYN 0:0")
	p.in("SYN 0:0 mss 1000")
	p.state(SynReceived)
	p.out("SYN,ACK 0:1")
	p.in("SYN,ACK 0:1 mss 1000")
	p.state(Established)
	p.out()
	p.write(10)
	p.out("PSH,ACK 1:1 len 10")
}

// TestSYNAgain: our SYN,ACK was lost, and the peer does not wait for our
// timer.
func TestSYNAgain(t *testing.T) {
	p := listening(t, &ListenConfig{})
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	p.now += 500 * time.Millisecond
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	p.in("ACK 1:1")
	p.state(Established)
}

// TestLastACKLost: the handshake's last ACK is lost; the SYN,ACK comes again
// and is answered, and data bring the connection up as well.
func TestLastACKLost(t *testing.T) {
	p := opened(t, plain())
	p.in("SYN,ACK 0:1 mss 1000")
	p.out("ACK 1:1")

	p = listening(t, &ListenConfig{})
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	p.in("PSH,ACK 1:1 len 5")
	p.state(Established)
	p.read(5)
}

// TestDataOnSYN: data that come with a SYN are not acknowledged; they come
// again.
func TestDataOnSYN(t *testing.T) {
	p := listening(t, &ListenConfig{})
	p.in("SYN 0:0 len 10")
	p.out("SYN,ACK 0:1")
	p.in("ACK 1:1 len 10")
	p.read(10)
}

// TestWriteBeforeEstablished: data wait for the handshake (RFC 9293 §3.10.2)
// and a CLOSE waits behind them.
func TestWriteBeforeEstablished(t *testing.T) {
	p := dialled(t, plain())
	p.write(100)
	p.out("SYN 0:0")
	p.in("SYN,ACK 0:1 mss 1000")
	p.out("PSH,ACK 1:1 len 100")
}

// TestStrangeAckInSynReceived: RFC 9293 §3.10.7.4, fifth step.
func TestStrangeAckInSynReceived(t *testing.T) {
	for _, ack := range []string{"0", "2", "70"} {
		p := listening(t, &ListenConfig{})
		p.in("SYN 0:0")
		p.out("SYN,ACK 0:1")
		p.in("ACK 1:" + ack)
		p.out("RST " + ack + ":0")
		p.state(SynReceived)
	}
}
