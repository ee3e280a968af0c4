package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"waypost/dns"
	"waypost/dns/resolver"
	"waypost/link"
	"waypost/node"
	"waypost/tls/cert"
)

// names are the flags that say how names are resolved.
type names struct {
	servers []string
	iterate bool
	roots   []string
	hosts   string
}

func (f *names) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.servers, "resolver", nil, "ask this name server, `ADDR[:PORT]`; may be repeated (default: the system's)")
	cmd.Flags().BoolVar(&f.iterate, "iterate", false, "ask no resolver: walk down from the root servers")
	cmd.Flags().StringArrayVar(&f.roots, "root", nil, "with --iterate: begin at this root server, `ADDR[:PORT]`; may be repeated (default: IANA's)")
	cmd.Flags().StringVar(&f.hosts, "hosts", "", "ask this hosts `FILE` first (default: the system's)")
	_ = cmd.MarkFlagFilename("hosts") // only for completion
	cmd.MarkFlagsMutuallyExclusive("resolver", "iterate")
}

// Where Unix systems keep what the flags stand in for.
const (
	systemHosts     = "/etc/hosts"
	systemResolvers = "/etc/resolv.conf"
)

// resolver makes the resolver that the flags describe.
func (f *names) resolver(network link.Network) (*resolver.Resolver, error) {
	c := resolver.Config{Network: network, TracePeers: []netip.Prefix{
		// Our own servers run on this machine; the trace goes to nobody else.
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}}
	var err error
	if c.Hosts, err = f.readHosts(); err != nil {
		return nil, err
	}
	switch {
	case f.iterate:
		c.Roots = resolver.RootHints()
		if len(f.roots) > 0 {
			c.Roots, err = addresses("--root", f.roots)
		}
	case len(f.roots) > 0:
		err = usage(errors.New("--root needs --iterate"))
	default:
		var servers []netip.AddrPort
		servers, err = f.forwarders()
		c.Forward = []resolver.Forward{{Zone: dns.Root, Servers: servers}}
	}
	if err != nil {
		return nil, err
	}
	return resolver.New(c), nil
}

func (f *names) readHosts() ([]resolver.HostsEntry, error) {
	name := f.hosts
	if name == "" {
		name = systemHosts
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) && f.hosts == "" {
		return nil, nil
	}
	if err != nil {
		return nil, usage(err)
	}
	entries, _, err := resolver.ParseHosts(file, name)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, usage(err)
	}
	return entries, nil
}

func (f *names) forwarders() ([]netip.AddrPort, error) {
	if len(f.servers) > 0 {
		return addresses("--resolver", f.servers)
	}
	system, err := resolver.SystemServers(systemResolvers)
	if err != nil {
		return nil, usage(fmt.Errorf("the system's name servers are not known (%w): name one with --resolver, or walk from the root with --iterate", err))
	}
	return system.Servers, nil
}

func addresses(flag string, texts []string) ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	for _, t := range texts {
		a, err := node.ParseAddr(t, 53)
		if err != nil {
			return nil, usage(fmt.Errorf("%s %q: %w", flag, t, err))
		}
		all = append(all, a)
	}
	return all, nil
}

// connections are the flags that say where connections go and whom they
// trust.
type connections struct {
	ca        string
	insecure  bool
	connectTo []string
}

func (f *connections) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.ca, "ca", "", "trust the authorities in this PEM `FILE` instead of the system's")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "take any certificate; the record says so")
	cmd.Flags().StringArrayVar(&f.connectTo, "connect-to", nil,
		"connect elsewhere, `HOST:PORT:HOST:PORT` as curl does; an IP address as first host is met after resolving; may be repeated")
	_ = cmd.MarkFlagFilename("ca", "pem", "crt") // only for completion
}

// roots reads --ca; nil means the system's.
func (f *connections) roots() (*x509.CertPool, error) {
	if f.ca == "" {
		return nil, nil
	}
	pool, err := cert.LoadRoots(f.ca)
	if err != nil {
		return nil, usage(fmt.Errorf("--ca: %w", err))
	}
	return pool, nil
}

// routes splits --connect-to: pairs of names for the fetcher, pairs of
// addresses for the network below it.
func (f *connections) routes(network link.Network) (map[string]string, link.Network, error) {
	hosts := map[string]string{}
	via := link.Via{Network: network, To: map[netip.AddrPort]netip.AddrPort{}}
	for _, t := range f.connectTo {
		from, to, ok := splitConnectTo(t)
		if !ok {
			return nil, nil, usage(fmt.Errorf("--connect-to %q: write HOST:PORT:HOST:PORT, with IPv6 addresses in brackets", t))
		}
		a, err1 := netip.ParseAddrPort(from)
		b, err2 := netip.ParseAddrPort(to)
		if err1 == nil && err2 == nil {
			via.To[a] = b
		} else {
			hosts[strings.ToLower(from)] = to
		}
	}
	if len(via.To) > 0 {
		network = via
	}
	return hosts, network, nil
}

// splitConnectTo cuts HOST:PORT:HOST:PORT after the second colon that stands
// outside brackets.
func splitConnectTo(t string) (from, to string, ok bool) {
	colons, inside := 0, false
	for i, c := range t {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == ':' && !inside:
			if colons++; colons == 2 {
				from, to = t[:i], t[i+1:]
			}
		}
	}
	return from, to, colons == 3 && !strings.HasPrefix(from, ":") && !strings.HasPrefix(to, ":") && !strings.HasSuffix(from, ":") && !strings.HasSuffix(to, ":")
}
