package tcp

import (
	"net/netip"
	"waypost/packet"
)

const (
	minMSS           = 88
	maxReceiveBuffer = 1 << 30
)

type timer struct {
	at Time
	on bool
}

func (t *timer) stop() { t.on = false }

type buffer struct{}

func (b *buffer) reset() {}

// Conn is one end of a connection.
type Conn struct {
	cfg                         *Config
	local, remote               netip.AddrPort
	listener                    *Listener
	state                       State
	nxt, una, rcvNxt, wnd, cwnd uint32
	err                         error
	rtx, delack, idle           timer
	ackNow, readClosed, finRead bool
	out, in                     buffer
	sacked, ooo                 []uint32
	rst                         bool
	rstSeq, rstAck              uint32
	rstFlags                    packet.TCPFlags
	srtt, rto                   Time
	dropped                     int
}

func (c *Conn) congestionName() string { return "" }
func (c *Conn) phaseName() string      { return "" }
func (c *Conn) threshold() int         { return 0 }

// Dial opens a connection: SYN-SENT. The SYN comes out of Next.
func Dial(cfg *Config, local, remote netip.AddrPort, iss uint32, now Time) *Conn {
	return &Conn{cfg: cfg, local: local, remote: remote, state: SynSent}
}

// Segment takes a segment that arrived; its payload is borrowed during the call.
func (c *Conn) Segment(now Time, s *Segment) {}

// Next fills in the next segment to send; its payload is valid until the next call on c.
func (c *Conn) Next(now Time, s *Segment) bool { return false }

// Deadline is when Tick must be called at the latest.
func (c *Conn) Deadline() (Time, bool) { return 0, false }

// Tick runs the timers that are due.
func (c *Conn) Tick(now Time) {}

// Write copies what fits; 0, nil when the buffer is full.
func (c *Conn) Write(now Time, p []byte) (int, error) { return 0, nil }

// Read returns 0, nil when nothing is there and io.EOF after the peer's FIN.
func (c *Conn) Read(now Time, p []byte) (int, error) { return 0, nil }

// CloseWrite ends our direction: FIN after all data.
func (c *Conn) CloseWrite(now Time) error { return nil }

// Close gives the connection up; unread data make it a RST.
func (c *Conn) Close(now Time) {}

// Abort sends a RST.
func (c *Conn) Abort(now Time) {}

// State is the state of RFC 9293.
func (c *Conn) State() State { return c.state }

// Readable reports whether Read would return something else than 0, nil.
func (c *Conn) Readable() bool { return false }

// Writable reports whether Write would return something else than 0, nil.
func (c *Conn) Writable() bool { return false }

// Err is why the connection ended; nil while it lives and after a close in order.
func (c *Conn) Err() error { return c.err }

// Done reports CLOSED with nothing left to send.
func (c *Conn) Done() bool { return false }

// Local is our address and port.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Remote is the peer's address and port.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// PathMTU tells the MTU of the path, from ICMP.
func (c *Conn) PathMTU(now Time, mtu int) {}

// Unreachable tells what ICMP said about a segment of ours.
func (c *Conn) Unreachable(now Time, hard bool, err error) {}

// SetKeepalive changes the connection's keepalive; the zero value turns it off.
func (c *Conn) SetKeepalive(now Time, k Keepalive) {}

// SetNoDelay turns Nagle's algorithm off (true) or on.
func (c *Conn) SetNoDelay(now Time, off bool) {}

// SetUserTimeout changes the connection's user timeout; 0: by Retries alone.
func (c *Conn) SetUserTimeout(now Time, d Time) {}

// Info is a connection in numbers. Sizes are in bytes.
type Info struct {
	State                         State
	MSS                           int // payload of a full segment that we send
	Cwnd, Ssthresh                int // Ssthresh is 0 while it is not set
	Flight                        int // sent and not acknowledged
	PeerWindow, Window            int // SND.WND and what we offer
	SRTT, RTTVar, RTO             Time
	Retransmits                   int // segments sent again
	Dropped                       int // segments not taken
	BytesAcked, BytesReceived     int64
	Unsent, Unacked, Unread       int // Send-Q and Recv-Q
	Congestion                    Congestion
	Phase                         string
	SACK, Timestamps, WindowScale bool
	SendScale, ReceiveScale       uint8
}

// Info returns the connection in numbers.
func (c *Conn) Info() Info { return Info{} }

// CookieMode says when a listener answers with SYN cookies.
type CookieMode uint8

// The modes.
const (
	Auto CookieMode = iota // when the backlog is full
	Always
	Never
)

// ListenConfig is what a listener is made of.
type ListenConfig struct {
	Config  *Config // of its connections; nil: the zero Config
	Backlog int     // bounds half-open connections and, apart, those that wait for Accept; 0: DefaultBacklog
	Cookies CookieMode
	Secret  [16]byte // of cookies and initial sequence numbers
	// MSS overrides Config.MSS for one connection; nil: Config.MSS.
	MSS func(local, remote netip.AddrPort) int
}

// Listener is a port in LISTEN.
type Listener struct{}

func (l *Listener) settled(c *Conn) {}

// Listen opens a listener.
func Listen(cfg *ListenConfig) *Listener { return &Listener{} }

// Segment takes a segment for no existing connection. c is a new half-open
// connection, or the one that a valid cookie's ACK makes (take its segments
// from Next); send says that reply is to be sent.
func (l *Listener) Segment(now Time, local, remote netip.AddrPort, s *Segment) (c *Conn, reply Segment, send bool) {
	return nil, Segment{}, false
}

// Renew takes a SYN for old, which is in TIME-WAIT. Where RFC 9293 §3.6.1 and
// RFC 6191 allow it, old is CLOSED and c takes its place; otherwise ok is
// false and the segment is old's.
func (l *Listener) Renew(now Time, old *Conn, s *Segment) (c *Conn, ok bool) { return nil, false }

// Accept returns an established connection, or nil.
func (l *Listener) Accept() *Conn { return nil }

// Ready reports whether Accept would return a connection.
func (l *Listener) Ready() bool { return false }

// Close aborts the connections that were not accepted and returns them;
// their RSTs come out of Next.
func (l *Listener) Close(now Time) []*Conn { return nil }

// Reset is what CLOSED answers to a segment (RFC 9293 §3.10.7.1).
func Reset(s *Segment) (reply Segment, send bool) { return Segment{}, false }

// InitialSequence is RFC 6528's initial sequence number.
func InitialSequence(secret [16]byte, local, remote netip.AddrPort, now Time) uint32 { return 0 }
