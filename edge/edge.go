// Package edge is a shared HTTP cache in front of origins: one request after
// another is received, given a key, looked up, and answered from the store,
// from the origin, or from the edge itself.
//
// The life of a request is a table of stages in life.go; each stage is a
// function in a file of its name. What the cache may do is decided by
// package cache, what it holds is in package store, how the origin is asked
// is in package upstream; this package puts them together and speaks to the
// client about it: Age, Via, Cache-Status (RFC 9211), Proxy-Status (RFC
// 9209).
//
// A hit on a small object makes no allocation: the state of a request is
// pooled, its key and the values that change from request to request are
// written into buffers that it keeps.
package edge

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"waypost/cdn"
	"waypost/edge/rules"
	"waypost/edge/store"
	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/wire"
	"waypost/trace"
	"waypost/upstream"
)

// Config is what an edge is made of.
type Config struct {
	// Name tells this edge from the others, e.g. "fra1": letters, digits, ".",
	// "-" and "_". In fields it is "waypost-fra1". No two edges that ask
	// each other have the same.
	Name  string
	Sites []cdn.Site
	// Store keeps the objects. One store serves one edge.
	Store *store.Memory
	// Fetch is the template for the clients that ask the origins: network,
	// names, roots of trust. See upstream.New.
	Fetch *fetch.Client
	// Station takes the record; nil records nothing.
	Station *trace.Station
	// TrustTrace are the peers whose traceparent is recorded when it is
	// sampled; nil means the loopback addresses. Others' end here.
	TrustTrace []netip.Prefix
	// TrustForwarded are the peers whose Forwarded and X-Forwarded-* fields
	// are kept: our own proxies. nil trusts nobody.
	TrustForwarded []netip.Prefix
	// OnTrouble is told of every request to an origin or a parent that came to
	// nothing, and OnHealth of every server of a site that has fallen ill or is
	// well again. They are called from any goroutine, and must not block; nil
	// is nobody.
	OnTrouble func(Trouble)
	OnHealth  func(site string, c upstream.Change)
}

// Limits of the work that no client waits for.
const (
	// maxBackground bounds the refreshes behind clients' backs under way at
	// once. Beyond it a stale response is served without one; the next
	// request tries again.
	maxBackground = 256
	// AbandonAfter is how long a fill goes on that nobody reads any more: long
	// enough to finish what a page needs and the next visitor asks for, short
	// enough that clients who come and go cannot pile up work.
	AbandonAfter = 10 * time.Second
	// maxAbandoned bounds the fills that nobody reads; one more is given up
	// at once.
	maxAbandoned = 256
)

// Edge is a shared cache. It implements [wire.Handler], is safe for
// concurrent use and must be closed.
type Edge struct {
	name           string // "waypost-fra1"
	via            map[string]string
	store          *store.Memory
	fetch          *fetch.Client
	station        *trace.Station
	onTrouble      func(Trouble)
	onHealth       func(site string, c upstream.Change)
	trustTrace     []netip.Prefix
	trustForwarded []netip.Prefix

	sites    atomic.Pointer[sites]
	swapping sync.Mutex // one SetSites at a time

	requests   sync.Pool // of *request
	buffers    sync.Pool // of *[relayBuffer]byte
	marks      marks
	unsliced   marks // what was not to be had in slices lately
	presses    presses
	aliases    aliases
	streams    rules.Streams
	background atomic.Int64 // refreshes under way
	abandoned  atomic.Int64 // fills that nobody reads

	ctx  context.Context // of all fills
	stop context.CancelFunc
	mu   sync.Mutex // guards gone, and work against it
	gone bool
	work sync.WaitGroup
}

// errClosed is what fills get when the edge closes.
var errClosed = errors.New("the edge is closing")

// New returns an edge for the sites of c. The error names what is wrong with
// the configuration.
func New(c Config) (*Edge, error) {
	if c.Name == "" || strings.Trim(c.Name, nameBytes) != "" {
		return nil, fault.New(fault.ProxyConfigurationError, "edge name "+c.Name,
			errors.New("it must be letters, digits, '.', '-' and '_'"))
	}
	e := &Edge{
		name: "waypost-" + c.Name, store: c.Store, fetch: c.Fetch, station: c.Station,
		onTrouble: c.OnTrouble, onHealth: c.OnHealth,
		trustTrace: c.TrustTrace, trustForwarded: c.TrustForwarded,
	}
	if e.trustTrace == nil {
		e.trustTrace = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	e.via = map[string]string{wire.HTTP10: "1.0 " + e.name, wire.HTTP11: "1.1 " + e.name, wire.HTTP2: "2 " + e.name, wire.HTTP3: "3 " + e.name}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.requests.New = func() any { return &request{edge: e} }
	e.buffers.New = func() any { return new([relayBuffer]byte) }
	e.sites.Store(&sites{})
	if err := e.SetSites(c.Sites); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// Serve answers one request. Where that panics, the panic is the caller's, and
// what the request held has been given back.
func (e *Edge) Serve(x wire.Exchange) {
	r := e.requests.Get().(*request)
	r.start(x)
	s := toReceive
	defer func() {
		if s != done {
			r.sent.fault = fault.ProxyInternalError // a stage has panicked
			r.letGo()
			return
		}
		r.finish()
		e.requests.Put(r)
	}()
	for s != done {
		s = life[s].run(r)
	}
}

// SetSites changes the sites. Requests under way finish with the site that
// they began with; connections to an origin that stays as it was are kept.
// On error nothing changes.
func (e *Edge) SetSites(all []cdn.Site) error {
	e.swapping.Lock()
	defer e.swapping.Unlock()
	before := e.sites.Load()
	after, err := newSites(all, before, e.fetch)
	if err != nil {
		return err
	}
	for _, s := range after.all {
		if !before.uses(s.origin) {
			s.origin.Watch(e.name, e.watch(s.Name))
		}
	}
	e.sites.Store(after)
	for _, s := range before.all {
		if !after.uses(s.origin) {
			s.origin.Retire()
		}
	}
	return nil
}

// Close gives up what is still being fetched and returns when all work has
// ended and all connections to origins are closed. The servers that hand
// requests to the edge are closed first.
func (e *Edge) Close() error {
	e.mu.Lock()
	e.gone = true
	e.mu.Unlock()
	e.stop()
	e.work.Wait()
	for _, s := range e.sites.Load().all {
		s.origin.Close()
	}
	return nil
}

// spawn runs f in a goroutine that Close waits for. It reports false when
// the edge is closing.
func (e *Edge) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return false
	}
	e.work.Go(f)
	return true
}

// trusts reports whether addr is in one of the prefixes.
func trusts(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// rulesFor are the standing orders of the cache for one site.
func rulesFor(s *cdn.Site) *cache.Rules {
	return &cache.Rules{
		Shared:       true,
		Targeted:     []string{"CDN-Cache-Control"},
		DefaultTTL:   s.Policy.DefaultTTL,
		HeuristicMax: heuristicMax,
		StaleIfError: staleIfError,
		GuardCookies: s.Policy.GuardCookies,
		NormalAccept: true,
		Codings:      codings(&s.Rules),
		Languages:    s.Rules.Key.Languages,
	}
}

// codings are those that the origin is asked for: what it can answer in, or
// else what is made here.
func codings(r *cdn.Rules) []string {
	if len(r.Key.Codings) > 0 {
		return r.Key.Codings
	}
	return r.Compress.Codings
}

const (
	// heuristicMax caps the lifetime that an edge guesses from Last-Modified
	// (RFC 9111 §4.2.2): nobody is told when a guess was wrong.
	heuristicMax = time.Hour
	// staleIfError lets an origin restart, or its operator wake up, without
	// the site's visitors seeing it (RFC 9111 §4.2.4), unless the response
	// forbids it.
	staleIfError = 10 * time.Minute
)
