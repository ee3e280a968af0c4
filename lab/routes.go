package lab

import (
	"net/netip"
	"time"

	"waypost/stack"
)

// settle makes the routes of a new host: its own to the gateway, and those
// of all regions to it where it is not within its region's prefixes.
func (r *Region) settle(h *Host, prefixes []netip.Prefix) error {
	i := h.Interfaces()[0]
	var families [2]bool
	for _, p := range prefixes {
		families[family(p.Addr())] = true
		if p.Bits() < p.Addr().BitLen() {
			continue
		}
		if err := r.Router.AddRoute(stack.Route{Prefix: p, Interface: r.inner}); err != nil {
			return err
		}
		r.lab.mu.Lock()
		r.guests = append(r.guests, p.Addr())
		r.lab.mu.Unlock()
		for _, o := range r.lab.allRegions() {
			if way, ok := r.lab.ways(o)[r]; ok {
				if err := o.lead(p, way); err != nil {
					return err
				}
			}
		}
	}
	for f, everything := range [2]netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)} {
		if !families[f] {
			continue
		}
		if err := h.AddRoute(stack.Route{Prefix: everything, Via: r.gateway[f], Interface: i}); err != nil {
			return err
		}
	}
	return nil
}

// family is 0 for IPv4 and 1 for IPv6.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func (l *Lab) allRegions() []*Region {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Region(nil), l.regions...)
}

// route makes the routes between all regions.
func (l *Lab) route() error {
	regions := l.allRegions()
	for _, from := range regions {
		ways := l.ways(from)
		for _, to := range regions {
			way, ok := ways[to]
			if !ok {
				continue
			}
			for _, p := range to.prefixes() {
				if err := from.lead(p, way); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// prefixes are all that lead to the region.
func (r *Region) prefixes() []netip.Prefix {
	r.lab.mu.Lock()
	defer r.lab.mu.Unlock()
	all := append([]netip.Prefix(nil), r.own...)
	for _, a := range r.gateway {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	for _, a := range r.guests {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// lead makes the route of this region's router to a prefix.
func (r *Region) lead(p netip.Prefix, way adjacency) error {
	for _, via := range way.via {
		if via.Is4() == p.Addr().Is4() {
			return r.Router.AddRoute(stack.Route{Prefix: p, Via: via, Interface: way.iface})
		}
	}
	return nil // no way for the family: the link's MTU is too small for IPv6
}

// ways finds the first step from a region to every other that can be
// reached: the one of the path with the least delay, then with the fewest
// links, then of the link that was made first (Dijkstra 1959).
func (l *Lab) ways(from *Region) map[*Region]adjacency {
	l.mu.Lock()
	defer l.mu.Unlock()
	type reached struct {
		delay time.Duration
		steps int
		first adjacency
		done  bool
	}
	best := map[*Region]*reached{from: {}}
	for {
		var near *Region
		for _, r := range l.regions { // in their order, so that ties have one end
			if b := best[r]; b != nil && !b.done && (near == nil || nearer(b.delay, b.steps, best[near].delay, best[near].steps)) {
				near = r
			}
		}
		if near == nil {
			break
		}
		at := best[near]
		at.done = true
		for _, j := range near.adjacent {
			delay, steps := at.delay+j.way().shape.Delay, at.steps+1
			if b := best[j.to]; b != nil && !nearer(delay, steps, b.delay, b.steps) {
				continue
			}
			first := at.first
			if near == from {
				first = j
			}
			best[j.to] = &reached{delay: delay, steps: steps, first: first}
		}
	}
	ways := make(map[*Region]adjacency, len(best))
	for r, b := range best {
		if r != from {
			ways[r] = b.first
		}
	}
	return ways
}

func nearer(delay time.Duration, steps int, than time.Duration, thanSteps int) bool {
	return delay < than || delay == than && steps < thanSteps
}

// way is the direction that leads to the neighbour.
func (j adjacency) way() *direction {
	if j.link.there.to.name == j.to.Router.Name() {
		return j.link.there
	}
	return j.link.back
}
