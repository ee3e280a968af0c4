package wire

import "github.com/quic-go/quic-go/quicvarint"

// h3FrameType is the type of a frame (RFC 9114 §7.2).
type h3FrameType uint64

const (
	h3Data        h3FrameType = 0x00
	h3Headers     h3FrameType = 0x01
	h3CancelPush  h3FrameType = 0x03
	h3Settings    h3FrameType = 0x04
	h3PushPromise h3FrameType = 0x05
	h3GoAway      h3FrameType = 0x07
	h3MaxPushID   h3FrameType = 0x0d
)

// known reports whether the type has a meaning, or had one in HTTP/2: such a
// frame must stand where it belongs, others are ignored (RFC 9114 §7.2.8,
// §9).
func (t h3FrameType) known() bool {
	switch t {
	case h3Data, h3Headers, h3CancelPush, h3Settings, h3PushPromise, h3GoAway, h3MaxPushID, 0x02, 0x06, 0x08, 0x09:
		return true
	}
	return false
}

func (t h3FrameType) String() string {
	switch t {
	case h3Data:
		return "DATA"
	case h3Headers:
		return "HEADERS"
	case h3CancelPush:
		return "CANCEL_PUSH"
	case h3Settings:
		return "SETTINGS"
	case h3PushPromise:
		return "PUSH_PROMISE"
	case h3GoAway:
		return "GOAWAY"
	case h3MaxPushID:
		return "MAX_PUSH_ID"
	case 0x02, 0x06, 0x08, 0x09:
		return "HTTP/2's frame of type " + string('0'+rune(t))
	}
	return "unknown frame"
}

// h3Frame is the beginning of a frame: its type and the length of its
// payload (RFC 9114 §7.1).
type h3Frame struct {
	kind   h3FrameType
	length uint64
}

// parseH3Frame reads the beginning of a frame off b. n is its size, 0 when b
// does not hold all of it.
func parseH3Frame(b []byte) (f h3Frame, n int) {
	kind, k, err := quicvarint.Parse(b)
	if err != nil {
		return h3Frame{}, 0
	}
	length, l, err := quicvarint.Parse(b[k:])
	if err != nil {
		return h3Frame{}, 0
	}
	return h3Frame{h3FrameType(kind), length}, k + l
}

// appendH3Frame appends the beginning of a frame.
func appendH3Frame(b []byte, kind h3FrameType, length int64) []byte {
	return quicvarint.Append(quicvarint.Append(b, uint64(kind)), uint64(length))
}

// parseH3ID reads a payload that is one number and nothing else, as GOAWAY
// and MAX_PUSH_ID have it.
func parseH3ID(payload []byte) (id uint64, ok bool) {
	id, n, err := quicvarint.Parse(payload)
	return id, err == nil && n == len(payload)
}
