package node

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"waypost/dns"
	"waypost/dns/resolver"
	"waypost/edge/store/disk"
	"waypost/http/wire"
)

// The sections of the roles, as they stand in the file.

// configReader reads the sections; it holds what several of them need.
type configReader struct {
	*reader
	readFile func(string) ([]byte, error)
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
	s.prefixes("allow", "Subnets that may ask for recursion; others are refused. Loopback where nothing is said.", &v.Allow)
	s.prefixes("peers", "Our own name servers: they are told the trace and the client's subnet. Loopback where nothing is said.", &v.Peers)
	s.text("hosts", "A hosts file, asked before everything else.", &v.HostsFile)
	v.Hosts = r.hosts(s, v.HostsFile)
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

func (r configReader) edge(s *section) *Edge {
	e := &Edge{Name: usualName, Memory: 256 << 20, StoreSize: 8 << 30, PerClient: wire.DefaultPerClient, Peers: loopback()}
	read(s, "name", "name", "The edge's name in records, in Cache-Status and in CDN-Loop (RFC 8586): letters, digits, dots, dashes, underscores. Edges that ask each other (sites[].parents) have different ones: a request that comes back to a name is refused. edge where nothing is said.", &e.Name, parseEdgeName)
	s.addrs("http", "Addresses for cleartext HTTP/1.1 and HTTP/2.", 0, &e.HTTP)
	s.addrs("https", "Addresses for HTTPS: TLS with HTTP/2 and HTTP/1.1.", 0, &e.HTTPS)
	s.flag("http3", "Serve HTTP/3 (QUIC) too: UDP at the addresses of https, announced by Alt-Svc. false where nothing is said.", &e.HTTP3)
	if e.HTTP3 && !s.has("https") {
		s.fail("http3", "HTTP/3 stands beside HTTPS: give https addresses")
	}
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
		if !ok1 || !ok2 {
			return
		}
		if _, err := c.load(); err != nil {
			v.fail("cert", "%v", err)
		}
		e.Certificates = append(e.Certificates, c)
	})
	if len(e.HTTPS) > 0 && !s.has("certificates") {
		s.fail("https", "HTTPS needs certificates: list cert and key files under edge.certificates")
	}
	s.size("memory", "Bytes of cache in memory. One object may take a quarter of it; what is larger is passed on and never kept, on disk neither: sites[].slice is for such files. At least 1MiB; 256MiB where nothing is said.", &e.Memory)
	if e.Memory < minMemory {
		s.fail("memory", "%d bytes are too few: the least is 1MiB", e.Memory)
	}
	s.prefixes("proxy_protocol", "Subnets of load balancers whose connections begin with a PROXY header (version 1 or 2); from them it is demanded.", &e.ProxyFrom)
	s.number("connections_per_client", "Connections that one client may have open at all addresses of the edge: one IPv4 address, or one /64 of IPv6. At the bound an idle one of its own is closed for a new one, or else the new one. 1024 where nothing is said; 0 is no bound, for balancers that do not say whom they speak for.", &e.PerClient)
	s.text("store", "Directory of the cache on disk, which a restart keeps; in memory only where nothing is said. What waits to be written takes memory beside edge.memory: 64MiB, a quarter of that or one object at most. A kill -9 undoes no purge; a loss of power may undo those of the half minute before.", &e.Store)
	if e.Store != "" {
		e.Store = relativeTo(r.reader.file, e.Store)
	}
	s.size("store_size", "Bytes that the files in store may take. One object may take a sixteenth of it, and 256MiB at most; what is larger is kept in memory only. 8GiB where nothing is said.", &e.StoreSize)
	if s.has("store_size") && e.Store == "" {
		s.fail("store_size", "goes with store: name the directory")
	} else if e.StoreSize < disk.MinBytes {
		s.fail("store_size", "%d bytes are too few: the least is 1MiB", e.StoreSize)
	}
	s.addrs("resolvers", "Name servers asked for the origins' addresses; the system's where nothing is said.", 53, &e.Resolvers)
	s.prefixes("peers", "Those of them that are our own: they are told the trace. Loopback where nothing is said.", &e.Peers)
	s.text("hosts", "A hosts file asked before them.", &e.HostsFile)
	e.Hosts = r.hosts(s, e.HostsFile)
	var ca string
	s.text("origin_ca", "PEM file of authorities trusted for HTTPS origins besides the system's.", &ca)
	if text, ok := r.file(s, "origin_ca", ca); ok {
		e.OriginCA = text
	}
	s.done()
	return e
}

func (r configReader) origin(s *section) *Origin {
	o := &Origin{Name: "origin", MaxBody: 1 << 20}
	s.text("name", "The station's name in records.", &o.Name)
	s.addrs("http", "Addresses for cleartext HTTP/1.1 and HTTP/2.", 0, &o.HTTP)
	s.need("http", "name the address to listen on")
	s.text("root", "Directory of static files.", &o.Root)
	if !s.has("root") {
		o.rootless = s.r.problem(s.at, s.join("root"), "is missing: name the directory to serve")
	}
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

// hosts reads a hosts file. A line that says nothing is worth a warning: the
// rest of the file still counts.
func (r configReader) hosts(s *section, name string) string {
	text, ok := r.file(s, "hosts", name)
	if !ok {
		return ""
	}
	_, warnings, err := resolver.ParseHosts(bytes.NewReader(text), name)
	if err != nil {
		s.fail("hosts", "%v", err)
	}
	for _, w := range warnings {
		r.warnings = append(r.warnings, r.problem(s.token("hosts"), s.join("hosts"), w.Error()))
	}
	return string(text)
}

func parseEdgeName(t string) (string, error) {
	for _, c := range t {
		if !strings.ContainsRune(".-_", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "", fmt.Errorf("%q may not stand in an edge's name; letters, digits, dots, dashes and underscores may", c)
		}
	}
	if t == "" {
		return "", errors.New("an edge needs a name")
	}
	return t, nil
}
