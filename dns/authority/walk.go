package authority

import (
	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/trace"
)

// maxChain bounds how many aliases are followed within a zone for one query.
// People use one or two; a loop uses all.
const maxChain = 8

// The refusals. They are only read.
var (
	notOurs    = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeNotAuthoritative, Text: "no zone here holds this name"}
	onlyIN     = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeNotSupported, Text: "only class IN is served"}
	noTransfer = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeNotSupported, Text: "zones are not transferred"}
	badType    = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeInvalidQueryType}
	noEdge     = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeOther, Text: "no edge of the fleet is in service"}
)

// walk is one query on its way through the zones (RFC 1034 §4.3.2).
type walk struct {
	a     *Authority
	q     *dns.Query
	smart *smartZone
	span  *trace.Span
	reply dns.Reply

	zone     *dns.Zone // that answers; nil for a fleet without zone file
	verdict  verdict
	source   string // where the answer came from: "zone" or "gslb"
	edge     string // the edge chosen, when a record is kept
	wildcard bool
	aliases  int
}

// verdict is how a walk ended.
type verdict uint8

const (
	refused verdict = iota
	failed
	answered
	alias // into another zone, or too long
	referred
	noRecord
	noName
)

// run fills the reply.
func (w *walk) run() {
	w.source = "zone"
	t := w.q.Type
	switch {
	case w.q.Class != mdns.ClassINET && w.q.Class != mdns.ClassANY:
		w.refuse(mdns.RcodeRefused, onlyIN)
		return
	case t == mdns.TypeAXFR || t == mdns.TypeIXFR:
		w.refuse(mdns.RcodeRefused, noTransfer)
		return
	case t == 0 || t == mdns.TypeOPT || t >= 128 && t < mdns.TypeANY:
		w.refuse(mdns.RcodeFormatError, badType) // RFC 6895 §3.1: not types of data
		return
	}
	w.zone = w.a.zoneFor(w.q.Name, t)
	// The fleet's zone is ours with a zone file or without one. A zone file
	// further down than it goes before it.
	if s := w.smart; s != nil && (!w.q.Under(s.name) || w.zone != nil && len(w.zone.Origin) > len(s.name)) {
		w.smart = nil
	}
	if w.smart != nil && w.zone != nil && w.zone.Origin != w.smart.name {
		w.zone = nil // the file is that of a zone above
	}
	if w.zone == nil && w.smart == nil {
		w.refuse(mdns.RcodeRefused, notOurs)
		return
	}
	w.follow()
}

func (w *walk) refuse(rcode int, why *dns.ExtendedError) {
	w.verdict, w.reply.Rcode, w.reply.Extended = refused, rcode, why
}

// follow goes from alias to alias within the zone. Names of other zones are
// left to the client, even where they are ours: it would not believe them
// (RFC 2181 §5.4.1).
func (w *walk) follow() {
	w.reply.Flags = dns.FlagAA
	owner := dns.Name("") // the name asked for
	for range maxChain {
		r, anEdge := w.lookup(owner)
		if anEdge {
			w.choose(owner)
			return
		}
		w.wildcard = w.wildcard || r.Wildcard
		switch r.Outcome {
		case dns.Answer:
			w.verdict = answered
			w.reply.Answer(owner, r.Set)
			for _, g := range r.Glue {
				w.reply.Additional(g, false)
			}
			return
		case dns.Delegation:
			w.refer(r)
			return
		case dns.NoData, dns.NotHere:
			w.negative(noRecord)
			return
		case dns.NXDomain:
			w.reply.Rcode = mdns.RcodeNameError // of the last name (RFC 6604 §3)
			w.negative(noName)
			return
		}
		w.verdict = alias
		w.aliases++
		if !w.alias(owner, r) || !r.Target.Under(w.origin()) || w.deeper(r.Target) {
			return
		}
		owner = r.Target
	}
}

// origin is the name of the zone that answers.
func (w *walk) origin() dns.Name {
	if w.zone != nil {
		return w.zone.Origin
	}
	return w.smart.name
}

// deeper reports whether a name under this zone belongs to one of our zones
// further down.
func (w *walk) deeper(name dns.Name) bool {
	var buf [dns.MaxName]byte
	z := w.a.zone(buf[:copy(buf[:], name)])
	return z != nil && z != w.zone && len(z.Origin) > len(w.origin())
}

// lookup is one step: the zone file first, an edge for what it does not
// name.
func (w *walk) lookup(owner dns.Name) (r dns.Result, anEdge bool) {
	switch {
	case w.zone == nil:
		return r, true
	case owner == "":
		r = w.zone.LookupWire(w.q.Name, w.q.Type)
	default:
		r = w.zone.Lookup(owner, w.q.Type)
	}
	return r, w.smart != nil && (r.Outcome == dns.NXDomain || r.Wildcard)
}

// alias adds a CNAME, or a DNAME and the CNAME that it makes (RFC 6672
// §3.1). It reports false when the target is too long to be followed.
func (w *walk) alias(owner dns.Name, r dns.Result) bool {
	if r.Set.Type != mdns.TypeDNAME {
		w.reply.Answer(owner, r.Set)
		return true
	}
	w.reply.Answer(r.Set.Owner, r.Set)
	if r.Target == "" {
		w.reply.Rcode = mdns.RcodeYXDomain // RFC 6672 §2.2
		return false
	}
	w.reply.CNAME(owner, r.Target, r.Set.TTL)
	return true
}

// refer sends the client to the servers of a zone below.
func (w *walk) refer(r dns.Result) {
	if w.aliases == 0 {
		w.verdict = referred
		w.reply.Flags = 0 // RFC 1034 §6.2.6: a referral is not authoritative
	}
	w.reply.Authority(r.Set)
	for _, g := range r.Glue {
		// RFC 9471 §3: without the addresses of servers inside the zone
		// nobody could go on; the others are a courtesy.
		w.reply.Additional(g, g.Owner.Under(r.Set.Owner))
	}
}

// negative says that there is nothing, and for how long (RFC 2308 §3).
func (w *walk) negative(v verdict) {
	w.verdict = v
	if w.zone != nil {
		w.reply.Authority(w.zone.Negative)
	}
}
