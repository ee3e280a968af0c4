package dns

import (
	mdns "github.com/miekg/dns"
)

// Zone is a zone file ready to be looked up in. It is immutable and safe for
// concurrent use.
type Zone struct {
	Origin   Name
	SOA      *RRset
	Negative *RRset // the SOA as negative answers carry it, with the smaller of its TTL and its minimum (RFC 2308 §3)
	NS       *RRset
	Warnings []string // what is allowed but probably not meant, each with file:line

	// nodes are all names that exist, those without records included (RFC
	// 4592 §2.2.2), and the names below delegations.
	nodes map[Name]*node
	apex  *node
}

// node is one name that exists in a zone.
type node struct {
	name     Name
	sets     []*RRset // few: searched from the front
	cut      *node    // the delegation at or above the node, nearest to the apex; nil in authoritative data
	wildcard *node    // the child "*"
	glue     []*RRset // at a delegation and the apex: what the zone knows of their servers' addresses
}

func (n *node) set(t Type) *RRset {
	for _, s := range n.sets {
		if s.Type == t {
			return s
		}
	}
	return nil
}

// Outcome is what a lookup in a zone came to.
type Outcome uint8

// The outcomes of RFC 1034 §4.3.2.
const (
	NotHere    Outcome = iota // the name is not under this zone
	Answer                    // Set holds the records asked for
	Alias                     // Set holds a CNAME or a DNAME; go on with Target
	Delegation                // Set holds the NS records of the zone below
	NoData                    // the name exists, but not with this type
	NXDomain                  // the name does not exist
)

var outcomeWords = [...]string{
	NotHere: "not here", Answer: "answer", Alias: "alias",
	Delegation: "delegation", NoData: "no data", NXDomain: "no such name",
}

// String is the outcome in a word or two.
func (o Outcome) String() string { return outcomeWords[o] }

// Result is what a zone says about one name and type.
type Result struct {
	Outcome  Outcome
	Set      *RRset   // Answer, Alias, Delegation
	Target   Name     // Alias: where to go on; "" when a DNAME makes it too long (RFC 6672 §2.2: YXDOMAIN)
	Wildcard bool     // what was found comes from a wildcard and stands at the name asked for (RFC 4592)
	SOA      *RRset   // NoData, NXDomain: the zone's Negative
	Glue     []*RRset // Delegation, and Answer with NS records: the servers' addresses that this zone knows
}

// Lookup finds what the zone says about name and type, one step: an alias is
// not followed. For type ANY it gives one set of those there are (RFC 8482
// §4.1). It does not allocate, but for a DNAME's target.
func (z *Zone) Lookup(name Name, t Type) Result {
	var buf [MaxName]byte
	return z.LookupWire(buf[:copy(buf[:], name)], t)
}

// LookupWire is Lookup for a name that still stands in a packet, such as
// [Query] Name. It does not keep name.
func (z *Zone) LookupWire(name []byte, t Type) Result {
	if !under(name, z.Origin) {
		return Result{Outcome: NotHere}
	}
	if n := z.nodes[Name(name)]; n != nil {
		// DS stands on the upper side of a cut (RFC 4035 §3.1.4.1).
		if n.cut != nil && (n.cut != n || t != mdns.TypeDS) {
			return n.cut.delegation()
		}
		return z.at(n, t)
	}
	n := z.encloser(name)
	if n.cut != nil {
		return n.cut.delegation()
	}
	if d := n.set(mdns.TypeDNAME); d != nil {
		return Result{Outcome: Alias, Set: d, Target: substitute(name, n.name, d.Target)}
	}
	if n.wildcard != nil {
		r := z.at(n.wildcard, t)
		r.Wildcard = true
		return r
	}
	return Result{Outcome: NXDomain, SOA: z.Negative}
}

// at answers from the sets of one node.
func (z *Zone) at(n *node, t Type) Result {
	if s := n.set(t); s != nil {
		r := Result{Outcome: Answer, Set: s}
		if t == mdns.TypeNS {
			r.Glue = n.glue
		}
		return r
	}
	if t == mdns.TypeANY && len(n.sets) > 0 {
		return Result{Outcome: Answer, Set: n.sets[0]}
	}
	if s := n.set(mdns.TypeCNAME); s != nil {
		return Result{Outcome: Alias, Set: s, Target: s.Target}
	}
	return Result{Outcome: NoData, SOA: z.Negative}
}

func (n *node) delegation() Result {
	return Result{Outcome: Delegation, Set: n.set(mdns.TypeNS), Glue: n.glue}
}

// encloser is the closest encloser of a name that does not exist (RFC 4592
// §3.3.1): the longest of its ancestors that does. It goes down from the
// apex, so the depth of the zone bounds its work, not the length of the name.
func (z *Zone) encloser(name []byte) *node {
	var labels [maxLabels]uint8 // where they begin
	count := 0
	for i := 0; i < len(name)-len(z.Origin); i += 1 + int(name[i]) {
		labels[count] = uint8(i)
		count++
	}
	n := z.apex
	for i := count - 1; i >= 0; i-- {
		child := z.nodes[Name(name[labels[i]:])]
		if child == nil {
			break
		}
		n = child
	}
	return n
}

// substitute replaces the suffix owner of name by target (RFC 6672 §2.2). It
// is "" when the result is too long.
func substitute(name []byte, owner, target Name) Name {
	prefix := name[:len(name)-len(owner)]
	if len(prefix)+len(target) > MaxName {
		return ""
	}
	return Name(prefix) + target
}
