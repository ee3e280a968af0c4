package dns

import (
	"context"
	"errors"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/link"
)

// ExchangeOptions tune one [Exchange]. The zero value is ready to use.
type ExchangeOptions struct {
	Timeout time.Duration // per try; 0 means 1.5 s
	Tries   int           // over UDP; 0 means 2
	TCP     bool          // ask over TCP at once
	// IDs is the source of message ids; nil means crypto/rand. The lab sets
	// it so that one seed gives one capture.
	IDs func() uint16
}

// Info is how an exchange went.
type Info struct {
	Server    netip.AddrPort
	Transport string        // [UDP] or [TCP]: of the answer, or of the last try
	Took      time.Duration // from the first packet sent to the answer
	Tries     int           // queries sent, TCP included
	Truncated bool          // the UDP answer had TC set, so TCP was used
	Strangers int           // packets that answered another question, or came from elsewhere, and were ignored
	Size      int           // octets of the answer
}

// Exchange asks one server.
func Exchange(ctx context.Context, n link.Network, server netip.AddrPort, m *mdns.Msg, o ExchangeOptions) (*mdns.Msg, Info, error) {
	return nil, Info{}, errors.New("not yet")
}
