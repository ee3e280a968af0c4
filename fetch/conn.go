package fetch

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"

	"waypost/http/wire"
	"waypost/link"
	"waypost/trace"
)

// conn is a connection in the pool.
type conn struct {
	client wire.Client
	raw    net.Conn // under client: the TLS connection, or the plain one
	tls    *tls.ConnectionState
	to     target
	h2     bool
	remote netip.AddrPort
	local  netip.AddrPort
	span   *trace.Span // of the request that opened it: notes its end
	once   sync.Once

	// The rest is guarded by the pool's lock.
	ours     bool        // what ended it was our doing
	carrying int         // requests on it now
	carried  int         // requests that it was given in its life
	rested   time.Time   // when it last became idle
	timer    *time.Timer // closes it when it has been idle for long
}

// begin gives the connection one more request.
func (c *conn) begin() {
	c.carrying++
	c.carried++
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// end is told how a request on the connection ended, before it is released.
// Breaking off an exchange costs an HTTP/1.1 connection its life, and that is
// our doing.
func (c *conn) end(ctx context.Context, err error) {
	if err == errLeft || ctx.Err() != nil {
		c.ours = true
	}
}

// close closes the connection, once, and notes how it had fared.
func (c *conn) close() {
	c.once.Do(func() {
		f := trace.TCPClose{
			Local: c.local.String(), Remote: c.remote.String(), By: "us", Requests: c.carried,
		}
		if !c.ours && !c.client.Alive() {
			f.By = "peer"
		}
		if i, ok := link.InfoOf(c.raw); ok && c.span.On() {
			f.Sent, f.Received = i.BytesAcked, i.BytesRecv
			f.RTT, f.Cwnd, f.Retransmits = trace.Millis(i.RTT), i.Cwnd, i.Retransmits
		}
		c.client.Close()
		c.span.Note(f, nil)
	})
}
