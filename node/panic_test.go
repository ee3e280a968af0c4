package node

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"waypost/dns"
	"waypost/link"
)

type panicking struct{}

func (panicking) ServeDNS(context.Context, []byte, *dns.Query) []byte { panic("oh no") }

// TestPanickedDNS: a panic in a role's handler is answered and logged; the
// other roles go on.
func TestPanickedDNS(t *testing.T) {
	var log bytes.Buffer
	inet, at := new(link.Loopback), netip.MustParseAddrPort("198.51.100.7:53")
	n := &Node{network: inet.Host(at.Addr()), options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	serve, err := n.listenDNS(t.Context(), "resolver", []netip.AddrPort{at}, panicking{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- serve[0](ctx) }()
	for range 2 {
		q := new(mdns.Msg)
		q.SetQuestion("www.shop.test.", mdns.TypeA)
		m, _, err := dns.Exchange(t.Context(), inet.Host(netip.MustParseAddr("192.0.2.9")), at, q, dns.ExchangeOptions{})
		if err != nil || m.Rcode != mdns.RcodeServerFailure {
			t.Errorf("got %v, %v", m, err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"level=ERROR", "role=resolver", `value="oh no"`, "panicking"} {
		if got := strings.Count(log.String(), want); got < 2 {
			t.Errorf("%q stands %d times in the log, want twice:\n%s", want, got, log.String())
		}
	}
}
