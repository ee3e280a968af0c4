package resolver

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"waypost/dns"
	"waypost/trace"

	mdns "github.com/miekg/dns"
)

var _ dns.Quick = (*Resolver)(nil)

// Answers that are the same for everybody. They are only read.
var (
	prohibited = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeProhibited, Text: "this resolver is not for you"}
	notAsked   = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeNotAuthoritative, Text: "not known here, and recursion was not desired"}
	noTransfer = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeNotSupported, Text: "a resolver has no zones to transfer"}
	onlyIN     = &dns.ExtendedError{Code: mdns.ExtendedErrorCodeNotSupported, Text: "only class IN is served"}
)

// AnswerNow implements [dns.Quick]: strangers are refused, and what was
// answered before is answered again out of its packed form, with the TTLs
// that are left. It does not allocate. Questions with a trace context from a
// peer take the slow path, which leaves its account.
func (r *Resolver) AnswerNow(dst []byte, q *dns.Query) ([]byte, bool) {
	if refused, ok := r.refuse(dst, q); ok {
		return refused, true
	}
	if r.station != nil && q.EDNS.Trace.Sampled && r.peer(q.From.Addr()) {
		return dst, false
	}
	now := time.Now()
	set, ok := r.packed.getWire(q.Name, q.Type, now)
	if !ok {
		return dst, false
	}
	p := set.pick(r.clientOf(q), now)
	if p == nil {
		return dst, false
	}
	age := uint32(now.Sub(p.stored) / time.Second)
	return p.msg.Append(dst, q, dns.Patch{Age: age, Scope: p.scope()})
}

// refuse answers what is not served at all.
func (r *Resolver) refuse(dst []byte, q *dns.Query) ([]byte, bool) {
	switch {
	case !r.allowed(q.From.Addr()):
		return dns.AppendError(dst, q, mdns.RcodeRefused, prohibited), true
	case q.Class != mdns.ClassINET:
		return dns.AppendError(dst, q, mdns.RcodeRefused, onlyIN), true
	case q.Type == mdns.TypeAXFR || q.Type == mdns.TypeIXFR:
		return dns.AppendError(dst, q, mdns.RcodeRefused, noTransfer), true
	case metaType(q.Type):
		return dns.AppendError(dst, q, mdns.RcodeFormatError, nil), true
	}
	return dst, false
}

// metaType reports types that are no question (RFC 6895 §3.1), ANY apart.
func metaType(t uint16) bool {
	return t == 0 || t == mdns.TypeOPT || t >= 128 && t < 255
}

// ServeDNS implements [dns.Handler] for the clients that Config.Allow names;
// all others are refused. Without RD only what is known is answered.
func (r *Resolver) ServeDNS(ctx context.Context, dst []byte, q *dns.Query) []byte {
	if quick, ok := r.AnswerNow(dst, q); ok {
		return quick
	}
	var span *trace.Span
	if r.peer(q.From.Addr()) {
		span = r.station.Join(q.EDNS.Trace)
	}
	client := r.clientOf(q)
	own := q.Flags&dns.FlagRD == 0
	a, err := r.resolve(ctx, span, dns.Name(q.Name), q.Type, client, own)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, errNotOwn):
		return dns.AppendError(dst, q, mdns.RcodeRefused, notAsked)
	case err != nil:
		return failure(dst, q, extended(err))
	}
	return r.respond(dst, q, a, client)
}

// respond packs an answer, and keeps the packed form for as long as the
// answer lasts.
func (r *Resolver) respond(dst []byte, q *dns.Query, a *Answer, client netip.Prefix) []byte {
	m := &mdns.Msg{Question: []mdns.Question{q.Question()}, Answer: a.Records}
	m.Response, m.RecursionAvailable, m.Authoritative, m.Rcode = true, true, a.Authoritative, a.Rcode
	if a.SOA != nil {
		m.Ns = []mdns.RR{a.SOA} // RFC 2308 §3: so that the client can keep it too
	}
	msg, err := dns.Pack(m)
	if err != nil {
		return failure(dst, q, &dns.ExtendedError{Code: mdns.ExtendedErrorCodeInvalidData, Text: "the answer cannot be packed"})
	}
	p := &packed{msg: msg, stored: time.Now(), ttl: a.TTL, subnet: a.Subnet}
	if liveliness(a.Source) >= liveliness(fromCache) {
		r.keepPacked(question{a.Name, a.Type}, p)
	}
	out, ok := msg.Append(dst, q, dns.Patch{Scope: p.scope()})
	if !ok {
		return nil
	}
	return out
}

// failure tells a client that its question could not be resolved.
func failure(dst []byte, q *dns.Query, why *dns.ExtendedError) []byte {
	reply := dns.NewReply(dst, q)
	reply.Rcode, reply.Flags, reply.Extended = mdns.RcodeServerFailure, dns.FlagRA, why
	return reply.Finish()
}

// clientOf is the subnet for which q is asked: that which the client states,
// cut to what a resolver may tell, or that of its own address; invalid where
// the client wants none to be used (RFC 7871 §7.1.2), or none is.
func (r *Resolver) clientOf(q *dns.Query) netip.Prefix {
	if !r.ecs {
		return netip.Prefix{}
	}
	stated := q.EDNS.Subnet.Prefix
	if !stated.IsValid() {
		return dns.SubnetFor(q.From.Addr()).Prefix
	}
	if stated.Bits() == 0 {
		return netip.Prefix{}
	}
	if most := dns.SubnetFor(stated.Addr()).Prefix; most.Bits() < stated.Bits() {
		return most
	}
	return stated
}

// extended says why a resolution failed (RFC 8914).
func extended(err error) *dns.ExtendedError {
	const most = 160 // octets: the error must fit beside the question
	text := err.Error()
	// RFC 8914 §2: EXTRA-TEXT is UTF-8, so a character is left out whole.
	text = strings.ToValidUTF8(text[:min(len(text), most)], "")
	e := &dns.ExtendedError{Code: mdns.ExtendedErrorCodeOther, Text: text}
	var cached *cachedError
	var none *unreachable
	switch {
	case errors.As(err, &cached):
		e.Code = mdns.ExtendedErrorCodeCachedError
	case errors.As(err, &none), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errNoServer):
		e.Code = mdns.ExtendedErrorCodeNoReachableAuthority
	}
	return e
}

// packed is an answer in the form in which it is sent.
type packed struct {
	msg    *dns.Packed
	stored time.Time
	ttl    time.Duration
	subnet netip.Prefix
}

func (p *packed) expires() time.Time  { return p.stored.Add(p.ttl) }
func (p *packed) where() netip.Prefix { return p.subnet }

// scope is SCOPE PREFIX-LENGTH of the answer.
func (p *packed) scope() int { return max(p.subnet.Bits(), 0) }

type packedSet = bySubnet[*packed]

// packedCost is what a packed answer takes besides its octets.
const packedCost = 160

// keepPacked keeps p beside the facts that it was made of.
func (r *Resolver) keepPacked(key question, p *packed) {
	if p.ttl < time.Second || p.msg.Len() > maxPacked {
		return
	}
	r.packed.update(key, p.stored, func(old *packedSet, ok bool) (*packedSet, int, time.Time, bool) {
		next := old.with(p, p.stored)
		size, end := 0, time.Time{}
		next.each(func(o *packed) {
			size += packedCost + o.msg.Len()
			if e := o.expires(); e.After(end) {
				end = e
			}
		})
		return next, size, end, true
	})
}
