package resolver

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
)

// TestCollapse: a hundred clients with one question cost one walk, and both
// types of one name share the walk to its zone.
func TestCollapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				qtype := mdns.TypeA
				if i%2 == 1 {
					qtype = mdns.TypeAAAA
				}
				look(r, "direct.shop.test", qtype)
			})
		}
		all.Wait()
		if got := len(n.log()); got != 4 {
			t.Errorf("%d questions were sent, want 4", got)
		}
	})
}

// TestLeaderLeaves: the one who asked first goes away, and those who waited
// with it get their answer. When all are gone, the work ends.
func TestLeaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := world()
		r := client(n, nil)
		name := dns.MustName("direct.shop.test")
		ctx, leave := context.WithCancel(t.Context())
		go r.Lookup(ctx, name, mdns.TypeA)
		time.Sleep(time.Millisecond)
		got := make(chan string)
		go func() { got <- look(r, "direct.shop.test", mdns.TypeA) }()
		time.Sleep(time.Millisecond)
		leave()
		if g := <-got; g != "NOERROR 198.51.100.80" {
			t.Error(g)
		}
		if sent := n.log(); len(sent) != 3 {
			t.Errorf("sent %v", sent)
		}
		ctx, leave = context.WithCancel(t.Context())
		go r.Lookup(ctx, dns.MustName("text.shop.test"), mdns.TypeTXT)
		time.Sleep(time.Millisecond)
		leave()
		synctest.Wait()
		if len(r.flights.now) != 0 {
			t.Errorf("%d flights go on without anybody waiting", len(r.flights.now))
		}
	})
}
