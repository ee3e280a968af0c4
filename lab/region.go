package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"waypost/stack"
)

// Region is a place on the internet: a switch into which hosts are plugged,
// and a router to the other regions. Each of its hosts is behind a link of
// its own. Routes between regions follow the links with the least delay and
// are made anew with every link; what happens to a link later does not move
// them.
type Region struct {
	Switch *Switch
	Router *Router

	lab     *Lab
	name    string
	number  int
	own     []netip.Prefix // of its hosts
	gateway []netip.Addr   // the router's addresses on the switch: IPv4, IPv6
	inner   *stack.Interface

	// Under the lab's lock.
	given    map[netip.Addr]bool
	next     map[netip.Prefix]netip.Addr // where the search for a free address goes on
	guests   []netip.Addr                // addresses of hosts outside of own
	adjacent []adjacency
}

// adjacency is a link to another region.
type adjacency struct {
	to    *Region
	link  *Link
	iface *stack.Interface
	via   []netip.Addr // the other router's addresses on the link
}

const (
	// maxRegions is how many there are numbers for in the addresses of
	// gateways and of links between regions.
	maxRegions = 256
	// maxBetween is the same for the links.
	maxBetween = 1 << 15
	// minMTUv6 is what IPv6 needs of a link (RFC 8200 §5).
	minMTUv6 = 1280
)

// Addresses of routers that nobody has chosen: of the space that is shared
// between networks (RFC 6598), and unique local ones (RFC 4193).
func gatewayPrefix4(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, byte(n), 1}), 24)
}

func gatewayPrefix6(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 5: 1, 7: byte(n), 15: 1}), 64)
}

func between4(n, side int) netip.Prefix { // RFC 3021: two addresses are a link
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 65, byte(n >> 7), byte(n<<1 | side)}), 31)
}

func between6(n, side int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 5: 2, 6: byte(n >> 8), 7: byte(n), 15: byte(1 + side)}), 64)
}

// Region makes a region, with a switch and a router named after it. Its
// hosts have addresses of its prefixes, at most one of IPv4 and one of IPv6;
// without any, whatever addresses they are given. The router has the first
// address of each prefix.
func (l *Lab) Region(name string, prefixes ...netip.Prefix) (*Region, error) {
	r := &Region{lab: l, name: name, given: make(map[netip.Addr]bool), next: make(map[netip.Prefix]netip.Addr)}
	fail := func(err error) (*Region, error) { return nil, fmt.Errorf("lab: make region %s: %w", name, err) }
	ports, err := r.own4and6(prefixes)
	if err != nil {
		return fail(err)
	}
	if r.Switch, err = l.Switch(name + "-switch"); err != nil {
		return fail(err)
	}
	if r.Router, err = l.Router(name + "-router"); err != nil {
		return fail(err)
	}
	if _, err = l.Connect(r.Router.Port(ports...), r.Switch.Port(), LinkShape{}); err != nil {
		return fail(err)
	}
	r.inner = r.Router.Interfaces()[0]
	l.mu.Lock()
	l.regions = append(l.regions, r)
	l.mu.Unlock()
	return r, nil
}

// own4and6 sorts the region's prefixes and returns those of the router's
// interface.
func (r *Region) own4and6(prefixes []netip.Prefix) ([]netip.Prefix, error) {
	r.lab.mu.Lock()
	defer r.lab.mu.Unlock()
	if r.number = r.lab.numbered; r.number >= maxRegions {
		return nil, fmt.Errorf("there are %d already", maxRegions)
	}
	r.lab.numbered++
	ports := []netip.Prefix{gatewayPrefix4(r.number), gatewayPrefix6(r.number)}
	for _, p := range prefixes {
		p = p.Masked()
		family := 0
		if p.Addr().Is6() {
			family = 1
		}
		first := p.Addr().Next()
		if !p.IsValid() || !p.Contains(first) || p.Bits() > p.Addr().BitLen()-2 {
			return nil, fmt.Errorf("%s has no room for hosts", p)
		}
		if slices.ContainsFunc(r.own, func(q netip.Prefix) bool { return q.Addr().Is4() == p.Addr().Is4() }) {
			return nil, fmt.Errorf("%s is the second prefix of its family", p)
		}
		if err := r.lab.crosses(p); err != nil {
			return nil, err
		}
		r.own = append(r.own, p)
		ports[family] = netip.PrefixFrom(first, p.Bits())
		r.given[first] = true
		r.next[p] = first.Next()
	}
	r.gateway = []netip.Addr{ports[0].Addr(), ports[1].Addr()}
	return ports, nil
}

// Name is the region's name.
func (r *Region) Name() string { return r.name }

// Prefixes are those of its hosts.
func (r *Region) Prefixes() []netip.Prefix { return slices.Clone(r.own) }

// Host makes a host of the region behind a link of the given shape: there is
// the way from the host, back the way to it. Without addresses it gets the
// next free one of each prefix of the region. Addresses may be any others
// too: all regions find the way to them.
func (r *Region) Host(name string, o HostOptions, addrs []netip.Addr, there LinkShape, back ...LinkShape) (*Host, error) {
	fail := func(err error) (*Host, error) {
		return nil, fmt.Errorf("lab: make host %s in %s: %w", name, r.name, err)
	}
	prefixes, err := r.assign(addrs)
	if err != nil {
		return fail(err)
	}
	h, err := r.lab.Host(name, o)
	if err != nil {
		return fail(err)
	}
	if _, err := r.lab.Connect(h.Port(prefixes...), r.Switch.Port(), there, back...); err != nil {
		return fail(err)
	}
	return h, r.settle(h, prefixes)
}

// assign reserves the addresses of a host and gives each its on-link prefix.
func (r *Region) assign(addrs []netip.Addr) ([]netip.Prefix, error) {
	r.lab.mu.Lock()
	defer r.lab.mu.Unlock()
	if len(addrs) == 0 {
		for _, p := range r.own {
			a, ok := r.free(p)
			if !ok {
				return nil, fmt.Errorf("%s is full", p)
			}
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, errors.New("it has no address, and the region has no prefix to choose one from")
	}
	var prefixes []netip.Prefix
	for _, a := range addrs {
		switch {
		case !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsMulticast() || a.IsUnspecified() || a.IsLoopback():
			return nil, fmt.Errorf("%s is no address of a host", a)
		case r.lab.given(a):
			return nil, fmt.Errorf("%s is taken", a)
		}
		if o := r.lab.ownerOf(a); o != nil && o != r {
			return nil, fmt.Errorf("%s is of region %s", a, o.name)
		}
		bits := a.BitLen()
		for _, p := range r.own {
			if p.Contains(a) {
				bits = p.Bits()
			}
		}
		prefixes = append(prefixes, netip.PrefixFrom(a, bits))
	}
	for _, a := range addrs {
		r.given[a] = true
	}
	return prefixes, nil
}

// given reports whether an address is a host's or router's of some region.
// The lock is held.
func (l *Lab) given(a netip.Addr) bool {
	return slices.ContainsFunc(l.regions, func(r *Region) bool { return r.given[a] })
}

// ownerOf returns the region of whose prefixes an address is, or nil. The
// lock is held.
func (l *Lab) ownerOf(a netip.Addr) *Region {
	for _, r := range l.regions {
		if slices.ContainsFunc(r.own, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return r
		}
	}
	return nil
}

// crosses returns what speaks against a region's prefix: it overlaps with
// another's, or a host elsewhere has an address of it. The lock is held.
func (l *Lab) crosses(p netip.Prefix) error {
	for _, r := range l.regions {
		for _, q := range r.own {
			if p.Overlaps(q) {
				return fmt.Errorf("%s overlaps with %s of region %s", p, q, r.name)
			}
		}
		for _, a := range r.guests {
			if p.Contains(a) {
				return fmt.Errorf("%s holds %s, which a host in region %s has", p, a, r.name)
			}
		}
	}
	return nil
}

// free finds the next free address of a prefix; the last one of IPv4 is for
// everybody (RFC 922).
func (r *Region) free(p netip.Prefix) (netip.Addr, bool) {
	for a := r.next[p]; p.Contains(a); a = a.Next() {
		if !r.given[a] && (a.Is6() || p.Contains(a.Next())) {
			r.next[p] = a.Next()
			return a, true
		}
	}
	return netip.Addr{}, false
}

// Between joins two regions by a link between their routers; there is the
// way from a to b.
func (l *Lab) Between(a, b *Region, there LinkShape, back ...LinkShape) (*Link, error) {
	if a == b {
		return nil, fmt.Errorf("lab: join %s and %s: they are one region", a.name, b.name)
	}
	s, err := bothWays(there, back)
	if err != nil {
		return nil, fmt.Errorf("lab: join %s and %s: %w", a.name, b.name, err)
	}
	l.mu.Lock()
	n := l.between
	l.between++
	l.mu.Unlock()
	if n >= maxBetween {
		return nil, fmt.Errorf("lab: join %s and %s: there are %d links between regions already", a.name, b.name, maxBetween)
	}
	var ports [2][]netip.Prefix
	for side := range ports {
		ports[side] = []netip.Prefix{between4(n, side)}
		if s.mtu() >= minMTUv6 {
			ports[side] = append(ports[side], between6(n, side))
		}
	}
	k, err := l.Connect(a.Router.Port(ports[0]...), b.Router.Port(ports[1]...), there, back...)
	if err != nil {
		return nil, err
	}
	join := func(from, to *Region, theirs []netip.Prefix) {
		j := adjacency{to: to, link: k, iface: last(from.Router.Interfaces())}
		for _, p := range theirs {
			j.via = append(j.via, p.Addr())
		}
		l.mu.Lock()
		from.adjacent = append(from.adjacent, j)
		l.mu.Unlock()
	}
	join(a, b, ports[1])
	join(b, a, ports[0])
	return k, l.route()
}

func last[T any](s []T) T { return s[len(s)-1] }
