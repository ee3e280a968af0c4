package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/fault"
)

// evil is a world in which evil.test. is served by answer.
func evil(answer func(q *mdns.Msg) *mdns.Msg) *internet {
	const addr = "192.0.2.66"
	n := world()
	n.zone(tldAddr, `$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
shop 3600 IN NS ns1.shop.test.
ns1.shop 3600 IN A `+shopAddr+`
evil 3600 IN NS ns.evil.test.
ns.evil 3600 IN A `+addr+`
`)
	n.answers(addr, answer)
	return n
}

// TestNXNS: a referral to very many servers that do not exist costs the
// victim at most MaxPerReferral look-ups.
func TestNXNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := evil(func(q *mdns.Msg) *mdns.Msg {
			m := new(mdns.Msg)
			for i := range 200 {
				m.Ns = append(m.Ns, rrs(fmt.Sprintf("%s 60 IN NS fake%d.shop.test.", q.Question[0].Name, i))...)
			}
			return m
		})
		n.servers[netip.MustParseAddr("192.0.2.66")].limit = 0
		r := client(n, nil)
		got := look(r, "attack.evil.test", mdns.TypeA)
		if want := "resolve attack.evil.test: no address of a server of attack.evil.test could be found"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		victim := 0
		for _, l := range n.log() {
			if strings.HasPrefix(l, shopAddr+" fake") {
				victim++
			}
		}
		if victim > 2*MaxPerReferral { // A and AAAA
			t.Errorf("the victim got %d questions, want at most %d", victim, 2*MaxPerReferral)
		}
	})
}

// TestEndless: worlds without end are left at the limit that names them, and
// no question sends more than MaxQueries.
func TestEndless(t *testing.T) {
	count := 0
	for _, c := range []struct {
		what   string
		name   string
		answer func(q *mdns.Msg) *mdns.Msg
		want   string
		most   int
	}{
		{"aliases", "a.evil.test", func(q *mdns.Msg) *mdns.Msg {
			count++
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs(fmt.Sprintf("%s 60 IN CNAME x%d.evil.test.", q.Question[0].Name, count))}
		}, "gave up after 11 aliases", MaxChain + 3},
		{"referrals", strings.Repeat("a.", 100) + "evil.test", func(q *mdns.Msg) *mdns.Msg {
			count++
			labels := mdns.SplitDomainName(q.Question[0].Name)
			zone := strings.Join(labels[max(0, len(labels)-2-count):], ".") + "."
			return &mdns.Msg{Ns: rrs(zone + " 60 IN NS ns." + zone), Extra: rrs("ns." + zone + " 60 IN A 192.0.2.66")}
		}, "gave up after 16 referrals", MaxReferrals + 3},
		{"servers in need of servers", "a.evil.test", func(q *mdns.Msg) *mdns.Msg {
			count++
			return &mdns.Msg{Ns: rrs(fmt.Sprintf("%s 60 IN NS ns.x%d.evil.test.", q.Question[0].Name, count))}
		}, "no address of a server of a.evil.test could be found", MaxQueries},
		{"many servers in need of many", "a.evil.test", func(q *mdns.Msg) *mdns.Msg {
			m := new(mdns.Msg)
			for range 10 {
				count++
				m.Ns = append(m.Ns, rrs(fmt.Sprintf("%s 60 IN NS ns.x%d.evil.test.", q.Question[0].Name, count))...)
			}
			return m
		}, "", MaxQueries},
		{"labels", strings.Repeat("a.", 120) + "evil.test", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}, Ns: rrs("evil.test. 60 IN SOA a. b. 1 2 3 4 5")}
		}, "NOERROR", minimiseCount + 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			count = 0
			n := evil(c.answer)
			got := look(client(n, nil), c.name, mdns.TypeA)
			if !strings.HasSuffix(got, c.want) {
				t.Errorf("%s: %s, want %s", c.what, got, c.want)
			}
			if sent := len(n.asked); sent > c.most {
				t.Errorf("%s: %d questions were sent, want at most %d", c.what, sent, c.most)
			}
		})
	}
}

// TestMaxTime: many servers that are silent do not keep a client for ever.
func TestMaxTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := evil(func(q *mdns.Msg) *mdns.Msg {
			m := new(mdns.Msg)
			for i := range 13 {
				ns := fmt.Sprintf("ns%d.%s", i, q.Question[0].Name)
				m.Ns = append(m.Ns, rrs(q.Question[0].Name+" 60 IN NS "+ns)...)
				m.Extra = append(m.Extra, rrs(fmt.Sprintf("%s 60 IN A 192.0.2.%d", ns, 100+i))...)
			}
			return m
		})
		_, err := client(n, nil).Lookup(context.Background(), dns.MustName("a.evil.test"), mdns.TypeA)
		if fault.Of(err) != fault.DNSTimeout {
			t.Errorf("error %v", err)
		}
		if got := time.Since(n.began); got > MaxTime {
			t.Errorf("took %v, want at most %v", got, MaxTime)
		}
		if got, want := len(n.asked), 3+maxTries; got > want {
			t.Errorf("%d questions, want at most %d", got, want)
		}
	})
}

// TestMinimiser holds the labels shown at each question against RFC 9156.
func TestMinimiser(t *testing.T) {
	for _, c := range []struct {
		zone, name string
		full       bool
		want       []string
	}{
		{".", "www.shop.test", false, []string{"test. A", "shop.test. A", "www.shop.test. TXT"}},
		{"test", "test", false, []string{"test. TXT"}},
		{".", "www.shop.test", true, []string{"www.shop.test. TXT"}},
		{"shop.test", "www.shop.test", false, []string{"www.shop.test. TXT"}},
		{".", "20.19.18.17.16.15.14.13.12.11.10.9.8.7.6.5.4.3.2.1", false, []string{
			"1. A", "2.1. A", "3.2.1. A", "4.3.2.1. A", "6.5.4.3.2.1. A", "8.7.6.5.4.3.2.1. A", "11.10.9.8.7.6.5.4.3.2.1. A",
			"14.13.12.11.10.9.8.7.6.5.4.3.2.1. A", "17.16.15.14.13.12.11.10.9.8.7.6.5.4.3.2.1. A",
			"20.19.18.17.16.15.14.13.12.11.10.9.8.7.6.5.4.3.2.1. TXT",
		}},
	} {
		m := newMinimiser(dns.MustName(c.zone), dns.MustName(c.name), c.full)
		var got []string
		for range 200 {
			ask, qtype, less := m.next(mdns.TypeTXT)
			got = append(got, ask.String()+" "+dns.TypeString(qtype))
			if !less {
				break
			}
		}
		same(t, c.name, got, c.want)
	}
}
