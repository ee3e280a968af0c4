package wire

import (
	"errors"
	"fmt"

	"github.com/quic-go/quic-go"

	"waypost/fault"
)

// h3Code is an error code of HTTP/3 (RFC 9114 §8.1) or QPACK (RFC 9204 §6).
// The same numbers reset a stream and close a connection.
type h3Code uint64

const (
	h3NoError              h3Code = 0x100
	h3GeneralProtocolError h3Code = 0x101
	h3InternalError        h3Code = 0x102
	h3StreamCreationError  h3Code = 0x103
	h3ClosedCriticalStream h3Code = 0x104
	h3FrameUnexpected      h3Code = 0x105
	h3FrameError           h3Code = 0x106
	h3ExcessiveLoad        h3Code = 0x107
	h3IDError              h3Code = 0x108
	h3SettingsError        h3Code = 0x109
	h3MissingSettings      h3Code = 0x10a
	h3RequestRejected      h3Code = 0x10b
	h3RequestCancelled     h3Code = 0x10c
	h3RequestIncomplete    h3Code = 0x10d
	h3MessageError         h3Code = 0x10e
	h3ConnectError         h3Code = 0x10f
	h3VersionFallback      h3Code = 0x110
	qpackDecompression     h3Code = 0x200
	qpackEncoderStream     h3Code = 0x201
	qpackDecoderStream     h3Code = 0x202
)

func (c h3Code) String() string {
	switch c {
	case h3NoError:
		return "H3_NO_ERROR"
	case h3GeneralProtocolError:
		return "H3_GENERAL_PROTOCOL_ERROR"
	case h3InternalError:
		return "H3_INTERNAL_ERROR"
	case h3StreamCreationError:
		return "H3_STREAM_CREATION_ERROR"
	case h3ClosedCriticalStream:
		return "H3_CLOSED_CRITICAL_STREAM"
	case h3FrameUnexpected:
		return "H3_FRAME_UNEXPECTED"
	case h3FrameError:
		return "H3_FRAME_ERROR"
	case h3ExcessiveLoad:
		return "H3_EXCESSIVE_LOAD"
	case h3IDError:
		return "H3_ID_ERROR"
	case h3SettingsError:
		return "H3_SETTINGS_ERROR"
	case h3MissingSettings:
		return "H3_MISSING_SETTINGS"
	case h3RequestRejected:
		return "H3_REQUEST_REJECTED"
	case h3RequestCancelled:
		return "H3_REQUEST_CANCELLED"
	case h3RequestIncomplete:
		return "H3_REQUEST_INCOMPLETE"
	case h3MessageError:
		return "H3_MESSAGE_ERROR"
	case h3ConnectError:
		return "H3_CONNECT_ERROR"
	case h3VersionFallback:
		return "H3_VERSION_FALLBACK"
	case qpackDecompression:
		return "QPACK_DECOMPRESSION_FAILED"
	case qpackEncoderStream:
		return "QPACK_ENCODER_STREAM_ERROR"
	case qpackDecoderStream:
		return "QPACK_DECODER_STREAM_ERROR"
	}
	return fmt.Sprintf("code %#x", uint64(c))
}

// h3Broken is a violation of the protocol that ends the connection.
type h3Broken struct {
	code   h3Code
	reason string
}

func (e *h3Broken) Error() string { return fmt.Sprintf("%v: %s", e.code, e.reason) }

func breaks(code h3Code, format string, args ...any) error {
	return &h3Broken{code, fmt.Sprintf(format, args...)}
}

// h3Reset is a violation that ends one stream.
type h3Reset struct {
	code   h3Code
	reason string
}

func (e *h3Reset) Error() string { return fmt.Sprintf("%v: %s", e.code, e.reason) }

func aborts(code h3Code, format string, args ...any) error {
	return &h3Reset{code, fmt.Sprintf(format, args...)}
}

// h3PeerReset is what a stream is told that the peer has reset, or asked us
// to stop sending on.
type h3PeerReset struct{ code h3Code }

func (e *h3PeerReset) Error() string { return "reset by the peer: " + e.code.String() }

// quicFault names an error of package quic. What it says about the ends is
// said in our words.
func quicFault(op string, err error) error {
	var stream *quic.StreamError
	var app *quic.ApplicationError
	var transport *quic.TransportError
	var idle *quic.IdleTimeoutError
	switch {
	case errors.As(err, &stream) && stream.Remote:
		return fault.New(fault.ConnectionTerminated, op, &h3PeerReset{h3Code(stream.ErrorCode)})
	case errors.As(err, &app) && app.Remote:
		return fault.New(fault.ConnectionTerminated, op, fmt.Errorf("the peer closed the connection: %v%s", h3Code(app.ErrorCode), because(app.ErrorMessage)))
	case errors.As(err, &transport) && transport.Remote && transport.ErrorCode == quic.ConnectionRefused:
		return fault.New(fault.ConnectionRefused, op, errors.New("the server takes no connection now"))
	case errors.As(err, &transport) && transport.Remote && transport.ErrorCode.IsCryptoError():
		return fault.New(fault.TLSAlertReceived, op, errors.New(transport.ErrorCode.String()))
	case errors.As(err, &idle):
		return fault.New(fault.ConnectionTerminated, op, errors.New("nothing was heard of the peer until the idle timeout"))
	}
	return fault.New(fault.ConnectionTerminated, op, err)
}

// because is a peer's explanation, in quotes.
func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + quote(text)
}
