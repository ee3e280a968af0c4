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

// The sources of an answer, in the words of trace.DNSAnswer.
const (
	fromHosts     = "hosts"
	fromCache     = "cache"
	fromZone      = "zone"
	fromForwarder = "forwarder"
	fromIteration = "iteration"
)

var (
	errLoop     = errors.New("aliases that lead back to where they began")
	errNoServer = errors.New("no forwarder and no root server is configured for it")
)

// search is the work for one question. It is used by one goroutine at a time.
type search struct {
	r      *Resolver
	span   *trace.Span
	client netip.Prefix // the subnet of whom it is for; invalid when nobody may know
	budget *budget
	// path holds the questions above this one: a server's address is looked
	// up for the sake of a question, which may itself be for another.
	path  []question
	own   bool // answer from what is known, ask nobody
	start time.Time
	// aliases were found without asking anybody. They are put on record
	// before a server is asked because of them.
	aliases []alias
}

type alias struct {
	name dns.Name
	*found
}

// budget is what is left of the work that a question may cause.
type budget struct {
	queries int
	lookups int
}

// found is what one stage came to: a chain of links, their end or where they
// lead.
type found struct {
	parts    []part
	target   dns.Name
	source   string
	server   netip.AddrPort
	decision *trace.Decision
	aged     bool // the TTLs count from an earlier moment
}

// resolve answers a question through all stages, following aliases.
func (s *search) resolve(ctx context.Context, name dns.Name, qtype uint16) (*Answer, error) {
	a := &Answer{Name: name, Type: qtype, Authoritative: true, TTL: MaxTTL}
	at := name
	var pieces []*found
	for {
		f, err := s.find(ctx, at, qtype)
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, f)
		if err := a.add(f); err != nil {
			return nil, err
		}
		if f.target == "" {
			break
		}
		if slices.ContainsFunc(a.chain, func(n dns.Name) bool { return n == f.target }) {
			return nil, errLoop
		}
		if len(a.chain) > MaxChain {
			return nil, &limitError{"aliases", MaxChain}
		}
		if s.span.On() && liveliness(f.source) <= liveliness(fromCache) {
			s.aliases = append(s.aliases, alias{at, f})
		}
		at = f.target
	}
	if len(s.path) == 0 {
		s.noteEnd(a, pieces)
	}
	return a, nil
}

// find asks the stages for one name, the first that knows it answers.
func (s *search) find(ctx context.Context, name dns.Name, qtype uint16) (*found, error) {
	now := time.Now()
	if records, ok := s.r.hosts.lookup(name, qtype); ok {
		return ownFact(name, qtype, &fact{records: records, stored: now}, fromHosts, hostsDecision), nil
	}
	if f := s.r.cache.fact(name, qtype, s.client, now); f != nil {
		return s.remembered(name, qtype, f, now)
	}
	start, f := s.zones(name, qtype, now)
	if f != nil {
		return f, nil
	}
	if f, clause, ok := special(name, qtype); ok {
		f.stored = now
		return ownFact(name, qtype, &f, fromZone, &trace.Decision{
			Verdict: "special-name", Reason: "the name has a meaning of its own and no server is asked for it", Clause: clause,
		}), nil
	}
	if s.own {
		return nil, errNotOwn
	}
	s.noteAliases(qtype)
	got, err := s.fetch(ctx, start, name, qtype)
	if err != nil {
		s.rememberFailure(ctx, name, qtype, err)
	}
	return got, err
}

// fetch asks others: the forwarders for the name, or from the delegation
// start or the root down.
func (s *search) fetch(ctx context.Context, start *cut, name dns.Name, qtype uint16) (*found, error) {
	fwd := s.r.forwarder(name)
	switch {
	case start == nil && fwd != nil:
		return s.forward(ctx, fwd, name, qtype)
	case start == nil && s.r.root == nil:
		return nil, errNoServer
	}
	return s.iterate(ctx, start, name, qtype)
}

// errNotOwn says that a question without RD is not answered from what is
// known.
var errNotOwn = errors.New("not known here, and recursion was not desired")

// ownFact wraps a fact of this station's own.
func ownFact(name dns.Name, qtype uint16, f *fact, source string, d *trace.Decision) *found {
	out := &found{parts: []part{{name, qtype, f}}, source: source, decision: d}
	if qtype != mdns.TypeCNAME {
		out.target = f.target()
	}
	return out
}

var hostsDecision = &trace.Decision{Verdict: "hosts", Reason: "the name stands in the hosts file, which is asked first"}

// remembered answers from the cache.
func (s *search) remembered(name dns.Name, qtype uint16, f *fact, now time.Time) (*found, error) {
	left := f.expires().Sub(now)
	d := &trace.Decision{Verdict: "cached", Clause: "RFC 1035 §7.4"}
	switch {
	case f.rcode == mdns.RcodeServerFailure:
		return nil, &cachedError{f.err, left}
	case f.rcode == mdns.RcodeNameError:
		d.Reason, d.Clause = fmt.Sprintf("cached that there is no such name, %s left", seconds(left)), "RFC 2308 §5"
	case len(f.records) == 0:
		d.Reason, d.Clause = fmt.Sprintf("cached that there is no such record, %s left", seconds(left)), "RFC 2308 §5"
	default:
		d.Reason = fmt.Sprintf("cached, %s left", seconds(left))
	}
	if f.subnet.IsValid() {
		d.Reason += fmt.Sprintf(", for clients in %s", f.subnet)
		d.Clause = "RFC 7871 §7.3.1"
	}
	out := ownFact(name, qtype, f, fromCache, d)
	out.aged = true
	return out, nil
}

// seconds is a duration for people, in whole seconds.
func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d/time.Second)) }

// cachedError is a failure that is not tried again yet (RFC 9520).
type cachedError struct {
	err  error
	left time.Duration
}

func (e *cachedError) Error() string {
	return fmt.Sprintf("%v (remembered for %s more)", e.err, seconds(e.left+time.Second-1))
}

func (e *cachedError) Unwrap() error { return e.err }

// rememberFailure keeps a failed resolution for a moment (RFC 9520 §3.2).
// A failure that came from running out of something while looking for a
// server's address says nothing about the name: asked directly it may do.
func (s *search) rememberFailure(ctx context.Context, name dns.Name, qtype uint16, err error) {
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, errBusy) {
		return
	}
	var limit *limitError
	var none *unreachable
	if len(s.path) > 0 && (ctx.Err() != nil || errors.As(err, &limit) || errors.As(err, &none) && none.limited) {
		return
	}
	if len(s.path) == 0 && ctx.Err() != nil && time.Since(s.start) < MaxTime {
		return // the caller was in a hurry
	}
	s.r.cache.learn(name, qtype, &fact{rcode: mdns.RcodeServerFailure, err: s.timed(err), stored: time.Now(), ttl: FailureTTL})
}

// timed says how long was waited where all that is known is that time was up.
func (s *search) timed(err error) error {
	var said *timeoutError
	if errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &said) {
		return &timeoutError{time.Since(s.start)}
	}
	return err
}

// zones answers from the local zones; where they delegate, start is the
// delegation.
func (s *search) zones(name dns.Name, qtype uint16, now time.Time) (start *cut, f *found) {
	z := s.r.zoneOf(name)
	if z == nil {
		return nil, nil
	}
	res := z.Lookup(name, qtype)
	d := &trace.Decision{Verdict: "local-zone", Reason: fmt.Sprintf("answered from the local zone %s", text(z.Origin)), Clause: "RFC 1034 §4.3.2"}
	out := &fact{aa: true, stored: now}
	switch res.Outcome {
	case dns.Answer:
		out.records = res.Set.At(ownerOf(res, name))
	case dns.Alias:
		out.records = aliasRecords(res, name)
		if res.Target == "" { // RFC 6672 §2.2: YXDOMAIN; the name cannot exist
			out.rcode = mdns.RcodeYXDomain
		}
		got := ownFact(name, mdns.TypeCNAME, out, fromZone, d)
		got.target = res.Target
		return nil, got
	case dns.NoData, dns.NXDomain:
		if res.Outcome == dns.NXDomain {
			out.rcode = mdns.RcodeNameError
		}
		if res.SOA != nil && len(res.SOA.RRs) > 0 {
			out.soa, _ = mdns.Copy(res.SOA.RRs[0]).(*mdns.SOA)
			if out.soa != nil {
				out.soa.Hdr.Ttl = res.SOA.TTL
			}
		}
	case dns.Delegation:
		start = localCut(res, s.r.usable)
		start.stored = now
		return start, nil
	default:
		return nil, nil
	}
	return nil, ownFact(name, qtype, out, fromZone, d)
}

// ownerOf is where an answer's records stand: a wildcard's at the name asked.
func ownerOf(res dns.Result, name dns.Name) dns.Name {
	if res.Wildcard {
		return name
	}
	return ""
}

// aliasRecords are the CNAME for name, or the DNAME and the CNAME it makes.
func aliasRecords(res dns.Result, name dns.Name) []mdns.RR {
	if res.Set.Type == mdns.TypeCNAME {
		return res.Set.At(ownerOf(res, name))
	}
	records := res.Set.At("")
	if res.Target != "" {
		hdr := mdns.RR_Header{Name: name.String(), Rrtype: mdns.TypeCNAME, Class: mdns.ClassINET, Ttl: res.Set.TTL}
		records = append(records, &mdns.CNAME{Hdr: hdr, Target: res.Target.String()})
	}
	return records
}
