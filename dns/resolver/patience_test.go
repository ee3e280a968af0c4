package resolver

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/fault"
)

// pair is a world whose shop.test. has two servers, the second at
// 192.0.2.33.
const secondAddr = "192.0.2.33"

func pair() (n *internet, first, second *nameServer) {
	n = world()
	n.zone(tldAddr, `$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
shop 3600 IN NS ns1.shop.test.
shop 3600 IN NS ns2.shop.test.
ns1.shop 3600 IN A `+shopAddr+`
ns2.shop 3600 IN A `+secondAddr+`
`)
	first = n.servers[netip.MustParseAddr(shopAddr)]
	second = &nameServer{answer: first.answer, delay: 10 * time.Millisecond}
	n.servers[netip.MustParseAddr(secondAddr)] = second
	return n, first, second
}

// warm makes r know the servers of shop.test.
func warm(t *testing.T, n *internet, r *Resolver) {
	t.Helper()
	if got := look(r, "text.shop.test", mdns.TypeTXT); got != `NOERROR "hello"` {
		t.Fatalf("warm up: %s", got)
	}
	n.log()
}

func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		n.servers[netip.MustParseAddr(shopAddr)].answer = nil
		r := client(n, nil)
		start := time.Now()
		_, err := r.Lookup(context.Background(), dns.MustName("direct.shop.test"), mdns.TypeA)
		if err == nil || err.Error() != "resolve direct.shop.test: 192.0.2.3: timeout after 1.5s" {
			t.Errorf("error %v", err)
		}
		if fault.Of(err) != fault.DNSTimeout {
			t.Errorf("fault %s, want %s", fault.Of(err), fault.DNSTimeout)
		}
		// 20 ms to learn of the server, then 500 ms and, asked again, 1 s.
		if got, want := time.Since(start), 1520*time.Millisecond; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
		same(t, "questions", n.timed(), []string{
			"0s 192.0.2.1 test. A", "10ms 192.0.2.2 shop.test. A",
			"20ms 192.0.2.3 direct.shop.test. A", "520ms 192.0.2.3 direct.shop.test. A",
		})
	})
}

func TestLostPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		s := n.servers[netip.MustParseAddr(shopAddr)]
		whole, count := s.answer, 0
		s.answer = func(q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
			if count++; count == 1 {
				return nil
			}
			return whole(q, from)
		}
		r := client(n, nil)
		if got, want := look(r, "direct.shop.test", mdns.TypeA), "NOERROR 198.51.100.80"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got, want := time.Since(n.began), 530*time.Millisecond; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	})
}

// TestFailover: a dead server is left for the other, stays last while it
// rests, and is met again afterwards.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := pair()
		r := client(n, nil)
		warm(t, n, r)
		answer := first.answer
		first.answer, second.answer = nil, nil
		look(r, "direct.shop.test", mdns.TypeA) // both fail and rest
		n.log()
		second.answer = answer
		time.Sleep(FailureTTL)
		for _, name := range []string{"direct.shop.test", "four.shop.test", "b.shop.test"} {
			if got := look(r, name, mdns.TypeA); got == "" || got[:7] != "NOERROR" {
				t.Errorf("%s: %s", name, got)
			}
		}
		log := n.log()
		if last := log[len(log)-1]; last[:len(secondAddr)] != secondAddr {
			t.Errorf("after a timeout %s was asked, want %s first", last, secondAddr)
		}
		silent := 0
		for _, l := range log {
			if l[:len(shopAddr)+1] == shopAddr+" " {
				silent++
			}
		}
		if silent > 1 {
			t.Errorf("the dead server was asked %d times for 3 questions: %v", silent, log)
		}
	})
}

// TestFastest: once both servers have been met the faster gets the questions.
func TestFastest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := pair()
		first.delay, second.delay = 180*time.Millisecond, 5*time.Millisecond
		r := client(n, nil)
		warm(t, n, r)
		for range 15 { // meet both
			look(r, "direct.shop.test", mdns.TypeA)
			look(r, "four.shop.test", mdns.TypeA)
			time.Sleep(3 * time.Minute)
		}
		n.log()
		look(r, "direct.shop.test", mdns.TypeA)
		same(t, "questions", n.log(), []string{"192.0.2.33 direct.shop.test. A"})
	})
}

func TestUselessServers(t *testing.T) {
	rcode := func(code int) func(*mdns.Msg) *mdns.Msg {
		return func(*mdns.Msg) *mdns.Msg { return &mdns.Msg{MsgHdr: mdns.MsgHdr{Rcode: code}} }
	}
	upward := func(q *mdns.Msg) *mdns.Msg {
		rr, _ := mdns.NewRR(". 300 IN NS a.root.")
		return &mdns.Msg{Ns: []mdns.RR{rr}}
	}
	for _, c := range []struct {
		what   string
		answer func(*mdns.Msg) *mdns.Msg
		want   string // when both are like this
	}{
		{"refused", rcode(mdns.RcodeRefused), "192.0.2.3: REFUSED"},
		{"servfail", rcode(mdns.RcodeServerFailure), "192.0.2.3: SERVFAIL"},
		{"upward referral", upward, "192.0.2.3: lame: it refers to . instead of answering for shop.test"},
		{"somebody's resolver", func(*mdns.Msg) *mdns.Msg {
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{RecursionAvailable: true}}
		}, "192.0.2.3: lame: it is somebody's resolver"},
		{"another zone", func(*mdns.Msg) *mdns.Msg {
			rr, _ := mdns.NewRR("other.test. 300 IN SOA a. b. 1 2 3 4 5")
			return &mdns.Msg{Ns: []mdns.RR{rr}}
		}, "192.0.2.3: lame: it answers for other.test"},
	} {
		synctest.Test(t, func(t *testing.T) {
			n, first, _ := pair()
			first.answer = func(q *mdns.Msg, _ netip.AddrPort) *mdns.Msg { return c.answer(q) }
			r := client(n, nil)
			for _, name := range []string{"direct.shop.test", "four.shop.test", "b.shop.test", "text.shop.test"} {
				if got := look(r, name, mdns.TypeA); got[:7] != "NOERROR" {
					t.Errorf("%s: %s: %s", c.what, name, got)
				}
			}
			n.servers[netip.MustParseAddr(secondAddr)].answer = first.answer
			r = client(n, nil)
			_, err := r.Lookup(context.Background(), dns.MustName("direct.shop.test"), mdns.TypeA)
			var none *unreachable
			if !errors.As(err, &none) || fault.Of(err) != fault.DNSError {
				t.Fatalf("%s: %v", c.what, err)
			}
			found := false
			for _, try := range none.tries {
				found = found || try.server.Addr().String()+": "+try.err.Error() == c.want
			}
			if !found {
				t.Errorf("%s: %v, want it to hold %q", c.what, err, c.want)
			}
		})
	}
}

func TestTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		s := n.servers[netip.MustParseAddr(shopAddr)]
		s.limit = 40
		r := client(n, nil)
		var book notebook
		a, err := r.Lookup(book.begin("browser"), dns.MustName("text.shop.test"), mdns.TypeTXT)
		if err != nil || short(a) != `NOERROR "hello"` {
			t.Fatalf("%v %v", a, err)
		}
		last := n.asked[len(n.asked)-1]
		if last.transport != dns.TCP {
			t.Errorf("last question over %s, want tcp", last.transport)
		}
		s.noTCP = true
		if got, want := look(r, "direct.shop.test", mdns.TypeA), "resolve direct.shop.test: 192.0.2.3: dial tcp: connection refused"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestPlain: a server that chokes on EDNS is asked again without it, and
// from then on at once.
func TestPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		s := n.servers[netip.MustParseAddr(shopAddr)]
		whole := s.answer
		s.answer = func(q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
			if q.IsEdns0() != nil {
				return &mdns.Msg{MsgHdr: mdns.MsgHdr{Rcode: mdns.RcodeFormatError}}
			}
			return whole(q, from)
		}
		r := client(n, nil)
		warm(t, n, r)
		if got := look(r, "direct.shop.test", mdns.TypeA); got != "NOERROR 198.51.100.80" {
			t.Error(got)
		}
		same(t, "questions", n.log(), []string{"192.0.2.3 direct.shop.test. A"})
	})
}

// TestNoRoute: a family without a route costs one packet that cannot be
// sent, then it is left for last.
func TestNoRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		for _, a := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"} {
			n.servers[netip.MustParseAddr(a)] = &nameServer{network: syscall.ENETUNREACH}
		}
		r := client(n, func(c *Config) {
			c.Roots = []netip.AddrPort{
				netip.MustParseAddrPort("[2001:db8::1]:53"), netip.MustParseAddrPort("[2001:db8::2]:53"),
				netip.MustParseAddrPort("[2001:db8::3]:53"), netip.MustParseAddrPort(rootAddr + ":53"),
			}
		})
		if got := look(r, "direct.shop.test", mdns.TypeA); got != "NOERROR 198.51.100.80" {
			t.Error(got)
		}
		if got, want := time.Since(n.began), 30*time.Millisecond; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	})
}

// TestMovedZone: a delegation in the cache whose servers are gone is looked
// up anew.
func TestMovedZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		warm(t, n, r)
		old := n.servers[netip.MustParseAddr(shopAddr)]
		n.servers[netip.MustParseAddr("192.0.2.44")] = &nameServer{answer: old.answer}
		old.answer = func(*mdns.Msg, netip.AddrPort) *mdns.Msg {
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{Rcode: mdns.RcodeRefused}}
		}
		n.zone(tldAddr, `$ORIGIN test.
@ 3600 IN SOA a.nic host 1 2 3 4 300
shop 3600 IN NS ns9.shop.test.
ns9.shop 3600 IN A 192.0.2.44
`)
		if got := look(r, "direct.shop.test", mdns.TypeA); got != "NOERROR 198.51.100.80" {
			t.Error(got)
		}
	})
}

// TestCancelled: a caller who leaves gets the reason, and the next one a
// fresh start.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Millisecond)
		defer cancel()
		_, err := r.Lookup(ctx, dns.MustName("direct.shop.test"), mdns.TypeA)
		if !errors.Is(err, context.DeadlineExceeded) || fault.Of(err) != fault.DNSTimeout {
			t.Errorf("error %v", err)
		}
		ctx, leave := context.WithCancel(context.Background())
		time.AfterFunc(5*time.Millisecond, leave)
		if _, err = r.Lookup(ctx, dns.MustName("direct.shop.test"), mdns.TypeA); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if got := look(r, "direct.shop.test", mdns.TypeA); got != "NOERROR 198.51.100.80" {
			t.Error(got)
		}
	})
}
