package journey

import (
	"context"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/fault"
	"waypost/trace"
)

// resolveAction is resolve HOST NAME [TYPE] [from SERVER] [tcp] [subnet PREFIX].
type resolveAction struct {
	host   string
	name   dns.Name
	qtype  uint16
	server netip.AddrPort
	tcp    bool
	subnet netip.Prefix
	as     string
	within time.Duration
}

func parseResolve(a *args) action {
	r := &resolveAction{host: a.of("host"), qtype: mdns.TypeA, within: actionPatience}
	r.name = read(a, "the name", dns.ParseName)
	for a.more() && !a.failed {
		switch {
		case a.keyword("from"):
			r.server = read(a, "the server", parseServer)
		case a.keyword("tcp"):
			r.tcp = true
		case a.keyword("subnet"):
			r.subnet = read(a, "a subnet, such as 192.0.2.0/24", parsePrefix)
		case a.keyword("within"):
			r.within = a.duration("how long")
		case a.keyword("as"):
			r.as = a.as("result")
		default:
			qtype, err := dns.ParseType(a.peek().text)
			if err != nil {
				return r
			}
			a.take()
			r.qtype = qtype
		}
	}
	if (r.tcp || r.subnet.IsValid()) && !r.server.IsValid() && !a.failed {
		a.failHere("tcp and subnet go with from SERVER")
	}
	return r
}

// parseServer reads an address with or without a port.
func parseServer(s string) (netip.AddrPort, error) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at, nil
	}
	addr, err := parseAddr(s)
	return netip.AddrPortFrom(addr, 53), err
}

func (r *resolveAction) do(t *task) error {
	h := t.hosts[r.host]
	c := t.clientOf(h)
	return t.result("resolve", r.as, func(ctx context.Context, out *result) {
		ctx, cancel := context.WithTimeout(ctx, r.within)
		defer cancel()
		span := c.station.Begin()
		out.trace = span.Context().Trace
		if r.server.IsValid() {
			out.answer = r.ask(ctx, t, h, span)
			return
		}
		out.answer = &Answer{}
		a, err := c.names.Lookup(trace.With(ctx, span), r.name, r.qtype)
		if err != nil {
			out.answer.Fault, out.answer.Error = string(fault.Of(err)), err.Error()
			return
		}
		out.answer.take(a.Rcode, a.Records)
		out.answer.TTL, out.answer.Source, out.answer.Authoritative = a.TTL, a.Source, a.Authoritative
		if a.Server.IsValid() {
			out.answer.Server = a.Server.String()
		}
	})
}

// ask puts the question to one server.
func (r *resolveAction) ask(ctx context.Context, t *task, h *host, span *trace.Span) *Answer {
	out := &Answer{Source: "server", Server: r.server.String()}
	ids := t.random("message ids of " + h.name)
	q := new(mdns.Msg)
	q.SetQuestion(mdns.Fqdn(r.name.Text()), r.qtype)
	q.SetEdns0(1232, false)
	if r.subnet.IsValid() {
		q.IsEdns0().Option = append(q.IsEdns0().Option, &mdns.EDNS0_SUBNET{
			Code: mdns.EDNS0SUBNET, Family: family(r.subnet.Addr()), SourceNetmask: uint8(r.subnet.Bits()), Address: r.subnet.Masked().Addr().AsSlice(),
		})
	}
	q.IsEdns0().Option = append(q.IsEdns0().Option, &mdns.EDNS0_LOCAL{Code: trace.EDNSOption, Data: span.Context().AppendBinary(nil)})
	began := time.Now()
	m, info, err := dns.Exchange(ctx, h, r.server, q, dns.ExchangeOptions{TCP: r.tcp, IDs: func() uint16 { return uint16(ids()) }})
	span.Took(began, time.Now(), trace.DNSQuery{
		Name: r.name.Text(), Type: dns.TypeString(r.qtype), Class: "IN", Server: r.server.String(), Transport: info.Transport, Recursion: true,
	}, nil)
	out.Transport, out.Size = info.Transport, info.Size
	if err != nil {
		out.Fault, out.Error = string(fault.Of(err)), err.Error()
		return out
	}
	out.take(m.Rcode, m.Answer)
	out.Authoritative = m.Authoritative
	for i, rr := range m.Answer {
		if ttl := time.Duration(rr.Header().Ttl) * time.Second; i == 0 || ttl < out.TTL {
			out.TTL = ttl
		}
	}
	return out
}

func family(a netip.Addr) uint16 {
	if a.Is4() {
		return 1
	}
	return 2
}

// take reads the records of an answer.
func (a *Answer) take(rcode int, records []mdns.RR) {
	a.Rcode = dns.RcodeString(rcode)
	for _, rr := range records {
		a.Answers = append(a.Answers, strings.Join(strings.Fields(rr.String()), " "))
		switch rr := rr.(type) {
		case *mdns.A:
			a.Addresses = append(a.Addresses, rr.A.String())
		case *mdns.AAAA:
			a.Addresses = append(a.Addresses, rr.AAAA.String())
		}
	}
}

// pingAction is ping HOST ADDRESS|HOST.
type pingAction struct {
	host, to, as string
	addr         netip.Addr
	within       time.Duration
}

func parsePing(a *args) action {
	p := &pingAction{host: a.of("host", "router"), within: 10 * time.Second}
	if addr, err := netip.ParseAddr(a.peek().text); err == nil {
		a.take()
		p.addr = addr
	} else {
		p.to = a.of("host", "router")
	}
	for a.more() && !a.failed {
		switch {
		case a.keyword("within"):
			p.within = a.duration("how long")
		case a.keyword("as"):
			p.as = a.as("result")
		default:
			return p
		}
	}
	return p
}

func (p *pingAction) do(t *task) error {
	addr := p.addr
	if p.to != "" {
		var err error
		if addr, err = t.hosts[p.to].address(); err != nil {
			return err
		}
	}
	return t.result("ping", p.as, func(ctx context.Context, r *result) {
		ctx, cancel := context.WithTimeout(ctx, p.within)
		defer cancel()
		r.echo = &Echo{}
		var err error
		if r.echo.RTT, err = t.hosts[p.host].Ping(ctx, addr); err != nil {
			r.echo.Fault, r.echo.Error = string(fault.Of(err)), err.Error()
		}
	})
}
