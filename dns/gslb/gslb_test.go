package gslb

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"waypost/cdn"
)

// world is a fleet of three regions: two POPs in eu, one in us, one in ap.
func world() *cdn.Fleet {
	edge := func(name, addr string, weight int) cdn.Edge {
		return cdn.Edge{Name: name, Addrs: []netip.Addr{netip.MustParseAddr(addr)}, Weight: weight}
	}
	return &cdn.Fleet{
		Zone: "cdn.test",
		POPs: []cdn.POP{
			{Name: "fra", Region: "eu", Edges: []cdn.Edge{edge("fra1", "203.0.113.1", 1), edge("fra2", "203.0.113.2", 3)}},
			{Name: "ams", Region: "eu", Edges: []cdn.Edge{edge("ams1", "203.0.113.3", 2)}},
			{Name: "nyc", Region: "us", Edges: []cdn.Edge{edge("nyc1", "203.0.113.4", 1)}},
			{Name: "sin", Region: "ap", Edges: []cdn.Edge{edge("sin1", "203.0.113.5", 1)}},
		},
		Regions: []cdn.Region{
			{Name: "eu", Subnets: prefixes("10.1.0.0/16", "2001:db8:1::/48"), Near: []string{"us", "ap"}},
			{Name: "us", Subnets: prefixes("10.2.0.0/16"), Near: []string{"eu"}},
			{Name: "ap", Subnets: prefixes("10.3.0.0/16", "10.1.7.128/25")},
		},
	}
}

func prefixes(s ...string) (p []netip.Prefix) {
	for _, x := range s {
		p = append(p, netip.MustParsePrefix(x))
	}
	return p
}

func ecs(s string) Client { return FromSubnet(netip.MustParsePrefix(s)) }

// mark changes the edges named.
func mark(f *cdn.Fleet, change func(*cdn.Edge), names ...string) *cdn.Fleet {
	for i := range f.POPs {
		for j := range f.POPs[i].Edges {
			for _, n := range names {
				if e := &f.POPs[i].Edges[j]; e.Name == n {
					change(e)
				}
			}
		}
	}
	return f
}

func down(e *cdn.Edge) { e.Down = "no answer to three probes" }
func out(e *cdn.Edge)  { e.Weight = 0 }
func busy(e *cdn.Edge) { e.Load = 1 }

func ExampleRank() {
	f := world()
	p, err := Rank(f, ecs("10.2.9.0/24"), "shop.cdn.test.", IPv4)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Edge.Name, p.Addr)
	fmt.Println(p.Decision.Reason)
	for _, g := range p.Ranked[:2] {
		fmt.Printf("%s: %s\n", g.Edge.Name, g.Why)
	}
	// Output:
	// nyc1 203.0.113.4
	// nyc1 is healthy, and it stands in the client's region us (10.2.0.0/16)
	// nyc1: in service (weight 1); healthy; in the client's region us; load 0%
	// fra2: in service (weight 3); healthy; region eu, number 1 near us; load 0%; place 1 of 3 equals by the client's lot
}

func TestRankOrder(t *testing.T) {
	tests := []struct {
		name   string
		fleet  *cdn.Fleet
		client Client
		want   string // the POPs in order, each once
		reason string
	}{
		{"own region first, then the near ones in order", world(), ecs("10.1.0.0/24"), "eu us ap", "it stands in the client's region eu (10.1.0.0/16), and of 3 equal edges the lot of 10.1.0.0/24 falls on it"},
		{"the longest prefix decides the region", world(), ecs("10.1.7.128/25"), "ap", "sin1 is healthy, and it stands in the client's region ap (10.1.7.128/25)"},
		{"no Near list: all others are as far", world(), ecs("10.3.0.0/24"), "ap", "sin1 is healthy, and it stands in the client's region ap"},
		{"what is not listed comes last", mark(world(), down, "fra1", "fra2", "ams1", "nyc1"), ecs("10.2.0.0/24"), "ap us eu", "sin1 is healthy, and no region near the client's region us (10.2.0.0/16) has an edge to use"},
		{"healthy before near", mark(world(), down, "fra1", "fra2", "ams1"), ecs("10.1.0.0/24"), "us ap eu", "nyc1 is healthy, and its region us is the nearest to the client's region eu (10.1.0.0/16) that has an edge to use"},
		{"in service before healthy", mark(mark(world(), out, "nyc1", "sin1"), down, "fra1", "fra2", "ams1"), ecs("10.2.0.0/24"), "eu us ap", "because no edge is healthy"},
		{"near before load", mark(world(), busy, "nyc1"), ecs("10.2.0.0/24"), "us eu ap", "nyc1 is served although it is full, because every healthy edge as near is"},
		{"fail open", mark(world(), down, "fra1", "fra2", "ams1", "nyc1", "sin1"), ecs("10.2.0.0/24"), "us eu ap", "nyc1 is served although it is down (no answer to three probes), because no edge is healthy"},
		{"a resolver", world(), FromResolver(netip.MustParseAddr("10.2.0.53")), "us eu ap", "it stands in the resolver's region us"},
		{"nobody knows where", mark(world(), down, "fra1", "fra2", "ams1", "sin1"), FromResolver(netip.MustParseAddr("192.0.2.1")), "us", "nyc1 is healthy, and no region of the map holds the resolver"},
	}
	for _, tt := range tests {
		p, err := Rank(tt.fleet, tt.client, "shop.cdn.test.", IPv4)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var regions []string
		for _, g := range p.Ranked {
			if len(regions) == 0 || regions[len(regions)-1] != g.POP.Region {
				regions = append(regions, g.POP.Region)
			}
		}
		got := strings.Join(regions, " ")
		if !strings.HasPrefix(got, tt.want) { // what follows is by lot
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if !strings.Contains(p.Decision.Reason, tt.reason) || p.Decision.Verdict != p.Edge.Name {
			t.Errorf("%s: decision %+v, want %s", tt.name, p.Decision, tt.reason)
		}
		if wantClause := map[bool]string{true: "RFC 7871 §7"}[tt.client.ECS]; p.Decision.Clause != wantClause {
			t.Errorf("%s: clause %q", tt.name, p.Decision.Clause)
		}
	}
}

func TestRankFullLast(t *testing.T) {
	f := mark(world(), busy, "fra2")
	for i := range 200 {
		p, err := Rank(f, ecs(fmt.Sprintf("10.1.%d.0/24", i)), "x.", IPv4)
		if err != nil || p.Edge.Name == "fra2" || p.Ranked[2].Edge.Name != "fra2" && p.Region == "eu" {
			t.Fatalf("client %d: %s, %v: a full edge comes after its equals", i, p.Edge.Name, err)
		}
	}
}

func TestRankWhy(t *testing.T) {
	f := mark(mark(mark(world(), down, "nyc1"), out, "sin1"), func(e *cdn.Edge) { e.Load = 0.256 }, "ams1")
	p, err := Rank(f, FromResolver(netip.MustParseAddr("10.1.0.53")), "x.", IPv4)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, g := range p.Ranked {
		got[g.Edge.Name] = g.Why
	}
	for edge, want := range map[string]string{
		"nyc1": "in service (weight 1); down: no answer to three probes; region us, number 1 near eu; load 0%",
		"sin1": "out of service (weight 0); healthy; region ap, number 2 near eu; load 0%",
		"ams1": "in service (weight 2); healthy; in the client's region eu; load 26%; place ",
	} {
		if !strings.HasPrefix(got[edge], want) {
			t.Errorf("%s: %s, want %s", edge, got[edge], want)
		}
	}
}

func TestRankErrors(t *testing.T) {
	c := ecs("10.1.0.0/24")
	if _, err := Rank(world(), c, "shop.cdn.test.", IPv6); !errors.Is(err, ErrNoAddress) ||
		err.Error() != "choose an edge for shop.cdn.test. over IPv6: no edge in service has an address of this family" {
		t.Errorf("got %v", err)
	}
	f := mark(world(), out, "fra1", "fra2", "ams1", "nyc1", "sin1")
	if _, err := Rank(f, c, "shop.cdn.test.", IPv4); !errors.Is(err, ErrOutOfService) {
		t.Errorf("got %v", err)
	}
	if _, err := Rank(&cdn.Fleet{}, Client{}, "x.", IPv4); !errors.Is(err, ErrOutOfService) {
		t.Errorf("got %v", err)
	}
}

func TestFamily(t *testing.T) {
	f := mark(world(), func(e *cdn.Edge) { e.Addrs = append(e.Addrs, netip.MustParseAddr("2001:db8::5")) }, "sin1")
	if p, err := Rank(f, ecs("10.1.0.0/24"), "x.", IPv6); err != nil || p.Addr.String() != "2001:db8::5" || len(p.Ranked) != 1 || p.Scope != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestScope(t *testing.T) {
	for client, want := range map[string]int{
		"10.1.0.0/24":         24, // the lot
		"10.1.7.128/25":       25, // a map finer than the lot
		"10.1.7.0/24":         25, // for half of it
		"10.1.0.0/16":         24,
		"2001:db8:1:100::/56": 56,
	} {
		f := mark(world(), func(e *cdn.Edge) { e.Addrs = append(e.Addrs, netip.MustParseAddr("2001:db8::5")) }, "sin1", "fra1")
		c := ecs(client)
		family := IPv4
		if c.Addr.Is6() {
			family = IPv6
		}
		if got, err := Best(f, c, family); err != nil || got.Scope != want {
			t.Errorf("%s: scope %d, %v, want %d", client, got.Scope, err, want)
		}
	}
}

// TestShares is the property that clients are spread by weight.
func TestShares(t *testing.T) {
	const clients = 1 << 16
	count := map[string]int{}
	f := world()
	for i := range clients {
		a := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		f.Regions[0].Subnets = prefixes("0.0.0.0/0")
		c := Client{Addr: a, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(i >> 8), byte(i), 0}), 24), ECS: true}
		best, err := Best(f, c, IPv4)
		if err != nil {
			t.Fatal(err)
		}
		count[best.Edge.Name]++
	}
	delete(count, "sin1") // the half of 10.1.7 that belongs to ap
	total := count["fra1"] + count["fra2"] + count["ams1"]
	for edge, weight := range map[string]int{"fra1": 1, "fra2": 3, "ams1": 2} {
		got, want := float64(count[edge])/float64(total), float64(weight)/6
		// Six standard deviations of a binomial share.
		if sigma := math.Sqrt(want * (1 - want) / float64(total)); math.Abs(got-want) > 6*sigma {
			t.Errorf("%s has %.4f of the clients, want %.4f ± %.4f", edge, got, want, 6*sigma)
		}
	}
}

// TestProperties draws fleets and clients at random. Best agrees with Rank;
// taking the best edge away leaves the order of the others; taking any other
// edge away, or changing the order in which edges are listed, moves nobody.
func TestProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		f := world()
		for i := range f.POPs {
			for j := range f.POPs[i].Edges {
				e := &f.POPs[i].Edges[j]
				e.Weight = r.IntN(4)
				e.Load = float64(r.IntN(3)) / 2
				if r.IntN(4) == 0 {
					down(e)
				}
			}
		}
		c := FromSubnet(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(5)), byte(r.Uint32()), 0}), 24))
		p, err := Rank(f, c, "x.", IPv4)
		best, err2 := Best(f, c, IPv4)
		if err != nil || err2 != nil {
			if !errors.Is(err, ErrOutOfService) || !errors.Is(err2, ErrOutOfService) {
				t.Fatalf("%v, %v", err, err2)
			}
			continue
		}
		if best.Edge.Name != p.Edge.Name || p.Ranked[0].Edge.Name != p.Edge.Name || p.Edge.Weight == 0 || len(p.Ranked) != 5 {
			t.Fatalf("Best %s, Rank %s, first %s", best.Edge.Name, p.Edge.Name, p.Ranked[0].Edge.Name)
		}
		for _, gone := range p.Ranked {
			without, err := Rank(remove(f, gone.Edge.Name), c, "x.", IPv4)
			if err != nil {
				continue
			}
			if gone.Edge.Name != p.Edge.Name && without.Edge.Name != p.Edge.Name {
				t.Fatalf("%s went and moved a client of %s to %s", gone.Edge.Name, p.Edge.Name, without.Edge.Name)
			}
			if gone.Edge.Name == p.Edge.Name && without.Edge.Name != p.Ranked[1].Edge.Name {
				t.Fatalf("%s went, and %s came, not %s", gone.Edge.Name, without.Edge.Name, p.Ranked[1].Edge.Name)
			}
		}
		r.Shuffle(len(f.POPs), func(i, j int) { f.POPs[i], f.POPs[j] = f.POPs[j], f.POPs[i] })
		if again, err := Best(f, c, IPv4); err != nil || again.Edge.Name != p.Edge.Name {
			t.Fatalf("another order of POPs: %s, not %s", again.Edge.Name, p.Edge.Name)
		}
	}
}

// remove is the fleet without one edge.
func remove(f *cdn.Fleet, name string) *cdn.Fleet {
	g := *f
	g.POPs = nil
	for _, p := range f.POPs {
		var edges []cdn.Edge
		for _, e := range p.Edges {
			if e.Name != name {
				edges = append(edges, e)
			}
		}
		p.Edges = edges
		g.POPs = append(g.POPs, p)
	}
	return &g
}

// TestSticks: one client has one edge, whatever its resolver tells of it.
func TestSticks(t *testing.T) {
	f := world()
	want, err := Best(f, ecs("10.1.9.0/24"), IPv4)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Client{ecs("10.1.9.77/32"), ecs("10.1.9.64/26"), FromResolver(netip.MustParseAddr("10.1.9.5")), FromResolver(netip.MustParseAddr("::ffff:10.1.9.6"))} {
		if got, err := Best(f, c, IPv4); err != nil || got.Edge != want.Edge {
			t.Errorf("%+v: %v, %v, want %v", c, got.Edge, err, want.Edge)
		}
	}
}

func TestBestAllocatesNothing(t *testing.T) {
	f, c := world(), ecs("10.1.9.0/24")
	if got := testing.AllocsPerRun(100, func() { Best(f, c, IPv4) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkBest(b *testing.B) {
	f, c := world(), ecs("10.1.9.0/24")
	b.ReportAllocs()
	for b.Loop() {
		Best(f, c, IPv4)
	}
}

func BenchmarkRank(b *testing.B) {
	f, c := world(), ecs("10.1.9.0/24")
	b.ReportAllocs()
	for b.Loop() {
		Rank(f, c, "shop.cdn.test.", IPv4)
	}
}
