package packet

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// What is compared with gopacket, both ways: bytes that we write are read by
// it and written again, with checksums of its own making, as the same bytes;
// bytes that it writes are read by us as the same values.

const comparisons = 2000

func theirs(t *testing.T, parts ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

// readByGopacket has gopacket take the frame apart and put it together again.
func readByGopacket(t *testing.T, frame []byte) gopacket.Packet {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("gopacket: %v of %s\n% x", e.Error(), Describe(frame), frame)
	}
	var parts []gopacket.SerializableLayer
	for _, l := range p.Layers() {
		s, ok := l.(gopacket.SerializableLayer)
		if !ok {
			t.Fatalf("gopacket: cannot write a %v of %s", l.LayerType(), Describe(frame))
		}
		parts = append(parts, s)
	}
	if n := p.NetworkLayer(); n != nil {
		for _, l := range p.Layers() {
			if c, ok := l.(interface {
				SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
			}); ok {
				if err := c.SetNetworkLayerForChecksum(n); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	padded := append(bytes.Clone(frame), make([]byte, max(0, 60-len(frame)))...) // gopacket fills a frame up
	if again := theirs(t, parts...); !bytes.Equal(again, padded) {
		t.Fatalf("%s: gopacket writes\n% x\nwant\n% x", Describe(frame), again, padded)
	}
	return p
}

// frame puts an Ethernet and an IP header around a payload.
func (r random) frame(p Protocol, src, dst netip.Addr, payload []byte) []byte {
	e := Ethernet{Dst: r.mac(), Src: r.mac(), Type: TypeIPv4}
	if src.Is4() {
		h := IPv4{ID: r.uint16(), TOS: r.uint8(), DontFragment: r.bool(), TTL: r.uint8(), Protocol: p, Src: src, Dst: dst}
		return append(h.Append(e.Append(nil), len(payload)), payload...)
	}
	e.Type = TypeIPv6
	h := IPv6{TrafficClass: r.uint8(), FlowLabel: r.Uint32() & 0xfffff, HopLimit: r.uint8(), Next: p, Src: src, Dst: dst}
	return append(h.Append(e.Append(nil), len(payload)), payload...)
}

// theirIP is a random IP layer of gopacket for a protocol.
func (r random) theirIP(p Protocol, src, dst netip.Addr) (layers.EthernetType, gopacket.SerializableLayer, gopacket.NetworkLayer) {
	if src.Is4() {
		ip := &layers.IPv4{Version: 4, TTL: r.uint8(), Protocol: layers.IPProtocol(p), SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		if r.bool() {
			ip.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
		}
		return layers.EthernetTypeIPv4, ip, ip
	}
	ip := &layers.IPv6{Version: 6, HopLimit: r.uint8(), NextHeader: layers.IPProtocol(p), SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	return layers.EthernetTypeIPv6, ip, ip
}

// open reads a frame down to what IP carries.
func open(t *testing.T, frame []byte) (p Protocol, src, dst netip.Addr, payload []byte) {
	t.Helper()
	e, payload, err := ParseEthernet(frame)
	if err != nil {
		t.Fatal(err)
	}
	if e.Type == TypeIPv4 {
		h, payload, err := ParseIPv4(payload)
		if err != nil {
			t.Fatal(err)
		}
		return h.Protocol, h.Src, h.Dst, payload
	}
	h, payload, err := ParseIPv6(payload)
	if err != nil {
		t.Fatal(err)
	}
	return h.Next, h.Src, h.Dst, payload
}

func TestGopacketReadsTCP(t *testing.T) {
	r := newRandom(1)
	for range comparisons {
		src, dst := r.pair()
		want, data := r.tcp(), r.bytes(r.IntN(100))
		p := readByGopacket(t, r.frame(ProtocolTCP, src, dst, want.Append(nil, src, dst, data)))
		got := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		var flags TCPFlags
		for i, set := range []bool{got.FIN, got.SYN, got.RST, got.PSH, got.ACK, got.URG, got.ECE, got.CWR} {
			if set {
				flags |= 1 << i
			}
		}
		if uint16(got.SrcPort) != want.SrcPort || uint16(got.DstPort) != want.DstPort || got.Seq != want.Seq || got.Ack != want.Ack ||
			flags != want.Flags || got.Window != want.Window || got.Urgent != want.Urgent || !bytes.Equal(got.LayerPayload(), data) {
			t.Fatalf("gopacket reads %+v\nof %+v", got, want)
		}
		var o TCPOptions
		for _, option := range got.Options {
			if option.OptionType > 1 {
				o.take(byte(option.OptionType), option.OptionData)
			}
		}
		if o != want.Options {
			t.Fatalf("gopacket reads options %v\nof %+v", got.Options, want.Options)
		}
	}
}

func TestTCPOfGopacket(t *testing.T) {
	r := newRandom(2)
	be := binary.BigEndian
	for range comparisons {
		src, dst := r.pair()
		want := r.tcp()
		o := &want.Options
		var options []layers.TCPOption
		option := func(kind layers.TCPOptionKind, data []byte) {
			for range r.IntN(2) {
				options = append(options, layers.TCPOption{OptionType: layers.TCPOptionKindNop})
			}
			options = append(options, layers.TCPOption{OptionType: kind, OptionLength: uint8(2 + len(data)), OptionData: data})
		}
		o.SACKBlocks, o.SACK = 0, [MaxSACKBlocks]SACKBlock{}
		for _, i := range r.Perm(5) { // in any order, without alignment
			switch {
			case i == 0 && o.MSS != 0:
				option(layers.TCPOptionKindMSS, be.AppendUint16(nil, o.MSS))
			case i == 1 && o.HasWindowScale:
				option(layers.TCPOptionKindWindowScale, []byte{o.WindowScale})
			case i == 2 && o.SACKPermitted:
				option(layers.TCPOptionKindSACKPermitted, nil)
			case i == 3 && o.HasTimestamps:
				option(layers.TCPOptionKindTimestamps, be.AppendUint32(be.AppendUint32(nil, o.TSVal), o.TSEcr))
			case i == 4 && r.bool():
				o.SACKBlocks, o.SACK[0] = 1, SACKBlock{r.Uint32(), r.Uint32()}
				option(layers.TCPOptionKindSACK, be.AppendUint32(be.AppendUint32(nil, o.SACK[0].Left), o.SACK[0].Right))
			}
		}
		f, data := want.Flags, r.bytes(r.IntN(100))
		tcp := &layers.TCP{
			SrcPort: layers.TCPPort(want.SrcPort), DstPort: layers.TCPPort(want.DstPort), Seq: want.Seq, Ack: want.Ack,
			FIN: f.Has(FIN), SYN: f.Has(SYN), RST: f.Has(RST), PSH: f.Has(PSH), ACK: f.Has(ACK), URG: f.Has(URG), ECE: f.Has(ECE), CWR: f.Has(CWR),
			Window: want.Window, Urgent: want.Urgent, Options: options,
		}
		kind, ip, network := r.theirIP(ProtocolTCP, src, dst)
		tcp.SetNetworkLayerForChecksum(network)
		frame := theirs(t, &layers.Ethernet{SrcMAC: r.bytes(6), DstMAC: r.bytes(6), EthernetType: kind}, ip, tcp, gopacket.Payload(data))
		p, from, to, segment := open(t, frame)
		got, payload, err := ParseTCP(segment, from, to)
		if err != nil || p != ProtocolTCP || from != src || to != dst || got != want || !bytes.Equal(payload, data) {
			t.Fatalf("ParseTCP: %+v, %v\nwant     %+v of %v", got, err, want, options)
		}
	}
}

func TestUDPAndGopacket(t *testing.T) {
	r := newRandom(3)
	for range comparisons {
		src, dst := r.pair()
		// Above 32767 gopacket does not look for what it knows by port.
		want, data := UDP{r.uint16() | 1<<15, r.uint16() | 1<<15}, r.bytes(r.IntN(100))
		p := readByGopacket(t, r.frame(ProtocolUDP, src, dst, want.Append(nil, src, dst, data)))
		udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if uint16(udp.SrcPort) != want.SrcPort || uint16(udp.DstPort) != want.DstPort || !bytes.Equal(udp.Payload, data) {
			t.Fatalf("gopacket reads %+v\nof %+v", udp, want)
		}
		kind, ip, network := r.theirIP(ProtocolUDP, src, dst)
		their := &layers.UDP{SrcPort: layers.UDPPort(want.SrcPort), DstPort: layers.UDPPort(want.DstPort)}
		their.SetNetworkLayerForChecksum(network)
		_, from, to, datagram := open(t, theirs(t, &layers.Ethernet{SrcMAC: r.bytes(6), DstMAC: r.bytes(6), EthernetType: kind}, ip, their, gopacket.Payload(data)))
		got, payload, err := ParseUDP(datagram, from, to)
		if err != nil || got != want || !bytes.Equal(payload, data) {
			t.Fatalf("ParseUDP: %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestARPAndGopacket(t *testing.T) {
	r := newRandom(4)
	for range comparisons {
		e := Ethernet{Dst: r.mac(), Src: r.mac(), Type: TypeARP}
		want := ARP{Op: ARPOp(1 + r.IntN(2)), SenderMAC: r.mac(), TargetMAC: r.mac(), SenderIP: r.ipv4(), TargetIP: r.ipv4()}
		frame := want.Append(e.Append(nil))
		readByGopacket(t, frame)
		b := theirs(t, &layers.Ethernet{SrcMAC: e.Src[:], DstMAC: e.Dst[:], EthernetType: layers.EthernetTypeARP}, &layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: uint16(want.Op),
			SourceHwAddress: want.SenderMAC[:], SourceProtAddress: want.SenderIP.AsSlice(),
			DstHwAddress: want.TargetMAC[:], DstProtAddress: want.TargetIP.AsSlice(),
		})
		head, payload, err := ParseEthernet(b)
		if err != nil || head != e {
			t.Fatalf("ParseEthernet: %+v, %v, want %+v", head, err, e)
		}
		if got, err := ParseARP(payload); err != nil || got != want {
			t.Fatalf("ParseARP: %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestIPv4AndGopacket(t *testing.T) {
	r := newRandom(5)
	for range comparisons {
		want := r.ipv4Header()
		data := r.bytes(r.IntN(60))
		var got layers.IPv4
		if err := got.DecodeFromBytes(append(want.Append(nil, len(data)), data...), gopacket.NilDecodeFeedback); err != nil {
			t.Fatal(err)
		}
		if got.TOS != want.TOS || got.Id != want.ID || got.TTL != want.TTL || got.Protocol != layers.IPProtocol(want.Protocol) ||
			int(got.FragOffset)*8 != want.FragmentOffset || (got.Flags&layers.IPv4DontFragment != 0) != want.DontFragment ||
			(got.Flags&layers.IPv4MoreFragments != 0) != want.MoreFragments || !got.SrcIP.Equal(want.Src.AsSlice()) || !got.DstIP.Equal(want.Dst.AsSlice()) ||
			(len(got.Options) > 0) != want.RouterAlert || !bytes.Equal(got.Payload, data) {
			t.Fatalf("gopacket reads %+v\nof %+v", got, want)
		}
		b := theirs(t, &got, gopacket.Payload(data))
		back, payload, err := ParseIPv4(append(b, 1, 2, 3)) // and padding
		if err != nil || back != want || !bytes.Equal(payload, data) {
			t.Fatalf("ParseIPv4: %+v, %v\nwant      %+v", back, err, want)
		}
	}
}

func TestIPv6AndGopacket(t *testing.T) {
	r := newRandom(6)
	for range comparisons {
		want := r.ipv6Header()
		data := r.bytes(r.IntN(60))
		b := append(want.Append(nil, len(data)), data...)
		p := gopacket.NewPacket(b, layers.LayerTypeIPv6, gopacket.Default)
		got := p.NetworkLayer().(*layers.IPv6)
		if got.TrafficClass != want.TrafficClass || got.FlowLabel != want.FlowLabel || got.HopLimit != want.HopLimit ||
			!got.SrcIP.Equal(want.Src.AsSlice()) || !got.DstIP.Equal(want.Dst.AsSlice()) || (got.HopByHop != nil) != want.RouterAlert {
			t.Fatalf("gopacket reads %+v\nof %+v", got, want)
		}
		if f, ok := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment); ok != want.Fragment {
			t.Fatalf("gopacket: a fragment header is there: %v, want %v", ok, want.Fragment)
		} else if ok && (int(f.FragmentOffset)*8 != want.FragmentOffset || f.MoreFragments != want.MoreFragments || f.Identification != want.FragmentID) {
			t.Fatalf("gopacket reads %+v\nof %+v", f, want)
		}

		want.RouterAlert, want.Fragment, want.MoreFragments, want.FragmentOffset, want.FragmentID = false, false, false, 0, 0
		ip := &layers.IPv6{
			Version: 6, TrafficClass: want.TrafficClass, FlowLabel: want.FlowLabel, HopLimit: want.HopLimit,
			NextHeader: layers.IPProtocolIPv6Destination, SrcIP: net.IP(want.Src.AsSlice()), DstIP: net.IP(want.Dst.AsSlice()),
		}
		options := &layers.IPv6Destination{}
		options.NextHeader = layers.IPProtocolUDP
		options.Options = []*layers.IPv6DestinationOption{{OptionType: 0x1e, OptionLength: 4, OptionData: r.bytes(4)}}
		back, payload, err := ParseIPv6(theirs(t, ip, options, gopacket.Payload(data)))
		if err != nil || back != want || !bytes.Equal(payload, data) {
			t.Fatalf("ParseIPv6: %+v, %v\nwant      %+v", back, err, want)
		}
	}
}

func TestControlMessagesAndGopacket(t *testing.T) {
	r := newRandom(7)
	for range comparisons {
		src, dst := r.ipv4(), r.ipv4()
		echo := ICMP{Type: ICMPv4Echo, Rest: r.Uint32()}
		p := readByGopacket(t, r.frame(ProtocolICMP, src, dst, echo.AppendV4(nil, r.bytes(r.IntN(60)))))
		if got := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); uint32(got.Id)<<16|uint32(got.Seq) != echo.Rest {
			t.Fatalf("gopacket reads %+v\nof %+v", got, echo)
		}
		src, dst = r.ipv6(), r.ipv6()
		echo.Type = ICMPv6Echo
		p = readByGopacket(t, r.frame(ProtocolICMPv6, src, dst, echo.AppendV6(nil, src, dst, nil)))
		if got := p.Layer(layers.LayerTypeICMPv6Echo).(*layers.ICMPv6Echo); uint32(got.Identifier)<<16|uint32(got.SeqNumber) != echo.Rest {
			t.Fatalf("gopacket reads %+v\nof %+v", got, echo)
		}
		target := netip.AddrFrom16([16]byte(append([]byte{0x20}, r.bytes(15)...)))
		ask := NeighborSolicitation{target, r.mac()}
		p = readByGopacket(t, r.frame(ProtocolICMPv6, src, dst, ask.Append(nil, src, dst)))
		if got := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation); !got.TargetAddress.Equal(target.AsSlice()) ||
			!bytes.Equal(got.Options[0].Data, ask.Source[:]) {
			t.Fatalf("gopacket reads %+v\nof %+v", got, ask)
		}
		answer := NeighborAdvertisement{r.bool(), r.bool(), r.bool(), target, r.mac()}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(ICMPv6NeighborAdvertisement, 0)}
		_, ip, network := r.theirIP(ProtocolICMPv6, src, dst)
		icmp.SetNetworkLayerForChecksum(network)
		their := &layers.ICMPv6NeighborAdvertisement{TargetAddress: target.AsSlice(), Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: answer.MAC[:]}}}
		for i, set := range []bool{answer.Override, answer.Solicited, answer.Router} {
			if set {
				their.Flags |= 0x20 << i
			}
		}
		_, b, err := ParseIPv6(theirs(t, ip, icmp, their))
		if err != nil {
			t.Fatal(err)
		}
		m, body, err := ParseICMPv6(b, src, dst)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseNeighborAdvertisement(m, body); err != nil || got != answer {
			t.Fatalf("ParseNeighborAdvertisement: %+v, %v\nwant %+v", got, err, answer)
		}
		if again := answer.Append(nil, src, dst); !bytes.Equal(again, b) {
			t.Fatalf("we write % x\nwant     % x", again, b)
		}
	}
}

func TestMembershipAndGopacket(t *testing.T) {
	r := newRandom(8)
	for range comparisons {
		query := IGMP{Type: IGMPQuery, MaxResponse: igmpTick * 100, Group: netip.AddrFrom4([4]byte{224, 1, 2, r.uint8()})}
		var got layers.IGMPv1or2
		if err := got.DecodeFromBytes(query.Append(nil), gopacket.NilDecodeFeedback); err != nil {
			t.Fatal(err)
		}
		if got.Type != layers.IGMPType(query.Type) || !got.GroupAddress.Equal(query.Group.AsSlice()) || got.MaxResponseTime != query.MaxResponse {
			t.Fatalf("gopacket reads %+v\nof %+v", got, query)
		}
		src, dst := r.ipv6(), r.ipv6()
		report := MLD{Type: ICMPv6MLDReport, Group: r.ipv6()}
		p := readByGopacket(t, r.frame(ProtocolICMPv6, src, dst, report.Append(nil, src, dst)))
		if got := p.Layer(layers.LayerTypeMLDv1MulticastListenerReport).(*layers.MLDv1MulticastListenerReportMessage); !got.MulticastAddress.Equal(report.Group.AsSlice()) {
			t.Fatalf("gopacket reads %+v\nof %+v", got, report)
		}
	}
}
