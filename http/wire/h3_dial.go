package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"

	"waypost/fault"
	"waypost/link"
)

// H3Dialer opens HTTP/3 connections. Its fields are set before the first
// call; it is safe for concurrent use.
type H3Dialer struct {
	// TLS is the client's configuration. The protocol is "h3" and the
	// version TLS 1.3, whatever it says.
	TLS    *tls.Config
	Limits Limits
	// EarlyData sends requests before the handshake is complete, where
	// TLS.ClientSessionCache has a session that allows it (0-RTT): those
	// with a safe method and without body (RFC 8470 §4), because they may be
	// replayed. One that is answered with 425 (Too Early), or that the
	// server did not look at, is sent again after the handshake.
	EarlyData bool
	// Tokens keeps what servers hand out to know an address again (NEW_TOKEN,
	// RFC 9000 §8.1.3); nil keeps none.
	Tokens quic.TokenStore
	// Watch learns of Retry and version negotiation, for QUICInfo. It costs
	// some allocations per packet.
	Watch bool
}

// KeepAlive is how often a client lets the server know that it is there while
// it has nothing to say. Servers in use give up after 30 s at the least, NATs
// after about as long (RFC 4787 §4.3 has 2 minutes, RFC 9308 §3.2 30 s).
const KeepAlive = 15 * time.Second

// Dial opens a connection to addr from pc, which it owns from then on: each
// connection has a socket of its own, and connection IDs of no length
// therefore. The context bounds the handshake. With EarlyData it may return
// before the handshake is complete; [H3Client.Settled] tells when it is.
func (d *H3Dialer) Dial(ctx context.Context, pc link.PacketConn, addr netip.AddrPort) (*H3Client, error) {
	c := &H3Client{own: d.Limits.withDefaults(), began: time.Now(), calls: map[quic.StreamID]*h3Call{}, done: make(chan struct{})}
	conf := quicLimits(&c.own)
	conf.MaxIncomingStreams = -1 // a server opens none (RFC 9114 §6.1)
	conf.KeepAlivePeriod = KeepAlive
	conf.TokenStore = d.Tokens
	if d.Watch {
		conf.Tracer = func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return &c.watch }
	}
	secure := d.TLS.Clone()
	secure.NextProtos, secure.MinVersion = []string{alpnH3}, tls.VersionTLS13
	c.transport = &quic.Transport{Conn: datagrams(pc), ConnectionIDGenerator: noConnectionIDs{}}
	c.socket = pc
	dial := c.transport.Dial
	if d.EarlyData {
		dial = c.transport.DialEarly
	}
	q, err := dial(ctx, net.UDPAddrFromAddrPort(addr), secure, conf)
	if err != nil {
		c.hangUp()
		if ctx.Err() != nil {
			return nil, err // the caller's own doing
		}
		return nil, dialFault(err)
	}
	c.init(q, &c.own, c)
	if c.settled() {
		c.settledAt.Store(int64(time.Since(c.began)))
	} else {
		go c.timeHandshake()
	}
	context.AfterFunc(q.Context(), c.ends)
	if err := c.greet(); err != nil && !errors.Is(err, quic.Err0RTTRejected) {
		_ = c.Close()
		return nil, quicFault("open the control stream", err)
	}
	return c, nil
}

// timeHandshake waits for the end of a handshake beside which requests go.
func (c *H3Client) timeHandshake() {
	select {
	case <-c.quic.HandshakeComplete():
		c.settledAt.Store(int64(time.Since(c.began)))
	case <-c.quic.Context().Done():
	}
}

// dialFault names why a handshake failed.
func dialFault(err error) error {
	var late *quic.HandshakeTimeoutError
	var idle *quic.IdleTimeoutError
	var version *quic.VersionNegotiationError
	var known *fault.Error
	const op = "QUIC handshake"
	switch {
	case errors.As(err, &late) || errors.As(err, &idle):
		return fault.New(fault.ConnectionTimeout, op, errors.New("no answer"))
	case errors.As(err, &version):
		return fault.New(fault.ConnectionTerminated, op, err)
	case errors.As(err, &known): // of our own verification
		return known
	}
	return quicFault(op, err)
}

// noConnectionIDs makes connection IDs of no length (RFC 9000 §5.1).
type noConnectionIDs struct{}

// GenerateConnectionID implements [quic.ConnectionIDGenerator].
func (noConnectionIDs) GenerateConnectionID() (quic.ConnectionID, error) {
	return quic.ConnectionID{}, nil
}

// ConnectionIDLen implements [quic.ConnectionIDGenerator].
func (noConnectionIDs) ConnectionIDLen() int { return 0 }

// QUICInfo is what is known about a QUIC connection.
type QUICInfo struct {
	Version    string // "1" or "2"
	Settled    bool   // the handshake is complete
	Handshake  time.Duration
	RTT        time.Duration // smoothed (RFC 9002 §5.3)
	MinRTT     time.Duration
	Cwnd       int  // congestion window in bytes
	EarlyData  bool // it was sent and accepted
	Retry      bool // the server wanted our address validated; known where H3Dialer.Watch is set
	Negotiated bool // the server named other versions first; likewise
	// Packets and bytes, with UDP's payload counted.
	Sent, Received, Lost            int64
	BytesSent, BytesRecv, BytesLost int64
}

// Info is what is known now.
func (c *H3Client) Info() QUICInfo {
	state, stats := c.quic.ConnectionState(), c.quic.ConnectionStats()
	i := QUICInfo{
		Version: "1", RTT: stats.SmoothedRTT, MinRTT: stats.MinRTT, Cwnd: int(stats.CongestionWindow),
		EarlyData: state.Used0RTT, Retry: c.watch.retry.Load(), Negotiated: c.watch.negotiated.Load(),
		Sent: int64(stats.PacketsSent), Received: int64(stats.PacketsReceived), Lost: int64(stats.PacketsLost),
		BytesSent: int64(stats.BytesSent), BytesRecv: int64(stats.BytesReceived), BytesLost: int64(stats.BytesLost),
	}
	if state.Version == quic.Version2 {
		i.Version = "2"
	}
	select {
	case <-c.quic.HandshakeComplete():
		i.Settled = true
	default:
	}
	i.Handshake = time.Duration(c.settledAt.Load())
	return i
}

// quicWatch is told of every event of a connection and keeps two.
type quicWatch struct {
	retry, negotiated atomic.Bool
}

// AddProducer implements [qlogwriter.Trace].
func (w *quicWatch) AddProducer() qlogwriter.Recorder { return w }

// RecordEvent implements [qlogwriter.Recorder].
func (w *quicWatch) RecordEvent(e qlogwriter.Event) {
	switch e := e.(type) {
	case qlog.PacketReceived:
		if e.Header.PacketType == qlog.PacketTypeRetry {
			w.retry.Store(true)
		}
	case qlog.VersionNegotiationReceived:
		w.negotiated.Store(true)
	}
}

// Close implements [qlogwriter.Recorder].
func (w *quicWatch) Close() error { return nil }

var _ io.Closer = (*quicWatch)(nil)

// hangUp closes what is under the connection.
func (c *H3Client) hangUp() {
	c.once.Do(func() {
		_ = c.transport.Close()
		_ = c.socket.Close()
		close(c.done)
	})
}

// H3Client is the client's end of an HTTP/3 connection.
type H3Client struct {
	h3Conn
	own       Limits
	transport *quic.Transport
	socket    link.PacketConn
	watch     quicWatch
	began     time.Time
	settledAt atomic.Int64 // how long the handshake took, as far as is known
	once      sync.Once
	done      chan struct{} // closed when the socket is

	restarting sync.Mutex
	restarted  bool // early data was rejected and all begun anew

	// Under the connection's mutex:
	calls     map[quic.StreamID]*h3Call
	waiting   int  // calls that wait for their turn
	goingAway bool // the server takes no more streams
}
