package tcp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sort"
	"strings"
	"testing"
	"time"

	"waypost/packet"
)

var (
	clientAddr = netip.MustParseAddrPort("192.0.2.10:49152")
	serverAddr = netip.MustParseAddrPort("203.0.113.80:80")
)

// sim joins a client and a server by a link in virtual time.
type sim struct {
	t       testing.TB
	now     Time
	delay   Time // one way
	client  *Conn
	server  *Conn
	lis     *Listener
	flying  []flight
	serial  int
	fate    func(n int, toServer bool, s *Segment) []Time // the delays of the copies that arrive; nil: one, s.delay
	sent    int
	log     []string
	verbose bool
	seen    []Event // of both ends
}

type flight struct {
	at       Time
	serial   int
	toServer bool
	seg      Segment
}

// newSim returns a sim whose client has just dialled.
func newSim(t testing.TB, cc, sc *Config, delay Time) *sim {
	m := &sim{t: t, delay: delay, now: time.Second}
	watch := func(c *Config) *Config {
		d := Config{}
		if c != nil {
			d = *c
		}
		then := d.Observe
		d.Observe = func(e *Event) {
			m.seen = append(m.seen, *e)
			if then != nil {
				then(e)
			}
		}
		return &d
	}
	m.lis = Listen(&ListenConfig{Config: watch(sc), Backlog: 8})
	m.client = Dial(watch(cc), clientAddr, serverAddr, 1000, m.now)
	return m
}

// flush sends what both ends have to send.
func (m *sim) flush() {
	for _, c := range []*Conn{m.client, m.server} {
		if c == nil {
			continue
		}
		var s Segment
		for n := 0; c.Next(m.now, &s); n++ {
			if n > 100000 {
				m.t.Fatalf("%v: no end of segments", m.now)
			}
			m.transmit(c == m.client, &s)
		}
		checkQuiet(m.t, c)
	}
}

func (m *sim) transmit(toServer bool, s *Segment) {
	if m.verbose {
		m.log = append(m.log, m.describe(toServer, s))
	}
	copied := *s
	copied.Payload = append([]byte(nil), s.Payload...)
	delays := []Time{m.delay}
	if m.fate != nil {
		delays = m.fate(m.sent, toServer, &copied)
	}
	m.sent++
	for _, d := range delays {
		m.serial++
		m.flying = append(m.flying, flight{m.now + d, m.serial, toServer, copied})
	}
	sort.SliceStable(m.flying, func(i, j int) bool {
		a, b := m.flying[i], m.flying[j]
		return a.at < b.at || a.at == b.at && a.serial < b.serial
	})
}

func (m *sim) describe(toServer bool, s *Segment) string {
	arrow, seq, ack := ">", s.Seq-m.client.iss, s.Ack
	if m.server != nil {
		ack -= m.server.iss
	}
	if !toServer {
		arrow, seq, ack = "<", s.Seq, s.Ack-m.client.iss
		if m.server != nil {
			seq -= m.server.iss
		}
	}
	return fmt.Sprintf("%9.3f %s %s seq %d ack %d len %d win %d", m.now.Seconds(), arrow, s.Flags, seq, ack, len(s.Payload), s.Window)
}

// step goes to the next thing that happens and reports false when there is
// none before the limit.
func (m *sim) step(limit Time) bool {
	m.flush()
	at, any := limit, false
	if len(m.flying) > 0 && m.flying[0].at <= at {
		at, any = m.flying[0].at, true
	}
	for _, c := range []*Conn{m.client, m.server} {
		if c == nil {
			continue
		}
		if d, ok := c.Deadline(); ok && d <= at && (!any || d < at) {
			at, any = max(d, m.now), true
		}
	}
	if !any {
		m.now = max(m.now, limit)
		return false
	}
	m.now = at
	for len(m.flying) > 0 && m.flying[0].at <= m.now {
		f := m.flying[0]
		m.flying = m.flying[1:]
		m.deliver(f.toServer, &f.seg)
		m.flush()
	}
	for _, c := range []*Conn{m.client, m.server} {
		if c != nil {
			c.Tick(m.now)
		}
	}
	m.flush()
	return true
}

func (m *sim) deliver(toServer bool, s *Segment) {
	switch {
	case !toServer && m.client.state != Closed:
		m.client.Segment(m.now, s)
	case toServer && m.server != nil && m.server.state != Closed:
		if c, ok := m.lis.Renew(m.now, m.server, s); ok {
			m.server = c
			return
		}
		m.server.Segment(m.now, s)
	case toServer && (m.server == nil || m.server.una == m.server.iss):
		c, reply, send := m.lis.Segment(m.now, serverAddr, clientAddr, s)
		if c != nil {
			m.server = c
		}
		if send {
			m.transmit(false, &reply)
		}
	default: // the connection was and is no more
		if reply, send := Reset(s); send {
			m.transmit(!toServer, &reply)
		}
	}
}

// run goes on for d.
func (m *sim) run(d Time) {
	limit := m.now + d
	for m.step(limit) {
	}
}

// until runs until ok, at most for d.
func (m *sim) until(d Time, ok func() bool) bool {
	limit := m.now + d
	for m.flush(); !ok(); {
		if !m.step(limit) {
			return ok()
		}
	}
	return true
}

// established runs the handshake.
func (m *sim) established() *sim {
	m.t.Helper()
	if !m.until(time.Minute, func() bool { return m.server != nil && m.server.state == Established && m.client.state == Established }) {
		m.t.Fatalf("no handshake: client %v", m.client.state)
	}
	m.lis.Accept()
	return m
}

// check holds a connection to what must always be true.
func check(t testing.TB, c *Conn) {
	if c.state == Closed {
		return
	}
	bad := func(format string, a ...any) {
		t.Fatalf("invariant of %v %v: "+format, append([]any{c.local, c.state}, a...)...)
	}
	if after(c.una, c.nxt) {
		bad("SND.UNA %d after SND.NXT %d", c.una, c.nxt)
	}
	if c.outLen < 0 || c.outLen > c.cfg.sendBuffer() {
		bad("%d bytes in the send buffer", c.outLen)
	}
	if end := c.dataEnd() + 1; after(c.nxt, end) {
		bad("SND.NXT %d beyond the data %d", c.nxt, end)
	}
	if most := c.cfg.receiveBuffer() + 1<<c.rcvScale; c.unread < 0 || c.unread > most {
		bad("%d bytes unread", c.unread)
	}
	if c.board != nil && len(c.board.spans) > 0 {
		var n uint32
		last := c.una - 1
		for _, s := range c.board.spans {
			if !before(s.left, s.right) || !after(s.left, last) || after(s.right, c.nxt) {
				bad("scoreboard %v with SND.UNA %d, SND.NXT %d", c.board.spans, c.una, c.nxt)
			}
			last, n = s.right, n+s.right-s.left
		}
		if n != c.board.bytes {
			bad("scoreboard counts %d bytes of %d", c.board.bytes, n)
		}
	}
	if c.late != nil {
		last := c.rcvNxt
		for _, s := range c.late.spans {
			if !before(s.left, s.right) || !after(s.left, last) {
				bad("reassembly %v with RCV.NXT %d", c.late.spans, c.rcvNxt)
			}
			last = s.right
		}
		if after(last, later(c.rcvAdv, c.rcvNxt)) {
			bad("reassembly %v beyond the window %d", c.late.spans, c.rcvAdv)
		}
	}
}

// checkQuiet holds a connection that has nothing more to send to what must be
// true then: whoever waits has a timer.
func checkQuiet(t testing.TB, c *Conn) {
	check(t, c)
	bad := func(format string, a ...any) {
		t.Fatalf("invariant of %v %v: "+format, append([]any{c.local, c.state}, a...)...)
	}
	if c.state >= Established && c.state != TimeWait {
		if c.cwnd == 0 {
			bad("no congestion window")
		}
		if c.flight() > 0 && !c.rtx.on {
			bad("%d bytes are on their way without a timer", c.flight())
		}
		if !c.resending && !c.rtx.on && c.outLen > 0 {
			bad("%d bytes wait without a timer", c.outLen)
		}
	}
}

// transfer writes data at one end and reads them at the other, and returns
// how long that took.
func (m *sim) transfer(from, to *Conn, data []byte, limit Time) Time {
	m.t.Helper()
	start := m.now
	var got []byte
	buf := make([]byte, 64<<10)
	rest := data
	ok := m.until(limit, func() bool {
		for len(rest) > 0 {
			n, err := from.Write(m.now, rest)
			if err != nil {
				m.t.Fatalf("write: %v", err)
			}
			if n == 0 {
				break
			}
			rest = rest[n:]
		}
		for {
			n, err := to.Read(m.now, buf)
			if n == 0 || err != nil {
				break
			}
			got = append(got, buf[:n]...)
		}
		m.flush()
		return len(got) >= len(data)
	})
	if !ok {
		m.t.Fatalf("%d of %d bytes after %v\nsender %+v\nreceiver %+v\n%s", len(got), len(data), m.now-start, from.Info(), to.Info(), strings.Join(m.log[max(0, len(m.log)-40):], "\n"))
	}
	if !bytes.Equal(got, data) {
		m.t.Fatal("the bytes differ")
	}
	return m.now - start
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// lossy is a fate that loses, doubles and reorders at random.
func lossy(seed uint64, delay Time, p float64) func(int, bool, *Segment) []Time {
	r := rand.New(rand.NewPCG(seed, 7))
	return func(int, bool, *Segment) []Time {
		switch x := r.Float64(); {
		case x < p:
			return nil
		case x < p*1.2:
			return []Time{delay, delay + Time(r.IntN(int(delay)))}
		case x < p*1.4:
			return []Time{delay + Time(r.IntN(int(2*delay)))}
		}
		return []Time{delay}
	}
}

func TestTransfer(t *testing.T) {
	for _, cc := range []Congestion{CUBIC, NewReno, Reno, Tahoe} {
		for _, sack := range []bool{true, false} {
			for _, p := range []float64{0, 0.02, 0.2} {
				name := fmt.Sprintf("%v/sack=%v/loss=%v", cc, sack, p)
				t.Run(name, func(t *testing.T) {
					for seed := range uint64(5) {
						cfg := &Config{Congestion: cc, NoSACK: !sack}
						m := newSim(t, cfg, cfg, 10*time.Millisecond)
						m.verbose = true
						m.fate = lossy(seed, m.delay, p)
						m.established()
						took := m.transfer(m.client, m.server, noise(300_000), 5*time.Hour)
						m.transfer(m.server, m.client, noise(100_000), 5*time.Hour)
						if seed == 0 {
							t.Logf("took %v, %d sent again", took, m.client.retransmits)
						}
						m.client.CloseWrite(m.now)
						m.server.CloseWrite(m.now)
						if !m.until(30*time.Minute, func() bool { return m.client.Done() && m.server.Done() }) {
							t.Fatalf("not closed: %v %v", m.client.state, m.server.state)
						}
					}
				})
			}
		}
	}
}

var _ = packet.SYN
