// Package gslb chooses the edge that is best for a client: global server load
// balancing by name service. It is pure: a fleet, a client and a name in, the
// edges in order of merit out, with the grounds of each.
//
// The order is a list of criteria, each of which decides only where those
// before it leave a tie:
//
//  1. in service: the weight is above 0
//  2. healthy: no reason is known why it must not be used
//  3. near: in the client's region, then in the order of the region's Near
//     list, then anywhere else
//  4. with room: its load is below 1
//  5. the client's lot: weighted rendezvous hashing of the client's network,
//     so that a client stays with its edge, edges get clients in proportion
//     to their weights, and an edge that goes moves only its own clients
//
// When no edge is healthy the order still stands and the nearest is served:
// it fails open, because a sick edge may answer and no edge cannot.
package gslb

import (
	"errors"
	"net/netip"
	"slices"

	"waypost/cdn"
	"waypost/trace"
)

// The client's network is what its lot is drawn by. These are the prefixes
// that RFC 7871 §11.1 recommends resolvers to send; longer ones are cut, so
// that one client gets one edge whatever its resolver tells.
const (
	lotBits4 = 24
	lotBits6 = 56
)

// Client is for whom an edge is wanted.
type Client struct {
	Addr   netip.Addr   // an address of the client, or of its resolver; decides the region
	Prefix netip.Prefix // the network that it stands for; decides the lot
	ECS    bool         // the resolver told the client's network (RFC 7871); else Addr is the resolver's
}

// FromSubnet is the client behind a client subnet option.
func FromSubnet(p netip.Prefix) Client {
	return Client{Addr: p.Addr(), Prefix: network(p.Addr(), p.Bits()), ECS: true}
}

// FromResolver is the client of whom nothing is known but its resolver. It is
// taken to be near it.
func FromResolver(addr netip.Addr) Client {
	addr = addr.Unmap().WithZone("")
	return Client{Addr: addr, Prefix: network(addr, addr.BitLen())}
}

// network is the prefix of addr that decides the lot.
func network(addr netip.Addr, bits int) netip.Prefix {
	p, _ := addr.Prefix(min(bits, lotBits(addr)))
	return p
}

func lotBits(addr netip.Addr) int {
	if addr.Is4() {
		return lotBits4
	}
	return lotBits6
}

// Family is the kind of address asked for.
type Family uint8

// The families, by the record types that ask for them.
const (
	IPv4 Family = iota // A
	IPv6               // AAAA
)

// String is "IPv4" or "IPv6".
func (f Family) String() string {
	if f == IPv4 {
		return "IPv4"
	}
	return "IPv6"
}

// What may be wrong with a fleet.
var (
	// ErrOutOfService: every edge has weight 0.
	ErrOutOfService = errors.New("no edge of the fleet is in service")
	// ErrNoAddress: no edge in service has an address of the family.
	ErrNoAddress = errors.New("no edge in service has an address of this family")
)

// Choice is the best edge, without grounds.
type Choice struct {
	Edge *cdn.Edge // points into the fleet
	POP  *cdn.POP
	Addr netip.Addr // the edge's address of the family asked for
	// Scope is how many bits of the client's address the choice depends on:
	// the SCOPE PREFIX-LENGTH of RFC 7871 §7.2.1. It is 0 when every client
	// would get this edge.
	Scope int
}

// Best chooses as [Rank] does and does not allocate.
func Best(f *cdn.Fleet, c Client, family Family) (Choice, error) {
	region, _ := f.Region(c.Addr)
	var best grade
	found, several := false, false
	for i := range f.POPs {
		for j := range f.POPs[i].Edges {
			g, ok := weigh(&f.POPs[i], &f.POPs[i].Edges[j], region, family)
			if !ok || g.out {
				continue
			}
			several = several || found
			if !found || compare(&g, &best, c.Prefix) < 0 {
				best, found = g, true
			}
		}
	}
	if !found {
		return Choice{}, missing(f)
	}
	choice := Choice{Edge: best.edge, POP: best.pop, Addr: best.addr}
	if several {
		choice.Scope = scope(f, c)
	}
	return choice, nil
}

// missing says why there is no edge.
func missing(f *cdn.Fleet) error {
	for i := range f.POPs {
		for j := range f.POPs[i].Edges {
			if e := &f.POPs[i].Edges[j]; e.Weight > 0 && len(e.Addrs) > 0 {
				return ErrNoAddress
			}
		}
	}
	return ErrOutOfService
}

// scope is how many bits of the client's address decide: those of its lot,
// and more where the map of regions is finer than that around the client.
func scope(f *cdn.Fleet, c Client) int {
	bits := lotBits(c.Addr)
	around, err := c.Addr.Prefix(bits)
	if err != nil {
		return 0
	}
	for i := range f.Regions {
		for _, p := range f.Regions[i].Subnets {
			if p.Overlaps(around) {
				bits = max(bits, p.Bits())
			}
		}
	}
	return bits
}

// Pick is the best edge with its grounds.
type Pick struct {
	Edge     cdn.Edge
	POP      cdn.POP
	Addr     netip.Addr   // the edge's address of the family asked for
	Region   string       // the client's; "" when no subnet of the map holds it
	By       netip.Prefix // the subnet that says so
	Scope    int          // see [Choice]
	Ranked   []Graded     // all edges with an address of the family, best first
	Decision trace.Decision
}

// Graded is how one edge fared.
type Graded struct {
	Edge cdn.Edge
	POP  cdn.POP
	Addr netip.Addr
	Why  string // its grounds, in the order in which they were weighed
}

// Rank orders all edges that have an address of the family and says why. The
// name is the one asked for; it stands in the error only, since every name of
// the CDN is served by every edge. The error wraps [ErrNoAddress] or
// [ErrOutOfService].
func Rank(f *cdn.Fleet, c Client, name string, family Family) (Pick, error) {
	choice, err := Best(f, c, family)
	if err != nil {
		return Pick{}, &rankError{name, family, err}
	}
	region, by := f.Region(c.Addr)
	var grades []grade
	for i := range f.POPs {
		for j := range f.POPs[i].Edges {
			if g, ok := weigh(&f.POPs[i], &f.POPs[i].Edges[j], region, family); ok {
				grades = append(grades, g)
			}
		}
	}
	slices.SortFunc(grades, func(a, b grade) int { return compare(&a, &b, c.Prefix) })
	p := Pick{Edge: *choice.Edge, POP: *choice.POP, Addr: choice.Addr, By: by, Scope: choice.Scope}
	if region != nil {
		p.Region = region.Name
	}
	for i := range grades {
		g := &grades[i]
		p.Ranked = append(p.Ranked, Graded{Edge: *g.edge, POP: *g.pop, Addr: g.addr, Why: why(grades, i, region)})
	}
	p.Decision = decide(&p, grades, region, c)
	return p, nil
}

// rankError says for what no edge was found.
type rankError struct {
	name   string
	family Family
	err    error
}

func (e *rankError) Error() string {
	return "choose an edge for " + e.name + " over " + e.family.String() + ": " + e.err.Error()
}

func (e *rankError) Unwrap() error { return e.err }
