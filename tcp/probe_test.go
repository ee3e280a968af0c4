package tcp

import (
	"errors"
	"testing"
	"time"
)

// TestPersist is RFC 9293 §3.8.6.1: the first probe after one timeout, the
// interval doubled each time, for as long as the peer answers.
func TestPersist(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 win 0")
	p.write(5000)
	p.out()
	wait := p.c.rto
	for i := range 20 {
		p.pass(wait - 1)
		p.out()
		p.pass(1)
		p.out("ACK 1:1 len 1")
		p.saw(Probe, "", "RFC 9293 §3.8.6.1")
		p.in("ACK 1:1 win 0")
		p.out()
		if i == 0 && p.c.rto != wait {
			t.Errorf("probes backed off RTO to %v", p.c.rto)
		}
		wait = min(2*wait, DefaultMaxRTO)
	}
	p.cwnd(10_000, 0) // a closed window is no congestion
	p.in("ACK 1:1 win 3000")
	p.out("ACK 1:1 len 1000", "ACK 1001:1 len 1000", "ACK 2001:1 len 1000")
	p.saw(Retransmit, "window-open", "RFC 9293 §3.8.6.1")
	p.in("ACK 1:3001 win 3000")
	p.out("ACK 3001:1 len 1000", "PSH,ACK 4001:1 len 1000")
}

// TestPersistTaken: the probe's byte may be taken after all.
func TestPersistTaken(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 win 0")
	p.write(5000)
	p.out()
	p.pass(p.c.rto)
	p.out("ACK 1:1 len 1")
	p.in("ACK 1:2 win 0")
	p.out()
	p.pass(p.c.rto)
	p.out("ACK 2:1 len 1")
	p.in("ACK 1:3 win 60000")
	p.out("ACK 3:1 len 1000", "ACK 1003:1 len 1000", "ACK 2003:1 len 1000", "ACK 3003:1 len 1000", "PSH,ACK 4003:1 len 998")
}

// TestPersistDead: nobody answers any more.
func TestPersistDead(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 win 0")
	p.write(10)
	p.sent()
	probes := 0
	for p.c.State() != Closed {
		p.now, _ = p.c.Deadline()
		p.c.Tick(p.now)
		probes += len(p.sent())
	}
	if probes != DefaultRetries || !errors.Is(p.c.Err(), ErrTimeout) {
		t.Errorf("%d probes, %v", probes, p.c.Err())
	}
}

// TestPersistOrphan: a peer that keeps its window closed cannot hold on to a
// connection whose user has left.
func TestPersistOrphan(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 win 0")
	p.write(10)
	p.c.Close(p.now)
	p.sent()
	probes := 0
	for p.c.State() != Closed {
		p.now, _ = p.c.Deadline()
		p.c.Tick(p.now)
		if n := len(p.sent()); n > 0 {
			probes += n
			p.in("ACK 1:1 win 0")
			p.sent()
		}
	}
	if probes != orphanRetries {
		t.Errorf("%d probes", probes)
	}
}

// TestKeepalive: a dead peer is found after 2 h + 10 · 75 s, not a moment
// earlier or later.
func TestKeepalive(t *testing.T) {
	cfg := plain()
	cfg.Keepalive = DefaultKeepalive
	p := opened(t, cfg)
	start := p.now
	p.pass(2 * time.Hour)
	p.out("ACK 0:1")
	p.saw(Probe, "", "RFC 9293 §3.8.4")
	for range 9 {
		p.pass(75 * time.Second)
		p.out("ACK 0:1")
	}
	p.pass(75*time.Second - 1)
	p.state(Established)
	p.pass(1)
	p.state(Closed)
	p.out("RST,ACK 1:1")
	if p.now-start != 2*time.Hour+750*time.Second || !errors.Is(p.c.Err(), ErrTimeout) {
		t.Errorf("after %v: %v", p.now-start, p.c.Err())
	}
}

// TestKeepaliveAnswered: the answer, and any other segment, begins the
// silence anew.
func TestKeepaliveAnswered(t *testing.T) {
	p := opened(t, plain())
	p.c.SetKeepalive(p.now, Keepalive{Idle: time.Minute, Interval: 10 * time.Second, Probes: 3})
	for range 5 {
		p.pass(time.Minute)
		p.out("ACK 0:1")
		p.pass(10 * time.Second)
		p.out("ACK 0:1")
		p.in("ACK 1:1")
		p.out()
	}
	p.pass(59 * time.Second)
	p.in("ACK 1:1 len 10")
	p.pass(40 * ms)
	p.out("ACK 1:11")
	p.pass(time.Minute - 40*ms - 1)
	p.out()
	p.pass(1)
	p.out("ACK 0:11")
	p.in("ACK 11:1")
	p.c.SetKeepalive(p.now, Keepalive{})
	p.pass(time.Hour)
	p.out()
}

// TestKeepaliveBusy: data on their way have a timer of their own (RFC 9293
// §3.8.4 MUST-26).
func TestKeepaliveBusy(t *testing.T) {
	cfg := plain()
	cfg.Keepalive = Keepalive{Idle: time.Second}
	p := opened(t, cfg)
	p.write(10)
	p.sent()
	for range 6 {
		p.now, _ = p.c.Deadline()
		p.c.Tick(p.now)
		for _, line := range p.sent() {
			if line != "PSH,ACK 1:1 len 10" {
				t.Errorf("sent %s", line)
			}
		}
	}
}

// TestKeepaliveSeen: a keepalive probe is answered (it lies before the
// window), so both ends can probe each other for ever.
func TestKeepaliveSeen(t *testing.T) {
	m := newSim(t, &Config{Keepalive: DefaultKeepalive}, &Config{Keepalive: DefaultKeepalive}, 10*ms)
	m.established()
	m.run(100 * time.Hour)
	if m.client.state != Established || m.server.state != Established {
		t.Errorf("client %v, server %v", m.client.state, m.server.state)
	}
}
