package edge

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"waypost/cdn"
	"waypost/fault"
)

// TestDetails: Proxy-Status says what was wrong; to strangers without a word of
// what the origin sent, and without its address.
func TestDetails(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	for _, tt := range []struct {
		name, sent string
		stranger   string
		traced     string // part of what is told who traces
	}{
		{"bare LF", head + "Set-Cookie: id=hush\n\r\nhi", `in the origin server's response: bare LF after ...`, `bare LF after \"Set-Cookie: id=hush\"`},
		{"many fields", head + strings.Repeat("X: y\r\n", 150) + "\r\nhi", `in the origin server's response: more than 128 field lines`, "more than 128 field lines"},
		{"no response", "SSH-2.0-hush\r\n\r\n", `in the origin server's response: not an HTTP/1 response: it begins with ...`, `it begins with \"SSH-2.0-\"`},
		{"two lengths", head + "Content-Length: 3\r\n\r\nhi", `in the origin server's response: Content-Length fields that differ`, "that differ"},
		{"a long line", head + "Bad Name: " + strings.Repeat("hush", 20) + "\r\n\r\nhi", `in the origin server's response: white space in or after the field name in ...`, `\"Bad Name: hushhushhushhushhushhushhushhu\"...`},
		{"dropped", "", `the origin server ended the connection before its response was complete`, "GET http://www.shop.test/: read response: EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, silent, func(w *world) {
				defer w.saying("192.0.2.77:80", tt.sent).Close()
				details := func(fields ...string) string {
					g := w.get("/", fields...)
					_, after, ok := strings.Cut(g.fields.Get("Proxy-Status"), `details="`)
					if g.status != 502 || !ok {
						t.Fatalf("got %v, Proxy-Status %q", g, g.fields.Get("Proxy-Status"))
					}
					return strings.TrimSuffix(after, `"`)
				}
				if got := details(); got != tt.stranger {
					t.Errorf("a stranger is told %q, want %q", got, tt.stranger)
				}
				parent, _ := sampled(1)
				if got := details("Traceparent", parent); !strings.Contains(got, tt.traced) {
					t.Errorf("who traces is told %q, want %q", got, tt.traced)
				}
			}, setting{site: func(s *cdn.Site) { s.Origin.URLs = []string{"http://192.0.2.77"} }, config: trusting.config})
		})
	}
}

// TestDetailsOfTLS: what a handshake failed for is said without names.
func TestDetailsOfTLS(t *testing.T) {
	certificate := func(err error) error {
		return fault.New(fault.TLSCertificateError, "TLS handshake with hush:443", err)
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{certificate(x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"hush"}}, Host: "hush"}), "is for other names than the one it was asked for"},
		{certificate(x509.UnknownAuthorityError{Cert: &x509.Certificate{}}), "is signed by an authority that is not trusted here"},
		{certificate(x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired, Detail: "hush"}), "has expired or is not valid yet"},
		{certificate(errors.New("hush")), ""},
		{fault.New(fault.TLSAlertReceived, "TLS handshake with hush:443", tls.AlertError(112)), "failed: unrecognized name"},
		{fault.New(fault.TLSProtocolError, "TLS handshake with hush:443", errors.New("hush")), ""},
		{fault.New(fault.ConnectionRefused, "connect hush", nil), ""},
	} {
		got := details(tt.err)
		if !strings.HasSuffix(got, tt.want) || tt.want == "" && got != "" || strings.Contains(got, "hush") {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

// saying is a server that says the same to whoever has sent something, and
// hangs up.
func (w *world) saying(addr, text string) net.Listener {
	w.t.Helper()
	at := netip.MustParseAddrPort(addr)
	l, err := w.net.Host(at.Addr()).Listen(w.t.Context(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}()
	return l
}
