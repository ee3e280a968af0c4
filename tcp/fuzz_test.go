package tcp

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"waypost/packet"
)

// script hands out the fuzzer's bytes; at its end it gives zeros.
type script struct{ b []byte }

func (s *script) next() byte {
	if len(s.b) == 0 {
		return 0
	}
	x := s.b[0]
	s.b = s.b[1:]
	return x
}

func (s *script) done() bool { return len(s.b) == 0 }

// talker is the user of one end: it writes bytes that can be told by their
// place, and checks those that it reads.
type talker struct {
	salt    byte
	wrote   int
	read    int
	closed  bool // CloseWrite
	gone    bool // Close or Abort
	eof     bool
	failure error
}

func at(salt byte, i int) byte { return byte(i) ^ byte(i>>8)*31 ^ byte(i>>16)*17 ^ salt }

func (u *talker) write(t testing.TB, m *sim, c *Conn, n int) {
	if u.closed || u.gone {
		return
	}
	p := make([]byte, n)
	for i := range p {
		p[i] = at(u.salt, u.wrote+i)
	}
	k, err := c.Write(m.now, p)
	if err != nil {
		u.failure = err
	}
	u.wrote += k
}

func (u *talker) receive(t testing.TB, m *sim, c *Conn, peer *talker, n int) {
	if u.gone {
		return
	}
	p := make([]byte, n)
	k, err := c.Read(m.now, p)
	for i, b := range p[:k] {
		if b != at(peer.salt, u.read+i) {
			t.Fatalf("byte %d is wrong", u.read+i)
		}
	}
	u.read += k
	if u.read > peer.wrote {
		t.Fatalf("read %d bytes of %d", u.read, peer.wrote)
	}
	switch {
	case errors.Is(err, io.EOF):
		u.eof = true
	case err != nil:
		u.failure = err
	}
}

// FuzzConversation lets two ends talk over a link that loses, doubles, delays
// and reorders as the fuzzer likes, with users that write, read and close as
// it likes. Then the link behaves and the users read on: no byte is wrong,
// none is missing, and both ends come to an end.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x10\x20\x30a lossy link and small buffers, closes in the middle of it all"))
	f.Add([]byte{3, 255, 7, 1, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 200, 201, 202, 13, 14, 15, 16, 17, 18, 19, 20})
	f.Add([]byte{0x1f, 0, 0, 4, 80, 80, 80, 80, 0, 0, 0, 0, 80, 80, 6, 6, 6, 160, 160, 160, 5, 5, 5, 5, 48, 48, 48})
	f.Fuzz(func(t *testing.T, b []byte) { converse(t, b) })
}

// converse plays one script.
func converse(t testing.TB, b []byte) {
	if len(b) > 4000 {
		b = b[:4000]
	}
	in := &script{b}
	mode, sizes := in.next(), in.next()
	cfg := &Config{
		Congestion: Congestion(mode & 3), NoSACK: mode&4 != 0, NoTimestamps: mode&8 != 0, NoWindowScale: mode&16 != 0, NoDelay: mode&32 != 0,
		MSS: 100 + int(sizes&7)*200, SendBuffer: 1000 << (sizes >> 3 & 7), ReceiveBuffer: 700 << (sizes >> 5 & 7),
		Retries: maxRetries, SYNRetries: maxRetries, FinWait2: 100 * time.Hour, Keepalive: DefaultKeepalive,
	}
	m := newSim(t, cfg, cfg, 10*time.Millisecond)
	m.fate = func(int, bool, *Segment) []Time {
		switch x := in.next(); {
		case x < 80:
			return []Time{m.delay}
		case x < 140:
			return nil
		case x < 180:
			return []Time{m.delay, Time(x) * time.Millisecond}
		default:
			return []Time{Time(x-170) * 5 * time.Millisecond}
		}
	}
	users := [2]*talker{{salt: 1}, {salt: 99}}
	ends := func(i int) *Conn {
		if i == 0 {
			return m.client
		}
		return m.server
	}
	turn := func(op byte) {
		i := int(op & 1)
		u, c := users[i], ends(i)
		if c == nil {
			m.step(m.now + time.Second)
			return
		}
		n := 1 << (op >> 4)
		switch op >> 1 & 7 {
		case 0, 1:
			u.write(t, m, c, n)
		case 2, 3:
			u.receive(t, m, c, users[1-i], n)
		case 4:
			switch {
			case op>>4 > 13 && c.state >= Established && in.next() < 50:
				u.closed = true
				c.CloseWrite(m.now)
			case op>>4 == 13 && c.state >= Established && in.next() < 10:
				u.gone = true
				c.Close(m.now)
			case op>>4 == 12:
				c.PathMTU(m.now, 400+int(in.next())*10)
			case op>>4 == 11:
				c.SetNoDelay(m.now, op&1 == 0)
			}
		default:
			m.step(m.now + time.Second)
		}
		m.flush()
		check(t, c)
	}
	for !in.done() {
		turn(in.next())
	}
	// From here on the link behaves.
	m.fate = nil
	finish(t, m, users, ends)
}

// finish lets both users read to the end and close, and requires that both
// ends come to theirs with every byte.
func finish(t testing.TB, m *sim, users [2]*talker, ends func(int) *Conn) {
	for i := range 40_000 {
		for i, u := range users {
			c := ends(i)
			if c == nil {
				continue
			}
			u.receive(t, m, c, users[1-i], 4096)
			if !u.closed && c.state >= Established {
				u.write(t, m, c, 10)
				u.closed = true
				c.CloseWrite(m.now)
			}
		}
		if !m.step(m.now+10*time.Hour) && i > 10 {
			break
		}
	}
	for i, u := range users {
		if c := ends(i); c != nil {
			for range 100 {
				u.receive(t, m, c, users[1-i], 4096)
			}
		}
	}
	hard := users[0].gone || users[1].gone
	for i, u := range users {
		c := ends(i)
		switch {
		case c == nil || !c.Done():
			t.Fatalf("end %d has not ended: %+v", i, c)
		case !hard && u.failure != nil:
			t.Fatalf("end %d: %v", i, u.failure)
		case !hard && (u.read != users[1-i].wrote || !u.eof):
			t.Fatalf("end %d has %d of %d bytes, eof %v", i, u.read, users[1-i].wrote, u.eof)
		}
	}
}

// FuzzSegments feeds segments of the fuzzer's making to one end, near enough
// to its numbers to matter. It never panics and its variables stay within
// their bounds.
func FuzzSegments(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 2, 0, 0, 0, 16, 1, 0, 5, 24, 0, 1, 100, 17, 0, 0, 0, 4, 8, 8})
	f.Add([]byte("segments of all kinds, with SACK blocks and RSTs, in every state there is: 0123456789"))
	f.Fuzz(func(t *testing.T, b []byte) { harass(t, b) })
}

// harass feeds forged segments and calls to one end.
func harass(t testing.TB, b []byte) {
	in := &script{b[:min(len(b), 3000)]}
	mode := in.next()
	cfg := &Config{Congestion: Congestion(mode & 3), NoSACK: mode&4 != 0, NoTimestamps: mode&8 != 0, NoWindowScale: mode&16 != 0,
		SendBuffer: 40_000, ReceiveBuffer: 20_000, Keepalive: DefaultKeepalive, Observe: func(*Event) {}}
	now := time.Second
	var c *Conn
	l := Listen(&ListenConfig{Config: cfg, Backlog: 2, Cookies: CookieMode(mode >> 6 % 3)})
	if mode&32 != 0 {
		c = Dial(cfg, clientAddr, serverAddr, 1<<32-500, now)
	}
	var out Segment
	for !in.done() {
		switch op := in.next(); op & 15 {
		case 0:
			now += Time(in.next()) * time.Millisecond
		case 1:
			now += Time(in.next()) * 10 * time.Second
		case 2:
			if c != nil {
				c.Write(now, make([]byte, int(in.next())*20))
			}
		case 3:
			if c != nil {
				c.Read(now, make([]byte, int(in.next())*20))
			}
		case 4:
			if c != nil && op > 200 {
				c.CloseWrite(now)
			} else if c != nil && op < 20 {
				c.Close(now)
			}
		case 5:
			if c != nil {
				c.PathMTU(now, int(in.next())*8)
			}
		default:
			s := forge(in, c, op)
			if c == nil || c.state == Closed {
				Reset(&s)
				if n, _, _ := l.Segment(now, serverAddr, clientAddr, &s); n != nil {
					c = n
				}
			} else if n, ok := l.Renew(now, c, &s); ok {
				c = n
			} else {
				c.Segment(now, &s)
			}
			l.Accept()
		}
		if c == nil {
			continue
		}
		if d, ok := c.Deadline(); ok && d <= now {
			c.Tick(now)
		}
		for n := 0; c.Next(now, &out); n++ {
			if n > 2000 {
				t.Fatalf("no end of segments: %+v", c)
			}
		}
		checkQuiet(t, c)
		c.Info()
	}
}

// forge makes a segment whose numbers lie near those of c.
func forge(in *script, c *Conn, op byte) Segment {
	var s Segment
	s.Flags = packet.TCPFlags(in.next())
	if op&16 != 0 {
		s.Flags = packet.ACK | s.Flags&(packet.FIN|packet.PSH)
	}
	s.Seq, s.Ack = uint32(in.next()), uint32(in.next())
	near := func(base uint32) uint32 { return base + uint32(int32(int8(in.next())))<<(in.next()&15) }
	if c != nil {
		s.Seq = c.rcvNxt
		if op&32 != 0 {
			s.Seq = near(c.rcvNxt)
		}
		s.Ack = c.nxt
		if op&64 != 0 {
			s.Ack = near(c.una)
		}
	}
	s.Window = uint16(in.next()) << (in.next() & 7)
	s.Payload = make([]byte, int(in.next())*8)
	if op&128 != 0 {
		o := &s.Options
		bits := in.next()
		if bits&1 != 0 {
			o.MSS = uint16(in.next()) << 4
		}
		if o.HasWindowScale = bits&2 != 0; o.HasWindowScale {
			o.WindowScale = in.next() & 15
		}
		o.SACKPermitted = bits&4 != 0
		if o.HasTimestamps = bits&8 != 0; o.HasTimestamps && c != nil {
			o.TSVal, o.TSEcr = near(c.tsRecent), near(c.tsRecent)
		}
		if c != nil {
			for range bits >> 6 {
				left := near(c.una)
				o.SACK[o.SACKBlocks] = packet.SACKBlock{Left: left, Right: left + uint32(in.next())*16}
				o.SACKBlocks++
			}
		}
	} else if c != nil && c.stampsOn {
		s.Options.HasTimestamps = true
		s.Options.TSVal, s.Options.TSEcr = c.tsRecent+1, 1
	}
	return s
}

// TestScripts runs both with many random scripts, more than the corpus of the
// fuzzer holds.
func TestScripts(t *testing.T) {
	n := uint64(400)
	if testing.Short() || raceEnabled {
		n = 40
	}
	for seed := range n {
		r := rand.New(rand.NewPCG(seed, 99))
		b := make([]byte, r.IntN(1500))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			converse(t, b)
			harass(t, b)
		})
	}
}
