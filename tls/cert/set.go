package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// Set is the certificates of a server, found by the name that a client asks
// for. All of them can be replaced at once while connections go on
// ([Set.Replace]). It is safe for concurrent use; the zero Set knows no name.
type Set struct {
	now atomic.Pointer[table]
}

// table is immutable.
type table struct {
	exact map[string][]*tls.Certificate // by name, lower case
	wild  map[string][]*tls.Certificate // by what follows "*."
	addrs map[netip.Addr]*tls.Certificate
	first *tls.Certificate
}

// NewSet makes a set. Where two certificates hold a name, the earlier one
// that the client can use is taken.
func NewSet(certs ...tls.Certificate) (*Set, error) {
	s := new(Set)
	return s, s.Replace(certs...)
}

// Replace puts certs in the place of all that the set held. On an error the
// set stays as it was. Handshakes that have begun end with what they took.
func (s *Set) Replace(certs ...tls.Certificate) error {
	t := &table{
		exact: map[string][]*tls.Certificate{},
		wild:  map[string][]*tls.Certificate{},
		addrs: map[netip.Addr]*tls.Certificate{},
	}
	for i := range certs {
		if err := t.add(certs[i]); err != nil {
			return fmt.Errorf("certificate %d: %w", i+1, err)
		}
	}
	s.now.Store(t)
	return nil
}

func (t *table) add(c tls.Certificate) error {
	if c.Leaf == nil {
		if len(c.Certificate) == 0 {
			return errors.New("it is empty")
		}
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			return err
		}
		c.Leaf = leaf
	}
	if len(c.Leaf.DNSNames)+len(c.Leaf.IPAddresses) == 0 {
		return fmt.Errorf("%s: it has no subjectAltName and so speaks for nobody (RFC 9525 §2)", subject(c.Leaf))
	}
	for _, name := range c.Leaf.DNSNames {
		name = strings.ToLower(name)
		if parent, ok := strings.CutPrefix(name, "*."); ok {
			t.wild[parent] = append(t.wild[parent], &c)
		} else {
			t.exact[name] = append(t.exact[name], &c)
		}
	}
	for _, ip := range c.Leaf.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			if _, taken := t.addrs[a.Unmap()]; !taken {
				t.addrs[a.Unmap()] = &c
			}
		}
	}
	if t.first == nil {
		t.first = &c
	}
	return nil
}

// Get is a tls.Config's GetCertificate. A client that names no host, or an
// address, gets the certificate for the address that it reached, or else the
// set's first. For an unknown name it returns neither certificate nor error:
// then crypto/tls sends the alert unrecognized_name (RFC 6066 §3), provided
// that Config.Certificates is empty. See [Set.Config].
func (s *Set) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	t := s.now.Load()
	if t == nil {
		return nil, nil
	}
	if hello.ServerName == "" {
		return t.byAddress(hello), nil
	}
	found := t.lookup(hello.ServerName)
	if len(found) == 0 {
		// An address is no name (RFC 6066 §3 forbids it there); some
		// clients send it nevertheless.
		if _, err := netip.ParseAddr(hello.ServerName); err == nil {
			return t.byAddress(hello), nil
		}
		return nil, nil
	}
	if len(found) > 1 {
		for _, c := range found {
			if hello.SupportsCertificate(c) == nil {
				return c, nil
			}
		}
	}
	return found[0], nil
}

// GetAny is Get for a server of every name: where no certificate is for the
// one asked for, it is the set's first, and the client judges.
func (s *Set) GetAny(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := s.Get(hello)
	if t := s.now.Load(); c == nil && err == nil && t != nil {
		c = t.first
	}
	return c, err
}

// lookup finds the certificates for a name: exact ones before a wildcard,
// which stands for one label, the leftmost (RFC 9525 §6.3).
func (t *table) lookup(name string) []*tls.Certificate {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if found := t.exact[name]; len(found) > 0 {
		return found
	}
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		return t.wild[name[dot+1:]]
	}
	return nil
}

func (t *table) byAddress(hello *tls.ClientHelloInfo) *tls.Certificate {
	if hello.Conn != nil && len(t.addrs) > 0 {
		if ap, err := netip.ParseAddrPort(hello.Conn.LocalAddr().String()); err == nil {
			if c := t.addrs[ap.Addr().Unmap().WithZone("")]; c != nil {
				return c
			}
		}
	}
	return t.first
}

// Knows reports whether the set has a certificate for the name.
func (s *Set) Knows(name string) bool {
	t := s.now.Load()
	return t != nil && len(t.lookup(name)) > 0
}

// Names lists the names and addresses of the set, sorted.
func (s *Set) Names() []string {
	t := s.now.Load()
	if t == nil {
		return nil
	}
	names := slices.Collect(maps.Keys(t.exact))
	for parent := range t.wild {
		names = append(names, "*."+parent)
	}
	for a := range t.addrs {
		names = append(names, a.String())
	}
	slices.Sort(names)
	return names
}

// Config is a server's TLS configuration over the set: TLS 1.2 and 1.3
// (RFC 9325 §3.1.1). ALPN is left to the caller.
func (s *Set) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.Get}
}
