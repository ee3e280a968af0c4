package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"waypost/dns"
	"waypost/trace"

	mdns "github.com/miekg/dns"
)

// candidates are the servers of one zone while one question is put to them.
type candidates struct {
	zone    *cut
	addrs   []*candidate
	names   []nameserver // whose addresses are not known yet
	lookups int          // of names, for this delegation
	limited bool         // some name was left because of a limit
	rounds  int          // how often one server may be asked
}

// candidate is one address.
type candidate struct {
	at     netip.AddrPort
	rounds int  // times asked
	dead   bool // asking again is of no use
	spare  bool // glue that the server's own zone does not confirm: for when all else has failed
}

// pick is what to do next: ask addr, or look up the address of the server
// names[lookup].
type pick struct {
	lookup int // -1: ask addr
	addr   *candidate
	rest   string // why it should rest, if it should
	cost   time.Duration
	known  bool
	of     int // candidates it was chosen from
}

// unknownCost bounds the random cost of a server that was never met: low
// enough that it is tried beside one that is known to be near.
const unknownCost = 32 * time.Millisecond

// candidates lists the servers of z: those with addresses, and the names of
// the others.
func (s *search) candidates(z *cut, rounds int) *candidates {
	c := &candidates{zone: z, rounds: rounds}
	for _, n := range z.servers {
		for _, a := range n.addrs {
			c.add(a, false)
		}
		if len(n.addrs) == 0 {
			c.names = append(c.names, n)
		}
	}
	return c
}

func (c *candidates) add(a netip.AddrPort, spare bool) {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	if !slices.ContainsFunc(c.addrs, func(o *candidate) bool { return o.at == a }) {
		c.addrs = append(c.addrs, &candidate{at: a, spare: spare})
	}
}

// next chooses. Servers that were not asked yet come first, those in good
// standing before those at rest, and of these the fastest; forwarders come in
// the order of the configuration. Names are looked up only when the known
// addresses are used up or at rest, and nothing is asked more often than
// c.rounds.
func (c *candidates) next(s *search, now time.Time) (pick, bool) {
	best := pick{lookup: -1}
	for _, a := range c.addrs {
		if a.dead || a.rounds >= c.rounds {
			continue
		}
		st := s.r.servers.standing(a.at, c.zone.zone, now)
		p := pick{lookup: -1, addr: a, rest: st.why, cost: st.cost, known: st.known}
		if !st.known {
			p.cost = time.Duration(s.r.rand() % uint64(unknownCost))
		}
		if best.of++; best.addr == nil || c.better(p, best) {
			p.of = best.of
			best = p
		}
		best.of = max(best.of, p.of)
	}
	if len(c.names) > 0 && (best.addr == nil || best.addr.rounds > 0 || best.addr.spare || best.rest != "") {
		return pick{lookup: int(s.r.rand() % uint64(len(c.names)))}, true
	}
	return best, best.addr != nil
}

func (c *candidates) better(p, than pick) bool {
	if p.addr.spare != than.addr.spare {
		return than.addr.spare
	}
	if p.addr.rounds != than.addr.rounds {
		return p.addr.rounds < than.addr.rounds
	}
	if (p.rest == "") != (than.rest == "") {
		return p.rest == ""
	}
	return !c.zone.forward && p.cost < than.cost
}

// decision says why this server was chosen, after what is being asked.
func (p pick) decision(what *trace.Decision) *trace.Decision {
	d := &trace.Decision{Verdict: "asked"}
	switch {
	case p.rest != "":
		d.Reason = fmt.Sprintf("no better server is left, although %s", p.rest)
	case p.addr.rounds > 0:
		d.Reason = "once more: the first question may have been lost"
	case p.of == 1:
		d.Reason = "the only server left to ask"
	case p.known:
		d.Reason = fmt.Sprintf("the best of %d servers: it answers in %s", p.of, p.cost.Round(100*time.Microsecond))
	default:
		d.Reason = fmt.Sprintf("one of %d servers, not met before", p.of)
	}
	if what != nil {
		d.Verdict, d.Clause = what.Verdict, what.Clause
		d.Reason = what.Reason + "; " + d.Reason
	}
	return d
}

// locate looks up the addresses of the server names[i] and takes it off the
// list. It fails only when the question is at its end; a server without
// address is passed over.
func (s *search) locate(ctx context.Context, c *candidates, i int) error {
	n := c.names[i]
	c.names = slices.Delete(c.names, i, i+1)
	found, err := s.addresses(ctx, c, n.name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var limit *limitError
	if errors.As(err, &limit) {
		if s.budget.queries == 0 {
			return err
		}
		c.limited = true
	}
	for _, a := range found {
		if s.r.usable(a.Addr()) {
			c.add(a, false)
		}
	}
	for _, a := range slices.Concat(n.spare, s.r.cache.glue(n.name, time.Now())) {
		c.add(a, true)
	}
	return nil
}

// addresses finds the addresses of a name server: IPv4, and IPv6 where there
// is no IPv4 or no route for it. What the cache knows costs nothing.
func (s *search) addresses(ctx context.Context, c *candidates, name dns.Name) ([]netip.AddrPort, error) {
	types := []uint16{mdns.TypeA, mdns.TypeAAAA}
	if !s.r.servers.has4(time.Now()) {
		slices.Reverse(types)
	}
	counted := false
	var last error
	for _, t := range types {
		q := question{name, t}
		if slices.Contains(s.path, q) {
			last = fmt.Errorf("the address of %s depends on itself", text(name))
			continue
		}
		f := s.r.cache.fact(name, t, netip.Prefix{}, time.Now())
		if f == nil && !counted {
			if err := s.spendLookup(c); err != nil {
				return nil, err
			}
			counted = true
		}
		sub := &search{
			r: s.r, span: s.span, budget: s.budget, start: s.start,
			path: append(slices.Clone(s.path), q),
		}
		a, err := sub.resolve(ctx, name, t)
		if err != nil {
			if last = err; ctx.Err() != nil || s.budget.queries == 0 {
				return nil, err
			}
			continue
		}
		var out []netip.AddrPort
		for _, rr := range a.Records {
			if addr, ok := addrOf(rr); ok {
				out = appendAddr(out, addr)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, last
}

// spendLookup takes one look-up of a server's address from the budget.
func (s *search) spendLookup(c *candidates) error {
	switch {
	case len(s.path) >= MaxDepth:
		return &limitError{"levels of name servers in need of name servers", MaxDepth}
	case c.lookups >= MaxPerReferral:
		return &limitError{"servers looked up of one delegation", MaxPerReferral}
	case s.budget.lookups == 0:
		return &limitError{"servers looked up", MaxAddressLookups}
	}
	c.lookups++
	s.budget.lookups--
	return nil
}
