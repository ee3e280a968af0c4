package packet_test

import (
	"fmt"
	"net/netip"

	"waypost/packet"
)

// A frame is written from the outside in and opened the same way.
func Example() {
	src, dst := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("203.0.113.80")
	tcp := packet.TCP{
		SrcPort: 49152, DstPort: 80, Seq: 1000, Flags: packet.SYN, Window: 65535,
		Options: packet.TCPOptions{MSS: 1460},
	}
	ip := packet.IPv4{TTL: 64, Protocol: packet.ProtocolTCP, Src: src, Dst: dst}
	ethernet := packet.Ethernet{Dst: packet.MAC{2, 0, 0, 0, 0, 2}, Src: packet.MAC{2, 0, 0, 0, 0, 1}, Type: packet.TypeIPv4}

	frame := ethernet.Append(nil)
	frame = ip.Append(frame, tcp.Size())
	frame = tcp.Append(frame, src, dst, nil)
	fmt.Println(packet.Describe(frame))

	e, b, _ := packet.ParseEthernet(frame)
	h, b, _ := packet.ParseIPv4(b)
	segment, _, err := packet.ParseTCP(b, h.Src, h.Dst)
	fmt.Println(e.Src, "→", e.Dst, h.Protocol, segment.Flags, segment.Options.MSS, err)

	frame[len(frame)-1] ^= 1 // a bit turns over on the way
	fmt.Println(packet.Describe(frame))
	// Output:
	// TCP 192.0.2.10:49152 → 203.0.113.80:80 SYN seq 1000 win 65535 mss 1460
	// 02:00:00:00:00:01 → 02:00:00:00:00:02 TCP SYN 1460 <nil>
	// TCP 192.0.2.10:49152 → 203.0.113.80:80 [TCP: wrong checksum]
}
