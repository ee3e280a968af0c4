package tcp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"waypost/packet"
)

// caller is one of many clients of a Listener.
type caller struct {
	addr netip.AddrPort
	c    *Conn // at the listener
	iss  uint32
}

// call sends a SYN and returns what comes back.
func call(l *Listener, i int, now Time, o packet.TCPOptions) (caller, Segment, bool) {
	k := caller{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 4000), iss: uint32(i) * 77777}
	s := Segment{}
	s.Seq, s.Flags, s.Window, s.Options = k.iss, packet.SYN, 60_000, o
	c, reply, send := l.Segment(now, serverAddr, k.addr, &s)
	k.c = c
	if c != nil {
		send = c.Next(now, &reply)
	}
	return k, reply, send
}

// confirm sends the ACK of a SYN,ACK.
func (k *caller) confirm(l *Listener, now Time, synack *Segment) (reply Segment, send bool) {
	s := Segment{}
	s.Seq, s.Ack, s.Flags, s.Window = k.iss+1, synack.Seq+1, packet.ACK, 60_000
	if synack.Options.HasTimestamps {
		s.Options.HasTimestamps, s.Options.TSVal, s.Options.TSEcr = true, 100, synack.Options.TSVal
	}
	if k.c != nil {
		k.c.Segment(now, &s)
		return Segment{}, false
	}
	k.c, reply, send = l.Segment(now, serverAddr, k.addr, &s)
	return reply, send
}

// TestListen is RFC 9293 §3.10.7.2.
func TestListen(t *testing.T) {
	for _, tc := range []struct{ in, out, verdict string }{
		{"RST 0:0", "", "rst"},
		{"ACK 0:500", "RST 500:0", "no-connection"},
		{"SYN,ACK 0:500", "RST 500:0", "no-connection"},
		{"FIN 0:0", "", "no-syn"},
	} {
		p := listening(t, &ListenConfig{})
		p.in(tc.in)
		if tc.out == "" {
			p.out()
		} else {
			p.out(tc.out)
		}
		p.saw(Drop, tc.verdict, "RFC 9293 §3.10.7.2")
		if p.c != nil || p.l.Ready() {
			t.Errorf("%s: made a connection", tc.in)
		}
	}
}

// TestBacklogClause: no RFC says what becomes of a connection that finds the
// queue for Accept full, so none is named; the half-open ones are RFC 4987's.
func TestBacklogClause(t *testing.T) {
	p := listening(t, &ListenConfig{Backlog: 1, Cookies: Never})
	p.in("SYN 0:0")
	p.out("SYN,ACK 0:1")
	first := p.c
	p.c = nil
	other, _, _ := call(p.l, 1, 0, packet.TCPOptions{})
	if other.c != nil {
		t.Error("a second half-open connection")
	}
	p.saw(Drop, "backlog", "RFC 4987 §2")
	p.c = first
	p.in("ACK 1:1")
	p.state(Established)
	call(p.l, 1, 0, packet.TCPOptions{})
	p.saw(Drop, "backlog", "")
}

// TestReset is RFC 9293 §3.10.7.1.
func TestReset(t *testing.T) {
	for _, tc := range []struct{ in, out string }{
		{"RST 5:0", ""},
		{"SYN 5:0", "RST,ACK 0:6"},
		{"FIN 5:0 len 10", "RST,ACK 0:16"},
		{"ACK 5:90", "RST 90:0"},
		{"SYN,ACK 5:90", "RST 90:0"},
	} {
		p := &peer{t: t}
		s := p.parse(tc.in)
		reply, send := Reset(&s)
		got := ""
		if send {
			got = p.format(&reply)
			if reply.SrcPort != s.DstPort || reply.DstPort != s.SrcPort {
				t.Errorf("%s: ports %d, %d", tc.in, reply.SrcPort, reply.DstPort)
			}
		}
		if got != tc.out {
			t.Errorf("%s: got %q, want %q", tc.in, got, tc.out)
		}
	}
}

// TestAccept: connections come in the order in which they were established,
// and each once.
func TestAccept(t *testing.T) {
	l := Listen(&ListenConfig{Config: plain(), Backlog: 10})
	var callers []caller
	var replies []Segment
	for i := range 5 {
		k, r, send := call(l, i, 0, packet.TCPOptions{})
		if !send || r.Flags != packet.SYN|packet.ACK {
			t.Fatalf("%d: %v", i, r.Flags)
		}
		callers, replies = append(callers, k), append(replies, r)
	}
	if l.Ready() || l.Accept() != nil {
		t.Error("a half-open connection was accepted")
	}
	for _, i := range []int{3, 1, 4, 0, 2} {
		callers[i].confirm(l, 0, &replies[i])
	}
	for _, i := range []int{3, 1, 4, 0, 2} {
		if !l.Ready() || l.Accept() != callers[i].c {
			t.Errorf("%d was not the next", i)
		}
	}
	if l.Ready() || len(l.half) != 0 {
		t.Errorf("%d half-open, ready %v", len(l.half), l.Ready())
	}
}

// TestBacklog: without cookies a SYN that finds too many half-open ones is
// dropped; one that dies makes room.
func TestBacklog(t *testing.T) {
	l := Listen(&ListenConfig{Config: plain(), Backlog: 3, Cookies: Never})
	var first caller
	for i := range 3 {
		k, _, send := call(l, i, 0, packet.TCPOptions{})
		if !send {
			t.Fatalf("%d was dropped", i)
		}
		if i == 0 {
			first = k
		}
	}
	if _, _, send := call(l, 3, 0, packet.TCPOptions{}); send {
		t.Error("the fourth was answered")
	}
	first.c.Abort(0)
	if _, _, send := call(l, 3, 0, packet.TCPOptions{}); !send {
		t.Error("there was room again, but it was dropped")
	}
}

// TestAcceptQueue: when nobody accepts, the last ACK of a handshake is not
// taken; the SYN,ACK that comes again gives it another chance.
func TestAcceptQueue(t *testing.T) {
	l := Listen(&ListenConfig{Config: plain(), Backlog: 2, Cookies: Never})
	var callers []caller
	var replies []Segment
	for i := range 2 {
		k, r, _ := call(l, i, 0, packet.TCPOptions{})
		callers, replies = append(callers, k), append(replies, r)
	}
	callers[0].confirm(l, 0, &replies[0])
	k, r, _ := call(l, 2, 0, packet.TCPOptions{})
	callers[1].confirm(l, 0, &replies[1])
	k.confirm(l, 0, &r)
	if k.c.State() != SynReceived {
		t.Fatalf("state %v", k.c.State())
	}
	if _, _, send := call(l, 4, 0, packet.TCPOptions{}); send {
		t.Error("a SYN was answered although the queue is full")
	}
	l.Accept()
	at, _ := k.c.Deadline()
	k.c.Tick(at)
	if !k.c.Next(at, &r) || r.Flags != packet.SYN|packet.ACK {
		t.Fatal("the SYN,ACK did not come again")
	}
	k.confirm(l, at, &r)
	if k.c.State() != Established {
		t.Errorf("state %v", k.c.State())
	}
}

// TestCookies: nothing is kept of a SYN, and yet the connection knows its
// options.
func TestCookies(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options packet.TCPOptions
		mss     int
		sack    bool
		scale   uint8
	}{
		{"none", packet.TCPOptions{}, 536, false, 0},
		{"size only", packet.TCPOptions{MSS: 1300}, 1220, false, 0},
		{"no timestamps", packet.TCPOptions{MSS: 1460, SACKPermitted: true, HasWindowScale: true, WindowScale: 7}, 1460, false, 0},
		{"all", packet.TCPOptions{MSS: 1460, SACKPermitted: true, HasWindowScale: true, WindowScale: 7, HasTimestamps: true, TSVal: 99}, 1448, true, 7},
		{"no SACK", packet.TCPOptions{MSS: 9000, HasWindowScale: true, WindowScale: 14, HasTimestamps: true, TSVal: 99}, 8928, false, 14},
		{"no scale", packet.TCPOptions{MSS: 1440, SACKPermitted: true, HasTimestamps: true, TSVal: 99}, 1428, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := Listen(&ListenConfig{Config: &Config{MSS: 9000}, Backlog: 3, Cookies: Always, Secret: [16]byte{1, 2, 3}})
			now := 1000 * time.Second
			k, r, send := call(l, 1, now, tc.options)
			if !send || k.c != nil || len(l.half) != 0 {
				t.Fatal("something was kept")
			}
			if r.Ack != k.iss+1 || r.Flags != packet.SYN|packet.ACK {
				t.Fatalf("reply %+v", r)
			}
			if _, send := k.confirm(l, now+time.Second, &r); send || k.c == nil {
				t.Fatal("its ACK made no connection")
			}
			i := k.c.Info()
			if i.State != Established || i.MSS != tc.mss || i.SACK != tc.sack || i.SendScale != tc.scale || i.Timestamps != tc.options.HasTimestamps {
				t.Errorf("%+v", i)
			}
			if l.Accept() != k.c {
				t.Error("not accepted")
			}
		})
	}
}

// TestCookieChecks: a cookie is good for a minute or two, for its own
// connection, and for nobody who guesses.
func TestCookieChecks(t *testing.T) {
	secret := [16]byte{9}
	now := 5000 * time.Second
	iss := cookie(secret, serverAddr, clientAddr, 42, 1460, now)
	for _, tc := range []struct {
		name string
		ok   bool
		call func() (uint16, bool)
	}{
		{"at once", true, func() (uint16, bool) { return checkCookie(secret, serverAddr, clientAddr, 42, iss, now) }},
		{"a tick later", true, func() (uint16, bool) { return checkCookie(secret, serverAddr, clientAddr, 42, iss, now+cookieTick) }},
		{"two ticks later", false, func() (uint16, bool) { return checkCookie(secret, serverAddr, clientAddr, 42, iss, now+2*cookieTick) }},
		{"32 ticks later", false, func() (uint16, bool) { return checkCookie(secret, serverAddr, clientAddr, 42, iss, now+32*cookieTick) }},
		{"another number", false, func() (uint16, bool) { return checkCookie(secret, serverAddr, clientAddr, 43, iss, now) }},
		{"another port", false, func() (uint16, bool) {
			return checkCookie(secret, serverAddr, netip.AddrPortFrom(clientAddr.Addr(), 1), 42, iss, now)
		}},
		{"another secret", false, func() (uint16, bool) { return checkCookie([16]byte{8}, serverAddr, clientAddr, 42, iss, now) }},
		{"one bit", false, func() (uint16, bool) { return checkCookie(secret, serverAddr, clientAddr, 42, iss^1, now) }},
		{"another size", false, func() (uint16, bool) { return checkCookie(secret, serverAddr, clientAddr, 42, iss^1<<24, now) }},
	} {
		if mss, ok := tc.call(); ok != tc.ok || ok && mss != 1460 {
			t.Errorf("%s: %d, %v", tc.name, mss, ok)
		}
	}
}

// TestCookiesAuto: cookies begin when the backlog is full, and are believed
// only then.
func TestCookiesAuto(t *testing.T) {
	l := Listen(&ListenConfig{Config: plain(), Backlog: 2})
	forged := caller{addr: clientAddr, iss: 1}
	if _, send := forged.confirm(l, 0, &Segment{TCP: packet.TCP{Seq: cookie([16]byte{}, serverAddr, clientAddr, 1, 536, 0)}}); !send || forged.c != nil {
		t.Error("a cookie was believed although none was sent")
	}
	for i := range 2 {
		if k, _, _ := call(l, i, 0, packet.TCPOptions{}); k.c == nil {
			t.Fatalf("%d got a cookie", i)
		}
	}
	flood := 0
	for i := 2; i < 1000; i++ {
		if k, _, send := call(l, i, 0, packet.TCPOptions{}); k.c == nil && send {
			flood++
		}
	}
	if flood != 998 || len(l.half) != 2 {
		t.Errorf("%d cookies, %d half-open", flood, len(l.half))
	}
	k, r, _ := call(l, 1000, 0, packet.TCPOptions{})
	if _, send := k.confirm(l, time.Second, &r); send || k.c.State() != Established {
		t.Error("a client could not connect during the flood")
	}
}

// TestCookieStamp: the options in the timestamp come back, and the timestamp
// is never ahead of the clock.
func TestCookieStamp(t *testing.T) {
	for clock := uint32(100); clock < 200; clock++ {
		for _, o := range []packet.TCPOptions{{}, {SACKPermitted: true}, {HasWindowScale: true}, {HasWindowScale: true, WindowScale: 14, SACKPermitted: true}} {
			stamp := packStamp(clock, &o)
			if after(stamp, clock) || clock-stamp >= 64 {
				t.Fatalf("stamp %d at %d", stamp, clock)
			}
			got := unpackStamp(&packet.TCPOptions{HasTimestamps: true, TSVal: 5, TSEcr: stamp}, 1000)
			want := o
			want.MSS, want.HasTimestamps, want.TSVal = 1000, true, 5
			if got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
	}
}

// TestListenerClose resets what was not accepted.
func TestListenerClose(t *testing.T) {
	l := Listen(&ListenConfig{Config: plain()})
	a, _, _ := call(l, 1, 0, packet.TCPOptions{})
	b, r, _ := call(l, 2, 0, packet.TCPOptions{})
	b.confirm(l, 0, &r)
	conns := l.Close(0)
	if len(conns) != 2 || a.c.State() != Closed || b.c.State() != Closed {
		t.Fatalf("%d connections, %v, %v", len(conns), a.c.State(), b.c.State())
	}
	for _, c := range conns {
		var s Segment
		if !c.Next(0, &s) || s.Flags != packet.RST|packet.ACK || !c.Done() {
			t.Errorf("sent %v, done %v", s.Flags, c.Done())
		}
	}
}

// TestInitialSequence: RFC 6528: a clock of 4 µs, apart for each connection.
func TestInitialSequence(t *testing.T) {
	secret := [16]byte{7}
	a := InitialSequence(secret, clientAddr, serverAddr, 0)
	if b := InitialSequence(secret, clientAddr, serverAddr, time.Second); b-a != 250_000 {
		t.Errorf("a second later %d more", b-a)
	}
	seen := map[uint32]string{a: "first"}
	for i := range 100 {
		n := InitialSequence(secret, clientAddr, netip.AddrPortFrom(serverAddr.Addr(), uint16(i+1000)), 0)
		if old, twice := seen[n]; twice {
			t.Errorf("%s and %d have the same", old, i)
		}
		seen[n] = fmt.Sprint(i)
	}
	if InitialSequence([16]byte{8}, clientAddr, serverAddr, 0) == a {
		t.Error("the secret does not matter")
	}
}
