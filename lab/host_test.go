package lab

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"waypost/stack"
)

var (
	addr   = netip.MustParseAddr
	prefix = netip.MustParsePrefix
	port   = netip.MustParseAddrPort
)

// must returns v, and stops a test whose scene cannot be set.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestPingAndUDP(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		a := must(l.Host("a", HostOptions{}))
		b := must(l.Host("b", HostOptions{}))
		must(l.Connect(a.Port(prefix("192.0.2.1/24")), b.Port(prefix("192.0.2.2/24")), LinkShape{Delay: 10 * time.Millisecond}))
		ctx := context.Background()
		rtt, err := a.Ping(ctx, addr("192.0.2.2"))
		if err != nil || rtt != 40*time.Millisecond { // ARP and echo
			t.Errorf("first ping: %s, %v, want 40ms", rtt, err)
		}
		rtt, err = a.Ping(ctx, addr("192.0.2.2"))
		if err != nil || rtt != 20*time.Millisecond {
			t.Errorf("second ping: %s, %v, want 20ms", rtt, err)
		}
		server := must(b.ListenPacket(ctx, port("192.0.2.2:53")))
		defer server.Close()
		client := must(a.ListenPacket(ctx, netip.AddrPort{}))
		defer client.Close()
		go func() {
			buf := make([]byte, 1500)
			n, from, err := server.ReadFromUDPAddrPort(buf)
			if err != nil {
				t.Error(err)
				return
			}
			server.WriteToUDPAddrPort(append(buf[:n], '!'), from)
		}()
		start := l.Now()
		client.WriteToUDPAddrPort([]byte("hello"), port("192.0.2.2:53"))
		buf := make([]byte, 1500)
		n, from, err := client.ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:n]) != "hello!" || from != port("192.0.2.2:53") || l.Now()-start != 20*time.Millisecond {
			t.Errorf("got %q from %v after %s, %v", buf[:n], from, l.Now()-start, err)
		}
	})
}

func stackRoute(to, via string) stack.Route { return stack.Route{Prefix: prefix(to), Via: addr(via)} }
