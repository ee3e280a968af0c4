package demo

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	neturl "net/url"
	"strings"
	"testing"

	"waypost/link"
)

// TestProxy: a client of this machine reaches the demo's hosts through the
// door, and nothing else.
func TestProxy(t *testing.T) {
	d := start(t)
	p, err := d.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l, err := link.OS{}.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Serve(ctx, l) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	client := proxied(d, l.Addr())
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		url, want string
		status    int
	}{
		{Page, "<!doctype html>", 200},
		{"http://www.shop.test/", "", 200}, // redirected to https by the edge or answered
		{"http://nobody.test/", "nobody.test", 502},
		{"http://127.0.0.1:1/", "only", 502}, // this machine is not in the demo
	} {
		resp, err := client.Get(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || !strings.Contains(strings.ToLower(string(body)), tt.want) {
			t.Errorf("%s: %d %v %.200q, want %d with %q", tt.url, resp.StatusCode, err, body, tt.status, tt.want)
		}
	}
	if _, err := client.Get("https://127.0.0.1:1/"); err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
		t.Errorf("CONNECT to this machine: %v, want 502", err)
	}
}

// proxied is an independent client that uses the proxy at addr.
func proxied(d *Internet, addr net.Addr) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyURL(&neturl.URL{Scheme: "http", Host: addr.String()}),
		TLSClientConfig:   &tls.Config{RootCAs: d.ca.Pool()},
		ForceAttemptHTTP2: true,
	}}
}
