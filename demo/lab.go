package demo

import (
	"fmt"
	"net/netip"

	"waypost/lab"
	"waypost/link"
)

// place is where a host of the demo stands when it stands in the lab, and
// the link that joins it to its region.
type place struct{ name, addr, region, link string }

// places are the demo's hosts in four regions: the client's, whose provider
// has the resolver and where one edge stands; two where the name servers and
// the shop are; and one across an ocean, with the other edge.
var places = [...]place{
	{"browser", "192.0.2.10", "frankfurt", "6ms jitter 1ms rate 50Mbit"}, // the last mile
	{"admin", "192.0.2.1", "frankfurt", "200us"},
	{"resolver", "192.0.2.53", "frankfurt", "200us"},
	{"fra1", "203.0.113.10", "frankfurt", "200us"},
	{"root", "198.51.100.1", "amsterdam", "200us"},
	{"tld", "198.51.100.2", "amsterdam", "200us"},
	{"shop", "198.51.100.3", "london", "200us"},
	{"cdn", "198.51.100.4", "london", "200us"},
	{"origin", "203.0.113.80", "london", "200us"},
	{"nyc1", "203.0.113.20", "newyork", "200us"},
}

// cables are the links between the regions, with the delay of light in glass
// over about their distance.
var cables = [...]struct{ a, b, shape string }{
	{"frankfurt", "amsterdam", "3ms"},
	{"amsterdam", "london", "3ms"},
	{"frankfurt", "london", "5ms"},
	{"london", "newyork", "35ms"},
	{"frankfurt", "newyork", "42ms"},
}

// Lab is the demo's internet with regions and delays: wires on which every
// host has the real ports, and which no process outside can reach.
type Lab struct {
	// Net is the lab: its links can be captured, cut and reshaped.
	Net   *lab.Lab
	hosts map[netip.Addr]*lab.Host
}

// NewLab lays the wires in a lab, which remains the caller's to close.
func NewLab(net *lab.Lab) (*Lab, error) {
	d := &Lab{Net: net, hosts: map[netip.Addr]*lab.Host{}}
	regions := map[string]*lab.Region{}
	for _, p := range places {
		if regions[p.region] == nil {
			r, err := net.Region(p.region)
			if err != nil {
				return nil, fmt.Errorf("demo: %w", err)
			}
			regions[p.region] = r
		}
		shape, err := lab.ParseShape(p.link)
		if err != nil {
			return nil, fmt.Errorf("demo: %s: %w", p.name, err)
		}
		addr := netip.MustParseAddr(p.addr)
		h, err := regions[p.region].Host(p.name, lab.HostOptions{}, []netip.Addr{addr}, shape)
		if err != nil {
			return nil, fmt.Errorf("demo: %s: %w", p.name, err)
		}
		d.hosts[addr] = h
	}
	for _, c := range cables {
		shape, err := lab.ParseShape(c.shape)
		if err != nil {
			return nil, fmt.Errorf("demo: %s to %s: %w", c.a, c.b, err)
		}
		if _, err := net.Between(regions[c.a], regions[c.b], shape); err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
	}
	return d, nil
}

// Host returns the network as the host with this address has it.
func (d *Lab) Host(addr netip.Addr) link.Network { return d.hosts[addr] }
