package node

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"waypost/cdn"
	"waypost/dns"
)

func (r configReader) fleet(s *section) (*cdn.Fleet, Health) {
	f := &cdn.Fleet{TTL: 20 * time.Second}
	h := Health{Timeout: 2 * time.Second, Port: 443, Failures: 3}
	s.text("zone", "The CDN's zone: sites point into it with a CNAME.", &f.Zone)
	s.need("zone", "name the CDN's zone, e.g. cdn.example.net")
	if _, err := dns.ParseName(f.Zone); f.Zone != "" && err != nil {
		s.fail("zone", "%v", err)
	}
	s.duration("ttl", "How long an answer may be kept, i.e. how soon clients move. 20s where nothing is said.", &f.TTL)
	s.each("regions", "Parts of the clients' internet.", func(_ int, v *section) {
		var g cdn.Region
		v.text("name", "The region's name.", &g.Name)
		v.need("name", "name the region")
		v.prefixes("subnets", "Whose clients belong to it; the longest prefix wins.", &g.Subnets)
		v.texts("near", "Other regions, nearest first.", &g.Near)
		v.done()
		f.Regions = append(f.Regions, g)
	})
	s.each("pops", "Places where edges stand.", func(_ int, v *section) {
		f.POPs = append(f.POPs, r.pop(v, f))
	})
	s.need("pops", "name the places and their edges")
	if v := s.sub("health", "Watching the edges: each is connected to, and one that fails is taken out of the answers."); v != nil {
		var port int
		h.Interval = 5 * time.Second
		v.duration("interval", "Time between two looks. 5s where nothing is said.", &h.Interval)
		v.duration("timeout", "How long a connection may take. 2s where nothing is said.", &h.Timeout)
		v.number("failures", "Failures in a row before the edge is taken out. 3 where nothing is said.", &h.Failures)
		v.number("port", "TCP port to connect to. 443 where nothing is said.", &port)
		if h.Failures == 0 {
			v.fail("failures", "0 would take every edge out: 1 or more is wanted")
		}
		if port > 65535 {
			v.fail("port", "%d is no port", port)
		} else if port > 0 {
			h.Port = uint16(port)
		}
		v.done()
	}
	s.done()
	return f, h
}

func (r configReader) pop(s *section, f *cdn.Fleet) cdn.POP {
	var p cdn.POP
	s.text("name", "The place's name.", &p.Name)
	s.need("name", "name the place")
	s.text("region", "The region where it stands.", &p.Region)
	if p.Region != "" && !hasRegion(f, p.Region) {
		s.fail("region", "there is no region %q under fleet.regions", p.Region)
	}
	s.each("edges", "The edges in this place.", func(_ int, v *section) {
		e := cdn.Edge{Weight: 100}
		v.text("name", "The edge's name.", &e.Name)
		v.need("name", "name the edge")
		readList(v, "addresses", "IP address", "Its IP addresses, given to clients.", &e.Addrs, parseIP)
		v.need("addresses", "an edge is answered with its addresses")
		if e.Name != "" && hasEdge(f, p, e.Name) {
			v.fail("name", "there is an edge %q already", e.Name)
		}
		v.number("weight", "Its share of the place's clients; 0 takes it out of service. 100 where nothing is said.", &e.Weight)
		v.done()
		p.Edges = append(p.Edges, e)
	})
	s.need("edges", "name the edges in this place")
	s.done()
	return p
}

// hasEdge reports whether the fleet, or the place being read, has an edge of
// that name.
func hasEdge(f *cdn.Fleet, reading cdn.POP, name string) bool {
	for _, p := range append(slices.Clone(f.POPs), reading) {
		if slices.ContainsFunc(p.Edges, func(e cdn.Edge) bool { return e.Name == name }) {
			return true
		}
	}
	return false
}

func hasRegion(f *cdn.Fleet, name string) bool {
	for _, g := range f.Regions {
		if g.Name == name {
			return true
		}
	}
	return false
}

func parseIP(t string) (netip.Addr, error) {
	a, err := netip.ParseAddr(t)
	if err != nil {
		return a, fmt.Errorf("write an IP address such as 192.0.2.1 or 2001:db8::1")
	}
	return a, nil
}
