package link

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	alice = netip.MustParseAddr("192.0.2.10")
	bob   = netip.MustParseAddr("203.0.113.80")
)

func TestLoopbackTCP(t *testing.T) {
	var inet Loopback
	a, b := inet.Host(alice), inet.Host(bob)
	web := netip.AddrPortFrom(bob, 443)
	l, err := b.Listen(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()

	// Many at once: accepting must not overtake the dialler's registration.
	const clients = 50
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			c, err := a.Dial(t.Context(), web)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if got := AddrPort(c.RemoteAddr()); got != web {
				t.Errorf("client sees the server at %s, want %s", got, web)
			}
			io.WriteString(c, AddrPort(c.LocalAddr()).String())
			c.(interface{ CloseWrite() error }).CloseWrite()
			if _, err := io.ReadAll(c); err != nil {
				t.Error(err)
			}
		})
	}
	for range clients {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().String(); got != string(said) || AddrPort(c.RemoteAddr()).Addr() != alice {
			t.Errorf("server sees %s, the client says it is %s", got, said)
		}
		if _, ok := InfoOf(c); !ok {
			t.Log("skipped: no TCP_INFO on this system")
		}
		c.Close()
	}
	wg.Wait()
}

func TestLoopbackOutsider(t *testing.T) {
	var inet Loopback
	l, err := inet.Host(bob).Listen(t.Context(), netip.AddrPortFrom(bob, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := inet.Mappings()
	if len(m) != 1 || m[0].Network != "tcp" || m[0].Own.Port() != 80 {
		t.Fatalf("Mappings() = %v", m)
	}
	c, err := OS{}.Dial(t.Context(), m[0].Real)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, want := s.RemoteAddr().String(), c.LocalAddr().String(); got != want {
		t.Errorf("an outsider appears as %s, want %s", got, want)
	}
}

func TestLoopbackNobodyThere(t *testing.T) {
	var inet Loopback
	a := inet.Host(alice)
	inet.Host(bob)
	if _, err := a.Dial(t.Context(), netip.AddrPortFrom(bob, 81)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial a closed port: %v, want connection refused", err)
	}
	if _, err := a.Dial(t.Context(), netip.MustParseAddrPort("203.0.113.99:81")); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("dial no host: %v, want host unreachable", err)
	}
	if _, err := a.Listen(t.Context(), netip.AddrPortFrom(bob, 81)); err == nil {
		t.Error("a host may listen on another's address")
	}
}

func TestLoopbackUDP(t *testing.T) {
	var inet Loopback
	dns := netip.AddrPortFrom(bob, 53)
	server, err := inet.Host(bob).ListenPacket(t.Context(), dns)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := inet.Host(alice).ListenPacket(t.Context(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.WriteToUDPAddrPort([]byte("?"), netip.MustParseAddrPort("203.0.113.99:53")); err != nil {
		t.Errorf("a datagram to nobody: %v, want it lost in silence", err)
	}
	if _, err := client.WriteTo([]byte("?"), net.UDPAddrFromAddrPort(dns)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	_, from, err := server.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	if want := AddrPort(client.LocalAddr()); from != want || from.Addr() != alice {
		t.Errorf("the question came from %s, want %s", from, want)
	}
	if _, err := server.WriteToUDPAddrPort([]byte("!"), from); err != nil {
		t.Fatal(err)
	}
	client.SetReadDeadline(time.Now().Add(2 * time.Minute)) // should it get lost
	if _, from, err = client.ReadFromUDPAddrPort(buf); err != nil || from != dns {
		t.Errorf("the answer came from %s (%v), want %s", from, err, dns)
	}
}

func TestLoopbackPrefer(t *testing.T) {
	// Take a port, so that the preference cannot be met.
	taken, err := OS{}.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := AddrPort(taken.Addr()).Port()
	web := netip.AddrPortFrom(bob, 443)
	inet := Loopback{Prefer: map[netip.AddrPort]uint16{web: port}}
	l, err := inet.Host(bob).Listen(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := inet.Mappings()[0].Real.Port(); got == port || got == 0 {
		t.Errorf("mapped to port %d, want another than %d", got, port)
	}
}
