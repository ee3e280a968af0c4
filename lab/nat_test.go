package lab

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waypost/link"
	"waypost/packet"
)

// behindNAT makes two hosts at home, their router, and a server outside.
func behindNAT(l *Lab, n NAT) (one, two, server *Host, wan *Link) {
	home := must(l.Switch("home"))
	router := must(l.Router("router"))
	one = must(l.Host("one", HostOptions{}))
	two = must(l.Host("two", HostOptions{}))
	server = must(l.Host("server", HostOptions{}))
	must(l.Connect(router.Port(prefix("192.168.1.1/24")), home.Port(), LinkShape{}))
	must(l.Connect(one.Port(prefix("192.168.1.11/24")), home.Port(), LinkShape{}))
	must(l.Connect(two.Port(prefix("192.168.1.12/24")), home.Port(), LinkShape{}))
	outer := router.Port(prefix("203.0.113.1/24"))
	outer.NAT = &n
	wan = must(l.Connect(outer, server.Port(prefix("203.0.113.80/24")), LinkShape{Delay: 5 * time.Millisecond}))
	for _, h := range []*Host{one, two} {
		if err := h.AddRoute(stackRoute("0.0.0.0/0", "192.168.1.1")); err != nil {
			panic(err)
		}
	}
	return one, two, server, wan
}

func TestNATTranslatesTCP(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		one, two, server, wan := behindNAT(l, NAT{})
		wan.Tap(func(f Frame) {
			if d := packet.Describe(f.Data); strings.Contains(d, "192.168.") || strings.Contains(d, "[") {
				t.Errorf("on the outer link: %s", d)
			}
		})
		ctx := context.Background()
		listener := must(server.Listen(ctx, port("203.0.113.80:80")))
		defer listener.Close()
		from := make(chan string, 2)
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				from <- c.RemoteAddr().String()
				go func() {
					io.Copy(c, c)
					c.Close()
				}()
			}
		}()
		seen := make(map[string]bool)
		for _, h := range []*Host{one, two} {
			c := must(h.Dial(ctx, port("203.0.113.80:80")))
			message := strings.Repeat("through the router ", 5000)
			go io.WriteString(c, message)
			got := make([]byte, len(message))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != message {
				t.Errorf("%s: the echo is another: %v", h.Name(), err)
			}
			at := <-from
			if !strings.HasPrefix(at, "203.0.113.1:") || seen[at] {
				t.Errorf("%s came from %s", h.Name(), at)
			}
			seen[at] = true
			c.Close()
		}
	})
}

func TestNATMapsEndpointsIndependently(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		one, two, server, _ := behindNAT(l, NAT{})
		ctx := context.Background()
		open := func(h *Host, at string) link.PacketConn { return must(h.ListenPacket(ctx, port(at))) }
		a, b := open(server, "203.0.113.80:1"), open(server, "203.0.113.80:2")
		x, y := open(one, "192.168.1.11:5000"), open(two, "192.168.1.12:5000")
		hear := func(c link.PacketConn) (string, netip.AddrPort) {
			t.Helper()
			buf := make([]byte, 100)
			c.SetReadDeadline(time.Now().Add(time.Second))
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return err.Error(), from
			}
			return string(buf[:n]), from
		}
		x.WriteToUDPAddrPort([]byte("x1"), port("203.0.113.80:1"))
		x.WriteToUDPAddrPort([]byte("x2"), port("203.0.113.80:2"))
		_, x1 := hear(a)
		_, x2 := hear(b)
		y.WriteToUDPAddrPort([]byte("y1"), port("203.0.113.80:1"))
		_, y1 := hear(a)
		if x1 != x2 || x1 != port("203.0.113.1:5000") {
			t.Errorf("x is %v to one and %v to another, want one mapping with its port", x1, x2)
		}
		if y1 == x1 || y1.Addr() != x1.Addr() {
			t.Errorf("y is %v, x %v", y1, x1)
		}
		// Whoever knows the outer port may answer.
		b.WriteToUDPAddrPort([]byte("for y"), y1)
		if got, from := hear(y); got != "for y" || from != port("203.0.113.80:2") {
			t.Errorf("y heard %q from %v", got, from)
		}
		// Answers alone do not keep a mapping.
		for range 4 {
			time.Sleep(DefaultNATUDP / 3)
			b.WriteToUDPAddrPort([]byte("late"), x1)
		}
		for range 2 {
			if got, _ := hear(x); got != "late" {
				t.Errorf("x heard %q", got)
			}
		}
		if got, _ := hear(x); !strings.Contains(got, "timeout") {
			t.Errorf("after the mapping has ended x heard %q", got)
		}
		for _, c := range []link.PacketConn{a, b, x, y} {
			c.Close()
		}
	})
}

func TestNATCarriesEchoesAndErrors(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		one, _, server, _ := behindNAT(l, NAT{})
		ctx := context.Background()
		if _, err := one.Ping(ctx, addr("203.0.113.80")); err != nil {
			t.Error(err)
		}
		if _, err := server.Ping(ctx, addr("203.0.113.1")); err != nil { // the router itself
			t.Error(err)
		}
		c := must(one.DialUDP(ctx, port("203.0.113.80:9")))
		defer c.Close()
		must(c.Write([]byte("to a closed port")))
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(make([]byte, 10)); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("read %v, want that the port is closed", err)
		}
	})
}

func TestNATIsBounded(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		one, _, server, _ := behindNAT(l, NAT{Mappings: 3, UDP: time.Minute})
		ctx := context.Background()
		a := must(server.ListenPacket(ctx, port("203.0.113.80:1")))
		defer a.Close()
		var heard atomic.Int64
		go func() {
			for {
				if _, _, err := a.ReadFromUDPAddrPort(make([]byte, 10)); err != nil {
					return
				}
				heard.Add(1)
			}
		}()
		knock := func() {
			for range 5 {
				c := must(one.ListenPacket(ctx, netip.AddrPort{}))
				c.WriteToUDPAddrPort([]byte("x"), port("203.0.113.80:1"))
				c.Close()
			}
			time.Sleep(time.Second)
		}
		if knock(); heard.Load() != 3 {
			t.Errorf("heard %d of 5, with room for 3", heard.Load())
		}
		time.Sleep(time.Minute)
		if knock(); heard.Load() != 6 {
			t.Errorf("heard %d, want 3 more once the old ones have ended", heard.Load())
		}
	})
}

// FuzzNAT: whatever comes, from either side, the translator neither fails
// nor grows beyond its bound.
func FuzzNAT(f *testing.F) {
	l := &Lab{}
	l.loop = newLoop(l)
	k := l.newLink("router", "server", shapes{})
	n, err := newTranslator(NAT{Mappings: 10}, k.there.from, []netip.Prefix{prefix("203.0.113.1/24")})
	if err != nil {
		f.Fatal(err)
	}
	n.inward = func([]byte) {}
	inside, outside := addr("192.168.1.2"), addr("203.0.113.80")
	ip := func(src, dst netip.Addr, p packet.Protocol, b []byte) []byte {
		h := packet.IPv4{TTL: 9, Protocol: p, Src: src, Dst: dst}
		frame := packet.Ethernet{Type: packet.TypeIPv4}.Append(nil)
		return append(h.Append(frame, len(b)), b...)
	}
	udp := packet.UDP{SrcPort: 5000, DstPort: 53}.Append(nil, inside, outside, []byte("hello"))
	f.Add(ip(inside, outside, packet.ProtocolUDP, udp), true)
	f.Add(ip(outside, addr("203.0.113.1"), packet.ProtocolICMP, packet.ICMP{Type: 3, Code: 3}.AppendV4(nil, udp)), false)
	f.Fuzz(func(t *testing.T, frame []byte, out bool) {
		if out {
			n.Transmit(frame)
		} else {
			n.receive(frame)
		}
		l.loop.in.empty()
		if len(n.table.inside) > 10 || len(n.table.inside) != len(n.table.outside) {
			t.Fatalf("%d inside, %d outside", len(n.table.inside), len(n.table.outside))
		}
	})
}
