package edge

import (
	"net/netip"
	"strings"

	"waypost/fault"
)

// appendProxyStatus writes our member of the Proxy-Status list (RFC 9209
// §2): who failed, how, and at which next hop. details is for people.
func appendProxyStatus(dst []byte, name string, kind fault.Kind, nextHop netip.AddrPort, details string) []byte {
	dst = append(dst, name...)
	dst = append(append(dst, "; error="...), kind...)
	if nextHop.IsValid() {
		dst = append(dst, `; next-hop="`...)
		dst = nextHop.AppendTo(dst)
		dst = append(dst, '"')
	}
	if details != "" {
		dst = appendString(append(dst, "; details="...), details)
	}
	return dst
}

// maxDetails bounds the text of a Proxy-Status: errors can quote what a peer
// sent.
const maxDetails = 256

// appendString writes s as a structured-field string (RFC 9651 §3.3.3),
// which holds printable ASCII only: all else becomes "?".
func appendString(dst []byte, s string) []byte {
	s = strings.ReplaceAll(s, "…", "...")
	if len(s) > maxDetails {
		s = s[:maxDetails]
	}
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c > '~':
			dst = append(dst, '?')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
