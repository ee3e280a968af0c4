package resolver

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"waypost/dns"
	"waypost/link"
	"waypost/trace"

	mdns "github.com/miekg/dns"
)

// internet is a small internet of name servers, in memory and usable in
// virtual time. It writes down every question that arrives anywhere.
type internet struct {
	mu      sync.Mutex
	began   time.Time
	servers map[netip.Addr]*nameServer
	asked   []asked
	port    uint16
}

// nameServer is one server and its manners. The fields may be changed
// between questions.
type nameServer struct {
	answer  func(q *mdns.Msg, from netip.AddrPort) *mdns.Msg // nil: never answers
	delay   time.Duration                                    // from question to answer
	limit   int                                              // octets over UDP; more is truncated
	network error                                            // sending to it fails with this
	noTCP   bool
}

// asked is a question that arrived.
type asked struct {
	at        time.Duration // since the internet began
	server    string
	question  string // "www.shop.test. A"
	transport string
	msg       *mdns.Msg
}

func (a asked) String() string { return fmt.Sprintf("%v %s %s", a.at, a.server, a.question) }

func newInternet() *internet {
	return &internet{began: time.Now(), servers: map[netip.Addr]*nameServer{}}
}

// zone makes addr an authoritative server for the zones in text, each begun
// by a line "$ORIGIN name.".
func (n *internet) zone(addr, text string) *nameServer {
	s := &nameServer{answer: authority(text), delay: 10 * time.Millisecond}
	n.servers[netip.MustParseAddr(addr)] = s
	return s
}

// answers makes addr a server that answers with f.
func (n *internet) answers(addr string, f func(q *mdns.Msg) *mdns.Msg) *nameServer {
	s := &nameServer{answer: func(q *mdns.Msg, _ netip.AddrPort) *mdns.Msg { return f(q) }, delay: 10 * time.Millisecond}
	n.servers[netip.MustParseAddr(addr)] = s
	return s
}

// log returns the questions that have arrived, as "server question", and
// forgets them.
func (n *internet) log() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, a := range n.asked {
		out = append(out, a.server+" "+a.question)
	}
	n.asked = nil
	return out
}

// timed is log with the time of each question.
func (n *internet) timed() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, a := range n.asked {
		out = append(out, a.String())
	}
	n.asked = nil
	return out
}

// handle is a question arriving at a server; nil when there is no answer.
func (n *internet) handle(to, from netip.AddrPort, packet []byte, transport string) (out []byte, delay time.Duration) {
	n.mu.Lock()
	s := n.servers[to.Addr()]
	q := new(mdns.Msg)
	err := q.Unpack(packet)
	if err == nil {
		n.asked = append(n.asked, asked{
			time.Since(n.began), to.Addr().String(),
			q.Question[0].Name + " " + dns.TypeString(q.Question[0].Qtype), transport, q,
		})
	}
	n.mu.Unlock()
	if err != nil || s == nil || s.answer == nil {
		return nil, 0
	}
	m := s.answer(q, from)
	if m == nil {
		return nil, 0
	}
	m.Id, m.Response = q.Id, true
	if m.Question == nil {
		m.Question = q.Question
	}
	m.Compress = true
	if transport == dns.UDP && s.limit > 0 && m.Len() > s.limit {
		m.Truncated, m.Answer, m.Ns, m.Extra = true, nil, nil, nil
	}
	out, err = m.Pack()
	if err != nil {
		panic(err)
	}
	return out, s.delay
}

// host is the internet as one host has it.
type host struct {
	*internet
	addr netip.Addr
}

func (h host) Listen(context.Context, netip.AddrPort) (net.Listener, error) {
	return nil, syscall.ENOTSUP
}

func (h host) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	h.mu.Lock()
	s := h.servers[to.Addr()]
	h.mu.Unlock()
	if s == nil || s.answer == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if s.noTCP {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		var size [2]byte
		if _, err := io.ReadFull(theirs, size[:]); err != nil {
			return
		}
		packet := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(theirs, packet); err != nil {
			return
		}
		out, delay := h.handle(to, netip.AddrPortFrom(h.addr, 50000), packet, dns.TCP)
		if out == nil {
			return
		}
		time.Sleep(delay)
		theirs.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
	}()
	return ours, nil
}

func (h host) ListenPacket(_ context.Context, at netip.AddrPort) (link.PacketConn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.port++
	return &socket{host: h, local: netip.AddrPortFrom(h.addr, 40000+h.port), changed: make(chan struct{})}, nil
}

// socket is a UDP socket.
type socket struct {
	host    host
	local   netip.AddrPort
	mu      sync.Mutex
	changed chan struct{}
	queue   []datagram
	readBy  time.Time
	closed  bool
}

type datagram struct {
	from netip.AddrPort
	data []byte
}

func (s *socket) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *socket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		s.mu.Lock()
		switch {
		case s.closed:
			s.mu.Unlock()
			return 0, netip.AddrPort{}, net.ErrClosed
		case len(s.queue) > 0:
			d := s.queue[0]
			s.queue = s.queue[1:]
			s.mu.Unlock()
			return copy(b, d.data), d.from, nil
		case !s.readBy.IsZero() && !time.Now().Before(s.readBy):
			s.mu.Unlock()
			return 0, netip.AddrPort{}, &net.OpError{Op: "read", Net: "udp", Err: os.ErrDeadlineExceeded}
		}
		changed, wait := s.changed, time.Hour
		if !s.readBy.IsZero() {
			wait = time.Until(s.readBy)
		}
		s.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (s *socket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.host.mu.Lock()
	server := s.host.servers[to.Addr()]
	s.host.mu.Unlock()
	if server != nil && server.network != nil {
		return 0, &net.OpError{Op: "write", Net: "udp", Err: server.network}
	}
	out, delay := s.host.handle(to, s.local, slices.Clone(b), dns.UDP)
	if out != nil {
		time.AfterFunc(delay, func() { s.change(func() { s.queue = append(s.queue, datagram{to, out}) }) })
	}
	return len(b), nil
}

func (s *socket) Close() error { s.change(func() { s.closed = true }); return nil }

func (s *socket) SetReadDeadline(t time.Time) error { s.change(func() { s.readBy = t }); return nil }
func (s *socket) SetDeadline(t time.Time) error     { return s.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(time.Time) error  { return nil }
func (s *socket) LocalAddr() net.Addr               { return net.UDPAddrFromAddrPort(s.local) }

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := s.ReadFromUDPAddrPort(b)
	return n, net.UDPAddrFromAddrPort(a), err
}

func (s *socket) WriteTo(b []byte, a net.Addr) (int, error) {
	return s.WriteToUDPAddrPort(b, link.AddrPort(a))
}

// authority answers from the zones in text as a plain name server does.
func authority(text string) func(*mdns.Msg, netip.AddrPort) *mdns.Msg {
	zones := map[string][]mdns.RR{}
	for _, part := range strings.Split(text, "$ORIGIN ")[1:] {
		origin, _, _ := strings.Cut(part, "\n")
		origin = strings.TrimSpace(origin)
		p := mdns.NewZoneParser(strings.NewReader("$ORIGIN "+part), origin, "")
		p.SetDefaultTTL(300)
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			zones[origin] = append(zones[origin], rr)
		}
		if err := p.Err(); err != nil {
			panic(err)
		}
	}
	return func(q *mdns.Msg, _ netip.AddrPort) *mdns.Msg {
		name, qtype := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
		origin, best := "", -1
		for o := range zones {
			if mdns.IsSubDomain(o, name) && mdns.CountLabel(o) > best {
				origin, best = o, mdns.CountLabel(o)
			}
		}
		m := new(mdns.Msg)
		if best < 0 {
			m.Rcode = mdns.RcodeRefused
			return m
		}
		fill(m, zones[origin], origin, name, qtype)
		return m
	}
}

// fill answers from one zone.
func fill(m *mdns.Msg, zone []mdns.RR, origin, name string, qtype uint16) {
	for at := name; at != origin; at = parent(at) {
		for _, rr := range zone {
			if ns, ok := rr.(*mdns.NS); ok && ns.Hdr.Name == at {
				m.Ns = append(m.Ns, ns)
				for _, g := range zone {
					if g.Header().Name == ns.Ns && (g.Header().Rrtype == mdns.TypeA || g.Header().Rrtype == mdns.TypeAAAA) {
						m.Extra = append(m.Extra, g)
					}
				}
			}
		}
		if len(m.Ns) > 0 {
			return
		}
	}
	m.Authoritative = true
	exists := false
	var soa mdns.RR
	for _, rr := range zone {
		h := rr.Header()
		if h.Rrtype == mdns.TypeSOA {
			soa = rr
		}
		exists = exists || mdns.IsSubDomain(name, h.Name)
		if h.Name == name && (h.Rrtype == qtype || h.Rrtype == mdns.TypeCNAME) {
			m.Answer = append(m.Answer, rr)
			if c, ok := rr.(*mdns.CNAME); ok && len(m.Answer) < 20 && qtype != mdns.TypeCNAME && mdns.IsSubDomain(origin, c.Target) {
				fill(m, zone, origin, c.Target, qtype)
				return
			}
		}
	}
	if len(m.Answer) == 0 || m.Answer[len(m.Answer)-1].Header().Name != name {
		m.Ns = []mdns.RR{soa}
		if !exists {
			m.Rcode = mdns.RcodeNameError
		}
	}
}

func parent(name string) string {
	i, end := mdns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

// The addresses of the small world.
const (
	rootAddr = "192.0.2.1"
	tldAddr  = "192.0.2.2"
	shopAddr = "192.0.2.3"
	cdnAddr  = "192.0.2.4"
	meAddr   = "203.0.113.9"
)

// world is the internet of the demonstration: the root, test., shop.test.
// and cdn.test.
func world() *internet {
	n := newInternet()
	n.zone(rootAddr, `$ORIGIN .
. 3600 IN SOA a.root. host.root. 1 2 3 4 300
test. 3600 IN NS a.nic.test.
a.nic.test. 3600 IN A `+tldAddr+`
`)
	n.zone(tldAddr, `$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
shop 3600 IN NS ns1.shop.test.
ns1.shop 3600 IN A `+shopAddr+`
cdn 3600 IN NS ns1.cdn.test.
ns1.cdn 3600 IN A `+cdnAddr+`
a.nic IN A `+tldAddr+`
`)
	n.zone(shopAddr, `$ORIGIN shop.test.
@ 3600 IN SOA ns1 host 1 2 3 4 60
www 300 IN CNAME www.shop.test.cdn.test.
direct 120 IN A 198.51.100.80
direct 120 IN AAAA 2001:db8::80
four 120 IN A 198.51.100.4
a 60 IN CNAME b
b 60 IN CNAME direct
loop1 60 IN CNAME loop2
loop2 60 IN CNAME loop1
out 60 IN CNAME back.cdn.test.
gone 60 IN CNAME nothing
deep.in.side 60 IN A 198.51.100.5
text 60 IN TXT "hello"
`)
	n.zone(cdnAddr, `$ORIGIN cdn.test.
@ 3600 IN SOA ns1 host 1 2 3 4 60
www.shop.test 30 IN A 198.51.100.10
www.shop.test 30 IN A 198.51.100.11
back 60 IN CNAME out.shop.test.
`)
	return n
}

// client returns a resolver that iterates in the internet n; set changes its
// configuration first.
func client(n *internet, set func(*Config)) *Resolver {
	var seed atomic.Uint64
	c := Config{
		Network: host{n, netip.MustParseAddr(meAddr)},
		Roots:   []netip.AddrPort{netip.MustParseAddrPort(rootAddr + ":53")},
		Rand:    func() uint64 { return seed.Add(0x9e3779b97f4a7c15) >> 16 },
	}
	if set != nil {
		set(&c)
	}
	return New(c)
}

// look is Lookup for tests: it returns what the answer says in short, e.g.
// "NOERROR 198.51.100.80", or the error's text.
func look(r *Resolver, name string, qtype uint16) string {
	a, err := r.Lookup(context.Background(), dns.MustName(name), qtype)
	if err != nil {
		return err.Error()
	}
	return short(a)
}

func short(a *Answer) string {
	parts := []string{dns.RcodeString(a.Rcode)}
	for _, rr := range a.Records {
		parts = append(parts, rdata(rr))
	}
	return strings.Join(parts, " ")
}

func rdata(rr mdns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// same compares lists line by line.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// notebook records events for tests.
type notebook struct {
	mu     sync.Mutex
	events []trace.Event
}

func (b *notebook) Record(e trace.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

// begin returns a context whose span writes into b.
func (b *notebook) begin(station string) context.Context {
	s := &trace.Station{Name: station, Recorder: b}
	return trace.With(context.Background(), s.Begin())
}

// reasons are the decisions' grounds.
func (b *notebook) reasons() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.events {
		if e.Decision != nil {
			out = append(out, e.Decision.Reason)
		}
	}
	return out
}

// lines are the events in short.
func (b *notebook) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.events {
		line := string(e.Fact.Kind())
		switch f := e.Fact.(type) {
		case trace.DNSQuery:
			line += fmt.Sprintf(" %s %s @%s", f.Name, f.Type, f.Server)
		case trace.DNSReferral:
			line += fmt.Sprintf(" %s → %s", f.Zone, strings.Join(f.Servers, ","))
		case trace.DNSAnswer:
			line += fmt.Sprintf(" %s %s %s from %s %v", f.Name, f.Type, f.Rcode, f.Source, len(f.Answers))
		}
		if e.Decision != nil {
			line += " [" + e.Decision.Verdict + "]"
		}
		out = append(out, line)
	}
	return out
}
