// Package wire speaks HTTP/1.1, 2 and 3 on a connection, at both ends.
//
// A [Server] takes connections from a listener and hands each request to a
// [Handler] as an [Exchange]. A [Client] is one connection to a server; who
// dials it, pools it and follows redirects is not this package's business.
// Above the codec a request and a response look the same for every protocol:
// the fields that speak about the connection (RFC 9110 §7.6.1) and about
// message framing are consumed on the way in and made on the way out.
//
// The codec is strict, because a message that two parties read differently
// is how requests are smuggled (RFC 9112 §11.2): what the grammar does not
// allow is refused with a text that names what is wrong, and the connection
// ends. Everything that a peer can make grow has a limit in [Limits] or a
// named constant.
//
// A request that is answered with Respond and Write costs no allocation over
// HTTP/1.1. To that end the strings of a [Request] lie over the connection's
// read buffer: they are valid until Handler.Serve returns. What is kept
// longer must be cloned ([strings.Clone], field.Fields.Clone).
//
// The files read in the order of a connection's life: server.go accepts,
// transport.go keeps its deadlines, h1_*.go, h2_*.go and h3_*.go are the
// protocols. Of the last, h3_listen.go accepts and h3_dial.go opens.
package wire

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"

	"waypost/http/field"
)

// The protocols, as Request.Proto and Response.Proto name them.
const (
	HTTP10 = "HTTP/1.0"
	HTTP11 = "HTTP/1.1"
	HTTP2  = "HTTP/2"
	HTTP3  = "HTTP/3"
)

// Request is a request, received by a server or to be sent by a client.
//
// On a server its strings are valid until Handler.Serve returns. A client
// reads the Request until Do returns and its Body until the response has
// been read to its end or closed.
type Request struct {
	// Proto is HTTP11, HTTP10, HTTP2 or HTTP3. A client ignores it.
	Proto  string
	Method string
	// Scheme is "http" or "https". On a server it is that of the connection.
	Scheme string
	// Authority is the Host field or the :authority pseudo-field as sent;
	// an absolute-form target takes its place (RFC 9112 §3.2.2). It is empty
	// only for HTTP/1.0 without Host.
	Authority string
	// Path is the target in origin form as sent: path and query. It is "*"
	// for OPTIONS * and "" for CONNECT, whose target is Authority.
	Path string
	// Fields are the end-to-end fields. The codec consumes Host, Connection
	// and what it nominates, Keep-Alive, Proxy-Connection,
	// Transfer-Encoding, Content-Length, Upgrade, TE and Expect on the way
	// in, and drops them from what a client is given to send.
	Fields field.Fields
	// Length is the length of the body in bytes: 0 without body, -1 where
	// only its end will tell.
	Length int64
	// Body is nil where there is none. A server's Body fails with a
	// fault.Error when the client breaks off or falls below the pace that
	// Limits demand. It may be read while the response is written.
	Body io.Reader
	// Trailers returns the fields after the body; valid once Body has
	// returned io.EOF. A client sends them after a Body of Length -1. It may
	// be nil.
	Trailers func() field.Fields
	// Upgrade is the protocol that the client would like to change to,
	// e.g. "websocket" (RFC 9110 §7.8). Over HTTP/2 it comes with method
	// CONNECT and a path (RFC 8441), over HTTP/1.1 usually with GET; a
	// client is given the HTTP/1.1 form for both.
	Upgrade string
	// Expect tells that the client waits for 100 (Continue) before it sends
	// the body (RFC 9110 §10.1.1). On a server the first read of Body sends
	// it; a client that sets it holds the body back until 100 comes or
	// ExpectTimeout has passed.
	Expect bool
	// Interim, where it is set, is called by a client for each interim
	// response (1xx but 101) as it comes, before Do returns. The fields are
	// valid during the call. A server leaves it nil.
	Interim func(status int, f field.Fields)
	// TakesTrailers tells that the request carries "TE: trailers".
	TakesTrailers bool
	// Early tells that the request came in early data (RFC 8470): somebody
	// may have recorded and replayed it until ConnInfo.Settled is closed. Its
	// method is safe; the codec answers others with 425 (Too Early). A
	// client decides itself what it sends so.
	Early bool
}

// ConnInfo is what is known about a connection.
type ConnInfo struct {
	Remote, Local netip.AddrPort
	// TLS is nil on a cleartext connection.
	TLS *tls.ConnectionState
	// Settled is closed when the TLS handshake is complete; nil where it was
	// before the request came.
	Settled <-chan struct{}
	// Exchanges is the number of earlier exchanges on this connection.
	Exchanges int
	// Raw is the transport under the connection, for link.InfoOf; nil over
	// QUIC. Reading or writing it breaks the connection.
	Raw net.Conn
	// Draining is closed when the server begins to stop. Exchanges that
	// last (event streams, upgraded connections) should end soon after.
	Draining <-chan struct{}
}

// Exchange is one request being answered. It is valid until Handler.Serve
// returns and used by one goroutine at a time, except that the request's
// Body may be read by another one and that Context may be used anywhere.
//
// Errors mean that the client is gone or too slow (a fault.Error), or that
// the caller broke the contract; after one the exchange is lost.
type Exchange interface {
	Request() *Request
	Conn() *ConnInfo

	// Context ends when the client leaves, when the server closes the
	// connection, and when Serve returns. On HTTP/1.1 the first call begins
	// to watch the connection, so an exchange that never asks pays nothing;
	// while a request body remains unread, watching waits for its end.
	Context() context.Context

	// Inform sends an interim response, status 100 to 199 but not 101. On
	// an HTTP/1.0 connection it does nothing (RFC 9110 §15.2).
	Inform(status int, f field.Fields) error

	// Respond sends the head of the response, once. Length is that of the
	// body which Write will bring, or -1 where it is not known. A response
	// to HEAD and one with status 204 or 304 has a head only, and Write
	// discards: for HEAD the length is what GET would have, -1 sends no
	// Content-Length; 304 sends one only when it is above 0. The codec adds Date where f has none, frames the body, and
	// drops from f what is its own business (see Request.Fields). A name or
	// value in f that the grammar forbids is an error and nothing is sent.
	// 2xx to CONNECT is not for Respond but for Upgrade.
	// The head may wait in a buffer until Flush, the end of the exchange or
	// enough body.
	Respond(status int, f field.Fields, length int64) error
	// Write sends body bytes; more than the announced length is an error.
	// It keeps no reference to p.
	Write(p []byte) (int, error)
	// Flush sends what is buffered.
	Flush() error
	// Trailers sets the fields to send after a body of unknown length. They
	// are lost where the framing has no place for them.
	Trailers(f field.Fields) error

	// Upgrade answers with 101 (or with 2xx to CONNECT) and hands over the
	// connection, with what the client has already sent at the front of its
	// reads and without any deadline. It belongs to the caller, who closes
	// it; it may outlive Serve and is cut at the end of the server's drain.
	Upgrade(status int, f field.Fields) (net.Conn, error)

	// Abort breaks the exchange off: the client must be able to tell that
	// what it got is not all (RFC 9112 §8). HTTP/1.1 closes the connection
	// without an end of the body, HTTP/2 resets the stream. It is how a
	// proxy hands on a body of unknown length that broke off.
	Abort()

	// Close makes this exchange the connection's last: HTTP/1.1 says
	// Connection: close, HTTP/2 sends GOAWAY and finishes its open streams.
	Close()
}

// Handler answers exchanges. Serve is called in a goroutine of its own; an
// exchange that it leaves without Respond is answered with 500, one that it
// leaves short of its announced length is cut off.
type Handler interface {
	Serve(x Exchange)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(x Exchange)

// Serve calls f.
func (f HandlerFunc) Serve(x Exchange) { f(x) }
