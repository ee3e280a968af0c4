package tcp

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// with is plain with an algorithm and an initial window of so many segments.
func with(a Congestion, iw int) *Config {
	c := plain()
	c.Congestion, c.InitialWindow = a, iw
	return c
}

// TestInitialWindow is RFC 6928 §2: min(10·MSS, max(2·MSS, 14600)).
func TestInitialWindow(t *testing.T) {
	for _, tc := range []struct{ mss, want int }{
		{100, 1000}, {536, 5360}, {1460, 14600}, {2000, 14600}, {4000, 14600}, {7300, 14600}, {8940, 17880},
	} {
		cfg := plain()
		cfg.MSS = tc.mss
		p := dialled(t, cfg)
		p.sent()
		p.in(fmt.Sprintf("SYN,ACK 0:1 mss %d", tc.mss))
		p.cwnd(tc.want, 0)
	}
}

// TestSlowStart: an ACK of n bytes adds n, at most two segments (RFC 3465):
// with every second segment acknowledged cwnd doubles in a round trip.
func TestSlowStart(t *testing.T) {
	for _, a := range []Congestion{Tahoe, Reno, NewReno, CUBIC} {
		p := opened(t, with(a, 2))
		p.write(50_000)
		p.out(burst(1, 2, false)...)
		p.in("ACK 1:2001")
		p.cwnd(4000, 0)
		p.out(burst(2001, 4, false)...)
		p.in("ACK 1:4001", "ACK 1:6001")
		p.cwnd(8000, 0)
		p.out(burst(6001, 8, false)...)
		p.in("ACK 1:14001") // a stretch ACK adds only two
		p.cwnd(10_000, 0)
	}
}

// TestAvoidance: above ssthresh a window of acknowledged bytes adds a segment
// (RFC 5681 §3.1).
func TestAvoidance(t *testing.T) {
	for _, a := range []Congestion{Tahoe, Reno, NewReno} {
		p := opened(t, with(a, 4))
		p.c.ssthresh = 4000
		p.write(50_000)
		p.out(burst(1, 4, false)...)
		p.in("ACK 1:2001")
		p.cwnd(4000, 4000)
		p.out(burst(4001, 2, false)...)
		p.in("ACK 1:4001") // 4,000 bytes: a window
		p.cwnd(5000, 4000)
		p.out(burst(6001, 3, false)...)
		for _, ack := range []int{5001, 6001, 7001, 8001} {
			p.in(fmt.Sprintf("ACK 1:%d", ack))
			p.sent()
			p.cwnd(5000, 4000)
		}
		p.in("ACK 1:9001") // 5,000 more
		p.cwnd(6000, 4000)
	}
}

// TestSlowStartEnds at ssthresh, not beyond.
func TestSlowStartEnds(t *testing.T) {
	p := opened(t, with(Reno, 4))
	p.c.ssthresh = 5500
	p.write(50_000)
	p.sent()
	p.in("ACK 1:2001")
	p.cwnd(5500, 5500)
	if got := p.c.phaseName(); got != "avoidance" {
		t.Errorf("phase %s", got)
	}
}

// TestUnusedWindow: a sender that leaves room in cwnd does not earn more.
func TestUnusedWindow(t *testing.T) {
	for _, a := range []Congestion{Reno, CUBIC} {
		p := opened(t, with(a, 10))
		for i := range 20 {
			p.write(1000)
			p.out(fmt.Sprintf("PSH,ACK %d:1 len 1000", 1+1000*i))
			p.now += 10 * ms
			p.in(fmt.Sprintf("ACK 1:%d", 1001+1000*i))
		}
		p.cwnd(10_000, 0)
	}
}

// TestRestart after idle: RFC 5681 §4.1.
func TestRestart(t *testing.T) {
	p := opened(t, with(Reno, 2))
	for i := range 5 {
		p.write(1000 << (i + 1))
		p.sent()
		p.now += 100 * ms
		p.in(fmt.Sprintf("ACK 1:%d", p.c.nxt-p.c.iss))
	}
	was := p.c.Info().Cwnd
	if was <= 2000 {
		t.Fatalf("cwnd %d", was)
	}
	p.now += p.c.rto - 100*ms // since the last data
	p.write(1000)
	p.sent()
	p.cwnd(was, 0)
	p.in(fmt.Sprintf("ACK 1:%d", p.c.nxt-p.c.iss))
	p.now += p.c.rto + 1
	p.write(1000)
	p.sent()
	p.cwnd(2000, 0)
	p.saw(CwndChange, "idle", "RFC 5681 §4.1")
}

// TestCubicCurve compares cwnd with RFC 9438's formula after a loss at 100
// segments: W_max is 100, cwnd 70, K = ∛(30/0.4) = 4.217 s.
func TestCubicCurve(t *testing.T) {
	c := &Conn{cfg: &Config{}, mss: 1000, cwnd: 100_000}
	q := &cubic{}
	c.cc = q
	c.ssthresh = q.reduce(c, 0, 100_000)
	c.cwnd = c.ssthresh
	if c.cwnd != 70_000 || q.wMax != 100 {
		t.Fatalf("cwnd %d, W_max %v", c.cwnd, q.wMax)
	}
	const rtt = 500 * ms
	c.srtt = rtt
	k := math.Cbrt(30 / 0.4)
	for now := Time(0); now < 8*time.Second; now += rtt {
		for sent := c.cwnd; sent > 0; sent -= min(sent, 2000) { // a round trip's ACKs
			q.avoid(c, now, 2000)
		}
		// The target is where the curve will be a round trip from now, and
		// a window of ACKs goes most of the way there.
		w := func(at Time) float64 { return 0.4*math.Pow(at.Seconds()-k, 3) + 100 }
		if got := float64(c.cwnd) / 1000; got < w(now)-0.2 || got > w(now+rtt)+0.01 {
			t.Errorf("after %v: %.2f segments, want %.2f to %.2f", now, got, w(now), w(now+rtt))
		}
	}
	if math.Abs(q.k-k) > 1e-9 {
		t.Errorf("K = %v, want %v", q.k, k)
	}
	// Fast convergence (§4.7): a loss below W_max lowers it further.
	q.wMax, c.cwnd = 200, 100_000
	q.reduce(c, 0, 100_000)
	if q.wMax != 85 {
		t.Errorf("W_max %v, want 85", q.wMax)
	}
}

// TestCubicReno: with a short round trip CUBIC is as fast as Reno would be
// (RFC 9438 §4.3): 0.529 segments each, until it is where the loss was.
func TestCubicReno(t *testing.T) {
	c := &Conn{cfg: &Config{}, mss: 1000, cwnd: 20_000, srtt: ms}
	q := &cubic{}
	c.cc = q
	c.ssthresh = q.reduce(c, 0, 20_000)
	c.cwnd = c.ssthresh
	for i := range 10 {
		for range c.cwnd / 1000 {
			q.avoid(c, Time(i)*ms, 1000)
		}
	}
	want := 14 + 10*0.529
	if got := float64(c.cwnd) / 1000; math.Abs(got-want) > 0.3 {
		t.Errorf("%.2f segments, want %.2f", got, want)
	}
}

// TestCubicPause: time in which cwnd is not used does not count.
func TestCubicPause(t *testing.T) {
	c := &Conn{cfg: &Config{}, mss: 1000, cwnd: 100_000, srtt: 100 * ms}
	q := &cubic{}
	c.cc = q
	c.cwnd = q.reduce(c, 0, 100_000)
	q.avoid(c, 0, 1000)
	was := c.cwnd
	q.unused(ms)
	q.avoid(c, time.Hour, 1000)
	if c.cwnd > was+1000 {
		t.Errorf("cwnd jumped from %d to %d", was, c.cwnd)
	}
}

func TestParseCongestion(t *testing.T) {
	for _, a := range []Congestion{CUBIC, NewReno, Reno, Tahoe} {
		if got, ok := ParseCongestion(a.String()); !ok || got != a || newAlgorithm(a).name() != a {
			t.Errorf("%v: %v, %v", a, got, ok)
		}
	}
	if _, ok := ParseCongestion("vegas"); ok {
		t.Error("vegas is not here")
	}
}
