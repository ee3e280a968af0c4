package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// This file reads the peer's unidirectional streams (RFC 9114 §6.2).

// h3StreamKind is the type of a unidirectional stream.
type h3StreamKind uint64

const (
	h3ControlStream h3StreamKind = 0x00
	h3PushStream    h3StreamKind = 0x01
	h3EncoderStream h3StreamKind = 0x02 // RFC 9204 §4.2
	h3DecoderStream h3StreamKind = 0x03
	h3StreamKinds                = 4
)

func (k h3StreamKind) String() string {
	switch k {
	case h3ControlStream:
		return "control stream"
	case h3PushStream:
		return "push stream"
	case h3EncoderStream:
		return "QPACK encoder stream"
	case h3DecoderStream:
		return "QPACK decoder stream"
	}
	return fmt.Sprintf("stream of type %#x", uint64(k))
}

// h3ControlBuffer is what is read of such a stream at a time: they are small.
const h3ControlBuffer = 256

// acceptUni reads each stream that the peer opens until the connection ends.
// h3UniStreams bounds the goroutines.
func (c *h3Conn) acceptUni() {
	for {
		s, err := c.quic.AcceptUniStream(c.quic.Context())
		if err != nil {
			return
		}
		go func() {
			defer s.ReleaseStreamCredit()
			_ = c.act(c.uni(s)) // what it has to say ends the connection
		}()
	}
}

// uni reads a stream to its end. Its error is that of the peer; the end of
// the connection is none.
func (c *h3Conn) uni(s *quic.ReceiveStream) error {
	in := bufio.NewReaderSize(s, h3ControlBuffer)
	n, err := quicvarint.Read(in)
	if err != nil {
		s.CancelRead(quic.StreamErrorCode(h3StreamCreationError))
		return c.floods.control() // it ended before it said what it is
	}
	kind := h3StreamKind(n)
	switch {
	case kind == h3PushStream && c.side.serves():
		return breaks(h3StreamCreationError, "a push stream from a client") // RFC 9114 §6.2.2
	case kind == h3PushStream:
		return breaks(h3IDError, "a push stream, and we allow no push")
	case kind > h3DecoderStream:
		s.CancelRead(quic.StreamErrorCode(h3StreamCreationError)) // RFC 9114 §6.2
		return c.floods.control()
	}
	c.mu.Lock()
	twice := c.seen[kind]
	c.seen[kind] = true
	c.mu.Unlock()
	if twice {
		return breaks(h3StreamCreationError, "a second %v", kind)
	}
	switch kind {
	case h3EncoderStream:
		err = c.encoderStream(in)
	case h3DecoderStream:
		err = c.decoderStream(in)
	default:
		err = c.controlStream(in)
	}
	var stream *quic.StreamError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &stream) {
		return breaks(h3ClosedCriticalStream, "the %v was closed", kind)
	}
	return err
}

// controlStream acts on the frames of the control stream (RFC 9114 §6.2.1).
func (c *h3Conn) controlStream(in *bufio.Reader) error {
	for first := true; ; first = false {
		kind, err := quicvarint.Read(in)
		if err != nil {
			return err
		}
		length, err := quicvarint.Read(in)
		if err != nil {
			return err
		}
		f := h3Frame{h3FrameType(kind), length}
		switch {
		case first && f.kind != h3Settings:
			return breaks(h3MissingSettings, "the first frame is %v instead of SETTINGS", f.kind)
		case !first && f.kind == h3Settings:
			return breaks(h3FrameUnexpected, "SETTINGS twice")
		case f.kind.known() && f.length > h3MaxControl:
			return breaks(h3ExcessiveLoad, "%v of %d bytes", f.kind, f.length)
		case !f.kind.known():
			err = c.skipControl(in, f.length)
		default:
			payload := make([]byte, f.length)
			if _, err = io.ReadFull(in, payload); err == nil {
				err = c.controlFrame(f.kind, payload)
			}
		}
		if err != nil {
			return err
		}
	}
}

// skipControl passes over the payload of an unknown frame (RFC 9114 §9).
func (c *h3Conn) skipControl(in *bufio.Reader, length uint64) error {
	for {
		if err := c.floods.control(); err != nil || length == 0 {
			return err
		}
		n, err := in.Discard(int(min(length, h3ControlBuffer)))
		length -= uint64(n)
		if err != nil {
			return err
		}
	}
}

func (c *h3Conn) controlFrame(kind h3FrameType, payload []byte) error {
	switch kind {
	case h3Settings:
		peer, err := parseH3Settings(payload)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.peer = peer
		c.mu.Unlock()
		close(c.said)
		return nil
	case h3GoAway:
		id, ok := parseH3ID(payload)
		if !ok {
			return breaks(h3FrameError, "GOAWAY of %d bytes", len(payload))
		}
		if err := c.side.goneAway(id); err != nil {
			return err
		}
		return c.floods.control()
	case h3MaxPushID:
		return c.maxPushID(payload)
	case h3CancelPush:
		if _, ok := parseH3ID(payload); !ok {
			return breaks(h3FrameError, "CANCEL_PUSH of %d bytes", len(payload))
		}
		return breaks(h3IDError, "CANCEL_PUSH, and nothing is pushed") // RFC 9114 §7.2.3
	}
	return breaks(h3FrameUnexpected, "%v on the control stream", kind)
}

// maxPushID checks what a client allows us to push, and we do not (RFC 9114
// §7.2.7).
func (c *h3Conn) maxPushID(payload []byte) error {
	id, ok := parseH3ID(payload)
	c.mu.Lock()
	less := id < c.maxPush
	c.maxPush = id
	c.mu.Unlock()
	switch {
	case !c.side.serves():
		return breaks(h3FrameUnexpected, "MAX_PUSH_ID from a server")
	case !ok:
		return breaks(h3FrameError, "MAX_PUSH_ID of %d bytes", len(payload))
	case less:
		return breaks(h3IDError, "MAX_PUSH_ID goes down to %d", id)
	}
	return c.floods.control()
}

// encoderStream reads the instructions to our table, which has no room: all
// that can be said is that it stays so (RFC 9204 §3.2.3, §4.3).
func (c *h3Conn) encoderStream(in *bufio.Reader) error {
	for {
		b, err := in.ReadByte()
		switch {
		case err != nil:
			return err
		case b != 0x20: // Set Dynamic Table Capacity to 0
			return breaks(qpackEncoderStream, "an instruction for the table, which has no room")
		}
		if err := c.floods.control(); err != nil {
			return err
		}
	}
}

// decoderStream reads what the peer says of its table, into which we insert
// nothing: a stream may be cancelled, nothing can be acknowledged (RFC 9204
// §4.4).
func (c *h3Conn) decoderStream(in *bufio.Reader) error {
	for {
		b, err := in.ReadByte()
		switch {
		case err != nil:
			return err
		case b&0xc0 != 0x40:
			return breaks(qpackDecoderStream, "an acknowledgement of what was never inserted")
		}
		for n, more := 0, b&0x3f == 0x3f; more; n++ { // the number's other bytes (RFC 7541 §5.1)
			if n == maxPrefixedInt {
				return breaks(qpackDecoderStream, "a number of more than %d bytes", maxPrefixedInt)
			}
			if b, err = in.ReadByte(); err != nil {
				return err
			}
			more = b&0x80 != 0
		}
		if err := c.floods.control(); err != nil {
			return err
		}
	}
}

// maxPrefixedInt bounds the bytes of an integer behind its prefix: nine hold
// the 62 bits of a stream's number.
const maxPrefixedInt = 9
