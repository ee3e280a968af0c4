package lab

import (
	"net/netip"
	"time"
)

// NAT makes an interface of a router the outer side of an address
// translator: packets that leave by it carry its own address and a port that
// stands for the sender's; answers go back the same way. Mappings do not
// depend on whom the sender speaks to (RFC 4787 §4.1, RFC 5382 §4.1), and
// whoever knows the outer port may answer (§5, endpoint-independent
// filtering). IPv4 only. The zero value has the times of the RFCs.
type NAT struct {
	// Inside are the addresses that are translated; none: all others.
	Inside []netip.Prefix
	// Mappings bounds how many there are at a time; 0: DefaultMappings.
	// A packet that would need one more is dropped.
	Mappings int
	// UDP is how long a mapping lives without a packet from inside, TCP the
	// same for an established connection, TCPTransitory for one that is
	// opening or closing. 0: the defaults.
	UDP, TCP, TCPTransitory time.Duration
}

type translator struct {
	inward func(frame []byte)
}

func newTranslator(n NAT, e *end, prefixes []netip.Prefix, seed uint64) (*translator, error) {
	return nil, nil
}
func (t *translator) receive(frame []byte)  {}
func (t *translator) Transmit(frame []byte) {}
