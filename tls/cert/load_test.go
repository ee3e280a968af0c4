package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func certPEM(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw})...)
	}
	return out
}

func keyPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPKCS8, Bytes: der})
}

func TestFromPEM(t *testing.T) {
	ca := newCA(t)
	c := issue(t, ca, "shop.test")
	other := issue(t, ca, "other.test")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ca.key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	chain, key := certPEM(c.Leaf, ca.root), keyPEM(t, c.PrivateKey)
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for _, tt := range []struct {
		about      string
		chain, key []byte
		want       string // of the error; "" is none
	}{
		{"chain and key", chain, key, ""},
		{"both in one file", append(bytes.Clone(chain), key...), append(bytes.Clone(chain), key...), ""},
		{"text around", append([]byte("Bag Attributes\n\n"), chain...), append([]byte("key:\n"), key...), ""},
		{"EC key with parameters", certPEM(ca.root), append(block(blockECParameters, []byte{6, 0}), block(blockEC, ecDER)...), ""},
		{"empty chain", nil, key, "load certificate: c.pem: the file is empty"},
		{"empty key", chain, []byte("\n"), "load private key: k.pem: the file is empty"},
		{"no PEM", []byte("hello"), key, "c.pem: no PEM block"},
		{"DER", c.Leaf.Raw, key, "c.pem: the certificate is in DER form"},
		{"swapped", key, chain, "c.pem: no certificate in it, only PRIVATE KEY: are certificate and key swapped?"},
		{"no key", chain, chain, "k.pem: no private key in it, only CERTIFICATE, CERTIFICATE"},
		{"bad certificate", append(certPEM(c.Leaf), block(blockCertificate, []byte{1})...), key, fmt.Sprintf("c.pem:%d: certificate 2: x509", 1+bytes.Count(certPEM(c.Leaf), []byte("\n")))},
		{"bad key", chain, append([]byte("\n\n"), block(blockPKCS8, []byte{1})...), "k.pem:3: private key: "},
		{"damaged", bytes.Replace(chain, []byte("-----END"), []byte("-----FIN"), 1), key, "c.pem: 1 of 2 PEM blocks cannot be read"},
		{"encrypted", chain, block(blockEncrypted, []byte{1}), "k.pem:1: the private key is encrypted"},
		{"encrypted the old way", chain, []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"), "k.pem:1: the private key is encrypted"},
		{"another's key", chain, keyPEM(t, other.PrivateKey), "c.pem and k.pem: the key (ECDSA P-256) does not belong to the certificate for shop.test (ECDSA P-256)"},
		{"another kind of key", chain, keyPEM(t, rsaKey), "the key (RSA 2048) does not belong to the certificate for shop.test (ECDSA P-256)"},
		{"wrong order", certPEM(ca.root, c.Leaf), key, "the key belongs to certificate 2 (shop.test): the chain must begin with it"},
	} {
		got, err := FromPEM(Text{"c.pem", tt.chain}, Text{"k.pem", tt.key})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.about, err)
		case tt.want == "" && got.Leaf == nil:
			t.Errorf("%s: no leaf", tt.about)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v\nwant %s", tt.about, err, tt.want)
		}
	}
}

func TestLoad(t *testing.T) {
	ca := newCA(t)
	c := issue(t, ca, "shop.test")
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	chain, key, root := file("chain.pem", certPEM(c.Leaf)), file("key.pem", keyPEM(t, c.PrivateKey)), file("ca.pem", ca.PEM())
	got, err := Load(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := LoadRoots(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Trust(tls.ConnectionState{PeerCertificates: []*x509.Certificate{got.Leaf}}, roots, "shop.test", noon.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	missing := filepath.Join(dir, "missing.pem")
	for _, try := range []func() error{
		func() error { _, err := Load(missing, key); return err },
		func() error { _, err := Load(chain, missing); return err },
		func() error { _, err := LoadRoots(root, missing); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), "missing.pem: no such file") {
			t.Errorf("%v, want the missing file's name", err)
		}
	}
	if _, err := LoadRoots(key); err == nil || !strings.Contains(err.Error(), "key.pem: no certificate") {
		t.Errorf("%v, want key.pem to be refused", err)
	}
}

// FuzzFromPEM: no panic, and what is accepted fits together.
func FuzzFromPEM(f *testing.F) {
	ca := newCA(f)
	c := issue(f, ca, "shop.test")
	f.Add(certPEM(c.Leaf, ca.root), keyPEM(f, c.PrivateKey))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN -----END"))
	f.Fuzz(func(t *testing.T, chain, key []byte) {
		got, err := FromPEM(Text{"c", chain}, Text{"k", key})
		if err == nil && (got.Leaf == nil || len(got.Certificate) == 0 || got.PrivateKey == nil) {
			t.Fatalf("accepted %+v", got)
		}
	})
}

// FuzzTrust: whatever certificates a peer sends, there is a decision with a
// reason that fits into a record, and no panic.
func FuzzTrust(f *testing.F) {
	ca := newCA(f)
	f.Add(issue(f, ca, "shop.test").Leaf.Raw, ca.root.Raw, "shop.test")
	f.Add(rsaCertificate(f, "shop.test").Leaf.Raw, ca.root.Raw, "[::1]")
	f.Fuzz(func(t *testing.T, a, b []byte, name string) {
		var state tls.ConnectionState
		for _, der := range [][]byte{a, b} {
			if c, err := x509.ParseCertificate(der); err == nil {
				state.PeerCertificates = append(state.PeerCertificates, c)
			}
		}
		decision, err := Trust(state, ca.Pool(), name, noon)
		if decision == nil || decision.Reason == "" || (err == nil) != (decision.Verdict == Trusted) {
			t.Fatalf("Trust = %+v, %v", decision, err)
		}
		const most = 3 * (maxNames + 4) * (maxWordBytes + 8)
		if n := len(decision.Reason) + len(decision.Because) + len(decision.Remedy); n > 3*most {
			t.Fatalf("a decision of %d bytes", n)
		}
		Handshake(name, state)
	})
}
