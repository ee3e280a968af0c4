package resolver_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"waypost/dns"
	"waypost/dns/resolver"
	"waypost/link"

	mdns "github.com/miekg/dns"
)

// A resolver over the operating system's network, with a hosts file and
// iteration from the root for everything else.
func Example() {
	hosts, warnings, err := resolver.ParseHosts(strings.NewReader("198.51.100.80 www.shop.test\n"), "hosts")
	if err != nil || len(warnings) > 0 {
		fmt.Println(warnings, err)
		return
	}
	r := resolver.New(resolver.Config{Network: link.OS{}, Hosts: hosts, Roots: resolver.RootHints()})

	answer, err := r.Lookup(context.Background(), dns.MustName("www.shop.test"), mdns.TypeA)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Source, answer.Records[0].(*mdns.A).A)

	_, err = r.Addrs(context.Background(), "shop.invalid")
	fmt.Println(err)
	// Output:
	// hosts 198.51.100.80
	// resolve shop.invalid: no such name (NXDOMAIN)
}

// The system's name servers as forwarders for every name.
func ExampleSystemServers() {
	system, err := resolver.SystemServers("/nonexistent/resolv.conf")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := resolver.New(resolver.Config{
		Network: link.OS{},
		Forward: []resolver.Forward{{Zone: dns.Root, Servers: system.Servers}},
		Allow:   []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	addrs, err := r.Addrs(context.Background(), "localhost")
	fmt.Println(system.Servers, addrs, err)
	// Output: [127.0.0.1:53] [::1 127.0.0.1] <nil>
}
