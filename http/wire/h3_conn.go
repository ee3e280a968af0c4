package wire

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"

	"waypost/fault"
)

// h3Conn is what both ends of an HTTP/3 connection have in common.
//
// Unlike in HTTP/2 nobody reads for all: QUIC hands each stream its own bytes,
// and the goroutine of a request reads and writes its stream itself. The
// mutex guards what the streams share, which is little.
type h3Conn struct {
	quic   *quic.Conn
	limits *Limits
	side   h3Side
	floods h3Floods
	said   chan struct{} // closed when the peer's SETTINGS have come

	mu      sync.Mutex
	control *quic.SendStream
	seen    [h3StreamKinds]bool // critical streams that the peer has opened
	peer    h3PeerSettings      // valid once said is closed
	maxPush uint64              // the peer's MAX_PUSH_ID; nothing is pushed
	err     error               // why the connection is dead
}

// h3Side is one end of a connection: what differs between server and client.
type h3Side interface {
	serves() bool
	goneAway(id uint64) error // the peer's GOAWAY
	violated(reason string)   // the peer broke the protocol
}

const (
	// h3UniStreams is how many unidirectional streams a peer may have open:
	// the three of RFC 9114 §6.2, and some of types unknown to us, which
	// browsers open to keep receivers tolerant.
	h3UniStreams = 8
	// h3MaxControl bounds the payload of a frame on the control stream.
	// SETTINGS of today have some tens of bytes.
	h3MaxControl = 4 << 10
	// h3CloseText bounds the reason sent with the close of a connection, so
	// that it fits into one packet.
	h3CloseText = 256
	// h3NeverIdle stands for no limit at all, for which QUIC has no value.
	h3NeverIdle = 24 * time.Hour
)

func (c *h3Conn) init(q *quic.Conn, limits *Limits, side h3Side) {
	c.quic, c.limits, c.side = q, limits, side
	c.said = make(chan struct{})
}

// greet opens our control stream with our settings (RFC 9114 §6.2.1), and
// begins to read the peer's. QPACK streams are not opened: without a table
// they have nothing to say (RFC 9204 §4.2).
func (c *h3Conn) greet() error {
	s, err := c.quic.OpenUniStream()
	if err != nil {
		return err
	}
	b := quicvarint.Append(nil, uint64(h3ControlStream))
	if _, err := s.Write(appendH3Settings(b, c.limits, c.side.serves())); err != nil {
		return err
	}
	c.mu.Lock()
	c.control = s
	c.mu.Unlock()
	go c.acceptUni()
	return nil
}

// sendGoAway says which stream or push is the first that will not be looked
// at (RFC 9114 §5.2).
func (c *h3Conn) sendGoAway(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.control != nil {
		b := appendH3Frame(nil, h3GoAway, int64(quicvarint.Len(id)))
		_, _ = c.control.Write(quicvarint.Append(b, id)) // small: it does not wait
	}
}

// act ends the connection when err says that the peer broke the protocol. It
// returns err.
func (c *h3Conn) act(err error) error {
	var b *h3Broken
	if errors.As(err, &b) {
		c.breakOff(b)
	}
	return err
}

// breakOff ends the connection for a violation, and tells the peer which.
func (c *h3Conn) breakOff(e *h3Broken) {
	c.side.violated(e.Error())
	c.die(fault.New(fault.HTTPProtocolError, "read from the connection", e))
	c.close(e.code, e.reason)
}

// close closes the connection. Streams that are open are lost.
func (c *h3Conn) close(code h3Code, reason string) {
	_ = c.quic.CloseWithError(quic.ApplicationErrorCode(code), reason[:min(len(reason), h3CloseText)])
}

// die keeps the first reason for the connection's end.
func (c *h3Conn) die(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// dead is why the connection is dead; nil while it lives.
func (c *h3Conn) dead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.quic.Context().Err() != nil {
		name := quicFault
		select {
		case <-c.quic.HandshakeComplete():
		default:
			name = func(_ string, err error) error { return dialFault(err) }
		}
		c.err = name("connection", context.Cause(c.quic.Context()))
	}
	return c.err
}

// fault names an error of a stream: the connection's where that is dead.
func (c *h3Conn) fault(op string, err error) error {
	var stream *quic.StreamError
	if errors.As(err, &stream) {
		return quicFault(op, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return quicFault(op, err)
}
