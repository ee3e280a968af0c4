// Package upstream is the way back from an edge to the servers of one site:
// which of them to ask, whether it is alive, how long to wait and what to try
// next.
//
// A request passes through the files in this order: upstream.go (the tries),
// choose.go and parent.go (which server), health.go (is it well), target.go
// (what is asked of it), retry.go (whether another one may be asked),
// stream.go (the body's own timer), report.go (the account of it all).
//
// The requests themselves find out how the servers are: one that failed a few
// times in a row is left alone for a while that grows, and then tries itself
// with one request. Checks (check.go) find out without requests.
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
	client       *fetch.Client
	servers      []*server
	parents      []*server
	choice       cdn.Choice
	check        cdn.Check
	parentChecks cdn.ParentCheck
	host         string // replaces the client's Host; "" keeps it
	fenced       bool   // a server's URL has a path
	idle         time.Duration
	notify       func(Change)

	open     context.Context // until retired or closed
	shut     context.CancelFunc
	checking sync.WaitGroup

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
	client := func(connectTo map[string]string) *fetch.Client {
		return &fetch.Client{
			Network: template.Network, Names: template.Names,
			Roots: template.Roots, InsecureSkipVerify: template.InsecureSkipVerify || origin.InsecureSkipVerify,
			Sessions: template.Sessions, HTTP2: template.HTTP2,
			PerHost: maxConns, ConnectTo: connectTo, Limits: template.Limits,
			Timeouts: fetch.Timeouts{
				// A connection that is free in time is as good as one that is opened in time.
				Queue: policy.ConnectTimeout,
				DNS:   dnsTimeout, Connect: policy.ConnectTimeout, TLS: policy.ConnectTimeout,
				FirstByte: policy.FirstByteTimeout,
				BodyIdle:  -1, // stream.go has that timer: event streams have one of their own
				Idle:      template.Timeouts.Idle,
			},
		}
	}
	u := &Upstream{host: origin.Host, idle: policy.IdleTimeout, choice: origin.Choice, check: withDefaults(origin.Check), parentChecks: origin.ParentCheck,
		client: client(template.ConnectTo)}
	for i, text := range origin.URLs {
		s, err := newServer(text)
		if err != nil {
			return nil, err
		}
		s.client, s.weight = u.client, 1
		u.fenced = u.fenced || s.prefix != ""
		if i < len(origin.Weights) {
			s.weight = origin.Weights[i]
		}
		u.servers = append(u.servers, s)
	}
	for _, text := range origin.Parents {
		s, err := newParent(text, client)
		if err != nil {
			return nil, err
		}
		u.parents = append(u.parents, s)
	}
	u.open, u.shut = context.WithCancel(context.Background())
	return u, nil
}

func orDefault(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// Do sends req to a server that is well, and on to the next one where that
// fails and RFC 9110 §9.2.2 allows it. key is what is asked for in the words
// of the cache: by it a parent is chosen. req.Path is the path on the site;
// Scheme is that of the server and Authority is rewritten as configured; req
// itself is not changed, but its Body is read.
//
// Where none of them answers, the error and the report are of the server whose
// failure tells most (see telling), not of the one asked last.
//
// The context bounds the exchange up to the end of the body, which must be
// read to its end or closed. The report is valid with and without an error.
func (u *Upstream) Do(ctx context.Context, req *wire.Request, key []byte) (*fetch.Response, *Report, error) {
	report := &Report{Method: req.Method}
	body := watch(req.Body)
	tried := make([]*server, 0, maxTries)
	var declined *fetch.Response // for want of a better answer
	var worst Report             // of those that failed: the one that tells most
	for {
		s, fine := u.next(key, tried, time.Now())
		if s == nil || declined != nil && !fine {
			break
		}
		if declined != nil {
			declined.Body.Close()
			declined = nil
		}
		tried = append(tried, s)
		resp, err := u.try(ctx, s, req, body, report)
		last := len(tried) == maxTries || ctx.Err() != nil || !mayTryAnother(req, body, report)
		switch {
		case err == nil && (last || !s.declines(resp)):
			return resp, report, nil
		case err == nil:
			declined = resp
			continue
		}
		if worst.Err == nil || telling(report.Fault) >= telling(worst.Fault) {
			worst = *report
		}
		if last {
			break
		}
	}
	if declined != nil {
		return declined, report, nil
	}
	worst.Attempts, worst.Looped = report.Attempts, report.Looped
	*report = worst
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
	target, err := s.target(out.Authority)
	if err != nil {
		report.failed(err)
		return nil, err
	}
	u.begin()
	ctx, cancel := context.WithCancelCause(caller)
	resp, err := s.client.Do(ctx, target, &out)
	if err != nil {
		report.failed(err)
		cancel(nil)
		u.end()
		u.settle(s, verdict(caller, body, report.Fault), err.Error())
		return nil, err
	}
	report.answered(resp)
	switch {
	case !s.declines(resp):
		u.settle(s, well, "")
	case s.parent && refusedLoop(resp):
		report.Looped = s.name
		u.settle(s, unsaid, "")
	default:
		u.settle(s, failing, fmt.Sprintf("%s: answered with %d", s.name, resp.Status))
	}
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
	u.shut()
	u.closeIdle()
}

func (u *Upstream) closeIdle() {
	u.client.CloseIdle()
	for _, s := range u.parents {
		s.client.CloseIdle()
	}
}

// Close ends all exchanges and closes all connections, and returns when
// every goroutine has ended.
func (u *Upstream) Close() {
	u.shut()
	u.client.Close()
	for _, s := range u.parents {
		s.client.Close()
	}
	u.checking.Wait()
}

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
		u.closeIdle()
	}
}
