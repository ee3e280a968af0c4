package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"waypost/fault"
	"waypost/tls/cert"
	"waypost/trace"
)

// handshake speaks TLS on raw for the target's host and notes it.
func (c *Client) handshake(ctx context.Context, raw net.Conn, to target) (*tls.Conn, error) {
	span, began := trace.From(ctx), time.Now()
	shaking, cancel := phase(ctx, TimerTLS, c.Timeouts.withDefaults().TLS)
	defer cancel()

	var trust *trace.Decision
	conn := tls.Client(raw, c.tlsConfig(to, &trust))
	err := conn.HandshakeContext(shaking)
	if err != nil {
		err = ended(shaking, err)
		kind := tlsFault(err)
		err = fault.New(kind, "TLS handshake with "+to.hostPort(), plain(err))
		if span.On() {
			f := cert.Handshake(serverName(to), conn.ConnectionState())
			f.Fault, f.Error = string(kind), err.Error()
			span.Took(began, time.Now(), f, trust)
		}
		return nil, err
	}
	if span.On() {
		span.Took(began, time.Now(), cert.Handshake(serverName(to), conn.ConnectionState()), trust)
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
	d, err := cert.Trust(s, c.Roots, to.host, time.Now())
	if err != nil && c.InsecureSkipVerify {
		return &trace.Decision{
			Verdict: "unchecked", Clause: d.Clause, Because: d.Because,
			Reason: "certificate checks are turned off; else it would have been refused: " + d.Reason,
		}, nil
	}
	return d, err
}

// serverName is the name sent as SNI: none for an address (RFC 6066 §3).
func serverName(to target) string {
	if _, err := netip.ParseAddr(to.host); err == nil {
		return ""
	}
	return to.host
}

// tlsFault names what went wrong in a handshake.
func tlsFault(err error) fault.Kind {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return fault.TLSAlertReceived
	}
	return kindOf(err, fault.TLSProtocolError)
}
