package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"waypost/http/field"
)

// ErrRetry is wrapped by the error of [Client.Do] when the connection proved
// dead, or refused the request, before a byte of the response came. An
// idempotent request may be sent again on another connection (RFC 9110
// §9.2.2); see also [ErrUnprocessed].
var ErrRetry = errors.New("no response on this connection")

// ErrUnprocessed is wrapped, along with [ErrRetry], when it is certain that
// the server has not acted on the request: any request may be sent again
// (RFC 9113 §8.7). The body may have been read in part.
var ErrUnprocessed = errors.New("the server has not processed the request")

// Client is one connection to a server. It is safe for concurrent use.
type Client interface {
	// Do sends r and returns when the head of the final response is there.
	// HTTP/1.1 has one request at a time, until the response body has been
	// read to its end or closed; HTTP/2 has as many as the server allows,
	// and more wait their turn. The context covers the exchange to the end
	// of the response body: when it ends, an HTTP/1.1 connection is closed
	// and an HTTP/2 stream is reset.
	Do(ctx context.Context, r *Request) (*Response, error)
	// Proto is "http/1.1" or "h2", as ALPN names them.
	Proto() string
	// Free reports whether Do would start at once.
	Free() bool
	// Alive reports whether the connection can take requests, as far as is
	// known without sending any.
	Alive() bool
	Close() error
}

// Response is a response as it came. Its strings are the caller's own.
type Response struct {
	Proto  string
	Status int
	// Fields are the end-to-end fields; the codec has consumed Connection
	// and what it nominates, Keep-Alive, Proxy-Connection,
	// Transfer-Encoding, Content-Length and Upgrade.
	Fields field.Fields
	// Length is the length of the body in bytes, -1 where only its end will
	// tell. In a response to HEAD, and with status 304, it is what a
	// response to GET would have.
	Length int64
	// Body is never nil. Reading it to io.EOF or closing it ends the
	// exchange. A body that breaks off fails with
	// fault.HTTPResponseIncomplete.
	Body io.ReadCloser
	// FramedBy tells how the end of the body is known: "content-length",
	// "chunked", "close", "end_stream" or "no-body".
	FramedBy string
	// Informed are the interim responses that came before.
	Informed []Interim
	// Stream is the HTTP/2 stream number.
	Stream int
	// Trailers returns the fields after the body, once Body has returned
	// io.EOF.
	Trailers func() field.Fields
	// Upgraded is the connection after 101, or after 2xx to CONNECT.
	Upgraded net.Conn
}

// Interim is a 1xx response.
type Interim struct {
	Status int
	Fields field.Fields
}

// NewClient speaks proto ("http/1.1" or "h2", as ALPN names them) on c, which
// it owns from then on. For "h2" the connection preface is sent at once.
func NewClient(c net.Conn, proto string, limits Limits) (Client, error) {
	switch proto {
	case "http/1.1":
		return newH1Client(c, limits.withDefaults()), nil
	case "h2":
		return newH2Client(c, limits.withDefaults())
	}
	return nil, fmt.Errorf("no codec for protocol %q", proto)
}
