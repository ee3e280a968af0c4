package node

import (
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"waypost/cdn"
	"waypost/dns"
)

// Config is what one process does: any subset of the roles. It is read by
// [Parse] and complete: files that it names have been read.
type Config struct {
	File      string   // where it was read from, for messages
	Warnings  Problems // what is odd, and does not hinder
	Admin     *Admin
	Trust     []netip.Prefix // whose trace contexts are recorded; loopback where nothing is said
	Resolver  *Resolver
	Authority *Authority
	Fleet     *cdn.Fleet
	Health    Health
	Edge      *Edge
	Origin    *Origin
}

// Admin is the listener for the node's owner: the flight recorder. It is
// never open without a token.
type Admin struct {
	Listen []netip.AddrPort
	Token  string
}

// Resolver is a recursive name server.
type Resolver struct {
	Name      string
	Listen    []netip.AddrPort
	Allow     []netip.Prefix // who may ask for recursion; loopback where nothing is said
	Hosts     string         // text of the hosts file, with HostsFile its name
	HostsFile string
	Zones     []*dns.Zone
	Forward   []Forward
	Roots     []netip.AddrPort // where iteration starts; empty: IANA's root servers
	Peers     []netip.Prefix   // our own name servers: they get the trace and the client's subnet
}

// Forward sends questions under a zone to given servers.
type Forward struct {
	Zone    dns.Name
	Servers []netip.AddrPort
}

// Authority is an authoritative name server.
type Authority struct {
	Name   string
	Listen []netip.AddrPort
	Zones  []*dns.Zone
}

// Health is how the fleet's edges are watched.
type Health struct {
	Interval time.Duration // 0: they are not
	Timeout  time.Duration
	Port     uint16
	Failures int // in a row before an edge is taken out
}

// Edge is a cache server.
type Edge struct {
	Name         string
	HTTP, HTTPS  []netip.AddrPort
	HTTP3        bool // over QUIC too, at the addresses of HTTPS
	Certificates []Certificate
	AnyName      bool             // show the first certificate to who asks for a name that none is for
	Memory       int64            // bytes of cache in memory
	Store        string           // directory of the cache on disk; "": there is none
	StoreSize    int64            // bytes that its files may take
	FilledFrom   []string         // the origins of all that is in Store; what is of others is dropped at the start. Empty: it is not looked at
	ProxyFrom    []netip.Prefix   // load balancers that speak the PROXY protocol
	PerClient    int              // connections that one client may have; 0: any number
	Resolvers    []netip.AddrPort // ask for the origins' names here; empty: the system's
	Peers        []netip.Prefix   // those of them that are our own: they are told the trace
	Hosts        string           // text of a hosts file asked first, with HostsFile its name
	HostsFile    string
	OriginCA     []byte // PEM of authorities that the origins' certificates may come from besides the system's
	Sites        []cdn.Site
}

// Certificate is a chain and its key, PEM.
type Certificate struct {
	CertFile, KeyFile string
	Cert, Key         []byte
}

// Origin is a content server.
type Origin struct {
	Name    string
	HTTP    []netip.AddrPort
	Root    string // directory of static files; "" leaves the content to the program
	MaxBody int64

	rootless Problem // where a missing root would have stood
}

// Parse reads a configuration. file names it in messages; readFile reads the
// files that it names, as written there. The error is [Problems]: all that
// is wrong, not just the first.
func Parse(file string, text []byte, readFile func(string) ([]byte, error)) (*Config, error) {
	r := &reader{file: file}
	c := r.config(r.document(text), readFile)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	c.File, c.Warnings = file, r.warnings
	return c, nil
}

// ParseFile reads a configuration file; files that it names are relative to
// its directory.
func ParseFile(file string) (*Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text, func(name string) ([]byte, error) {
		return os.ReadFile(relativeTo(file, name))
	})
}

func relativeTo(file, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(file), name)
}

func (r *reader) config(s *section, readFile func(string) ([]byte, error)) *Config {
	cr := configReader{r, readFile}
	c := &Config{Trust: loopback()}
	if t := s.sub("trace", "Recording on behalf of others."); t != nil {
		t.prefixes("trust", "Subnets whose trace contexts (traceparent, EDNS option) are recorded. Loopback where nothing is said.", &c.Trust)
		t.done()
	}
	if a := s.sub("admin", "The listener for the node's owner. It wants a token."); a != nil {
		c.Admin = cr.admin(a)
	}
	if v := s.sub("resolver", "A recursive name server."); v != nil {
		c.Resolver = cr.resolver(v)
	}
	if v := s.sub("authority", "An authoritative name server."); v != nil {
		c.Authority = cr.authority(v)
	}
	if v := s.sub("fleet", "The CDN's edges, for the authority's smart answers."); v != nil {
		c.Fleet, c.Health = cr.fleet(v)
	}
	if v := s.sub("edge", "A cache server."); v != nil {
		c.Edge = cr.edge(v)
	}
	sites := cr.sites(s, c.Edge)
	if c.Edge != nil {
		c.Edge.Sites = sites
	}
	if v := s.sub("origin", "A content server."); v != nil {
		c.Origin = cr.origin(v)
	}
	s.done()
	cr.across(s, c, len(sites))
	return c
}

// across checks what concerns several sections.
func (r configReader) across(s *section, c *Config, sites int) {
	if r.keys != nil || len(r.problems) > 0 {
		return
	}
	if c.Resolver == nil && c.Authority == nil && c.Edge == nil && c.Origin == nil && c.Admin == nil {
		r.fail(s.at, "", "no role: name at least one of resolver, authority, edge, origin")
	}
	if c.Edge != nil && sites == 0 {
		s.fail("sites", "an edge needs at least one site")
	}
	if c.Edge == nil && sites > 0 {
		s.fail("sites", "sites are served by an edge, and there is no edge section")
	}
	if c.Fleet != nil && c.Authority == nil {
		s.fail("fleet", "the fleet is for the authority's smart answers, and there is no authority section")
	}
	if c.Fleet != nil && c.Authority != nil {
		zone, _ := dns.ParseName(c.Fleet.Zone)
		held := false
		for _, z := range c.Authority.Zones {
			held = held || zone == z.Origin
		}
		if !held {
			s.fail("fleet", "the authority holds no zone %s: list it under authority.zones with its SOA and NS", c.Fleet.Zone)
		}
	}
}

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}
