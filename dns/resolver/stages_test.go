package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/fault"
	"waypost/trace"
)

// localZone parses a zone for Config.Zones.
func localZone(t testing.TB, origin, text string) *dns.Zone {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(text), dns.MustName(origin), origin+".zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// forwards makes addr a server that walks for its clients: it knows records.
func (n *internet) forwards(addr, records string) *nameServer {
	known := rrs(records)
	return n.answers(addr, func(q *mdns.Msg) *mdns.Msg {
		m := &mdns.Msg{MsgHdr: mdns.MsgHdr{RecursionAvailable: true}}
		if !q.RecursionDesired {
			m.Rcode = mdns.RcodeRefused
			return m
		}
		name := q.Question[0].Name
		for range 8 {
			next := ""
			for _, rr := range known {
				if h := rr.Header(); h.Name == name && (h.Rrtype == q.Question[0].Qtype || h.Rrtype == mdns.TypeCNAME) {
					m.Answer = append(m.Answer, rr)
					if c, ok := rr.(*mdns.CNAME); ok {
						next = c.Target
					}
				}
			}
			name = next
		}
		if len(m.Answer) == 0 {
			m.Rcode = mdns.RcodeNameError
		}
		return m
	})
}

// TestStages: each name is answered by the first stage that knows it, and
// the record says which and why.
func TestStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.forwards("192.0.2.60", "x.corp.test. 60 IN A 10.0.0.1\nalias.corp.test. 60 IN CNAME www.home.test.\nwww.home.test. 60 IN A 192.0.2.66")
		hosts, _, _ := ParseHosts(strings.NewReader("198.51.100.200 pinned.shop.test\n"), "hosts")
		home := localZone(t, "home.test", `$TTL 900
@ IN SOA ns host 1 2 3 4 60
@ IN NS ns
ns IN A 192.0.2.70
www IN A 192.168.1.80
web IN CNAME www
shop IN CNAME direct.shop.test.
*.wild IN A 192.168.1.81
sub IN NS ns.sub
ns.sub IN A 192.0.2.71
`)
		n.zone("192.0.2.71", "$ORIGIN sub.home.test.\n@ 60 IN SOA a b 1 2 3 4 5\nwww 60 IN A 192.168.2.1\n")
		r := client(n, func(c *Config) {
			c.Hosts, c.Zones = hosts, []*dns.Zone{home}
			c.Forward = []Forward{{Zone: dns.MustName("corp.test"), Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.60:53")}}}
		})
		for _, c := range []struct {
			name          string
			qtype         uint16
			want          string
			source        string
			authoritative bool
			reason        string
			sent          int
		}{
			{"pinned.shop.test", mdns.TypeA, "NOERROR 198.51.100.200", "hosts", false, "the name stands in the hosts file, which is asked first", 0},
			{"pinned.shop.test", mdns.TypeAAAA, "NOERROR", "hosts", false, "the name stands in the hosts file, which is asked first", 0},
			{"www.home.test", mdns.TypeA, "NOERROR 192.168.1.80", "zone", true, "answered from the local zone home.test", 0},
			{"web.home.test", mdns.TypeA, "NOERROR www.home.test. 192.168.1.80", "zone", true, "answered from the local zone home.test", 0},
			{"any.wild.home.test", mdns.TypeA, "NOERROR 192.168.1.81", "zone", true, "answered from the local zone home.test", 0},
			{"no.home.test", mdns.TypeA, "NXDOMAIN", "zone", true, "answered from the local zone home.test", 0},
			{"www.home.test", mdns.TypeMX, "NOERROR", "zone", true, "answered from the local zone home.test", 0},
			{"shop.home.test", mdns.TypeA, "NOERROR direct.shop.test. 198.51.100.80", "iteration", false, "", 3},
			{"direct.shop.test", mdns.TypeA, "NOERROR 198.51.100.80", "cache", false, "cached, 120 s left", 0},
			{"www.sub.home.test", mdns.TypeA, "NOERROR 192.168.2.1", "iteration", false, "", 1},
			{"x.corp.test", mdns.TypeA, "NOERROR 10.0.0.1", "forwarder", false, "a forwarder found it", 1},
			{"alias.corp.test", mdns.TypeA, "NOERROR www.home.test. 192.168.1.80", "forwarder", false, "", 1},
			{"y.corp.test", mdns.TypeA, "NXDOMAIN", "forwarder", false, "a forwarder found it", 1},
			{"localhost", mdns.TypeA, "NOERROR 127.0.0.1", "zone", true, "the name has a meaning of its own and no server is asked for it", 0},
			{"a.localhost", mdns.TypeAAAA, "NOERROR ::1", "zone", true, "the name has a meaning of its own and no server is asked for it", 0},
			{"localhost", mdns.TypeTXT, "NOERROR", "zone", true, "the name has a meaning of its own and no server is asked for it", 0},
			{"x.invalid", mdns.TypeA, "NXDOMAIN", "zone", true, "the name has a meaning of its own and no server is asked for it", 0},
			{"x.onion", mdns.TypeA, "NXDOMAIN", "zone", true, "the name has a meaning of its own and no server is asked for it", 0},
			{"shop.test", mdns.TypeANY, `NOERROR "RFC8482" ""`, "zone", false, "the name has a meaning of its own and no server is asked for it", 0},
		} {
			var book notebook
			a, err := r.Lookup(book.begin("browser"), dns.MustName(c.name), c.qtype)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got := short(a); got != c.want || a.Source != c.source || a.Authoritative != c.authoritative {
				t.Errorf("%s: %s from %s, authoritative %v; want %s from %s, %v", c.name, got, a.Source, a.Authoritative, c.want, c.source, c.authoritative)
			}
			last := book.events[len(book.events)-1]
			fact, ok := last.Fact.(trace.DNSAnswer)
			if !ok || c.reason != "" && last.Decision.Reason != c.reason {
				t.Errorf("%s: last event %+v %+v, want reason %q", c.name, last.Fact, last.Decision, c.reason)
			}
			if ok && fact.Source != c.source {
				t.Errorf("%s: the record says %s, want %s", c.name, fact.Source, c.source)
			}
			if sent := n.log(); len(sent) != c.sent {
				t.Errorf("%s: sent %v, want %d", c.name, sent, c.sent)
			}
		}
	})
}

// TestForwarder: in the configuration's order, the next when one fails, and
// one query with one answer in the record.
func TestForwarder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet()
		n.forwards("192.0.2.61", "www.shop.test. 60 IN A 198.51.100.1")
		n.servers[netip.MustParseAddr("192.0.2.60")] = &nameServer{}
		r := client(n, func(c *Config) {
			c.Roots = nil
			c.Forward = []Forward{{Zone: dns.Root, Servers: []netip.AddrPort{
				netip.MustParseAddrPort("192.0.2.60:53"), netip.MustParseAddrPort("192.0.2.61:53"),
			}}}
		})
		var book notebook
		if _, err := r.Lookup(book.begin("browser"), dns.MustName("www.shop.test"), mdns.TypeA); err != nil {
			t.Fatal(err)
		}
		same(t, "record", book.lines(), []string{
			"dns.query www.shop.test A @192.0.2.60:53 [asked]",
			"dns.answer www.shop.test A  from server 0 [next-server]",
			"dns.query www.shop.test A @192.0.2.61:53 [asked]",
			"dns.answer www.shop.test A NOERROR from server 1 [answered]",
			"dns.answer www.shop.test A NOERROR from forwarder 1 [answered]",
		})
		if got := time.Since(n.began); got != forwarderTimeout+10*time.Millisecond {
			t.Errorf("took %v", got)
		}
	})
}

// TestForwardersOnly: a resolver that may ask nobody says so.
func TestForwardersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := client(newInternet(), func(c *Config) { c.Roots = nil })
		if got, want := look(r, "www.shop.test", mdns.TypeA), "resolve www.shop.test: no forwarder and no root server is configured for it"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestAddrs(t *testing.T) {
	for _, c := range []struct {
		host string
		want string
	}{
		{"direct.shop.test", "[2001:db8::80 198.51.100.80]"},
		{"four.shop.test.", "[198.51.100.4]"},
		{"a.shop.test", "[2001:db8::80 198.51.100.80]"},
		{"198.51.100.7", "[198.51.100.7]"},
		{"::ffff:198.51.100.7", "[198.51.100.7]"},
		{"localhost", "[::1 127.0.0.1]"},
		{"text.shop.test", "resolve text.shop.test: the name has no address"},
		{"nobody.shop.test", "resolve nobody.shop.test: no such name (NXDOMAIN)"},
		{"a..b", `resolve a..b: name "a..b": empty label at offset 2`},
	} {
		synctest.Test(t, func(t *testing.T) {
			addrs, err := client(world(), nil).Addrs(context.Background(), c.host)
			got := fmt.Sprint(addrs)
			if err != nil {
				got = err.Error()
				if fault.Of(err) != fault.DNSError {
					t.Errorf("%s: fault %s", c.host, fault.Of(err))
				}
			}
			if got != c.want {
				t.Errorf("%s: %s, want %s", c.host, got, c.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		n := world()
		if _, err := client(n, nil).Addrs(context.Background(), "nobody.shop.test"); !errors.Is(err, ErrNoSuchName) {
			t.Errorf("error %v", err)
		}
		// Both families share the walk down to the zone.
		same(t, "questions", n.log()[:2], []string{"192.0.2.1 test. A", "192.0.2.2 shop.test. A"})
	})
}

// TestDNAME: an alias for a whole subtree, with and without the CNAME that a
// server makes of it.
func TestDNAME(t *testing.T) {
	for _, made := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := world()
			n.answers(shopAddr, func(q *mdns.Msg) *mdns.Msg {
				m := &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}}
				switch q.Question[0].Name {
				case "www.old.shop.test.":
					m.Answer = rrs("old.shop.test. 60 IN DNAME new.shop.test.")
					if made {
						m.Answer = append(m.Answer, rrs("www.old.shop.test. 60 IN CNAME www.new.shop.test.")...)
					}
				case "www.new.shop.test.":
					m.Answer = rrs("www.new.shop.test. 60 IN A 198.51.100.12")
				default:
					m.Ns = rrs("shop.test. 60 IN SOA a. b. 1 2 3 4 5")
				}
				return m
			})
			want := "NOERROR new.shop.test. www.new.shop.test. 198.51.100.12"
			if got := look(client(n, nil), "www.old.shop.test", mdns.TypeA); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
