package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"waypost/dns"

	mdns "github.com/miekg/dns"
)

// reply is what one server's message came to, with everything left out that
// the server has no say in. It does not change.
type reply struct {
	parts  []part   // the chain from the name asked: aliases, then the end
	target dns.Name // where the chain leads out of the server's reach; "" when it ended
	cut    *cut     // a referral, and then nothing else
	server netip.AddrPort
	aa     bool
	// ignored says in words what was not believed.
	ignored []string
}

// part is one step of a chain.
type part struct {
	owner dns.Name
	qtype uint16 // under which the fact is known
	fact  *fact
}

// rcode is the response code that the reply stands for.
func (rep *reply) rcode() int {
	if n := len(rep.parts); n > 0 && rep.target == "" {
		return rep.parts[n-1].fact.rcode
	}
	return mdns.RcodeSuccess
}

// reader reads one server's message. It is given what was asked, and of whom.
type reader struct {
	zone    dns.Name // names under it are the server's to speak about
	forward bool     // the server walks for us: its chain counts to the end
	name    dns.Name
	qtype   uint16
	subnet  netip.Prefix            // sent along; zero when none
	ours    func(dns.Name) bool     // names that are answered elsewhere, whatever the server says
	usable  func(a netip.Addr) bool // addresses that a name server may have
	server  netip.AddrPort
	now     time.Time
}

// defect is why a server's message is of no use; another server may do
// better.
type defect struct {
	why  string
	lame bool // the server does not serve the zone
}

func (d *defect) Error() string { return d.why }

// read decides what m is (RFC 1034 §5.3.3 step 4, RFC 2308 §2).
func (rd *reader) read(m *mdns.Msg) (*reply, error) {
	if m.Rcode != mdns.RcodeSuccess && m.Rcode != mdns.RcodeNameError && m.Rcode != mdns.RcodeYXDomain {
		return nil, &defect{why: dns.RcodeString(m.Rcode), lame: m.Rcode == mdns.RcodeRefused || m.Rcode == mdns.RcodeNotAuth}
	}
	rep := &reply{server: rd.server, aa: m.Authoritative}
	end, complete, err := rd.chain(m, rep)
	if err != nil {
		return nil, err
	}
	switch {
	case complete:
	case m.Rcode == mdns.RcodeYXDomain:
		return nil, &defect{why: "YXDOMAIN without the DNAME that makes a name too long"}
	case rep.target != "": // the chain left the server's reach
	case m.Rcode == mdns.RcodeNameError:
		rd.negative(m, rep, end, mdns.RcodeNameError)
	case rd.soa(m, end) != nil:
		rd.negative(m, rep, end, mdns.RcodeSuccess)
	case len(rep.parts) > 0:
		// An alias without its end: that is asked for by itself.
		rep.target = end
	default:
		if err := rd.unanswered(m, rep, end); err != nil {
			return nil, err
		}
	}
	return rep, nil
}

// chain follows the aliases of the answer section from the name asked, as
// far as the server may speak (complete: to the records asked for), and
// returns the name at which it stands.
func (rd *reader) chain(m *mdns.Msg, rep *reply) (at dns.Name, complete bool, err error) {
	at = rd.name
	taken := 0
	for range MaxChain + 1 {
		if set := recordsOf(m.Answer, at, rd.qtype); len(set) > 0 {
			rep.parts = append(rep.parts, part{at, rd.qtype, rd.fact(m, set)})
			rd.leftover(m, rep, taken+len(set))
			return at, true, nil
		}
		alias, target := rd.alias(m, at)
		if len(alias) == 0 {
			rd.leftover(m, rep, taken)
			return at, false, nil
		}
		taken += len(alias)
		if target == "" && alias[0].Header().Rrtype == mdns.TypeDNAME {
			f := rd.fact(m, alias) // RFC 6672 §2.2: the name that the DNAME makes is too long
			f.rcode = mdns.RcodeYXDomain
			rep.parts = append(rep.parts, part{at, rd.qtype, f})
			return at, true, nil
		}
		if target == "" {
			return at, false, &defect{why: "an alias to a malformed name"}
		}
		rep.parts = append(rep.parts, part{at, mdns.TypeCNAME, rd.fact(m, alias)})
		if !rd.forward && !target.Under(rd.zone) || rd.ours(target) {
			rep.target = target
			rd.leftover(m, rep, taken)
			return target, false, nil
		}
		if slices.ContainsFunc(rep.parts, func(l part) bool { return l.owner == target }) {
			return at, false, errLoop
		}
		at = target
	}
	return at, false, &limitError{"aliases", MaxChain}
}

// alias returns the CNAME at name, or the DNAME above it with the CNAME that
// it makes (RFC 6672 §3.1), and where it points.
func (rd *reader) alias(m *mdns.Msg, name dns.Name) (records []mdns.RR, target dns.Name) {
	if rd.qtype == mdns.TypeCNAME {
		return nil, ""
	}
	cnames := recordsOf(m.Answer, name, mdns.TypeCNAME)
	for _, rr := range m.Answer {
		d, ok := rr.(*mdns.DNAME)
		if !ok || d.Hdr.Class != mdns.ClassINET {
			continue
		}
		owner := nameOf(d.Hdr.Name)
		if owner == "" || owner == name || !name.Under(owner) || !rd.forward && !owner.Under(rd.zone) {
			continue
		}
		whole := name[:len(name)-len(owner)] + nameOf(d.Target)
		if !whole.Valid() {
			return []mdns.RR{d}, ""
		}
		hdr := mdns.RR_Header{Name: name.String(), Rrtype: mdns.TypeCNAME, Class: mdns.ClassINET, Ttl: d.Hdr.Ttl}
		return []mdns.RR{d, &mdns.CNAME{Hdr: hdr, Target: whole.String()}}, whole
	}
	if len(cnames) == 0 {
		return nil, ""
	}
	c := cnames[0].(*mdns.CNAME) // RFC 2181 §10.1: there can be only one
	return cnames[:1], nameOf(c.Target)
}

// leftover notes records of the answer section that are not part of the
// chain: they answer no question.
func (rd *reader) leftover(m *mdns.Msg, rep *reply, taken int) {
	total := 0
	for _, rr := range m.Answer {
		switch rr.Header().Rrtype {
		case rd.qtype, mdns.TypeCNAME, mdns.TypeDNAME:
			total++
		}
	}
	if extra := total - taken; extra > 0 && !rd.forward {
		rep.ignored = append(rep.ignored, fmt.Sprintf("%d records that are not for %s to give", extra, text(rd.zone)))
	}
}

// unanswered reads a message without answer, NXDOMAIN or SOA: a referral, an
// empty answer, or a server that does not serve the zone.
func (rd *reader) unanswered(m *mdns.Msg, rep *reply, end dns.Name) error {
	for _, rr := range m.Ns {
		ns, ok := rr.(*mdns.NS)
		if !ok || ns.Hdr.Class != mdns.ClassINET {
			continue
		}
		owner := nameOf(ns.Hdr.Name)
		switch {
		case rd.forward:
			return &defect{why: "it does not recurse: a referral instead of an answer", lame: true}
		case owner == rd.zone && m.Authoritative: // an answer without SOA (RFC 2308 §2.2, type 3)
			rd.negative(m, rep, end, mdns.RcodeSuccess)
			return nil
		case owner != "" && owner != rd.zone && owner.Under(rd.zone) && rd.name.Under(owner):
			return rd.referral(m, rep, owner)
		default:
			return &defect{why: fmt.Sprintf("lame: it refers to %s instead of answering for %s", text(owner), text(rd.zone)), lame: true}
		}
	}
	if !m.Authoritative && !rd.forward && m.RecursionAvailable {
		return &defect{why: "lame: it is somebody's resolver", lame: true}
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*mdns.SOA); ok && !rd.forward && !m.Authoritative {
			return &defect{why: fmt.Sprintf("lame: it answers for %s", written(soa.Hdr.Name)), lame: true}
		}
	}
	rd.negative(m, rep, end, mdns.RcodeSuccess)
	return nil
}

// negative ends the chain at name with "no such name" or "no such record".
func (rd *reader) negative(m *mdns.Msg, rep *reply, name dns.Name, rcode int) {
	f := &fact{rcode: rcode, aa: m.Authoritative, server: rd.server, stored: rd.now}
	if soa := rd.soa(m, name); soa != nil {
		f.soa = soa
		// RFC 2308 §5: the smaller of the record's TTL and its MINIMUM.
		f.ttl = min(ttlOf(soa.Hdr.Ttl), ttlOf(soa.Minttl), MaxNegativeTTL)
		soa.Hdr.Ttl = uint32(f.ttl / time.Second)
	}
	// Without SOA it must not be kept (RFC 2308 §5). A subnet does not matter
	// (RFC 7871 §7.4).
	rep.parts = append(rep.parts, part{name, rd.qtype, f})
}

// soa returns a copy of the SOA that denies name; it must stand between the
// server's zone and the name.
func (rd *reader) soa(m *mdns.Msg, name dns.Name) *mdns.SOA {
	for _, rr := range m.Ns {
		soa, ok := rr.(*mdns.SOA)
		if !ok || soa.Hdr.Class != mdns.ClassINET {
			continue
		}
		owner := nameOf(soa.Hdr.Name)
		if owner != "" && name.Under(owner) && (rd.forward || owner.Under(rd.zone)) {
			return mdns.Copy(soa).(*mdns.SOA)
		}
	}
	return nil
}

// fact makes a fact of records of one owner.
func (rd *reader) fact(m *mdns.Msg, records []mdns.RR) *fact {
	f := &fact{aa: m.Authoritative, server: rd.server, stored: rd.now, ttl: MaxTTL}
	for _, rr := range records {
		f.ttl = min(f.ttl, ttlOf(rr.Header().Ttl)) // RFC 2181 §5.2: one TTL for the set
	}
	f.records = make([]mdns.RR, len(records))
	for i, rr := range records {
		f.records[i] = mdns.Copy(rr)
		f.records[i].Header().Ttl = uint32(f.ttl / time.Second)
	}
	if sub, ok := dns.SubnetOf(m); ok && rd.subnet.IsValid() && sub.Prefix == rd.subnet && sub.Scope > 0 {
		// RFC 7871 §7.3.1: a scope beyond what was sent holds for what was sent.
		if p, err := rd.subnet.Addr().Prefix(min(sub.Scope, rd.subnet.Bits())); err == nil {
			f.subnet = p
		}
	}
	return f
}

// recordsOf returns the records of one owner and type, without duplicates.
func recordsOf(section []mdns.RR, owner dns.Name, qtype uint16) []mdns.RR {
	var set []mdns.RR
	for _, rr := range section {
		h := rr.Header()
		if h.Rrtype == qtype && h.Class == mdns.ClassINET && nameOf(h.Name) == owner &&
			!slices.ContainsFunc(set, func(o mdns.RR) bool { return mdns.IsDuplicate(o, rr) }) {
			set = append(set, rr)
		}
	}
	return set
}

// ttlOf is a TTL as sent: with the top bit set it is 0 (RFC 2181 §8).
func ttlOf(seconds uint32) time.Duration {
	if seconds > 1<<31-1 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
