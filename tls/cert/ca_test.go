package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// noon is the time at which the tests' authorities are made.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func newCA(t testing.TB) *CA {
	t.Helper()
	ca, err := NewCA("lab CA", noon)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t testing.TB, ca *CA, hosts ...string) tls.Certificate {
	t.Helper()
	c, err := ca.Issue(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIssue(t *testing.T) {
	ca := newCA(t)
	c := issue(t, ca, "WWW.shop.test.", "*.cdn.test", "192.0.2.1", "[2001:db8::1]", "2001:db8::2")
	leaf := c.Leaf
	if got, want := leaf.DNSNames, []string{"www.shop.test", "*.cdn.test"}; !slices.Equal(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
	if got := hostsOf(leaf, 9); got != "www.shop.test, *.cdn.test, 192.0.2.1, 2001:db8::1, 2001:db8::2" {
		t.Errorf("hosts %s", got)
	}
	if !leaf.NotBefore.Equal(noon.Add(-time.Hour)) || !leaf.NotAfter.Equal(noon.Add(397*24*time.Hour)) {
		t.Errorf("valid from %v until %v", leaf.NotBefore, leaf.NotAfter)
	}
	for _, k := range []any{leaf.PublicKey, ca.Certificate().PublicKey} {
		if key, ok := k.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("key is %T, want ECDSA P-256", k)
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), CurrentTime: noon, DNSName: "x.cdn.test"})
	if err != nil {
		t.Error(err)
	}
	if other := issue(t, ca, "shop.test"); other.Leaf.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Error("two certificates with one serial number")
	}
	for _, hosts := range [][]string{nil, {""}, {"a b"}, {"bücher.test"}, {"*.*.test"}, {strings.Repeat("a", 64) + ".test"}} {
		if _, err := ca.Issue(hosts...); err == nil {
			t.Errorf("Issue(%q) succeeds", hosts)
		}
	}
	if long := issue(t, ca, strings.Repeat("a.", 40)+"test"); long.Leaf.Subject.CommonName != "" {
		t.Error("a common name over 64 bytes")
	}
}

// TestSetReplace changes the certificates under a running server.
func TestSetReplace(t *testing.T) {
	ca := newCA(t)
	set, err := NewSet(issue(t, ca, "www.shop.test", "192.0.2.1"), issue(t, ca, "*.cdn.test"), issue(t, ca, "a.cdn.test"))
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) string {
		t.Helper()
		c, err := set.Get(&tls.ClientHelloInfo{ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		if c == nil {
			return "none"
		}
		return c.Leaf.DNSNames[0]
	}
	for name, want := range map[string]string{
		"www.shop.test": "www.shop.test", "WWW.Shop.Test": "www.shop.test", "www.shop.test.": "www.shop.test",
		"b.cdn.test": "*.cdn.test", "a.cdn.test": "a.cdn.test",
		"cdn.test": "none", "a.b.cdn.test": "none", ".cdn.test": "none", "shop.test": "none", "x": "none",
		"": "www.shop.test",
	} {
		if got := get(name); got != want {
			t.Errorf("Get(%q) = %s, want %s", name, got, want)
		}
		if known := set.Knows(name); known != (want != "none" && name != "") {
			t.Errorf("Knows(%q) = %v", name, known)
		}
	}
	if got := strings.Join(set.Names(), " "); got != "*.cdn.test 192.0.2.1 a.cdn.test www.shop.test" {
		t.Errorf("Names = %s", got)
	}

	if err := set.Replace(issue(t, ca, "new.test")); err != nil {
		t.Fatal(err)
	}
	if get("new.test") != "new.test" || get("www.shop.test") != "none" {
		t.Error("Replace did not replace")
	}
	for _, bad := range []tls.Certificate{{}, {Certificate: [][]byte{{1, 2, 3}}}, {Leaf: &x509.Certificate{}, Certificate: [][]byte{{}}}} {
		if err := set.Replace(bad); err == nil {
			t.Errorf("Replace(%v) succeeds", bad)
		}
	}
	if get("new.test") != "new.test" {
		t.Error("a failed Replace changed the set")
	}
	hello := &tls.ClientHelloInfo{ServerName: "new.test"}
	if n := testing.AllocsPerRun(100, func() { _, _ = set.Get(hello) }); n != 0 {
		t.Errorf("Get allocates %v times", n)
	}
	var zero Set
	if c, err := zero.Get(hello); c != nil || err != nil || zero.Knows("x") || zero.Names() != nil {
		t.Error("the zero Set knows something")
	}
}

func TestSetServesTheCertificateThatTheClientCanUse(t *testing.T) {
	ca := newCA(t)
	ecdsa := issue(t, ca, "shop.test")
	rsa := rsaCertificate(t, "shop.test")
	set, err := NewSet(ecdsa, rsa)
	if err != nil {
		t.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{
		ServerName: "shop.test", SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.PSSWithSHA256},
	}
	c, err := set.Get(hello)
	if err != nil || c.Leaf.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("Get gives %v, %v, want the RSA certificate", c.Leaf.PublicKeyAlgorithm, err)
	}
}

// TestHandshake runs whole handshakes in virtual time.
func TestHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, err := NewCA("lab CA", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		set, err := NewSet(issue(t, ca, "shop.test"), issue(t, ca, "127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		state, err := shake(t, set, &tls.Config{ServerName: "shop.test", RootCAs: ca.Pool(), NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		fact := Handshake("shop.test", state)
		if fact.Version != "TLS 1.3" || fact.Group != "X25519MLKEM768" || fact.Suite == "" || fact.RoundTrips != 1 || len(fact.Chain) != 1 {
			t.Errorf("Handshake = %+v", fact)
		}
		if want := "shop.test, issued by lab CA, valid until 2001-02-01 00:00:00 UTC"; fact.Chain[0] != want {
			t.Errorf("chain %q, want %q", fact.Chain[0], want)
		}
		state, err = shake(t, set, &tls.Config{ServerName: "shop.test", RootCAs: ca.Pool(), MaxVersion: tls.VersionTLS12,
			CurvePreferences: []tls.CurveID{tls.CurveP256}})
		if err != nil {
			t.Fatal(err)
		}
		if fact := Handshake("shop.test", state); fact.RoundTrips != 2 || fact.Version != "TLS 1.2" || fact.Group != "secp256r1" {
			t.Errorf("Handshake = %+v", fact)
		}
		_, err = shake(t, set, &tls.Config{ServerName: "other.test", RootCAs: ca.Pool()})
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("unknown name: %v, want the alert unrecognized_name", err)
		}
		if fact := Handshake("other.test", tls.ConnectionState{}); fact.Version != "" || fact.Suite != "" || fact.Group != "" || fact.RoundTrips != 0 {
			t.Errorf("failed handshake = %+v", fact)
		}
	})
}

type at struct {
	net.Conn
	addr string
}

func (a at) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a.addr)) }

func TestSetWithoutServerName(t *testing.T) {
	ca := newCA(t)
	set, err := NewSet(issue(t, ca, "shop.test"), issue(t, ca, "192.0.2.1"), issue(t, ca, "2001:db8::1", "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"192.0.2.1:443":          "192.0.2.1",
		"[::ffff:192.0.2.1]:443": "192.0.2.1",
		"[2001:db8::1]:443":      "2001:db8::1, 192.0.2.1",
		"192.0.2.9:443":          "shop.test",
	} {
		for _, name := range []string{"", "192.0.2.77"} { // an address is no name
			c, err := set.Get(&tls.ClientHelloInfo{Conn: at{addr: addr}, ServerName: name})
			if err != nil || hostsOf(c.Leaf, 9) != want {
				t.Errorf("at %s, named %q: %s, %v, want %s", addr, name, hostsOf(c.Leaf, 9), err, want)
			}
		}
	}
}

// TestSeededCA: the same numbers make the same certificates.
func TestSeededCA(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	issued := func(seed uint64) (root, leaf, key []byte) {
		ca, err := NewSeededCA("lab", now, rand.New(rand.NewPCG(seed, 0)).Uint64)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ca.Issue("www.shop.test")
		if err != nil {
			t.Fatal(err)
		}
		chain, key, err := PEM(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FromPEM(Text{"chain", chain}, Text{"key", key}); err != nil {
			t.Error(err)
		}
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), CurrentTime: now, DNSName: "www.shop.test"}); err != nil {
			t.Error(err)
		}
		return ca.PEM(), chain, key
	}
	root1, leaf1, key1 := issued(1)
	root2, leaf2, key2 := issued(1)
	if !bytes.Equal(root1, root2) || !bytes.Equal(leaf1, leaf2) || !bytes.Equal(key1, key2) {
		t.Error("one seed made two sorts of certificates")
	}
	if other, leaf3, _ := issued(2); bytes.Equal(root1, other) || len(leaf3) != len(leaf1) {
		t.Errorf("another seed: same root %t, lengths %d and %d", bytes.Equal(root1, other), len(leaf1), len(leaf3))
	}
}
