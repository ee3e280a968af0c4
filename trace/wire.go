package trace

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// ID identifies a journey across all stations (W3C Trace Context, trace-id).
type ID [2]uint64

// String is the 32 lower-case hexadecimal digits of the W3C form.
func (id ID) String() string { return fmt.Sprintf("%016x%016x", id[0], id[1]) }

// ParseID reads the form that String writes.
func ParseID(s string) (ID, bool) {
	if len(s) != 32 {
		return ID{}, false
	}
	hi, ok1 := hex64(s[:16])
	lo, ok2 := hex64(s[16:])
	id := ID{hi, lo}
	return id, ok1 && ok2 && id != ID{}
}

// SpanID identifies a stretch of work (W3C Trace Context, parent-id).
type SpanID uint64

// String is 16 lower-case hexadecimal digits.
func (id SpanID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseSpanID reads the form that String writes. Zero is allowed: it is the
// parent of a root.
func ParseSpanID(s string) (SpanID, bool) {
	if len(s) != 16 {
		return 0, false
	}
	v, ok := hex64(s)
	return SpanID(v), ok
}

// Context is what passes between stations: over HTTP in the traceparent
// field (W3C Trace Context §3.2), over DNS in an EDNS option between our own
// servers.
type Context struct {
	Trace   ID
	Span    SpanID
	Sampled bool
}

// String is the traceparent form, version 00.
func (c Context) String() string {
	flags := "00"
	if c.Sampled {
		flags = "01"
	}
	return "00-" + c.Trace.String() + "-" + c.Span.String() + "-" + flags
}

// ParseContext reads a traceparent value. Later versions are read by their
// first four parts, as W3C Trace Context §4.3 asks.
func ParseContext(s string) (Context, bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return Context{}, false
	}
	version, ok := hexByte(s[:2])
	if !ok || version == 0xff || version == 0 && len(s) != 55 || len(s) > 55 && s[55] != '-' {
		return Context{}, false
	}
	id, ok1 := ParseID(s[3:35])
	span, ok2 := ParseSpanID(s[36:52])
	flags, ok3 := hexByte(s[53:55])
	if !ok1 || !ok2 || !ok3 || span == 0 {
		return Context{}, false
	}
	return Context{Trace: id, Span: span, Sampled: flags&1 != 0}, true
}

// EDNSOption is the option code under which a Context travels in DNS, from
// the range that RFC 6891 §9 leaves to local use. It is sent only to servers
// that the configuration names as our own.
const EDNSOption = 65400

// binaryLen is version, trace id, span id, flags.
const binaryLen = 1 + 16 + 8 + 1

// AppendBinary appends the option's content to b.
func (c Context) AppendBinary(b []byte) []byte {
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, c.Trace[0])
	b = binary.BigEndian.AppendUint64(b, c.Trace[1])
	b = binary.BigEndian.AppendUint64(b, uint64(c.Span))
	if c.Sampled {
		return append(b, 1)
	}
	return append(b, 0)
}

// ParseBinary reads the option's content.
func ParseBinary(b []byte) (Context, bool) {
	if len(b) != binaryLen || b[0] != 0 {
		return Context{}, false
	}
	c := Context{
		Trace:   ID{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:])},
		Span:    SpanID(binary.BigEndian.Uint64(b[17:])),
		Sampled: b[25]&1 != 0,
	}
	return c, c.Trace != ID{} && c.Span != 0
}

// hex64 reads 16 lower-case hexadecimal digits: upper case is invalid in
// traceparent.
func hex64(s string) (uint64, bool) {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return 0, false
		}
	}
	v, err := strconv.ParseUint(s, 16, 64)
	return v, err == nil
}

func hexByte(s string) (byte, bool) {
	v, ok := hex64(s)
	return byte(v), ok
}
