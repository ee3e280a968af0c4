package tcp

import (
	"errors"
	"slices"
	"testing"

	"waypost/packet"
)

// TestHalfSequenceSpace: 2³¹ bytes after the last loss and the last small
// segment, a loss is still found by duplicate ACKs and a small segment still
// goes at once.
func TestHalfSequenceSpace(t *testing.T) {
	if raceEnabled {
		t.Skip("two GiB take long under the race detector")
	}
	const mss, round = MaxMSS, 256 * MaxMSS
	p := dialled(t, &Config{NoSACK: true, NoTimestamps: true, MSS: mss, SendBuffer: round, Congestion: NewReno})
	p.sent()
	p.in("SYN,ACK 0:1 mss 16384 ws 14")
	p.sent()
	p.write(1)
	p.out("PSH,ACK 1:1 len 1")
	p.in("ACK 1:2")
	chunk := make([]byte, round)
	ack := Segment{TCP: packet.TCP{SrcPort: serverAddr.Port(), DstPort: clientAddr.Port(), Flags: packet.ACK, Seq: p.iss + 1, Window: p.win}}
	var s Segment
	drain := func() {
		for p.c.Next(p.now, &s) {
			ack.Ack = s.Seq + uint32(len(s.Payload))
		}
	}
	for sent := 0; sent < 1<<31+round; {
		n, err := p.c.Write(p.now, chunk)
		if err != nil {
			t.Fatal(err)
		}
		sent += n
		for drain(); p.c.flight() > 0; drain() {
			p.c.Segment(p.now, &ack)
		}
	}
	if _, err := p.c.Write(p.now, chunk[:10]); err != nil {
		t.Fatal(err)
	}
	if got := len(p.sent()); got != 1 {
		t.Errorf("%d segments of ten bytes were sent at once, want 1", got)
	}
	ack.Ack = p.c.nxt
	p.c.Segment(p.now, &ack)
	if _, err := p.c.Write(p.now, chunk[:20*mss]); err != nil {
		t.Fatal(err)
	}
	lost := p.c.nxt
	drain()
	ack.Ack = lost
	for range 3 {
		p.c.Segment(p.now, &ack)
	}
	if !p.c.Next(p.now, &s) || s.Seq != lost {
		t.Error("three duplicate ACKs did not have the lost segment sent again")
	}
	p.saw(Retransmit, "fast-retransmit", "RFC 5681 §3.2")
}

// TestWindowReopenedByProbe: the ACK that takes the probe's byte opens the
// window; what the window had shrunk away from under is sent again at once.
func TestWindowReopenedByProbe(t *testing.T) {
	p := opened(t, plain())
	p.write(5000)
	p.sent()
	p.in("ACK 1:1001 win 0")
	p.pass(p.c.rto)
	p.out("ACK 1001:1 len 1")
	p.in("ACK 1:1002 win 60000")
	p.out("ACK 1002:1 len 1000", "ACK 2002:1 len 1000", "ACK 3002:1 len 1000", "PSH,ACK 4002:1 len 999")
	p.saw(Retransmit, "window-open", "RFC 9293 §3.8.6.1")
}

// TestRecoveryWindowCloses: the window closes in a fast recovery without
// SACK, and the probe's byte is taken. A timer must run on: the segment that
// opens the window may be lost.
func TestRecoveryWindowCloses(t *testing.T) {
	p := opened(t, plain())
	p.write(10_000)
	p.sent()
	for range 3 {
		p.in("ACK 1:1")
	}
	p.out("ACK 1:1 len 1000")
	p.in("ACK 1:1001")
	p.out("ACK 1001:1 len 1000")
	p.in("ACK 1:2001 win 0")
	p.out()
	at, _ := p.c.Deadline()
	p.pass(at - p.now)
	p.out("ACK 2001:1 len 1")
	p.in("ACK 1:2002 win 0")
	p.out()
	at, ok := p.c.Deadline()
	if !ok {
		t.Fatal("data are on their way and no timer runs")
	}
	p.pass(at - p.now)
	p.out("ACK 2002:1 len 1")
}

// TestSoftErrorPasses: what the network said before data arrived after all is
// no reason for a timeout later.
func TestSoftErrorPasses(t *testing.T) {
	p := opened(t, plain())
	p.write(10)
	p.sent()
	p.c.Unreachable(p.now, false, errors.New("no route"))
	p.in("ACK 1:11")
	p.write(10)
	for p.c.State() != Closed {
		p.sent()
		at, ok := p.c.Deadline()
		if !ok {
			t.Fatal("no timer runs")
		}
		p.pass(at - p.now)
	}
	if !errors.Is(p.c.Err(), ErrTimeout) {
		t.Errorf("it ended with %v, want %v", p.c.Err(), ErrTimeout)
	}
}

// TestTimesAfterSYN: the SYN's retransmissions do not count for the data's.
func TestTimesAfterSYN(t *testing.T) {
	p := dialled(t, plain())
	p.out("SYN 0:0")
	for range 3 {
		p.pass(p.c.rto)
		p.out("SYN 0:0")
	}
	p.in("SYN,ACK 0:1 mss 1000")
	p.write(10)
	p.sent()
	p.events = nil
	p.pass(p.c.rto)
	p.out("PSH,ACK 1:1 len 10")
	for _, e := range p.events {
		if e.Kind == Retransmit && e.Times != 1 {
			t.Errorf("the first retransmission of data is told as number %d", e.Times)
		}
	}
}

// TestSACKReasons: what is sent again says why in the words of SACK, where no
// three duplicate ACKs have come, and where something goes that is not yet
// known to be lost (RFC 6675 §4 rule 3).
func TestSACKReasons(t *testing.T) {
	cfg := sacked()
	cfg.InitialWindow = 6
	p := opened(t, cfg)
	p.write(6000)
	p.out(burst(1, 6, true)...) // 1 and 5 are lost
	p.events = nil
	p.in("ACK 1:1 sack 1001-4001 5001-6001")
	p.out("ACK 1:1 len 1000", "ACK 4001:1 len 1000")
	var got []string
	for _, e := range p.events {
		if e.Kind == Retransmit {
			got = append(got, e.Verdict+" "+e.Clause)
		}
	}
	if want := []string{"fast-retransmit RFC 6675 §5", "sack-gap RFC 6675 §4"}; !slices.Equal(got, want) {
		t.Errorf("sent again because of %q, want %q", got, want)
	}
}
