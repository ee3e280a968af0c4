package resolver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waypost/dns"
	"waypost/trace"

	mdns "github.com/miekg/dns"
)

// forward asks servers that walk for us.
func (s *search) forward(ctx context.Context, fwd *cut, name dns.Name, qtype uint16) (*found, error) {
	rep, led, err := s.ask(ctx, fwd, name, qtype, maxRounds, nil)
	if err != nil {
		return nil, err
	}
	return s.arrived(rep, fromForwarder, led), nil
}

// iterate walks down from the nearest known delegation to the zone of name
// (RFC 1034 §5.3.3). start is a local zone's delegation, or nil.
//
// A delegation from the cache whose servers are all of no use is forgotten,
// and the walk begins again above it, once: the zone may have moved.
func (s *search) iterate(ctx context.Context, start *cut, name dns.Name, qtype uint16) (*found, error) {
	z := s.nearest(start, name, qtype)
	known := z.zone
	got, err := s.walk(ctx, z, name, qtype)
	var none *unreachable
	if errors.As(err, &none) && none.zone == known && !z.root && z != start && !none.limited && ctx.Err() == nil {
		s.r.cache.forget(known)
		return s.walk(ctx, s.nearest(start, name, qtype), name, qtype)
	}
	return got, err
}

// nearest is where a walk to name begins.
func (s *search) nearest(start *cut, name dns.Name, qtype uint16) *cut {
	if qtype == mdns.TypeDS && name != dns.Root {
		name = name.Parent() // RFC 4035 §3.1.4.1: the parent's servers have DS
	}
	z := s.r.cache.nearest(name, time.Now())
	switch {
	case start != nil && (z == nil || !z.zone.Under(start.zone)):
		return start
	case z != nil:
		return z
	}
	return s.r.root
}

// walk follows referrals from z to the answer.
func (s *search) walk(ctx context.Context, z *cut, name dns.Name, qtype uint16) (*found, error) {
	shown := newMinimiser(z.zone, name, s.r.fullNames)
	for referrals := 0; ; {
		if z == nil {
			return nil, errNoServer
		}
		ask, atype, less := shown.next(qtype)
		if less && s.skip(ask) {
			continue
		}
		rounds := maxRounds
		if less {
			rounds = 1 // the second is better spent on the whole name
		}
		rep, led, err := s.ask(ctx, z, ask, atype, rounds, lessDecision(z, ask, less))
		switch {
		case err != nil && less && !fatal(err):
			shown.whole() // RFC 9156 §2.3: some servers understand only the whole name
			continue
		case err != nil:
			return nil, err
		case rep.cut == nil && less:
			if rep.rcode() == mdns.RcodeNameError {
				// RFC 8020 would end here. We deviate: there are servers that
				// deny names which only have names below them.
				shown.whole()
			}
			continue
		case rep.cut == nil:
			return s.arrived(rep, fromIteration, led), nil
		}
		if referrals++; referrals > MaxReferrals {
			return nil, &limitError{"referrals", MaxReferrals}
		}
		z = rep.cut
		shown.reached(z.zone)
	}
}

// fatal reports whether asking with the whole name cannot help after err.
func fatal(err error) bool {
	var limit *limitError
	return errors.As(err, &limit) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errBusy)
}

// skip reports whether it is known that name is no zone cut, so that the
// servers need not be asked about it.
func (s *search) skip(name dns.Name) bool {
	f := s.r.cache.fact(name, mdns.TypeA, s.client, time.Now())
	return f != nil && f.rcode == mdns.RcodeSuccess
}

// lessDecision explains a question that asks for less than is wanted.
func lessDecision(z *cut, ask dns.Name, less bool) *trace.Decision {
	if !less {
		return nil
	}
	return &trace.Decision{
		Verdict: "minimised",
		Reason:  fmt.Sprintf("the servers of %s are only shown %s: they need not know the whole name", text(z.zone), text(ask)),
		Clause:  "RFC 9156 §2.1",
	}
}

// arrived wraps a server's reply.
func (s *search) arrived(rep *reply, source string, led bool) *found {
	f := &found{parts: rep.parts, target: rep.target, source: source, server: rep.server}
	if !led {
		f.decision = &trace.Decision{Verdict: "shared", Reason: "another client had just asked the same, and the answer served both", Clause: "RFC 5452 §5"}
	}
	return f
}

// minimiser shows a zone's servers no more of a name than they need (RFC
// 9156 §2.3).
type minimiser struct {
	name   dns.Name
	zone   dns.Name
	labels int // shown at the last question; the zone's own at first
	count  int // questions that showed less than the whole
	all    bool
}

func newMinimiser(zone, name dns.Name, full bool) *minimiser {
	return &minimiser{name: name, zone: zone, labels: zone.Labels(), all: full}
}

// next returns what to ask. less tells that it is not the whole name; its
// type is then A, which hides what is wanted.
func (m *minimiser) next(qtype uint16) (ask dns.Name, atype uint16, less bool) {
	total := m.name.Labels()
	if !m.all && m.labels < total {
		add := 1
		if m.count >= minimiseOne {
			// Spread the rest over the questions that are left.
			add = max(1, (total-m.labels)/max(1, minimiseCount-m.count))
		}
		m.labels += add
		m.count++
	}
	if m.all || m.labels >= total || m.count > minimiseCount {
		m.labels = total
		return m.name, qtype, false
	}
	ask = m.name
	for range total - m.labels {
		ask = ask.Parent()
	}
	return ask, mdns.TypeA, true
}

// whole gives up hiding.
func (m *minimiser) whole() { m.all = true }

// reached says that zone is a cut on the way.
func (m *minimiser) reached(zone dns.Name) { m.zone, m.labels = zone, zone.Labels() }
