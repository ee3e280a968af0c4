package stack

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"waypost/packet"
	"waypost/tcp"
)

// FuzzReceive hands a host frames that a stranger made: nothing panics,
// hangs or grows without bound. The input is a list of frames, each behind
// two bytes of length; frames are completed with good checksums where they
// look like IP, so that they get past the first checks.
func FuzzReceive(f *testing.F) {
	for _, frames := range seedFrames() {
		var in []byte
		for _, frame := range frames {
			in = binary.BigEndian.AppendUint16(in, uint16(len(frame)))
			in = append(in, frame...)
		}
		f.Add(in, true)
		f.Add(in, false)
	}
	f.Fuzz(func(t *testing.T, in []byte, forward bool) {
		stopped := func(time.Duration, func()) Timer { return time.NewTimer(time.Hour) }
		h := New(Config{Name: "h", Seed: 1, Forward: forward, Backlog: 8, AfterFunc: stopped})
		defer h.Close()
		frames := &counter{}
		eth, err := h.Attach(frames, InterfaceConfig{MAC: macA, Prefixes: prefixes("192.0.2.1/24", "2001:db8::1/64")})
		if err != nil {
			t.Fatal(err)
		}
		tun, err := h.Attach(frames, InterfaceConfig{Name: "tun0", Prefixes: prefixes("10.0.0.1/24", "fd00::1/64")})
		if err != nil {
			t.Fatal(err)
		}
		h.AddRoute(Route{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addr("10.0.0.2")})
		if _, err := h.Listen(context.Background(), addrPort("[::]:80")); err != nil {
			t.Fatal(err)
		}
		u, err := h.ListenPacket(context.Background(), addrPort("[::]:53"))
		if err != nil {
			t.Fatal(err)
		}
		u.(*UDPConn).JoinGroup(eth, addr("239.1.2.3"))
		u.(*UDPConn).WriteToUDPAddrPort([]byte("?"), addrPort("192.0.2.2:9")) // it waits for ARP
		received := 0
		for len(in) > 2 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			frame := in[2 : 2+n]
			in = in[2+n:]
			received++
			eth.Receive(frame)
			eth.Receive(mend(append([]byte(nil), frame...), ethernetSize))
			tun.Receive(frame)
			if len(frame) > ethernetSize {
				tun.Receive(mend(append([]byte(nil), frame[ethernetSize:]...), 0))
			}
		}
		// Time passes: whatever waits for a timer has its turn.
		for range 3 {
			h.epoch = h.epoch.Add(-10 * time.Minute)
			h.tick()
		}
		h.lock()
		defer h.unlock()
		if n := len(h.connections); n > 2*received+8 {
			t.Errorf("%d connections after %d frames", n, received)
		}
		if h.fragments.bytes > maxReassembly || h.held > maxHeldHost || h.fragments.bytes < 0 || h.held < 0 {
			t.Errorf("kept: %d bytes of fragments, %d of packets for neighbours", h.fragments.bytes, h.held)
		}
		// A frame causes a bounded number of others. (The largest answer is an
		// echo in fragments.)
		if limit := 400 + 200*received; frames.count > limit {
			t.Errorf("%d frames in, %d out", received, frames.count)
		}
	})
}

// counter is a device that counts.
type counter struct{ count int }

// Transmit implements Device.
func (c *counter) Transmit([]byte) { c.count++ }

// mend writes right checksums and lengths into what looks like an IP packet
// behind so many bytes.
func mend(frame []byte, behind int) []byte {
	if len(frame) < behind+packet.IPv4Size {
		return frame
	}
	b := frame[behind:]
	var sum func(length int) packet.Sum
	var protocol packet.Protocol
	var transport []byte
	switch b[0] >> 4 {
	case 4:
		b[0] = 4<<4 | 5
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:20]))
		protocol, transport = packet.Protocol(b[9]), b[20:]
		src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		sum = func(n int) packet.Sum { return packet.PseudoHeader(protocol, src, dst, n) }
		if protocol == packet.ProtocolICMP || protocol == packet.ProtocolIGMP {
			sum = func(int) packet.Sum { return 0 }
		}
	case 6:
		if len(b) < packet.IPv6Size {
			return frame
		}
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		protocol, transport = packet.Protocol(b[6]), b[40:]
		src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		sum = func(n int) packet.Sum { return packet.PseudoHeader(protocol, src, dst, n) }
	default:
		return frame
	}
	at := map[packet.Protocol]int{packet.ProtocolTCP: 16, packet.ProtocolUDP: 6, packet.ProtocolICMP: 2, packet.ProtocolICMPv6: 2, packet.ProtocolIGMP: 2}[protocol]
	if at == 0 || len(transport) < at+2 {
		return frame
	}
	if protocol == packet.ProtocolUDP {
		binary.BigEndian.PutUint16(transport[4:], uint16(len(transport)))
	}
	transport[at], transport[at+1] = 0, 0
	binary.BigEndian.PutUint16(transport[at:], sum(len(transport)).Add(transport).Checksum())
	return frame
}

// seedFrames are conversations that a host understands.
func seedFrames() [][][]byte {
	us4, them4 := addr("192.0.2.1"), addr("192.0.2.2")
	us6, them6 := addr("2001:db8::1"), addr("2001:db8::2")
	v4 := func(p packet.Protocol, dst netip.Addr, payload []byte) []byte {
		f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv4}.Append(nil)
		return append(packet.IPv4{TTL: 64, Protocol: p, Src: them4, Dst: dst}.Append(f, len(payload)), payload...)
	}
	v6 := func(p packet.Protocol, hops uint8, payload []byte) []byte {
		f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv6}.Append(nil)
		return append(packet.IPv6{HopLimit: hops, Next: p, Src: them6, Dst: us6}.Append(f, len(payload)), payload...)
	}
	arp := packet.ARP{Op: packet.ARPRequest, SenderMAC: macB, SenderIP: them4, TargetIP: us4}.
		Append(packet.Ethernet{Dst: packet.Broadcast(), Src: macB, Type: packet.TypeARP}.Append(nil))
	syn := packet.TCP{SrcPort: 1000, DstPort: 80, Seq: 1, Flags: packet.SYN, Window: 65535, Options: packet.TCPOptions{MSS: 1460, SACKPermitted: true, HasTimestamps: true}}
	ack := packet.TCP{SrcPort: 1000, DstPort: 80, Seq: 2, Ack: tcp.InitialSequence([16]byte{}, netip.AddrPort{}, netip.AddrPort{}, 0), Flags: packet.ACK, Window: 65535}
	udp := packet.UDP{SrcPort: 1000, DstPort: 53}
	closed := packet.UDP{SrcPort: 1000, DstPort: 54}
	about := v4(packet.ProtocolUDP, us4, udp.Append(nil, them4, us4, []byte("x")))[ethernetSize:]
	fragment := packet.IPv4{TTL: 64, ID: 7, Protocol: packet.ProtocolUDP, Src: them4, Dst: us4, MoreFragments: true}.
		Append(packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv4}.Append(nil), 16)
	return [][][]byte{
		{arp, v4(packet.ProtocolICMP, us4, packet.ICMP{Type: packet.ICMPv4Echo, Rest: 1}.AppendV4(nil, []byte("ping")))},
		{v4(packet.ProtocolTCP, us4, syn.Append(nil, them4, us4, nil)), v4(packet.ProtocolTCP, us4, ack.Append(nil, them4, us4, []byte("GET /")))},
		{v4(packet.ProtocolUDP, us4, udp.Append(nil, them4, us4, []byte("question"))), v4(packet.ProtocolUDP, us4, closed.Append(nil, them4, us4, nil))},
		{v4(packet.ProtocolUDP, addr("203.0.113.1"), udp.Append(nil, them4, addr("203.0.113.1"), nil))},
		{v4(packet.ProtocolICMP, us4, packet.ICMP{Type: packet.ICMPv4Unreachable, Code: 4, Rest: 600}.AppendV4(nil, about))},
		{v4(packet.ProtocolIGMP, addr("224.0.0.1"), packet.IGMP{Type: packet.IGMPQuery, MaxResponse: time.Second, Group: addr("0.0.0.0")}.Append(nil))},
		{append(fragment, make([]byte, 16)...)},
		{v6(packet.ProtocolICMPv6, 255, packet.NeighborSolicitation{Target: us6, Source: macB}.Append(nil, them6, us6))},
		{v6(packet.ProtocolICMPv6, 255, packet.NeighborAdvertisement{Target: them6, MAC: macB, Solicited: true}.Append(nil, them6, us6))},
		{v6(packet.ProtocolTCP, 64, syn.Append(nil, them6, us6, nil)), v6(packet.ProtocolUDP, 64, udp.Append(nil, them6, us6, []byte("x")))},
		{v6(packet.ProtocolICMPv6, 64, packet.ICMP{Type: packet.ICMPv6Echo}.AppendV6(nil, them6, us6, []byte("ping")))},
	}
}
