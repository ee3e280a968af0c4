package packetdrill

import (
	"net/netip"
	"time"

	"waypost/packet"
	"waypost/tcp"
)

// host is the machine under test: listeners and connections, and a clock that
// moves only when a script lets time pass.
type host struct {
	set       settings
	now       tcp.Time
	listeners []*socket
	flows     []*flow
	current   *flow // what packets without ports belong to; nil: the next one makes a flow
	ephemeral uint16
	log       log
	alarm     tcp.Time    // when wake is to be called at the latest; 0: no matter when
	wake      func() bool // called whenever something may have changed; reports whether it did anything
}

// firstEphemeral is where ports that nobody chose begin (RFC 6335 §6).
const firstEphemeral = 49152

func newHost(set settings, wake func() bool) *host {
	return &host{set: set, ephemeral: firstEphemeral, wake: wake}
}

func (h *host) ephemeralPort() uint16 {
	h.ephemeral++
	return h.ephemeral - 1
}

// flow returns the flow between two ends, a new one if there is none.
func (h *host) flow(local, remote netip.AddrPort) *flow {
	for _, f := range h.flows {
		if f.local == local && f.remote == remote {
			return f
		}
	}
	f := &flow{local: local, remote: remote}
	h.flows = append(h.flows, f)
	return f
}

// listener returns the socket that listens on a port, or nil.
func (h *host) listener(local netip.AddrPort) *socket {
	for _, s := range h.listeners {
		if s.local == local {
			return s
		}
	}
	return nil
}

// arrive hands a segment to the connection of its flow, to a listener, or to
// CLOSED, as a host does.
func (h *host) arrive(f *flow, s *tcp.Segment) {
	f.forget()
	l := h.listener(f.local)
	if f.conn != nil && l != nil && f.conn.State() == tcp.TimeWait && s.Flags.Has(packet.SYN) {
		if c, ok := l.listener.Renew(h.now, f.conn, s); ok {
			f.open(c)
			f.remoteISN = s.Seq
			h.drain()
			return
		}
	}
	switch {
	case f.conn != nil:
		f.conn.Segment(h.now, s)
	case l != nil:
		c, reply, send := l.listener.Segment(h.now, f.local, f.remote, s)
		if c != nil {
			f.open(c)
		}
		if send {
			h.sent(f, &reply)
		}
	default:
		if reply, send := tcp.Reset(s); send {
			h.sent(f, &reply)
		}
	}
	h.drain()
}

// drain takes all segments that connections want to send, and lets a blocked
// call look again until nothing comes of it.
func (h *host) drain() {
	for {
		for _, f := range h.flows {
			if f.conn == nil {
				continue
			}
			var s tcp.Segment
			for n := 0; n < maxBurst && f.conn.Next(h.now, &s); n++ {
				h.sent(f, &s)
			}
		}
		if !h.wake() {
			return
		}
	}
}

// maxBurst bounds the segments that one event makes a connection send: more
// than a gigabyte in full segments would be a connection that never ends.
const maxBurst = 1 << 20

// sent keeps a segment of the host for the script to look at.
func (h *host) sent(f *flow, s *tcp.Segment) {
	out := f.take(h.now, s, h.set.local, h.set.remote)
	f.out = append(f.out, out)
	h.log.add(h.now, h.text(&out.packet))
}

// text writes a segment as the script would: with its ports only where there
// are several flows.
func (h *host) text(p *Packet) string {
	q := *p
	if len(h.flows) < 2 {
		q.SrcPort, q.DstPort = 0, 0
	}
	return q.String()
}

// deadline returns the next moment at which a connection has something to do.
func (h *host) deadline() (at tcp.Time, ok bool) {
	at, ok = h.alarm, h.alarm > 0
	for _, f := range h.flows {
		if f.conn == nil {
			continue
		}
		if d, due := f.conn.Deadline(); due && (!ok || d < at) {
			at, ok = d, true
		}
	}
	return at, ok
}

// step moves the clock to the next deadline, when it is not after limit, and
// lets the connections act. It reports whether there was one.
func (h *host) step(limit tcp.Time) bool {
	at, ok := h.deadline()
	if !ok || at > limit {
		return false
	}
	h.now = max(h.now, at)
	for _, f := range h.flows {
		if f.conn == nil {
			continue
		}
		if d, due := f.conn.Deadline(); due && d <= h.now {
			f.conn.Tick(h.now)
		}
	}
	h.drain()
	return true
}

// maxSteps bounds the deadlines within one wait: a timer that fires and is
// due again at once would stop the clock.
const maxSteps = 1_000_000

// advance lets time pass until at.
func (h *host) advance(at tcp.Time) {
	for n := 0; n < maxSteps && h.step(at); n++ {
	}
	h.now = max(h.now, at)
}

// log keeps the last segments in both directions for failures.
type log struct {
	lines []string
	all   bool // keep more than the last
}

// logLines is how many segments a failure tells.
const logLines = 8

func (l *log) add(at time.Duration, text string) {
	l.lines = append(l.lines, clock(at)+" "+text)
	if !l.all && len(l.lines) > 4*logLines {
		l.lines = append(l.lines[:0], l.lines[3*logLines:]...)
	}
}

// last returns the last lines.
func (l *log) last() []string { return l.lines[max(0, len(l.lines)-logLines):] }
