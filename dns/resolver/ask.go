package resolver

import (
	"context"
	"errors"
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

// ask puts one question to the servers of z until one gives a usable reply,
// and remembers what it says. led is false when another client's identical
// question brought the reply. No server is asked more than rounds times.
func (s *search) ask(ctx context.Context, z *cut, name dns.Name, qtype uint16, rounds int, why *trace.Decision) (rep *reply, led bool, err error) {
	if len(s.path) > 0 {
		rep, err = s.askServers(ctx, s.candidates(z, rounds), name, qtype, why)
		return rep, true, err
	}
	key := step{zone: z.zone, name: name, qtype: qtype, forward: z.forward, rounds: rounds}
	if s.tells(z) {
		key.subnet = s.client
	}
	for {
		rep, led, err = s.r.flights.do(ctx, key, func(ctx context.Context) (*reply, error) {
			return s.askServers(ctx, s.candidates(z, rounds), name, qtype, why)
		})
		var limit *limitError
		if led || !errors.As(err, &limit) || ctx.Err() != nil {
			return rep, led, err
		}
		// The other question had used up its budget; ours has not.
	}
}

// tells reports whether a server of z may be told the client's subnet.
func (s *search) tells(z *cut) bool {
	return s.r.ecs && s.client.IsValid() && slices.ContainsFunc(z.servers, func(n nameserver) bool {
		return len(n.addrs) == 0 || slices.ContainsFunc(n.addrs, func(a netip.AddrPort) bool { return s.r.peer(a.Addr()) })
	})
}

// unreachable says that no server of a zone gave a usable reply.
type unreachable struct {
	zone    dns.Name
	tries   []try
	limited bool // addresses of servers were left unknown because a limit was met
}

// try is a server's failure to give a usable reply.
type try struct {
	server  netip.AddrPort
	err     error
	silent  bool // nothing came
	waited  time.Duration
	network bool // nothing could be sent
}

// Error lists the servers, each with its last failure. Waiting times add up.
func (e *unreachable) Error() string {
	if len(e.tries) == 0 {
		return fmt.Sprintf("no address of a server of %s could be found", text(e.zone))
	}
	var parts []string
	done := map[netip.AddrPort]bool{}
	for i := len(e.tries) - 1; i >= 0; i-- {
		t := e.tries[i]
		if done[t.server] {
			continue
		}
		done[t.server] = true
		if t.silent {
			waited := time.Duration(0)
			for _, o := range e.tries {
				if o.server == t.server && o.silent {
					waited += o.waited
				}
			}
			parts = append(parts, fmt.Sprintf("%s: timeout after %s", t.server.Addr(), waited))
		} else {
			parts = append(parts, fmt.Sprintf("%s: %v", t.server.Addr(), t.err))
		}
	}
	slices.Reverse(parts)
	const most = 4
	if more := len(parts) - most; more > 0 {
		parts = append(parts[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// silent reports whether every server was asked in vain.
func (e *unreachable) silent() bool {
	return len(e.tries) > 0 && !slices.ContainsFunc(e.tries, func(t try) bool { return !t.silent })
}

// askServers goes through the servers of a zone.
func (s *search) askServers(ctx context.Context, c *candidates, name dns.Name, qtype uint16, why *trace.Decision) (*reply, error) {
	fail := &unreachable{zone: c.zone.zone}
	for sent := 0; sent < maxTries; {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		pick, ok := c.next(s, time.Now())
		if !ok {
			break
		}
		if pick.lookup >= 0 {
			if err := s.locate(ctx, c, pick.lookup); err != nil {
				return nil, err
			}
			continue
		}
		if s.budget.queries == 0 {
			return nil, &limitError{"queries", MaxQueries}
		}
		rep, t := s.try(ctx, c, pick, name, qtype, why)
		if rep != nil {
			s.learn(rep)
			return rep, nil
		}
		if ctx.Err() != nil && t.silent {
			fail.tries = append(fail.tries, t)
			break
		}
		if !t.network {
			sent++
		}
		fail.tries = append(fail.tries, t)
	}
	fail.limited = c.limited
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, ctx.Err()
	}
	return nil, fail
}

// try asks one server once.
func (s *search) try(ctx context.Context, c *candidates, p pick, name dns.Name, qtype uint16, why *trace.Decision) (*reply, try) {
	a := p.addr
	var chosen *trace.Decision
	if s.span.On() {
		chosen = p.decision(why)
	}
	a.rounds++
	t := try{server: a.at}
	msg, span, info, err := s.exchange(ctx, c.zone, a, name, qtype, chosen)
	now := time.Now()
	if err != nil {
		timedOut := isTimeout(err)
		err = cause(err)
		t.err, t.waited = err, info.Took
		switch {
		case fault.Of(err) == fault.DestinationIPUnroutable:
			t.network, a.dead = true, true
			s.r.servers.unroutable(a.at, now)
		case timedOut:
			t.silent = true
			s.r.servers.silent(a.at, now)
		default: // refused by the host, garbage, a broken TCP connection
			a.dead = true
			s.r.servers.silent(a.at, now)
		}
		s.noteFailure(span, a.at, name, qtype, nil, c.zone, t)
		return nil, t
	}
	rd := &reader{
		zone: c.zone.zone, forward: c.zone.forward, name: name, qtype: qtype, subnet: s.sentSubnet(a.at),
		ours: s.elsewhere(c.zone), usable: s.r.usable, server: a.at, now: now,
	}
	rep, err := rd.read(msg)
	if err != nil {
		if (msg.Rcode == mdns.RcodeFormatError || msg.Rcode == mdns.RcodeNotImplemented) && !s.r.servers.plain(a.at) {
			s.r.servers.chokes(a.at, now) // RFC 6891 §6.2.2: once more, without OPT
			a.rounds--
		} else {
			a.dead = true
		}
		var d *defect
		if errors.As(err, &d) && d.lame && !c.zone.forward {
			s.r.servers.lame(a.at, c.zone.zone, now)
		}
		t.err = err
		s.noteFailure(span, a.at, name, qtype, msg, c.zone, t)
		return nil, t
	}
	s.noteReply(span, rep, msg, c.zone, name, qtype, info)
	return rep, t
}

// exchange sends one question to one server.
func (s *search) exchange(ctx context.Context, z *cut, a *candidate, name dns.Name, qtype uint16, d *trace.Decision) (*mdns.Msg, *trace.Span, dns.Info, error) {
	s.budget.queries--
	m := new(mdns.Msg)
	m.SetQuestion(name.String(), qtype)
	m.RecursionDesired = z.forward
	span := s.span.Child()
	subnet := s.sentSubnet(a.at)
	if !s.r.servers.plain(a.at) {
		m.SetEdns0(dns.MaxUDP, false)
		if span.On() && s.r.peer(a.at.Addr()) {
			dns.SetTrace(m, span.Context())
		}
		if subnet.IsValid() {
			dns.SetSubnet(m, dns.Subnet{Prefix: subnet})
		}
	}
	if span.On() {
		q := trace.DNSQuery{
			Name: text(name), Type: dns.TypeString(qtype), Class: "IN", Server: a.at.String(),
			Transport: dns.UDP, Recursion: z.forward,
		}
		if !z.forward {
			q.Zone = text(z.zone)
		}
		if subnet.IsValid() {
			q.Subnet = subnet.String()
		}
		span.Note(q, d)
	}
	now := time.Now()
	wait := s.r.servers.timeout(a.at, a.rounds-1, now)
	if z.forward {
		wait = max(wait, forwarderTimeout)
	}
	reply, info, err := dns.Exchange(ctx, s.r.network, a.at, m, dns.ExchangeOptions{Timeout: wait, Tries: 1, IDs: s.r.ids})
	info.Took = time.Since(now)
	if err == nil && !info.Truncated {
		s.r.servers.answered(a.at, info.Took, time.Now())
	}
	return reply, span, info, err
}

// sentSubnet is the client subnet that at is told; invalid when none.
func (s *search) sentSubnet(at netip.AddrPort) netip.Prefix {
	if !s.r.ecs || !s.client.IsValid() || !s.r.peer(at.Addr()) || s.r.servers.plain(at) {
		return netip.Prefix{}
	}
	return s.client
}

// elsewhere tells which targets of aliases are not for the servers of z to
// answer, although they may.
func (s *search) elsewhere(z *cut) func(dns.Name) bool {
	return func(n dns.Name) bool {
		if _, ok := s.r.hosts.addrs[n]; ok {
			return true
		}
		if s.r.zoneOf(n) != nil {
			return true
		}
		f := s.r.forwarder(n)
		return z.forward && f != z || !z.forward && f != nil && f.zone != dns.Root
	}
}

// learn keeps what a reply says.
func (s *search) learn(rep *reply) {
	if rep.cut != nil {
		s.r.cache.learnCut(rep.cut)
	}
	for _, l := range rep.parts {
		s.r.cache.learn(l.owner, l.qtype, l.fact)
	}
}

// cause takes the server's address, which is said elsewhere, off an
// exchange's error.
func cause(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Err != nil {
		return f.Err
	}
	return err
}

// isTimeout reports whether err says that nothing came in time.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || fault.Of(err) == fault.DNSTimeout || errors.As(err, &t) && t.Timeout()
}
