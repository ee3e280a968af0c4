package packetdrill

// unreachableCodes are the ICMP codes that are understood, and whether they
// are hard errors for a connection that is being made (RFC 1122 §4.2.3.9).
var unreachableCodes = map[string]bool{
	"net_unreachable":      false,
	"host_unreachable":     false,
	"address_unreachable":  false,
	"protocol_unreachable": true,
	"port_unreachable":     true,
	"frag_needed":          false,
}
