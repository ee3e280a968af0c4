package wire

import "github.com/quic-go/quic-go/quicvarint"

// The settings that matter (RFC 9114 §7.2.4.1, RFC 9204 §5, RFC 9220 §3).
// The table capacity and the number of blocked streams are 0 where they are
// not sent, which is what we want: without a dynamic table no stream waits
// for another, and a peer can store nothing with us.
const (
	h3SettingMaxFieldSection = 0x06
	h3SettingConnect         = 0x08
)

// h3PeerSettings are the peer's.
type h3PeerSettings struct {
	connects bool // SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 9220)
}

// parseH3Settings reads the payload of a SETTINGS frame.
func parseH3Settings(b []byte) (s h3PeerSettings, err error) {
	var seen []uint64
	for len(b) > 0 {
		id, n, err := quicvarint.Parse(b)
		if err != nil {
			return s, breaks(h3FrameError, "SETTINGS that end in an identifier")
		}
		value, m, err := quicvarint.Parse(b[n:])
		if err != nil {
			return s, breaks(h3FrameError, "SETTINGS that end in a value")
		}
		b = b[n+m:]
		for _, other := range seen {
			if other == id {
				return s, breaks(h3SettingsError, "setting %#x twice", id) // RFC 9114 §7.2.4
			}
		}
		seen = append(seen, id) // no more than h3MaxControl/2 of them
		switch id {
		case 0x02, 0x03, 0x04, 0x05: // HTTP/2's (RFC 9114 §7.2.4.1)
			return s, breaks(h3SettingsError, "HTTP/2's setting %#x", id)
		case h3SettingConnect:
			if value > 1 {
				return s, breaks(h3SettingsError, "SETTINGS_ENABLE_CONNECT_PROTOCOL is %d", value)
			}
			s.connects = value == 1
		}
	}
	return s, nil
}

// appendH3Settings appends a SETTINGS frame with ours.
func appendH3Settings(b []byte, limits *Limits, connects bool) []byte {
	var payload []byte
	payload = quicvarint.Append(payload, h3SettingMaxFieldSection)
	payload = quicvarint.Append(payload, uint64(limits.HeaderBytes))
	if connects {
		payload = quicvarint.Append(payload, h3SettingConnect)
		payload = quicvarint.Append(payload, 1)
	}
	return append(appendH3Frame(b, h3Settings, int64(len(payload))), payload...)
}
