package tcp

import (
	"errors"
	"io"
	"testing"
	"time"
)

// TestHalfClose: RFC 9293 §3.6.1: after our FIN the peer may go on for as
// long as it likes.
func TestHalfClose(t *testing.T) {
	p := opened(t, plain())
	p.write(10)
	p.c.CloseWrite(p.now)
	p.out("FIN,PSH,ACK 1:1 len 10")
	p.in("ACK 1:12")
	p.state(FinWait2)
	p.now += 24 * time.Hour
	p.in("ACK 1:12 len 1000")
	p.read(1000)
	if _, err := p.c.Write(p.now, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if err := p.c.CloseWrite(p.now); !errors.Is(err, ErrClosed) {
		t.Errorf("CloseWrite: %v", err)
	}
	p.in("FIN,ACK 1001:12")
	p.state(TimeWait)
	p.out("ACK 12:1002")
	if _, err := p.c.Read(p.now, make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
	if p.c.Err() != nil {
		t.Error(p.c.Err())
	}
}

// TestFINRetransmitted, and what waits in front of it.
func TestFINRetransmitted(t *testing.T) {
	p := opened(t, plain())
	p.write(1500)
	p.c.CloseWrite(p.now)
	p.out("ACK 1:1 len 1000", "FIN,PSH,ACK 1001:1 len 500")
	p.in("ACK 1:1501")
	p.out()
	p.pass(p.c.rto)
	p.out("FIN,ACK 1501:1")
	p.in("ACK 1:1502")
	p.state(FinWait2)

	p = opened(t, plain()) // a FIN goes although the window is closed
	p.in("ACK 1:1 win 0")
	p.c.CloseWrite(p.now)
	p.out("FIN,ACK 1:1")
}

// TestCloseUnread: RFC 2525 §2.17.
func TestCloseUnread(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 len 10")
	p.c.Close(p.now)
	p.out("RST,ACK 1:11")
	p.state(Closed)
	if !p.c.Done() || len(p.c.in.pages) != 0 {
		t.Error("not done, or memory is kept")
	}
}

// TestCloseUnreadLate: in TIME-WAIT it is too late for a RST, and the wait
// goes on.
func TestCloseUnreadLate(t *testing.T) {
	p := opened(t, plain())
	p.c.CloseWrite(p.now)
	p.sent()
	p.in("FIN,ACK 1:2 len 10")
	p.out("ACK 2:12")
	p.c.Close(p.now)
	p.out()
	p.state(TimeWait)
	p.in("FIN,ACK 1:2 len 10")
	p.out("ACK 2:12")
}

// TestDataAfterClose: RFC 9293 §3.6.1: nobody can read them.
func TestDataAfterClose(t *testing.T) {
	p := opened(t, plain())
	p.c.Close(p.now)
	p.out("FIN,ACK 1:1")
	p.in("ACK 1:2")
	p.state(FinWait2)
	p.in("ACK 1:2 len 10")
	p.out("RST,ACK 2:1")
	p.state(Closed)
}

// TestFinWait2 ends after its time, but only for an orphan.
func TestFinWait2(t *testing.T) {
	p := opened(t, plain())
	p.c.Close(p.now)
	p.out("FIN,ACK 1:1")
	p.in("ACK 1:2")
	p.pass(DefaultFinWait2 - 1)
	p.state(FinWait2)
	p.pass(1)
	p.state(Closed)

	p = opened(t, plain())
	p.c.CloseWrite(p.now)
	p.sent()
	p.in("ACK 1:2")
	p.pass(time.Hour)
	p.state(FinWait2)
	p.c.Close(p.now) // from now on
	p.pass(DefaultFinWait2)
	p.state(Closed)
}

// TestOrphan: after Close data are sent again eight times only.
func TestOrphan(t *testing.T) {
	p := opened(t, plain())
	p.write(10)
	p.c.Close(p.now)
	p.out("FIN,PSH,ACK 1:1 len 10")
	sent := 0
	for p.c.State() != Closed {
		p.now, _ = p.c.Deadline()
		p.c.Tick(p.now)
		sent += len(p.sent())
	}
	if sent != orphanRetries {
		t.Errorf("%d retransmissions", sent)
	}
}

// TestAbort: RFC 9293 §3.10.5.
func TestAbort(t *testing.T) {
	for _, tc := range []struct {
		name string
		to   func() *peer
		want []string
	}{
		{"SYN-SENT", func() *peer { p := dialled(t, plain()); p.sent(); return p }, nil},
		{"SYN-RECEIVED", func() *peer { p := listening(t, &ListenConfig{}); p.in("SYN 0:0"); p.sent(); return p }, []string{"RST,ACK 1:1"}},
		{"ESTABLISHED", func() *peer { return opened(t, plain()) }, []string{"RST,ACK 1:1"}},
		{"CLOSE-WAIT", func() *peer { p := opened(t, plain()); p.in("FIN,ACK 1:1"); p.sent(); return p }, []string{"RST,ACK 1:2"}},
		{"LAST-ACK", func() *peer {
			p := opened(t, plain())
			p.in("FIN,ACK 1:1")
			p.c.CloseWrite(p.now)
			p.sent()
			return p
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := tc.to()
			if got := p.c.State().String(); got != tc.name {
				t.Fatalf("state %s", got)
			}
			p.c.Abort(p.now)
			p.out(tc.want...)
			if !p.c.Done() || !errors.Is(p.c.Err(), ErrClosed) {
				t.Errorf("done %v, %v", p.c.Done(), p.c.Err())
			}
			if _, on := p.c.Deadline(); on {
				t.Error("a timer runs")
			}
		})
	}
}

// TestTimeWait lasts two maximum segment lifetimes, answers a FIN sent again
// and begins anew with it.
func TestTimeWait(t *testing.T) {
	cfg := plain()
	cfg.MSL = 2 * time.Minute
	p := opened(t, cfg)
	p.c.CloseWrite(p.now)
	p.out("FIN,ACK 1:1")
	p.in("FIN,ACK 1:2")
	p.out("ACK 2:2")
	p.state(TimeWait)
	p.pass(3 * time.Minute)
	p.in("FIN,ACK 1:2")
	p.out("ACK 2:2")
	p.saw(Drop, "fin-again", "RFC 9293 §3.10.7.4")
	p.pass(4*time.Minute - 1)
	p.state(TimeWait)
	p.pass(1)
	p.state(Closed)
	if p.c.Err() != nil {
		t.Error(p.c.Err())
	}
}

// TestTimeWaitReuse: a new SYN takes over when it cannot be old.
func TestTimeWaitReuse(t *testing.T) {
	waiting := func(cfg *Config, syn, ack, fin string) *peer {
		p := listening(t, &ListenConfig{Config: cfg})
		p.in(syn)
		p.sent()
		p.in(ack)
		p.c.CloseWrite(p.now)
		p.sent()
		p.in(fin)
		p.sent()
		p.state(TimeWait)
		p.l.Accept()
		return p
	}
	for _, tc := range []struct {
		name   string
		stamps bool
		again  string
		ok     bool
	}{
		{"a later number", false, "SYN 3:0", true},
		{"an old number", false, "SYN 2:0", false},
		{"an older number", false, "SYN -100:0", false},
		{"a later timestamp", true, "SYN -100:0 ts 501/0", true},
		{"an old timestamp", true, "SYN 3:0 ts 499/0", false},
		{"the same timestamp, a later number", true, "SYN 3:0 ts 500/0", true},
		{"the same timestamp, an old number", true, "SYN 1:0 ts 500/0", false},
		{"no SYN", false, "ACK 3:2", false},
		{"SYN,ACK", false, "SYN,ACK 3:2", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p *peer
			if tc.stamps {
				p = waiting(&Config{MSS: 1000}, "SYN 0:0 ts 500/0", "ACK 1:1 ts 500/1001", "FIN,ACK 1:2 ts 500/1001")
			} else {
				p = waiting(plain(), "SYN 0:0", "ACK 1:1", "FIN,ACK 1:2")
			}
			s := p.parse(tc.again)
			c, ok := p.l.Renew(p.now, p.c, &s)
			if ok != tc.ok {
				t.Fatalf("got %v", ok)
			}
			if !ok {
				p.state(TimeWait)
				return
			}
			if p.c.State() != Closed || c.State() != SynReceived || !after(c.iss, p.c.nxt) {
				t.Errorf("old %v, new %v, %d after %d", p.c.State(), c.State(), c.iss, p.c.nxt)
			}
		})
	}
}

// TestSimultaneousClose is RFC 9293 figure 13.
func TestSimultaneousClose(t *testing.T) {
	p := opened(t, plain())
	p.write(10)
	p.c.CloseWrite(p.now)
	p.out("FIN,PSH,ACK 1:1 len 10")
	p.in("FIN,ACK 1:1")
	p.state(Closing)
	p.out("ACK 12:2")
	p.pass(p.c.rto)
	p.out("FIN,PSH,ACK 1:2 len 10")
	p.in("ACK 2:12")
	p.state(TimeWait)
}
