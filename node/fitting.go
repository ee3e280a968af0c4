package node

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/tls/cert"
	"waypost/url"
)

// Whether an edge and its sites fit together: each may be right by itself, and
// yet no client of the site gets an answer, or nothing of it is ever kept.

// minMemory is the least that is of use: the store's table, and a few pages.
const minMemory = 1 << 20

// usualName is that of an edge that has been given none.
const usualName = "edge"

// maxListed bounds the names that a warning lists.
const maxListed = 10

// fitting holds sites, which stand at the sections of at, against their edge.
func (r configReader) fitting(e *Edge, sites []cdn.Site, at []*section) {
	if r.keys != nil || e == nil {
		return
	}
	names := e.names()
	listed := names.Names()
	for i := range sites {
		r.sliceFits(e, &sites[i], at[i])
		r.certified(e, names, listed, &sites[i], at[i])
		r.elsewhere(e, &sites[i], at[i])
		r.apartFromParents(e, &sites[i], at[i])
	}
}

// sliceFits refuses slices of which none is ever kept.
func (r configReader) sliceFits(e *Edge, site *cdn.Site, s *section) {
	slice := site.Policy.Slice
	if slice < minSlice || slice > maxSlice || e.Memory < minMemory {
		return // refused already
	}
	if most := store.LargestBody(e.Memory); slice > most {
		s.fail("slice", "no slice of %d bytes is ever kept: one object may take a quarter of the memory, here %d bytes; make it smaller, or the memory %dMiB", slice, most, memoryFor(slice)>>20)
	}
	if most := disk.LargestRecord(e.StoreSize); e.Store != "" && slice >= most {
		s.fail("slice", "no slice of %d bytes is ever kept on disk: one object may take a sixteenth of the store's size, here %d bytes; make it smaller, or the store larger", slice, most)
	}
}

// memoryFor is a memory that keeps objects of so many bytes, in whole MiB.
func memoryFor(object int64) int64 {
	n := int64(minMemory)
	for store.LargestBody(n) < object {
		n += minMemory
	}
	return n
}

// names are those that the edge's certificates speak for: none where one of
// them is refused.
func (e *Edge) names() *cert.Set {
	set := &cert.Set{}
	if all, err := certificateList(e.Certificates); err == nil {
		_ = set.Replace(all...) // stays empty
	}
	return set
}

// certified warns of hosts that no client reaches over HTTPS.
func (r configReader) certified(e *Edge, names *cert.Set, listed []string, site *cdn.Site, s *section) {
	if len(e.HTTPS) == 0 || len(listed) == 0 {
		return // refused already
	}
	var without []string
	for _, h := range site.Hosts {
		if !spoken(names, listed, h) {
			without = append(without, h)
		}
	}
	if len(listed) > maxListed {
		listed = append(listed[:maxListed:maxListed], "and others")
	}
	if len(without) > 0 {
		r.warn(s, "hosts", fmt.Sprintf("no certificate of the edge is for %s: over HTTPS every client is refused (unrecognized_name); the certificates are for %s: add one under edge.certificates",
			strings.Join(without, ", "), strings.Join(listed, ", ")))
	}
}

// spoken reports whether a certificate is for a host, or for some name of
// those that a star stands for. For an address the first one is shown.
func spoken(names *cert.Set, listed []string, host string) bool {
	below, wild := strings.CutPrefix(host, "*")
	switch {
	case host == "*":
		return true
	case wild:
		return slices.ContainsFunc(listed, func(n string) bool { return strings.HasSuffix(n, below) })
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || names.Knows(host)
}

// elsewhere refuses an origin that is the edge itself: it would ask itself
// until it finds out that the request goes round (CDN-Loop, RFC 8586).
func (r configReader) elsewhere(e *Edge, site *cdn.Site, s *section) {
	o := inner(s, "origin")
	if o == nil {
		return
	}
	for _, text := range site.Origin.URLs {
		u, err := url.Parse(text, nil)
		if err != nil {
			continue // refused already
		}
		const mend = "is this edge's own listener, so that every request would go round in a circle: name the server behind the edge"
		host := strings.Trim(u.Hostname(), "[]")
		addr, err := netip.ParseAddr(host)
		switch {
		case err == nil && e.listensAt(addr, u.Port()):
			o.fail("urls", "%s %s", text, mend)
		case host == "localhost" && (e.listensAt(netip.AddrFrom4([4]byte{127, 0, 0, 1}), u.Port()) || e.listensAt(netip.IPv6Loopback(), u.Port())):
			r.warn(o, "urls", text+" "+mend)
		}
	}
}

// apartFromParents warns of a name that parents are likely to have, too: they
// would take every request for one that comes back to them (RFC 8586 §2).
func (r configReader) apartFromParents(e *Edge, site *cdn.Site, s *section) {
	if len(site.Origin.Parents) > 0 && e.Name == usualName {
		r.warn(s, "parents", "this edge has the name \""+usualName+"\", which every edge has that is given none: a parent of that name refuses all requests as going round in a circle; set edge.name here and there")
	}
}

// listensAt reports whether the edge has a listener that a connection to the
// address from this machine reaches for sure.
func (e *Edge) listensAt(addr netip.Addr, port uint16) bool {
	return slices.ContainsFunc(slices.Concat(e.HTTP, e.HTTPS), func(l netip.AddrPort) bool {
		switch a := l.Addr().Unmap(); {
		case l.Port() != port:
			return false
		case a.IsUnspecified():
			return addr.IsLoopback() || addr.IsUnspecified()
		default:
			return a == addr.Unmap() || a.IsLoopback() && addr.IsUnspecified()
		}
	})
}

// warn notes what is odd about a key, and does not hinder.
func (r configReader) warn(s *section, key, what string) {
	r.warnings = append(r.warnings, r.problem(s.token(key), s.join(key), what))
}

// inner is a section that has been read already, or nil.
func inner(s *section, key string) *section {
	for _, v := range s.values {
		if keyName(v) != key {
			continue
		}
		switch v.Value.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			return s.r.section(v.Value, s.join(key))
		}
	}
	return nil
}
