package tcp

import (
	"errors"
	"testing"
)

// TestPathMTU: what is on its way is cut anew and sent at once, and cwnd
// stays (RFC 1191 §6.4).
func TestPathMTU(t *testing.T) {
	cfg := plain()
	cfg.MSS = 1460
	p := dialled(t, cfg)
	p.sent()
	p.in("SYN,ACK 0:1 mss 1460")
	p.sent()
	p.write(3000)
	p.out("ACK 1:1 len 1460", "ACK 1461:1 len 1460", "PSH,ACK 2921:1 len 80")
	p.c.PathMTU(p.now, 1040)
	p.out("ACK 1:1 len 1000", "ACK 1001:1 len 1000", "PSH,ACK 2001:1 len 1000")
	p.saw(Retransmit, "path-mtu", "RFC 1191 §6.4")
	p.cwnd(14600, 0)
	p.in("ACK 1:3001")
	p.c.PathMTU(p.now, 9000) // no more than the handshake allowed
	if got := p.c.Info().MSS; got != 1460 {
		t.Errorf("MSS %d", got)
	}
	p.c.PathMTU(p.now, 10) // nor less than is believable
	if got := p.c.Info().MSS; got != minPathMTU4-40 {
		t.Errorf("MSS %d", got)
	}
}

// TestPathMTUEarly: before the handshake is over it only lowers the size.
func TestPathMTUEarly(t *testing.T) {
	p := dialled(t, plain())
	p.sent()
	p.c.PathMTU(p.now, 640)
	p.in("SYN,ACK 0:1 mss 1000")
	if got := p.c.Info().MSS; got != 600 {
		t.Errorf("MSS %d", got)
	}
}

func TestUnreachable(t *testing.T) {
	gone := errors.New("no route")
	p := dialled(t, plain())
	p.sent()
	p.c.Unreachable(p.now, false, gone) // soft: it may pass
	p.state(SynSent)
	p.c.Unreachable(p.now, true, gone)
	p.state(Closed)
	if !errors.Is(p.c.Err(), gone) {
		t.Error(p.c.Err())
	}

	p = opened(t, plain())
	p.write(10)
	p.sent()
	p.c.Unreachable(p.now, true, gone) // RFC 5461: not in a synchronized state
	p.state(Established)
	for p.c.State() != Closed {
		p.now, _ = p.c.Deadline()
		p.c.Tick(p.now)
		p.sent()
	}
	if !errors.Is(p.c.Err(), gone) { // but it is the better reason
		t.Error(p.c.Err())
	}
}
