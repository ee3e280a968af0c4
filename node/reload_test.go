package node

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/link"
)

const reloadConfig = `
edge:
  http: ["203.0.113.10:80"]
  resolvers: [192.0.2.53]
  memory: %s
sites:
  - {name: one, hosts: [%s], origin: {urls: ["http://203.0.113.80"]}}
authority:
  listen: [198.51.100.1]
  zones: [{zone: test, file: test.zone}]
`

func reloadParse(t *testing.T, memory, host, address string) *Config {
	t.Helper()
	zone := "$ORIGIN test.\n@ 60 IN SOA ns. h. 1 1 1 1 1\n@ 60 IN NS ns.test.\nns 60 IN A 198.51.100.1\nwww 60 IN A " + address + "\n"
	c, err := Parse("r.yaml", fmt.Appendf(nil, reloadConfig, memory, host), func(name string) ([]byte, error) {
		if name == "test.zone" {
			return []byte(zone), nil
		}
		return nil, os.ErrNotExist
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReload: sites and zones change while a connection stays open; what
// needs a restart is named.
func TestReload(t *testing.T) {
	var inet link.Loopback
	hosts := everywhere{&inet}
	n, err := New(reloadParse(t, "1MiB", "a.test", "192.0.2.1"), Options{Network: hosts})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}()
	client := inet.Host(netip.MustParseAddr("192.0.2.10"))
	c, err := client.Dial(t.Context(), netip.MustParseAddrPort("203.0.113.10:80"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	status := func(host string) int {
		if _, err := io.WriteString(c, "GET /x HTTP/1.1\r\nHost: "+host+"\r\nCache-Control: only-if-cached\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	address := func() string {
		q := new(mdns.Msg)
		q.SetQuestion("www.test.", mdns.TypeA)
		m, _, err := dns.Exchange(t.Context(), client, netip.MustParseAddrPort("198.51.100.1:53"), q, dns.ExchangeOptions{})
		if err != nil || len(m.Answer) != 1 {
			t.Fatal(m, err)
		}
		return m.Answer[0].(*mdns.A).A.String()
	}
	const known, unknown = 504, 421 // only-if-cached; no such site
	check := func(when, host, other, want string) {
		t.Helper()
		if s, o, a := status(host), status(other), address(); s != known || o != unknown || a != want {
			t.Errorf("%s: %s %d, %s %d, www.test %s", when, host, s, other, o, a)
		}
	}
	check("before", "a.test", "b.test", "192.0.2.1")
	restart, err := n.Reload(reloadParse(t, "1MiB", "b.test", "192.0.2.2"))
	if err != nil || len(restart) > 0 {
		t.Errorf("Reload = %v, %v", restart, err)
	}
	check("after", "b.test", "a.test", "192.0.2.2")
	restart, err = n.Reload(reloadParse(t, "2MiB", "a.test", "192.0.2.1"))
	if err != nil || !slices.Equal(restart, []string{"edge"}) {
		t.Errorf("Reload with another memory = %v, %v", restart, err)
	}
	check("and back", "a.test", "b.test", "192.0.2.1")
	bad := reloadParse(t, "1MiB", "c.test", "192.0.2.3")
	bad.Edge.Sites[0].Origin.URLs = []string{"nonsense"}
	if _, err := n.Reload(bad); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a broken configuration: %v", err)
	}
	check("after a broken one", "a.test", "b.test", "192.0.2.1")
}

// everywhere is a host with every address.
type everywhere struct{ inet *link.Loopback }

func (e everywhere) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	return e.inet.Host(netip.MustParseAddr("203.0.113.10")).Dial(ctx, addr)
}

func (e everywhere) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	return e.inet.Host(addr.Addr()).Listen(ctx, addr)
}

func (e everywhere) ListenPacket(ctx context.Context, addr netip.AddrPort) (link.PacketConn, error) {
	return e.inet.Host(addr.Addr()).ListenPacket(ctx, addr)
}
