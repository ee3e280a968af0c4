package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"waypost/dns"
	"waypost/fault"
	"waypost/trace"

	mdns "github.com/miekg/dns"
)

// noteReply records what a server said. The span is that of the query.
func (s *search) noteReply(span *trace.Span, rep *reply, m *mdns.Msg, z *cut, name dns.Name, qtype uint16, info dns.Info) {
	if !span.On() {
		return
	}
	var why []string
	d := &trace.Decision{}
	if rep.cut != nil {
		d.Verdict, d.Clause = "referred", "RFC 1034 §5.3.3"
		why = append(why, fmt.Sprintf("%s does not know, but delegates %s", zoneText(z.zone), text(rep.cut.zone)))
		ref := trace.DNSReferral{
			Name: text(name), Type: dns.TypeString(qtype), Server: rep.server.String(),
			Zone: text(rep.cut.zone), TTL: int(rep.cut.ttl / time.Second),
		}
		for _, n := range rep.cut.servers {
			ref.Servers = append(ref.Servers, text(n.name))
			for _, a := range n.addrs {
				ref.Glue = append(ref.Glue, text(n.name)+" "+a.Addr().String())
			}
			if len(n.spare) > 0 {
				why = append(why, fmt.Sprintf("the address of %s is asked of its own zone", text(n.name)))
			}
		}
		d.Reason = because(why, rep.ignored)
		span.Done(ref, d)
		return
	}
	ans := trace.DNSAnswer{
		Name: text(name), Type: dns.TypeString(qtype), Rcode: dns.RcodeString(m.Rcode), Server: rep.server.String(),
		Source: "server", Authoritative: rep.aa, Truncated: info.Truncated,
	}
	ans.TTL = -1
	for _, l := range rep.parts {
		for _, rr := range l.fact.records {
			ans.Answers = append(ans.Answers, record(rr, -1))
		}
		if ttl := int(l.fact.ttl / time.Second); ans.TTL < 0 || ttl < ans.TTL {
			ans.TTL = ttl
		}
	}
	ans.TTL = max(ans.TTL, 0)
	d.Verdict, d.Reason = s.verdict(rep, z)
	switch {
	case rep.target != "":
		d.Clause = "RFC 1034 §3.6.2"
	case rep.rcode() == mdns.RcodeNameError || len(ans.Answers) == 0:
		d.Clause = "RFC 2308 §2"
	}
	d.Reason = because([]string{d.Reason}, rep.ignored)
	span.Done(ans, d)
}

// verdict is the sense of an answer.
func (s *search) verdict(rep *reply, z *cut) (verdict, reason string) {
	who := "the zone's own server says so"
	switch {
	case z.forward:
		who = "the forwarder says so"
	case !rep.aa:
		who = "a server of the zone says so, without claiming authority"
	}
	last := rep.parts[len(rep.parts)-1].fact
	switch {
	case rep.target != "":
		return "alias", fmt.Sprintf("the name is an alias; %s is asked for next, where its own servers are", text(rep.target))
	case last.rcode == mdns.RcodeNameError:
		return "no-such-name", who
	case len(last.records) == 0:
		return "no-such-record", who
	}
	return "answered", who
}

// noteFailure records that a server was of no use. m is nil when nothing
// came.
func (s *search) noteFailure(span *trace.Span, at netip.AddrPort, name dns.Name, qtype uint16, m *mdns.Msg, z *cut, t try) {
	if !span.On() {
		return
	}
	ans := trace.DNSAnswer{
		Name: text(name), Type: dns.TypeString(qtype), Server: at.String(), Source: "server", Answers: []string{},
		Fault: string(fault.DNSError), Error: t.err.Error(),
	}
	d := &trace.Decision{Verdict: "next-server", Reason: t.err.Error()}
	switch {
	case t.silent:
		ans.Fault = string(fault.DNSTimeout)
		ans.Error = fmt.Sprintf("timeout after %s", t.waited)
		d.Reason = fmt.Sprintf("nothing came within %s; it is left for last for a while", t.waited)
	case m != nil:
		ans.Rcode, ans.Authoritative = dns.RcodeString(m.Rcode), m.Authoritative
		d.Reason = fmt.Sprintf("the answer is of no use: %v", t.err)
	}
	span.Done(ans, d)
}

// noteAliases records what this station knew itself and what made it go on.
func (s *search) noteAliases(qtype uint16) {
	now := time.Now()
	for _, al := range s.aliases {
		ans := trace.DNSAnswer{Name: text(al.name), Type: dns.TypeString(qtype), Rcode: "NOERROR", Source: al.source, Authoritative: al.source == fromZone}
		least := MaxTTL
		for _, l := range al.parts {
			left := l.fact.left(now, al.aged)
			least = min(least, left)
			for _, rr := range l.fact.records {
				ans.Answers = append(ans.Answers, record(rr, left))
			}
		}
		ans.TTL = int(least / time.Second)
		s.span.Note(ans, al.decision)
	}
	s.aliases = nil
}

// noteEnd records the whole answer: what the servers said on the way hangs
// below it.
func (s *search) noteEnd(a *Answer, pieces []*found) {
	last := pieces[len(pieces)-1]
	if !s.span.On() {
		return
	}
	ans := trace.DNSAnswer{
		Name: text(a.Name), Type: dns.TypeString(a.Type), Rcode: dns.RcodeString(a.Rcode), Source: a.Source,
		Authoritative: a.Authoritative, TTL: int(a.TTL / time.Second), Answers: []string{},
	}
	if a.Server.IsValid() {
		ans.Server = a.Server.String()
	}
	for _, rr := range a.Records {
		ans.Answers = append(ans.Answers, record(rr, -1))
	}
	d := last.decision
	if d == nil || slices.ContainsFunc(pieces, func(f *found) bool { return f.source != last.source }) {
		d = &trace.Decision{Verdict: "answered"}
		switch a.Source {
		case fromIteration:
			d.Reason, d.Clause = "found by asking from the nearest known zone down", "RFC 1034 §5.3.3"
		case fromForwarder:
			d.Reason = "a forwarder found it"
		default:
			d.Reason = "put together from what is known here"
		}
		if n := len(a.chain) - 1; n > 0 {
			d.Reason += fmt.Sprintf("; %s is an alias that leads to %s", text(a.Name), text(a.chain[n]))
		}
	}
	s.span.Done(ans, d)
}

// record is a record in presentation form, with single spaces; ttl replaces
// its TTL unless it is negative.
func record(rr mdns.RR, ttl time.Duration) string {
	if ttl >= 0 {
		rr = mdns.Copy(rr)
		rr.Header().Ttl = uint32(ttl / time.Second)
	}
	return strings.ReplaceAll(rr.String(), "\t", " ")
}

func zoneText(z dns.Name) string {
	if z == dns.Root {
		return "the root"
	}
	return text(z)
}

// because joins reasons and what was not believed.
func because(why, ignored []string) string {
	if len(ignored) > 0 {
		const most = 3
		if more := len(ignored) - most; more > 0 {
			ignored = append(ignored[:most:most], fmt.Sprintf("%d things more", more))
		}
		why = append(why, "ignored: "+strings.Join(ignored, ", "))
	}
	return strings.Join(why, "; ")
}
