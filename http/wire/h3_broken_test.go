package wire

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/quicvarint"
)

// join is frames one after the other.
func joinFrames(frames ...[]byte) []byte { return slices.Concat(frames...) }

// TestH3Requests: what comes on a request stream, and what becomes of it.
func TestH3Requests(t *testing.T) {
	trailer := h3Lines("x-sum: 1")
	tests := []struct {
		name string
		send []byte
		want string
	}{
		{"a request", h3Lines(h3Get...), "200 DATA GET h /"},
		{"a body in pieces", joinFrames(h3PostAnd("content-length: 5"), h3Bytes(h3Data, "he"), h3Bytes(h3Data, ""), h3Bytes(h3Data, "llo")), `200 DATA POST h / body 5 "hello"`},
		{"trailers", joinFrames(h3Lines(h3Post...), h3Bytes(h3Data, "hi"), trailer), `200 DATA POST h / body -1 "hi" x-sum=1`},
		{"trailers without a body", joinFrames(h3Lines(h3Post...), trailer), `200 DATA POST h / body -1 "" x-sum=1`},
		{"unknown frames are passed over", joinFrames(h3Bytes(0x21, "grease"), h3Lines(h3Post...), h3Bytes(0x40, strings.Repeat("x", 9000)), h3Bytes(h3Data, "hi"), h3Bytes(0x21, "")), `200 DATA POST h / body -1 "hi"`},
		{"a crumbled cookie", h3GetAnd("cookie: a=1", "cookie: b=2"), "200 DATA GET h / cookie=a=1; b=2"},
		{"Host for :authority", h3Lines(":method: GET", ":scheme: https", ":path: /", "host: h"), "200 DATA GET h /"},

		// RFC 9114 §4.1, §7.2: frames in the wrong place end the connection.
		{"DATA first", h3Bytes(h3Data, "hello"), "closed H3_FRAME_UNEXPECTED"},
		{"SETTINGS", h3Bytes(h3Settings, ""), "closed H3_FRAME_UNEXPECTED"},
		{"GOAWAY", h3Bytes(h3GoAway, "\x00"), "closed H3_FRAME_UNEXPECTED"},
		{"CANCEL_PUSH", h3Bytes(h3CancelPush, "\x00"), "closed H3_FRAME_UNEXPECTED"},
		{"MAX_PUSH_ID", h3Bytes(h3MaxPushID, "\x00"), "closed H3_FRAME_UNEXPECTED"},
		{"PUSH_PROMISE", h3Bytes(h3PushPromise, "\x00"), "closed H3_FRAME_UNEXPECTED"},
		{"HTTP/2's PRIORITY", h3Bytes(0x02, ""), "closed H3_FRAME_UNEXPECTED"},
		{"HTTP/2's PING", h3Bytes(0x06, ""), "closed H3_FRAME_UNEXPECTED"},
		{"HTTP/2's WINDOW_UPDATE", h3Bytes(0x08, ""), "closed H3_FRAME_UNEXPECTED"},
		{"HTTP/2's CONTINUATION", h3Bytes(0x09, ""), "closed H3_FRAME_UNEXPECTED"},
		{"DATA after trailers", joinFrames(h3Lines(h3Post...), trailer, h3Bytes(h3Data, "hi")), "closed H3_FRAME_UNEXPECTED"},
		{"HEADERS after trailers", joinFrames(h3Lines(h3Post...), trailer, trailer), "closed H3_FRAME_UNEXPECTED"},
		{"SETTINGS in a body", joinFrames(h3Lines(h3Post...), h3Bytes(h3Settings, "")), "closed H3_FRAME_UNEXPECTED"},

		// RFC 9114 §7.1: a stream that ends within a frame.
		{"ends in a head", h3Lines(h3Get...)[:9], "closed H3_FRAME_ERROR"},
		{"ends in a frame's beginning", []byte{0x41}, "closed H3_FRAME_ERROR"},
		{"ends in DATA", joinFrames(h3Lines(h3Post...), h3Bytes(h3Data, "hello")[:4]), "closed H3_FRAME_ERROR"},
		{"ends in an unknown frame", h3Bytes(0x21, "grease")[:4], "closed H3_FRAME_ERROR"},

		// RFC 9204 §2.2, §6.
		{"insert count", h3Bytes(h3Headers, "\x01\x00\xd1"), "closed QPACK_DECOMPRESSION_FAILED"},
		{"base", h3Bytes(h3Headers, "\x00\x01\xd1"), "closed QPACK_DECOMPRESSION_FAILED"},
		{"dynamic index", h3Bytes(h3Headers, "\x00\x00\x80"), "closed QPACK_DECOMPRESSION_FAILED"},
		{"dynamic name", h3Bytes(h3Headers, "\x00\x00\x40\x00"), "closed QPACK_DECOMPRESSION_FAILED"},
		{"post-base index", h3Bytes(h3Headers, "\x00\x00\x10"), "closed QPACK_DECOMPRESSION_FAILED"},
		{"no such static index", h3Bytes(h3Headers, "\x00\x00\xff\x30"), "closed QPACK_DECOMPRESSION_FAILED"},
		{"ends in a string", h3Bytes(h3Headers, "\x00\x00\x23abc\x05x"), "closed QPACK_DECOMPRESSION_FAILED"},
		{"nothing at all", h3Bytes(h3Headers, ""), "closed QPACK_DECOMPRESSION_FAILED"},

		// RFC 9114 §4.1.2, §4.2, §4.3: malformed requests reset the stream.
		{"an empty section", h3Bytes(h3Headers, "\x00\x00"), "reset H3_MESSAGE_ERROR"},
		{"no :path", h3Lines(":method: GET", ":scheme: https", ":authority: h"), "reset H3_MESSAGE_ERROR"},
		{"no :scheme", h3Lines(":method: GET", ":authority: h", ":path: /"), "reset H3_MESSAGE_ERROR"},
		{"no :method", h3Lines(":scheme: https", ":authority: h", ":path: /"), "reset H3_MESSAGE_ERROR"},
		{":path twice", h3GetAnd(":path: /"), "reset H3_MESSAGE_ERROR"},
		{":path behind a field", h3Lines(":method: GET", ":scheme: https", ":authority: h", "x: y", ":path: /"), "reset H3_MESSAGE_ERROR"},
		{":status", h3GetAnd(":status: 200"), "reset H3_MESSAGE_ERROR"},
		{"unknown pseudo-field", h3GetAnd(":x: y"), "reset H3_MESSAGE_ERROR"},
		{"upper case", h3GetAnd("X: y"), "reset H3_MESSAGE_ERROR"},
		{"Connection", h3GetAnd("connection: close"), "reset H3_MESSAGE_ERROR"},
		{"Transfer-Encoding", h3GetAnd("transfer-encoding: chunked"), "reset H3_MESSAGE_ERROR"},
		{"TE: gzip", h3GetAnd("te: gzip"), "reset H3_MESSAGE_ERROR"},
		{"line feed in a value", h3GetAnd("x: a\nb"), "reset H3_MESSAGE_ERROR"},
		{"space around a value", h3GetAnd("x:  a"), "reset H3_MESSAGE_ERROR"},
		{"Host differs", h3GetAnd("host: other"), "reset H3_MESSAGE_ERROR"},
		{"Content-Length twice", h3PostAnd("content-length: 1", "content-length: 2"), "reset H3_MESSAGE_ERROR"},
		{"Content-Length: -1", h3PostAnd("content-length: -1"), "reset H3_MESSAGE_ERROR"},
		{"more DATA than announced", joinFrames(h3PostAnd("content-length: 3"), h3Bytes(h3Data, "hello")), "reset H3_MESSAGE_ERROR"},
		{"less DATA than announced", joinFrames(h3PostAnd("content-length: 9"), h3Bytes(h3Data, "hello")), "reset H3_MESSAGE_ERROR"},
		{"no DATA and a length", h3PostAnd("content-length: 9"), "reset H3_MESSAGE_ERROR"},
		{"DATA and no length", joinFrames(h3PostAnd("content-length: 0"), h3Bytes(h3Data, "hello")), "reset H3_MESSAGE_ERROR"},
		{"pseudo-field in trailers", joinFrames(h3Lines(h3Post...), h3Lines(":path: /")), "reset H3_MESSAGE_ERROR"},
		{":protocol without CONNECT", h3GetAnd(":protocol: websocket"), "reset H3_MESSAGE_ERROR"},
		{"CONNECT with a path", h3Lines(":method: CONNECT", ":authority: h:1", ":path: /"), "reset H3_MESSAGE_ERROR"},
		{"no head", nil, "reset H3_REQUEST_INCOMPLETE"},
		{"unknown frames alone", h3Bytes(0x21, "grease"), "reset H3_REQUEST_INCOMPLETE"},

		// What is well-formed and not taken is answered.
		{"no authority", h3Lines(":method: GET", ":scheme: https", ":path: /"), "400 DATA no :authority\n"},
		{"userinfo", h3Lines(":method: GET", ":scheme: https", ":authority: u@h", ":path: /"), "400 DATA invalid :authority \"u@h\"\n"},
		{"scheme http", h3Lines(":method: GET", ":scheme: http", ":authority: h", ":path: /"), "421 DATA request for http on an https connection\n"},
		{"long path", h3Lines(":method: GET", ":scheme: https", ":authority: h", ":path: /"+strings.Repeat("x", 9000)), "414 DATA request target longer than 8192 bytes\n"},
		{"large head", h3GetAnd("x: " + strings.Repeat("a", 40000)), "431 DATA more than 32768 bytes or 128 fields\n"},
		{"huge head", h3GetAnd("x: " + strings.Repeat("{", 90000)), "431 DATA more than 32768 bytes or 128 fields\n"},
		{"many fields", h3GetAnd(slices.Repeat([]string{"x: y"}, 200)...), "431 DATA more than 32768 bytes or 128 fields\n"},
		{"expectation", h3PostAnd("expect: miracles"), "417 DATA unknown expectation \"miracles\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var bad []BadRequest
				p := serveQUIC(t, &Server{Handler: HandlerFunc(echo), Bad: func(b BadRequest) {
					mu.Lock()
					defer mu.Unlock()
					bad = append(bad, b)
				}}).raw(t)
				p.greet()
				got := outcome(p.stream(tt.send, true))
				if strings.HasPrefix(tt.want, "closed") && got != tt.want {
					got = "closed " + p.closedWith() // the stream's own end came first
				}
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				inBody := strings.Contains(tt.name, "DATA and no") || strings.Contains(tt.name, "DATA than") || strings.Contains(tt.name, "in trailers") || strings.Contains(tt.name, "and a length")
				if told := len(bad) > 0; told == strings.HasPrefix(tt.want, "200") && !inBody {
					t.Errorf("Bad was told %+v", bad)
				}
			})
		})
	}
}

// TestH3Streams: what comes on the other streams (RFC 9114 §6.2, §7.2, RFC
// 9204 §4.2).
func TestH3Streams(t *testing.T) {
	settings := func(pairs ...uint64) []byte {
		var b []byte
		for _, v := range pairs {
			b = quicvarint.Append(b, v)
		}
		return joinFrames([]byte{0}, h3Bytes(h3Settings, string(b)))
	}
	ok := settings()
	tests := []struct {
		name string
		send [][]byte // one for each stream
		end  bool
		want string
	}{
		{name: "settings that we know, and others", send: [][]byte{settings(1, 4096, 6, 100, 7, 16, 8, 1, 0x33, 1, 0x21, 5)}, want: "open"},
		{name: "all three, and unknown ones", send: [][]byte{ok, {2, 0x20}, {3, 0x44, 0x7f, 0x80, 0x01}, {0x21, 1, 2, 3}}, want: "open"},
		{name: "unknown frames", send: [][]byte{joinFrames(ok, h3Bytes(0x21, strings.Repeat("x", 5000)), h3Bytes(0xf0700, "\x00u=1"))}, want: "open"},
		{name: "pushes allowed", send: [][]byte{joinFrames(ok, h3Bytes(h3MaxPushID, "\x05"), h3Bytes(h3MaxPushID, "\x08"))}, want: "open"},
		{name: "GOAWAY", send: [][]byte{joinFrames(ok, h3Bytes(h3GoAway, "\x00"))}, want: "open"},

		{name: "no settings", send: [][]byte{joinFrames([]byte{0}, h3Bytes(h3GoAway, "\x00"))}, want: "H3_MISSING_SETTINGS"},
		{name: "an unknown frame before settings", send: [][]byte{joinFrames([]byte{0}, h3Bytes(0x21, ""))}, want: "H3_MISSING_SETTINGS"},
		{name: "settings twice", send: [][]byte{joinFrames(ok, h3Bytes(h3Settings, ""))}, want: "H3_FRAME_UNEXPECTED"},
		{name: "DATA", send: [][]byte{joinFrames(ok, h3Bytes(h3Data, ""))}, want: "H3_FRAME_UNEXPECTED"},
		{name: "HEADERS", send: [][]byte{joinFrames(ok, h3Lines(h3Get...))}, want: "H3_FRAME_UNEXPECTED"},
		{name: "PUSH_PROMISE", send: [][]byte{joinFrames(ok, h3Bytes(h3PushPromise, "\x00"))}, want: "H3_FRAME_UNEXPECTED"},
		{name: "HTTP/2's frame", send: [][]byte{joinFrames(ok, h3Bytes(0x06, "12345678"))}, want: "H3_FRAME_UNEXPECTED"},
		{name: "HTTP/2's setting", send: [][]byte{settings(2, 0)}, want: "H3_SETTINGS_ERROR"},
		{name: "a setting twice", send: [][]byte{settings(6, 1, 6, 1)}, want: "H3_SETTINGS_ERROR"},
		{name: "CONNECT 2", send: [][]byte{settings(8, 2)}, want: "H3_SETTINGS_ERROR"},
		{name: "half a setting", send: [][]byte{joinFrames([]byte{0}, h3Bytes(h3Settings, "\x06"))}, want: "H3_FRAME_ERROR"},
		{name: "large settings", send: [][]byte{joinFrames([]byte{0}, appendH3Frame(nil, h3Settings, 1<<20))}, want: "H3_EXCESSIVE_LOAD"},
		{name: "CANCEL_PUSH", send: [][]byte{joinFrames(ok, h3Bytes(h3CancelPush, "\x00"))}, want: "H3_ID_ERROR"},
		{name: "CANCEL_PUSH too long", send: [][]byte{joinFrames(ok, h3Bytes(h3CancelPush, "\x00\x00"))}, want: "H3_FRAME_ERROR"},
		{name: "pushes withdrawn", send: [][]byte{joinFrames(ok, h3Bytes(h3MaxPushID, "\x08"), h3Bytes(h3MaxPushID, "\x05"))}, want: "H3_ID_ERROR"},
		{name: "MAX_PUSH_ID empty", send: [][]byte{joinFrames(ok, h3Bytes(h3MaxPushID, ""))}, want: "H3_FRAME_ERROR"},
		{name: "GOAWAY too long", send: [][]byte{joinFrames(ok, h3Bytes(h3GoAway, "\x00\x00"))}, want: "H3_FRAME_ERROR"},
		{name: "a second control stream", send: [][]byte{ok, ok}, want: "H3_STREAM_CREATION_ERROR"},
		{name: "a second encoder stream", send: [][]byte{ok, {2}, {2}}, want: "H3_STREAM_CREATION_ERROR"},
		{name: "a push stream", send: [][]byte{ok, {1, 0}}, want: "H3_STREAM_CREATION_ERROR"},
		{name: "control stream closed", send: [][]byte{ok}, end: true, want: "H3_CLOSED_CRITICAL_STREAM"},
		{name: "encoder stream closed", send: [][]byte{{2}}, end: true, want: "H3_CLOSED_CRITICAL_STREAM"},
		{name: "decoder stream closed", send: [][]byte{{3}}, end: true, want: "H3_CLOSED_CRITICAL_STREAM"},
		{name: "a table", send: [][]byte{ok, {2, 0x3f, 0x01}}, want: "QPACK_ENCODER_STREAM_ERROR"},
		{name: "an insertion", send: [][]byte{ok, {2, 0xc0, 0x00}}, want: "QPACK_ENCODER_STREAM_ERROR"},
		{name: "an acknowledgement", send: [][]byte{ok, {3, 0x84}}, want: "QPACK_DECODER_STREAM_ERROR"},
		{name: "an increment", send: [][]byte{ok, {3, 0x01}}, want: "QPACK_DECODER_STREAM_ERROR"},
		{name: "a number without end", send: [][]byte{ok, append([]byte{3, 0x7f}, slices.Repeat([]byte{0xff}, 20)...)}, want: "QPACK_DECODER_STREAM_ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serveQUIC(t, &Server{Handler: HandlerFunc(echo), Limits: Limits{IdleTimeout: 2 * time.Hour}}).raw(t)
				for _, b := range tt.send {
					s := p.uni(b)
					if tt.end {
						_ = s.Close()
					}
				}
				if tt.want != "open" {
					if got := p.closedWith(); got != tt.want {
						t.Errorf("closed with %s, want %s", got, tt.want)
					}
					return
				}
				synctest.Wait()
				if got := outcome(p.stream(h3Lines(h3Get...), true)); got != "200 DATA GET h /" {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}
