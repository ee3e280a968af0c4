package resolver

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
)

// TestTTL: an answer lasts for its TTL to the second, and says how much of it
// is left.
func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		look(r, "direct.shop.test", mdns.TypeA)
		n.log()
		for _, c := range []struct {
			wait time.Duration
			left time.Duration
			sent int
		}{
			{0, 120 * time.Second, 0},
			{77 * time.Second, 43 * time.Second, 0},
			{42*time.Second + 999*time.Millisecond, 0, 0},
			{time.Millisecond, 120 * time.Second, 1},
		} {
			time.Sleep(c.wait)
			var book notebook
			a, err := r.Lookup(book.begin("browser"), dns.MustName("direct.shop.test"), mdns.TypeA)
			if err != nil {
				t.Fatal(err)
			}
			if a.TTL != c.left || a.Records[0].Header().Ttl != uint32(c.left/time.Second) {
				t.Errorf("after %v: TTL %v, record %d, want %v", c.wait, a.TTL, a.Records[0].Header().Ttl, c.left)
			}
			if got := len(n.log()); got != c.sent {
				t.Errorf("after %v: %d questions sent, want %d", c.wait, got, c.sent)
			}
			if last := book.events[len(book.events)-1]; c.left == 43*time.Second && last.Decision.Reason != "cached, 43 s left" {
				t.Errorf("reason %q", last.Decision.Reason)
			}
		}
	})
}

// TestNegative: NXDOMAIN holds for every type of the name, "no such record"
// for one type, both for min(SOA TTL, SOA minimum).
func TestNegative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		look(r, "nobody.shop.test", mdns.TypeA)
		look(r, "four.shop.test", mdns.TypeAAAA)
		n.log()
		time.Sleep(59 * time.Second)
		for _, c := range []struct {
			name  string
			qtype uint16
			want  string
			sent  int
		}{
			{"nobody.shop.test", mdns.TypeA, "NXDOMAIN", 0},
			{"nobody.shop.test", mdns.TypeMX, "NXDOMAIN", 0},
			{"four.shop.test", mdns.TypeAAAA, "NOERROR", 0},
			{"four.shop.test", mdns.TypeA, "NOERROR 198.51.100.4", 1},
		} {
			if got := look(r, c.name, c.qtype); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
			if got := n.log(); len(got) != c.sent {
				t.Errorf("%s: sent %v, want %d", c.name, got, c.sent)
			}
		}
		time.Sleep(time.Second)
		look(r, "nobody.shop.test", mdns.TypeA)
		look(r, "four.shop.test", mdns.TypeAAAA)
		same(t, "questions after 60 s", n.log(), []string{"192.0.2.3 nobody.shop.test. A", "192.0.2.3 four.shop.test. AAAA"})
	})
}

// TestNoSOA: a denial without SOA is passed on and not kept.
func TestNoSOA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.answers(shopAddr, func(*mdns.Msg) *mdns.Msg {
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true, Rcode: mdns.RcodeNameError}}
		})
		r := client(n, nil)
		for range 2 {
			if got := look(r, "x.shop.test", mdns.TypeA); got != "NXDOMAIN" {
				t.Error(got)
			}
		}
		same(t, "questions", n.log()[2:], []string{"192.0.2.3 x.shop.test. A", "192.0.2.3 x.shop.test. A"})
	})
}

// TestFailureKept: a failed question is not asked again for FailureTTL.
func TestFailureKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.servers[netip.MustParseAddr(shopAddr)].answer = nil
		r := client(n, nil)
		look(r, "direct.shop.test", mdns.TypeA)
		n.log()
		time.Sleep(FailureTTL - time.Millisecond)
		got := look(r, "direct.shop.test", mdns.TypeA)
		if want := "resolve direct.shop.test: 192.0.2.3: timeout after 1.5s (remembered for 1 s more)"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if sent := n.log(); len(sent) > 0 {
			t.Errorf("sent %v", sent)
		}
		time.Sleep(time.Millisecond)
		look(r, "direct.shop.test", mdns.TypeA)
		if sent := n.log(); len(sent) == 0 {
			t.Error("nothing was sent after FailureTTL")
		}
	})
}

// TestTTLBounds: caps, and TTLs that are none.
func TestTTLBounds(t *testing.T) {
	for _, c := range []struct {
		ttl  string
		want time.Duration
	}{
		{"0", 0}, {"1", time.Second}, {"604800", MaxTTL}, {"2147483647", MaxTTL}, {"2147483648", 0}, {"4294967295", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := world()
			n.answers(shopAddr, func(q *mdns.Msg) *mdns.Msg {
				return &mdns.Msg{MsgHdr: mdns.MsgHdr{Authoritative: true}, Answer: rrs("x.shop.test. " + c.ttl + " IN A 198.51.100.1")}
			})
			a, err := client(n, nil).Lookup(t.Context(), dns.MustName("x.shop.test"), mdns.TypeA)
			if err != nil || a.TTL != c.want {
				t.Errorf("TTL %s: %v %v, want %v", c.ttl, a, err, c.want)
			}
		})
	}
}

// TestRank: what the zone's own server said is not replaced by hearsay.
func TestRank(t *testing.T) {
	now := time.Now()
	c := newCache(1 << 20)
	name := dns.MustName("www.shop.test")
	own := &fact{records: rrs("www.shop.test. 60 IN A 198.51.100.1"), aa: true, stored: now, ttl: time.Minute}
	hearsay := &fact{records: rrs("www.shop.test. 60 IN A 198.51.100.2"), stored: now, ttl: time.Hour}
	c.learn(name, mdns.TypeA, own)
	c.learn(name, mdns.TypeA, hearsay)
	if got := c.fact(name, mdns.TypeA, netip.Prefix{}, now); got != own {
		t.Error("hearsay replaced an authoritative answer")
	}
	hearsay.stored = now.Add(time.Minute)
	c.learn(name, mdns.TypeA, hearsay)
	if got := c.fact(name, mdns.TypeA, netip.Prefix{}, now.Add(time.Minute)); got != hearsay {
		t.Error("hearsay did not replace an answer that has expired")
	}
}

// TestSubnets: the longest subnet that holds the client wins, and others do
// not see it.
func TestSubnets(t *testing.T) {
	now := time.Now()
	c := newCache(1 << 20)
	name := dns.MustName("www.cdn.test")
	add := func(subnet, addr string) {
		f := &fact{records: rrs("www.cdn.test. 60 IN A " + addr), stored: now, ttl: time.Minute}
		if subnet != "" {
			f.subnet = netip.MustParsePrefix(subnet)
		}
		c.learn(name, mdns.TypeA, f)
	}
	ask := func(client string) string {
		var p netip.Prefix
		if client != "" {
			p = netip.MustParsePrefix(client)
		}
		f := c.fact(name, mdns.TypeA, p, now)
		if f == nil {
			return "nothing"
		}
		return rdata(f.records[0])
	}
	add("198.51.100.0/24", "192.0.2.24")
	add("198.51.0.0/16", "192.0.2.16")
	for _, s := range []struct{ client, want string }{
		{"198.51.100.0/24", "192.0.2.24"}, {"198.51.7.0/24", "192.0.2.16"}, {"203.0.113.0/24", "nothing"},
		{"198.51.0.0/16", "192.0.2.16"}, {"198.0.0.0/8", "nothing"}, {"", "nothing"}, {"2001:db8::/56", "nothing"},
	} {
		if got := ask(s.client); got != s.want {
			t.Errorf("client %q: %s, want %s", s.client, got, s.want)
		}
	}
	add("", "192.0.2.1")
	if got := ask(""); got != "192.0.2.1" {
		t.Errorf("everybody: %s", got)
	}
	if got := ask("198.51.100.0/24"); got != "192.0.2.24" {
		t.Errorf("a subnet's own answer was lost: %s", got)
	}
	for i := range 3 * maxSubnets {
		add(fmt.Sprintf("10.0.%d.0/24", i), "192.0.2.2")
	}
	k, _ := c.facts.get(question{name, mdns.TypeA}, now)
	if len(k.local) != maxSubnets {
		t.Errorf("%d subnets are kept, want %d", len(k.local), maxSubnets)
	}
}

// TestSieve: the bound holds whatever comes, and names in use outlive a scan.
func TestSieve(t *testing.T) {
	const most = 400_000
	now := time.Now()
	c := newSieve[int](most)
	key := func(i int) question { return question{dns.MustName(fmt.Sprintf("n%d.test", i)), 1} }
	for i := range 200 {
		c.put(key(i), i, 100, now, now.Add(time.Hour))
	}
	for i := range 20_000 {
		c.put(key(1000+i), i, 100, now, now.Add(time.Hour))
		if i%200 == 0 {
			for j := range 200 {
				c.get(key(j), now)
			}
		}
		if _, bytes := c.size(); bytes > most {
			t.Fatalf("%d bytes, want at most %d", bytes, most)
		}
	}
	lost := 0
	for i := range 200 {
		if v, ok := c.get(key(i), now); !ok || v != i {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of 200 names in use were evicted by a scan", lost)
	}
	c.put(key(1), 1, 2*most, now, now.Add(time.Hour))
	if _, ok := c.get(key(1), now); ok {
		t.Error("an entry larger than the cache was kept")
	}
	for i := range 30_000 {
		c.drop(key(i))
	}
	if entries, bytes := c.size(); entries != 0 || bytes != 0 {
		t.Errorf("%d entries of %d bytes are left", entries, bytes)
	}
}
