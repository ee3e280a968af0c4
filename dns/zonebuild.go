package dns

import (
	"errors"
	"fmt"
	"slices"

	mdns "github.com/miekg/dns"
)

// maxProblems is how many errors are reported at one time; what comes after
// is mostly their consequence.
const maxProblems = 10

// builder makes a zone out of records and collects what is wrong with them.
type builder struct {
	zone     *Zone
	file     string
	lines    map[*RRset]int // where a set's first record stands
	problems []error
}

func (b *builder) problem(line int, format string, args ...any) {
	if len(b.problems) < maxProblems {
		b.problems = append(b.problems, fmt.Errorf("%s:%d: "+format, append([]any{b.file, line}, args...)...))
	}
}

func (b *builder) warn(line int, format string, args ...any) {
	b.zone.Warnings = append(b.zone.Warnings, fmt.Sprintf("%s:%d: "+format, append([]any{b.file, line}, args...)...))
}

// buildZone is the list of steps from records to a zone.
func buildZone(records []zoneRecord, origin Name, file string) (*Zone, error) {
	b := &builder{
		zone:  &Zone{Origin: origin, nodes: make(map[Name]*node)},
		file:  file,
		lines: make(map[*RRset]int),
	}
	b.zone.apex = b.node(origin)
	for i := range records {
		b.add(&records[i])
	}
	b.finishSets()
	b.checkApex()
	if len(b.problems) == 0 {
		b.markCuts()
		b.checkNodes()
		b.findGlue()
	}
	if len(b.problems) > 0 {
		return nil, errors.Join(b.problems...)
	}
	return b.zone, nil
}

// node returns the node of a name under the origin, made with all its
// ancestors when it is new.
func (b *builder) node(name Name) *node {
	if n := b.zone.nodes[name]; n != nil {
		return n
	}
	n := &node{name: name}
	b.zone.nodes[name] = n
	if name != b.zone.Origin {
		parent := b.node(name.Parent())
		if name.Label() == "*" {
			parent.wildcard = n
		}
	}
	return n
}

// add puts one record into the zone.
func (b *builder) add(r *zoneRecord) {
	h := r.rr.Header()
	what := fmt.Sprintf("%s %s", r.name, TypeString(h.Rrtype))
	switch {
	case h.Class != mdns.ClassINET:
		b.problem(r.line, "%s: class %s: only IN is served", what, ClassString(h.Class))
		return
	case h.Rrtype == 0, h.Rrtype == mdns.TypeOPT, h.Rrtype >= 128 && h.Rrtype <= 255:
		b.problem(r.line, "%s: this type stands in messages, not in zones (RFC 6895 §3.1)", what)
		return
	case !r.name.Under(b.zone.Origin):
		b.problem(r.line, "%s: not in the zone %s (a final dot too many, or one too few?)", what, b.zone.Origin)
		return
	case h.Ttl > maxTTL:
		b.problem(r.line, "%s: TTL %d is more than %d (RFC 2181 §8)", what, h.Ttl, maxTTL)
		return
	}
	n := b.node(r.name)
	s := n.set(h.Rrtype)
	if s == nil {
		s = &RRset{Owner: r.name, Type: h.Rrtype, TTL: h.Ttl}
		n.sets = append(n.sets, s)
		b.lines[s] = r.line
	}
	if s.TTL != h.Ttl {
		b.warn(r.line, "%s: TTL %d, but %d on line %d: a set has one TTL, the smaller is used (RFC 2181 §5.2)", what, h.Ttl, s.TTL, b.lines[s])
	}
	s.add(r.rr, r.data)
}

// finishSets completes all sets. The order of a node's sets is what type ANY
// goes by: addresses first.
func (b *builder) finishSets() {
	rank := func(t Type) int {
		switch t {
		case mdns.TypeA:
			return -2
		case mdns.TypeAAAA:
			return -1
		}
		return int(t)
	}
	for _, n := range b.zone.nodes {
		slices.SortFunc(n.sets, func(a, c *RRset) int { return rank(a.Type) - rank(c.Type) })
		for _, s := range n.sets {
			if err := s.finish(); err != nil {
				b.problem(b.lines[s], "%s %s: %v", s.Owner, TypeString(s.Type), err)
			}
		}
	}
}

// checkApex sees to what every zone has at its origin: one SOA, and NS.
func (b *builder) checkApex() {
	z := b.zone
	z.SOA, z.NS = z.apex.set(mdns.TypeSOA), z.apex.set(mdns.TypeNS)
	if z.SOA == nil {
		b.problem(1, "zone %s has no SOA record at its origin (RFC 1035 §5.2)", z.Origin)
	} else if len(z.SOA.RRs) > 1 {
		b.problem(b.lines[z.SOA], "zone %s has %d SOA records: one is right (RFC 1035 §5.2)", z.Origin, len(z.SOA.RRs))
	} else if soa, ok := z.SOA.RRs[0].(*mdns.SOA); ok {
		z.Negative = z.SOA.withTTL(min(z.SOA.TTL, soa.Minttl)) // RFC 2308 §3
	} else {
		b.problem(b.lines[z.SOA], "zone %s: its SOA record is not written as one", z.Origin)
	}
	if z.NS == nil {
		b.problem(1, "zone %s has no NS record at its origin (RFC 1034 §4.2.1)", z.Origin)
	}
}
