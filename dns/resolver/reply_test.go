package resolver

import (
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
)

// FuzzReply: whatever a server says, what is believed lies in its zone and
// within the limits.
func FuzzReply(f *testing.F) {
	for _, m := range []*mdns.Msg{
		{MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs("www.shop.test. 60 IN CNAME a.shop.test.\na.shop.test. 60 IN A 198.51.100.1\nother.test. 1 IN A 198.51.100.1")},
		{Ns: rrs("www.shop.test. 60 IN NS ns.www.shop.test.\nwww.shop.test. 60 IN NS ns.else.test."), Extra: rrs("ns.www.shop.test. 60 IN A 198.51.100.1\nns.else.test. 60 IN AAAA ::1")},
		{MsgHdr: mdns.MsgHdr{Rcode: mdns.RcodeNameError}, Ns: rrs("shop.test. 60 IN SOA a. b. 1 2 3 4 5")},
		{Answer: rrs("shop.test. 60 IN DNAME shop.shop.test.")},
	} {
		packet, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet, false)
		f.Add(packet, true)
	}
	zone, name := dns.MustName("shop.test"), dns.MustName("www.shop.test")
	f.Fuzz(func(t *testing.T, packet []byte, forward bool) {
		m := new(mdns.Msg)
		if m.Unpack(packet) != nil {
			return
		}
		rd := &reader{
			zone: zone, forward: forward, name: name, qtype: mdns.TypeA, now: time.Now(),
			ours:   func(n dns.Name) bool { return n.Under(dns.MustName("ours.shop.test")) },
			usable: func(a netip.Addr) bool { return a.IsValid() && !a.IsLoopback() },
		}
		rep, err := rd.read(m)
		if err != nil {
			return
		}
		if rep.cut == nil && len(rep.parts) == 0 {
			t.Fatal("neither answer nor referral")
		}
		if len(rep.parts) > MaxChain+1 {
			t.Errorf("%d links", len(rep.parts))
		}
		for _, p := range rep.parts {
			if !p.owner.Valid() || !forward && !p.owner.Under(zone) || p.fact.ttl < 0 || p.fact.ttl > MaxTTL {
				t.Errorf("believed %s for %v", p.owner, p.fact.ttl)
			}
			p.fact.size()
		}
		if z := rep.cut; z != nil {
			if forward || z.zone == zone || !z.zone.Under(zone) || !name.Under(z.zone) || len(z.servers) == 0 || len(z.servers) > MaxServers {
				t.Errorf("believed a delegation of %s to %d servers", z.zone, len(z.servers))
			}
			for _, s := range z.servers {
				if len(s.addrs) > 0 && !s.name.Under(z.zone) {
					t.Errorf("believed glue for %s in a delegation of %s", s.name, z.zone)
				}
			}
		}
		if rep.target != "" && !rep.target.Valid() {
			t.Errorf("target %q", rep.target)
		}
	})
}

// TestWritten: a reason names what a peer wrote in the form of all names.
func TestWritten(t *testing.T) {
	for s, want := range map[string]string{
		"NS1.Other.test.": "ns1.other.test", ".": ".", `a\.b.test.`: `a\.b.test`, "a..test.": "a..test.",
	} {
		if got := written(s); got != want {
			t.Errorf("written(%q) = %q, want %q", s, got, want)
		}
	}
}
