package origin

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"waypost/http/field"
)

// Status codes of a WebSocket's end (RFC 6455 §7.4.1).
const (
	StatusNormal          = 1000
	StatusGoingAway       = 1001
	StatusProtocolError   = 1002
	StatusInvalidData     = 1007
	StatusPolicyViolation = 1008
	StatusTooLarge        = 1009
	StatusInternalError   = 1011
)

// The defaults of SocketOptions.
const (
	DefaultMaxMessage = 64 << 10         // a message is kept in memory as a whole
	DefaultPingEvery  = 30 * time.Second // shorter than the timers of proxies
	DefaultPongWait   = 10 * time.Second // the worst path and a busy client
)

// closeWait bounds the wait for the client's close frame after ours: a
// client that does not answer is cut off (RFC 6455 §7.1.1).
const closeWait = 2 * time.Second

// socketWriteWait bounds one write: a client that takes nothing for so long
// is dead or an attack.
const socketWriteWait = 10 * time.Second

// socketBuffer holds the frames that come in: those of a chat, many at once.
const socketBuffer = 2 << 10

// SocketOptions say how a WebSocket is kept. The zero value takes the
// defaults.
type SocketOptions struct {
	// Protocols are the subprotocols spoken here, the preferred one first. A
	// client that names none of them gets none.
	Protocols []string
	// MaxMessage is the largest message taken, in bytes.
	MaxMessage int64
	// PingEvery is how often a ping is sent, and PongWait how long beyond
	// that a client may say nothing.
	PingEvery, PongWait time.Duration
	// Origins are the hosts whose pages may connect, beside the host that the
	// request is for. "*" allows all. The check keeps a foreign page from
	// speaking in its visitor's name (RFC 6455 §10.2).
	Origins []string
}

// Message is one message.
type Message struct {
	Text bool // or else binary
	Data []byte
}

// CloseError is the end of a WebSocket as its client stated it, or as we did
// when the client broke the protocol.
type CloseError struct {
	Code   int // 1005 when none was given
	Reason string
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("websocket closed with %d", e.Code)
	}
	return fmt.Sprintf("websocket closed with %d: %s", e.Code, e.Reason)
}

// Socket is a WebSocket. Read is for one goroutine; Write and Close are safe
// for concurrent use.
type Socket struct {
	// Protocol is the subprotocol agreed on, or "".
	Protocol string

	conn    net.Conn
	in      *bufio.Reader
	options SocketOptions
	// reading and writing are held by who reads and who writes. They are
	// channels because their holders wait for the network.
	reading, writing chan struct{}
	written          int64 // under writing
	closing          bool  // our close frame has been sent; under writing
	farewell         sync.Once
	ended            chan struct{} // closed when our close frame is due
}

// WebSocket performs the handshake (RFC 6455 §4.2, over HTTP/2 RFC 8441) and
// returns the socket, which is closed when the handler returns. When it
// fails, the request has been answered and the error says why. A route for it
// takes GET.
func (w *Response) WebSocket(r *Request, o SocketOptions) (*Socket, error) {
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.PingEvery <= 0 {
		o.PingEvery = DefaultPingEvery
	}
	if o.PongWait <= 0 {
		o.PongWait = DefaultPongWait
	}
	if problem := checkHandshake(r, &o); problem != nil {
		w.Refuse(problem)
		return nil, problem
	}
	s := &Socket{
		options: o, Protocol: protocol(r, o.Protocols), ended: make(chan struct{}),
		reading: make(chan struct{}, 1), writing: make(chan struct{}, 1),
	}
	status := 200 // RFC 8441 §5
	if !r.extendedConnect() {
		status = 101
		w.Fields.Set("Upgrade", "websocket")
		w.Fields.Set("Sec-WebSocket-Accept", acceptKey(r.Fields.Get("Sec-WebSocket-Key")))
	}
	if s.Protocol != "" {
		w.Fields.Set("Sec-WebSocket-Protocol", s.Protocol)
	}
	conn, err := w.x.Upgrade(status, w.Fields)
	if err != nil {
		w.Fields = nil
		w.Fail(err)
		return nil, err
	}
	s.conn, s.in = conn, bufio.NewReaderSize(conn, socketBuffer)
	w.status, w.lasting, w.socket = status, true, s
	go s.keepAlive(r.Conn.Draining)
	return s, nil
}

// checkHandshake holds the request against RFC 6455 §4.2.1. HTTP/2 has no
// key: a request that is no WebSocket's cannot look like one there.
func checkHandshake(r *Request, o *SocketOptions) *Problem {
	key, err := base64.StdEncoding.DecodeString(r.Fields.Get("Sec-WebSocket-Key"))
	keyed := err == nil && len(key) == 16 && r.Fields.Count("Sec-WebSocket-Key") == 1
	switch {
	case !field.Is(r.Upgrade, "websocket"):
		p := &Problem{Status: 426, Detail: "this speaks WebSocket only", Clause: "RFC 9110 §15.5.22"}
		p.Fields.Add("Upgrade", "websocket")
		return p
	case r.Method != "GET" && !r.extendedConnect():
		return notAllowed([]string{"GET"})
	case r.Fields.Get("Sec-WebSocket-Version") != "13":
		p := &Problem{Status: 426, Detail: "this speaks version 13 of WebSocket", Clause: "RFC 6455 §4.4"}
		p.Fields.Add("Upgrade", "websocket")
		p.Fields.Add("Sec-WebSocket-Version", "13")
		return p
	case !keyed && !r.extendedConnect():
		return &Problem{Status: 400, Detail: "Sec-WebSocket-Key is not 16 bytes in base64", Clause: "RFC 6455 §4.2.1"}
	case !originAllowed(r, o.Origins):
		return &Problem{Status: 403, Detail: "pages of another origin may not connect here", Clause: "RFC 6455 §10.2"}
	}
	return nil
}

// originAllowed checks the page's origin; what is no browser sends none.
func originAllowed(r *Request, allowed []string) bool {
	origin, ok := r.Fields.Lookup("Origin")
	if !ok {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	if !ok {
		return false
	}
	for _, a := range append([]string{r.Authority}, allowed...) {
		if a == "*" || a != "" && strings.EqualFold(a, host) {
			return true
		}
	}
	return false
}

// protocol is the first of ours that the client names.
func protocol(r *Request, ours []string) string {
	for _, p := range ours {
		for offered := range r.Fields.All("Sec-WebSocket-Protocol") {
			if offered == p {
				return p
			}
		}
	}
	return ""
}

// acceptKey proves that the handshake was understood (RFC 6455 §4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
