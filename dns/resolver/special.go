package resolver

import (
	"net/netip"

	"waypost/dns"

	mdns "github.com/miekg/dns"
)

// The names that a resolver must not ask the root for.
const (
	localhost = dns.Name("\x09localhost\x00")
	invalid   = dns.Name("\x07invalid\x00")
	onion     = dns.Name("\x05onion\x00")
	alt       = dns.Name("\x03alt\x00")
)

// special answers for names that have a meaning of their own. It comes after
// the hosts file and the local zones, which may say otherwise.
func special(name dns.Name, qtype uint16) (f fact, clause string, ok bool) {
	switch {
	case name.Under(localhost): // this machine, whatever the root may say
		f := fact{aa: true}
		switch qtype {
		case mdns.TypeA:
			f.records = []mdns.RR{addrRecord(name, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)}
		case mdns.TypeAAAA:
			f.records = []mdns.RR{addrRecord(name, netip.IPv6Loopback(), 0)}
		}
		return f, "RFC 6761 §6.3", true
	case name.Under(invalid):
		return fact{rcode: mdns.RcodeNameError, aa: true}, "RFC 6761 §6.4", true
	case name.Under(onion): // Tor's; asking would tell the root who uses it
		return fact{rcode: mdns.RcodeNameError, aa: true}, "RFC 7686 §2", true
	case name.Under(alt): // other systems of names
		return fact{rcode: mdns.RcodeNameError, aa: true}, "RFC 9476 §2", true
	case qtype == mdns.TypeANY:
		// ANY is a question about a cache, not about a name, and its long
		// answers are good for attacks: one small record says so.
		return fact{records: []mdns.RR{&mdns.HINFO{
			Hdr: mdns.RR_Header{Name: name.String(), Rrtype: mdns.TypeHINFO, Class: mdns.ClassINET, Ttl: 3600},
			Cpu: "RFC8482",
		}}}, "RFC 8482 §4.2", true
	}
	return fact{}, "", false
}
