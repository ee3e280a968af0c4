package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fault"
)

// selfSigned is a certificate for h, and who trusts it.
func selfSigned(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"h"}, NotBefore: time.Now(), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "h"}
}

// TestBothTLS: the same over TLS: ALPN chooses, the scheme follows, watching
// for the client can be interrupted, and large bodies pass.
func TestBothTLS(t *testing.T) {
	for _, proto := range protocols {
		synctest.Test(t, func(t *testing.T) {
			server, client := selfSigned(t)
			big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
			l := serveMem(t, &Server{TLS: server, AltSvc: `h3=":443"; ma=60`, Handler: HandlerFunc(func(x Exchange) {
				r, info := x.Request(), x.Conn()
				ctx := x.Context()
				if r.Path == "/leave" {
					<-ctx.Done()
					return
				}
				if info.TLS == nil || r.Scheme != "https" || info.Remote.Port() != 40000 {
					t.Errorf("%s: scheme %s, %+v", proto, r.Scheme, info)
				}
				if r.Path == "/big" {
					_ = x.Respond(200, nil, int64(len(big)))
					_, _ = x.Write(big[:100])
					_, _ = x.Write(big[100:])
					return
				}
				echo(x)
			})})
			conn, err := l.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			client.NextProtos = []string{proto}
			secure := tls.Client(conn, client)
			if err := secure.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := secure.ConnectionState().NegotiatedProtocol; got != proto {
				t.Fatalf("ALPN chose %q, want %s", got, proto)
			}
			c, err := NewClient(secure, proto, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ask := func(path string) *Request {
				r := get(path)
				r.Scheme = "https"
				return r
			}
			for i := range 3 {
				resp, body := do(t, c, ask(fmt.Sprint("/", i)))
				if body != fmt.Sprint("GET h /", i) {
					t.Errorf("%s: got %q", proto, body)
				}
				if got := resp.Fields.Get("Alt-Svc"); got != `h3=":443"; ma=60` {
					t.Errorf("%s: Alt-Svc %q", proto, got)
				}
			}
			if _, body := do(t, c, ask("/big")); body != string(big) {
				t.Errorf("%s: got %d bytes", proto, len(body))
			}
			r := ask("/")
			r.Method, r.Length, r.Body = "POST", int64(len(big)), bytes.NewReader(big)
			if _, body := do(t, c, r); !strings.HasPrefix(body, fmt.Sprintf("POST h / body %d ", len(big))) {
				t.Errorf("%s: got %d bytes", proto, len(body))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := c.Do(ctx, ask("/leave")); fault.Of(err) != fault.HTTPResponseTimeout {
				t.Errorf("%s: %v", proto, err)
			}
		})
	}
}

func TestHandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := selfSigned(t)
		c := dialMem(t, &Server{TLS: server, Handler: HandlerFunc(echo)})
		send(t, c, "\x16\x03\x01")
		if got, after := closedAfter(t, c); got != "" || after != DefaultHandshakeTimeout {
			t.Errorf("got %q after %v", got, after)
		}
	})
}

// TestGoodbyeTLS: an idle connection that the server ends says so in TLS.
func TestGoodbyeTLS(t *testing.T) {
	for _, proto := range protocols {
		synctest.Test(t, func(t *testing.T) {
			server, client := selfSigned(t)
			conn := dialMem(t, &Server{TLS: server, Handler: HandlerFunc(echo)})
			client.NextProtos = []string{proto}
			secure := tls.Client(conn, client)
			if proto == "h2" {
				_, _ = io.WriteString(secure, http2Preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
			} else if err := secure.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if _, err := io.Copy(io.Discard, secure); err != nil || time.Since(start) != DefaultIdleTimeout {
				t.Errorf("%s: ended after %v with %v", proto, time.Since(start), err)
			}
		})
	}
}
