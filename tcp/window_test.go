package tcp

import (
	"testing"
	"time"
)

// TestReceiveWindow: the window is the room of the buffer, its right edge
// never comes back, and it moves in steps worth telling (RFC 9293
// §3.8.6.2.2).
func TestReceiveWindow(t *testing.T) {
	cfg := plain()
	cfg.ReceiveBuffer = 5000
	p := opened(t, cfg)
	p.showWin = true
	p.in("ACK 1:1 len 1000", "ACK 1001:1 len 1000")
	p.out("ACK 1:2001 win 3000")
	p.in("ACK 2001:1 len 1000", "ACK 3001:1 len 1000")
	p.out("ACK 1:4001 win 1000")
	p.in("ACK 4001:1 len 1000")
	p.pass(40 * time.Millisecond)
	p.out("ACK 1:5001 win 0")
	b := make([]byte, 999)
	p.c.Read(p.now, b)
	p.out() // 999 bytes are not worth telling
	p.c.Read(p.now, b[:1])
	p.out("ACK 1:5001 win 1000")
	p.in("ACK 5001:1 len 500")
	p.pass(40 * time.Millisecond)
	p.out("ACK 1:5501 win 500")
	p.read(4500)
	p.out("ACK 1:5501 win 5000")
}

// TestWindowClosed: a probe is answered, and its byte is not taken.
func TestWindowClosed(t *testing.T) {
	cfg := plain()
	cfg.ReceiveBuffer = 1000
	p := opened(t, cfg)
	p.showWin = true
	p.in("ACK 1:1 len 1000")
	p.pass(40 * time.Millisecond)
	p.out("ACK 1:1001 win 0")
	p.in("ACK 1001:1 len 1")
	p.out("ACK 1:1001 win 0")
	p.saw(Drop, "window-closed", "RFC 9293 §3.8.6.1")
	p.in("ACK 1000:1") // a probe in the manner of Linux
	p.out("ACK 1:1001 win 0")
	p.read(1000)
	p.out("ACK 1:1001 win 1000")
	p.in("ACK 1001:1 len 1000")
	p.read(1000)
}

// TestWindowScale is RFC 7323 §2: the field is cut to a multiple of the
// scale, and what was offered before is still taken.
func TestWindowScale(t *testing.T) {
	for _, tc := range []struct {
		buffer int
		shift  uint8
	}{{65_535, 0}, {65_536, 1}, {131_070, 1}, {131_071, 2}, {1 << 20, 5}, {1 << 30, 14}, {1<<30 + 5, 14}} {
		cfg := &Config{ReceiveBuffer: tc.buffer}
		if got := scaleFor(cfg.receiveBuffer()); got != tc.shift {
			t.Errorf("buffer of %d: shift %d, want %d", tc.buffer, got, tc.shift)
		}
	}
	cfg := plain()
	cfg.NoWindowScale, cfg.ReceiveBuffer = false, 100_000
	p := opened(t, cfg)
	p.showWin = true
	p.in("ACK 1:1 len 1001", "ACK 1002:1 len 1000")
	p.out("ACK 1:2002 win 48999")                // (100,000 - 2,001) / 2, down
	if got := p.c.Info().Window; got != 97_999 { // the edge of the ACK before stays
		t.Errorf("window %d", got)
	}
}

// TestWindowUpdate is RFC 9293 §3.10.7.4: SND.WL1 and SND.WL2 keep old
// segments from setting the window.
func TestWindowUpdate(t *testing.T) {
	p := opened(t, plain())
	p.write(3000)
	p.sent()
	p.in("ACK 1:1001 win 5000")
	p.in("ACK 1:1 win 70") // older: acknowledges less
	if got := p.c.Info().PeerWindow; got != 5000 {
		t.Errorf("window %d", got)
	}
	p.in("ACK 1:1001 win 4000")
	if got := p.c.Info().PeerWindow; got != 4000 {
		t.Errorf("window %d", got)
	}
	p.in("ACK 11:1001 len 5 win 3000")
	p.in("ACK 1:1001 len 10 win 6000") // older: fills a hole
	if got := p.c.Info().PeerWindow; got != 3000 {
		t.Errorf("window %d", got)
	}
}

// TestNagle: small segments wait for small ones (Minshall), never for full
// ones, and not at all without Nagle's algorithm.
func TestNagle(t *testing.T) {
	p := opened(t, plain())
	p.write(10)
	p.out("PSH,ACK 1:1 len 10")
	p.write(10)
	p.write(20)
	p.out()
	p.in("ACK 1:11")
	p.out("PSH,ACK 11:1 len 30")
	p.write(2500)
	p.out("ACK 41:1 len 1000", "ACK 1041:1 len 1000") // 500 wait for the 30
	p.in("ACK 1:41")
	p.out("PSH,ACK 2041:1 len 500")
	p.in("ACK 1:2541")
	p.write(1500)
	p.out("ACK 2541:1 len 1000", "PSH,ACK 3541:1 len 500")

	cfg := plain()
	cfg.NoDelay = true
	p = opened(t, cfg)
	p.write(10)
	p.out("PSH,ACK 1:1 len 10")
	p.write(10)
	p.out("PSH,ACK 11:1 len 10")
	p.c.SetNoDelay(p.now, false)
	p.write(10)
	p.out()
	p.c.SetNoDelay(p.now, true)
	p.out("PSH,ACK 21:1 len 10")
	p.c.SetNoDelay(p.now, false)
	p.write(10)
	p.c.CloseWrite(p.now)
	p.out("FIN,PSH,ACK 31:1 len 10") // a FIN does not wait
}

// TestSillyWindow is the sender's half (RFC 9293 §3.8.6.2.1): a small window
// is not filled at once, unless it is half of the largest; in the end the
// override timeout fills it.
func TestSillyWindow(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 win 1100")
	p.write(5000)
	p.out("ACK 1:1 len 1000")
	p.now += 10 * time.Millisecond
	p.in("ACK 1:1001 win 300")
	p.out()
	p.pass(p.c.rto)
	p.out("ACK 1001:1 len 300")

	cfg := plain()
	p = dialled(t, cfg)
	p.sent()
	p.in("SYN,ACK 0:1 mss 1000 win 600")
	p.write(5000)
	p.out("ACK 1:1 len 600")
	p.in("ACK 1:601 win 300") // half of the largest
	p.out("ACK 601:1 len 300")
	p.in("ACK 1:901 win 299")
	p.out()
}

// TestShrunkWindow: a peer that takes its window back is put up with
// (RFC 9293 §3.8.6 MUST-34).
func TestShrunkWindow(t *testing.T) {
	p := opened(t, plain())
	p.write(5000)
	p.out(burst(1, 5, true)...)
	p.now += 100 * time.Millisecond
	p.in("ACK 1:1001 win 1500") // the edge was at 60,001
	p.write(1000)
	p.out()
	p.pass(p.c.rto)
	p.out("ACK 1001:1 len 1000")
	p.in("ACK 1:2001 win 0")
	p.out()
	p.pass(p.c.rto)
	p.out("ACK 2001:1 len 1")
	p.saw(Probe, "", "RFC 9293 §3.8.6.1")
	p.in("ACK 1:2001 win 0")
	p.out()
	p.in("ACK 1:2001 win 9000")
	if got := p.sent(); len(got) == 0 || got[0] != "ACK 2001:1 len 1000" {
		t.Errorf("sent %v", got)
	}
}
