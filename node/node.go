// Package node is one process made from one configuration: any subset of the
// roles (resolver, authority, edge, origin) with the sockets, certificates
// and watchers that they need.
//
// [Parse] reads a configuration and says everything that is wrong with it.
// [New] makes the roles, [Node.Start] binds all sockets before anything is
// served, [Node.Stop] lets what is under way finish.
package node

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"

	"waypost/dns"
	"waypost/edge"
	"waypost/http/wire"
	"waypost/link"
	"waypost/tls/cert"
	"waypost/trace"
)

// Options is what a node gets from its surroundings. The zero value is an
// ordinary process on the operating system's network.
type Options struct {
	Network  link.Network // nil: the operating system's
	Recorder Recorder     // nil: the node's own flight recorder, a trace.Ring
	Log      *slog.Logger // nil: silent
	// Seed fixes all that the roles draw by lot (ids of spans and messages,
	// the choice among equals), so that the lab's one seed gives one run; 0
	// draws at random.
	Seed uint64
	// Root opens the directory of static files that the configuration names;
	// nil: one of the operating system. It is closed with the node where it
	// is an io.Closer.
	Root func(dir string) (fs.FS, error)
	// Content makes what the origin serves when its configuration names no
	// root.
	Content func(st *trace.Station, trust []netip.Prefix) (Content, error)
}

// Recorder takes a node's account and gives it to the admin listener.
type Recorder interface {
	trace.Recorder
	Events(id trace.ID) (events []trace.Event, missed int)
}

// Content is an origin's handler; Close ends what it holds open.
type Content interface {
	wire.Handler
	Close() error
}

// Listener is one socket of a running node.
type Listener struct {
	Role    string // "resolver", "authority", "edge", "origin", "admin"
	Scheme  string // "dns", "http", "https", "h3"
	Address netip.AddrPort
}

// Node is a process's roles. Its methods are called from one goroutine.
type Node struct {
	config  *Config
	options Options
	network link.Network

	roles        []role
	now          *Config    // config, or the latest that Reload took
	cache        *edge.Edge // nil without that role
	certificates *cert.Set  // of the edge; nil without
	zones        *zones     // nil without an authority
	watch        *watch     // nil without a fleet
	listeners    []Listener
	panics       panics
	crowd        crowd
	troubles     troubles
	cancel       context.CancelFunc
	running      sync.WaitGroup
	failed       chan error
}

// role is one part of a node: listen binds its sockets and returns what is to
// be run; close ends what the role holds when everything has stopped.
type role struct {
	name   string
	listen func(ctx context.Context) ([]func(ctx context.Context) error, error)
	close  func() error
}

// New makes the roles that the configuration names. Nothing is bound yet.
func New(c *Config, o Options) (*Node, error) {
	n := &Node{config: c, now: c, options: o, network: o.Network, failed: make(chan error, 1)}
	if n.network == nil {
		n.network = link.OS{}
	}
	if n.options.Recorder == nil {
		n.options.Recorder = &trace.Ring{}
	}
	if n.options.Log == nil {
		n.options.Log = slog.New(slog.DiscardHandler)
	}
	// Who is asked stands before who asks: names, content, cache.
	makers := []struct {
		name string
		on   bool
		make func() (role, error)
	}{
		{"authority", c.Authority != nil, n.authority},
		{"resolver", c.Resolver != nil, n.resolver},
		{"origin", c.Origin != nil, n.origin},
		{"edge", c.Edge != nil, n.edge},
		{"admin", c.Admin != nil, n.admin},
	}
	for _, m := range makers {
		if !m.on {
			continue
		}
		r, err := m.make()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", m.name, err), n.closeRoles())
		}
		r.name = m.name
		n.roles = append(n.roles, r)
	}
	return n, nil
}

// station is a role's pen.
func (n *Node) station(name string) *trace.Station {
	return &trace.Station{Name: name, Recorder: n.options.Recorder, IDs: n.random("ids of " + name)}
}

// random is the source of what one part of the node draws by lot; nil where
// nothing is fixed. What one part draws does not depend on the others. It is
// safe for concurrent use.
func (n *Node) random(part string) func() uint64 {
	if n.options.Seed == 0 {
		return nil
	}
	h := fnv.New64a()
	h.Write([]byte(part))
	var mu sync.Mutex
	source := rand.NewPCG(n.options.Seed, h.Sum64())
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Uint64()
	}
}

// Purge makes the node's edge forget; see edge.Edge.Purge.
func (n *Node) Purge(p edge.Purge) (edge.Receipt, error) {
	if n.cache == nil {
		return edge.Receipt{Purge: p}, errors.New("purge: there is no edge here")
	}
	return n.cache.Purge(p)
}

// Start binds the sockets of all roles and then serves. When one cannot be
// bound, nothing is left open. The context bounds only the binding.
func (n *Node) Start(ctx context.Context) error {
	run, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	var all []func(context.Context) error
	for _, r := range n.roles {
		serve, err := r.listen(ctx)
		all = append(all, serve...)
		if err != nil {
			// What is bound is closed by serving it for no time at all.
			cancel()
			for _, f := range all {
				_ = f(run)
			}
			return errors.Join(fmt.Errorf("%s: %w", r.name, err), n.closeRoles())
		}
	}
	for _, f := range all {
		n.running.Go(func() {
			if err := f(run); err != nil && run.Err() == nil {
				select {
				case n.failed <- err:
				default:
				}
			}
		})
	}
	for _, l := range n.listeners {
		n.options.Log.Info("listening", "role", l.Role, "scheme", l.Scheme, "address", l.Address.String())
	}
	return nil
}

// Listeners are the sockets of a started node, in the order of its roles.
func (n *Node) Listeners() []Listener { return n.listeners }

// Failed delivers the error of a role that ended by itself.
func (n *Node) Failed() <-chan error { return n.failed }

// Stop takes no more work, lets what is under way finish within the roles'
// own bounds, and closes everything.
func (n *Node) Stop() error {
	if n.cancel != nil {
		n.cancel()
	}
	n.running.Wait()
	return n.closeRoles()
}

func (n *Node) closeRoles() error {
	var errs []error
	for i := len(n.roles) - 1; i >= 0; i-- {
		if c := n.roles[i].close; c != nil {
			errs = append(errs, c())
		}
	}
	n.roles = nil
	return errors.Join(errs...)
}

// listenDNS binds UDP and TCP at each address.
func (n *Node) listenDNS(ctx context.Context, role string, at []netip.AddrPort, h dns.Handler) (serve []func(context.Context) error, err error) {
	for _, addr := range at {
		s := &dns.Server{Network: n.network, Addr: addr, Handler: h}
		if n.options.Log.Enabled(ctx, slog.LevelError) { // else nobody would hear of it
			s.Panicked = func(value any, stack []byte) {
				n.panics.log(n.options.Log, "a handler panicked; its query is answered SERVFAIL", role, value, stack)
			}
		}
		bound, err := s.Listen(ctx)
		if err != nil {
			return serve, err
		}
		n.listeners = append(n.listeners, Listener{role, "dns", bound})
		serve = append(serve, s.Run)
	}
	return serve, nil
}

// listenHTTP binds each address for s.
func (n *Node) listenHTTP(ctx context.Context, role string, at []netip.AddrPort, s *wire.Server) (serve []func(context.Context) error, err error) {
	scheme := "http"
	if s.TLS != nil {
		scheme = "https"
	}
	if n.options.Log.Enabled(ctx, slog.LevelError) { // else nobody would hear of it
		s.Panicked = func(value any, stack []byte) {
			n.panics.log(n.options.Log, "a handler panicked; its connection is closed", role, value, stack)
		}
	}
	for _, addr := range at {
		l, err := n.network.Listen(ctx, addr)
		if err != nil {
			return serve, err
		}
		n.listeners = append(n.listeners, Listener{role, scheme, link.AddrPort(l.Addr())})
		serve = append(serve, func(ctx context.Context) error { return s.Serve(ctx, l) })
	}
	return serve, nil
}
