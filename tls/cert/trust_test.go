package cert

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"waypost/fault"
)

// shake runs one handshake over a pipe and returns the client's side of it.
func shake(t testing.TB, set *Set, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ours, theirs := wire()
	served := make(chan struct{})
	go func() {
		defer close(served)
		serverConfig := set.Config()
		serverConfig.NextProtos = []string{"h2", "http/1.1"}
		server := tls.Server(theirs, serverConfig)
		_ = server.HandshakeContext(context.Background()) // the client tells
		_ = theirs.Close()
	}()
	client := tls.Client(ours, config)
	err := client.HandshakeContext(context.Background())
	_ = ours.Close()
	<-served
	return client.ConnectionState(), err
}

// wire is a connection with room: over net.Pipe two ends that write at once,
// as in a handshake that fails, would wait for each other for ever.
func wire() (a, b net.Conn) {
	one, other := newHalf(), newHalf()
	return end{in: one, out: other}, end{in: other, out: one}
}

type half struct {
	mu     sync.Mutex
	more   *sync.Cond
	data   []byte
	closed bool
}

func newHalf() *half {
	h := new(half)
	h.more = sync.NewCond(&h.mu)
	return h
}

type end struct {
	net.Conn // nil: deadlines and addresses are not asked for
	in, out  *half
}

func (e end) Read(p []byte) (int, error) {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	for len(e.in.data) == 0 {
		if e.in.closed {
			return 0, io.EOF
		}
		e.in.more.Wait()
	}
	n := copy(p, e.in.data)
	e.in.data = e.in.data[n:]
	return n, nil
}

func (e end) Write(p []byte) (int, error) {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if e.out.closed {
		return 0, net.ErrClosed
	}
	e.out.data = append(e.out.data, p...)
	e.out.more.Broadcast()
	return len(p), nil
}

func (e end) Close() error {
	for _, h := range []*half{e.in, e.out} {
		h.mu.Lock()
		h.closed = true
		h.more.Broadcast()
		h.mu.Unlock()
	}
	return nil
}

// authority makes a certificate that signs others, below parent or by itself.
func authority(t testing.TB, name string, parent *CA, notAfter time.Time) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: noon.Add(-time.Hour), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signer, signKey := template, crypto.Signer(key)
	if parent != nil {
		signer, signKey = parent.root, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, key.Public(), signKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &CA{root: c, key: key, now: noon}
}

func rsaCertificate(t testing.TB, host string) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: noon, NotAfter: noon.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: c}
}

func TestTrust(t *testing.T) {
	root := authority(t, "lab root", nil, noon.Add(1000*time.Hour))
	middle := authority(t, "lab middle", root, noon.Add(100*time.Hour))
	stranger := authority(t, "strange root", nil, noon.Add(1000*time.Hour))
	late := authority(t, "late middle", root, noon.Add(-time.Minute))
	leaf := func(ca *CA, hosts ...string) *x509.Certificate { return issue(t, ca, hosts...).Leaf }
	between := func(from, to time.Duration) *x509.Certificate {
		c, err := root.IssueBetween(noon.Add(from), noon.Add(to), "shop.test")
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf
	}
	alone := rsaCertificate(t, "shop.test").Leaf
	many := leaf(root, "a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test", "h.test", "i.test", "192.0.2.1")
	self := root.root

	for _, tt := range []struct {
		about   string
		certs   []*x509.Certificate
		name    string
		problem Problem // "" is trusted
		reason  string
		clause  string
	}{
		{"direct", []*x509.Certificate{leaf(root, "shop.test")}, "shop.test", "",
			"shop.test is among the names of the certificate, its chain leads up to the trusted root lab root, and all of it is valid for 41 days yet, until 2026-07-13 04:00:00 UTC",
			"RFC 5280 §6.1, RFC 9525 §6.3"},
		{"through another, which ends first", []*x509.Certificate{leaf(middle, "*.shop.test"), middle.root}, "www.shop.test", "",
			"valid for 4 days yet, until 2026-06-05 16:00:00 UTC", "RFC 5280 §6.1, RFC 9525 §6.3"},
		{"an address", []*x509.Certificate{leaf(root, "2001:db8::1")}, "[2001:db8::1]", "", "is among the names", "RFC 5280 §6.1, RFC 9525 §6.4"},
		{"a final dot", []*x509.Certificate{leaf(root, "shop.test")}, "shop.test.", "", "is among the names", "RFC 5280 §6.1, RFC 9525 §6.3"},
		{"nothing sent", nil, "shop.test", NoCertificate, "the server sent no certificate", "RFC 8446 §4.4.2"},
		{"another name", []*x509.Certificate{leaf(root, "shop.test", "www.shop.test")}, "cdn.test", WrongName,
			"the certificate speaks for shop.test, www.shop.test, and not for cdn.test", "RFC 9525 §6.3"},
		{"a wildcard two labels up", []*x509.Certificate{leaf(root, "*.test")}, "www.shop.test", WrongName, "speaks for *.test", "RFC 9525 §6.3"},
		{"another address", []*x509.Certificate{many}, "192.0.2.2", WrongName,
			"speaks for a.test, b.test, c.test, d.test, e.test, f.test, g.test, h.test and 2 more, and not for 192.0.2.2", "RFC 9525 §6.4"},
		{"no name at all", []*x509.Certificate{self}, "shop.test", WrongName, "speaks for no host at all", "RFC 9525 §6.3"},
		{"expired", []*x509.Certificate{between(-100*time.Hour, -72*time.Hour)}, "shop.test", Expired,
			"the certificate of shop.test expired 3 days ago, on 2026-05-29 12:00:00 UTC", "RFC 5280 §6.1.3"},
		{"not yet valid", []*x509.Certificate{between(90*time.Second, time.Hour)}, "shop.test", NotYetValid,
			"the certificate of shop.test becomes valid in 90 seconds, on 2026-06-01 12:01:30 UTC", "RFC 5280 §6.1.3"},
		{"expired and another name", []*x509.Certificate{between(-100*time.Hour, -5*time.Minute)}, "cdn.test", Expired,
			"expired 5 minutes ago, on 2026-06-01 11:55:00 UTC; besides, the certificate speaks for shop.test", "RFC 5280 §6.1.3"},
		{"expired above", []*x509.Certificate{leaf(late, "shop.test"), late.root}, "shop.test", Expired,
			"a certificate above it cannot be used: the certificate of late middle expired 60 seconds ago", "RFC 5280 §6.1.3"},
		{"signed by itself", []*x509.Certificate{alone}, "shop.test", SelfSigned, "is signed by itself", "RFC 5280 §6.1"},
		{"an unknown root, sent along", []*x509.Certificate{leaf(stranger, "shop.test"), stranger.root}, "shop.test", UnknownAuthority,
			"the chain ends at strange root, which is none of the trusted roots", "RFC 5280 §6.1"},
		{"an unknown root, not sent", []*x509.Certificate{leaf(stranger, "shop.test")}, "shop.test", UnknownAuthority,
			"strange root, who issued the certificate of shop.test, is none of the trusted roots, and the server sent no certificate that leads on to one", "RFC 5280 §6.1"},
		{"the link left out", []*x509.Certificate{leaf(middle, "shop.test")}, "shop.test", UnknownAuthority,
			"lab middle, who issued the certificate of shop.test, is none", "RFC 5280 §6.1"},
		{"unknown, another name", []*x509.Certificate{leaf(stranger, "shop.test")}, "cdn.test", UnknownAuthority,
			"; besides, the certificate speaks for shop.test", "RFC 5280 §6.1"},
	} {
		decision, err := Trust(tls.ConnectionState{PeerCertificates: tt.certs}, root.Pool(), tt.name, noon)
		if !strings.Contains(decision.Reason, tt.reason) {
			t.Errorf("%s: reason %q\nwant %q", tt.about, decision.Reason, tt.reason)
		}
		if decision.Clause != tt.clause {
			t.Errorf("%s: clause %q, want %q", tt.about, decision.Clause, tt.clause)
		}
		if tt.problem == "" {
			if err != nil || decision.Verdict != Trusted {
				t.Errorf("%s: %s, %v", tt.about, decision.Verdict, err)
			}
			continue
		}
		var d *Distrust
		if !errors.As(err, &d) || d.Problem != tt.problem || decision.Verdict != Untrusted {
			t.Errorf("%s: %s, %v, want %s", tt.about, decision.Verdict, err, tt.problem)
		}
		if fault.Of(err) != fault.TLSCertificateError {
			t.Errorf("%s: fault %s", tt.about, fault.Of(err))
		}
	}
}

func TestTrustUnfit(t *testing.T) {
	root := authority(t, "lab root", nil, noon.Add(time.Hour))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"shop.test"}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root.root, root.key.Public(), root.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	decision, err := Trust(tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}, root.Pool(), "shop.test", noon)
	var d *Distrust
	if !errors.As(err, &d) || d.Problem != Unfit || !strings.Contains(decision.Reason, "incompatible key usage") {
		t.Errorf("Trust = %+v, %v, want %s", decision, err, Unfit)
	}
	if errors.Unwrap(d) == nil {
		t.Error("what x509 said is lost")
	}
}

// TestTrustInHandshake is how fetch uses Trust: the grounds are known when
// the handshake fails, too.
func TestTrustInHandshake(t *testing.T) {
	ca, err := NewCA("lab CA", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewSet(issue(t, ca, "shop.test"))
	if err != nil {
		t.Fatal(err)
	}
	for _, roots := range []*x509.CertPool{ca.Pool(), x509.NewCertPool()} {
		var reason string
		_, err := shake(t, set, &tls.Config{
			ServerName: "shop.test", InsecureSkipVerify: true,
			VerifyConnection: func(state tls.ConnectionState) error {
				decision, err := Trust(state, roots, "shop.test", time.Now())
				reason = decision.Reason
				return err
			},
		})
		switch {
		case roots.Equal(ca.Pool()) && err != nil:
			t.Error(err)
		case !roots.Equal(ca.Pool()) && (fault.Of(err) != fault.TLSCertificateError || !strings.Contains(reason, "lab CA")):
			t.Errorf("%v (%s), reason %q", err, fault.Of(err), reason)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	c := &x509.Certificate{SerialNumber: big.NewInt(255)}
	for _, tt := range []struct {
		subject pkix.Name
		want    string
	}{
		{pkix.Name{}, "serial ff"},
		{pkix.Name{Organization: []string{"Shop"}}, "Shop"},
		{pkix.Name{CommonName: "a\x1b[31m\nb"}, "a\ufffd[31m\ufffdb"},
		{pkix.Name{CommonName: strings.Repeat("é", 1000)}, strings.Repeat("é", 32) + "…"},
		{pkix.Name{CommonName: "x" + strings.Repeat("é", 1000)}, "x" + strings.Repeat("é", 31) + "…"},
	} {
		c.Subject = tt.subject
		if got := subject(c); got != tt.want {
			t.Errorf("subject(%v) = %q, want %q", tt.subject, got, tt.want)
		}
	}
	state := tls.ConnectionState{}
	for range 50 {
		state.PeerCertificates = append(state.PeerCertificates, c)
	}
	if got := Chain(state); len(got) != maxChain+1 || got[maxChain] != "and 40 more" {
		t.Errorf("Chain lists %d: %s", len(got), got[len(got)-1])
	}
}
