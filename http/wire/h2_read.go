package wire

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// This file reads frames and passes each to who acts on it.

// read reads frames and acts on them until the connection ends, and returns
// why: an *h2Broken, or the error of the connection.
func (c *h2Conn) read() error {
	settings := false
	for {
		fh, err := c.fr.ReadFrameHeader()
		if err == nil && !settings {
			if fh.Type != http2.FrameSettings || fh.Flags.Has(http2.FlagSettingsAck) {
				return broken(http2.ErrCodeProtocol, "the first frame is %v instead of SETTINGS", fh.Type)
			}
			settings = true
		}
		var f http2.Frame
		if err == nil {
			f, err = c.fr.ReadFrameForHeader(fh)
		}
		if err == nil {
			err = c.frame(f)
		} else {
			err = c.framing(fh, err)
		}
		var reset *h2Reset
		if errors.As(err, &reset) {
			err = c.reset(reset)
		}
		if err != nil {
			return err
		}
	}
}

// framing names an error of the framer.
func (c *h2Conn) framing(fh http2.FrameHeader, err error) error {
	var conn http2.ConnectionError
	var stream http2.StreamError
	reason := fmt.Sprintf("invalid %v frame", fh.Type)
	if d := c.fr.ErrorDetail(); d != nil {
		reason = d.Error()
	}
	switch {
	case errors.As(err, &conn):
		return broken(http2.ErrCode(conn), "%s", reason)
	case errors.As(err, &stream) && fh.Type == http2.FrameHeaders:
		// The block's fields are lost, and with them the state of the
		// header table: that is the connection's affair.
		return broken(stream.Code, "%s", reason)
	case errors.As(err, &stream):
		return resets(stream.StreamID, stream.Code, "%s", reason)
	case errors.Is(err, http2.ErrFrameTooLarge):
		return broken(http2.ErrCodeFrameSize, "%v frame of %d bytes", fh.Type, fh.Length)
	case errors.Is(err, io.ErrUnexpectedEOF) && fh.Length < leastLength(fh):
		return broken(http2.ErrCodeFrameSize, "%v frame of %d bytes", fh.Type, fh.Length)
	}
	return err
}

// leastLength is how long a frame must be for what its flags announce.
func leastLength(fh http2.FrameHeader) (n uint32) {
	switch fh.Type {
	case http2.FrameHeaders:
		if fh.Flags.Has(http2.FlagHeadersPriority) {
			n += 5
		}
		fallthrough
	case http2.FrameData:
		if fh.Flags.Has(http2.FlagDataPadded) { // the same bit in both
			n++
		}
	}
	return n
}

// frame acts on one frame.
func (c *h2Conn) frame(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.DataFrame:
		return c.data(f)
	case *http2.HeadersFrame:
		c.block.begin(f.StreamID, f.StreamEnded())
		if f.HasPriority() && f.Priority.StreamDep == f.StreamID {
			c.block.wrong("a stream that depends on itself")
		}
		return c.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		return c.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		return c.ping(f)
	case *http2.WindowUpdateFrame:
		return c.windowUpdate(f)
	case *http2.RSTStreamFrame:
		return c.rstStream(f)
	case *http2.PriorityFrame:
		// Priorities of RFC 7540 are obsolete (RFC 9113 §5.3.2).
		if f.StreamDep == f.StreamID {
			return resets(f.StreamID, http2.ErrCodeProtocol, "a stream that depends on itself")
		}
		return c.floods.control()
	case *http2.PriorityUpdateFrame:
		return c.priorityUpdate(f)
	case *http2.GoAwayFrame:
		c.side.goneAway(f)
		return c.floods.control()
	case *http2.PushPromiseFrame:
		return broken(http2.ErrCodeProtocol, "PUSH_PROMISE, which nobody asked for")
	}
	// Unknown frames are ignored (RFC 9113 §4.1), but not in any number.
	return c.floods.control()
}

// fragment takes a piece of a header block. The others must follow within
// HeaderTimeout.
func (c *h2Conn) fragment(p []byte, last bool) error {
	if err := c.block.write(p, last); err != nil {
		return err
	}
	if last {
		if c.block.pieces > 1 {
			c.under.readBy(time.Time{})
		}
		return c.side.headers(c.block.id, c.block.endStream)
	}
	if d := c.limits.HeaderTimeout; d > 0 && c.block.pieces == 1 {
		c.under.readBy(time.Now().Add(d))
	}
	return nil
}

// idle reports whether the stream has never been open (RFC 9113 §5.1.1).
func (c *h2Conn) idle(id uint32) bool {
	if c.nextOurs != 0 {
		return id%2 == 0 || id >= c.nextOurs
	}
	return id%2 == 0 || id > c.lastPeer
}

// notOpen is an error for a frame on a stream that has never been open.
// Frames on closed ones cross their closing and are ignored (RFC 9113 §5.1).
func (c *h2Conn) notOpen(id uint32, what string) error {
	if c.idle(id) {
		return broken(http2.ErrCodeProtocol, "%s on stream %d, which is idle", what, id)
	}
	return nil
}

// closedStreams remembers the streams closed last, to tell a frame that was
// already under way from one that should not be.
type closedStreams struct {
	ring [64]closedStream
	next int
}

type closedStream struct {
	id   uint32
	ours bool // closed by our RST_STREAM: what the peer has sent before it knew is no fault
}

func (c *closedStreams) add(id uint32, ours bool) {
	c.ring[c.next%len(c.ring)] = closedStream{id, ours}
	c.next++
}

func (c *closedStreams) find(id uint32) (ours, ok bool) {
	for i := range c.ring {
		if c.ring[i].id == id {
			return c.ring[i].ours, true
		}
	}
	return false, false
}
