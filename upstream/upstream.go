// Package upstream is the way back from an edge to the servers of one site:
// which of them to ask, whether it is alive, how long to wait and what to try
// next.
//
// A request passes through the files in this order: upstream.go (the tries),
// health.go (which server), target.go (what is asked of it), retry.go
// (whether another one may be asked), stream.go (the body's own timer),
// report.go (the account of it all).
//
// Health is passive: the requests themselves find out. A server that failed
// a few times in a row is left alone for a while that grows, and then tries
// itself with one request.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"waypost/cdn"
	"waypost/fault"
	"waypost/fetch"
	"waypost/http/wire"
)

// Limits of the way back.
const (
	// maxTries bounds the servers asked for one request: after three that
	// failed, the client's patience is the scarcer good.
	maxTries = 3
	// maxConns bounds the HTTP/1.1 connections to one server. Requests
	// beyond it wait, as long as for a connection to open; an origin seldom has more workers than that.
	maxConns = 512
	// dnsTimeout is one try of a stub resolver (resolv.conf(5)).
	dnsTimeout = 5 * time.Second
)

// Upstream asks the servers of one site. It is safe for concurrent use.
type Upstream struct {
	client  *fetch.Client
	servers []*server
	host    string // replaces the client's Host; "" keeps it
	idle    time.Duration

	mu      sync.Mutex
	running int  // exchanges whose body is not yet closed
	retired bool // keep no connection when running falls to zero
}

// New returns the way back to origin under the deadlines of policy, where
// zero values mean those of [cdn.DefaultPolicy]. From template it takes the
// network, the name service, the roots of trust and the like; its connections
// are not used. The error names the URL that is wrong.
func New(origin cdn.Origin, policy cdn.Policy, template *fetch.Client) (*Upstream, error) {
	if len(origin.URLs) == 0 {
		return nil, fault.New(fault.ProxyConfigurationError, "origin", errors.New("no URL is given"))
	}
	def := cdn.DefaultPolicy()
	orDefault(&policy.ConnectTimeout, def.ConnectTimeout)
	orDefault(&policy.FirstByteTimeout, def.FirstByteTimeout)
	orDefault(&policy.IdleTimeout, def.IdleTimeout)
	u := &Upstream{host: origin.Host, idle: policy.IdleTimeout, client: &fetch.Client{
		Network: template.Network, Names: template.Names,
		Roots: template.Roots, InsecureSkipVerify: template.InsecureSkipVerify || origin.InsecureSkipVerify,
		Sessions: template.Sessions, HTTP2: template.HTTP2,
		PerHost: maxConns, ConnectTo: template.ConnectTo, Limits: template.Limits,
		Timeouts: fetch.Timeouts{
			// A connection that is free in time is as good as one that is opened in time.
			Queue: policy.ConnectTimeout,
			DNS:   dnsTimeout, Connect: policy.ConnectTimeout, TLS: policy.ConnectTimeout,
			FirstByte: policy.FirstByteTimeout,
			BodyIdle:  -1, // stream.go has that timer: event streams have one of their own
			Idle:      template.Timeouts.Idle,
		},
	}}
	for _, text := range origin.URLs {
		s, err := newServer(text)
		if err != nil {
			return nil, err
		}
		u.servers = append(u.servers, s)
	}
	return u, nil
}

func orDefault(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// Do sends req to the first server that is well, and on to the next one where
// that fails and RFC 9110 §9.2.2 allows it. req.Path is the path on the site;
// Scheme is that of the server and Authority is rewritten as configured; req
// itself is not changed, but its Body is read.
//
// The context bounds the exchange up to the end of the body, which must be
// read to its end or closed. The report is valid with and without an error.
func (u *Upstream) Do(ctx context.Context, req *wire.Request) (*fetch.Response, *Report, error) {
	report := &Report{Method: req.Method}
	body := watch(req.Body)
	tried := make([]*server, 0, maxTries)
	for s := next(u.servers, tried, time.Now()); s != nil; s = next(u.servers, tried, time.Now()) {
		tried = append(tried, s)
		resp, err := u.try(ctx, s, req, body, report)
		if err == nil {
			return resp, report, nil
		}
		if len(tried) == maxTries || ctx.Err() != nil || !mayTryAnother(req, body, report) {
			break
		}
	}
	if len(tried) > 1 {
		report.Err = fmt.Errorf("%w (after %d servers)", report.Err, len(tried))
	}
	return nil, report, report.Err
}

// try asks one server and tells its health what came of it.
func (u *Upstream) try(caller context.Context, s *server, req *wire.Request, body *watched, report *Report) (*fetch.Response, error) {
	out := *req
	if body != nil {
		out.Body = body
	}
	s.aim(&out, u.host)
	report.asking(s, &out)
	u.begin()
	ctx, cancel := context.WithCancelCause(caller)
	resp, err := u.client.Do(ctx, s.url, &out)
	if err != nil {
		report.failed(err)
		cancel(nil)
		u.end()
		s.health.settle(time.Now(), verdict(caller, body, report.Fault))
		return nil, err
	}
	s.health.settle(time.Now(), well)
	report.answered(resp)
	if resp.Upgraded != nil {
		resp.Upgraded = &upgraded{Conn: resp.Upgraded, cancel: cancel, end: u.end}
		return resp, nil
	}
	resp.Body = u.stream(resp, report, cancel)
	return resp, nil
}

// Retire closes the connections that carry nothing now, and the others as
// their exchanges end. Requests that come late are answered all the same.
func (u *Upstream) Retire() {
	u.mu.Lock()
	u.retired = true
	u.mu.Unlock()
	u.client.CloseIdle()
}

// Close ends all exchanges and closes all connections, and returns when
// every goroutine has ended.
func (u *Upstream) Close() { u.client.Close() }

func (u *Upstream) begin() {
	u.mu.Lock()
	u.running++
	u.mu.Unlock()
}

func (u *Upstream) end() {
	u.mu.Lock()
	u.running--
	last := u.retired && u.running == 0
	u.mu.Unlock()
	if last {
		u.client.CloseIdle()
	}
}
