package resolver

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
)

// TestRoad walks from the root to the edge's address and reads the record.
func TestRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		var book notebook
		a, err := r.Lookup(book.begin("browser"), dns.MustName("www.shop.test"), mdns.TypeA)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := short(a), "NOERROR www.shop.test.cdn.test. 198.51.100.10 198.51.100.11"; got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
		if a.TTL != 30*time.Second || a.Source != fromIteration || a.Authoritative {
			t.Errorf("TTL %v, source %s, authoritative %v", a.TTL, a.Source, a.Authoritative)
		}
		same(t, "record", book.lines(), []string{
			"dns.query test A @192.0.2.1:53 [minimised]",
			"dns.referral test → a.nic.test [referred]",
			"dns.query shop.test A @192.0.2.2:53 [minimised]",
			"dns.referral shop.test → ns1.shop.test [referred]",
			"dns.query www.shop.test A @192.0.2.3:53 [asked]",
			"dns.answer www.shop.test A NOERROR from server 1 [alias]",
			"dns.query cdn.test A @192.0.2.2:53 [minimised]",
			"dns.referral cdn.test → ns1.cdn.test [referred]",
			"dns.query test.cdn.test A @192.0.2.4:53 [minimised]",
			"dns.answer test.cdn.test A NOERROR from server 0 [no-such-record]",
			"dns.query shop.test.cdn.test A @192.0.2.4:53 [minimised]",
			"dns.answer shop.test.cdn.test A NOERROR from server 0 [no-such-record]",
			"dns.query www.shop.test.cdn.test A @192.0.2.4:53 [asked]",
			"dns.answer www.shop.test.cdn.test A NOERROR from server 2 [answered]",
			"dns.answer www.shop.test A NOERROR from iteration 3 [answered]",
		})
		reasons := book.reasons()
		for _, reason := range reasons {
			if strings.Contains(reason, "once more") {
				t.Errorf("every question was asked once, and the record says %q", reason)
			}
			if strings.Contains(reason+" ", "test. ") || strings.Contains(reason, "test.;") {
				t.Errorf("a name with the final dot in %q", reason)
			}
		}
		for _, want := range []string{
			"the root does not know, but delegates test",
			"the servers of test are only shown shop.test: they need not know the whole name",
			"test does not know, but delegates cdn.test",
			"the name is an alias; www.shop.test.cdn.test is asked for next, where its own servers are",
		} {
			if !slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(r, want) }) {
				t.Errorf("nothing says %q in %q", want, reasons)
			}
		}
		if got, want := time.Since(n.began), 70*time.Millisecond; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	})
}

func TestIterate(t *testing.T) {
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"direct.shop.test", mdns.TypeA, "NOERROR 198.51.100.80"},
		{"direct.shop.test", mdns.TypeAAAA, "NOERROR 2001:db8::80"},
		{"four.shop.test", mdns.TypeAAAA, "NOERROR"},
		{"a.shop.test", mdns.TypeA, "NOERROR b.shop.test. direct.shop.test. 198.51.100.80"},
		{"a.shop.test", mdns.TypeCNAME, "NOERROR b.shop.test."},
		{"nobody.shop.test", mdns.TypeA, "NXDOMAIN"},
		{"gone.shop.test", mdns.TypeA, "NXDOMAIN nothing.shop.test."},
		{"in.side.shop.test", mdns.TypeA, "NOERROR"},
		{"deep.in.side.shop.test", mdns.TypeA, "NOERROR 198.51.100.5"},
		{"text.shop.test", mdns.TypeTXT, `NOERROR "hello"`},
		{"nowhere", mdns.TypeA, "NXDOMAIN"},
		{"loop1.shop.test", mdns.TypeA, "resolve loop1.shop.test: 192.0.2.3: aliases that lead back to where they began"},
		{"out.shop.test", mdns.TypeA, "resolve out.shop.test: aliases that lead back to where they began"},
		{".", mdns.TypeSOA, "NOERROR a.root. host.root. 1 2 3 4 300"},
	} {
		synctest.Test(t, func(t *testing.T) {
			for _, full := range []bool{false, true} {
				r := client(world(), func(c *Config) { c.FullNames = full })
				if got := look(r, c.name, c.qtype); got != c.want {
					t.Errorf("%s %s, full names %v: %s, want %s", c.name, dns.TypeString(c.qtype), full, got, c.want)
				}
			}
		})
	}
}
