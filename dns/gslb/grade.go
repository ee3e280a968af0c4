package gslb

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"waypost/cdn"
)

// full is the load from which an edge takes clients only when there is no
// other as near.
const full = 1.0

// grade is how one edge fares by each criterion, in their order.
type grade struct {
	edge *cdn.Edge
	pop  *cdn.POP
	addr netip.Addr

	out   bool // not in service
	down  bool // not healthy
	steps int  // 0 in the client's region, n at the nth of its Near list, beyond that elsewhere
	full  bool // no room
}

// weigh grades one edge. It reports false for one without an address of the
// family.
func weigh(pop *cdn.POP, edge *cdn.Edge, region *cdn.Region, family Family) (grade, bool) {
	for _, a := range edge.Addrs {
		if a.Unmap().Is4() != (family == IPv4) {
			continue
		}
		return grade{
			edge: edge, pop: pop, addr: a.Unmap(),
			out:   edge.Weight <= 0,
			down:  edge.Down != "",
			steps: steps(region, pop.Region),
			full:  edge.Load >= full,
		}, true
	}
	return grade{}, false
}

// steps is how far a region is from the client's. Where the client's is not
// known all are as far.
func steps(from *cdn.Region, to string) int {
	if from == nil || from.Name == to {
		return 0
	}
	if i := slices.Index(from.Near, to); i >= 0 {
		return i + 1
	}
	return len(from.Near) + 1
}

// compare orders the better edge for a client's network first.
func compare(a, b *grade, client netip.Prefix) int {
	if c := class(a, b); c != 0 {
		return c // most often; the lot costs more than all the rest
	}
	return cmp.Or(
		cmp.Compare(lot(client, b.edge), lot(client, a.edge)),
		cmp.Compare(a.edge.Name, b.edge.Name),
		cmp.Compare(a.pop.Name, b.pop.Name),
	)
}

// class compares by all criteria but the lot.
func class(a, b *grade) int {
	return cmp.Or(
		no(a.out, b.out),
		no(a.down, b.down),
		cmp.Compare(a.steps, b.steps),
		no(a.full, b.full),
	)
}

// no orders false before true.
func no(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// lot is weighted rendezvous hashing: each edge draws a number for the
// client's network, and the largest wins. With u uniform between 0 and 1, the
// numbers -w/ln(u) make the share of each edge its part of the sum of
// weights, and the number of one edge does not depend on the others (Schindelhauer
// and Schomaker, Weighted Distributed Hash Tables, SPAA 2005).
func lot(client netip.Prefix, edge *cdn.Edge) float64 {
	if edge.Weight <= 0 {
		return 0
	}
	h := uint64(fnvOffset)
	addr := client.Addr().As16()
	for _, b := range addr {
		h = (h ^ uint64(b)) * fnvPrime
	}
	h = (h ^ uint64(client.Bits()&0xff)) * fnvPrime
	for i := range len(edge.Name) {
		h = (h ^ uint64(edge.Name[i])) * fnvPrime
	}
	u := (float64(mix(h)>>11) + 0.5) / (1 << 53)
	return -float64(edge.Weight) / math.Log(u)
}

// FNV-1a with 64 bits, as in hash/fnv, which allocates.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// mix spreads every bit of h over all others (the finaliser of SplitMix64);
// FNV alone leaves the upper bits of similar names alike.
func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}
