// Package authority answers for the zones that it has, and for nobody else's:
// no recursion, no cache. Names of the CDN are answered with the edge that is
// best for the client (package gslb).
//
// What a zone file names is answered from the zone file; every other name of
// the fleet's zone is an edge's. So the CDN's zone file holds SOA, NS and the
// addresses of its name servers, and any name below it can be handed out to a
// site.
package authority

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/cdn"
	"waypost/dns"
	"waypost/trace"
)

// Authority is a [dns.Handler] that never waits. The zero value refuses
// everything. Its fields are set before the first query and not changed
// after it; it is safe for concurrent use.
type Authority struct {
	Zones []*dns.Zone // one for each origin; the longest that holds a name answers for it
	// Fleet returns the edges and their state at this moment; nil, or a nil
	// fleet, is no CDN. It is asked once per query and must be cheap: an
	// atomic pointer. What it returned must not change any more.
	Fleet func() *cdn.Fleet
	// Station keeps this server's account of queries that carry a trace
	// context (trace.EDNSOption) and come from an address in TrustTrace.
	Station    *trace.Station
	TrustTrace []netip.Prefix

	index   sync.Once
	zones   map[dns.Name]*dns.Zone
	current atomic.Pointer[smartZone]
}

var _ dns.Quick = (*Authority)(nil)

// smartZone is a fleet with its zone's name read.
type smartZone struct {
	fleet *cdn.Fleet
	name  dns.Name // "" when the fleet's zone is no name: nothing is under it
	ttl   uint32   // seconds
}

// defaultTTL is how long a choice of edge lasts when the fleet does not say:
// so short that clients leave a dead edge soon, so long that resolvers can
// answer most of them.
const defaultTTL = 30 * time.Second

// ServeDNS implements [dns.Handler].
func (a *Authority) ServeDNS(_ context.Context, dst []byte, q *dns.Query) []byte {
	return a.answer(dst, q)
}

// AnswerNow implements [dns.Quick]: every answer is quick. It does not
// allocate while no record is kept of the query.
func (a *Authority) AnswerNow(dst []byte, q *dns.Query) ([]byte, bool) {
	return a.answer(dst, q), true
}

// answer is the whole way of a query.
func (a *Authority) answer(dst []byte, q *dns.Query) []byte {
	w := walk{a: a, q: q, span: a.join(q), reply: dns.NewReply(dst, q)}
	w.smart = a.smart()
	w.run()
	response := w.reply.Finish()
	if w.span.On() {
		w.note(response[len(dst):])
	}
	return response
}

// join takes up the journey that a peer tells of.
func (a *Authority) join(q *dns.Query) *trace.Span {
	if a.Station == nil || !q.EDNS.Trace.Sampled {
		return nil
	}
	from := q.From.Addr()
	if !slices.ContainsFunc(a.TrustTrace, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return nil
	}
	return a.Station.Join(q.EDNS.Trace)
}

// smart returns the fleet of this moment, nil when there is none. The name of
// its zone is read once for each fleet.
func (a *Authority) smart() *smartZone {
	if a.Fleet == nil {
		return nil
	}
	f := a.Fleet()
	if f == nil {
		return nil
	}
	if z := a.current.Load(); z != nil && z.fleet == f {
		return z
	}
	ttl := f.TTL
	if ttl <= 0 {
		ttl = defaultTTL
	}
	z := &smartZone{fleet: f, ttl: uint32(max(1, ttl/time.Second))}
	if name, err := dns.ParseName(f.Zone); err == nil {
		z.name = name
	}
	a.current.Store(z)
	return z
}

// zone returns the zone with the longest origin that is name or above it.
func (a *Authority) zone(name []byte) *dns.Zone {
	a.index.Do(func() {
		a.zones = make(map[dns.Name]*dns.Zone, len(a.Zones))
		for _, z := range a.Zones {
			a.zones[z.Origin] = z
		}
	})
	for i := 0; i < len(name); i += 1 + int(name[i]) {
		if z := a.zones[dns.Name(name[i:])]; z != nil {
			return z
		}
		if name[i] == 0 {
			break
		}
	}
	return nil
}

// zoneFor is the zone that answers a question: for DS, which stands on the
// upper side of a cut, the parent's where it is here too (RFC 4035
// §3.1.4.1).
func (a *Authority) zoneFor(name []byte, t dns.Type) *dns.Zone {
	z := a.zone(name)
	if t == mdns.TypeDS && z != nil && len(z.Origin) == len(name) && len(name) > 1 {
		if parent := a.zone(name[1+int(name[0]):]); parent != nil {
			return parent
		}
	}
	return z
}
