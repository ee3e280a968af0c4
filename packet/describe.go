package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Describe says what an Ethernet frame is in a few words, for records and
// failures of tests:
//
//	TCP 192.0.2.10:49152 → 203.0.113.80:80 SYN seq 1000 win 65535 mss 1460
//
// What cannot be read is named with its defect. The text is one line, and
// nothing that a peer chose stands in it but numbers.
func Describe(frame []byte) string {
	h, payload, err := ParseEthernet(frame)
	if err != nil {
		return err.Error()
	}
	switch h.Type {
	case TypeARP:
		return describeARP(payload)
	case TypeIPv4, TypeIPv6:
		return DescribeIP(payload)
	}
	return fmt.Sprintf("%v %v → %v len %d", h.Type, h.Src, h.Dst, len(payload))
}

// DescribeIP is [Describe] for an IP packet without a frame around it.
func DescribeIP(b []byte) string {
	if len(b) > 0 && b[0]>>4 == 6 {
		h, payload, err := ParseIPv6(b)
		if err != nil {
			return err.Error()
		}
		if h.Fragment && (h.FragmentOffset > 0 || h.MoreFragments) {
			return describeFragment(h.Next, h.Src, h.Dst, h.FragmentID, h.FragmentOffset, h.MoreFragments, len(payload))
		}
		return describeTransport(h.Next, h.Src, h.Dst, payload)
	}
	h, payload, err := ParseIPv4(b)
	if err != nil {
		return err.Error()
	}
	if h.FragmentOffset > 0 || h.MoreFragments {
		return describeFragment(h.Protocol, h.Src, h.Dst, uint32(h.ID), h.FragmentOffset, h.MoreFragments, len(payload))
	}
	return describeTransport(h.Protocol, h.Src, h.Dst, payload)
}

func describeARP(b []byte) string {
	m, err := ParseARP(b)
	switch {
	case err != nil:
		return err.Error()
	case m.Op == ARPRequest:
		return fmt.Sprintf("ARP who has %v? tell %v", m.TargetIP, m.SenderIP)
	case m.Op == ARPReply:
		return fmt.Sprintf("ARP %v is at %v", m.SenderIP, m.SenderMAC)
	}
	return fmt.Sprintf("ARP %v %v → %v", m.Op, m.SenderIP, m.TargetIP)
}

func describeFragment(p Protocol, src, dst netip.Addr, id uint32, offset int, more bool, length int) string {
	s := fmt.Sprintf("%v %v → %v fragment %d of %d bytes at %d", p, src, dst, id, length, offset)
	if !more {
		s += ", the last"
	}
	return s
}

func describeTransport(p Protocol, src, dst netip.Addr, b []byte) string {
	flow := Flow{p, netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)}
	switch p {
	case ProtocolTCP:
		return describeTCP(flow, b)
	case ProtocolUDP:
		h, payload, err := ParseUDP(b, src, dst)
		if err != nil {
			return spoiled(flow, err)
		}
		flow.Src, flow.Dst = netip.AddrPortFrom(src, h.SrcPort), netip.AddrPortFrom(dst, h.DstPort)
		return fmt.Sprintf("%v len %d", flow, len(payload))
	case ProtocolICMP:
		m, body, err := ParseICMPv4(b)
		if err != nil {
			return spoiled(flow, err)
		}
		return flow.String() + " " + describeICMPv4(m, body)
	case ProtocolICMPv6:
		m, body, err := ParseICMPv6(b, src, dst)
		if err != nil {
			return spoiled(flow, err)
		}
		return flow.String() + " " + describeICMPv6(m, body)
	case ProtocolIGMP:
		m, err := ParseIGMP(b)
		if err != nil {
			return spoiled(flow, err)
		}
		if m.Type == IGMPReportV3 {
			return fmt.Sprintf("%v %v", flow, m.Type)
		}
		return fmt.Sprintf("%v %v %v", flow, m.Type, m.Group)
	}
	return fmt.Sprintf("%v len %d", flow, len(b))
}

// spoiled names addresses and defect of a packet that cannot be read.
func spoiled(f Flow, err error) string { return fmt.Sprintf("%v [%v]", f, err) }

func describeTCP(flow Flow, b []byte) string {
	src, dst := flow.Src.Addr(), flow.Dst.Addr()
	h, payload, err := ParseTCP(b, src, dst)
	if errors.Is(err, ShortTCP) {
		return spoiled(flow, err)
	}
	flow.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
	flow.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	if err != nil {
		return spoiled(flow, err)
	}
	return flow.String() + " " + h.Describe(len(payload))
}

// Describe says what a segment with so many bytes of payload is, without its
// addresses: "SYN seq 1000 win 65535 mss 1460".
func (h TCP) Describe(payload int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v seq %d", h.Flags, h.Seq)
	if h.Flags.Has(ACK) {
		fmt.Fprintf(&s, " ack %d", h.Ack)
	}
	fmt.Fprintf(&s, " win %d", h.Window)
	if payload > 0 {
		fmt.Fprintf(&s, " len %d", payload)
	}
	o := h.Options
	if o.MSS != 0 {
		fmt.Fprintf(&s, " mss %d", o.MSS)
	}
	if o.HasWindowScale {
		fmt.Fprintf(&s, " wscale %d", o.WindowScale)
	}
	if o.SACKPermitted {
		s.WriteString(" sackok")
	}
	if o.HasTimestamps && h.Flags.Has(SYN) { // everywhere else they are as agreed
		s.WriteString(" ts")
	}
	for i, k := range o.SACK[:min(max(o.SACKBlocks, 0), MaxSACKBlocks)] {
		if i == 0 {
			s.WriteString(" sack ")
		} else {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, "%d-%d", k.Left, k.Right)
	}
	return s.String()
}

func describeICMPv4(m ICMP, body []byte) string {
	id, seq := m.Echo()
	switch m.Type {
	case ICMPv4Echo:
		return fmt.Sprintf("echo request id %d seq %d", id, seq)
	case ICMPv4EchoReply:
		return fmt.Sprintf("echo reply id %d seq %d", id, seq)
	case ICMPv4Unreachable:
		switch m.Code {
		case ICMPv4NetUnreachable:
			return "network unreachable" + about(body)
		case ICMPv4HostUnreachable:
			return "host unreachable" + about(body)
		case ICMPv4ProtocolUnreachable:
			return "protocol unreachable" + about(body)
		case ICMPv4PortUnreachable:
			return "port unreachable" + about(body)
		case ICMPv4FragmentationNeeded:
			return fmt.Sprintf("fragmentation needed, mtu %d%s", m.Rest&0xffff, about(body))
		case ICMPv4AdminProhibited:
			return "prohibited" + about(body)
		}
	case ICMPv4TimeExceeded:
		return "time exceeded" + about(body)
	case ICMPv4ParameterProblem:
		return fmt.Sprintf("parameter problem at byte %d%s", m.Rest>>24, about(body))
	}
	return fmt.Sprintf("type %d code %d", m.Type, m.Code)
}

func describeICMPv6(m ICMP, body []byte) string {
	id, seq := m.Echo()
	switch m.Type {
	case ICMPv6Echo:
		return fmt.Sprintf("echo request id %d seq %d", id, seq)
	case ICMPv6EchoReply:
		return fmt.Sprintf("echo reply id %d seq %d", id, seq)
	case ICMPv6Unreachable:
		switch m.Code {
		case ICMPv6NoRoute:
			return "no route" + about(body)
		case ICMPv6AdminProhibited:
			return "prohibited" + about(body)
		case ICMPv6AddressUnreachable:
			return "address unreachable" + about(body)
		case ICMPv6PortUnreachable:
			return "port unreachable" + about(body)
		}
	case ICMPv6PacketTooBig:
		return fmt.Sprintf("packet too big, mtu %d%s", m.Rest, about(body))
	case ICMPv6TimeExceeded:
		return "time exceeded" + about(body)
	case ICMPv6ParameterProblem:
		return fmt.Sprintf("parameter problem at byte %d%s", m.Rest, about(body))
	case ICMPv6MLDQuery, ICMPv6MLDReport, ICMPv6MLDDone:
		if q, err := ParseMLD(m, body); err == nil {
			return fmt.Sprintf("MLD %s %v", [...]string{"query", "report", "done"}[q.Type-ICMPv6MLDQuery], q.Group)
		}
	case ICMPv6MLDv2Report:
		return "MLD report v2"
	case ICMPv6RouterSolicitation:
		return "router solicitation"
	case ICMPv6RouterAdvertisement:
		return "router advertisement"
	case ICMPv6NeighborSolicitation:
		if n, err := ParseNeighborSolicitation(m, body); err == nil {
			return fmt.Sprintf("NDP who has %v?", n.Target)
		}
	case ICMPv6NeighborAdvertisement:
		if n, err := ParseNeighborAdvertisement(m, body); err == nil {
			return fmt.Sprintf("NDP %v is at %v", n.Target, n.MAC)
		}
	}
	return fmt.Sprintf("type %d code %d", m.Type, m.Code)
}

// about names the packet that an ICMP error carries.
func about(body []byte) string {
	q, ok := ParseQuote(body)
	if !ok {
		return ""
	}
	return " (" + q.Flow.String() + ")"
}
