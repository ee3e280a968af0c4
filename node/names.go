package node

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"waypost/cdn"
	"waypost/dns"
	"waypost/dns/authority"
	"waypost/dns/resolver"
)

// systemResolver is where Unix systems name the servers to ask.
const systemResolver = "/etc/resolv.conf"

// authority makes the authoritative name server, and the watch over the
// fleet that its smart answers choose from.
func (n *Node) authority() (role, error) {
	c := n.config.Authority
	station := n.station(c.Name)
	var fleet func() *cdn.Fleet
	if n.config.Fleet != nil {
		n.watch = newWatch(n.config.Fleet, n.config.Health, n.network, n.options.Log)
		fleet = n.watch.fleet
	}
	n.zones = &zones{with: func(all []*dns.Zone) *authority.Authority {
		return &authority.Authority{Zones: all, Fleet: fleet, Station: station, TrustTrace: n.config.Trust}
	}}
	n.zones.set(c.Zones)
	return role{listen: func(ctx context.Context) ([]func(context.Context) error, error) {
		serve, err := n.listenDNS(ctx, "authority", c.Listen, n.zones)
		if n.watch != nil && n.config.Health.Interval > 0 {
			serve = append(serve, n.watch.run)
		}
		return serve, err
	}}, nil
}

// resolver makes the recursive name server.
func (n *Node) resolver() (role, error) {
	c := n.config.Resolver
	config := resolver.Config{
		Network: n.network, Zones: c.Zones, Roots: c.Roots, Allow: c.Allow, TracePeers: c.Peers,
		ECS: true, Station: n.station(c.Name), Rand: n.random("resolver"),
	}
	if err := hostsInto(&config, c.Hosts, c.HostsFile); err != nil {
		return role{}, err
	}
	for _, f := range c.Forward {
		config.Forward = append(config.Forward, resolver.Forward{Zone: f.Zone, Servers: f.Servers})
	}
	if len(config.Roots) == 0 {
		config.Roots = resolver.RootHints()
	}
	r := resolver.New(config)
	return role{listen: func(ctx context.Context) ([]func(context.Context) error, error) {
		return n.listenDNS(ctx, "resolver", c.Listen, r)
	}}, nil
}

// stub makes the resolver with which an edge finds its origins: the given
// servers, or the system's.
func (n *Node) stub(servers []netip.AddrPort, peers []netip.Prefix, hosts, hostsFile string) (*resolver.Resolver, error) {
	if len(servers) == 0 {
		system, err := resolver.SystemServers(systemResolver)
		if err != nil {
			return nil, fmt.Errorf("no resolvers are configured, and the system's cannot be used: %w", err)
		}
		servers = system.Servers
	}
	config := resolver.Config{
		Network: n.network, TracePeers: peers, Rand: n.random("names"),
		Forward: []resolver.Forward{{Zone: dns.Root, Servers: servers}},
	}
	if err := hostsInto(&config, hosts, hostsFile); err != nil {
		return nil, err
	}
	return resolver.New(config), nil
}

func hostsInto(c *resolver.Config, text, file string) error {
	if file == "" {
		return nil
	}
	entries, _, err := resolver.ParseHosts(strings.NewReader(text), file)
	if err != nil {
		return err
	}
	c.Hosts = entries
	return nil
}
