package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/link"
	"waypost/trace"
)

// conn is a connection in the pool.
type conn struct {
	client wire.Client
	raw    net.Conn       // under client: the TLS connection, or the plain one; nil over QUIC
	quic   *wire.H3Client // client, where it is HTTP/3
	tls    *tls.ConnectionState
	to     target
	proto  string // as wire names it
	remote netip.AddrPort
	local  netip.AddrPort
	span   *trace.Span // of the request that opened it: notes its end
	once   sync.Once
	ours   atomic.Bool                  // what ended it was our doing
	last   atomic.Pointer[link.TCPInfo] // as of the last request's end, kept when recording

	// The rest is guarded by the pool's lock.
	carrying int         // requests on it now
	carried  int         // requests that it was given in its life
	rested   time.Time   // when it last became idle
	timer    *time.Timer // closes it when it has been idle for long
}

// shared reports whether many requests go on the connection at once.
func (c *conn) shared() bool { return c.proto != wire.HTTP11 }

// begin gives the connection one more request.
func (c *conn) begin() {
	c.carrying++
	c.carried++
	if c.timer != nil {
		c.timer.Stop()
	}
}

// end is told how a request on the connection ended, before it is released.
// Breaking off an exchange costs an HTTP/1.1 connection its life, and that is
// our doing.
func (c *conn) end(ctx context.Context, err error) {
	if errors.Is(err, errLeft) || ctx.Err() != nil {
		c.ours.Store(true)
	}
	if c.span.On() && c.raw != nil {
		if info, ok := link.InfoOf(c.raw); ok {
			c.last.Store(&info)
		}
	}
}

// close closes the connection, once, and notes how it had fared.
func (c *conn) close() {
	c.once.Do(func() {
		by := "us"
		if !c.ours.Load() && !c.client.Alive() {
			by = "peer"
		}
		if c.quic != nil {
			_ = c.client.Close()
			c.closedQUIC(by)
			return
		}
		info, ok := link.InfoOf(c.raw)
		if last := c.last.Load(); !ok && last != nil {
			info = *last // the codec has closed it already
		}
		_ = c.client.Close() // it is gone either way
		c.closed(by, info)
	})
}

// discard closes a connection that never came to carry a request, because of
// err.
func (c *conn) discard(err error) {
	by := "us"
	switch fault.Of(err) {
	case fault.TLSAlertReceived, fault.ConnectionTerminated:
		by = "peer"
	}
	info, _ := link.InfoOf(c.raw)
	c.raw.Close()
	c.closed(by, info)
}

// closed notes the end.
func (c *conn) closed(by string, info link.TCPInfo) {
	c.span.Note(trace.TCPClose{
		Local: c.local.String(), Remote: c.remote.String(), By: by, Requests: c.carried,
		Sent: info.BytesAcked, Received: info.BytesRecv,
		RTT: trace.Millis(info.RTT), Cwnd: info.Cwnd, Retransmits: info.Retransmits,
	}, nil)
}
