package tcp

import "time"

// Congestion names a congestion control algorithm.
type Congestion uint8

// The algorithms. Tahoe and Reno are from before SACK: set NoSACK to watch
// them as they were. With SACK, all but Tahoe recover by RFC 6675 and differ
// only in how the window grows and how far it falls; without it CUBIC
// recovers as NewReno does.
const (
	CUBIC   Congestion = iota // RFC 9438; the default, as on Linux
	NewReno                   // RFC 5681 with the fast recovery of RFC 6582
	Reno                      // RFC 5681: fast recovery ends with the first new acknowledgement
	Tahoe                     // 1988: fast retransmit, then slow start from one segment
)

var congestionNames = [...]string{CUBIC: "cubic", NewReno: "newreno", Reno: "reno", Tahoe: "tahoe"}

// String is the algorithm's name: cubic, newreno, reno, tahoe.
func (c Congestion) String() string {
	if int(c) < len(congestionNames) {
		return congestionNames[c]
	}
	return "unknown algorithm"
}

// ParseCongestion is the inverse of String.
func ParseCongestion(s string) (Congestion, bool) {
	for i, name := range congestionNames {
		if name == s {
			return Congestion(i), true
		}
	}
	return 0, false
}

// Config is how connections behave. The zero value is a sensible TCP, much
// like Linux's. A Config is shared by its connections and must not change
// while they use it.
type Config struct {
	// MSS is the largest payload in bytes that a segment to us may carry
	// when it has no options: the interface's MTU less 40 for IPv4, less 60
	// for IPv6. It is announced to the peer and bounds what we send. 0
	// means DefaultMSS for IPv4 and 20 less for IPv6. At most MaxMSS.
	MSS int
	// SendBuffer and ReceiveBuffer bound the bytes kept for each direction.
	// Memory is taken when it is needed. 0 means DefaultBuffer.
	SendBuffer, ReceiveBuffer int

	Congestion    Congestion
	NoSACK        bool // do not offer selective acknowledgements (RFC 2018)
	NoTimestamps  bool // do not offer timestamps (RFC 7323 §3)
	NoWindowScale bool // do not offer window scaling (RFC 7323 §2)
	NoDelay       bool // Nagle's algorithm off (RFC 9293 §3.7.4)

	DelayedAck Time // how long an acknowledgement may wait; 0: DefaultDelayedAck; negative: not at all
	MinRTO     Time // 0: DefaultMinRTO
	InitialRTO Time // 0: DefaultInitialRTO
	MaxRTO     Time // 0: DefaultMaxRTO

	InitialWindow int  // in segments; 0: ten, RFC 6928
	MSL           Time // maximum segment lifetime; 0: DefaultMSL

	Keepalive Keepalive // off unless Idle > 0

	Retries     int  // retransmissions of data before giving up (R2); 0: DefaultRetries; at most 250
	SYNRetries  int  // the same for a SYN; a SYN,ACK has one less; 0: DefaultSYNRetries
	UserTimeout Time // unacknowledged data end the connection after this; 0: by Retries alone
	FinWait2    Time // bound of FIN-WAIT-2 after Close; 0: DefaultFinWait2

	// TimestampOffset is added to the millisecond clock of the timestamps
	// option, so that it does not tell a host's uptime (RFC 7323 §5.4).
	TimestampOffset uint32

	// Observe is told what happens, while it happens, from within the
	// calls; it must not call the connection. nil: nothing is told, and
	// that costs nothing.
	Observe func(*Event)
}

// Keepalive is when an idle connection is probed (RFC 9293 §3.8.4).
type Keepalive struct {
	Idle     Time // silence before the first probe; 0: no probes
	Interval Time // between probes; 0: DefaultKeepalive's
	Probes   int  // unanswered ones before the connection ends; 0: DefaultKeepalive's
}

// DefaultKeepalive is what keepalive means on Linux and, for Idle, in
// RFC 9293 §3.8.4 (no less than two hours).
var DefaultKeepalive = Keepalive{Idle: 2 * time.Hour, Interval: 75 * time.Second, Probes: 10}

// Defaults of a Config, each with its reason.
const (
	// DefaultMSS is Ethernet's 1,500 bytes less two headers.
	DefaultMSS = 1460
	// MaxMSS bounds the payload of one segment: the bytes of a segment lie
	// in one page of the buffers or in a copy as large as a page.
	MaxMSS = pageSize
	// DefaultBuffer keeps 100 Mbit/s busy over a round trip of 80 ms.
	DefaultBuffer = 1 << 20
	// DefaultDelayedAck is Linux's shortest; RFC 9293 §3.8.6.3 bounds it by 500 ms.
	DefaultDelayedAck = 40 * time.Millisecond
	// DefaultMinRTO is Linux's. We deviate from RFC 6298 §2.4, which says
	// one second: see rto.go.
	DefaultMinRTO = 200 * time.Millisecond
	// DefaultInitialRTO is RFC 6298 §2.1.
	DefaultInitialRTO = time.Second
	// DefaultMaxRTO is Linux's; RFC 6298 §2.5 wants at least 60 s.
	DefaultMaxRTO = 120 * time.Second
	// DefaultMSL makes TIME-WAIT last 60 s as on Linux. We deviate from
	// RFC 9293 §3.4.2, which says two minutes: no packet lives that long now.
	DefaultMSL = 30 * time.Second
	// DefaultRetries is Linux's tcp_retries2: at least 924 s; RFC 9293
	// §3.8.3 wants at least 100 s.
	DefaultRetries = 15
	// DefaultSYNRetries is Linux's: 127 s. We deviate from RFC 9293 §3.8.3,
	// which wants three minutes: users have left by then.
	DefaultSYNRetries = 6
	// DefaultFinWait2 is Linux's tcp_fin_timeout. RFC 9293 §3.6 has no
	// bound; a peer that never closes would hold our memory for ever.
	DefaultFinWait2 = 60 * time.Second

	// maxRetries bounds what can be configured; with MaxRTO it is eight hours.
	maxRetries = 250
	// orphanRetries bounds retransmissions after Close, when nobody waits
	// for the data any more: Linux's tcp_orphan_retries, about 100 s.
	orphanRetries = 8
)

// or returns v, or def where v is not set.
func or[T int | Time](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

func (c *Config) minRTO() Time     { return or(c.MinRTO, DefaultMinRTO) }
func (c *Config) initialRTO() Time { return or(c.InitialRTO, DefaultInitialRTO) }
func (c *Config) maxRTO() Time     { return or(c.MaxRTO, DefaultMaxRTO) }
func (c *Config) msl() Time        { return or(c.MSL, DefaultMSL) }
func (c *Config) delayedAck() Time { return or(c.DelayedAck, DefaultDelayedAck) }
func (c *Config) sendBuffer() int  { return or(c.SendBuffer, DefaultBuffer) }
func (c *Config) receiveBuffer() int {
	return min(or(c.ReceiveBuffer, DefaultBuffer), maxReceiveBuffer)
}

// mss is the size that we announce, for an IPv4 or IPv6 connection.
func (c *Config) mss(ipv4 bool) int {
	mss := c.MSS
	if mss <= 0 {
		mss = DefaultMSS
		if !ipv4 {
			mss -= 20
		}
	}
	return min(max(mss, minMSS), MaxMSS)
}
