package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"waypost/fault"
	"waypost/trace"
)

// The verdicts of [Trust].
const (
	Trusted   = "trusted"
	Untrusted = "untrusted"
)

// Problem is why a certificate is not trusted.
type Problem string

// The problems, the gravest first: when several hold, the first one leads.
const (
	NoCertificate    Problem = "no-certificate"    // the peer sent none
	SelfSigned       Problem = "self-signed"       // signed by itself, and no trusted root
	UnknownAuthority Problem = "unknown-authority" // its chain ends at no trusted root
	Unfit            Problem = "unfit"             // not made for this use, or by whom it may not be
	Expired          Problem = "expired"           // it, or one above it, has expired
	NotYetValid      Problem = "not-yet-valid"     // its time has not come
	WrongName        Problem = "wrong-name"        // it speaks for others
)

// Distrust is the error behind a certificate that is not trusted. Find it
// with errors.As.
type Distrust struct {
	Problem Problem
	Reason  string // in one sentence
	Err     error  // from crypto/x509; may be nil
}

func (d *Distrust) Error() string { return d.Reason }

// Unwrap returns what crypto/x509 said.
func (d *Distrust) Unwrap() error { return d.Err }

// Trust verifies the certificates of a server that was to be name, a host
// name or an IP address, as a client does at the time now: the path to one
// of roots (nil: the system's) by RFC 5280 §6.1, and the name by RFC 9525 §6.
//
// The decision says why, in both cases. The error is nil only when the
// server is trusted; it is a [fault.TLSCertificateError] and has a
// *[Distrust] in its chain. Trust is meant for tls.Config.VerifyConnection
// together with InsecureSkipVerify, so that the grounds can be recorded when
// the handshake fails, too:
//
//	config.InsecureSkipVerify = true // Trust does it
//	config.VerifyConnection = func(state tls.ConnectionState) error {
//		decision, err = cert.Trust(state, roots, name, time.Now())
//		return err
//	}
func Trust(state tls.ConnectionState, roots *x509.CertPool, name string, now time.Time) (*trace.Decision, error) {
	findings, chain := examine(state.PeerCertificates, roots, name, now)
	if len(findings) == 0 {
		return grounds(chain, name, now), nil
	}
	worst := findings[0]
	reasons := make([]string, len(findings))
	for i, f := range findings {
		reasons[i] = f.reason
	}
	reason := strings.Join(reasons, "; besides, ")
	decision := &trace.Decision{
		Verdict: Untrusted, Reason: reason, Clause: worst.clause, Because: worst.because, Remedy: worst.remedy,
	}
	return decision, fault.New(fault.TLSCertificateError, "verify certificate of "+clean(name),
		&Distrust{worst.problem, reason, worst.err})
}

// finding is one reason not to trust.
type finding struct {
	problem                         Problem
	reason, clause, because, remedy string
	err                             error
}

// The clauses behind the findings.
const (
	clausePath     = "RFC 5280 §6.1"
	clauseValidity = "RFC 5280 §6.1.3"
	clauseNames    = "RFC 9525 §6.3"
	clauseAddress  = "RFC 9525 §6.4"
)

// examine looks for all that is wrong, the gravest first, and returns the
// chain up to the root when there is one.
func examine(certs []*x509.Certificate, roots *x509.CertPool, name string, now time.Time) ([]finding, []*x509.Certificate) {
	if len(certs) == 0 {
		return []finding{{problem: NoCertificate, reason: "the server sent no certificate", clause: "RFC 8446 §4.4.2"}}, nil
	}
	leaf := certs[0]
	options := x509.VerifyOptions{
		Roots:         roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   within(leaf, now), // so that x509 goes on to the path; the leaf's time is checked below
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range certs[1:] {
		options.Intermediates.AddCert(c)
	}
	var findings []finding
	chains, err := leaf.Verify(options)
	if err != nil {
		if f, ok := path(certs, now, err); !ok {
			findings = append(findings, f)
		}
	}
	if f, ok := validity(leaf, now); !ok {
		findings = append(findings, f)
	}
	if f, ok := identity(leaf, name); !ok {
		findings = append(findings, f)
	}
	if len(chains) == 0 {
		return findings, nil
	}
	return findings, chains[0]
}

// within is now, moved into the leaf's time of validity where it is outside.
func within(leaf *x509.Certificate, now time.Time) time.Time {
	switch {
	case now.After(leaf.NotAfter):
		return leaf.NotAfter
	case now.Before(leaf.NotBefore):
		return leaf.NotBefore
	}
	return now
}

// path explains why no path to a root was found. It is fine after all where
// a certificate above an expired leaf is out of its time only at the time at
// which the leaf was looked at.
func path(certs []*x509.Certificate, now time.Time, err error) (finding, bool) {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var noRoots x509.SystemRootsError
	switch {
	case errors.As(err, &unknown):
		return unknownAuthority(certs, err), false
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		f, ok := validity(invalid.Cert, now)
		f.reason = "a certificate above it cannot be used: " + f.reason
		f.err = err
		return f, ok
	case errors.As(err, &noRoots):
		return finding{UnknownAuthority, "this system has no trusted roots", clausePath, "", "install the system's CA certificates or give roots", err}, false
	}
	return finding{Unfit, "the certificate of " + subject(certs[0]) + " cannot be used for a server: " + cleanTo(err.Error(), maxErrorBytes),
		clausePath, "", "", err}, false
}

// unknownAuthority tells the three ways of ending at no trusted root.
func unknownAuthority(certs []*x509.Certificate, err error) finding {
	leaf := certs[0]
	top := topOf(certs)
	switch {
	case top == leaf && isSelfSigned(leaf):
		return finding{SelfSigned, "the certificate of " + subject(leaf) + " is signed by itself, and it is none of the trusted roots",
			clausePath, "Issuer: " + issuer(leaf), "trust this certificate as a root, or have one issued by an authority that is trusted", err}
	case isSelfSigned(top):
		return finding{UnknownAuthority, "the chain ends at " + subject(top) + ", which is none of the trusted roots",
			clausePath, "Issuer: " + issuer(top), "trust " + subject(top) + " as a root", err}
	}
	return finding{UnknownAuthority, fmt.Sprintf("%s, who issued the certificate of %s, is none of the trusted roots, and the server sent no certificate that leads on to one",
		issuer(top), subject(top)),
		clausePath, "Issuer: " + issuer(top), "trust " + issuer(top) + " as a root, or have the server send the chain up to one that is trusted", err}
}

// topOf follows issuers through the certificates that were sent, as far as
// they lead.
func topOf(certs []*x509.Certificate) *x509.Certificate {
	top := certs[0]
	for range min(len(certs), maxChain) { // so that a circle ends
		next := top
		for _, c := range certs {
			if c != top && bytes.Equal(c.RawSubject, top.RawIssuer) {
				next = c
				break
			}
		}
		if next == top || isSelfSigned(top) {
			break
		}
		top = next
	}
	return top
}

func isSelfSigned(c *x509.Certificate) bool {
	// Not CheckSignatureFrom, which also wants a CA's certificate.
	return bytes.Equal(c.RawIssuer, c.RawSubject) &&
		c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// validity checks a certificate's time.
func validity(c *x509.Certificate, now time.Time) (finding, bool) {
	switch {
	case now.After(c.NotAfter):
		return finding{Expired, fmt.Sprintf("the certificate of %s expired %s ago, on %s", subject(c), span(now.Sub(c.NotAfter)), day(c.NotAfter)),
			clauseValidity, "notAfter: " + day(c.NotAfter), "renew the certificate; or set the clock, which says " + day(now), nil}, false
	case now.Before(c.NotBefore):
		return finding{NotYetValid, fmt.Sprintf("the certificate of %s becomes valid in %s, on %s", subject(c), span(c.NotBefore.Sub(now)), day(c.NotBefore)),
			clauseValidity, "notBefore: " + day(c.NotBefore), "wait; or set the clock, which says " + day(now), nil}, false
	}
	return finding{}, true
}

// span writes a duration in the unit that people would use.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// identity checks that a certificate speaks for name.
func identity(c *x509.Certificate, name string) (finding, bool) {
	err := c.VerifyHostname(name)
	if err == nil {
		return finding{}, true
	}
	return finding{WrongName, fmt.Sprintf("the certificate speaks for %s, and not for %s", hostsOf(c, maxNames), clean(name)),
		identityClause(name), "subjectAltName: " + hostsOf(c, maxNames), "have " + clean(name) + " put into the certificate's subjectAltName", err}, false
}

func identityClause(name string) string {
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return clauseAddress
	}
	return clauseNames
}

// grounds says why a chain is trusted.
func grounds(chain []*x509.Certificate, name string, now time.Time) *trace.Decision {
	leaf, root := chain[0], chain[len(chain)-1]
	until := leaf.NotAfter
	var way []string
	for _, c := range chain {
		if c.NotAfter.Before(until) {
			until = c.NotAfter
		}
		way = append(way, subject(c))
	}
	return &trace.Decision{
		Verdict: Trusted,
		Reason: fmt.Sprintf("%s is among the names of the certificate, its chain leads up to the trusted root %s, and all of it is valid for %s yet, until %s",
			clean(name), subject(root), span(until.Sub(now)), day(until)),
		Clause:  clausePath + ", " + identityClause(name),
		Because: "subjectAltName: " + hostsOf(leaf, maxNames) + "; chain: " + strings.Join(way, " < "),
	}
}
