package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"waypost/fault"
	"waypost/trace"
)

// handshake speaks TLS on raw for the target's host and notes it. raw is
// closed when it fails.
func (c *Client) handshake(ctx context.Context, raw net.Conn, to target) (*tls.Conn, error) {
	span, began := trace.From(ctx), time.Now()
	shaking, cancel := phase(ctx, TimerTLS, c.Timeouts.withDefaults().TLS)
	defer cancel()

	var trust *trace.Decision
	conn := tls.Client(raw, c.tlsConfig(to, &trust))
	err := conn.HandshakeContext(shaking)
	if err != nil {
		raw.Close()
		err = ended(shaking, err)
		kind := tlsFault(err)
		err = fault.New(kind, "TLS handshake with "+to.hostPort(), plain(err))
		span.Took(began, time.Now(), trace.TLSHandshake{
			ServerName: serverName(to), Fault: string(kind), Error: err.Error(),
		}, trust)
		return nil, err
	}
	if span.On() {
		span.Took(began, time.Now(), shaken(conn.ConnectionState(), serverName(to)), trust)
	}
	return conn, nil
}

// tlsConfig is the client's half of the handshake. crypto/tls is told not to
// verify so that we can, in one place, and keep the reason; VerifyConnection
// runs on resumed sessions too, so a certificate that has expired since is
// found.
func (c *Client) tlsConfig(to target, trust **trace.Decision) *tls.Config {
	protos := []string{"http/1.1"}
	if c.HTTP2 && !to.h1 {
		protos = []string{"h2", "http/1.1"}
	}
	return &tls.Config{
		ServerName:         to.host,
		NextProtos:         protos,
		ClientSessionCache: c.Sessions,
		MinVersion:         tls.VersionTLS12, // RFC 8996 ends 1.0 and 1.1
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			d, err := c.verify(s, to)
			*trust = d
			return err
		},
	}
}

// verify decides whether the peer speaks for the target's host.
func (c *Client) verify(s tls.ConnectionState, to target) (*trace.Decision, error) {
	if c.InsecureSkipVerify {
		return &trace.Decision{Verdict: "unchecked", Reason: "certificate checks are turned off"}, nil
	}
	opts := x509.VerifyOptions{Roots: c.Roots, DNSName: to.host, Intermediates: x509.NewCertPool()}
	for _, cert := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
		return &trace.Decision{Verdict: "untrusted", Reason: err.Error(), Clause: "RFC 5280 §6"},
			&tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return &trace.Decision{Verdict: "trusted", Reason: "the chain ends in a trusted root", Clause: "RFC 5280 §6"}, nil
}

// serverName is the name sent as SNI: none for an address (RFC 6066 §3).
func serverName(to target) string {
	if _, err := netip.ParseAddr(to.host); err == nil {
		return ""
	}
	return to.host
}

// shaken is the record of a handshake that ended well.
func shaken(s tls.ConnectionState, name string) trace.TLSHandshake {
	f := trace.TLSHandshake{
		ServerName: name, Version: tls.VersionName(s.Version), Suite: tls.CipherSuiteName(s.CipherSuite),
		ALPN: s.NegotiatedProtocol, Resumed: s.DidResume, RoundTrips: roundTrips(s),
	}
	if s.CurveID != 0 {
		f.Group = s.CurveID.String()
	}
	for _, cert := range s.PeerCertificates {
		f.Chain = append(f.Chain, fmt.Sprintf("%s, issued by %s, valid until %s",
			cert.Subject, cert.Issuer, cert.NotAfter.UTC().Format(time.DateOnly)))
	}
	return f
}

// roundTrips counts those spent before the first request could leave: one in
// TLS 1.3 (RFC 8446 §2) and one more for a HelloRetryRequest (§2.1); two in
// TLS 1.2, one when it resumes a session (RFC 5246 §7.3).
func roundTrips(s tls.ConnectionState) int {
	n := 1
	if s.Version < tls.VersionTLS13 && !s.DidResume {
		n = 2
	}
	if s.HelloRetryRequest {
		n++
	}
	return n
}

// tlsFault names what went wrong in a handshake.
func tlsFault(err error) fault.Kind {
	var untrusted *tls.CertificateVerificationError
	var op *net.OpError
	var t *Timeout
	switch {
	case errors.As(err, &t):
		return t.Timer.Fault()
	case errors.As(err, &untrusted):
		return fault.TLSCertificateError
	case errors.As(err, &op) && op.Op == "remote error":
		return fault.TLSAlertReceived
	}
	if k := fault.Of(err); k != fault.ProxyInternalError {
		return k
	}
	return fault.TLSProtocolError
}
