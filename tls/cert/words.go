package cert

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
	"unicode"

	"waypost/trace"
)

// What goes from a peer's certificates into the record is bounded here.
const (
	maxWordBytes  = 64  // of one name: a subject or a host
	maxErrorBytes = 200 // of an error that quotes the certificate
	maxNames      = 8   // listed of a certificate that has many
	maxChain      = 10  // certificates looked at; real chains have two to four
)

// subject names a certificate for people: its common name, or else its
// organisation, its first host, or its serial number.
func subject(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return clean(c.Subject.CommonName)
	case len(c.Subject.Organization) > 0:
		return clean(c.Subject.Organization[0])
	case len(c.DNSNames)+len(c.IPAddresses) > 0:
		return hostsOf(c, 1)
	}
	return "serial " + clean(c.SerialNumber.Text(16))
}

// issuer names who signed a certificate.
func issuer(c *x509.Certificate) string {
	switch {
	case c.Issuer.CommonName != "":
		return clean(c.Issuer.CommonName)
	case len(c.Issuer.Organization) > 0:
		return clean(c.Issuer.Organization[0])
	}
	return "an issuer without a name"
}

// clean makes a peer's name fit for a record: printable and not too long.
func clean(s string) string { return cleanTo(s, maxWordBytes) }

func cleanTo(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

// hostsOf lists what a certificate speaks for, most of them at least.
func hostsOf(c *x509.Certificate, most int) string {
	var out []string
	total := len(c.DNSNames) + len(c.IPAddresses)
	for _, name := range c.DNSNames[:min(most, len(c.DNSNames))] {
		out = append(out, clean(name))
	}
	for _, ip := range c.IPAddresses[:min(most-len(out), len(c.IPAddresses))] {
		out = append(out, ip.String())
	}
	switch {
	case total == 0:
		return "no host at all"
	case total > len(out):
		return fmt.Sprintf("%s and %d more", strings.Join(out, ", "), total-len(out))
	}
	return strings.Join(out, ", ")
}

// day writes a point in time for people. Certificates know seconds in UTC.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Chain describes the certificates that the peer sent, leaf first: subject,
// issuer and end of validity.
func Chain(state tls.ConnectionState) []string {
	var out []string
	for i, c := range state.PeerCertificates {
		if i == maxChain {
			return append(out, fmt.Sprintf("and %d more", len(state.PeerCertificates)-i))
		}
		out = append(out, fmt.Sprintf("%s, issued by %s, valid until %s", subject(c), issuer(c), day(c.NotAfter)))
	}
	return out
}

// Group is the IANA name of a key exchange group (TLS Supported Groups
// registry), which crypto/tls spells otherwise for the NIST curves.
func Group(id tls.CurveID) string {
	switch id {
	case 0:
		return ""
	case tls.CurveP256:
		return "secp256r1"
	case tls.CurveP384:
		return "secp384r1"
	case tls.CurveP521:
		return "secp521r1"
	case tls.X25519:
		return "x25519"
	}
	return id.String()
}

// RoundTrips is how many round trips a client's handshake took before its
// first request could leave: one in TLS 1.3 (RFC 8446 §2) and one more after
// a HelloRetryRequest; two in TLS 1.2, or one with a session resumed
// (RFC 5246 §7.3).
func RoundTrips(state tls.ConnectionState) int {
	n := 1
	if state.Version < tls.VersionTLS13 && !state.DidResume {
		n++
	}
	if state.HelloRetryRequest {
		n++
	}
	return n
}

// Handshake is what a client's handshake for name came to, for the record.
// On a handshake that failed half-way only what is known by then is set.
func Handshake(name string, state tls.ConnectionState) trace.TLSHandshake {
	fact := trace.TLSHandshake{
		ServerName: name,
		Group:      Group(state.CurveID),
		ALPN:       state.NegotiatedProtocol,
		Resumed:    state.DidResume,
		Chain:      Chain(state),
	}
	if state.Version != 0 {
		fact.Version = tls.VersionName(state.Version)
		fact.RoundTrips = RoundTrips(state)
	}
	if state.CipherSuite != 0 {
		fact.Suite = tls.CipherSuiteName(state.CipherSuite)
	}
	return fact
}
