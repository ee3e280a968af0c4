package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
)

// Server answers the connections of a listener.
type Server struct {
	Handler Handler
	// TLS is nil for cleartext. Where it names no protocols, h2 and
	// http/1.1 are offered. A cleartext server speaks HTTP/2 to a client
	// that begins with its preface (RFC 9113 §3.3).
	TLS    *tls.Config
	Limits Limits
	// Bad is told of each request that was refused by the codec. It may be
	// nil and is called from several goroutines.
	Bad func(BadRequest)
	// Panicked is told when Handler.Serve panics; the connection is then
	// closed and the server goes on. When nil, the panic ends the process.
	Panicked func(value any, stack []byte)
}

// BadRequest is a request that the codec refused.
type BadRequest struct {
	Remote netip.AddrPort
	Proto  string
	Status int    // sent to the client; 0 where HTTP/2 reset the stream or ended the connection
	Reason string // what is wrong, in a few words
}

// Serve accepts connections from l until ctx ends. Then it closes l, lets
// running exchanges end within Limits.Drain, closes the rest and returns
// nil. It returns early with the listener's error when that fails for good.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return errors.ErrUnsupported
}
