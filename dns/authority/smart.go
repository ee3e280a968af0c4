package authority

import (
	"errors"
	"net/netip"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/dns/gslb"
	"waypost/trace"
)

// choose answers with the best edge for the client.
func (w *walk) choose(owner dns.Name) {
	w.source = "gslb"
	client := w.client()
	var err error
	switch w.q.Type {
	case mdns.TypeA:
		err = w.address(owner, client, gslb.IPv4)
	case mdns.TypeAAAA:
		err = w.address(owner, client, gslb.IPv6)
	case mdns.TypeANY:
		// RFC 8482 §4.1: one of the sets that there are.
		if err = w.address(owner, client, gslb.IPv4); errors.Is(err, gslb.ErrNoAddress) {
			err = w.address(owner, client, gslb.IPv6)
		}
	default:
		err = gslb.ErrNoAddress
	}
	switch {
	case err == nil:
		w.verdict = answered
	case errors.Is(err, gslb.ErrNoAddress):
		w.negative(noRecord)
	default:
		w.verdict, w.reply.Rcode, w.reply.Extended = failed, mdns.RcodeServerFailure, noEdge
	}
}

// client is for whom an edge is wanted: whom the resolver names, or the
// resolver. A subnet of 0 bits asks that the client's is not used (RFC 7871
// §7.1.2).
func (w *walk) client() gslb.Client {
	if p := w.q.EDNS.Subnet.Prefix; p.IsValid() && p.Bits() > 0 {
		return gslb.FromSubnet(p)
	}
	return gslb.FromResolver(w.q.From.Addr())
}

// address adds the address of the best edge to the answer. It ranks them all
// only when somebody will read it.
func (w *walk) address(owner dns.Name, client gslb.Client, family gslb.Family) error {
	var (
		addr  netip.Addr
		scope int
	)
	if w.span.On() {
		name := owner
		if name == "" {
			name = dns.Name(w.q.Name)
		}
		pick, err := gslb.Rank(w.smart.fleet, client, name.Text(), family)
		if err != nil {
			return err
		}
		addr, scope, w.edge = pick.Addr, pick.Scope, pick.Edge.Name
		w.notePick(name, client, &pick)
	} else {
		best, err := gslb.Best(w.smart.fleet, client, family)
		if err != nil {
			return err
		}
		addr, scope = best.Addr, best.Scope
	}
	w.reply.Address(owner, addr, w.smart.ttl)
	if client.ECS {
		w.reply.Scope = scope
	}
	return nil
}

// notePick records the choice with the grounds of every edge.
func (w *walk) notePick(name dns.Name, client gslb.Client, pick *gslb.Pick) {
	fact := trace.GSLBPick{
		Name: name.Text(), Client: client.Addr.String(), From: "resolver",
		Region: pick.Region, Edge: pick.Edge.Name, TTL: int(w.smart.ttl),
	}
	if client.ECS {
		fact.Client, fact.From = w.q.EDNS.Subnet.Prefix.String(), "ecs"
	}
	for _, g := range pick.Ranked {
		fact.Ranked = append(fact.Ranked, trace.GSLBGrade{Edge: g.Edge.Name, POP: g.POP.Name, Address: g.Addr.String(), Why: g.Why})
	}
	d := pick.Decision
	w.span.Note(fact, &d)
}
