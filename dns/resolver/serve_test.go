package resolver

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/trace"
)

const localClient = "127.0.0.1:5353"

// query packs a question and parses it as a server does.
func query(t testing.TB, from, name string, qtype uint16, set func(*mdns.Msg)) *dns.Query {
	t.Helper()
	m := new(mdns.Msg)
	m.SetQuestion(mdns.Fqdn(name), qtype)
	m.Id = 4711
	if set != nil {
		set(m)
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	q := &dns.Query{From: netip.MustParseAddrPort(from), Transport: dns.UDP}
	if d := q.Parse(packet); d != dns.Sound {
		t.Fatal(d)
	}
	return q
}

// serve asks r as a client does.
func serve(t testing.TB, r *Resolver, q *dns.Query) *mdns.Msg {
	t.Helper()
	out := r.ServeDNS(context.Background(), make([]byte, 0, 1500), q)
	m := new(mdns.Msg)
	if err := m.Unpack(out); err != nil {
		t.Fatalf("%s: %v in %x", q.Question().Name, err, out)
	}
	return m
}

// ede returns the code of an extended error, or -1.
func ede(m *mdns.Msg) int {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*mdns.EDNS0_EDE); ok {
				return int(e.InfoCode)
			}
		}
	}
	return -1
}

func edns(m *mdns.Msg) { m.SetEdns0(1232, false) }

// TestClosed: only the clients that are allowed get anything.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		open := netip.MustParsePrefix("198.51.100.0/24")
		for _, c := range []struct {
			allow []netip.Prefix
			from  string
			rcode int
			ede   int
		}{
			{nil, localClient, mdns.RcodeSuccess, -1},
			{nil, "[::1]:99", mdns.RcodeSuccess, -1},
			{nil, "198.51.100.7:99", mdns.RcodeRefused, int(mdns.ExtendedErrorCodeProhibited)},
			{[]netip.Prefix{open}, "198.51.100.7:99", mdns.RcodeSuccess, -1},
			{[]netip.Prefix{open}, "198.51.101.7:99", mdns.RcodeRefused, int(mdns.ExtendedErrorCodeProhibited)},
			{[]netip.Prefix{open}, localClient, mdns.RcodeRefused, int(mdns.ExtendedErrorCodeProhibited)},
		} {
			r := client(n, func(cfg *Config) { cfg.Allow = c.allow })
			for range 2 { // the second time out of the cache
				m := serve(t, r, query(t, c.from, "direct.shop.test", mdns.TypeA, edns))
				if m.Rcode != c.rcode || ede(m) != c.ede || (len(m.Answer) > 0) != (c.rcode == 0) {
					t.Errorf("allow %v, from %s: %s, extended error %d", c.allow, c.from, dns.RcodeString(m.Rcode), ede(m))
				}
			}
		}
	})
}

// TestServe holds responses against what RFC 1034 §4.3.1, 2308 §3, 4035 and
// 8914 ask of them.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.zone("192.0.2.88", "$ORIGIN dead.test.\n")
		n.servers[netip.MustParseAddr("192.0.2.88")].answer = nil
		n.zone(tldAddr, `$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
shop 3600 IN NS ns1.shop.test.
ns1.shop 3600 IN A `+shopAddr+`
dead 3600 IN NS ns.dead.test.
ns.dead 3600 IN A 192.0.2.88
`)
		r := client(n, func(c *Config) {
			c.Zones = []*dns.Zone{localZone(t, "home.test", "@ 60 IN SOA ns host 1 2 3 4 30\n@ 60 IN NS ns\nns 60 IN A 10.0.0.1\n")}
		})
		for _, c := range []struct {
			what  string
			name  string
			qtype uint16
			set   func(*mdns.Msg)
			want  string // rcode, flags, records per section, extended error
		}{
			{"recursion", "Direct.SHOP.test", mdns.TypeA, nil, "NOERROR rd ra 1/0"},
			{"again", "DIRECT.shop.test", mdns.TypeA, nil, "NOERROR rd ra 1/0"},
			{"no such name", "no.shop.test", mdns.TypeA, nil, "NXDOMAIN rd ra 0/1"},
			{"no such record", "four.shop.test", mdns.TypeAAAA, nil, "NOERROR rd ra 0/1"},
			{"local zone", "ns.home.test", mdns.TypeA, nil, "NOERROR aa rd ra 1/0"},
			{"local denial", "x.home.test", mdns.TypeA, nil, "NXDOMAIN aa rd ra 0/1"},
			{"checking disabled", "direct.shop.test", mdns.TypeA, func(m *mdns.Msg) { m.CheckingDisabled = true }, "NOERROR rd ra cd 1/0"},
			{"authentic data is not ours to claim", "direct.shop.test", mdns.TypeA, func(m *mdns.Msg) { m.AuthenticatedData = true }, "NOERROR rd ra 1/0"},
			{"without RD, known", "direct.shop.test", mdns.TypeA, func(m *mdns.Msg) { m.RecursionDesired = false }, "NOERROR ra 1/0"},
			{"without RD, unknown", "text.shop.test", mdns.TypeTXT, func(m *mdns.Msg) { m.RecursionDesired = false; edns(m) }, "REFUSED 0/0 ede 20"},
			{"transfer", "shop.test", mdns.TypeAXFR, edns, "REFUSED rd 0/0 ede 21"},
			{"class", "version.bind", mdns.TypeTXT, func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS; edns(m) }, "REFUSED rd 0/0 ede 21"},
			{"meta type", "shop.test", mdns.TypeOPT, nil, "FORMERR rd 0/0"},
			{"any", "shop.test", mdns.TypeANY, nil, "NOERROR rd ra 1/0"},
			{"dead servers", "www.dead.test", mdns.TypeA, edns, "SERVFAIL rd ra 0/0 ede 22"},
			{"dead servers again", "www.dead.test", mdns.TypeA, edns, "SERVFAIL rd ra 0/0 ede 13"},
		} {
			m := serve(t, r, query(t, localClient, c.name, c.qtype, c.set))
			got := dns.RcodeString(m.Rcode)
			for _, f := range []struct {
				on   bool
				name string
			}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"}, {m.AuthenticatedData, "ad"}, {m.CheckingDisabled, "cd"}} {
				if f.on {
					got += " " + f.name
				}
			}
			got += " " + string(rune('0'+len(m.Answer))) + "/" + string(rune('0'+len(m.Ns)))
			if e := ede(m); e >= 0 {
				got += " ede " + string([]byte{byte('0' + e/10), byte('0' + e%10)})
			}
			if got != c.want {
				t.Errorf("%s: %s, want %s", c.what, got, c.want)
			}
			if m.Id != 4711 || m.Question[0].Name != c.name+"." {
				t.Errorf("%s: id %d, question %s", c.what, m.Id, m.Question[0].Name)
			}
		}
	})
}

// TestExtendedText: the text ends between two characters (RFC 8914 §2).
func TestExtendedText(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct{ text, want string }{
		{"timeout after 2s", "timeout after 2s"},
		{a(160), a(160)},
		{a(161), a(160)},
		{a(158) + "é", a(158) + "é"},
		{a(159) + "é", a(159)},
		{a(157) + "€b", a(157) + "€"},
		{a(158) + "€", a(158)},
		{a(159) + "€", a(159)},
		{a(156) + "😀", a(156) + "😀"},
		{a(157) + "😀", a(157)},
		{"a \xff b", "a  b"},
	} {
		if got := extended(errors.New(c.text)); got.Text != c.want || got.Code != mdns.ExtendedErrorCodeOther {
			t.Errorf("extended(%q) = %d %q, want %q", c.text, got.Code, got.Text, c.want)
		}
	}
}

// TestServeTTL: out of the packed form the TTLs count down to the second, and
// at the end the question is asked again.
func TestServeTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		q := func() *dns.Query { return query(t, localClient, "a.shop.test", mdns.TypeA, nil) }
		serve(t, r, q())
		n.log()
		for _, want := range []uint32{60, 59, 58} {
			out, ok := r.AnswerNow(nil, q())
			if !ok {
				t.Fatal("not answered at once")
			}
			m := new(mdns.Msg)
			if err := m.Unpack(out); err != nil {
				t.Fatal(err)
			}
			if len(m.Answer) != 3 || m.Answer[0].Header().Ttl != want || m.Answer[2].Header().Ttl != want+60 {
				t.Errorf("want TTL %d: %v", want, m.Answer)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(57 * time.Second)
		if _, ok := r.AnswerNow(nil, q()); ok {
			t.Error("answered after the TTL")
		}
		serve(t, r, q())
		if sent := n.log(); len(sent) != 1 {
			t.Errorf("sent %v", sent)
		}
	})
}

// TestTruncation: a client that takes little is told to come back over TCP.
func TestTruncation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.answers(shopAddr, func(*mdns.Msg) *mdns.Msg {
			m := &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}}
			for i := range 60 {
				m.Answer = append(m.Answer, &mdns.A{Hdr: mdns.RR_Header{Name: "big.shop.test.", Rrtype: mdns.TypeA, Class: 1, Ttl: 60}, A: []byte{198, 51, 100, byte(i)}})
			}
			return m
		})
		r := client(n, nil)
		for range 2 {
			m := serve(t, r, query(t, localClient, "big.shop.test", mdns.TypeA, nil))
			if !m.Truncated || len(m.Answer) != 0 {
				t.Errorf("truncated %v, %d records", m.Truncated, len(m.Answer))
			}
			q := query(t, localClient, "big.shop.test", mdns.TypeA, nil)
			q.Transport = dns.TCP
			if m = serve(t, r, q); m.Truncated || len(m.Answer) != 60 {
				t.Errorf("tcp: truncated %v, %d records", m.Truncated, len(m.Answer))
			}
		}
	})
}

// TestECS: our own servers learn the client's subnet and nobody else does;
// answers are kept for the subnet that the scope names.
func TestECS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.servers[netip.MustParseAddr(cdnAddr)].answer = func(q *mdns.Msg, _ netip.AddrPort) *mdns.Msg {
			m := &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}}
			if q.Question[0].Name != "www.shop.test.cdn.test." {
				m.Ns = rrs("cdn.test. 60 IN SOA a. b. 1 2 3 4 60")
				return m
			}
			s, ok := dns.SubnetOf(q)
			if !ok {
				m.Answer = rrs(q.Question[0].Name + " 30 IN A 198.51.100.255")
				return m
			}
			third := s.Prefix.Addr().As4()[1]
			m.Answer = []mdns.RR{&mdns.A{Hdr: mdns.RR_Header{Name: q.Question[0].Name, Rrtype: mdns.TypeA, Class: 1, Ttl: 30}, A: []byte{198, 51, 100, third}}}
			m.SetEdns0(1232, false)
			s.Scope = 16
			dns.SetSubnet(m, s)
			return m
		}
		r := client(n, func(c *Config) {
			c.ECS, c.TracePeers = true, []netip.Prefix{netip.MustParsePrefix(cdnAddr + "/32")}
			c.Allow = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		})
		stated := func(prefix string) func(*mdns.Msg) {
			return func(m *mdns.Msg) { dns.SetSubnet(m, dns.Subnet{Prefix: netip.MustParsePrefix(prefix)}) }
		}
		for _, c := range []struct {
			from, stated string
			want         string
			scope        int
			sent         int // to the CDN's server
		}{
			{"10.1.7.9:99", "", "198.51.100.1", -1, 3},
			{"10.1.99.9:99", "", "198.51.100.1", -1, 0},            // the same /16
			{"10.2.7.9:99", "", "198.51.100.2", -1, 1},             // another
			{"10.2.7.9:99", "10.1.5.0/24", "198.51.100.1", 16, 0},  // stated
			{"10.2.7.9:99", "10.3.5.77/32", "198.51.100.3", 16, 1}, // more than may be told
			{"10.2.7.9:99", "0.0.0.0/0", "198.51.100.255", 0, 1},   // wants none used
			{"10.2.7.10:99", "", "198.51.100.2", -1, 0},            // still there
		} {
			var set func(*mdns.Msg)
			if c.stated != "" {
				set = stated(c.stated)
			}
			m := serve(t, r, query(t, c.from, "www.shop.test", mdns.TypeA, set))
			if len(m.Answer) != 2 || rdata(m.Answer[1]) != c.want {
				t.Errorf("from %s for %q: %v, want %s", c.from, c.stated, m.Answer, c.want)
			}
			scope := -1
			if s, ok := dns.SubnetOf(m); ok {
				scope = s.Scope
			}
			if scope != c.scope {
				t.Errorf("from %s for %q: scope %d, want %d", c.from, c.stated, scope, c.scope)
			}
			cdn := 0
			for _, a := range n.asked {
				s, told := dns.SubnetOf(a.msg)
				if a.server == cdnAddr {
					cdn++
					if told && s.Prefix.Bits() > 24 {
						t.Errorf("the CDN was told %s", s)
					}
				} else if told {
					t.Errorf("%s was told %s", a.server, s)
				}
			}
			n.log()
			if cdn != c.sent {
				t.Errorf("from %s for %q: the CDN was asked %d times, want %d", c.from, c.stated, cdn, c.sent)
			}
		}
	})
}

// TestTraceOption: a peer's question joins its record, and the context goes
// on to peers as that of a child; strangers neither give nor get one.
func TestTraceOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		var book notebook
		station := &trace.Station{Name: "resolver", Recorder: &book}
		r := client(n, func(c *Config) {
			c.Station = station
			c.TracePeers = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix(shopAddr + "/32")}
		})
		browser := (&trace.Station{Name: "browser", Recorder: &notebook{}}).Begin()
		option := func(m *mdns.Msg) { dns.SetTrace(m, browser.Context()) }
		serve(t, r, query(t, "[::1]:99", "direct.shop.test", mdns.TypeA, option))
		if len(book.events) != 0 {
			t.Errorf("a stranger's context was believed: %v", book.lines())
		}
		n.log()
		serve(t, r, query(t, localClient, "four.shop.test", mdns.TypeA, option))
		same(t, "record", book.lines(), []string{
			"dns.query four.shop.test A @192.0.2.3:53 [asked]",
			"dns.answer four.shop.test A NOERROR from server 1 [answered]",
			"dns.answer four.shop.test A NOERROR from iteration 1 [answered]",
		})
		sent, ok := dns.TraceOf(n.asked[0].msg)
		if !ok || sent.Trace != browser.Context().Trace || sent.Span != book.events[0].Span {
			t.Errorf("sent context %v, want that of the query's span", sent)
		}
		// From the cache, for the record's sake not over the fast path.
		n.log()
		book.events = nil
		serve(t, r, query(t, localClient, "four.shop.test", mdns.TypeA, option))
		same(t, "record of a cached answer", book.lines(), []string{"dns.answer four.shop.test A NOERROR from cache 1 [cached]"})
		for _, e := range book.events {
			if e.Trace != browser.Context().Trace || e.Station != "resolver" {
				t.Errorf("event %+v", e)
			}
		}
		// The root is no peer.
		serve(t, r, query(t, localClient, "nowhere", mdns.TypeA, option))
		if _, ok := dns.TraceOf(n.asked[0].msg); ok {
			t.Error("the root was told the context")
		}
	})
}

// warmed returns a resolver that has the answer to the query.
func warmed(t testing.TB) (*Resolver, *dns.Query) {
	n := newInternet()
	n.forwards("192.0.2.60", "www.shop.test. 86400 IN CNAME www.cdn.test.\nwww.cdn.test. 86400 IN A 198.51.100.1\nwww.cdn.test. 86400 IN A 198.51.100.2").delay = 0
	r := client(n, func(c *Config) {
		c.Roots = nil
		c.Forward = []Forward{{Zone: dns.Root, Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.60:53")}}}
		c.ECS, c.TracePeers = true, []netip.Prefix{netip.MustParsePrefix(cdnAddr + "/32")}
		c.Station = &trace.Station{Name: "resolver", Recorder: &notebook{}}
	})
	q := query(t, localClient, "WWW.shop.test", mdns.TypeA, edns)
	if m := serve(t, r, q); len(m.Answer) != 3 {
		t.Fatal(m)
	}
	return r, q
}

// TestCachedAnswerAllocs: a cached answer costs no allocation, nor does a
// refusal.
func TestCachedAnswerAllocs(t *testing.T) {
	r, q := warmed(t)
	stranger := query(t, "198.51.100.7:99", "www.shop.test", mdns.TypeA, edns)
	dst := make([]byte, 0, 1500)
	for what, q := range map[string]*dns.Query{"cached": q, "refused": stranger} {
		if n := testing.AllocsPerRun(1000, func() {
			if out, ok := r.AnswerNow(dst, q); !ok || len(out) == 0 {
				t.Fatal("no answer")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

// BenchmarkCachedAnswer is one question that the cache knows, without the
// socket.
func BenchmarkCachedAnswer(b *testing.B) {
	r, q := warmed(b)
	dst := make([]byte, 0, 1500)
	packet := q.Packet
	b.ReportAllocs()
	for b.Loop() {
		q.Parse(packet)
		if out := r.ServeDNS(context.Background(), dst, q); len(out) == 0 {
			b.Fatal("no answer")
		}
	}
}

// BenchmarkCachedLookup is the same for a station of this process.
func BenchmarkCachedLookup(b *testing.B) {
	r, _ := warmed(b)
	name := dns.MustName("www.shop.test")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Lookup(context.Background(), name, mdns.TypeA); err != nil {
			b.Fatal(err)
		}
	}
}
