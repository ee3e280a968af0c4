package stack_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"waypost/packet"
	"waypost/stack"
)

// Datagrams of every size go both ways; the large ones in fragments that the
// other end puts together.
func TestKernelDatagrams(t *testing.T) {
	for _, c := range []struct {
		name string
		setup
	}{
		{"TUN", setup{}},
		{"Ethernet", setup{tap: true}},
		{"fragments late and twice", setup{in: impairment{reorder: 0.3, duplicate: 0.2}, out: impairment{reorder: 0.3, duplicate: 0.2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKernel(t, c.setup)
			for n := range ours {
				our, err := k.host.ListenPacket(context.Background(), netip.AddrPortFrom(ours[n], 0))
				if err != nil {
					t.Fatal(err)
				}
				var their net.PacketConn
				k.do(func() { their, err = net.ListenPacket("udp", netip.AddrPortFrom(theirs[n], 0).String()) })
				if err != nil {
					t.Fatal(err)
				}
				our.SetDeadline(time.Now().Add(patience))
				their.SetDeadline(time.Now().Add(patience))
				for _, size := range []int{0, 1, 1000, 1472, 1473, 4000, 20_000, 65_000} {
					want := document(size)
					carry(t, our, their, want)
					carry(t, their, our, want)
				}
				our.Close()
				their.Close()
			}
		})
	}
}

// carry sends one datagram and receives it, passing over earlier ones that
// came twice.
func carry(t *testing.T, from, to net.PacketConn, want []byte) {
	t.Helper()
	if _, err := from.WriteTo(want, to.LocalAddr()); err != nil {
		t.Fatalf("send %d bytes: %v", len(want), err)
	}
	for b := make([]byte, 1<<16); ; {
		n, addr, err := to.ReadFrom(b)
		if err != nil {
			t.Fatalf("receive %d bytes from %v: %v", len(want), from.LocalAddr(), err)
		}
		if n != len(want) {
			continue
		}
		if !bytes.Equal(b[:n], want) || addr.String() != from.LocalAddr().String() {
			t.Errorf("%d bytes from %v, want those from %v", n, addr, from.LocalAddr())
		}
		return
	}
}

// A datagram to a port without a socket comes back as an error, both ways.
func TestKernelPortUnreachable(t *testing.T) {
	k := newKernel(t, setup{})
	for n := range ours {
		our, err := k.host.DialUDP(context.Background(), netip.AddrPortFrom(theirs[n], 9))
		if err != nil {
			t.Fatal(err)
		}
		var their net.Conn
		k.do(func() { their, err = net.Dial("udp", netip.AddrPortFrom(ours[n], 9).String()) })
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]interface {
			Write([]byte) (int, error)
			Read([]byte) (int, error)
			SetDeadline(time.Time) error
			Close() error
		}{"we ask the kernel": our, "the kernel asks us": their} {
			c.SetDeadline(time.Now().Add(patience))
			if _, err := c.Write([]byte("anybody?")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := c.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s at %v: %v, want %v", name, theirs[n], err, syscall.ECONNREFUSED)
			}
			c.Close()
		}
	}
}

// Echo requests are answered both ways, over Ethernet after ARP and neighbor
// discovery.
func TestKernelPing(t *testing.T) {
	for _, tap := range []bool{false, true} {
		k := newKernel(t, setup{tap: tap})
		for n := range theirs {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if rtt, err := k.host.Ping(ctx, theirs[n]); err != nil {
				t.Errorf("Ping %v: %v, %v", theirs[n], rtt, err)
			}
			cancel()
			if err := k.echo(n); err != nil {
				t.Errorf("the kernel asks %v: %v", ours[n], err)
			}
		}
		if !tap {
			continue
		}
		// What each end has learned of the other.
		out, err := k.run("ip", "neigh", "show", "dev", k.tun.Name())
		for n := range ours {
			if want := []byte(ours[n].String() + " lladdr 02:00:00:00:00:09"); err != nil || !bytes.Contains(out, want) {
				t.Errorf("the kernel's neighbours: %s, %v, want %s", out, err, want)
			}
		}
		learned := map[netip.Addr]bool{}
		for _, entry := range k.host.Neighbours() {
			learned[entry.Addr] = !entry.MAC.IsZero()
		}
		for _, a := range theirs {
			if !learned[a] {
				t.Errorf("our neighbours: %v, want one for %v", k.host.Neighbours(), a)
			}
		}
	}
}

// echo sends an echo request from the kernel to the host and waits for its
// reply.
func (k *kernel) echo(family int) error {
	network, request := "ip4:icmp", packet.ICMP{Type: packet.ICMPv4Echo, Rest: 7<<16 | 1}.AppendV4(nil, document(100))
	want := packet.ICMPv4EchoReply
	if family == 1 {
		// The kernel writes the checksum of ICMPv6 itself.
		network, request = "ip6:ipv6-icmp", packet.ICMP{Type: packet.ICMPv6Echo, Rest: 7<<16 | 1}.AppendV6(nil, theirs[1], ours[1], document(100))
		want = packet.ICMPv6EchoReply
	}
	var c net.Conn
	var err error
	k.do(func() { c, err = net.Dial(network, ours[family].String()) })
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(request); err != nil {
		return err
	}
	for b := make([]byte, 2000); ; {
		n, _, err := c.(net.PacketConn).ReadFrom(b) // Read would not take the IPv4 header off
		if err != nil {
			return err
		}
		if n == len(request) && b[0] == want && bytes.Equal(b[4:n], request[4:]) {
			return nil
		}
	}
}

// Between two hosts of ours the kernel is a router with a narrow link behind
// it: what it says about the MTU is heard, and the transfer goes on.
func TestKernelRoutes(t *testing.T) {
	n := newNamespace(t)
	n.sysctl(t, "net.ipv4.ip_forward", "1")
	n.sysctl(t, "net.ipv6.conf.all.forwarding", "1")
	type side struct {
		mtu          int
		kernel, host [2]string // addresses with prefix
		stack        *stack.Host
	}
	sides := []*side{
		{mtu: 1500, kernel: [2]string{"10.9.1.1/24", "fd09:1::1/64"}, host: [2]string{"10.9.1.2/24", "fd09:1::2/64"}},
		{mtu: 1300, kernel: [2]string{"10.9.2.1/24", "fd09:2::1/64"}, host: [2]string{"10.9.2.2/24", "fd09:2::2/64"}},
	}
	for _, s := range sides {
		var tun *stack.TUN
		var err error
		n.do(func() {
			if tun, err = stack.OpenTUN(""); err == nil {
				err = tun.Configure(s.mtu, netip.MustParsePrefix(s.kernel[0]), netip.MustParsePrefix(s.kernel[1]))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		n.ready(netip.MustParsePrefix(s.kernel[1]).Addr())
		s.stack = stack.New(stack.Config{Name: s.host[0], Seed: 1})
		// The hosts do not know of the narrow link: both think it is 1,500.
		i, err := s.stack.Attach(tun, stack.InterfaceConfig{MTU: 1500, Prefixes: []netip.Prefix{netip.MustParsePrefix(s.host[0]), netip.MustParsePrefix(s.host[1])}})
		if err != nil {
			t.Fatal(err)
		}
		for _, gateway := range s.kernel {
			via := netip.MustParsePrefix(gateway).Addr()
			if err := s.stack.AddRoute(stack.Route{Prefix: netip.PrefixFrom(via, 0).Masked(), Via: via, Interface: i}); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- tun.Run(i.Receive) }()
		t.Cleanup(func() {
			s.stack.Close()
			tun.Close()
			<-done
		})
	}
	k := &kernel{namespace: n, t: t, host: sides[1].stack}
	for family := range 2 {
		l := k.listenOurs(netip.MustParsePrefix(sides[1].host[family]).Addr())
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		accepted, dialled, err := k.meet(l, func(a net.Addr) (net.Conn, error) {
			return sides[0].stack.Dial(ctx, netip.MustParseAddrPort(a.String()))
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := exchange(accepted, dialled, 500_000); err != nil {
			t.Errorf("to %v: %v", l.Addr(), err)
		}
	}
	// Nobody is there behind the router: it says so.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n.run("ip", "route", "add", "unreachable", "10.9.3.0/24")
	if _, err := sides[0].stack.Dial(ctx, netip.MustParseAddrPort("10.9.3.1:80")); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("dial what the router cannot reach: %v, want %v", err, syscall.EHOSTUNREACH)
	}
}

// The kernel's packets are read by us, and what we write of them is the
// same, but for what this package does not keep.
func TestKernelPacketsReadBack(t *testing.T) {
	seen := 0
	check := func(_ int, b []byte) bool {
		if b[0]>>4 != 4 {
			return false
		}
		h, payload, err := packet.ParseIPv4(b)
		if err != nil || h.Protocol != packet.ProtocolTCP {
			return false
		}
		segment, data, err := packet.ParseTCP(payload, h.Src, h.Dst)
		if err != nil {
			t.Errorf("%v: % x", err, b)
			return false
		}
		seen++
		again := segment.Append(h.Append(nil, len(payload)), h.Src, h.Dst, data)
		if !bytes.Equal(again, b) {
			t.Errorf("the kernel wrote\n% x\nwe write\n% x\n%s", b, again, packet.DescribeIP(b))
		}
		return false
	}
	k := newKernel(t, setup{in: impairment{nth: check, reorder: 0}, out: impairment{loss: 0.05}})
	our, their, err := k.pair(openings[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := exchange(our, their, 200_000); err != nil {
		t.Error(err)
	}
	k.quiet()
	k.in.close()
	if seen < 20 {
		t.Errorf("read %d of the kernel's segments", seen)
	}
}
