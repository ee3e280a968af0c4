package lab

import (
	"net/netip"
)

// Region is a place on the internet: a switch to which hosts are plugged in,
// and a router to the other regions.
type Region struct {
	lab    *Lab
	name   string
	Switch *Switch
	Router *Router
}

// Region makes a region whose hosts have addresses of these prefixes, at
// most one of IPv4 and one of IPv6, or, without any, whatever addresses they
// are given. The router has the first address of each.
func (l *Lab) Region(name string, prefixes ...netip.Prefix) (*Region, error) { return nil, nil }

// Name is the region's name.
func (r *Region) Name() string { return r.name }

// Host makes a host of the region behind a link of the given shape. Without
// addresses it gets the next free one of each prefix of the region; others
// may be any: routes are made in all regions.
func (r *Region) Host(name string, o HostOptions, shape LinkShape, addrs ...netip.Addr) (*Host, error) {
	return nil, nil
}

// Between joins two regions by a link between their routers.
func (l *Lab) Between(a, b *Region, there LinkShape, back ...LinkShape) (*Link, error) {
	return nil, nil
}
