package origin

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Read returns the next message. Pings are answered on the way. The error is
// a *CloseError when the client closed or broke the protocol, which has been
// answered then; any other means that the connection is gone.
func (s *Socket) Read() (Message, error) {
	s.reading <- struct{}{}
	defer func() { <-s.reading }()
	var m Message
	state := ws.StateServerSide
	for {
		h, payload, err := s.frame(state, s.options.MaxMessage-int64(len(m.Data)))
		if err != nil {
			return m, err
		}
		switch h.OpCode {
		case ws.OpPing:
			if err := s.write(ws.OpPong, payload); err != nil {
				return m, err
			}
			continue
		case ws.OpPong:
			continue
		case ws.OpClose:
			return m, s.closed(payload)
		case ws.OpText, ws.OpBinary:
			m.Text = h.OpCode == ws.OpText
		}
		m.Data = append(m.Data, payload...)
		if !h.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		if m.Text && !utf8.Valid(m.Data) {
			return m, s.fail(StatusInvalidData, "text is not UTF-8")
		}
		return m, nil
	}
}

// frame reads one frame; room is what is left of a message's size.
func (s *Socket) frame(state ws.State, room int64) (ws.Header, []byte, error) {
	// A client that lives answers our pings.
	s.conn.SetReadDeadline(time.Now().Add(s.options.PingEvery + s.options.PongWait))
	h, err := ws.ReadHeader(s.in)
	switch {
	case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
		return h, nil, s.fail(StatusProtocolError, err.Error())
	case err != nil:
		return h, nil, err
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, nil, s.fail(StatusProtocolError, err.Error())
	}
	if !h.OpCode.IsControl() && h.Length > room {
		return h, nil, s.fail(StatusTooLarge, fmt.Sprintf("a message has at most %d bytes here", s.options.MaxMessage))
	}
	payload, err := s.payload(h)
	return h, payload, err
}

// payload reads a frame's payload, whose length has been checked. It grows
// with what comes, not with what was announced.
func (s *Socket) payload(h ws.Header) ([]byte, error) {
	const step = 4 << 10
	var p []byte
	for int64(len(p)) < h.Length {
		n := len(p)
		p = append(p, make([]byte, min(step, h.Length-int64(n)))...)
		if _, err := io.ReadFull(s.in, p[n:]); err != nil {
			return nil, err
		}
	}
	if h.Masked {
		ws.Cipher(p, h.Mask, 0)
	}
	return p, nil
}

// fail ends the socket because of what the client sent. It is called by the
// reader.
func (s *Socket) fail(code int, reason string) error {
	s.goodbye(code, reason)
	s.awaitClose()
	return &CloseError{Code: code, Reason: reason}
}

// closed answers the client's close frame with the same code (RFC 6455
// §5.5.1).
func (s *Socket) closed(payload []byte) error {
	if len(payload) == 0 {
		s.goodbye(StatusNormal, "")
		s.conn.Close()
		return &CloseError{Code: noStatus}
	}
	if len(payload) == 1 {
		return s.fail(StatusProtocolError, "a close frame without a whole code")
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if err := ws.CheckCloseFrameData(code, reason); err != nil {
		return s.fail(StatusProtocolError, err.Error())
	}
	s.goodbye(int(code), "")
	s.conn.Close()
	return &CloseError{Code: int(code), Reason: reason}
}
