package tcp

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"waypost/packet"
)

// peer plays the other end of one Conn by hand: segments go in and come out
// as lines of text,
//
//	FLAGS SEQ:ACK [len N] [win N] [mss N] [ws N] [sackok] [ts VAL/ECR] [sack A-B ...]
//
// with sequence numbers counted from either end's initial one, so that the
// first byte of data is 1. What goes out is shown with len when there is a
// payload, and with win when showWin is set.
type peer struct {
	t        testing.TB
	c        *Conn
	l        *Listener
	now      Time
	iss      uint32 // the peer's
	win      uint16 // of its segments without one
	showWin  bool
	showOpts bool
	events   []Event
	reply    []Segment // of the listener
}

func (p *peer) observe(cfg *Config) *Config {
	d := *cfg
	d.Observe = func(e *Event) { p.events = append(p.events, *e) }
	return &d
}

// plain is a Config without options, so that sizes are round.
func plain() *Config {
	return &Config{NoSACK: true, NoTimestamps: true, NoWindowScale: true, MSS: 1000, Congestion: NewReno}
}

// dialled is a Conn that has sent its SYN.
func dialled(t testing.TB, cfg *Config) *peer {
	p := &peer{t: t, now: time.Second, iss: 70_000, win: 60_000}
	p.c = Dial(p.observe(cfg), clientAddr, serverAddr, 1<<32-3, p.now)
	return p
}

// opened is a Conn that has opened actively.
func opened(t testing.TB, cfg *Config) *peer {
	t.Helper()
	p := dialled(t, cfg)
	p.out("SYN 0:0")
	syn := "SYN,ACK 0:1 mss 1000"
	if !cfg.NoSACK {
		syn += " sackok"
	}
	if !cfg.NoTimestamps {
		syn += " ts 500/1"
	}
	if !cfg.NoWindowScale {
		syn += " ws 7"
	}
	p.in(syn)
	p.out("ACK 1:1")
	return p
}

// listening is a Listener without connections.
func listening(t testing.TB, cfg *ListenConfig) *peer {
	p := &peer{t: t, now: time.Second, iss: 70_000, win: 60_000}
	d := *cfg
	if d.Config == nil {
		d.Config = plain()
	}
	d.Config = p.observe(d.Config)
	p.l = Listen(&d)
	return p
}

// ours is the Conn's initial sequence number.
func (p *peer) ours() uint32 {
	if p.c == nil {
		return 0
	}
	return p.c.iss
}

// parse reads a line.
func (p *peer) parse(line string) Segment {
	p.t.Helper()
	f := strings.Fields(line)
	var s Segment
	for _, name := range strings.Split(f[0], ",") {
		for i := range 8 {
			if packet.TCPFlags(1<<i).String() == name {
				s.Flags |= 1 << i
			}
		}
	}
	num := func(x string) uint32 {
		n, err := strconv.ParseInt(x, 10, 64)
		if err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		return uint32(n)
	}
	seq, ack, _ := strings.Cut(f[1], ":")
	s.SrcPort, s.DstPort = serverAddr.Port(), clientAddr.Port()
	s.Seq = p.iss + num(seq)
	s.Ack = num(ack)
	if s.Flags&packet.ACK != 0 {
		s.Ack += p.ours()
	}
	s.Window = p.win
	for f = f[2:]; len(f) > 0; f = f[1:] {
		word := f[0]
		arg := func() string { f = f[1:]; return f[0] }
		o := &s.Options
		switch word {
		case "len":
			s.Payload = make([]byte, num(arg()))
			for i := range s.Payload {
				s.Payload[i] = at(0, int(s.Seq-p.iss)+i)
			}
		case "win":
			s.Window = uint16(num(arg()))
		case "mss":
			o.MSS = uint16(num(arg()))
		case "ws":
			o.HasWindowScale, o.WindowScale = true, uint8(num(arg()))
		case "sackok":
			o.SACKPermitted = true
		case "ts":
			val, ecr, _ := strings.Cut(arg(), "/")
			o.HasTimestamps, o.TSVal, o.TSEcr = true, num(val), num(ecr)
		case "sack":
			for len(f) > 1 {
				left, right, _ := strings.Cut(arg(), "-")
				o.SACK[o.SACKBlocks] = packet.SACKBlock{Left: p.ours() + num(left), Right: p.ours() + num(right)}
				o.SACKBlocks++
			}
		default:
			p.t.Fatalf("%q: what is %q?", line, word)
		}
	}
	return s
}

// format is the inverse.
func (p *peer) format(s *Segment) string {
	ack := uint32(0)
	if s.Flags&packet.ACK != 0 {
		ack = s.Ack - p.iss
	}
	seq := s.Seq - p.ours()
	if p.c == nil {
		seq = s.Seq
	}
	line := fmt.Sprintf("%v %d:%d", s.Flags, int32(seq), int32(ack))
	if len(s.Payload) > 0 {
		line += fmt.Sprintf(" len %d", len(s.Payload))
	}
	if p.showWin {
		line += fmt.Sprintf(" win %d", s.Window)
	}
	o := &s.Options
	if p.showOpts {
		if o.MSS != 0 {
			line += fmt.Sprintf(" mss %d", o.MSS)
		}
		if o.HasWindowScale {
			line += fmt.Sprintf(" ws %d", o.WindowScale)
		}
		if o.SACKPermitted {
			line += " sackok"
		}
		if o.HasTimestamps {
			line += fmt.Sprintf(" ts %d/%d", o.TSVal, o.TSEcr)
		}
	}
	if o.SACKBlocks > 0 {
		line += " sack"
		for _, b := range o.SACK[:o.SACKBlocks] {
			line += fmt.Sprintf(" %d-%d", b.Left-p.iss, b.Right-p.iss)
		}
	}
	return line
}

// in hands over segments.
func (p *peer) in(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		s := p.parse(line)
		if p.c != nil {
			p.c.Segment(p.now, &s)
			check(p.t, p.c)
			continue
		}
		c, reply, send := p.l.Segment(p.now, serverAddr, clientAddr, &s)
		if send {
			p.reply = append(p.reply, reply)
		}
		if c != nil {
			p.c = c
		}
	}
}

// sent takes what is to be sent.
func (p *peer) sent() []string {
	p.t.Helper()
	var lines []string
	for i := range p.reply {
		lines = append(lines, p.format(&p.reply[i]))
	}
	p.reply = nil
	var s Segment
	for p.c != nil && p.c.Next(p.now, &s) {
		lines = append(lines, p.format(&s))
		if len(lines) > 5000 {
			p.t.Fatal("no end of segments")
		}
	}
	if p.c != nil {
		checkQuiet(p.t, p.c)
	}
	return lines
}

// out compares what is to be sent now.
func (p *peer) out(want ...string) {
	p.t.Helper()
	got := p.sent()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		p.t.Fatalf("%v: sent\n\t%s\nwant\n\t%s", p.now, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// pass lets time go by, with all timers that are due in it; nothing may be
// sent before its end.
func (p *peer) pass(d Time) {
	p.t.Helper()
	end := p.now + d
	for {
		at, ok := p.c.Deadline()
		if !ok || at > end {
			break
		}
		p.now = max(p.now, at)
		p.c.Tick(p.now)
		if p.now < end {
			if got := p.sent(); got != nil {
				p.t.Fatalf("%v: sent %v before %v", p.now, got, end)
			}
		}
	}
	p.now = end
}

// write and read are the user's calls.
func (p *peer) write(n int) {
	p.t.Helper()
	b := make([]byte, n)
	if k, err := p.c.Write(p.now, b); k != n || err != nil {
		p.t.Fatalf("write of %d bytes: %d, %v", n, k, err)
	}
}

func (p *peer) read(want int) {
	p.t.Helper()
	b := make([]byte, 1<<20)
	start := int(p.c.rcvNxt-p.iss) - p.c.unread
	if p.c.finRead {
		start--
	}
	n, err := p.c.Read(p.now, b)
	if n != want || err != nil {
		p.t.Fatalf("read %d bytes, %v; want %d", n, err, want)
	}
	for i, x := range b[:n] {
		if x != at(0, start+i) {
			p.t.Fatalf("byte %d is wrong", start+i)
		}
	}
}

func (p *peer) state(want State) {
	p.t.Helper()
	if p.c.state != want {
		p.t.Fatalf("state is %v, want %v", p.c.state, want)
	}
}

// saw requires an event of a kind with a verdict, and forgets all events.
func (p *peer) saw(kind EventKind, verdict, clause string) {
	p.t.Helper()
	for _, e := range p.events {
		if e.Kind == kind && e.Verdict == verdict && e.Clause == clause {
			p.events = nil
			return
		}
	}
	var all []string
	for _, e := range p.events {
		all = append(all, fmt.Sprintf("%v %s %s", e.Kind, e.Verdict, e.Clause))
	}
	p.t.Fatalf("no event %v %s %s among\n\t%s", kind, verdict, clause, strings.Join(all, "\n\t"))
}

// cwnd compares congestion window and threshold, in bytes.
func (p *peer) cwnd(cwnd, ssthresh int) {
	p.t.Helper()
	if i := p.c.Info(); i.Cwnd != cwnd || i.Ssthresh != ssthresh {
		p.t.Fatalf("cwnd %d, ssthresh %d; want %d, %d", i.Cwnd, i.Ssthresh, cwnd, ssthresh)
	}
}

// burst is n full segments of 1,000 bytes from the first on, the last with
// PSH when push is set.
func burst(first, n int, push bool) []string {
	var lines []string
	for i := range n {
		flags := "ACK"
		if push && i == n-1 {
			flags = "PSH,ACK"
		}
		lines = append(lines, fmt.Sprintf("%s %d:1 len 1000", flags, first+i*1000))
	}
	return lines
}
