// Package cert answers who speaks for a name over TLS: it makes certificates
// for the lab and the demo ([CA]), loads those of a site ([Load]), picks one
// by the name that a client asks for ([Set]), and says in plain words why a
// peer's certificate is trusted or not ([Trust]).
//
// Nothing here does I/O but reading the files that it is told to read.
package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
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
	key  crypto.Signer
	now  time.Time

	mu     sync.Mutex
	random func() uint64 // nil: crypto/rand and ECDSA
}

// NewCA makes an authority with an ECDSA P-256 key and a self-signed root
// certificate, valid from an hour before now.
func NewCA(name string, now time.Time) (*CA, error) { return makeCA(name, now, nil) }

// NewSeededCA makes an authority of which all keys are Ed25519 keys drawn from
// random, as are the serial numbers: the same numbers make the same
// certificates, byte for byte, and signatures of one length. It is for the
// lab, where one seed gives one run, and for nothing that must be kept from
// anybody.
func NewSeededCA(name string, now time.Time, random func() uint64) (*CA, error) {
	return makeCA(name, now, random)
}

func makeCA(name string, now time.Time, random func() uint64) (*CA, error) {
	ca := &CA{now: now, random: random}
	var err error
	if ca.key, err = ca.newKey(); err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	template := &x509.Certificate{
		SerialNumber:          ca.serial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // it signs leaves and no other authority
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ca.key.Public(), ca.key)
	if err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	if ca.root, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("make CA %s: %w", name, err)
	}
	return ca, nil
}

// newKey makes a private key of the authority's sort.
func (ca *CA) newKey() (crypto.Signer, error) {
	if ca.random == nil {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	var seed [ed25519.SeedSize]byte
	ca.draw(seed[:])
	return ed25519.NewKeyFromSeed(seed[:]), nil
}

// draw fills b, whose length is a multiple of 8, with random bytes.
func (ca *CA) draw(b []byte) {
	if ca.random == nil {
		_, _ = rand.Read(b) // never fails (crypto/rand)
		return
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], ca.random())
	}
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
		SerialNumber:          ca.serial(),
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if err := addHosts(template, hosts); err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	key, err := ca.newKey()
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

// serial is 126 random bits behind one that is set: positive, unique, not to
// be guessed (RFC 5280 §4.1.2.2), and always of the same length.
func (ca *CA) serial() *big.Int {
	var b [16]byte
	ca.draw(b[:])
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

// PEM returns a certificate's chain and its private key as the files that a
// configuration names.
func PEM(c tls.Certificate) (chain, key []byte, err error) {
	for _, der := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encode private key: %w", err)
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: blockPKCS8, Bytes: der}), nil
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
