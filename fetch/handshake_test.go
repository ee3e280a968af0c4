package fetch

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/tls/cert"
	"waypost/trace"
)

// handshakes lists the record's tls.handshake facts.
func (w *world) handshakes() (facts []trace.TLSHandshake, decisions []*trace.Decision) {
	for _, e := range w.events(trace.KindTLSHandshake) {
		facts = append(facts, e.Fact.(trace.TLSHandshake))
		decisions = append(decisions, e.Decision)
	}
	return facts, decisions
}

// TestHandshake shakes hands in full and then resumes.
func TestHandshake(t *testing.T) {
	inWorld(t, func(w *world) {
		w.serve(shopAddr, 443, &wire.Server{Handler: answer("hello", 0), TLS: w.tls("www.shop.test")})
		start := time.Now()
		r, body, err := w.get("https://www.shop.test/")
		if err != nil || body != "hello" {
			t.Fatalf("%q, %v", body, err)
		}
		if got, want := time.Since(start), 20*ms+20*ms+20*ms; got != want {
			t.Errorf("took %v, want %v: connect, handshake, exchange", got, want)
		}
		if r.TLS == nil || r.TLS.Version != tls.VersionTLS13 {
			t.Errorf("TLS %+v", r.TLS)
		}
		w.client.CloseIdle()
		if _, _, err := w.get("https://www.shop.test/"); err != nil {
			t.Fatal(err)
		}
		facts, decisions := w.handshakes()
		if len(facts) != 2 {
			t.Fatalf("%d handshakes, want 2", len(facts))
		}
		for i, f := range facts {
			if f.ServerName != "www.shop.test" || f.Version != "TLS 1.3" || f.ALPN != "http/1.1" || f.RoundTrips != 1 ||
				f.Resumed != (i == 1) || f.Group == "" || f.Suite == "" || f.Fault != "" || len(f.Chain) == 0 {
				t.Errorf("handshake %d: %+v", i, f)
			}
			if d := decisions[i]; d == nil || d.Verdict != cert.Trusted || d.Clause == "" {
				t.Errorf("decision %d: %+v", i, d)
			}
		}
		for _, e := range w.events(trace.KindTLSHandshake) {
			if e.Took != 20*ms {
				t.Errorf("handshake took %v, want 20ms", e.Took)
			}
		}
	})
}

// TestDistrust meets certificates that do not speak for the host.
func TestDistrust(t *testing.T) {
	other, err := cert.NewCA("other", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cert func(w *world) (tls.Certificate, error)
		says string
	}{
		{"another name", func(w *world) (tls.Certificate, error) { return w.ca.Issue("blog.shop.test") }, "www.shop.test"},
		{"unknown authority", func(w *world) (tls.Certificate, error) {
			return other.IssueBetween(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "www.shop.test")
		}, "root"},
		{"expired", func(w *world) (tls.Certificate, error) {
			return w.ca.IssueBetween(time.Now().Add(-time.Hour), time.Now().Add(-time.Minute), "www.shop.test")
		}, "expired"},
	}
	for _, tt := range tests {
		for _, insecure := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					c, err := tt.cert(w)
					if err != nil {
						t.Fatal(err)
					}
					w.client.InsecureSkipVerify = insecure
					w.serve(shopAddr, 443, &wire.Server{Handler: answer("x", 0), TLS: &tls.Config{Certificates: []tls.Certificate{c}}})
					_, _, err = w.get("https://www.shop.test/")
					facts, decisions := w.handshakes()
					if len(facts) != 1 || decisions[0] == nil {
						t.Fatalf("record %+v, %+v", facts, decisions)
					}
					if !strings.Contains(decisions[0].Reason, tt.says) {
						t.Errorf("reason %q does not say %q", decisions[0].Reason, tt.says)
					}
					if insecure {
						if err != nil || decisions[0].Verdict != "unchecked" {
							t.Errorf("%v, %+v", err, decisions[0])
						}
						return
					}
					var distrust *cert.Distrust
					if fault.Of(err) != fault.TLSCertificateError || !errors.As(err, &distrust) {
						t.Errorf("error %v", err)
					}
					if n := len(w.events(trace.KindTCPClose)); n != 1 {
						t.Errorf("%d tcp.close, want 1", n)
					}
					if facts[0].Fault != string(fault.TLSCertificateError) || decisions[0].Verdict != cert.Untrusted {
						t.Errorf("record %+v, %+v", facts[0], decisions[0])
					}
				})
			})
		}
	}
}

// TestAlert is refused by the server.
func TestAlert(t *testing.T) {
	inWorld(t, func(w *world) {
		set, err := cert.NewSet()
		if err != nil {
			t.Fatal(err)
		}
		w.raw(443, func(c net.Conn) {
			s := tls.Server(c, set.Config())
			s.Handshake()
			io.Copy(io.Discard, c)
			s.Close()
		})
		_, _, err = w.get("https://www.shop.test/")
		if fault.Of(err) != fault.TLSAlertReceived || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%s: %v", fault.Of(err), err)
		}
	})
}
