package origin

import (
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// noStatus stands for a close frame without a code (RFC 6455 §7.1.5).
const noStatus = 1005

// errClosing is what a write meets after the close frame.
var errClosing = errors.New("websocket is closing")

// Write sends one message.
func (s *Socket) Write(text bool, data []byte) error {
	op := ws.OpBinary
	if text {
		op = ws.OpText
	}
	return s.write(op, data)
}

func (s *Socket) write(op ws.OpCode, payload []byte) error {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	if s.closing {
		return errClosing
	}
	s.closing = op == ws.OpClose
	s.conn.SetWriteDeadline(time.Now().Add(socketWriteWait))
	frame, err := ws.CompileFrame(ws.NewFrame(op, true, payload))
	if err != nil {
		return err
	}
	n, err := s.conn.Write(frame)
	s.written += int64(n)
	return err
}

// sent is the number of bytes written, frame heads included.
func (s *Socket) sent() int64 {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	return s.written
}

// Close sends a close frame with a code and a reason (at most 123 bytes),
// waits a little for the client's, and closes the connection. A Read that is
// under way ends.
func (s *Socket) Close(code int, reason string) {
	s.goodbye(code, reason)
	cut := time.AfterFunc(closeWait, func() { s.conn.Close() })
	defer cut.Stop()
	s.reading <- struct{}{} // a Read ends with the client's close frame, or is cut off
	defer func() { <-s.reading }()
	s.awaitClose()
}

// goodbye sends the close frame, once.
func (s *Socket) goodbye(code int, reason string) {
	s.farewell.Do(func() { close(s.ended) })
	_ = s.write(ws.OpClose, closePayload(code, reason)) // a client that is gone needs none
}

// closePayload cuts the reason to what a control frame holds, at a whole
// character.
func closePayload(code int, reason string) []byte {
	const room = ws.MaxControlFramePayloadSize - 2
	if len(reason) > room {
		reason = reason[:room]
		for !utf8.ValidString(reason) {
			reason = reason[:len(reason)-1]
		}
	}
	return ws.NewCloseFrameBody(ws.StatusCode(code), reason)
}

// closeDiscard bounds what a client may still send after our close frame: a
// message that was on its way.
const closeDiscard = 1 << 20

// awaitClose lets the client close first, so that our close frame is not
// lost to a reset (RFC 6455 §7.1.1), and closes. It is called by who holds
// reading.
func (s *Socket) awaitClose() {
	s.conn.SetReadDeadline(time.Now().Add(closeWait))
	for room := int64(closeDiscard); ; {
		h, err := ws.ReadHeader(s.in)
		if err != nil || h.OpCode == ws.OpClose || h.Length > room {
			break
		}
		room -= h.Length
		if _, err := io.CopyN(io.Discard, s.in, h.Length); err != nil {
			break
		}
	}
	s.conn.Close()
}

// keepAlive pings the client, and says goodbye when the server stops. A
// client that does not answer runs into Read's deadline.
func (s *Socket) keepAlive(draining <-chan struct{}) {
	tick := time.NewTicker(s.options.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s.write(ws.OpPing, nil) != nil {
				return
			}
		case <-draining:
			s.Close(StatusGoingAway, "the server stops")
			return
		case <-s.ended:
			return
		}
	}
}
