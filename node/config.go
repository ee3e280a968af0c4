package node

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"waypost/cdn"
	"waypost/dns"
	"waypost/url"
)

// Config is what one process does: any subset of the roles. It is read by
// [Parse] and complete: files that it names have been read.
type Config struct {
	File      string // where it was read from, for messages
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
	Certificates []Certificate
	Memory       int64            // bytes of cache
	Resolvers    []netip.AddrPort // ask for the origins' names here; empty: the system's
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
	c.File = file
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

// configReader reads the sections; it holds what several of them need.
type configReader struct {
	*reader
	readFile func(string) ([]byte, error)
}

func (r *reader) config(s *section, readFile func(string) ([]byte, error)) *Config {
	cr := configReader{r, readFile}
	c := &Config{Trust: loopback()}
	if t := s.sub("trace", "Recording on behalf of others."); t != nil {
		var trust []netip.Prefix
		t.prefixes("trust", "Subnets whose trace contexts (traceparent, EDNS option) are recorded. Loopback where nothing is said.", &trust)
		if trust != nil {
			c.Trust = trust
		}
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
	sites := cr.sites(s)
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

func (r configReader) admin(s *section) *Admin {
	a := &Admin{}
	s.addrs("listen", "Addresses to listen on, HTTP.", 0, &a.Listen)
	s.need("listen", "name the address and port of the admin listener")
	var file string
	s.text("token_file", "File with the token that clients send as Authorization: Bearer. At least 16 characters.", &file)
	s.need("token_file", "the admin listener never opens without a token")
	if text, ok := r.file(s, "token_file", file); ok {
		a.Token = strings.TrimSpace(string(text))
		if len(a.Token) < 16 {
			s.fail("token_file", "the token in %s has %d characters, at least 16 are wanted", file, len(a.Token))
		}
	}
	s.done()
	return a
}

func (r configReader) resolver(s *section) *Resolver {
	v := &Resolver{Name: "resolver", Allow: loopback(), Peers: loopback()}
	s.text("name", "The station's name in records.", &v.Name)
	s.addrs("listen", "Addresses to listen on, UDP and TCP; port 53 where none is given.", 53, &v.Listen)
	s.need("listen", "name the address to answer on")
	var allow, peers []netip.Prefix
	s.prefixes("allow", "Subnets that may ask for recursion; others are refused. Loopback where nothing is said.", &allow)
	if allow != nil {
		v.Allow = allow
	}
	s.prefixes("peers", "Our own name servers: they are told the trace and the client's subnet. Loopback where nothing is said.", &peers)
	if peers != nil {
		v.Peers = peers
	}
	s.text("hosts", "A hosts file, asked before everything else.", &v.HostsFile)
	if text, ok := r.file(s, "hosts", v.HostsFile); ok {
		v.Hosts = string(text)
	}
	v.Zones = r.zones(s, "Zones that the resolver itself holds.")
	s.each("forward", "Servers that questions are forwarded to, by zone. The longest zone wins.", func(_ int, f *section) {
		var fw Forward
		read(f, "zone", "name", "Questions at and under this name; . is all.", &fw.Zone, dns.ParseName)
		f.need("zone", "name the zone to forward; . is all")
		f.addrs("servers", "Servers to ask, in order; port 53 where none is given.", 53, &fw.Servers)
		f.need("servers", "name the servers to ask")
		f.done()
		v.Forward = append(v.Forward, fw)
	})
	s.addrs("roots", "Root servers where iteration starts. IANA's where nothing is said.", 53, &v.Roots)
	s.done()
	return v
}

func (r configReader) authority(s *section) *Authority {
	a := &Authority{Name: "authority"}
	s.text("name", "The station's name in records.", &a.Name)
	s.addrs("listen", "Addresses to listen on, UDP and TCP; port 53 where none is given.", 53, &a.Listen)
	s.need("listen", "name the address to answer on")
	a.Zones = r.zones(s, "Zones to answer for.")
	s.need("zones", "an authority answers for at least one zone")
	s.done()
	return a
}

func (r configReader) zones(s *section, doc string) []*dns.Zone {
	var zones []*dns.Zone
	s.each("zones", doc, func(_ int, z *section) {
		var name dns.Name
		var file string
		read(z, "zone", "name", "The zone's name.", &name, dns.ParseName)
		z.need("zone", "name the zone")
		z.text("file", "The zone file, RFC 1035 §5.", &file)
		z.need("file", "name the zone file")
		z.done()
		text, ok := r.file(z, "file", file)
		if !ok || name == "" {
			return
		}
		zone, err := dns.ParseZone(strings.NewReader(string(text)), name, file)
		if err != nil {
			z.fail("file", "%v", err)
			return
		}
		zones = append(zones, zone)
	})
	return zones
}

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
		v.number("weight", "Its share of the place's clients; 0 takes it out of service. 100 where nothing is said.", &e.Weight)
		v.done()
		p.Edges = append(p.Edges, e)
	})
	s.need("edges", "name the edges in this place")
	s.done()
	return p
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

func (r configReader) edge(s *section) *Edge {
	e := &Edge{Name: "edge", Memory: 256 << 20}
	s.text("name", "The edge's name in records and in Cache-Status.", &e.Name)
	s.addrs("http", "Addresses for cleartext HTTP/1.1 and HTTP/2.", 0, &e.HTTP)
	s.addrs("https", "Addresses for HTTPS: TLS with HTTP/2 and HTTP/1.1.", 0, &e.HTTPS)
	if r.keys == nil && len(e.HTTP)+len(e.HTTPS) == 0 && !s.has("http") && !s.has("https") {
		r.fail(s.at, s.path, "listens nowhere: give http or https addresses")
	}
	s.each("certificates", "Certificates, chosen by the name that the client asks for (SNI).", func(_ int, v *section) {
		var c Certificate
		v.text("cert", "The chain, PEM, leaf first.", &c.CertFile)
		v.need("cert", "name the certificate file")
		v.text("key", "Its private key, PEM.", &c.KeyFile)
		v.need("key", "name the key file")
		v.done()
		var ok1, ok2 bool
		c.Cert, ok1 = r.file(v, "cert", c.CertFile)
		c.Key, ok2 = r.file(v, "key", c.KeyFile)
		if ok1 && ok2 {
			e.Certificates = append(e.Certificates, c)
		}
	})
	if len(e.HTTPS) > 0 && !s.has("certificates") {
		s.fail("https", "HTTPS needs certificates: list cert and key files under edge.certificates")
	}
	s.size("memory", "Bytes of cache in memory. 256MiB where nothing is said.", &e.Memory)
	s.addrs("resolvers", "Name servers asked for the origins' addresses; the system's where nothing is said.", 53, &e.Resolvers)
	s.text("hosts", "A hosts file asked before them.", &e.HostsFile)
	if text, ok := r.file(s, "hosts", e.HostsFile); ok {
		e.Hosts = string(text)
	}
	var ca string
	s.text("origin_ca", "PEM file of authorities trusted for HTTPS origins besides the system's.", &ca)
	if text, ok := r.file(s, "origin_ca", ca); ok {
		e.OriginCA = text
	}
	s.done()
	return e
}

func (r configReader) sites(s *section) []cdn.Site {
	var sites []cdn.Site
	s.each("sites", "The virtual hosts of the edge.", func(_ int, v *section) {
		site := cdn.Site{Policy: cdn.DefaultPolicy()}
		v.text("name", "The site's name, for people and for the cache key.", &site.Name)
		v.need("name", "name the site")
		v.texts("hosts", "Host names that it answers to; *.example.net is every name below.", &site.Hosts)
		v.need("hosts", "name the hosts that the site answers to")
		for i, h := range site.Hosts {
			site.Hosts[i] = strings.ToLower(h)
			if _, err := dns.ParseName(strings.TrimPrefix(h, "*.")); err != nil {
				v.fail("hosts", "%q: %v", h, err)
			}
		}
		if o := v.sub("origin", "Where the content comes from."); o != nil {
			r.siteOrigin(o, &site.Origin)
		}
		v.need("origin", "name the origin's URL")
		v.size("max_body", "Largest request body; more gets 413. 8MiB where nothing is said.", &site.Policy.MaxBody)
		v.duration("default_ttl", "Freshness of responses that state none; the heuristic of RFC 9111 §4.2.2 where nothing is said.", &site.Policy.DefaultTTL)
		if t := v.sub("timeouts", "Deadlines on the way back to the origin."); t != nil {
			t.duration("connect", "For the TCP and TLS handshakes. 3s where nothing is said.", &site.Policy.ConnectTimeout)
			t.duration("first_byte", "From the request sent to the response's head. 15s where nothing is said.", &site.Policy.FirstByteTimeout)
			t.duration("idle", "Between two pieces of a body. 15s where nothing is said.", &site.Policy.IdleTimeout)
			t.done()
		}
		v.done()
		sites = append(sites, site)
	})
	return sites
}

func (r configReader) siteOrigin(s *section, o *cdn.Origin) {
	readList(s, "urls", "URL", "The servers, http or https, tried in order.", &o.URLs, parseOriginURL)
	s.need("urls", "name at least one URL such as http://127.0.0.1:8000")
	s.text("host", "Host sent to the origin; the client's where nothing is said.", &o.Host)
	s.flag("insecure_skip_verify", "Take any certificate from the origin. For tests only.", &o.InsecureSkipVerify)
	s.done()
}

func parseOriginURL(t string) (string, error) {
	u, err := url.Parse(t, nil)
	if err != nil {
		return "", err
	}
	if s := u.Scheme(); s != "http" && s != "https" {
		return "", fmt.Errorf("an origin is reached by http or https")
	}
	return strings.TrimSuffix(t, "/"), nil
}

func (r configReader) origin(s *section) *Origin {
	o := &Origin{Name: "origin", MaxBody: 1 << 20}
	s.text("name", "The station's name in records.", &o.Name)
	s.addrs("http", "Addresses for cleartext HTTP/1.1 and HTTP/2.", 0, &o.HTTP)
	s.need("http", "name the address to listen on")
	s.text("root", "Directory of static files.", &o.Root)
	if o.Root != "" {
		o.Root = relativeTo(r.reader.file, o.Root)
	}
	s.size("max_body", "Largest request body; more gets 413. 1MiB where nothing is said.", &o.MaxBody)
	s.done()
	return o
}

// file reads a file that the configuration names; ok is false when none is
// named or when it cannot be read, which is then a problem of the key.
func (r configReader) file(s *section, key, name string) (text []byte, ok bool) {
	if r.keys != nil || name == "" {
		return nil, false
	}
	text, err := r.readFile(name)
	if err != nil {
		s.fail(key, "%v", err)
		return nil, false
	}
	return text, true
}
