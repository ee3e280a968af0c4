package tcp

import (
	"net/netip"

	"waypost/packet"
)

// Conn is one end of a connection. It is made by [Dial] or a [Listener].
// The names of its variables are those of RFC 9293 §3.3.1 without "SND." and
// with rcv for "RCV.".
type Conn struct {
	cfg           *Config
	local, remote netip.AddrPort
	listener      *Listener // that still counts us, until the handshake ends
	halfOpen      int       // our place among its half-open connections
	queued        bool      // it waits for Accept
	err           error     // why it ended
	soft          error     // what the network said last and what may pass (RFC 5461)
	cc            algorithm

	state      State
	phase      phase
	why        cause // of what is being sent again
	finQueued  bool  // CLOSE was called: FIN follows the last byte
	readClosed bool  // nobody will read any more
	finKnown   bool  // the peer's FIN came, at finAt
	finRead    bool  // and everything before it: RCV.NXT is behind the FIN
	synDue     bool  // a SYN or SYN,ACK is to be sent
	active     bool  // we opened (RFC 9293: active OPEN)
	rst        bool  // a RST is to be sent, as rstSeq, rstAck, rstFlags say
	ackNow     bool  // an ACK is to be sent now
	ackAlone   bool  // and not together with data, so that it counts as a duplicate
	resending  bool  // what begins at again is to be sent again
	fastDue    bool  // the segment at una is to be sent again, whatever cwnd says
	timing     bool  // timed is being timed for a round-trip sample
	karn       bool  // what is acknowledged next may have been sent twice
	measured   bool  // srtt is set
	partials   bool  // a partial ACK has come in this recovery (RFC 6582)
	persisting bool  // the rtx timer runs for a window, not for a loss
	probeDue   bool  // a window probe is to be sent
	keepDue    bool  // a keepalive probe is to be sent
	sackOn     bool
	stampsOn   bool
	scaleOn    bool
	noDelay    bool
	recentSet  bool // tsRecent is valid

	sndScale, rcvScale uint8 // shifts of the windows
	dupAcks            uint8
	challenges         uint8 // challenge ACKs since challengedAt
	retries            uint8 // retransmissions since the last progress
	synRetries         uint8
	probes             uint8 // window probes without an answer
	keepProbes         uint8 // keepalive probes without an answer

	// Sending.
	iss, una, nxt uint32
	wnd, maxWnd   uint32 // SND.WND and the largest ever
	wl1, wl2      uint32
	mss           uint16 // payload and options of a full segment that we send
	mssLimit      uint16 // mss as the handshake left it
	ownMSS        uint16 // what we announce
	out           buffer // from outSeq on
	outSeq        uint32
	outLen        int
	smallEnd      uint32 // behind the last segment that was not full (Minshall)
	again         uint32 // the next to send again while resending

	// Congestion control.
	cwnd, ssthresh uint32
	growth         uint32 // acknowledged bytes that have not made cwnd grow yet
	recover        uint32 // SND.NXT when the loss was seen
	limited        uint32 // bytes sent by limited transmit
	peak, peakEnd  uint32 // the largest flight, until peakEnd is acknowledged
	board          *scoreboard

	// The retransmission timer.
	srtt, rttvar, rto Time
	timed             uint32
	timedAt           Time
	stalledAt         Time // when the oldest unacknowledged data began to wait
	sentAt            Time // when data were last sent
	rtx               timer

	// Receiving.
	irs, rcvNxt uint32
	rcvAdv      uint32 // the right edge of the window that we offered
	finAt       uint32
	in          buffer // from the first byte not read
	unread      int    // bytes in order
	late        *reassembly
	unacked     uint32 // bytes received since our last ACK
	rcvMSS      uint16 // the peer's full segment, as seen
	lastAck     uint32 // RCV.NXT of our last ACK
	delack      timer

	tsRecent     uint32
	tsRecentAt   Time
	challengedAt Time

	// Life.
	idle        timer // keepalive, FIN-WAIT-2 or TIME-WAIT
	heardAt     Time  // when a believable segment last came
	keepalive   Keepalive
	userTimeout Time

	rstSeq, rstAck uint32
	rstFlags       packet.TCPFlags

	retransmits, dropped   int
	bytesAcked, bytesTaken int64
}

// newConn returns a connection in CLOSED with all that cfg says.
func newConn(cfg *Config, local, remote netip.AddrPort, iss uint32, mss int, now Time) *Conn {
	c := &Conn{cfg: cfg, local: local, remote: remote, iss: iss, una: iss, nxt: iss, outSeq: iss + 1}
	c.ownMSS = uint16(mss)
	c.mss, c.mssLimit = c.ownMSS, c.ownMSS
	c.rcvMSS = uint16(min(mss, defaultPeerMSS(true)))
	c.rto = cfg.initialRTO()
	c.smallEnd, c.recover = iss, iss
	c.ssthresh = infiniteThreshold
	c.noDelay, c.userTimeout = cfg.NoDelay, cfg.UserTimeout
	c.keepalive = cfg.Keepalive
	c.heardAt, c.sentAt, c.stalledAt = now, now, now
	c.cc = newAlgorithm(cfg.Congestion)
	return c
}

// Local is our address and port.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Remote is the peer's address and port.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// State is the state of RFC 9293 §3.3.2.
func (c *Conn) State() State { return c.state }

// Err is why the connection ended: ErrReset, ErrRefused, ErrTimeout, ErrClosed
// after Abort, or what Unreachable was told. It is nil while it lives and
// after a close in order.
func (c *Conn) Err() error { return c.err }

// Done reports that the connection is CLOSED with nothing left to send: it
// can be forgotten, but for what its user has not yet read.
func (c *Conn) Done() bool { return c.state == Closed && !c.rst }

// Readable reports whether Read would return something else than 0, nil.
func (c *Conn) Readable() bool {
	switch {
	case c.state == SynSent || c.state == SynReceived:
		return false
	case c.state == Closed || c.finRead || c.readClosed:
		return true
	}
	return c.unread > 0
}

// Writable reports whether a writer that found the buffer full should try
// again: a third of it is free (as on Linux, so that it is not woken for every
// acknowledgement), or Write would return an error.
func (c *Conn) Writable() bool {
	if c.state == Closed || c.finQueued {
		return true
	}
	free := c.cfg.sendBuffer() - c.outLen
	return free > 0 && free >= c.cfg.sendBuffer()/3
}

// flight is FlightSize (RFC 5681 §2): sent and not cumulatively acknowledged.
func (c *Conn) flight() uint32 { return c.nxt - c.una }

// dataEnd is the sequence number behind the last byte that was written.
func (c *Conn) dataEnd() uint32 { return c.outSeq + uint32(c.outLen) }

// finSent reports whether our FIN has been sent.
func (c *Conn) finSent() bool { return c.finQueued && after(c.nxt, c.dataEnd()) }

// finAcked reports whether our FIN has been acknowledged.
func (c *Conn) finAcked() bool { return c.finQueued && c.outLen == 0 && after(c.una, c.outSeq) }
