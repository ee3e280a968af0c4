// Package packet turns the headers of frames and packets into values and
// back into bytes.
//
// Read the files in the order in which a frame is opened: ethernet.go, arp.go,
// ipv4.go and ipv6.go with extension.go, icmp.go, quote.go and ndp.go, igmp.go and mld.go, udp.go, tcp.go
// and options.go. checksum.go holds the sum they share. flow.go and
// describe.go look at whole frames: who speaks to whom, and what it says.
//
// Parse functions take bytes that a peer chose. They check every length they
// rely on, never panic, allocate nothing, and return payloads that are parts
// of their input: nothing is copied, so what is returned lives as long as
// the input is left unchanged. What cannot be read is refused with a
// [Defect]. Append functions write one canonical form, to the end of the
// slice they are given. All types are values; all functions are safe for
// concurrent use.
package packet

import "strconv"

// Defect is the reason why bytes are not what they were parsed as. It is an
// error without state: comparing with == tells which.
type Defect string

func (d Defect) Error() string { return string(d) }

// The defects of headers.
const (
	ShortEthernet     Defect = "Ethernet: frame shorter than its header"
	ShortARP          Defect = "ARP: message shorter than 28 bytes"
	NotEthernetIPv4   Defect = "ARP: not about IPv4 over Ethernet"
	NotIPv4           Defect = "IPv4: version is not 4"
	ShortIPv4         Defect = "IPv4: packet shorter than its lengths say"
	BadIPv4Length     Defect = "IPv4: impossible header length or total length"
	BadIPv4Checksum   Defect = "IPv4: wrong header checksum"
	BadIPv4Option     Defect = "IPv4: option with an impossible length"
	NotIPv6           Defect = "IPv6: version is not 6"
	ShortIPv6         Defect = "IPv6: packet shorter than its lengths say"
	BadExtension      Defect = "IPv6: extension header that cannot be skipped"
	TooManyExtensions Defect = "IPv6: too many extension headers"
	ShortICMP         Defect = "ICMP: message shorter than its header"
	BadICMPChecksum   Defect = "ICMP: wrong checksum"
	BadNeighbor       Defect = "NDP: not a neighbor message in the form of RFC 4861 §4"
	ShortIGMP         Defect = "IGMP: message shorter than 8 bytes"
	BadIGMPChecksum   Defect = "IGMP: wrong checksum"
	BadMLD            Defect = "MLD: not a listener message in the form of RFC 2710 §3"
	ShortUDP          Defect = "UDP: datagram shorter than its length says"
	BadUDPLength      Defect = "UDP: length smaller than the header"
	BadUDPChecksum    Defect = "UDP: wrong checksum"
	ShortTCP          Defect = "TCP: segment shorter than its header"
	BadTCPOffset      Defect = "TCP: data offset smaller than the header"
	BadTCPChecksum    Defect = "TCP: wrong checksum"
	BadTCPOption      Defect = "TCP: option with an impossible length"
)

// Protocol is what an IP packet carries: the protocol field of IPv4 and the
// next header field of IPv6, as IANA assigns them.
type Protocol uint8

// The protocols that this package reads.
const (
	ProtocolICMP   Protocol = 1
	ProtocolIGMP   Protocol = 2
	ProtocolTCP    Protocol = 6
	ProtocolUDP    Protocol = 17
	ProtocolICMPv6 Protocol = 58
	// ProtocolNone says that nothing follows (RFC 8200 §4.7).
	ProtocolNone Protocol = 59
)

func (p Protocol) String() string {
	switch p {
	case ProtocolICMP:
		return "ICMP"
	case ProtocolIGMP:
		return "IGMP"
	case ProtocolTCP:
		return "TCP"
	case ProtocolUDP:
		return "UDP"
	case ProtocolICMPv6:
		return "ICMPv6"
	}
	return "protocol " + strconv.Itoa(int(p))
}
