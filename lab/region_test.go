package lab

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestRegions(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		ms := func(n int) LinkShape { return LinkShape{Delay: time.Duration(n) * time.Millisecond} }
		fra := must(l.Region("fra", prefix("192.0.2.0/24"), prefix("2001:db8:1::/48")))
		nyc := must(l.Region("nyc", prefix("198.51.100.0/24")))
		sin := must(l.Region("sin"))
		must(l.Between(fra, nyc, ms(40)))
		client := must(fra.Host("client", HostOptions{}, nil, ms(1)))
		server := must(nyc.Host("server", HostOptions{}, nil, ms(1)))
		// Addresses of anywhere, in one region and another.
		odd := must(fra.Host("odd", HostOptions{}, []netip.Addr{addr("203.0.113.9")}, ms(1)))
		far := must(sin.Host("far", HostOptions{}, []netip.Addr{addr("192.1.2.200"), addr("2001:db8:9::1")}, ms(1)))
		// Later links: to a region that could not be reached, and by a
		// shorter way than the direct one.
		must(l.Between(nyc, sin, ms(30)))
		must(l.Between(fra, sin, ms(100)))
		if got := client.Addrs(); len(got) != 2 || got[0] != addr("192.0.2.2") || got[1] != addr("2001:db8:1::2") {
			t.Errorf("client has %v", got)
		}
		ctx := context.Background()
		for _, test := range []struct {
			from *Host
			to   string
			want time.Duration
		}{
			{client, "198.51.100.2", 84 * time.Millisecond},
			{client, "203.0.113.9", 4 * time.Millisecond}, // by the router of their region
			{odd, "198.51.100.2", 84 * time.Millisecond},
			{client, "192.1.2.200", 2 * 72 * time.Millisecond},
			{odd, "192.1.2.200", 2 * 72 * time.Millisecond},
			{server, "203.0.113.9", 84 * time.Millisecond},
			{far, "198.51.100.2", 64 * time.Millisecond},
			{client, "2001:db8:9::1", 2 * 72 * time.Millisecond},
			{far, "2001:db8:1::1", 2 * 71 * time.Millisecond}, // the router of fra
		} {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			_, _ = test.from.Ping(ctx, addr(test.to)) // neighbours are found
			rtt, err := test.from.Ping(ctx, addr(test.to))
			if rtt != test.want {
				t.Errorf("%s to %s: %s, %v, want %s", test.from.Name(), test.to, rtt, err, test.want)
			}
			cancel()
		}
		if r := server.Name(); l.Node(r) != Node(server) || l.Node("fra-router") == nil || l.Link("nyc-router", "fra-router") == nil {
			t.Error("nodes are not found by name")
		}
	})
}

func TestRegionRefuses(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		r := must(l.Region("r", prefix("192.0.2.0/29")))
		must(r.Host("a", HostOptions{}, nil, LinkShape{}))
		bare := must(l.Region("bare"))
		for _, test := range []struct {
			what func() error
			want string
		}{
			{func() error { _, err := l.Region("r"); return err }, "lab: make r-switch: there is a node of that name"},
			{func() error { _, err := l.Region("x", prefix("192.0.2.0/31")); return err }, "192.0.2.0/31 has no room for hosts"},
			{func() error { _, err := l.Region("x", prefix("10.0.0.0/8"), prefix("11.0.0.0/8")); return err }, "11.0.0.0/8 is the second prefix of its family"},
			{func() error { _, err := bare.Host("h", HostOptions{}, nil, LinkShape{}); return err }, "the region has no prefix to choose one from"},
			{func() error {
				_, err := bare.Host("h", HostOptions{}, []netip.Addr{addr("192.0.2.2")}, LinkShape{})
				return err
			}, "192.0.2.2 is taken"},
			{func() error {
				_, err := bare.Host("h", HostOptions{}, []netip.Addr{addr("224.0.0.1")}, LinkShape{})
				return err
			}, "224.0.0.1 is no address of a host"},
			{func() error { _, err := l.Between(r, r, LinkShape{}); return err }, "they are one region"},
			{func() error { _, err := l.Between(r, bare, LinkShape{Delay: -1}); return err }, "delay -1ns is not between 0 and 1h0m0s"},
			{func() error {
				for range 8 {
					if _, err := r.assign(nil); err != nil {
						return err
					}
				}
				return nil
			}, "192.0.2.0/29 is full"},
		} {
			if err := test.what(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		}
	})
}
