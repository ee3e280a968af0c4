package resolver

import "net/netip"

// RootHints returns the addresses of the 13 root name servers, IPv4 before
// IPv6, with port 53. Source: IANA's root hints file (named.root, published
// at https://www.internic.net/domain/named.root). An address changes about
// once in several years, and the old one is served on for a time; any one
// that still answers is enough to begin with. We deviate from RFC 9609 §3:
// the hints are used as they stand, without asking the root for its servers
// first.
func RootHints() []netip.AddrPort {
	hints := make([]netip.AddrPort, 0, 2*len(roots))
	for _, r := range roots {
		hints = append(hints, netip.AddrPortFrom(netip.MustParseAddr(r.v4), dnsPort))
	}
	for _, r := range roots {
		hints = append(hints, netip.AddrPortFrom(netip.MustParseAddr(r.v6), dnsPort))
	}
	return hints
}

var roots = [...]struct{ name, v4, v6 string }{
	{"a.root-servers.net.", "198.41.0.4", "2001:503:ba3e::2:30"},
	{"b.root-servers.net.", "170.247.170.2", "2801:1b8:10::b"},
	{"c.root-servers.net.", "192.33.4.12", "2001:500:2::c"},
	{"d.root-servers.net.", "199.7.91.13", "2001:500:2d::d"},
	{"e.root-servers.net.", "192.203.230.10", "2001:500:a8::e"},
	{"f.root-servers.net.", "192.5.5.241", "2001:500:2f::f"},
	{"g.root-servers.net.", "192.112.36.4", "2001:500:12::d0d"},
	{"h.root-servers.net.", "198.97.190.53", "2001:500:1::53"},
	{"i.root-servers.net.", "192.36.148.17", "2001:7fe::53"},
	{"j.root-servers.net.", "192.58.128.30", "2001:503:c27::2:30"},
	{"k.root-servers.net.", "193.0.14.129", "2001:7fd::1"},
	{"l.root-servers.net.", "199.7.83.42", "2001:500:9f::42"},
	{"m.root-servers.net.", "202.12.27.33", "2001:dc3::35"},
}
