package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fetch"
	"waypost/http/wire"
	"waypost/internal/memnet"
	"waypost/tls/cert"
	"waypost/url"
)

const quicConfig = `
edge:
  name: e
  https: ["198.51.100.7:443"]
  http3: true
  certificates: [{cert: www.pem, key: www.key}]
  hosts: hosts
sites:
  - name: shop
    hosts: [www.shop.test]
    origin: {urls: ["http://198.51.100.7:8000"]}
    default_ttl: 1h
  - name: strict
    hosts: [strict.shop.test]
    origin: {urls: ["http://198.51.100.7:8000"]}
    default_ttl: 1h
    early_data: false
origin:
  http: ["198.51.100.7:8000"]
  root: %ROOT%
`

// TestHTTP3: an edge that is configured so answers over QUIC beside TLS, tells
// of it by Alt-Svc, and takes early data for what it has.
func TestHTTP3(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ca, err := cert.NewCA("test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		www, err := ca.Issue("www.shop.test", "strict.shop.test")
		if err != nil {
			t.Fatal(err)
		}
		chain, key := pemOf(t, www)
		files := map[string]string{"www.pem": chain, "www.key": key, "hosts": ""}
		c, err := Parse("test.yaml", []byte(strings.ReplaceAll(quicConfig, "%ROOT%", root)), func(name string) ([]byte, error) { return []byte(files[name]), nil })
		if err != nil {
			t.Fatal(err)
		}
		inet := &memnet.Net{Delay: 10 * time.Millisecond}
		n, err := New(c, Options{Network: inet.Host(netip.MustParseAddr("198.51.100.7")), Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var schemes []string
		for _, l := range n.Listeners() {
			schemes = append(schemes, l.Scheme+" "+l.Address.String())
		}
		if got := strings.Join(schemes, ", "); got != "http 198.51.100.7:8000, https 198.51.100.7:443, h3 198.51.100.7:443" {
			t.Errorf("listens at %s", got)
		}
		client := &fetch.Client{
			Network: inet.Host(netip.MustParseAddr("192.0.2.9")), Roots: ca.Pool(), HTTP2: true, HTTP3: fetch.HTTP3Prefer, EarlyData: true,
			Sessions: tls.NewLRUClientSessionCache(8), ConnectTo: map[string]string{":": "198.51.100.7:"},
		}
		var took time.Duration
		ask := func(rawURL string) string {
			t.Helper()
			start := time.Now()
			u, _ := url.Parse(rawURL, nil)
			resp, err := client.Do(t.Context(), u, &wire.Request{})
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			took = time.Since(start)
			status, _, _ := strings.Cut(resp.Fields.Get("Cache-Status"), "; ttl")
			return strings.Join([]string{resp.Trip.Proto, status, resp.Fields.Get("Alt-Svc"), string(b[:min(len(b), 5)])}, "|")
		}
		for _, tt := range []struct {
			path, want string
			again      bool // on a new connection
			took       time.Duration
		}{
			{"www.shop.test/a.txt", `HTTP/2|waypost-e; fwd=uri-miss|h3=":443"; ma=86400|hello`, false, 0},
			{"www.shop.test/a.txt", "HTTP/3|waypost-e; hit||hello", false, 40 * time.Millisecond},
			{"www.shop.test/a.txt", "HTTP/3|waypost-e; hit||hello", true, 20 * time.Millisecond},
			// The origin is asked when the handshake is complete: 30 ms, and
			// 20 ms to it and back.
			{"www.shop.test/a.txt?", "HTTP/3|waypost-e; fwd=uri-miss||hello", true, 60 * time.Millisecond},
			{"strict.shop.test/a.txt", `HTTP/2|waypost-e; fwd=uri-miss|h3=":443"; ma=86400|hello`, true, 0},
			{"strict.shop.test/a.txt", "HTTP/3|waypost-e; hit||hello", true, 40 * time.Millisecond},
			// 425 comes after 20 ms, with the handshake, and the request again.
			{"strict.shop.test/a.txt", "HTTP/3|waypost-e; hit||hello", true, 40 * time.Millisecond},
		} {
			if tt.again {
				time.Sleep(time.Second)
				client.CloseIdle()
			}
			got := ask("https://" + tt.path)
			if got != tt.want || tt.took > 0 && took != tt.took {
				t.Errorf("%s: got %s in %v, want %s in %v", tt.path, got, took, tt.want, tt.took)
			}
		}
		client.Close()
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
	})
}

// pemOf writes a certificate and its key as files hold them.
func pemOf(t *testing.T, c tls.Certificate) (chain, key string) {
	t.Helper()
	for _, der := range c.Certificate {
		chain += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return chain, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
