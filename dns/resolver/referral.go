package resolver

import (
	"fmt"
	"net/netip"
	"slices"

	"waypost/dns"

	mdns "github.com/miekg/dns"
)

// referral reads a delegation of zone, which lies below the server's zone
// and above the name asked.
//
// What is believed: the NS records of that one zone; addresses of servers
// whose names are in or below it, since nobody else can give them. Addresses
// of servers elsewhere under the server's own zone are kept as a last resort
// and used for this delegation only. All others are ignored: their zones are
// asked.
func (rd *reader) referral(m *mdns.Msg, rep *reply, zone dns.Name) error {
	z := &cut{zone: zone, stored: rd.now, ttl: MaxTTL}
	for _, rr := range recordsOf(m.Ns, zone, mdns.TypeNS) {
		z.ttl = min(z.ttl, ttlOf(rr.Header().Ttl))
		name := nameOf(rr.(*mdns.NS).Ns)
		if name == "" || slices.ContainsFunc(z.servers, func(s nameserver) bool { return s.name == name }) {
			continue
		}
		if len(z.servers) == MaxServers {
			rep.ignored = append(rep.ignored, fmt.Sprintf("servers beyond the first %d", MaxServers))
			break
		}
		z.servers = append(z.servers, nameserver{name: name})
	}
	if len(z.servers) == 0 {
		return &defect{why: fmt.Sprintf("a referral to %s without a server", text(zone))}
	}
	for _, rr := range m.Extra {
		addr, ok := addrOf(rr)
		if !ok {
			continue
		}
		owner := nameOf(rr.Header().Name)
		i := slices.IndexFunc(z.servers, func(s nameserver) bool { return s.name == owner })
		switch {
		case owner == "" || i < 0 || !owner.Under(rd.zone):
			rep.ignored = append(rep.ignored, fmt.Sprintf("the address of %s, which is not for %s to give", written(rr.Header().Name), text(rd.zone)))
		case !rd.usable(addr):
			rep.ignored = append(rep.ignored, fmt.Sprintf("%s, which cannot be the address of a server of %s", addr, text(zone)))
		case owner.Under(zone):
			z.servers[i].addrs = appendAddr(z.servers[i].addrs, addr)
		default:
			z.servers[i].spare = appendAddr(z.servers[i].spare, addr)
		}
	}
	rep.cut = z
	return nil
}

// maxGlue bounds the addresses taken for one server: a server has one or two
// of each family.
const maxGlue = 8

func appendAddr(to []netip.AddrPort, a netip.Addr) []netip.AddrPort {
	ap := netip.AddrPortFrom(a, dnsPort)
	if len(to) >= maxGlue || slices.Contains(to, ap) {
		return to
	}
	return append(to, ap)
}

// addrOf is the address of an A or AAAA record of class IN.
func addrOf(rr mdns.RR) (netip.Addr, bool) {
	if rr.Header().Class != mdns.ClassINET {
		return netip.Addr{}, false
	}
	switch rr := rr.(type) {
	case *mdns.A:
		a, ok := netip.AddrFromSlice(rr.A)
		return a.Unmap(), ok
	case *mdns.AAAA:
		a, ok := netip.AddrFromSlice(rr.AAAA)
		return a, ok && !a.Is4In6() // RFC 4291 §2.5.5.2: those do not belong on a wire
	}
	return netip.Addr{}, false
}

// usable reports whether a name server of the internet can have address a. A
// delegation to this machine would make a resolver ask itself or a neighbour
// process; it counts only where the roots are here too.
func (r *Resolver) usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && (r.local || !a.IsLoopback()) && a != broadcast
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// localCut is the delegation that a local zone makes. The zone's glue is
// believed as far as it goes: it comes from the configuration.
func localCut(res dns.Result, usable func(netip.Addr) bool) *cut {
	z := &cut{zone: res.Set.Owner}
	for _, rr := range res.Set.RRs {
		ns, ok := rr.(*mdns.NS)
		if !ok || len(z.servers) == MaxServers {
			continue
		}
		s := nameserver{name: nameOf(ns.Ns)}
		for _, glue := range res.Glue {
			if glue.Owner != s.name {
				continue
			}
			for _, g := range glue.RRs {
				if addr, ok := addrOf(g); ok && usable(addr) {
					s.addrs = appendAddr(s.addrs, addr)
				}
			}
		}
		if s.name != "" {
			z.servers = append(z.servers, s)
		}
	}
	return z
}
