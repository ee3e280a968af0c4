package wire

import "time"

// Limits bound what a peer may cost. A zero value takes the default; a
// negative duration means no limit.
type Limits struct {
	// HeaderBytes bounds a head: request or status line and fields, and
	// likewise a trailer section. Beyond it: 431, or a fault in a client.
	HeaderBytes int
	// HeaderCount bounds the number of field lines in a section.
	HeaderCount int
	// TargetBytes bounds a request target; beyond it: 414.
	TargetBytes int

	// HandshakeTimeout bounds a TLS handshake on a server.
	HandshakeTimeout time.Duration
	// HeaderTimeout bounds the time from the first byte of a request head
	// to its last. A trickle does not extend it. Clients have their
	// context instead.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the wait for the next request on a connection.
	IdleTimeout time.Duration
	// ParkAfter is how long an idle HTTP/1.1 connection of a server keeps
	// its goroutine; see park_linux.go.
	ParkAfter time.Duration
	// BodyIdleTimeout is the period within which a body being read must
	// bring at least MinRate bytes for each second of it.
	BodyIdleTimeout time.Duration
	// WriteTimeout is the same for what is being written.
	WriteTimeout time.Duration
	// ExpectTimeout is how long a client waits for 100 (Continue) before
	// it sends the body anyway (RFC 9110 §10.1.1).
	ExpectTimeout time.Duration
	// Drain bounds the graceful end of Server.Serve.
	Drain time.Duration

	// DrainBytes bounds what is read and thrown away of a body that nobody
	// wanted, to keep the connection for the next request.
	DrainBytes int64
	// Connections bounds the open connections of a server. At the limit an
	// idle connection is closed for a new one; while none is idle, new ones
	// wait in the listener's backlog. Servers with the same Places share it.
	Connections int
	// ConnectionsPerClient bounds those of one client: of one IPv4 address, or
	// one /64 of IPv6 (see ClientOf). Behind a balancer that says whom it
	// speaks for (Server.ProxyFrom) that one counts. At the bound, an idle
	// connection of the client is closed for its new one, or else the new one.
	// A negative number means no bound.
	ConnectionsPerClient int
	// StreamsPerConn bounds the concurrent streams of an HTTP/2 connection
	// (SETTINGS_MAX_CONCURRENT_STREAMS). Twice as many handlers may run,
	// those of streams that have been reset included.
	StreamsPerConn int
	// Streams bounds the handlers that run over HTTP/2 and 3 on all
	// connections of a server together (over HTTP/1.1 there is one for a
	// connection at most). Beyond it a connection gets streamsInNeed of them
	// and other streams are refused, which tells the client that it may ask
	// again: so clients with thousands of stalled streams leave something to
	// the others.
	Streams int
	// StreamWindow and ConnWindow are the HTTP/2 flow-control windows that
	// we grant, in bytes: the most that waits unread per stream and per
	// connection. ConnWindow is at least 65,535, which the protocol gives
	// away at the start; where so many are open that all of theirs would be
	// more than UnreadTotal, new ones have that.
	StreamWindow, ConnWindow int
}

// The defaults of Limits.
const (
	DefaultHeaderBytes      = 32 << 10               // the 16 KB of cookies that browsers send at worst, twice
	DefaultHeaderCount      = 128                    // browsers send about 20, proxies add a few
	DefaultTargetBytes      = 8 << 10                // RFC 9110 §4.1 asks for 8,000 at least
	DefaultHandshakeTimeout = 10 * time.Second       // three round trips on the worst path
	DefaultHeaderTimeout    = 10 * time.Second       // a head is one or two segments
	DefaultIdleTimeout      = 75 * time.Second       // above the 60 s of common load balancers, so that the client closes first
	DefaultParkAfter        = 100 * time.Millisecond // parking costs 3 µs: nothing to a client this slow
	DefaultBodyIdleTimeout  = 30 * time.Second       // spans a lost radio link, not a coffee
	DefaultWriteTimeout     = 30 * time.Second       // the same for a reader
	DefaultExpectTimeout    = 1 * time.Second        // curl's choice
	DefaultDrain            = 10 * time.Second       // most exchanges end far sooner
	DefaultDrainBytes       = 256 << 10              // about what a new connection costs
	DefaultConnections      = 16 << 10               // with 4 KB each, 64 MB when all are idle
	DefaultPerClient        = 1 << 10                // a sixteenth of all; 128 browsers behind one address, each with the eight that HTTP/1.1 brings
	DefaultStreamsPerConn   = 128                    // RFC 9113 §6.5.2 asks for 100 at least
	DefaultStreams          = 16 << 10               // with 16 KB each, 256 MB when all are stalled
	DefaultStreamWindow     = 256 << 10              // 20 Mbit/s of upload per stream at 100 ms
	DefaultConnWindow       = 512 << 10              // two streams' worth: the bound on unread bytes per connection
	streamsInNeed           = 4                      // a page comes in with so many, if slower
	UnreadTotal             = 512 << 20              // a thousand wide connections; 16,384 narrow ones are 1 GB beside them
	MinRate                 = 240                    // bytes per second below which a peer is an attack or dead
)

// withDefaults returns l with its zero values filled in.
func (l Limits) withDefaults() Limits {
	number(&l.HeaderBytes, DefaultHeaderBytes)
	number(&l.HeaderCount, DefaultHeaderCount)
	number(&l.TargetBytes, DefaultTargetBytes)
	number(&l.Connections, DefaultConnections)
	if l.ConnectionsPerClient == 0 {
		l.ConnectionsPerClient = DefaultPerClient
	}
	number(&l.StreamsPerConn, DefaultStreamsPerConn)
	number(&l.Streams, DefaultStreams)
	number(&l.StreamWindow, DefaultStreamWindow)
	number(&l.ConnWindow, DefaultConnWindow)
	if l.DrainBytes == 0 {
		l.DrainBytes = DefaultDrainBytes
	}
	period(&l.HandshakeTimeout, DefaultHandshakeTimeout)
	period(&l.HeaderTimeout, DefaultHeaderTimeout)
	period(&l.IdleTimeout, DefaultIdleTimeout)
	period(&l.ParkAfter, DefaultParkAfter)
	period(&l.BodyIdleTimeout, DefaultBodyIdleTimeout)
	period(&l.WriteTimeout, DefaultWriteTimeout)
	period(&l.ExpectTimeout, DefaultExpectTimeout)
	period(&l.Drain, DefaultDrain)
	return l
}

// wide is how many connections may have a window of ConnWindow.
func (l *Limits) wide() int64 { return int64(UnreadTotal / l.ConnWindow) }

func number(n *int, def int) {
	if *n <= 0 {
		*n = def
	}
}

// period fills in a default and turns "no limit" into the zero duration.
func period(d *time.Duration, def time.Duration) {
	switch {
	case *d == 0:
		*d = def
	case *d < 0:
		*d = 0
	}
}
