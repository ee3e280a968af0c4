package tcp

import (
	"errors"
	"testing"
	"time"
)

const ms = time.Millisecond

// TestRTO is RFC 6298 §2 with numbers worked by hand.
func TestRTO(t *testing.T) {
	type step struct{ sample, srtt, rttvar, rto Time }
	for _, tc := range []struct {
		name  string
		cfg   Config
		steps []step
	}{
		{"first and next", Config{}, []step{
			{100 * ms, 100 * ms, 50 * ms, 300 * ms},
			// RTTVAR = ¾·50 + ¼·|100-180|, SRTT = ⅞·100 + ⅛·180
			{180 * ms, 110 * ms, 57500 * time.Microsecond, 340 * ms},
			// RTTVAR = ¾·57.5 + ¼·30, SRTT = ⅞·110 + ⅛·80
			{80 * ms, 106250 * time.Microsecond, 50625 * time.Microsecond, 308750 * time.Microsecond},
		}},
		{"the variance has a floor", Config{}, []step{
			{10 * ms, 10 * ms, 5 * ms, 210 * ms},
			{10 * ms, 10 * ms, 3750 * time.Microsecond, 210 * ms},
		}},
		{"a floor of one second", Config{MinRTO: time.Second}, []step{
			{10 * ms, 10 * ms, 5 * ms, 1010 * ms},
		}},
		{"nothing at all", Config{MinRTO: 1}, []step{
			{0, 0, 0, 1},
			{8 * ms, ms, 2 * ms, 9 * ms},
		}},
		{"a ceiling", Config{MaxRTO: 60 * time.Second}, []step{
			{50 * time.Second, 50 * time.Second, 25 * time.Second, 60 * time.Second},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &Conn{cfg: &tc.cfg}
			for i, s := range tc.steps {
				c.measure(s.sample)
				if c.srtt != s.srtt || c.rttvar != s.rttvar || c.rto != s.rto {
					t.Errorf("sample %d of %v: SRTT %v, RTTVAR %v, RTO %v; want %v, %v, %v", i, s.sample, c.srtt, c.rttvar, c.rto, s.srtt, s.rttvar, s.rto)
				}
			}
		})
	}
}

// TestBackoff: RFC 6298 §5.5, and Karn's algorithm: the timeout stays backed
// off until a segment that was sent once is acknowledged.
func TestBackoff(t *testing.T) {
	p := opened(t, plain())
	p.write(1000)
	p.out("PSH,ACK 1:1 len 1000")
	p.now += 100 * ms
	p.in("ACK 1:1001") // a sample of 100 ms
	srtt := p.c.srtt
	rto := p.c.rto
	p.write(1000)
	p.out("PSH,ACK 1001:1 len 1000")
	for range 3 {
		p.pass(rto - 1)
		p.out()
		p.pass(1)
		p.out("PSH,ACK 1001:1 len 1000")
		rto *= 2
	}
	p.saw(Retransmit, "timeout", "RFC 6298 §5.4")
	p.now += 10 * ms
	p.in("ACK 1:2001")
	if p.c.srtt != srtt || p.c.rto != rto {
		t.Errorf("after an ambiguous ACK: SRTT %v, RTO %v; want %v, %v", p.c.srtt, p.c.rto, srtt, rto)
	}
	p.write(1000)
	p.out("PSH,ACK 2001:1 len 1000")
	p.now += 100 * ms
	p.in("ACK 1:3001")
	if p.c.rto >= rto {
		t.Errorf("RTO %v stays backed off", p.c.rto)
	}
	if p.c.Info().Retransmits != 3 {
		t.Errorf("%d retransmissions", p.c.Info().Retransmits)
	}
}

// TestTimerRestarts: RFC 6298 §5.1 to §5.3.
func TestTimerRestarts(t *testing.T) {
	p := opened(t, plain())
	if _, on := p.c.Deadline(); on {
		t.Error("a timer runs with nothing on its way")
	}
	p.write(2000)
	p.out("ACK 1:1 len 1000", "PSH,ACK 1001:1 len 1000")
	d, _ := p.c.Deadline()
	if d != p.now+p.c.rto {
		t.Errorf("deadline %v", d-p.now)
	}
	p.now += 50 * ms
	p.in("ACK 1:1") // nothing new: the timer goes on
	if e, _ := p.c.Deadline(); e != d {
		t.Errorf("deadline moved to %v", e)
	}
	p.in("ACK 1:1001")
	if e, _ := p.c.Deadline(); e != p.now+p.c.rto {
		t.Errorf("deadline %v after new data were acknowledged", e-p.now)
	}
	p.in("ACK 1:2001")
	if _, on := p.c.Deadline(); on {
		t.Error("the timer runs on")
	}
}

// TestTimestampSample is RTTM, RFC 7323 §4.1: the ACK of a retransmission
// says which of the two it answers.
func TestTimestampSample(t *testing.T) {
	p := dialled(t, &Config{NoSACK: true, NoWindowScale: true, MSS: 1012})
	p.sent()
	p.now += 100 * ms
	p.in("SYN,ACK 0:1 mss 1012 ts 500/1001")
	p.sent()
	p.write(1000)
	p.out("PSH,ACK 1:1 len 1000")
	p.pass(300 * ms)
	p.out("PSH,ACK 1:1 len 1000")
	p.now += 50 * ms
	p.in("ACK 1:1001 ts 600/1101") // the first one: 350 ms
	if i := p.c.Info(); i.SRTT != (7*100*ms+350*ms)/8 {
		t.Errorf("SRTT %v", i.SRTT)
	}
}

// TestRetries: R2 (RFC 9293 §3.8.3): 15 retransmissions, 924.6 s for a
// timeout of 200 ms, as Linux's manual has it.
func TestRetries(t *testing.T) {
	p := opened(t, plain())
	p.write(10)
	p.sent()
	start, sent := p.now, 0
	for p.c.State() != Closed {
		d, ok := p.c.Deadline()
		if !ok {
			t.Fatal("no timer")
		}
		p.now = d
		p.c.Tick(p.now)
		sent += len(p.sent())
	}
	if sent != 15 || p.now-start != 924600*ms {
		t.Errorf("%d retransmissions, %v", sent, p.now-start)
	}
	if !errors.Is(p.c.Err(), ErrTimeout) {
		t.Error(p.c.Err())
	}
}

// TestUserTimeout: RFC 9293 §3.10.8.
func TestUserTimeout(t *testing.T) {
	cfg := plain()
	cfg.UserTimeout = 5 * time.Second
	p := opened(t, cfg)
	p.write(10)
	p.sent()
	start := p.now
	for p.c.State() != Closed {
		d, _ := p.c.Deadline()
		p.now = d
		p.c.Tick(p.now)
		p.sent()
	}
	if p.now-start != 5*time.Second {
		t.Errorf("gave up after %v", p.now-start)
	}

	p = opened(t, cfg) // progress starts it anew
	p.write(2000)
	p.sent()
	p.pass(200 * ms)
	p.sent()
	p.now += 3 * time.Second
	p.in("ACK 1:1001")
	p.sent()
	p.now += 4 * time.Second
	p.c.Tick(p.now)
	p.state(Established)
}

// TestSpuriousTick: Tick may come at any time.
func TestSpuriousTick(t *testing.T) {
	p := opened(t, plain())
	p.write(10)
	p.out("PSH,ACK 1:1 len 10")
	for range 100 {
		p.c.Tick(p.now)
		p.out()
		p.now += ms
	}
}
