package node

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/internal/memnet"
)

// TestCrowdsAreBounded: thousands of connections too many make one line a
// minute, which tells of the others.
func TestCrowdsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var c crowd
		from := netip.MustParseAddrPort("[2001:db8::1]:50000")
		for range 3000 {
			c.log(log, "edge", from, 1024)
		}
		time.Sleep(crowdPeriod)
		c.log(log, "edge", from, 1024)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "client=2001:db8:: connections=1024 not_logged=0") || !strings.Contains(lines[1], "not_logged=2999") {
			t.Errorf("got %q", lines)
		}
	})
}

// TestConnectionsOfOneClient: the bound holds for all addresses of the edge
// together, for each client, and what it closes is logged.
func TestConnectionsOfOneClient(t *testing.T) {
	for _, tt := range []struct {
		bound string
		want  string // of five connections from one client, and one of another
		lines int
	}{{"2", "open open closed closed closed open", 1}, {"0", "open open open open open open", 0}} {
		t.Run(tt.bound, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := Parse("test.yaml", fmt.Appendf(nil, `
edge:
  http: ["198.51.100.7:80", "198.51.100.7:81"]
  connections_per_client: %s
  hosts: hosts
sites:
  - {name: shop, hosts: [www.shop.test], origin: {urls: ["http://198.51.100.9"]}}
`, tt.bound), func(string) ([]byte, error) { return nil, nil })
				if err != nil {
					t.Fatal(err)
				}
				inet := &memnet.Net{Hole: map[netip.Addr]bool{netip.MustParseAddr("198.51.100.9"): true}} // whose requests take their time
				var out bytes.Buffer
				n, err := New(c, Options{Network: inet.Host(netip.MustParseAddr("198.51.100.7")), Log: slog.New(slog.NewTextHandler(&out, nil))})
				if err != nil {
					t.Fatal(err)
				}
				if err := n.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				var got []string
				for i, from := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"} {
					to := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), uint16(80+i%2))
					conn, err := inet.Host(netip.MustParseAddr(from)).Dial(t.Context(), to)
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: www.shop.test\r\n\r\n")
					synctest.Wait()
					_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
					_, err = conn.Read(make([]byte, 1))
					if err == io.EOF { //nolint:errorlint // an end is io.EOF itself
						got = append(got, "closed")
					} else {
						got = append(got, "open")
					}
				}
				if said := strings.Join(got, " "); said != tt.want {
					t.Errorf("got %s, want %s", said, tt.want)
				}
				if err := n.Stop(); err != nil {
					t.Error(err)
				}
				if lines := strings.Count(out.String(), "those beyond it are closed"); lines != tt.lines {
					t.Errorf("%d lines: %s", lines, out.String())
				}
			})
		})
	}
}
