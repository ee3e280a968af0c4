// Package fetch turns a URL into a response: it resolves the host's name,
// races connections to its addresses (Happy Eyeballs v2, RFC 8305), shakes
// hands with TLS, exchanges one request on a connection, and keeps the
// connection for the next one.
//
// Browser and edge fetch with the same code. What they learn is in the
// [Response] or, when none came, in the [Error]; each step is noted on the
// span that the context carries: tcp.connect, quic.connect, tls.handshake,
// tcp.close, quic.close (and dns.* through [Names]). The request and the response themselves are noted
// by the caller, who knows what they were for.
//
// A request goes through the files in this order: fetch.go, target.go,
// altsvc.go, exchange.go, pool.go, share.go and queue.go, dial.go, eyeballs.go,
// handshake.go or quic.go, conn.go, response.go, release.go. Proxies (RFC 9110 §3.7) are out of scope.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/http/wire"
	"waypost/link"
	"waypost/url"
)

// Names finds the addresses of a host. *resolver.Resolver is one.
type Names interface {
	// Addrs returns the IPv4 and IPv6 addresses of host, most preferred
	// first within each family. An error carries its fault's name.
	Addrs(ctx context.Context, host string) ([]netip.Addr, error)
}

// Client fetches. Its fields are set before the first call and not changed
// afterwards; the zero value of each has the meaning stated. A Client is safe
// for concurrent use and must not be copied after first use. Connections and
// goroutines of a Client end with [Client.Close].
type Client struct {
	Network link.Network // required
	Names   Names        // nil: only URLs whose host is an address can be fetched

	// Roots are the certificate authorities trusted; nil means the system's.
	Roots *x509.CertPool
	// InsecureSkipVerify accepts any certificate; the record says so.
	InsecureSkipVerify bool
	// Sessions keeps TLS sessions for resumption (RFC 8446 §2.2); nil keeps
	// none.
	Sessions tls.ClientSessionCache
	// HTTP2 offers h2 by ALPN (RFC 9113 §3.2) before http/1.1.
	HTTP2 bool
	// HTTP3 says when HTTP/3 is spoken, for https.
	HTTP3 HTTP3
	// EarlyData lets HTTP/3 requests with a safe method and without body
	// leave before the TLS handshake is complete, where Sessions has a
	// session that allows it (0-RTT, RFC 8470): they may be replayed.
	EarlyData bool

	// PerHost bounds the HTTP/1.1 connections to one host; requests beyond
	// it wait their turn. 0 means DefaultPerHost.
	PerHost int
	// ConnectTo sends connections elsewhere, as curl's --connect-to does:
	// from "host:port" to "host:port". Host, SNI and certificate checks stay
	// those of the URL. The map is read, never written.
	ConnectTo map[string]string

	Timeouts Timeouts
	Limits   wire.Limits // of each connection's codec

	once         sync.Once
	conns        *pool
	alternatives alternatives
	tokens       quic.TokenStore
}

// HTTP3 says when a client speaks HTTP/3.
type HTTP3 int

const (
	HTTP3Off    HTTP3 = iota
	HTTP3Prefer       // where a response has named an alternative (Alt-Svc, RFC 7838); TCP else, and when QUIC fails
	HTTP3Only         // always, and never TCP; for connections that change their protocol there is none
)

// pool returns the client's pool, made at the first call.
func (c *Client) pool() *pool {
	c.once.Do(func() {
		perHost := c.PerHost
		if perHost == 0 {
			perHost = DefaultPerHost
		}
		c.conns = &pool{
			perHost: perHost, idle: c.Timeouts.withDefaults().Idle,
			hosts: map[target]*host{}, conns: map[*conn]uint64{}, running: map[*exchange]uint64{},
		}
		c.tokens = quic.NewLRUTokenStore(maxTokenHosts, tokensPerHost)
	})
	return c.conns
}

// Do fetches u with the method, fields and body of r and returns when the
// response head is there. Empty Method, Scheme, Authority and Path of r are
// taken from u (GET for the method); r itself is not changed, but its Body
// is read.
//
// A request that met a connection which the peer had already given up is sent
// once more on a fresh one, where RFC 9110 §9.2.2 allows it.
//
// The error is an *[Error]. The context bounds the exchange up to the end of
// the body: ending it breaks off the body too.
func (c *Client) Do(ctx context.Context, u *url.URL, r *wire.Request) (*Response, error) {
	return c.Start(ctx, u, r, DefaultUrgency).Response()
}

// DefaultUrgency is that of a request of which nothing is known (RFC 9218
// §4.1).
const DefaultUrgency = 3

// Start is the first half of Do: it takes the request's place in the order
// in which requests to a host get connections, and returns at once. Among
// those that wait, a lower urgency (RFC 9218 §4.1: 0 to 7) goes first, and
// within one the earlier call. The second half, [Pending.Response], must
// follow.
func (c *Client) Start(ctx context.Context, u *url.URL, r *wire.Request, urgency int) *Pending {
	x := &exchange{client: c, request: *r, urgency: urgency}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	p := &Pending{x: x}
	if x.to, p.err = c.target(u, r.Upgrade != ""); p.err != nil {
		return p
	}
	x.plain = x.to
	c.chooseHTTP3(x)
	fill(&x.request, u)
	if p.err = c.pool().enter(x); p.err == nil {
		x.ask(false)
	}
	return p
}

// Pending is a request that has its place and waits to be sent.
type Pending struct {
	x   *exchange
	err error
}

// Response sends the request as soon as it has a connection. It is called
// once; what it returns is told at [Client.Do].
func (p *Pending) Response() (*Response, error) {
	if p.err != nil {
		p.x.cancel(nil)
		return nil, p.x.fail(p.err)
	}
	return p.x.run()
}

// fill completes r from u.
func fill(r *wire.Request, u *url.URL) {
	if r.Method == "" {
		r.Method = "GET"
	}
	if r.Scheme == "" {
		r.Scheme = "http"
		if s := u.Scheme(); s == "https" || s == "wss" {
			r.Scheme = "https"
		}
	}
	if r.Authority == "" {
		r.Authority = u.Host()
	}
	if r.Path == "" {
		r.Path = u.RequestTarget()
	}
}

// CloseIdle closes the connections that carry no request.
func (c *Client) CloseIdle() { c.pool().closeIdle() }

// Close closes all connections, those in use too, and returns when every
// goroutine of the client has ended. Requests fail from then on.
func (c *Client) Close() error {
	c.pool().close()
	c.pool().dials.Wait()
	return nil
}

// errClosed is what requests get after Close.
var errClosed = errors.New("the client is closed")

// Trip is how a request travelled, as far as it came.
type Trip struct {
	Remote netip.AddrPort // zero: no connection was had
	Local  netip.AddrPort
	Proto  string        // "HTTP/1.1", "HTTP/2" or "HTTP/3"; "" without a connection
	Reused bool          // the connection had carried a request before
	Queued time.Duration // spent waiting for a free connection
	Sent   time.Time     // when the request was handed to the connection; zero: it never was
	// FirstByte is the time from Sent to the response head; 0 when none came.
	FirstByte time.Duration
	Attempts  int                  // connections tried with it; 2 after a retry
	TLS       *tls.ConnectionState // nil for http; not to be changed
}

// Error is a fetch that brought no response. [fault.Of] names its fault; a
// [Timeout] is in its chain when one of our timers ended it.
type Error struct {
	Trip
	Err error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }
