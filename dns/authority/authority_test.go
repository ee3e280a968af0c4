package authority

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/cdn"
	"waypost/dns"
	"waypost/link"
	"waypost/trace"
)

const shopFile = `$TTL 300
@     IN SOA ns1 hostmaster 1 7200 3600 1209600 60
@     IN NS  ns1
@     IN NS  ns.elsewhere.test.
ns1   IN A   192.0.2.1
www   IN CNAME shop.cdn.test.
a     IN CNAME b
b     IN CNAME c
c     IN A   192.0.2.3
gone  IN CNAME nowhere
loop  IN CNAME pool
pool  IN CNAME loop
below IN CNAME x.sub
own   IN CNAME x.deep
*.w   IN TXT "star"
*.v   IN CNAME c
sub   IN NS  ns.sub
sub   IN NS  ns1
ns.sub IN A  192.0.2.53
old   IN DNAME c.shop.test.
away  IN DNAME shop.cdn.test.
far   IN DNAME a-name-that-is-rather-long-for-what-it-says.test.
deep  IN NS  ns1
`

const deepFile = `$TTL 300
@ IN SOA ns1.shop.test. hostmaster 1 7200 3600 1209600 30
@ IN NS  ns1.shop.test.
x IN A   192.0.2.7
`

const cdnFile = `$TTL 3600
@      IN SOA ns1 hostmaster 1 7200 3600 1209600 20
@      IN NS  ns1
ns1    IN A   198.51.100.53
status IN CNAME shop
*      IN A   192.0.2.99
`

func fleet() *cdn.Fleet {
	edge := func(name string, addrs ...string) cdn.Edge {
		e := cdn.Edge{Name: name, Weight: 1}
		for _, a := range addrs {
			e.Addrs = append(e.Addrs, netip.MustParseAddr(a))
		}
		return e
	}
	return &cdn.Fleet{
		Zone: "cdn.test",
		TTL:  20 * time.Second,
		POPs: []cdn.POP{
			{Name: "fra", Region: "eu", Edges: []cdn.Edge{edge("fra1", "203.0.113.1", "2001:db8::1")}},
			{Name: "nyc", Region: "us", Edges: []cdn.Edge{edge("nyc1", "203.0.113.2")}},
		},
		Regions: []cdn.Region{
			{Name: "eu", Subnets: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Near: []string{"us"}},
			{Name: "us", Subnets: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}},
		},
	}
}

func zone(t testing.TB, origin, text string) *dns.Zone {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(text), dns.MustName(origin), origin+".zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// authority answers for shop.test, deep.shop.test and the fleet's cdn.test.
func authority(t testing.TB) *Authority {
	f := fleet()
	return &Authority{
		Zones: []*dns.Zone{zone(t, "shop.test", shopFile), zone(t, "deep.shop.test", deepFile), zone(t, "cdn.test", cdnFile)},
		Fleet: func() *cdn.Fleet { return f },
	}
}

// query is a parsed query over UDP from a resolver in the us region.
func query(t testing.TB, name string, qt dns.Type, change func(m *mdns.Msg)) *dns.Query {
	t.Helper()
	m := new(mdns.Msg)
	m.SetQuestion(mdns.Fqdn(name), qt)
	if change != nil {
		change(m)
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	q := &dns.Query{Transport: dns.UDP, From: netip.MustParseAddrPort("10.2.0.53:5353")}
	if d := q.Parse(packet); d != dns.Sound {
		t.Fatal(d)
	}
	return q
}

func ask(t testing.TB, a *Authority, q *dns.Query) *mdns.Msg {
	t.Helper()
	out, ok := a.AnswerNow(nil, q)
	if !ok || len(out) > q.MaxSize() {
		t.Fatalf("%d octets, %v", len(out), ok)
	}
	if slow := a.ServeDNS(context.Background(), nil, q); string(slow) != string(out) {
		t.Fatalf("ServeDNS says %x, AnswerNow %x", slow, out)
	}
	m := new(mdns.Msg)
	if err := m.Unpack(out); err != nil {
		t.Fatalf("%x: %v", out, err)
	}
	return m
}

// describe is a response on one line.
func describe(m *mdns.Msg) string {
	s := mdns.RcodeToString[m.Rcode]
	if m.Authoritative {
		s += " aa"
	}
	if m.Truncated {
		s += " tc"
	}
	for i, section := range [][]mdns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			if rr.Header().Rrtype == mdns.TypeOPT {
				continue
			}
			f := strings.Fields(rr.String())
			s += fmt.Sprintf(" %s[%s]", []string{"", "ns", "add"}[i], strings.Join(append(f[:2:2], f[3:]...), " "))
		}
	}
	return s
}

func ExampleAuthority() {
	file := strings.NewReader(`
@   3600 IN SOA ns1 hostmaster 1 7200 3600 1209600 60
@   3600 IN NS  ns1
ns1 3600 IN A   198.51.100.53
`)
	z, err := dns.ParseZone(file, dns.MustName("cdn.test"), "cdn.test.zone")
	if err != nil {
		fmt.Println(err)
		return
	}
	f := &cdn.Fleet{Zone: "cdn.test", TTL: 20 * time.Second, POPs: []cdn.POP{{Name: "fra", Edges: []cdn.Edge{
		{Name: "fra1", Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.1")}, Weight: 1},
	}}}}
	a := &Authority{Zones: []*dns.Zone{z}, Fleet: func() *cdn.Fleet { return f }}

	m := new(mdns.Msg)
	m.SetQuestion("shop.cdn.test.", mdns.TypeA)
	packet, _ := m.Pack()
	q := &dns.Query{Transport: dns.UDP}
	if defect := q.Parse(packet); defect != dns.Sound {
		fmt.Println(defect)
		return
	}
	response, _ := a.AnswerNow(nil, q)
	m.Unpack(response)
	fmt.Println(describe(m))
	// Output:
	// NOERROR aa [shop.cdn.test. 20 A 203.0.113.1]
}

func TestAnswers(t *testing.T) {
	const (
		shopSOA = " ns[shop.test. 60 SOA ns1.shop.test. hostmaster.shop.test. 1 7200 3600 1209600 60]"
		deepSOA = " ns[deep.shop.test. 30 SOA ns1.shop.test. hostmaster.deep.shop.test. 1 7200 3600 1209600 30]"
		cdnSOA  = " ns[cdn.test. 20 SOA ns1.cdn.test. hostmaster.cdn.test. 1 7200 3600 1209600 20]"
		subNS   = " ns[sub.shop.test. 300 NS ns.sub.shop.test.] ns[sub.shop.test. 300 NS ns1.shop.test.] add[ns.sub.shop.test. 300 A 192.0.2.53] add[ns1.shop.test. 300 A 192.0.2.1]"
	)
	a := authority(t)
	tests := []struct {
		name string
		t    dns.Type
		want string
	}{
		{"ns1.shop.test", mdns.TypeA, "NOERROR aa [ns1.shop.test. 300 A 192.0.2.1]"},
		{"shop.test", mdns.TypeNS, "NOERROR aa [shop.test. 300 NS ns1.shop.test.] [shop.test. 300 NS ns.elsewhere.test.] add[ns1.shop.test. 300 A 192.0.2.1]"},
		{"shop.test", mdns.TypeA, "NOERROR aa" + shopSOA},
		{"nowhere.shop.test", mdns.TypeA, "NXDOMAIN aa" + shopSOA},
		{"shop.test", mdns.TypeANY, "NOERROR aa [shop.test. 300 NS ns1.shop.test.] [shop.test. 300 NS ns.elsewhere.test.]"},
		// Aliases are followed within the zone.
		{"a.shop.test", mdns.TypeA, "NOERROR aa [a.shop.test. 300 CNAME b.shop.test.] [b.shop.test. 300 CNAME c.shop.test.] [c.shop.test. 300 A 192.0.2.3]"},
		{"a.shop.test", mdns.TypeMX, "NOERROR aa [a.shop.test. 300 CNAME b.shop.test.] [b.shop.test. 300 CNAME c.shop.test.]" + shopSOA},
		{"a.shop.test", mdns.TypeCNAME, "NOERROR aa [a.shop.test. 300 CNAME b.shop.test.]"},
		{"a.shop.test", mdns.TypeANY, "NOERROR aa [a.shop.test. 300 CNAME b.shop.test.]"},
		{"gone.shop.test", mdns.TypeA, "NXDOMAIN aa [gone.shop.test. 300 CNAME nowhere.shop.test.]" + shopSOA},
		{"www.shop.test", mdns.TypeA, "NOERROR aa [www.shop.test. 300 CNAME shop.cdn.test.]"},
		{"below.shop.test", mdns.TypeA, "NOERROR aa [below.shop.test. 300 CNAME x.sub.shop.test.]" + subNS},
		{"own.shop.test", mdns.TypeA, "NOERROR aa [own.shop.test. 300 CNAME x.deep.shop.test.]"},
		{"loop.shop.test", mdns.TypeA, "NOERROR aa" + strings.Repeat(" [loop.shop.test. 300 CNAME pool.shop.test.] [pool.shop.test. 300 CNAME loop.shop.test.]", 4)},
		// Wildcards.
		{"x.w.shop.test", mdns.TypeTXT, `NOERROR aa [x.w.shop.test. 300 TXT "star"]`},
		{"x.w.shop.test", mdns.TypeA, "NOERROR aa" + shopSOA},
		{"x.v.shop.test", mdns.TypeA, "NOERROR aa [x.v.shop.test. 300 CNAME c.shop.test.] [c.shop.test. 300 A 192.0.2.3]"},
		// DNAME.
		{"x.old.shop.test", mdns.TypeA, "NXDOMAIN aa [old.shop.test. 300 DNAME c.shop.test.] [x.old.shop.test. 300 CNAME x.c.shop.test.]" + shopSOA},
		{"x.away.shop.test", mdns.TypeA, "NOERROR aa [away.shop.test. 300 DNAME shop.cdn.test.] [x.away.shop.test. 300 CNAME x.shop.cdn.test.]"},
		{strings.Repeat("abcdefghi.", 23) + "far.shop.test", mdns.TypeA, "YXDOMAIN aa [far.shop.test. 300 DNAME a-name-that-is-rather-long-for-what-it-says.test.]"},
		{strings.Repeat("abcdefghi.", 23) + "away.shop.test", mdns.TypeA, "NOERROR aa tc [away.shop.test. 300 DNAME shop.cdn.test.]"},
		// Delegation; DS is on the upper side.
		{"x.sub.shop.test", mdns.TypeA, "NOERROR" + subNS},
		{"sub.shop.test", mdns.TypeDS, "NOERROR aa" + shopSOA},
		{"x.deep.shop.test", mdns.TypeA, "NOERROR aa [x.deep.shop.test. 300 A 192.0.2.7]"},
		{"y.deep.shop.test", mdns.TypeA, "NXDOMAIN aa" + deepSOA},
		{"deep.shop.test", mdns.TypeDS, "NOERROR aa" + shopSOA},
		{"cdn.test", mdns.TypeDS, "NOERROR aa" + cdnSOA},
		// The fleet's zone: what the file names is the file's.
		{"ns1.cdn.test", mdns.TypeA, "NOERROR aa [ns1.cdn.test. 3600 A 198.51.100.53]"},
		{"ns1.cdn.test", mdns.TypeAAAA, "NOERROR aa" + cdnSOA},
		{"cdn.test", mdns.TypeNS, "NOERROR aa [cdn.test. 3600 NS ns1.cdn.test.] add[ns1.cdn.test. 3600 A 198.51.100.53]"},
		{"cdn.test", mdns.TypeA, "NOERROR aa" + cdnSOA},
		// And every other name is an edge's, before the wildcard.
		{"shop.cdn.test", mdns.TypeA, "NOERROR aa [shop.cdn.test. 20 A 203.0.113.2]"},
		{"SHOP.cdn.test", mdns.TypeAAAA, "NOERROR aa [SHOP.cdn.test. 20 AAAA 2001:db8::1]"},
		{"shop.cdn.test", mdns.TypeANY, "NOERROR aa [shop.cdn.test. 20 A 203.0.113.2]"},
		{"shop.cdn.test", mdns.TypeHTTPS, "NOERROR aa" + cdnSOA},
		{"status.cdn.test", mdns.TypeA, "NOERROR aa [status.cdn.test. 3600 CNAME shop.cdn.test.] [shop.cdn.test. 20 A 203.0.113.2]"},
		// Not ours.
		{"www.example", mdns.TypeA, "REFUSED"},
		{"test", mdns.TypeA, "REFUSED"},
		{".", mdns.TypeNS, "REFUSED"},
		{"shop.test", mdns.TypeAXFR, "REFUSED"},
		{"shop.test", mdns.TypeIXFR, "REFUSED"},
		{"shop.test", 249, "FORMERR"},
		{"shop.test", mdns.TypeOPT, "FORMERR"},
	}
	for _, tt := range tests {
		if got := describe(ask(t, a, query(t, tt.name, tt.t, nil))); got != tt.want {
			t.Errorf("%s %s:\n got %s\nwant %s", tt.name, dns.TypeString(tt.t), got, tt.want)
		}
	}
	if got := describe(ask(t, &Authority{}, query(t, "shop.test", mdns.TypeA, nil))); got != "REFUSED" {
		t.Errorf("the zero value: %s", got)
	}
	chaos := query(t, "version.bind", mdns.TypeTXT, func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS })
	if got := describe(ask(t, a, chaos)); got != "REFUSED" {
		t.Errorf("class CHAOS: %s", got)
	}
}

func withSubnet(p string) func(m *mdns.Msg) {
	return func(m *mdns.Msg) { dns.SetSubnet(m, dns.Subnet{Prefix: netip.MustParsePrefix(p)}) }
}

func TestClientSubnet(t *testing.T) {
	a := authority(t)
	tests := []struct {
		name, subnet string
		want, scope  string
	}{
		{"shop.cdn.test", "10.1.9.0/24", "[shop.cdn.test. 20 A 203.0.113.1]", "10.1.9.0/24 scope 24"},
		{"shop.cdn.test", "10.2.0.0/16", "[shop.cdn.test. 20 A 203.0.113.2]", "10.2.0.0/16 scope 24"},
		{"shop.cdn.test", "0.0.0.0/0", "[shop.cdn.test. 20 A 203.0.113.2]", "0.0.0.0/0"}, // the resolver's region
		{"ns1.cdn.test", "10.1.9.0/24", "[ns1.cdn.test. 3600 A 198.51.100.53]", "10.1.9.0/24"},
	}
	for _, tt := range tests {
		m := ask(t, a, query(t, tt.name, mdns.TypeA, withSubnet(tt.subnet)))
		if got := describe(m); got != "NOERROR aa "+tt.want {
			t.Errorf("%s for %s: %s, want %s", tt.name, tt.subnet, got, tt.want)
		}
		if s, ok := dns.SubnetOf(m); !ok || s.String() != tt.scope {
			t.Errorf("%s for %s: subnet %v, %v, want %s", tt.name, tt.subnet, s, ok, tt.scope)
		}
	}
}

func TestExtendedErrors(t *testing.T) {
	f := fleet()
	for i := range f.POPs {
		f.POPs[i].Edges[0].Weight = 0
	}
	a := authority(t)
	a.Fleet = func() *cdn.Fleet { return f }
	tests := []struct {
		name string
		t    dns.Type
		want string
	}{
		{"www.example", mdns.TypeA, "REFUSED 20 no zone here holds this name"},
		{"shop.test", mdns.TypeAXFR, "REFUSED 21 zones are not transferred"},
		{"shop.cdn.test", mdns.TypeA, "SERVFAIL 0 no edge of the fleet is in service"},
		{"shop.cdn.test", 200, "FORMERR 30 "},
	}
	for _, tt := range tests {
		m := ask(t, a, query(t, tt.name, tt.t, func(m *mdns.Msg) { m.SetEdns0(1232, false) }))
		opt := m.IsEdns0()
		if opt == nil || len(opt.Option) != 1 {
			t.Errorf("%s: OPT %v", tt.name, opt)
			continue
		}
		e := opt.Option[0].(*mdns.EDNS0_EDE)
		if got := fmt.Sprintf("%s %d %s", mdns.RcodeToString[m.Rcode], e.InfoCode, e.ExtraText); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestFleetChanges swaps the fleet between queries, and takes it away.
func TestFleetChanges(t *testing.T) {
	var now atomic.Pointer[cdn.Fleet]
	a := authority(t)
	a.Fleet = now.Load
	want := func(text string) {
		t.Helper()
		if got := describe(ask(t, a, query(t, "shop.cdn.test", mdns.TypeA, nil))); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	want("NOERROR aa [shop.cdn.test. 3600 A 192.0.2.99]") // the zone's own wildcard
	now.Store(fleet())
	want("NOERROR aa [shop.cdn.test. 20 A 203.0.113.2]")
	f := fleet()
	f.POPs[1].Edges[0].Down, f.TTL = "cable cut", 0
	now.Store(f)
	want("NOERROR aa [shop.cdn.test. 30 A 203.0.113.1]")
	f = fleet()
	f.Zone = "no..name"
	now.Store(f)
	want("NOERROR aa [shop.cdn.test. 3600 A 192.0.2.99]")
}

// TestFleetWithoutZoneFile: a zone file of a zone above does not count.
func TestFleetWithoutZoneFile(t *testing.T) {
	f := fleet()
	a := &Authority{Zones: []*dns.Zone{zone(t, "test", "@ 60 SOA ns host 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n")}, Fleet: func() *cdn.Fleet { return f }}
	for _, tt := range []struct {
		name string
		t    dns.Type
		want string
	}{
		{"shop.cdn.test", mdns.TypeA, "NOERROR aa [shop.cdn.test. 20 A 203.0.113.2]"},
		{"shop.cdn.test", mdns.TypeTXT, "NOERROR aa"},
		{"shop.test", mdns.TypeA, "NXDOMAIN aa ns[test. 5 SOA ns.test. host.test. 1 2 3 4 5]"},
	} {
		if got := describe(ask(t, a, query(t, tt.name, tt.t, nil))); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestRecord follows a query with a trace context into the record.
func TestRecord(t *testing.T) {
	var ring trace.Ring
	ids := uint64(100)
	a := authority(t)
	a.Station = &trace.Station{Name: "authority cdn", Recorder: &ring, IDs: func() uint64 { ids++; return ids }}
	a.TrustTrace = []netip.Prefix{netip.MustParsePrefix("10.2.0.0/24")}
	from := trace.Context{Trace: trace.ID{7, 7}, Span: 9, Sampled: true}
	put := func(c trace.Context) func(m *mdns.Msg) {
		return func(m *mdns.Msg) {
			withSubnet("10.1.9.0/24")(m)
			dns.SetTrace(m, c)
		}
	}
	// Strangers, and those who do not record, leave nothing.
	stranger := query(t, "shop.cdn.test", mdns.TypeA, put(from))
	stranger.From = netip.MustParseAddrPort("10.3.0.1:53")
	a.AnswerNow(nil, stranger)
	a.AnswerNow(nil, query(t, "shop.cdn.test", mdns.TypeA, put(trace.Context{Trace: from.Trace, Span: 9})))
	a.AnswerNow(nil, query(t, "shop.cdn.test", mdns.TypeA, nil))
	if got := ring.Traces(); len(got) != 0 {
		t.Fatalf("traces %v", got)
	}

	a.AnswerNow(nil, query(t, "shop.cdn.test", mdns.TypeA, put(from)))
	events, _ := ring.Events(from.Trace)
	if len(events) != 2 || events[0].Parent != 9 || events[0].Span != 101 || events[1].Span != 101 || events[0].Station != "authority cdn" {
		t.Fatalf("events %+v", events)
	}
	const pick = `{"name":"shop.cdn.test","client":"10.1.9.0/24","from":"ecs","region":"eu","edge":"fra1","ranked":[` +
		`{"edge":"fra1","pop":"fra","address":"203.0.113.1","why":"in service (weight 1); healthy; in the client's region eu; load 0%"},` +
		`{"edge":"nyc1","pop":"nyc","address":"203.0.113.2","why":"in service (weight 1); healthy; region us, number 1 near eu; load 0%"}],"ttl":20}` +
		` {"verdict":"fra1","reason":"fra1 is healthy, and it stands in the client's region eu (10.1.0.0/16)","clause":"RFC 7871 §7","because":"client subnet 10.1.9.0/24"}`
	if got := text(t, events[0]); got != pick {
		t.Errorf("got %s\nwant %s", got, pick)
	}
	const answer = `{"name":"shop.cdn.test","type":"A","rcode":"NOERROR","source":"gslb","authoritative":true,"answers":["shop.cdn.test. 20 IN A 203.0.113.1"],"ttl":20}` +
		` {"verdict":"answered","reason":"the name in zone cdn.test is an edge's, and fra1 is the best for this client","clause":"RFC 1034 §4.3.2"}`
	if got := text(t, events[1]); got != answer {
		t.Errorf("got %s\nwant %s", got, answer)
	}
}

// text is an event's fact and decision as JSON.
func text(t *testing.T, e trace.Event) string {
	t.Helper()
	fact, err := json.Marshal(e.Fact)
	if err != nil {
		t.Fatal(err)
	}
	d, err := json.Marshal(e.Decision)
	if err != nil {
		t.Fatal(err)
	}
	return string(fact) + " " + string(d)
}

// TestDecisions: every end of a walk has a verdict, a reason and a clause.
func TestDecisions(t *testing.T) {
	var ring trace.Ring
	a := authority(t)
	a.Station = &trace.Station{Name: "authority", Recorder: &ring}
	a.TrustTrace = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	tests := []struct {
		name string
		t    dns.Type
		want string
	}{
		{"ns1.shop.test", mdns.TypeA, "answered: zone shop.test has the records (RFC 1034 §4.3.2)"},
		{"x.w.shop.test", mdns.TypeTXT, "answered: zone shop.test has the records by a wildcard (RFC 4592 §3.3)"},
		{"shop.test", mdns.TypeANY, "answered: zone shop.test has the records; of all types one is given (RFC 8482 §4.1)"},
		{"x.sub.shop.test", mdns.TypeA, "referred: zone shop.test has delegated the name: its servers are named (RFC 1034 §4.3.2)"},
		{"shop.test", mdns.TypeA, "no-such-record: the name exists in zone shop.test, but not with this type (RFC 2308 §2.2)"},
		{"nowhere.shop.test", mdns.TypeA, "no-such-name: zone shop.test has no such name (RFC 2308 §2.1)"},
		{"www.shop.test", mdns.TypeA, "alias: the name is an alias in zone shop.test for one outside it, which is left to the client (RFC 1034 §3.6.2)"},
		{"loop.shop.test", mdns.TypeA, "alias: zone shop.test leads from alias to alias; after 8 of them that is enough (RFC 1034 §3.6.2)"},
		{strings.Repeat("abcdefghi.", 23) + "far.shop.test", mdns.TypeA, "alias: a DNAME in zone shop.test would make the name longer than 255 octets (RFC 6672 §2.2)"},
		{"shop.cdn.test", mdns.TypeTXT, "no-such-record: the name in zone cdn.test is an edge's, and edges have no records of this type (RFC 2308 §2.2)"},
		{"www.example", mdns.TypeA, "refused: no zone here holds this name, and a name server without recursion answers for its own zones only (RFC 1035 §4.1.1)"},
		{"shop.test", mdns.TypeAXFR, "refused: the question is of a kind that is not answered: zones are not transferred (RFC 1035 §4.1.1)"},
		{"shop.test", 200, "refused: the question is of a kind that is not answered (RFC 1035 §4.1.1)"},
	}
	check := func(name string, qt dns.Type, want string) {
		t.Helper()
		c := trace.Context{Trace: trace.ID{1, uint64(len(ring.Traces()) + 1)}, Span: 1, Sampled: true}
		a.AnswerNow(nil, query(t, name, qt, func(m *mdns.Msg) { dns.SetTrace(m, c) }))
		events, _ := ring.Events(c.Trace)
		if len(events) == 0 {
			t.Errorf("%s: no events", name)
			return
		}
		d := events[len(events)-1].Decision
		if got := fmt.Sprintf("%s: %s (%s)", d.Verdict, d.Reason, d.Clause); got != want {
			t.Errorf("%s %s:\n got %s\nwant %s", name, dns.TypeString(qt), got, want)
		}
	}
	for _, tt := range tests {
		check(tt.name, tt.t, tt.want)
	}
	a.Fleet = func() *cdn.Fleet { return &cdn.Fleet{Zone: "cdn.test"} }
	check("shop.cdn.test", mdns.TypeA, "failed: no edge of the fleet is in service (RFC 1034 §4.3.2)")
}

// TestOverTheWire asks a server on real sockets with the library's client.
func TestOverTheWire(t *testing.T) {
	s := &dns.Server{Network: link.OS{}, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Handler: authority(t)}
	addr, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for _, transport := range []string{"udp", "tcp"} {
		m := new(mdns.Msg)
		m.SetQuestion("a.shop.test.", mdns.TypeA)
		c := mdns.Client{Net: transport}
		r, _, err := c.Exchange(m, addr.String())
		if err != nil || len(r.Answer) != 3 || !r.Authoritative {
			t.Errorf("%s: %v, %v", transport, r, err)
		}
	}
	if c := s.Counters(); c.Quick != 2 || c.Slow != 0 {
		t.Errorf("%+v", c)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAllocatesNothing(t *testing.T) {
	a, dst := authority(t), make([]byte, 0, dns.MaxUDP)
	for _, name := range []string{"ns1.shop.test", "a.shop.test", "x.w.shop.test", "x.sub.shop.test", "nowhere.shop.test", "shop.cdn.test", "www.example"} {
		q := query(t, name, mdns.TypeA, withSubnet("10.1.9.0/24"))
		if got := testing.AllocsPerRun(100, func() { a.AnswerNow(dst, q) }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// FuzzAnswer sends any packet: whatever is answered can be read, fits, and
// answers the question.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"a.shop.test.", "x.w.shop.test.", "shop.cdn.test.", "x.sub.shop.test.", "x.old.shop.test.", "."} {
		m := new(mdns.Msg)
		m.SetQuestion(name, mdns.TypeA)
		plain, _ := m.Pack()
		f.Add(plain)
		withSubnet("10.1.9.0/24")(m)
		dns.SetTrace(m, trace.Context{Trace: trace.ID{1, 1}, Span: 1, Sampled: true})
		full, _ := m.Pack()
		f.Add(full)
	}
	var ring trace.Ring
	a := authority(f)
	a.Station = &trace.Station{Name: "authority", Recorder: &ring}
	a.TrustTrace = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, packet []byte) {
		q := &dns.Query{Transport: dns.UDP, From: netip.MustParseAddrPort("10.2.0.53:5353")}
		if q.Parse(packet) != dns.Sound {
			return
		}
		out, _ := a.AnswerNow(nil, q)
		m := new(mdns.Msg)
		if err := m.Unpack(out); err != nil || len(out) > q.MaxSize() {
			t.Fatalf("%x: %d octets, %v", packet, len(out), err)
		}
		name, err := dns.ParseName(m.Question[0].Name)
		if err != nil || string(name) != string(q.Name) || m.Id != q.ID || !m.Response {
			t.Fatalf("%x: answered with %v", packet, m)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	a, dst := authority(b), make([]byte, 0, dns.MaxUDP)
	for _, bb := range []struct{ name, asked string }{
		{"static", "ns1.shop.test"}, {"alias", "a.shop.test"}, {"wildcard", "x.w.shop.test"},
		{"referral", "x.sub.shop.test"}, {"nxdomain", "nowhere.shop.test"}, {"smart", "shop.cdn.test"}, {"refused", "www.example"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			q := query(b, bb.asked, mdns.TypeA, withSubnet("10.1.9.0/24"))
			packet := q.Packet
			b.ReportAllocs()
			for b.Loop() {
				q.Parse(packet)
				a.AnswerNow(dst, q)
			}
		})
	}
	b.Run("smart, recorded", func(b *testing.B) {
		var ring trace.Ring
		a := authority(b)
		a.Station = &trace.Station{Name: "authority", Recorder: &ring}
		a.TrustTrace = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		q := query(b, "shop.cdn.test", mdns.TypeA, func(m *mdns.Msg) {
			dns.SetTrace(m, trace.Context{Trace: trace.ID{1, 1}, Span: 1, Sampled: true})
		})
		b.ReportAllocs()
		for b.Loop() {
			a.AnswerNow(dst, q)
		}
	})
}
