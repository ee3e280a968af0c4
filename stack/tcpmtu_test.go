package stack

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
	"waypost/tcp"
)

// TestTCPPathMTU: behind the router is a link that takes smaller packets.
// The first full segments are lost, the router says so, and the transfer
// goes on at once in segments that fit; the next connection knows.
func TestTCPPathMTU(t *testing.T) {
	for _, to := range []string{"198.51.100.1:80", "[2001:db8:2::1]:80"} {
		synctest.Test(t, func(t *testing.T) {
			n := newRouted(t, 1280, Config{}, Config{})
			// The server announces an MSS that its own link would not need.
			n.b.config.TCP.MSS = 0
			l := listenTCP(t, n.b, to)
			n.ib.mtu = 1500
			for try := range 2 {
				c := dialTCP(t, n.a, to)
				s, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				const size = 1 << 20
				go func() {
					c.Write(make([]byte, size))
					c.CloseWrite()
				}()
				start := time.Now()
				if got, err := io.Copy(io.Discard, s); got != size || err != nil {
					t.Errorf("to %s: %d bytes, %v", to, got, err)
				}
				if took := time.Since(start); took > 200*time.Millisecond {
					t.Errorf("to %s: try %d took %v: a timeout, where the router has told", to, try, took)
				}
				headers := packet.IPv4Size
				if s.RemoteAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Addr().Is6() {
					headers = packet.IPv6Size
				}
				info := c.Info()
				if want := 1280 - headers - packet.TCPSize - 12; info.MSS != want {
					t.Errorf("to %s: MSS is %d, want %d", to, info.MSS, want)
				}
				if lost := info.Retransmits > 0; lost != (try == 0) {
					t.Errorf("to %s: try %d sent %d segments again", to, try, info.Retransmits)
				}
				s.Close()
				c.Close()
			}
		})
	}
}

// TestICMPAttack: errors about what we never sent do nothing (RFC 5927), and
// a hard error does not end a connection that stands (RFC 9293 §3.9.2.2).
func TestICMPAttack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, time.Millisecond, Config{}, Config{})
		c, s := p.connected(t)
		c.Write([]byte("x"))
		io.ReadFull(s, make([]byte, 1))
		time.Sleep(time.Second)
		attack := func(seq uint32, m packet.ICMP) {
			quoted := packet.TCP{SrcPort: c.local.Port(), DstPort: c.remote.Port(), Seq: seq, Flags: packet.ACK}.Append(nil, c.local.Addr(), c.remote.Addr(), nil)
			about := append(packet.IPv4{TTL: 60, Protocol: packet.ProtocolTCP, Src: c.local.Addr(), Dst: c.remote.Addr()}.Append(nil, 1400), quoted...)
			body := m.AppendV4(nil, about)
			f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv4}.Append(nil)
			f = packet.IPv4{TTL: 60, Protocol: packet.ProtocolICMP, Src: addr("192.0.2.66"), Dst: c.local.Addr()}.Append(f, len(body))
			p.ia.Receive(append(f, body...))
		}
		for seq := uint32(0); seq < 1<<31; seq += 1 << 20 {
			attack(seq, packet.ICMP{Type: packet.ICMPv4Unreachable, Code: packet.ICMPv4FragmentationNeeded, Rest: 600})
			attack(seq, packet.ICMP{Type: packet.ICMPv4Unreachable, Code: packet.ICMPv4PortUnreachable})
		}
		if mss := c.Info().MSS; mss != 1448 {
			t.Errorf("the MSS fell to %d", mss)
		}
		if len(p.a.pathMTUs) != 0 {
			t.Errorf("path MTUs were believed: %v", p.a.pathMTUs)
		}
		// Even one that knows the sequence number is only remembered.
		var sent uint32
		p.wire.losing(func(from int, frame []byte) bool {
			if h, _, err := packet.ParseTCP(frame[ethernetSize+packet.IPv4Size:], c.local.Addr(), c.remote.Addr()); err == nil && from == 0 {
				sent = h.Seq
			}
			return true
		})
		c.Write([]byte("y"))
		if !c.conn.Outstanding(sent) {
			t.Errorf("%d is not outstanding", sent)
		}
		attack(sent, packet.ICMP{Type: packet.ICMPv4Unreachable, Code: packet.ICMPv4PortUnreachable})
		if c.Info().State != tcp.Established {
			t.Errorf("the connection is %v", c.Info().State)
		}
	})
}

// TestDialRefusedByRouter: what a router says ends a dial.
func TestDialRefusedByRouter(t *testing.T) {
	for _, test := range []struct {
		to   string
		want error
		took time.Duration
	}{
		{"203.0.113.1:80", syscall.ENETUNREACH, 4 * time.Millisecond},
		{"[2001:db8:9::1]:80", syscall.ENETUNREACH, 4 * time.Millisecond},
		{"198.51.100.99:80", syscall.EHOSTUNREACH, 3*time.Second + 4*time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newRouted(t, 0, Config{}, Config{})
			start := time.Now()
			_, err := n.a.Dial(t.Context(), addrPort(test.to))
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), "connect: ") {
				t.Errorf("dial %s: %v, want %v", test.to, err, test.want)
			}
			if got := time.Since(start); got != test.took {
				t.Errorf("dial %s failed after %v, want %v", test.to, got, test.took)
			}
		})
	}
}

// TestRouteComesBack: a connection lives through the loss of its route.
func TestRouteComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newRouted(t, 0, Config{}, Config{})
		l := listenTCP(t, n.b, "198.51.100.1:80")
		c := dialTCP(t, n.a, "198.51.100.1:80")
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		def := Route{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addr("192.0.2.254")}
		n.a.removeRoute(def.Prefix)
		if _, err := c.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := n.a.AddRoute(def); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := io.ReadFull(s, make([]byte, 4)); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestPathMTUForgotten: ten minutes after a router told of a small link a
// connection and a socket that stand try large packets again (RFC 1191 §6.3);
// where the link is still small, the router says so anew.
func TestPathMTUForgotten(t *testing.T) {
	for _, still := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newRouted(t, 1280, Config{}, Config{})
			n.b.lock()
			n.ib.mtu = 1500
			n.b.unlock()
			l := listenTCP(t, n.b, "198.51.100.1:80")
			c := dialTCP(t, n.a, "198.51.100.1:80")
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			u := listenUDP(t, n.a, "192.0.2.1:5000")
			transfer := func() {
				go c.Write(make([]byte, 100_000))
				if _, err := io.ReadFull(s, make([]byte, 100_000)); err != nil {
					t.Error(err)
				}
				u.WriteToUDPAddrPort(nil, addrPort("198.51.100.1:9"))
				synctest.Wait()
			}
			wayMTU := func() int {
				n.a.lock()
				defer n.a.unlock()
				return u.way.mtu
			}
			transfer()
			if mss := c.Info().MSS; mss != 1228 || wayMTU() != 1280 {
				t.Errorf("MSS %d, MTU %d; want 1228, 1280", mss, wayMTU())
			}
			mtu := 1280
			if !still {
				mtu = 1500
				n.r.lock()
				n.rr.mtu = mtu
				n.r.unlock()
			}
			time.Sleep(pathMTUTime)
			transfer()
			if mss := c.Info().MSS; mss != mtu-52 || wayMTU() != mtu {
				t.Errorf("ten minutes later MSS %d, MTU %d; want %d, %d", mss, wayMTU(), mtu-52, mtu)
			}
		})
	}
}
