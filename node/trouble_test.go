package node

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/edge"
	"waypost/fault"
	"waypost/internal/memnet"
)

// logged are the lines of a log, without their times.
func logged(out *bytes.Buffer) []string {
	var lines []string
	for line := range strings.Lines(out.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
		lines = append(lines, line)
	}
	out.Reset()
	return lines
}

// TestOriginInTheLog: an operator reads of an origin that fails, once for a
// minute of it, and of what that does to its health; nothing per request.
func TestOriginInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := Parse("test.yaml", []byte(`
edge:
  http: ["198.51.100.7:80"]
  hosts: hosts
sites:
  - {name: shop, hosts: [www.shop.test], origin: {urls: ["http://198.51.100.9"]}}
`), func(string) ([]byte, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		inet := &memnet.Net{}
		var out bytes.Buffer
		n, err := New(c, Options{Network: inet.Host(netip.MustParseAddr("198.51.100.7")), Log: slog.New(slog.NewTextHandler(&out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		get := func() (status string) {
			conn, err := inet.Host(netip.MustParseAddr("192.0.2.1")).Dial(t.Context(), netip.MustParseAddrPort("198.51.100.7:80"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: www.shop.test\r\nConnection: close\r\n\r\n")
			line, _ := bufio.NewReader(conn).ReadString('\n')
			synctest.Wait()
			return strings.TrimSpace(line)
		}
		expect := func(what string, want ...string) {
			t.Helper()
			got := logged(&out)
			for i, line := range got {
				if i >= len(want) || !strings.HasPrefix(line, want[i]) {
					t.Errorf("%s: line %d is %s", what, i, line)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: %d lines, want %d", what, len(got), len(want))
			}
		}
		expect("the start", `level=INFO msg=listening`)
		for range 20 {
			if got := get(); got != "HTTP/1.1 502 Bad Gateway" {
				t.Fatalf("got %s", got)
			}
		}
		expect("20 failures",
			`level=WARN msg="a request to the origin came to nothing" site=shop fault=connection_refused server=http://198.51.100.9 error="connect 198.51.100.9 `,
			`level=WARN msg="an origin server is ill: it is passed over while there is another" site=shop server=http://198.51.100.9 by=requests in_a_row=3 left_alone=1s error=`)
		time.Sleep(troublePeriod)
		get()
		got := logged(&out)
		if len(got) != 1 || !strings.HasSuffix(got[0], "not_logged=19") {
			t.Errorf("a minute later: %q", got)
		}
		at := netip.MustParseAddrPort("198.51.100.9:80")
		l, err := inet.Host(at.Addr()).Listen(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				answerOnce(conn)
			}
		}()
		time.Sleep(time.Minute)
		if got := get(); got != "HTTP/1.1 200 OK" {
			t.Errorf("got %s", got)
		}
		expect("the origin is back", `level=INFO msg="an origin server is well again" site=shop server=http://198.51.100.9 by=requests`)
		l.Close()
		<-answered
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// answerOnce answers one request.
func answerOnce(c net.Conn) {
	defer c.Close()
	_, _ = c.Read(make([]byte, 4096))
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
}

// TestTroublesAreBounded: kinds and sites have lines of their own, and what is
// remembered, and said, has a bound.
func TestTroublesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var s troubles
		long := errors.New(strings.Repeat("long\n", 1000))
		for i := range 3 * maxTroubles {
			for range 2 {
				s.log(log, edge.Trouble{Site: fmt.Sprint(i % 3), Kind: []fault.Kind{fault.DNSError, fault.ConnectionRefused}[i%2], Err: long})
			}
		}
		got := logged(&out)
		if len(got) != 6 || len(got[0]) > 2*maxTroubleText {
			t.Errorf("%d lines: %.2000q", len(got), got)
		}
		for i := range 3 * maxTroubles {
			s.log(log, edge.Trouble{Site: fmt.Sprint("site", i), Kind: fault.DNSError, Err: long})
			if len(s.last) > maxTroubles {
				t.Fatalf("%d are remembered", len(s.last))
			}
		}
	})
}

func TestTold(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"connect 192.0.2.1: refused", "connect 192.0.2.1: refused"},
		{"GET http://a.test/x?sig=hush&b=?: read response: EOF (after 2 servers)", "GET http://a.test/x?...: read response: EOF (after 2 servers)"},
		{"GET http://a.test/?hush", "GET http://a.test/?..."},
		{"why? so: GET /?hush: no", "why?... so: GET /?...: no"},
		{"", ""},
	} {
		if got := told(tt.text); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
