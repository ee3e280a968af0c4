package resolver

import (
	"net/netip"
	"time"

	"waypost/dns"

	mdns "github.com/miekg/dns"
)

// fact is what is known of one name and type: an RRset, or that there is
// none (RFC 2308), or that nobody could tell (RFC 9520). It does not change.
type fact struct {
	rcode   int
	records []mdns.RR // of one owner, with their TTLs as stored; empty for a negative fact
	soa     *mdns.SOA // of a negative fact
	aa      bool      // the zone's own server said so
	subnet  netip.Prefix
	server  netip.AddrPort
	err     error // of a failure
	stored  time.Time
	ttl     time.Duration // 0: good for the question that fetched it, and not kept
}

func (f *fact) expires() time.Time { return f.stored.Add(f.ttl) }

// target is where the fact's CNAME points; "" when it has none.
func (f *fact) target() dns.Name {
	for _, rr := range f.records {
		if c, ok := rr.(*mdns.CNAME); ok {
			return nameOf(c.Target)
		}
	}
	return ""
}

func (f *fact) where() netip.Prefix { return f.subnet }

// known is all facts of one question.
type known = bySubnet[*fact]

// cache remembers facts and delegations. They are kept apart: an address
// that came as glue belongs to its delegation and is never an answer (RFC
// 2181 §5.4.1), so it cannot replace one either.
type cache struct {
	facts *sieve[*known]
	cuts  *sieve[*cut]
}

func newCache(bytes int) *cache {
	return &cache{facts: newSieve[*known](bytes / 4 * 3), cuts: newSieve[*cut](bytes / 4)}
}

// fact returns what is known of a question: the RRset asked for, or the
// CNAME in its place, or that one or both do not exist, or a recent failure.
func (c *cache) fact(name dns.Name, qtype uint16, client netip.Prefix, now time.Time) *fact {
	types := [...]uint16{qtype, mdns.TypeCNAME, 0}
	for i, t := range types {
		if i == 1 && qtype == mdns.TypeCNAME {
			continue
		}
		k, ok := c.facts.get(question{name, t}, now)
		if !ok {
			continue
		}
		f := k.pick(client, now)
		// That there is no CNAME says nothing about another type.
		if f != nil && (i != 1 || f.rcode == mdns.RcodeSuccess && len(f.records) > 0) {
			return f
		}
	}
	return nil
}

// learn keeps f under name and type. What a zone's own server said is not
// replaced by hearsay while it lasts (RFC 2181 §5.4.1).
func (c *cache) learn(name dns.Name, qtype uint16, f *fact) {
	if f.ttl <= 0 {
		return
	}
	if f.rcode == mdns.RcodeNameError {
		qtype = 0
	} else if len(f.records) > 0 {
		c.facts.drop(question{name, 0}) // the name exists after all
	}
	now := f.stored
	c.facts.update(question{name, qtype}, now, func(old *known, ok bool) (*known, int, time.Time, bool) {
		if ok && f.subnet.Bits() <= 0 {
			if o := old.all; o != nil && now.Before(o.expires()) && o.aa && !f.aa {
				return nil, 0, time.Time{}, false
			}
		}
		next := old.with(f, now)
		size, end := 0, time.Time{}
		next.each(func(o *fact) {
			size += o.size()
			if e := o.expires(); e.After(end) {
				end = e
			}
		})
		return next, size, end, true
	})
}

// size is about how many bytes the fact takes.
func (f *fact) size() int {
	size := factCost
	for _, rr := range f.records {
		size += recordCost + mdns.Len(rr)
	}
	if f.soa != nil {
		size += recordCost + mdns.Len(f.soa)
	}
	return size
}

// What a fact and a record take besides the record's own octets: structs,
// slices, the owner's string.
const (
	factCost   = 160
	recordCost = 96
)

// cut is a delegation: the servers of a zone, as its parent's servers (or
// the configuration) named them. It does not change.
type cut struct {
	zone    dns.Name
	servers []nameserver
	root    bool // from the configuration: there is nothing above
	forward bool // forwarders, which do the walking themselves
	stored  time.Time
	ttl     time.Duration
}

// nameserver is one server of a zone.
type nameserver struct {
	name  dns.Name
	addrs []netip.AddrPort // glue for a name in the delegated zone: there is no other way to it
	// spare is glue for a name elsewhere under the parent. The name's own
	// zone knows better; this serves only where asking it leads nowhere
	// (RFC 9471 §2.2, §2.3).
	spare []netip.AddrPort
}

// learnCut keeps a delegation.
func (c *cache) learnCut(z *cut) {
	if z.ttl <= 0 {
		return
	}
	size := factCost + len(z.zone)
	for _, s := range z.servers {
		size += recordCost + len(s.name) + 32*(len(s.addrs)+len(s.spare))
	}
	c.cuts.put(question{z.zone, mdns.TypeNS}, z, size, z.stored, z.stored.Add(z.ttl))
}

// nearest returns the delegation nearest above name that is known, at name
// itself included; nil when none is.
func (c *cache) nearest(name dns.Name, now time.Time) *cut {
	for n := name; n != dns.Root; n = n.Parent() {
		if z, ok := c.cuts.get(question{n, mdns.TypeNS}, now); ok {
			return z
		}
	}
	return nil
}

// glue returns the addresses of a name server that came with the delegation
// of a zone in which its name is.
func (c *cache) glue(server dns.Name, now time.Time) []netip.AddrPort {
	for n := server; n != dns.Root; n = n.Parent() {
		z, ok := c.cuts.get(question{n, mdns.TypeNS}, now)
		if !ok {
			continue
		}
		for _, s := range z.servers {
			if s.name == server && len(s.addrs) > 0 {
				return s.addrs
			}
		}
	}
	return nil
}

// forget drops a delegation whose servers turned out to be of no use.
func (c *cache) forget(zone dns.Name) { c.cuts.drop(question{zone, mdns.TypeNS}) }

// nameOf reads a name of a message. A name that cannot be read cannot be
// asked for either; it is "".
func nameOf(s string) dns.Name {
	n, err := dns.ParseName(s)
	if err != nil {
		return ""
	}
	return n
}
