package authority

import (
	"fmt"
	"strings"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/trace"
)

// note records the answer as this server saw it: read back from the packet,
// so that the record says what was sent.
func (w *walk) note(response []byte) {
	fact := trace.DNSAnswer{
		Name: dns.Name(w.q.Name).Text(), Type: dns.TypeString(w.q.Type),
		Source: w.source, Answers: []string{},
	}
	m := new(mdns.Msg)
	if err := m.Unpack(response); err != nil {
		fact.Error = err.Error()
		w.span.Done(fact, nil)
		return
	}
	fact.Rcode, fact.Authoritative, fact.Truncated = dns.RcodeString(m.Rcode), m.Authoritative, m.Truncated
	ttl := uint32(1<<31 - 1)
	for _, rr := range m.Answer {
		fact.Answers = append(fact.Answers, strings.ReplaceAll(rr.String(), "\t", " "))
		ttl = min(ttl, rr.Header().Ttl)
	}
	for _, rr := range m.Ns {
		ttl = min(ttl, rr.Header().Ttl)
	}
	if len(m.Answer)+len(m.Ns) > 0 {
		fact.TTL = int(ttl)
	}
	w.span.Done(fact, w.decision())
}

// decision puts the end of the walk into a sentence.
func (w *walk) decision() *trace.Decision {
	d := &trace.Decision{Clause: "RFC 1034 §4.3.2"}
	var zone string
	if w.zone != nil || w.smart != nil {
		zone = w.origin().Text()
	}
	switch w.verdict {
	case refused:
		d.Verdict, d.Clause = "refused", "RFC 1035 §4.1.1"
		d.Reason = "no zone here holds this name, and a name server without recursion answers for its own zones only"
		if w.reply.Extended != notOurs {
			d.Reason = "the question is of a kind that is not answered"
			if text := w.reply.Extended.Text; text != "" {
				d.Reason += ": " + text
			}
		}
	case failed:
		d.Verdict, d.Reason = "failed", w.reply.Extended.Text
	case referred:
		d.Verdict, d.Reason = "referred", fmt.Sprintf("zone %s has delegated the name: its servers are named", zone)
	case noRecord:
		d.Verdict, d.Clause = "no-such-record", "RFC 2308 §2.2"
		d.Reason = fmt.Sprintf("the name exists in zone %s, but not with this type", zone)
		if w.source == "gslb" {
			d.Reason = fmt.Sprintf("the name in zone %s is an edge's, and edges have no records of this type", zone)
		}
	case noName:
		d.Verdict, d.Clause = "no-such-name", "RFC 2308 §2.1"
		d.Reason = fmt.Sprintf("zone %s has no such name", zone)
	case alias:
		d.Verdict, d.Clause = "alias", "RFC 1034 §3.6.2"
		d.Reason = fmt.Sprintf("the name is an alias in zone %s for one outside it, which is left to the client", zone)
		switch {
		case w.reply.Rcode == mdns.RcodeYXDomain:
			d.Clause = "RFC 6672 §2.2"
			d.Reason = fmt.Sprintf("a DNAME in zone %s would make the name longer than %d octets", zone, dns.MaxName)
		case w.aliases == maxChain:
			d.Reason = fmt.Sprintf("zone %s leads from alias to alias; after %d of them that is enough", zone, maxChain)
		}
	case answered:
		d.Verdict, d.Reason = "answered", fmt.Sprintf("zone %s has the records", zone)
		if w.wildcard {
			d.Clause, d.Reason = "RFC 4592 §3.3", fmt.Sprintf("zone %s has the records by a wildcard", zone)
		}
		if w.source == "gslb" {
			d.Reason = fmt.Sprintf("the name in zone %s is an edge's, and %s is the best for this client", zone, w.edge)
		}
		if w.q.Type == mdns.TypeANY {
			d.Clause = "RFC 8482 §4.1"
			d.Reason += "; of all types one is given"
		}
	}
	return d
}
