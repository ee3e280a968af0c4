package wire

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func v2(command, family byte, rest string) string {
	return proxyV2Signature + string([]byte{0x20 | command, family, byte(len(rest) >> 8), byte(len(rest))}) + rest
}

var proxyHeaders = []struct {
	name, text    string
	remote, local string // "": none
	bad           bool
}{
	{"v1, IPv4", "PROXY TCP4 192.0.2.1 203.0.113.1 50000 443\r\n", "192.0.2.1:50000", "203.0.113.1:443", false},
	{"v1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", "[2001:db8::1]:1", "[2001:db8::2]:65535", false},
	{"v1, unknown", "PROXY UNKNOWN\r\n", "", "", false},
	{"v1, unknown with more", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", "", false},
	{"v1, another family", "PROXY TCP6 192.0.2.1 203.0.113.1 1 2\r\n", "", "", true},
	{"v1, a large port", "PROXY TCP4 192.0.2.1 203.0.113.1 1 65536\r\n", "", "", true},
	{"v1, no CR", "PROXY TCP4 192.0.2.1 203.0.113.1 1 2\n", "", "", true},
	{"v1, endless", "PROXY TCP4 " + strings.Repeat("1", 200), "", "", true},
	{"no header", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", "", true},
	{"v2, IPv4", v2(1, 0x11, "\xc0\x00\x02\x01\xcb\x00\x71\x01\xc3\x50\x01\xbb"), "192.0.2.1:50000", "203.0.113.1:443", false},
	{"v2, IPv4 with extensions", v2(1, 0x11, "\xc0\x00\x02\x01\xcb\x00\x71\x01\xc3\x50\x01\xbb\x04\x00\x01x"), "192.0.2.1:50000", "203.0.113.1:443", false},
	{"v2, IPv6", v2(1, 0x21, strings.Repeat("\x20", 32)+"\x00\x01\x00\x02"), "[2020:2020:2020:2020:2020:2020:2020:2020]:1", "[2020:2020:2020:2020:2020:2020:2020:2020]:2", false},
	{"v2, local", v2(0, 0x00, ""), "", "", false},
	{"v2, a Unix socket", v2(1, 0x31, strings.Repeat("x", 216)), "", "", false},
	{"v2, short", v2(1, 0x11, "\xc0\x00"), "", "", true},
	{"v2, another version", proxyV2Signature + "\x31\x11\x00\x00", "", "", true},
	{"v2, another command", v2(7, 0x11, ""), "", "", true},
	{"v2, too long", proxyV2Signature + "\x21\x11\xff\xff" + strings.Repeat("x", 70000), "", "", true},
}

func TestParseProxyHeader(t *testing.T) {
	for _, tt := range proxyHeaders {
		r := strings.NewReader(tt.text + "after")
		remote, local, err := parseProxyHeader(r)
		if tt.bad != (err != nil) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if tt.bad {
			continue
		}
		got := [2]string{}
		if remote.IsValid() {
			got = [2]string{remote.String(), local.String()}
		}
		if rest, _ := io.ReadAll(r); got != [2]string{tt.remote, tt.local} || string(rest) != "after" {
			t.Errorf("%s: %v and %q follows", tt.name, got, rest)
		}
	}
}

// TestProxyHeader: the address that a handler sees is the client's, of a
// trusted balancer only.
func TestProxyHeader(t *testing.T) {
	whom := HandlerFunc(func(x Exchange) {
		text := x.Conn().Remote.String()
		if x.Respond(200, nil, int64(len(text))) == nil {
			_, _ = io.WriteString(writerOf{x}, text)
		}
	})
	for _, tt := range []struct{ name, trusted, send, want string }{
		{"trusted", "127.0.0.0/8", proxyHeaders[0].text, "192.0.2.1:50000"},
		{"says nothing", "127.0.0.0/8", "", ""},
		{"a stranger", "192.0.2.0/24", proxyHeaders[0].text, "400"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			startServer(t, &Server{Handler: whom, ProxyFrom: []netip.Prefix{netip.MustParsePrefix(tt.trusted)}}, l)
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, tt.send+"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			said, _ := io.ReadAll(bufio.NewReader(c)) // reset where it was not wanted
			if !strings.Contains(string(said), tt.want) || tt.want == "" && len(said) > 0 {
				t.Errorf("the server says %q, want %q", said, tt.want)
			}
		})
	}
}

type writerOf struct{ x Exchange }

func (w writerOf) Write(p []byte) (int, error) { return w.x.Write(p) }

func FuzzProxyHeader(f *testing.F) {
	for _, tt := range proxyHeaders {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		remote, local, err := parseProxyHeader(strings.NewReader(string(b)))
		if err == nil && remote.IsValid() != local.IsValid() {
			t.Errorf("%v and %v", remote, local)
		}
	})
}
