package fetch

import (
	"context"
	"crypto/tls"
	"io"
	"net/netip"
	"time"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/link"
	"waypost/tls/cert"
	"waypost/trace"
)

const (
	// maxTokenHosts and tokensPerHost bound the tokens by which servers know
	// our address again (RFC 9000 §8.1.3): each serves once.
	maxTokenHosts = 256
	tokensPerHost = 4
	// quicGrace is how much later than our timer QUIC's own fires, so that
	// ours, which has a name, comes first; with early data, where no dial is
	// waited for, there is QUIC's alone.
	quicGrace = 50 * time.Millisecond
)

// quicDial is one QUIC connection tried.
type quicDial struct {
	*wire.H3Client
	trust         *trace.Decision // what was found about the certificate
	local, remote netip.AddrPort
}

// dialQUIC opens an HTTP/3 connection to the target: names, then a race of
// handshakes, in which address validation and TLS are one. With early data
// nothing is waited for, so that only the first address is tried.
func (c *Client) dialQUIC(ctx context.Context, to target) (*conn, error) {
	addrs, err := c.resolve(ctx, to)
	if err != nil {
		return nil, err
	}
	timeouts := c.Timeouts.withDefaults()
	timer, setting := TimerConnect, timeouts.Connect
	if to.alternative {
		timer, setting = TimerQUIC, timeouts.QUIC
	}
	connecting, cancel := phase(ctx, timer, setting)
	defer cancel()
	span := trace.From(ctx)
	r := c.race(ctx, to, addrs, "quic")
	r.dial = func(ctx context.Context, addr netip.AddrPort) (io.Closer, error) {
		return closer(c.tryQUIC(ctx, to, addr, setting, span.On()))
	}
	won, err := r.run(connecting)
	if err != nil {
		return nil, err
	}
	q := won.conn.(*quicDial)
	d := &conn{client: q.H3Client, quic: q.H3Client, to: to, proto: wire.HTTP3, span: span, local: q.local, remote: q.remote}
	d.tls = d.settledTLS()
	if span.On() {
		c.noteQUIC(d, q, won, r.decision(won))
	}
	return d, nil
}

// tryQUIC dials one address from a socket of its own.
func (c *Client) tryQUIC(ctx context.Context, to target, addr netip.AddrPort, timeout time.Duration, watch bool) (*quicDial, error) {
	pc, err := c.Network.ListenPacket(ctx, netip.AddrPort{})
	if err != nil {
		return nil, err
	}
	q := &quicDial{local: link.AddrPort(pc.LocalAddr()), remote: addr}
	limits := c.Limits
	limits.BodyIdleTimeout = -1 // ours has a name: see TimerBodyIdle
	if timeout > 0 {
		limits.HandshakeTimeout = 2 * (timeout + quicGrace) // of which the silence is half
	}
	secure := c.tlsConfig(to, &q.trust)
	if c.Sessions != nil {
		secure.ClientSessionCache = quicSessions{c.Sessions}
	}
	d := wire.H3Dialer{TLS: secure, Limits: limits, EarlyData: c.EarlyData, Tokens: c.tokens, Watch: watch}
	q.H3Client, err = d.Dial(ctx, pc, addr)
	return q, err
}

// quicSessions keeps the sessions of QUIC apart from those of TCP: a session
// of one has no early data for the other.
type quicSessions struct{ tls.ClientSessionCache }

// Get implements [tls.ClientSessionCache].
func (s quicSessions) Get(key string) (*tls.ClientSessionState, bool) {
	return s.ClientSessionCache.Get("quic " + key)
}

// Put implements [tls.ClientSessionCache].
func (s quicSessions) Put(key string, state *tls.ClientSessionState) {
	s.ClientSessionCache.Put("quic "+key, state)
}

// settledTLS is the state of a handshake that is complete; nil before.
func (c *conn) settledTLS() *tls.ConnectionState {
	if !c.settled() {
		return nil
	}
	state := c.quic.TLS()
	return &state
}

// settled reports whether the handshake is complete.
func (c *conn) settled() bool {
	select {
	case <-c.quic.Settled():
		return true
	default:
		return false
	}
}

// noteQUIC notes the opening of a connection: at once, or beside the requests
// that go before the handshake is complete.
func (c *Client) noteQUIC(d *conn, q *quicDial, a attempt, why *trace.Decision) {
	if d.settled() {
		c.noteSettled(d, q, a, why)
		return
	}
	c.pool().dials.Go(func() {
		select {
		case <-q.Settled():
		case <-q.Done():
		}
		c.noteSettled(d, q, a, why)
	})
}

func (c *Client) noteSettled(d *conn, q *quicDial, a attempt, why *trace.Decision) {
	i, state := q.Info(), q.TLS()
	f := trace.QUICConnect{Local: ownAddr(d.local), Remote: d.remote.String(), Host: d.to.toHost}
	if !d.settled() {
		err := q.Err()
		f.Fault, f.Error = string(kindOf(err, fault.ConnectionTerminated)), plain(err).Error()
		d.span.Took(a.began, time.Now(), f, nil)
		return
	}
	f.Version, f.ALPN, f.RTT, f.Cwnd = i.Version, state.NegotiatedProtocol, trace.Millis(i.RTT), i.Cwnd
	f.EarlyData, f.Retry = i.EarlyData, i.Retry
	if !i.EarlyData {
		f.RoundTrips = 1
	}
	for _, extra := range []bool{i.Retry, i.Negotiated} {
		if extra {
			f.RoundTrips++
		}
	}
	d.span.Took(a.began, a.began.Add(i.Handshake), f, why)
	secured := cert.Handshake(serverName(d.to), state)
	secured.RoundTrips = 0 // they are QUIC's
	at := a.began.Add(i.Handshake)
	d.span.Took(at, at, secured, q.trust)
}

// ownAddr is our address for the record: a socket that is open to all of ours
// does not know which one packets leave from.
func ownAddr(a netip.AddrPort) string {
	if a.Addr().IsUnspecified() {
		return ""
	}
	return a.String()
}

// closedQUIC notes the end of a connection.
func (c *conn) closedQUIC(by string) {
	if !c.span.On() {
		return
	}
	i := c.quic.Info()
	c.span.Note(trace.QUICClose{
		Local: ownAddr(c.local), Remote: c.remote.String(), By: by, Requests: c.carried,
		Sent: i.BytesSent, Received: i.BytesRecv, RTT: trace.Millis(i.RTT), Cwnd: i.Cwnd, Lost: i.Lost,
	}, nil)
}
