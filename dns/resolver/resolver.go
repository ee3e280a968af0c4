// Package resolver is the local name server: it turns a question into an
// answer.
//
// A question goes through these stages, the first that knows it answers:
//
//	hosts file → cache → local zones → special names → forwarders, or
//	iteration from the root through referrals to the zone's own server
//
// A CNAME starts the stages again at its target. [Resolver.Lookup] and
// [Resolver.Addrs] serve stations of this process, [Resolver.ServeDNS] serves
// clients over DNS; both leave their account in the trace.
//
// The files stand in the order of the road: search.go holds the stages and
// follows aliases; iterate.go walks down from the root; ask.go chooses among
// a zone's servers and tries the next; reply.go decides what of a message may
// be believed. Every bound on work and memory is in limits.go.
//
// test. is an ordinary name here, because the demonstrations live in it. We
// deviate: RFC 6761 §6.2 asks a resolver to deny it unless told otherwise.
// What is special is in special.go.
//
// Nothing is validated by DNSSEC. AD is never set and CD only copied.
package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"waypost/dns"
	"waypost/link"
	"waypost/trace"
)

// Config is what a resolver works with. Network is needed, and without Roots
// and Forward only hosts and zones are known. The slices must not be changed
// after [New].
type Config struct {
	Network link.Network
	Hosts   []HostsEntry // see ParseHosts
	// Zones are answered authoritatively. A name below a delegation of theirs
	// is asked of the servers that it names.
	Zones []*dns.Zone
	// Forward sends questions to servers that do the walking; the longest
	// suffix of the name wins.
	Forward []Forward
	// Roots are where iteration begins, for names without a forwarder.
	// [RootHints] are those of the internet.
	Roots []netip.AddrPort
	// Allow is who may use ServeDNS. Everybody else is refused. Empty means
	// the loopback addresses.
	Allow []netip.Prefix
	// Station keeps the resolver's own record of questions that come in over
	// DNS with a trace context from a peer. nil: none.
	Station *trace.Station
	// TracePeers are our own servers: the trace context is sent to them and
	// believed from them, and the client's subnet goes to nobody else.
	TracePeers []netip.Prefix
	// ECS sends the client's subnet (RFC 7871), 24 bits of IPv4 or 56 of
	// IPv6, to servers in TracePeers.
	ECS bool
	// FullNames sends the whole name to every server on the way down,
	// instead of only as much as it must know (RFC 9156).
	FullNames bool
	// CacheBytes bounds the cache; 0 means DefaultCacheBytes.
	CacheBytes int
	// Rand is the source of message ids and of the choice among equal
	// servers. nil means crypto/rand and math/rand/v2; the lab sets it so
	// that one seed gives one capture. It is called from many goroutines.
	// Source ports are the Network's.
	Rand func() uint64
}

// Forward names the servers that take the questions for a zone.
type Forward struct {
	Zone    dns.Name // dns.Root for everything
	Servers []netip.AddrPort
}

// Resolver answers questions. It is safe for concurrent use.
type Resolver struct {
	network   link.Network
	hosts     *hosts
	zones     []*dns.Zone // longest origin first
	forward   []*cut      // longest suffix first
	root      *cut        // nil: no iteration
	allow     []netip.Prefix
	peers     []netip.Prefix
	station   *trace.Station
	ecs       bool
	fullNames bool
	local     bool // the roots are on this machine, and so is their internet
	rand      func() uint64
	ids       func() uint16 // nil: crypto/rand

	cache   *cache
	packed  *sieve[*packedSet]
	servers servers
	flights flights
}

// New returns a resolver with an empty cache.
func New(c Config) *Resolver {
	bytes := c.CacheBytes
	if bytes <= 0 {
		bytes = DefaultCacheBytes
	}
	r := &Resolver{
		network:   c.Network,
		hosts:     newHosts(c.Hosts),
		zones:     slices.Clone(c.Zones),
		allow:     c.Allow,
		peers:     c.TracePeers,
		station:   c.Station,
		ecs:       c.ECS,
		fullNames: c.FullNames,
		rand:      c.Rand,
		cache:     newCache(bytes / 4 * 3),
		packed:    newSieve[*packedSet](bytes / 4),
	}
	slices.SortStableFunc(r.zones, func(a, b *dns.Zone) int { return b.Origin.Labels() - a.Origin.Labels() })
	for _, f := range c.Forward {
		r.forward = append(r.forward, &cut{zone: f.Zone, forward: true, root: true, servers: []nameserver{{addrs: f.Servers}}})
	}
	slices.SortStableFunc(r.forward, func(a, b *cut) int { return b.zone.Labels() - a.zone.Labels() })
	if len(c.Roots) > 0 {
		r.root = &cut{zone: dns.Root, root: true, servers: []nameserver{{addrs: c.Roots}}}
		r.local = slices.ContainsFunc(c.Roots, func(a netip.AddrPort) bool { return a.Addr().IsLoopback() })
	}
	if len(r.allow) == 0 {
		r.allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	if c.Rand == nil {
		r.rand = rand.Uint64
	} else {
		r.ids = func() uint16 { return uint16(c.Rand()) }
	}
	return r
}

// CacheSize returns how many entries the cache holds and the bytes that they
// take, by its own reckoning.
func (r *Resolver) CacheSize() (entries, bytes int) {
	for _, size := range []func() (int, int){r.cache.facts.size, r.cache.cuts.size, r.packed.size} {
		e, b := size()
		entries, bytes = entries+e, bytes+b
	}
	return entries, bytes
}

// allowed reports whether from may use the resolver.
func (r *Resolver) allowed(from netip.Addr) bool { return within(from, r.allow) }

// peer reports whether addr is one of our own servers.
func (r *Resolver) peer(addr netip.Addr) bool { return within(addr, r.peers) }

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for i := range prefixes {
		if prefixes[i].Contains(a) {
			return true
		}
	}
	return false
}

// zoneOf returns the local zone that holds name, or nil.
func (r *Resolver) zoneOf(name dns.Name) *dns.Zone {
	for _, z := range r.zones {
		if name.Under(z.Origin) {
			return z
		}
	}
	return nil
}

// forwarder returns the forwarders for name, or nil.
func (r *Resolver) forwarder(name dns.Name) *cut {
	for _, f := range r.forward {
		if name.Under(f.zone) {
			return f
		}
	}
	return nil
}

// text is a name for people, in facts and in reasons: without the final dot.
func text(n dns.Name) string { return n.Text() }

// written is text for a name as it stands in a message.
func written(s string) string {
	if n := nameOf(s); n != "" {
		return text(n)
	}
	return s
}

// limitError says which limit ended the work for a question.
type limitError struct {
	what string
	most int
}

func (e *limitError) Error() string { return fmt.Sprintf("gave up after %d %s", e.most, e.what) }
