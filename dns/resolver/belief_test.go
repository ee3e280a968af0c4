package resolver

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	mdns "github.com/miekg/dns"
)

// rrs parses records, one per line.
func rrs(text string) []mdns.RR {
	var out []mdns.RR
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		rr, err := mdns.NewRR(line)
		if err != nil {
			panic(err)
		}
		out = append(out, rr)
	}
	return out
}

// TestPoison: whatever a server adds to its answers about names that are not
// its own must leave no trace.
func TestPoison(t *testing.T) {
	const evil = "192.0.2.66"
	for _, c := range []struct {
		what  string
		reply func(q *mdns.Msg) *mdns.Msg
	}{
		{"answer for another zone", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs(q.Question[0].Name + ` 60 IN A 198.51.100.1
				www.shop.test. 86400 IN A ` + evil)}
		}},
		{"alias with the target's address", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs(q.Question[0].Name + ` 60 IN CNAME www.shop.test.
				www.shop.test. 86400 IN A ` + evil)}
		}},
		{"name servers of another zone", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{
				MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs(q.Question[0].Name + " 60 IN A 198.51.100.1"),
				Ns: rrs("shop.test. 86400 IN NS ns1.shop.test."), Extra: rrs("ns1.shop.test. 86400 IN A " + evil),
			}
		}},
		{"referral to another zone", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{Ns: rrs("shop.test. 86400 IN NS ns1.shop.test."), Extra: rrs("ns1.shop.test. 86400 IN A " + evil)}
		}},
		{"referral upwards", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{Ns: rrs("test. 86400 IN NS a.nic.test."), Extra: rrs("a.nic.test. 86400 IN A " + evil)}
		}},
		{"glue for another zone's server", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{Ns: rrs(q.Question[0].Name + " 86400 IN NS ns1.shop.test."), Extra: rrs("ns1.shop.test. 86400 IN A " + evil)}
		}},
		{"denial by another zone", func(q *mdns.Msg) *mdns.Msg {
			return &mdns.Msg{
				MsgHdr: mdns.MsgHdr{Authoritative: true, Rcode: mdns.RcodeNameError}, Answer: rrs(q.Question[0].Name + " 60 IN CNAME www.shop.test."),
				Ns: rrs("test. 86400 IN SOA a. b. 1 2 3 4 86400"),
			}
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := world()
			n.answers(evil, func(q *mdns.Msg) *mdns.Msg {
				if strings.Contains(q.Question[0].Name, "shop.test.") {
					return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs(q.Question[0].Name + " 60 IN A " + evil)}
				}
				return c.reply(q)
			})
			tld := n.servers[netip.MustParseAddr(tldAddr)]
			tld.answer = authority(`$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
shop 3600 IN NS ns1.shop.test.
ns1.shop 3600 IN A ` + shopAddr + `
cdn 3600 IN NS ns1.cdn.test.
ns1.cdn 3600 IN A ` + cdnAddr + `
evil 3600 IN NS ns.evil.test.
ns.evil 3600 IN A ` + evil + `
`)
			r := client(n, nil)
			look(r, "trap.evil.test", mdns.TypeA)
			want := "NOERROR www.shop.test.cdn.test. 198.51.100.10 198.51.100.11"
			if got := look(r, "www.shop.test", mdns.TypeA); got != want {
				t.Errorf("%s: %s, want %s", c.what, got, want)
			}
			if got := look(r, "direct.shop.test", mdns.TypeA); got != "NOERROR 198.51.100.80" {
				t.Errorf("%s: %s", c.what, got)
			}
		})
	}
}

// TestGlueIsNoAnswer: an address that came as glue is asked for like any
// other.
func TestGlueIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		s := n.servers[netip.MustParseAddr(shopAddr)]
		whole := s.answer
		s.answer = func(q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
			if q.Question[0].Name == "ns1.shop.test." {
				return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs("ns1.shop.test. 60 IN A 198.51.100.53")}
			}
			return whole(q, from)
		}
		r := client(n, nil)
		warm(t, n, r)
		if got, want := look(r, "ns1.shop.test", mdns.TypeA), "NOERROR 198.51.100.53"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestGlueless: a server outside the zone is found by asking its own zone,
// and sibling glue serves only where that leads nowhere.
func TestGlueless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.zone(tldAddr, `$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
shop 3600 IN NS ns.host.test.
host 3600 IN NS ns1.host.test.
ns1.host 3600 IN A 192.0.2.50
ns.host 3600 IN A 192.0.2.66
lost 3600 IN NS ns.gone.test.
gone 3600 IN NS ns.gone2.test.
gone2 3600 IN NS ns.gone.test.
ns.gone 3600 IN A 192.0.2.51
`)
		n.zone("192.0.2.50", `$ORIGIN host.test.
@ 3600 IN SOA ns1 host 1 2 3 4 300
ns 600 IN A `+shopAddr+`
`)
		n.zone("192.0.2.51", `$ORIGIN lost.test.
@ 3600 IN SOA ns1 host 1 2 3 4 300
www 600 IN A 198.51.100.99
`)
		r := client(n, nil)
		if got := look(r, "direct.shop.test", mdns.TypeA); got != "NOERROR 198.51.100.80" {
			t.Error(got)
		}
		same(t, "questions", n.log(), []string{
			"192.0.2.1 test. A", "192.0.2.2 shop.test. A", // glue for ns.host.test. is 192.0.2.66: not used
			"192.0.2.2 host.test. A", "192.0.2.50 ns.host.test. A", "192.0.2.3 direct.shop.test. A",
		})
		// lost.test. hangs on two zones that hang on each other.
		if got := look(r, "www.lost.test", mdns.TypeA); got != "NOERROR 198.51.100.99" {
			t.Error(got)
		}
	})
}

// TestLoopbackServer: a delegation to this machine is not followed.
func TestLoopbackServer(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "0.0.0.0", "224.0.0.251", "255.255.255.255"} {
		synctest.Test(t, func(t *testing.T) {
			n := world()
			n.zone(tldAddr, `$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
trap 3600 IN NS ns.trap.test.
ns.trap 3600 IN A `+addr+`
`)
			n.zone(addr, "$ORIGIN trap.test.\n@ 60 IN SOA a b 1 2 3 4 5\nwww 60 IN A 198.51.100.1\n")
			r := client(n, nil)
			look(r, "www.trap.test", mdns.TypeA)
			for _, a := range n.asked {
				if a.server == addr {
					t.Errorf("%s was asked %s", addr, a.question)
				}
			}
		})
	}
}
