package stack

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// TestMulticast sends to a group: members hear it, others do not, and who
// left hears it no more.
func TestMulticast(t *testing.T) {
	for _, test := range []struct{ group, any string }{
		{"239.1.2.3:5000", "0.0.0.0:5000"}, {"[ff05::1234]:5000", "[::]:5000"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, time.Millisecond, Config{}, Config{})
			member, other := listenUDP(t, p.b, test.any), listenUDP(t, p.b, strings.Replace(test.any, "5000", "5001", 1))
			group := addrPort(test.group)
			if err := member.JoinGroup(p.ib, group.Addr()); err != nil {
				t.Fatal(err)
			}
			if err := member.JoinGroup(nil, group.Addr()); err == nil {
				t.Error("joined twice")
			}
			sender := listenUDP(t, p.a, "")
			own := listenUDP(t, p.a, test.any)
			if err := own.JoinGroup(nil, group.Addr()); err != nil {
				t.Fatal(err)
			}
			heard := func(c *UDPConn) bool {
				t.Helper()
				c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
				_, _, err := c.ReadFromUDPAddrPort(make([]byte, 10))
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
				return err == nil
			}
			send := func() {
				if _, err := sender.WriteToUDPAddrPort([]byte("all"), group); err != nil {
					t.Fatal(err)
				}
			}
			send()
			if !heard(member) || heard(other) || !heard(own) {
				t.Error("want the member on the link and the one on our own host to hear, and nobody else")
			}
			sender.SetMulticast(nil, 1, false)
			send()
			if !heard(member) || heard(own) {
				t.Error("without loop: want only the member on the link to hear")
			}
			if err := member.LeaveGroup(p.ib, group.Addr()); err != nil {
				t.Fatal(err)
			}
			send()
			if heard(member) {
				t.Error("who left still hears")
			}
			if err := member.LeaveGroup(p.ib, group.Addr()); err == nil {
				t.Error("left twice")
			}
			synctest.Wait()
			for _, i := range p.ib.groups {
				if i.addr == group.Addr() {
					t.Error("the interface still listens to the group")
				}
			}
		})
	}
}

// TestBroadcast sends to everybody on the link, by both kinds of address.
func TestBroadcast(t *testing.T) {
	for _, to := range []string{"255.255.255.255:67", "192.0.2.255:67"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, time.Millisecond, Config{}, Config{})
			s, exact := listenUDP(t, p.b, "0.0.0.0:67"), listenUDP(t, p.b, "192.0.2.2:68")
			c := listenUDP(t, p.a, "192.0.2.1:68")
			time.Sleep(time.Minute) // the reports of membership are over
			p.wire.frames()
			if _, err := c.WriteToUDPAddrPort([]byte("who is there?"), addrPort(to)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			s.SetReadDeadline(time.Now().Add(time.Second))
			n, from, err := s.ReadFromUDPAddrPort(b)
			if err != nil || string(b[:n]) != "who is there?" || from != addrPort("192.0.2.1:68") {
				t.Errorf("read %q from %v, %v", b[:n], from, err)
			}
			if f := p.wire.frames(); len(f) != 1 {
				t.Errorf("frames: %q, want one and no ARP", f)
			}
			// Nobody answers a broadcast with an ICMP error, and a socket of an
			// exact address does not hear it.
			c.WriteToUDPAddrPort([]byte("x"), addrPort(strings.Replace(to, ":67", ":99", 1)))
			c.WriteToUDPAddrPort([]byte("x"), addrPort(strings.Replace(to, ":67", ":68", 1)))
			time.Sleep(time.Second)
			if f := p.wire.frames(); len(f) != 2 {
				t.Errorf("frames: %q, want two", f)
			}
			if exact.queue.count != 0 {
				t.Error("a socket bound to an address heard a broadcast")
			}
		})
	}
}

// TestMembership follows the reports of a group: joined, repeated, asked for,
// suppressed by another's, and left.
func TestMembership(t *testing.T) {
	for _, test := range []struct {
		group         string
		report, leave string
		query, other  func(i *Interface)
	}{
		{
			"239.1.2.3", "report", "leave",
			func(i *Interface) {
				receiveIGMP(i, packet.IGMP{Type: packet.IGMPQuery, MaxResponse: 10 * time.Second, Group: addr("0.0.0.0")}, "224.0.0.1")
			},
			func(i *Interface) {
				receiveIGMP(i, packet.IGMP{Type: packet.IGMPReport, Group: addr("239.1.2.3")}, "239.1.2.3")
			},
		},
		{
			"ff05::1234", "report", "done",
			func(i *Interface) {
				receiveMLD(i, packet.MLD{Type: packet.ICMPv6MLDQuery, MaxResponse: 10 * time.Second, Group: addr("::")}, "ff02::1")
			},
			func(i *Interface) {
				receiveMLD(i, packet.MLD{Type: packet.ICMPv6MLDReport, Group: addr("ff05::1234")}, "ff05::1234")
			},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, 0, Config{}, Config{})
			c := listenUDP(t, p.a, "[::]:5000")
			time.Sleep(time.Minute)
			p.wire.frames()
			start := time.Now()
			// about returns what was said about the group since the last call.
			about := func(what string, want int) {
				t.Helper()
				n := 0
				for _, f := range p.wire.frames() {
					if strings.Contains(f, test.group) && strings.Contains(f, what) && strings.Contains(f, " 0 ") {
						n++
					}
				}
				if n != want {
					t.Errorf("%s after %v: %d messages that say %s, want %d", test.group, time.Since(start), n, what, want)
				}
			}
			if err := c.JoinGroup(p.ia, addr(test.group)); err != nil {
				t.Fatal(err)
			}
			about(test.report, 1)
			time.Sleep(unsolicitedReport)
			about(test.report, 1)
			time.Sleep(time.Minute)
			about(test.report, 0)
			test.query(p.ia)
			time.Sleep(10 * time.Second)
			about(test.report, 1)
			test.query(p.ia)
			test.other(p.ia)
			time.Sleep(time.Minute)
			about(test.report, 0)
			c.LeaveGroup(p.ia, addr(test.group))
			about(test.leave, 0) // another reported last
			c.JoinGroup(p.ia, addr(test.group))
			about(test.report, 1)
			c.Close()
			about(test.leave, 1)
		})
	}
}

func receiveIGMP(i *Interface, m packet.IGMP, to string) {
	body := m.Append(nil)
	f := packet.Ethernet{Dst: packet.MulticastMAC(addr(to)), Src: macB, Type: packet.TypeIPv4}.Append(nil)
	f = packet.IPv4{TTL: 1, Protocol: packet.ProtocolIGMP, Src: addr("192.0.2.2"), Dst: addr(to), RouterAlert: true}.Append(f, len(body))
	i.Receive(append(f, body...))
}

func receiveMLD(i *Interface, m packet.MLD, to string) {
	src := packet.LinkLocal(macB)
	body := m.Append(nil, src, addr(to))
	f := packet.Ethernet{Dst: packet.MulticastMAC(addr(to)), Src: macB, Type: packet.TypeIPv6}.Append(nil)
	f = packet.IPv6{HopLimit: 1, Next: packet.ProtocolICMPv6, Src: src, Dst: addr(to), RouterAlert: true}.Append(f, len(body))
	i.Receive(append(f, body...))
}
