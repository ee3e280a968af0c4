package dns

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

const shopZone = `$ORIGIN shop.test.
$TTL 300
@       IN SOA ns1 hostmaster (
            2026010101 ; serial
            7200 3600 1209600
            60 )
        IN NS  ns1
        IN NS  ns.elsewhere.test.
        IN MX  10 mail
        IN TXT "a ; b" "(c"
ns1     IN A   192.0.2.1
        IN AAAA 2001:db8::1
mail    IN A   192.0.2.2
www     IN CNAME shop.cdn.test.
alias   IN CNAME mail
*.wild  IN A   192.0.2.9
        IN TXT "star"
sub.wild IN TXT "not starred"
*.also  IN CNAME mail
deep.er.empty IN A 192.0.2.3
sub     IN NS ns.sub
        IN NS ns1
        IN DS 1 8 2 AABB
ns.sub  IN A 192.0.2.53
old     IN DNAME new.test.
`

func parse(t testing.TB, text, origin string) *Zone {
	t.Helper()
	z, err := ParseZone(strings.NewReader(text), MustName(origin), "test.zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func ExampleZone_Lookup() {
	file := strings.NewReader(`
@    3600 IN SOA ns1 hostmaster 1 7200 3600 1209600 60
@    3600 IN NS  ns1
ns1  3600 IN A   192.0.2.1
www  300  IN CNAME shop.cdn.test.
`)
	z, err := ParseZone(file, MustName("shop.test"), "shop.test.zone")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := z.Lookup(MustName("www.shop.test"), mdns.TypeA)
	fmt.Println(r.Outcome, r.Target)
	r = z.Lookup(MustName("nowhere.shop.test"), mdns.TypeA)
	fmt.Println(r.Outcome, r.SOA.TTL)
	// Output:
	// alias shop.cdn.test.
	// no such name 60
}

func TestLookup(t *testing.T) {
	z := parse(t, shopZone, "shop.test")
	if len(z.Warnings) > 0 {
		t.Errorf("warnings: %q", z.Warnings)
	}
	tests := []struct {
		name string
		t    Type
		want string
	}{
		{"shop.test", mdns.TypeSOA, "answer shop.test. SOA"},
		{"shop.test", mdns.TypeA, "no data"},
		{"shop.test", mdns.TypeANY, "answer shop.test. NS"},
		{"ns1.shop.test", mdns.TypeA, "answer ns1.shop.test. A"},
		{"ns1.shop.test", mdns.TypeAAAA, "answer ns1.shop.test. AAAA"},
		{"ns1.shop.test", mdns.TypeANY, "answer ns1.shop.test. A"},
		{"ns1.shop.test", mdns.TypeMX, "no data"},
		{"x.ns1.shop.test", mdns.TypeA, "no such name"},
		{"www.shop.test", mdns.TypeA, "alias www.shop.test. CNAME shop.cdn.test."},
		{"www.shop.test", mdns.TypeCNAME, "answer www.shop.test. CNAME"},
		{"alias.shop.test", mdns.TypeAAAA, "alias alias.shop.test. CNAME mail.shop.test."},
		{"nowhere.shop.test", mdns.TypeA, "no such name"},
		{"shop.example", mdns.TypeA, "not here"},
		{"test", mdns.TypeA, "not here"},
		// Wildcards, RFC 4592.
		{"a.wild.shop.test", mdns.TypeA, "answer *.wild.shop.test. A wildcard"},
		{"b.a.wild.shop.test", mdns.TypeTXT, "answer *.wild.shop.test. TXT wildcard"},
		{"a.wild.shop.test", mdns.TypeMX, "no data wildcard"},
		{"*.wild.shop.test", mdns.TypeA, "answer *.wild.shop.test. A"},
		{"x.*.wild.shop.test", mdns.TypeA, "no such name"},   // below the asterisk nothing is matched
		{"sub.wild.shop.test", mdns.TypeA, "no data"},        // exists, so the wildcard does not cover it
		{"x.sub.wild.shop.test", mdns.TypeA, "no such name"}, // its closest encloser has no wildcard
		{"wild.shop.test", mdns.TypeA, "no data"},            // exists by its child
		{"x.also.shop.test", mdns.TypeA, "alias *.also.shop.test. CNAME mail.shop.test. wildcard"},
		// Empty non-terminals, RFC 4592 §2.2.2.
		{"empty.shop.test", mdns.TypeA, "no data"},
		{"er.empty.shop.test", mdns.TypeANY, "no data"},
		{"x.er.empty.shop.test", mdns.TypeA, "no such name"},
		// Delegation.
		{"sub.shop.test", mdns.TypeA, "delegation sub.shop.test. NS glue ns.sub.shop.test. A glue ns1.shop.test. A glue ns1.shop.test. AAAA"},
		{"sub.shop.test", mdns.TypeNS, "delegation sub.shop.test. NS glue ns.sub.shop.test. A glue ns1.shop.test. A glue ns1.shop.test. AAAA"},
		{"sub.shop.test", mdns.TypeDS, "answer sub.shop.test. DS"},
		{"ns.sub.shop.test", mdns.TypeA, "delegation sub.shop.test. NS glue ns.sub.shop.test. A glue ns1.shop.test. A glue ns1.shop.test. AAAA"},
		{"a.b.sub.shop.test", mdns.TypeDS, "delegation sub.shop.test. NS glue ns.sub.shop.test. A glue ns1.shop.test. A glue ns1.shop.test. AAAA"},
		// DNAME, RFC 6672.
		{"old.shop.test", mdns.TypeA, "no data"},
		{"old.shop.test", mdns.TypeDNAME, "answer old.shop.test. DNAME"},
		{"a.b.old.shop.test", mdns.TypeA, "alias old.shop.test. DNAME a.b.new.test."},
		{strings.Repeat("a123456789.", 21) + "old.shop.test", mdns.TypeA, "alias old.shop.test. DNAME " + strings.Repeat("a123456789.", 21) + "new.test."},
	}
	for _, tt := range tests {
		if got := describe(z.Lookup(MustName(tt.name), tt.t)); got != tt.want {
			t.Errorf("%s %s:\n got %s\nwant %s", tt.name, TypeString(tt.t), got, tt.want)
		}
	}
}

// describe is a Result on one line.
func describe(r Result) string {
	s := r.Outcome.String()
	if r.Set != nil {
		s += " " + r.Set.Owner.String() + " " + TypeString(r.Set.Type)
	}
	if r.Target != "" {
		s += " " + r.Target.String()
	}
	for _, g := range r.Glue {
		s += " glue " + g.Owner.String() + " " + TypeString(g.Type)
	}
	if r.Wildcard {
		s += " wildcard"
	}
	return s
}

func TestLookupDNAMETooLong(t *testing.T) {
	z := parse(t, "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a.x.\no 60 DNAME "+strings.Repeat("a23456789.", 20)+"\n", "x")
	r := z.Lookup(MustName(strings.Repeat("b23456789.", 10)+"o.x"), mdns.TypeA)
	if r.Outcome != Alias || r.Target != "" {
		t.Errorf("got %s", describe(r))
	}
}

func TestNegativeTTL(t *testing.T) {
	z := parse(t, shopZone, "shop.test")
	r := z.Lookup(MustName("nowhere.shop.test"), mdns.TypeA)
	if r.SOA == nil || r.SOA.TTL != 60 || r.SOA.RRs[0].Header().Ttl != 60 {
		t.Errorf("negative SOA %+v, want TTL 60, the SOA's minimum", r.SOA)
	}
	if z.SOA.TTL != 300 || z.SOA.RRs[0].Header().Ttl != 300 {
		t.Errorf("SOA %+v, want its own TTL 300", z.SOA)
	}
}

func TestRootZone(t *testing.T) {
	z := parse(t, `
. 86400 SOA a.root. host.root. 1 2 3 4 5
. 86400 NS a.root.
a.root. 86400 A 198.51.100.1
test. 86400 NS ns.test.
ns.test. 86400 A 198.51.100.2
`, ".")
	for name, want := range map[string]string{
		"www.shop.test": "delegation test. NS glue ns.test. A",
		".":             "answer . NS glue a.root. A",
		"nowhere":       "no such name",
		"a.root":        "no data",
	} {
		if got := describe(z.Lookup(MustName(name), mdns.TypeNS)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestParseZoneErrors(t *testing.T) {
	const head = "@ 60 IN SOA ns1 host 1 2 3 4 5\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "z:1: zone x.test. has no SOA record at its origin (RFC 1035 §5.2)\nz:1: zone x.test. has no NS record at its origin (RFC 1034 §4.2.1)"},
		{"syntax", head + "www 60 IN A 1.2.3\n", `z:4:17: bad A A: "1.2.3"`},
		{"no TTL", "@ SOA ns1 host 1 2 3 4 5\n", "z:1:"},
		{"unknown type", head + "\n\nwww 60 IN WHAT 1\n", "z:6:"},
		{"include", head + "$INCLUDE /etc/passwd\n", "z:4: $INCLUDE is not taken"},
		{"generate", head + "$generate 1-65535 h$ A 192.0.2.1\n", "z:4: $GENERATE is not taken"},
		{"unclosed", head + "www 60 IN TXT ( \"a\"\n", "z:4"},
		{"other class", head + "www 60 CH TXT \"a\"\n", "z:4: www.x.test. TXT: class CH: only IN is served"},
		{"meta type", head + "www 60 IN TYPE41 \\# 0\n", "z:4:"},
		{"elsewhere", head + "www.y.test. 60 IN A 192.0.2.2\n", "z:4: www.y.test. A: not in the zone x.test."},
		{"unknown type", head + "www IN Q 192.0.2.2\n", `: unknown type "Q"`},
		{"large TTL", head + "www 4294967295 IN A 192.0.2.2\n", "z:4: www.x.test. A: TTL 4294967295 is more than 2147483647"},
		{"two SOA", head + "@ 60 IN SOA ns1 host 2 2 3 4 5\n", "z:1: zone x.test. has 2 SOA records"},
		{"SOA elsewhere", head + "a 60 IN SOA ns1 host 2 2 3 4 5\n", "z:4: a.x.test. SOA: a zone has its SOA record at its origin x.test. only"},
		{"CNAME and A", head + "; a comment\n\nwww 60 IN CNAME ns1\nmail 60 IN A 192.0.2.3\nwww 60 IN A 192.0.2.2\n", "z:6: www.x.test. CNAME stands beside A on line 8"},
		{"CNAME at the apex", head + "@ 60 IN CNAME ns1\n", "z:4: x.test. CNAME stands beside NS on line 2"},
		{"two CNAME", head + "www 60 IN CNAME ns1\nwww 60 IN CNAME ns2\n", "z:4: www.x.test. has 2 CNAME records"},
		{"below DNAME", head + "a 60 IN DNAME y.test.\nb.c.a 60 IN A 192.0.2.2\n", "z:5: b.c.a.x.test. A stands below the DNAME of a.x.test. on line 4"},
		{"two DNAME", head + "a 60 IN DNAME y.test.\na 60 IN DNAME z.test.\n", "z:4: a.x.test. has 2 DNAME records"},
		{"no RDATA", head + "a 60 IN A\n", "z:4"},
		{"all of them", head + "a. 60 IN A 192.0.2.2\nb. 60 IN A 192.0.2.2\n", "z:5: b. A: not in the zone"},
		{"long name", head + strings.Repeat(strings.Repeat("a", 63)+".", 5) + " 60 IN A 192.0.2.2\n", "z:4"},
	}
	for _, tt := range tests {
		z, err := ParseZone(strings.NewReader(tt.text), MustName("x.test"), "z")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v\nwant %s", tt.name, z, err, tt.want)
		}
	}
	if _, err := ParseZone(strings.NewReader(head), "", "z"); err == nil {
		t.Errorf("no origin is fine")
	}
	many := strings.Repeat("a. 60 IN A 192.0.2.2\n", 1000)
	if _, err := ParseZone(strings.NewReader(head+many), MustName("x.test"), "z"); strings.Count(err.Error(), "\n") != maxProblems-1 {
		t.Errorf("got %d lines of errors, want %d", strings.Count(err.Error(), "\n")+1, maxProblems)
	}
}

func TestZoneLines(t *testing.T) {
	const text = `; a comment ( with "an open end
$TTL 60
@ IN SOA ns1 host ( 1 2
   3 4 5 ) ; more "
@ IN NS ns1

  ; another
ns1 IN A 192.0.2.1
txt IN TXT "a ( b ; c
d" ( "e"
"f" )
$ORIGIN sub.x.test.
odd IN A 192.0.2.2 ; here
$TTL 30
   IN A 192.0.2.3
last IN TXT "\"" "\;"
outside.test. IN A 192.0.2.4`
	records, err := readRecords(strings.NewReader(text), MustName("x.test"), "z")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%d %s %s", r.line, r.name, TypeString(r.rr.Header().Rrtype)))
	}
	want := []string{
		"3 x.test. SOA", "5 x.test. NS", "8 ns1.x.test. A", "9 txt.x.test. TXT",
		"13 odd.sub.x.test. A", "15 odd.sub.x.test. A", "16 last.sub.x.test. TXT", "17 outside.test. A",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestZoneWarnings(t *testing.T) {
	const text = `@ 60 SOA ns1 host 1 2 3 4 5
@ 60 NS ns1
@ 60 NS ns.gone
sub 60 NS ns.sub
sub 60 NS ns1.other.test.
x.sub 60 TXT "hidden"
www 60 A 192.0.2.1
www 30 A 192.0.2.2
alias 60 CNAME www
@ 60 MX 10 alias
@ 60 MX 20 .
*.d 60 NS ns.elsewhere.test.
ns1 60 AAAA 2001:db8::1
`
	z := parse(t, text, "x.test")
	want := `test.zone:8: www.x.test. A: TTL 30, but 60 on line 7: a set has one TTL, the smaller is used (RFC 2181 §5.2)
test.zone:2: x.test. NS names ns.gone.x.test., which does not exist in this zone
test.zone:10: x.test. MX names alias.x.test., which is an alias (RFC 2181 §10.3)
test.zone:6: x.sub.x.test. TXT is hidden: sub.x.test. is delegated on line 4
test.zone:12: *.d.x.test. NS: a wildcard does not delegate (RFC 4592 §4.2)
test.zone:2: x.test. NS names ns.gone.x.test., which has no address here: it needs glue (RFC 1034 §4.2.1)
test.zone:4: sub.x.test. NS names ns.sub.x.test., which has no address here: it needs glue (RFC 1034 §4.2.1)`
	if got := strings.Join(z.Warnings, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r := z.Lookup(MustName("www.x.test"), mdns.TypeA); r.Set.TTL != 30 {
		t.Errorf("TTL %d, want 30", r.Set.TTL)
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	z := parse(t, shopZone, "shop.test")
	for _, name := range []string{"ns1.shop.test", "a.b.wild.shop.test", "no.such.shop.test", "x.sub.shop.test"} {
		n := []byte(MustName(name))
		if got := testing.AllocsPerRun(100, func() { z.LookupWire(n, mdns.TypeA) }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// placed is how every message about a zone begins.
var placed = regexp.MustCompile(`^z:\d+:`)

func FuzzZone(f *testing.F) {
	f.Add(shopZone, "a.wild.shop.test")
	f.Add("@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a\n* 60 DNAME b\n", "x.y")
	f.Add("$ORIGIN .\n$TTL 1h\n@ NS (\n a )\n", ".")
	f.Fuzz(func(t *testing.T, text, asked string) {
		if len(text) > 1<<14 {
			return
		}
		origin := MustName("shop.test")
		z, err := ParseZone(strings.NewReader(text), origin, "z")
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !placed.MatchString(line) {
					t.Fatalf("error without a line: %q", line)
				}
			}
			return
		}
		name, err := ParseName(asked)
		if err != nil {
			return
		}
		for _, n := range ancestors(name) {
			for _, qt := range []Type{mdns.TypeA, mdns.TypeNS, mdns.TypeANY, mdns.TypeDS} {
				r := z.Lookup(n, qt)
				switch r.Outcome {
				case NotHere:
					if n.Under(origin) {
						t.Fatalf("%v: not here", n)
					}
				case Answer, Alias, Delegation:
					if r.Set == nil || len(r.Set.data) == 0 || len(r.Set.data) != len(r.Set.RRs) {
						t.Fatalf("%v: %s without records", n, r.Outcome)
					}
				case NoData, NXDomain:
					if r.SOA == nil {
						t.Fatalf("%v: %s without SOA", n, r.Outcome)
					}
				}
				checkReply(t, z, n, qt)
			}
		}
	})
}

// ancestors are a name and all names above it.
func ancestors(n Name) []Name {
	all := []Name{n}
	for n != Root {
		n = n.Parent()
		all = append(all, n)
	}
	return all
}

// checkReply answers one question from a zone and reads the answer back.
func checkReply(t *testing.T, z *Zone, name Name, qt Type) {
	t.Helper()
	q := question(t, name.String(), qt, 1232)
	r := NewReply(nil, q)
	res := z.LookupWire(q.Name, qt)
	switch res.Outcome {
	case Answer:
		r.Answer("", res.Set)
	case Alias:
		if res.Set.Type == mdns.TypeDNAME {
			r.Answer(res.Set.Owner, res.Set)
			if res.Target != "" {
				r.CNAME("", res.Target, res.Set.TTL)
			}
		} else {
			r.Answer("", res.Set)
		}
	case Delegation:
		r.Authority(res.Set)
		for _, g := range res.Glue {
			r.Additional(g, true)
		}
	case NoData, NXDomain:
		r.Authority(res.SOA)
	}
	out := r.Finish()
	if len(out) > q.MaxSize() {
		t.Fatalf("%v: reply of %d octets", name, len(out))
	}
	m := new(mdns.Msg)
	if err := m.Unpack(out); err != nil {
		t.Fatalf("%v: reply %x: %v", name, out, err)
	}
	if r.Truncated() != m.Truncated {
		t.Fatalf("%v: TC %v, want %v", name, m.Truncated, r.Truncated())
	}
	if !m.Truncated && res.Outcome == Answer && len(m.Answer) != len(res.Set.RRs) {
		t.Fatalf("%v: %d records, want %d", name, len(m.Answer), len(res.Set.RRs))
	}
}
