package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"waypost/dns"
	"waypost/fault"
	"waypost/trace"

	mdns "github.com/miekg/dns"
)

// Answer is what a question came to. It belongs to the caller, records
// included.
type Answer struct {
	Name          dns.Name
	Type          uint16
	Rcode         int       // NOERROR also where there is no such record; NXDOMAIN of the last alias's target
	Records       []mdns.RR // aliases first, with the TTLs that are left
	SOA           *mdns.SOA // where there is no such name or record, and the zone said for how long
	Authoritative bool      // every part came from a local zone
	Source        string    // hosts, cache, zone, forwarder or iteration; the liveliest of the parts
	Server        netip.AddrPort
	TTL           time.Duration // how long it may be kept
	Subnet        netip.Prefix  // the clients for whom it holds (RFC 7871); invalid: everybody

	chain []dns.Name // the names in the order of the aliases, the one asked for first
}

// Lookup resolves for a station of this process: it notes dns.query,
// dns.referral and dns.answer on trace.From(ctx).
//
// That there is no such name or record is an answer, not an error. The error
// is a [fault.Error] DNSTimeout or DNSError whose text begins with
// "resolve www.shop.test: ".
func (r *Resolver) Lookup(ctx context.Context, name dns.Name, qtype uint16) (*Answer, error) {
	if !name.Valid() {
		return nil, fault.New(fault.DNSError, "resolve "+text(name), errors.New("not a name"))
	}
	a, err := r.resolve(ctx, trace.From(ctx).Child(), name, qtype, netip.Prefix{}, false)
	if err != nil {
		return nil, fault.New(kindOf(err), "resolve "+text(name), err)
	}
	return a, nil
}

// resolve bounds the work for one question and does it; what happens is
// noted on span, which is the question's own.
func (r *Resolver) resolve(ctx context.Context, span *trace.Span, name dns.Name, qtype uint16, client netip.Prefix, own bool) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	s := &search{
		r: r, span: span, client: client, own: own, start: time.Now(),
		budget: &budget{queries: MaxQueries, lookups: MaxAddressLookups},
	}
	a, err := s.resolve(ctx, name, qtype)
	err = s.timed(err)
	if err != nil && s.span.On() {
		s.span.Done(trace.DNSAnswer{
			Name: text(name), Type: dns.TypeString(qtype), Rcode: "SERVFAIL", Source: sourceOf(err), Answers: []string{},
			Fault: string(kindOf(err)), Error: err.Error(),
		}, failureDecision(err))
	}
	return a, err
}

// Addrs returns the addresses of host, IPv6 before IPv4 (RFC 6724 §2.1),
// aliases followed; host may be an address itself. No address is an error,
// as is a name that does not exist. When one family fails and the other has
// addresses, these are returned without error.
func (r *Resolver) Addrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	name, err := dns.ParseName(host)
	if err != nil {
		return nil, fault.New(fault.DNSError, "resolve "+clip(host), err)
	}
	type result struct {
		answer  *Answer
		err     error
		crashed *crash
	}
	six := make(chan result, 1)
	go func() {
		var v result
		defer func() { six <- v }()
		defer caught(&v.crashed)
		v.answer, v.err = r.Lookup(ctx, name, mdns.TypeAAAA)
	}()
	a4, err4 := r.Lookup(ctx, name, mdns.TypeA)
	v6 := <-six
	if v6.crashed != nil {
		panic(v6.crashed)
	}
	var addrs []netip.Addr
	for _, a := range []*Answer{v6.answer, a4} {
		if a != nil {
			for _, rr := range a.Records {
				if addr, ok := addrOf(rr); ok {
					addrs = append(addrs, addr)
				}
			}
		}
	}
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case err4 != nil:
		return nil, err4
	case a4.Rcode == mdns.RcodeNameError:
		return nil, fault.New(fault.DNSError, "resolve "+text(name), ErrNoSuchName)
	case v6.err != nil:
		return nil, v6.err
	}
	return nil, fault.New(fault.DNSError, "resolve "+text(name), ErrNoAddress)
}

// What Addrs finds wrong with a name that was resolved.
var (
	ErrNoSuchName = errors.New("no such name (NXDOMAIN)")
	ErrNoAddress  = errors.New("the name has no address")
)

// add takes one stage's result into the answer.
func (a *Answer) add(f *found) error {
	now := time.Now()
	for _, l := range f.parts {
		left := l.fact.left(now, f.aged)
		for _, rr := range l.fact.records {
			rr = mdns.Copy(rr)
			rr.Header().Ttl = uint32(left / time.Second)
			// One DNAME may make several aliases of a chain.
			if rr.Header().Rrtype != mdns.TypeDNAME || !slices.ContainsFunc(a.Records, func(o mdns.RR) bool { return mdns.IsDuplicate(o, rr) }) {
				a.Records = append(a.Records, rr)
			}
		}
		a.TTL = min(a.TTL, left)
		a.chain = append(a.chain, l.owner)
		a.Rcode = l.fact.rcode
		a.Authoritative = a.Authoritative && f.source == fromZone && l.fact.aa
		if l.fact.soa != nil {
			a.SOA = mdns.Copy(l.fact.soa).(*mdns.SOA)
			a.SOA.Hdr.Ttl = min(a.SOA.Hdr.Ttl, uint32(max(left, 0)/time.Second))
		}
		if l.fact.subnet.Bits() > a.Subnet.Bits() || !a.Subnet.IsValid() {
			a.Subnet = l.fact.subnet
		}
		if len(a.chain) > MaxChain+1 {
			return &limitError{"aliases", MaxChain}
		}
	}
	if liveliness(f.source) >= liveliness(a.Source) {
		a.Source, a.Server = f.source, f.server
	}
	return nil
}

// left is how long the fact may still be kept. Facts that were never in the
// cache, such as those of local zones, count from now.
func (f *fact) left(now time.Time, aged bool) time.Duration {
	if aged {
		return max(f.expires().Sub(now), 0).Truncate(time.Second)
	}
	if f.ttl == 0 && len(f.records) > 0 { // own knowledge states its TTL in the records
		least := MaxTTL
		for _, rr := range f.records {
			least = min(least, ttlOf(rr.Header().Ttl))
		}
		return least
	}
	if f.ttl == 0 && f.soa != nil {
		return min(ttlOf(f.soa.Hdr.Ttl), ttlOf(f.soa.Minttl))
	}
	return f.ttl
}

// liveliness orders sources by how much asking they took.
func liveliness(source string) int {
	switch source {
	case fromHosts:
		return 1
	case fromZone:
		return 2
	case fromCache:
		return 3
	case fromForwarder:
		return 4
	case fromIteration:
		return 5
	}
	return 0
}

// timeoutError says that the question as a whole took too long.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("timeout after %s", e.after.Round(time.Millisecond))
}
func (e *timeoutError) Timeout() bool { return true }

// Is makes the error a context.DeadlineExceeded too.
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// kindOf names the fault: a timeout where nobody answered, otherwise an
// error.
func kindOf(err error) fault.Kind {
	var none *unreachable
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &none) && none.silent() {
		return fault.DNSTimeout
	}
	return fault.DNSError
}

// sourceOf is where a failure was met.
func sourceOf(err error) string {
	var cached *cachedError
	if errors.As(err, &cached) {
		return fromCache
	}
	return fromIteration
}

// failureDecision explains a failure.
func failureDecision(err error) *trace.Decision {
	d := &trace.Decision{Verdict: "failed", Reason: err.Error()}
	var cached *cachedError
	var limit *limitError
	switch {
	case errors.As(err, &cached):
		d.Reason, d.Clause = "the question has just failed and is not asked again yet", "RFC 9520 §3.2"
	case errors.As(err, &limit):
		d.Reason = fmt.Sprintf("a question may cause only so much work: %v", err)
	case errors.Is(err, errLoop):
		d.Clause = "RFC 1034 §3.6.2"
	}
	return d
}
