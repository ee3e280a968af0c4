package tcp

import (
	"net/netip"
	"slices"

	"waypost/packet"
)

// CookieMode says when a listener answers with SYN cookies (RFC 4987 §3.6).
type CookieMode uint8

// The modes.
const (
	Auto   CookieMode = iota // when the backlog is full
	Always                   // for every SYN
	Never                    // a SYN that finds the backlog full is dropped
)

// DefaultBacklog is Linux's somaxconn.
const DefaultBacklog = 4096

// ListenConfig is what a listener is made of.
type ListenConfig struct {
	Config *Config // of its connections; nil means the zero Config
	// Backlog bounds the half-open connections and, apart from them, those
	// that wait for Accept; 0 means DefaultBacklog.
	Backlog int
	Cookies CookieMode
	// Secret is of cookies and initial sequence numbers.
	Secret [16]byte
	// MSS returns what is announced for one connection, where interfaces
	// differ; nil means Config.MSS.
	MSS func(local, remote netip.AddrPort) int
}

// Listener is a port in LISTEN. It makes connections of SYNs and keeps them
// until they are accepted; their segments, calls and timers are its owner's
// business from the start.
type Listener struct {
	cfg      ListenConfig
	half     []*Conn // half-open
	ready    []*Conn // wait for Accept, oldest first
	cookieAt Time    // when the last cookie was made
	cookies  bool    // one was
}

// Listen opens a listener (RFC 9293 §3.10.1, passive OPEN).
func Listen(cfg *ListenConfig) *Listener {
	l := &Listener{cfg: *cfg}
	if l.cfg.Config == nil {
		l.cfg.Config = new(Config)
	}
	if l.cfg.Backlog <= 0 {
		l.cfg.Backlog = DefaultBacklog
	}
	return l
}

// Segment takes a segment for none of the connections that exist (RFC 9293
// §3.10.7.2). c is a connection that it makes: half-open after a SYN, or
// established by the ACK of a valid cookie; its owner takes over from here,
// beginning with Next. send says that reply is to be sent instead: a RST, or
// a SYN,ACK with a cookie.
func (l *Listener) Segment(now Time, local, remote netip.AddrPort, s *Segment) (c *Conn, reply Segment, send bool) {
	switch {
	case s.Flags.Has(packet.RST):
		l.drop(now, local, remote, s, "rst", "a RST for a listening port resets nothing", "RFC 9293 §3.10.7.2")
		return nil, Segment{}, false
	case s.Flags.Has(packet.ACK):
		c, valid := l.redeem(now, local, remote, s)
		if c != nil {
			return c, Segment{}, false
		}
		if valid { // it will come again with the data behind it
			l.drop(now, local, remote, s, "backlog", "the queue of connections that wait for accept is full; the peer will try again", "")
			return nil, Segment{}, false
		}
		reply, send = Reset(s)
		l.drop(now, local, remote, s, "no-connection", "an ACK for a listening port belongs to no connection: a RST answers it", "RFC 9293 §3.10.7.2")
		return nil, reply, send
	case !s.Flags.Has(packet.SYN):
		l.drop(now, local, remote, s, "no-syn", "neither SYN nor ACK nor RST: nothing to do for a listening port", "RFC 9293 §3.10.7.2")
		return nil, Segment{}, false
	}
	mode := l.cfg.Cookies
	crowded := len(l.half) >= l.cfg.Backlog
	switch {
	case l.full():
		l.drop(now, local, remote, s, "backlog", "the queue of connections that wait for accept is full; the peer will try again", "")
		return nil, Segment{}, false
	case mode == Always || mode == Auto && crowded:
		return nil, l.bake(now, local, remote, s), true
	case crowded:
		l.drop(now, local, remote, s, "backlog", "too many connections are half-open; the peer will try again", "RFC 4987 §2")
		return nil, Segment{}, false
	}
	iss := InitialSequence(l.cfg.Secret, local, remote, now)
	return l.begin(now, local, remote, iss, s), Segment{}, false
}

// begin makes a half-open connection.
func (l *Listener) begin(now Time, local, remote netip.AddrPort, iss uint32, s *Segment) *Conn {
	c := answer(l.cfg.Config, local, remote, iss, l.mss(local, remote), s, now)
	c.listener, c.halfOpen = l, len(l.half)
	l.half = append(l.half, c)
	return c
}

// Renew takes the SYN s for old, a connection in TIME-WAIT. Where RFC 9293
// §3.6.1 and RFC 6191 allow it old is CLOSED and c takes its place, with
// sequence numbers beyond all that old has sent. Otherwise ok is false and s
// is old's to answer.
func (l *Listener) Renew(now Time, old *Conn, s *Segment) (c *Conn, ok bool) {
	if !old.yields(s) || l.full() || len(l.half) >= l.cfg.Backlog {
		return nil, false
	}
	iss := InitialSequence(l.cfg.Secret, old.local, old.remote, now)
	if !after(iss, old.nxt) {
		iss = old.nxt + 1<<16
	}
	old.end(now, nil, "a new SYN that cannot be old begins a new connection of the same ports", "RFC 6191 §2")
	return l.begin(now, old.local, old.remote, iss, s), true
}

// mss is what we announce for a connection.
func (l *Listener) mss(local, remote netip.AddrPort) int {
	mss := l.cfg.Config.mss(remote.Addr().Unmap().Is4())
	if l.cfg.MSS != nil {
		mss = min(max(l.cfg.MSS(local, remote), minMSS), MaxMSS)
	}
	return mss
}

// bake answers a SYN with a cookie and forgets it.
func (l *Listener) bake(now Time, local, remote netip.AddrPort, s *Segment) Segment {
	cfg := l.cfg.Config
	l.cookies, l.cookieAt = true, now
	theirs := s.Options.MSS
	if theirs == 0 {
		theirs = uint16(defaultPeerMSS(remote.Addr().Unmap().Is4()))
	}
	var r Segment
	r.SrcPort, r.DstPort = local.Port(), remote.Port()
	r.Flags = packet.SYN | packet.ACK
	r.Seq = cookie(l.cfg.Secret, local, remote, s.Seq, theirs, now)
	r.Ack = s.Seq + 1
	r.Window = uint16(min(cfg.receiveBuffer(), 0xffff))
	r.Options.MSS = uint16(l.mss(local, remote))
	if s.Options.HasTimestamps && !cfg.NoTimestamps {
		o := packet.TCPOptions{SACKPermitted: s.Options.SACKPermitted && !cfg.NoSACK}
		if s.Options.HasWindowScale && !cfg.NoWindowScale {
			o.HasWindowScale, o.WindowScale = true, s.Options.WindowScale
			r.Options.HasWindowScale, r.Options.WindowScale = true, scaleFor(cfg.receiveBuffer())
		}
		r.Options.SACKPermitted = o.SACKPermitted
		r.Options.HasTimestamps, r.Options.TSEcr = true, s.Options.TSVal
		r.Options.TSVal = packStamp(cfg.stamp(now), &o)
	}
	l.drop(now, local, remote, s, "cookie", "nothing is kept of the SYN: the sequence number of our SYN,ACK remembers it", "RFC 4987 §3.6")
	return r
}

// redeem makes the connection that the ACK of a cookie stands for. valid
// without a connection says that there is no room for it now.
func (l *Listener) redeem(now Time, local, remote netip.AddrPort, s *Segment) (c *Conn, valid bool) {
	if !l.cookies || l.cfg.Cookies == Never || now-l.cookieAt > cookieHeard || s.Flags.Has(packet.SYN) {
		return nil, false
	}
	iss, irs := s.Ack-1, s.Seq-1
	mss, ok := checkCookie(l.cfg.Secret, local, remote, irs, iss, now)
	if !ok || l.full() {
		return nil, ok
	}
	syn := Segment{TCP: s.TCP}
	syn.Seq, syn.Flags = irs, packet.SYN
	syn.Options = unpackStamp(&s.Options, mss)
	c = answer(l.cfg.Config, local, remote, iss, l.mss(local, remote), &syn, now)
	c.listener, c.halfOpen = l, len(l.half)
	l.half = append(l.half, c)
	c.synDue, c.nxt = false, iss+1
	c.Segment(now, s)
	return c, true
}

// settled is told that a half-open connection is so no more: it waits for
// Accept, or has died and is forgotten.
func (l *Listener) settled(c *Conn) {
	last := len(l.half) - 1
	l.half[c.halfOpen] = l.half[last]
	l.half[c.halfOpen].halfOpen = c.halfOpen
	l.half[last] = nil
	l.half = l.half[:last]
	c.listener = nil
	if c.state != Closed {
		l.ready = append(l.ready, c)
		c.queued = true
	}
}

// full reports whether no more connections may wait for Accept.
func (l *Listener) full() bool { return len(l.ready) >= l.cfg.Backlog }

// Accept returns the connection that has waited longest, or nil. It may have
// ended meanwhile; its Read tells how, after what had arrived.
func (l *Listener) Accept() *Conn {
	if len(l.ready) == 0 {
		return nil
	}
	c := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	c.queued = false
	return c
}

// Queued reports whether c was made by a listener and waits for its Accept.
func (c *Conn) Queued() bool { return c.queued }

// Ready reports whether Accept would return a connection.
func (l *Listener) Ready() bool { return len(l.ready) > 0 }

// Close resets the connections that were not accepted and returns them, so
// that their owner takes the RSTs from Next.
func (l *Listener) Close(now Time) []*Conn {
	all := slices.Concat(l.ready, l.half)
	for _, c := range all {
		c.listener, c.queued = nil, false
		c.Abort(now)
	}
	l.ready, l.half = nil, nil
	return all
}

// drop tells of a segment that makes no connection.
func (l *Listener) drop(now Time, local, remote netip.AddrPort, s *Segment, verdict, reason, clause string) {
	if observe := l.cfg.Config.Observe; observe != nil {
		observe(&Event{Time: now, Kind: Drop, Local: local, Remote: remote, From: Listening, To: Listening,
			Seq: s.Seq, Ack: s.Ack, Bytes: len(s.Payload), Flags: s.Flags, Verdict: verdict, Reason: reason, Clause: clause})
	}
}
