// Package cdn holds the nouns of a content delivery network: the fleet that
// answers, and the sites it answers for. It is data without behaviour beyond
// looking things up; the configuration file is read into it, name service,
// edge and control plane read from it.
package cdn

import (
	"net/netip"
	"strings"
	"time"
)

// Fleet is every edge there is, and how clients find the best one.
type Fleet struct {
	// Zone is the CDN's own DNS zone in presentation form without the final
	// dot, e.g. "cdn.test". A site is put on the CDN by a CNAME to a name in
	// this zone.
	Zone    string
	TTL     time.Duration // of the answers: how long a choice of edge lasts
	POPs    []POP
	Regions []Region
}

// POP is one place where edges stand.
type POP struct {
	Name   string
	Region string // name of a Region
	Edges  []Edge
}

// Edge is one cache server as clients see it.
type Edge struct {
	Name   string
	Addrs  []netip.Addr
	Weight int     // share of its POP's clients; 0 takes it out of service
	Load   float64 // 0 idle to 1 full
	Down   string  // why it must not be used; "" when it is healthy
}

// Region is a part of the clients' internet.
type Region struct {
	Name    string
	Subnets []netip.Prefix // whose clients belong to it
	Near    []string       // other regions, nearest first
}

// Region returns the region of the longest prefix that holds addr.
func (f *Fleet) Region(addr netip.Addr) (region *Region, by netip.Prefix) {
	addr = addr.Unmap()
	for i := range f.Regions {
		for _, p := range f.Regions[i].Subnets {
			if p.Contains(addr) && (region == nil || p.Bits() > by.Bits()) {
				region, by = &f.Regions[i], p
			}
		}
	}
	return region, by
}

// Site is one virtual host on the CDN.
type Site struct {
	Name   string   // for people and for the cache key, e.g. "shop"
	Hosts  []string // lower case, without port; "*.example.test" matches one or more labels
	Origin Origin
	Policy Policy
	Rules  Rules
}

// Origin is where a site's content comes from.
type Origin struct {
	// URLs of the servers, http or https.
	URLs []string
	// Choice is the order in which they are asked.
	Choice Choice
	// Weights are the shares of the URLs where the choice is ByTurns; nil
	// means equal ones. It is as long as URLs.
	Weights []int
	Check   Check
	// Parents are edges that are asked before the origin, one for each key:
	// URLs without a path.
	Parents []string
	// ParentCheck are the checks of the parents.
	ParentCheck ParentCheck
	// Host replaces the Host that is sent to the origin; "" keeps the client's.
	Host string
	// InsecureSkipVerify turns off certificate checks. For tests only.
	InsecureSkipVerify bool
}

// Choice is how the servers of an origin are chosen from.
type Choice uint8

// The choices. What is ill is passed over in each.
const (
	InOrder Choice = iota // the first, and the next one where that fails
	ByTurns               // each gets its share
)

// Check asks an origin's servers at intervals whether they are well. Zero
// values stand for those of package upstream.
type Check struct {
	Path     string // asked for with GET; "" means no checks
	Interval time.Duration
	Timeout  time.Duration
	Up, Down int // checks in a row that find a server well, or ill
}

// ParentCheck asks the parents at intervals whether they are there and serve
// the site. Zero values stand for those of package upstream.
type ParentCheck struct {
	Host     string // of the site, asked for; "" means no checks
	Interval time.Duration
	Timeout  time.Duration
	Up, Down int // checks in a row that find a parent well, or ill
}

// Policy is what an edge does for a site.
type Policy struct {
	MaxBody int64 // largest request body taken, in bytes; more gets 413
	// Deadlines on the way back to the origin, one per phase.
	ConnectTimeout   time.Duration // for each of: a free connection, TCP, TLS
	FirstByteTimeout time.Duration // from the request sent to the response head
	IdleTimeout      time.Duration // between two reads of a body
	TunnelTimeout    time.Duration // of silence in a tunnel (WebSocket), both ways
	// DefaultTTL is a freshness lifetime for responses that state none and
	// may be stored; 0 leaves it to the heuristic of RFC 9111 §4.2.2.
	DefaultTTL time.Duration
	// GuardCookies keeps a response with Set-Cookie out of the cache unless it
	// speaks of shared caches (public, s-maxage, CDN-Cache-Control).
	GuardCookies bool
	// Slice is the size in bytes of the slices in which large files are
	// fetched and held; 0 has them fetched whole.
	Slice int64
	// NoEarlyData refuses requests that come before the TLS handshake is
	// complete (RFC 8470).
	NoEarlyData bool
}

// DefaultPolicy is what applies where a configuration says nothing.
func DefaultPolicy() Policy {
	return Policy{
		MaxBody:          8 << 20,
		ConnectTimeout:   3 * time.Second,
		FirstByteTimeout: 15 * time.Second,
		IdleTimeout:      15 * time.Second,
		TunnelTimeout:    5 * time.Minute,
	}
}

// Match returns the site whose Hosts hold host (lower case, without port),
// an exact name before the longest wildcard, or nil.
func Match(sites []Site, host string) *Site {
	var best *Site
	longest := -1
	for i := range sites {
		for _, h := range sites[i].Hosts {
			if h == host {
				return &sites[i]
			}
			if suffix, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(host, suffix) &&
				len(host) > len(suffix) && len(suffix) > longest {
				best, longest = &sites[i], len(suffix)
			}
		}
	}
	return best
}
