package dns

import (
	"cmp"
	"slices"

	mdns "github.com/miekg/dns"
)

// inOrder returns the nodes in the order of their lines in the file, so that
// messages come in that order; nodes without records are left out.
func (b *builder) inOrder() []*node {
	var nodes []*node
	for _, n := range b.zone.nodes {
		if len(n.sets) > 0 {
			nodes = append(nodes, n)
		}
	}
	first := func(n *node) int {
		line := b.lines[n.sets[0]]
		for _, s := range n.sets {
			line = min(line, b.lines[s])
		}
		return line
	}
	slices.SortFunc(nodes, func(a, c *node) int {
		return cmp.Or(first(a)-first(c), cmp.Compare(a.name, c.name))
	})
	return nodes
}

// markCuts tells every node the delegation that it is at or below.
func (b *builder) markCuts() {
	z := b.zone
	done := map[*node]bool{z.apex: true}
	var mark func(n *node)
	mark = func(n *node) {
		if done[n] {
			return
		}
		done[n] = true
		parent := z.nodes[n.name.Parent()]
		mark(parent)
		n.cut = parent.cut
		if n.cut == nil && n.set(mdns.TypeNS) != nil {
			n.cut = n
		}
	}
	for _, n := range z.nodes {
		mark(n)
	}
}

// checkNodes sees to what may stand beside and below what.
func (b *builder) checkNodes() {
	for _, n := range b.inOrder() {
		b.checkAlias(n)
		if s := n.set(mdns.TypeSOA); s != nil && n != b.zone.apex {
			b.problem(b.lines[s], "%s SOA: a zone has its SOA record at its origin %s only", n.name, b.zone.Origin)
		}
		if s := n.set(mdns.TypeNS); s != nil && n.name.Label() == "*" {
			b.warn(b.lines[s], "%s NS: a wildcard does not delegate (RFC 4592 §4.2)", n.name)
		}
		b.checkBelowCut(n)
		b.checkBelowDNAME(n)
		b.checkTargets(n)
	}
}

// checkAlias: no other data beside a CNAME (RFC 1034 §3.6.2), but for what
// DNSSEC puts there (RFC 4035 §2.5).
func (b *builder) checkAlias(n *node) {
	if d := n.set(mdns.TypeDNAME); d != nil && len(d.RRs) > 1 {
		b.problem(b.lines[d], "%s has %d DNAME records: one is right (RFC 6672 §2.4)", n.name, len(d.RRs))
	}
	alias := n.set(mdns.TypeCNAME)
	if alias == nil {
		return
	}
	if len(alias.RRs) > 1 {
		b.problem(b.lines[alias], "%s has %d CNAME records: one is right (RFC 2181 §10.1)", n.name, len(alias.RRs))
	}
	for _, s := range n.sets {
		switch s.Type {
		case mdns.TypeCNAME, mdns.TypeRRSIG, mdns.TypeNSEC, mdns.TypeKEY:
		default:
			b.problem(b.lines[alias], "%s CNAME stands beside %s on line %d: an alias has no other data (RFC 1034 §3.6.2)",
				n.name, TypeString(s.Type), b.lines[s])
		}
	}
}

// checkBelowCut warns of records that no answer will hold because their name
// was delegated.
func (b *builder) checkBelowCut(n *node) {
	if n.cut == nil {
		return
	}
	for _, s := range n.sets {
		switch s.Type {
		case mdns.TypeA, mdns.TypeAAAA:
			continue
		case mdns.TypeNS, mdns.TypeDS, mdns.TypeNSEC, mdns.TypeRRSIG:
			if n.cut == n {
				continue
			}
		}
		b.warn(b.lines[s], "%s %s is hidden: %s is delegated on line %d",
			n.name, TypeString(s.Type), n.cut.name, b.lines[n.cut.set(mdns.TypeNS)])
	}
}

// checkBelowDNAME: nothing stands below a DNAME (RFC 6672 §2.4).
func (b *builder) checkBelowDNAME(n *node) {
	for name := n.name; name != b.zone.Origin; {
		name = name.Parent()
		if d := b.zone.nodes[name].set(mdns.TypeDNAME); d != nil {
			b.problem(b.lines[n.sets[0]], "%s %s stands below the DNAME of %s on line %d (RFC 6672 §2.4)",
				n.name, TypeString(n.sets[0].Type), name, b.lines[d])
			return
		}
	}
}

// checkTargets warns of name servers and mail servers that are aliases (RFC
// 2181 §10.3) or do not exist.
func (b *builder) checkTargets(n *node) {
	for _, s := range n.sets {
		if n.cut != nil && n.cut != n {
			continue
		}
		for _, target := range targets(s) {
			var buf [MaxName]byte
			switch r := b.zone.LookupWire(buf[:copy(buf[:], target)], mdns.TypeA); r.Outcome {
			case Alias:
				b.warn(b.lines[s], "%s %s names %s, which is an alias (RFC 2181 §10.3)", n.name, TypeString(s.Type), target)
			case NXDomain:
				b.warn(b.lines[s], "%s %s names %s, which does not exist in this zone", n.name, TypeString(s.Type), target)
			}
		}
	}
}

// targets are the hosts that the records of a set name.
func targets(s *RRset) []Name {
	var names []Name
	for _, d := range s.data {
		if s.Type != mdns.TypeNS && s.Type != mdns.TypeMX {
			break
		}
		if n, err := NameFromWire(d.wire[d.names[0].from:]); err == nil && n != Root {
			names = append(names, n)
		}
	}
	return names
}

// findGlue collects for every delegation the addresses of its servers, and
// warns where a server inside the delegated zone has none: nobody could find
// it (RFC 1034 §4.2.1). The zone's own servers are held to the same.
func (b *builder) findGlue() {
	for _, n := range b.inOrder() {
		ns := n.set(mdns.TypeNS)
		if ns == nil || n != b.zone.apex && n.cut != n {
			continue
		}
		for _, target := range targets(ns) {
			if !target.Under(b.zone.Origin) {
				continue
			}
			found := false
			if host := b.zone.nodes[target]; host != nil {
				for _, t := range []Type{mdns.TypeA, mdns.TypeAAAA} {
					if s := host.set(t); s != nil {
						n.glue, found = append(n.glue, s), true
					}
				}
			}
			if !found && target.Under(n.name) {
				b.warn(b.lines[ns], "%s NS names %s, which has no address here: it needs glue (RFC 1034 §4.2.1)", n.name, target)
			}
		}
	}
}
