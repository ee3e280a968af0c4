// Package cert answers who speaks for a name over TLS: it makes certificates
// for the lab and the demo ([CA]), loads those of a site ([Load]), picks one
// by the name that a client asks for ([Set]), and says in plain words why a
// peer's certificate is trusted or not ([Trust]).
//
// Nothing here does I/O but reading the files that it is told to read.
package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"waypost/url"
)

const (
	// caLife is long enough for a demo that is left running, and ends so
	// that a root once trusted for a try does not stay trusted for good.
	caLife = 5 * 365 * 24 * time.Hour
	// leafLife is the 398 days that browsers accept at most (CA/Browser
	// Forum Baseline Requirements §6.3.2).
	leafLife = 397 * 24 * time.Hour
	// clockSkew backdates validity for peers whose clock is late.
	clockSkew = time.Hour
)

// CA is a certification authority with a key of its own, in memory: for the
// lab, the demo and tests. It is safe for concurrent use.
type CA struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
	now  time.Time
}

// NewCA makes an authority with an ECDSA P-256 key and a self-signed root
// certificate, valid from an hour before now.
func NewCA(name string, now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // it signs leaves and no other authority
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	return &CA{root, key, now}, nil
}

// Issue makes a certificate for the hosts: names, names with a leading "*."
// and IP addresses. It is valid for 397 days from an hour before the CA was
// made.
func (ca *CA) Issue(hosts ...string) (tls.Certificate, error) {
	return ca.IssueBetween(ca.now.Add(-clockSkew), ca.now.Add(leafLife), hosts...)
}

// IssueBetween is Issue for a given time of validity, be it over or yet to
// come.
func (ca *CA) IssueBetween(notBefore, notAfter time.Time, hosts ...string) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber:          serial(),
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if err := addHosts(template, hosts); err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate for %s: %w", hosts[0], err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.root, key.Public(), ca.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate for %s: %w", hosts[0], err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate for %s: %w", hosts[0], err)
	}
	// The root is left out: a peer that trusts it has it (RFC 8446 §4.4.2).
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// maxCommonName is ub-common-name, RFC 5280 appendix A.1.
const maxCommonName = 64

func addHosts(template *x509.Certificate, hosts []string) error {
	if len(hosts) == 0 {
		return fmt.Errorf("no host given")
	}
	for _, h := range hosts {
		if a, err := netip.ParseAddr(strings.Trim(h, "[]")); err == nil {
			template.IPAddresses = append(template.IPAddresses, a.AsSlice())
			continue
		}
		name := strings.ToLower(strings.TrimSuffix(h, "."))
		if !url.IsHostName(strings.TrimPrefix(name, "*.")) {
			return fmt.Errorf("%q is neither a host name in ASCII nor an IP address", h)
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	// For eyes only: clients look at subjectAltName (RFC 9525 §2).
	if len(hosts[0]) <= maxCommonName {
		template.Subject.CommonName = hosts[0]
	}
	return nil
}

// serial is 127 random bits: positive, unique and not to be guessed
// (RFC 5280 §4.1.2.2).
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[0] &= 0x7f
	b[15] |= 1 // not zero
	return new(big.Int).SetBytes(b[:])
}

// Certificate is the root certificate. It must not be changed.
func (ca *CA) Certificate() *x509.Certificate { return ca.root }

// PEM is the root certificate as a PEM block, to be given to curl or a
// browser.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: ca.root.Raw})
}

// Pool is a new pool that holds the root alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	return pool
}
