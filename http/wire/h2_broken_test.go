package wire

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// TestH2Broken: violations that end the connection, with the error that RFC
// 9113 asks for, and those that end a stream only.
func TestH2Broken(t *testing.T) {
	block := func(p *h2Peer) []byte { return bytes.Clone(p.encode(h2Get...)) }
	open := func(p *h2Peer, id uint32, end bool) { p.headers(id, end, with(":path: /wait", ":method: POST")...) }
	tests := []struct {
		name, want string
		send       func(p *h2Peer)
	}{
		{"DATA on stream 0", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) { _ = p.fr.WriteData(0, true, nil) }},
		{"HEADERS on an even stream", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) { p.headers(2, true, h2Get...) }},
		{"a lower stream", "GOAWAY 5 PROTOCOL_ERROR", func(p *h2Peer) { open(p, 5, true); open(p, 3, true) }},
		{"HEADERS between CONTINUATIONs", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) {
			_ = p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(p)})
			_ = p.fr.WritePing(false, [8]byte{})
		}},
		{"CONTINUATION alone", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) { _ = p.fr.WriteContinuation(1, true, nil) }},
		{"PUSH_PROMISE", "GOAWAY 1 PROTOCOL_ERROR", func(p *h2Peer) {
			open(p, 1, false)
			_ = p.fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block(p), EndHeaders: true})
		}},
		{"a frame too large", "GOAWAY 1 FRAME_SIZE_ERROR", func(p *h2Peer) { open(p, 1, false); _ = p.fr.WriteData(1, false, make([]byte, h2MaxFrame+1)) }},
		{"PING of 7 bytes", "GOAWAY 0 FRAME_SIZE_ERROR", func(p *h2Peer) { _ = p.fr.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7)) }},
		{"SETTINGS of 5 bytes", "GOAWAY 0 FRAME_SIZE_ERROR", func(p *h2Peer) { _ = p.fr.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) }},
		{"padded DATA without padding", "GOAWAY 1 FRAME_SIZE_ERROR", func(p *h2Peer) {
			open(p, 1, false)
			_ = p.fr.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, nil)
		}},
		{"HEADERS too short for a priority", "GOAWAY 0 FRAME_SIZE_ERROR", func(p *h2Peer) {
			_ = p.fr.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersPriority|http2.FlagHeadersPadded, 1, make([]byte, 3))
		}},
		{"padding beyond HEADERS", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) {
			_ = p.fr.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, 1, []byte{9, 0})
		}},
		{"an invalid index", "GOAWAY 0 COMPRESSION_ERROR", func(p *h2Peer) {
			_ = p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff}, EndHeaders: true})
		}},
		{"half a field", "GOAWAY 0 COMPRESSION_ERROR", func(p *h2Peer) {
			_ = p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x40, 0x0a}, EndHeaders: true})
		}},
		{"ENABLE_PUSH 2", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) { _ = p.fr.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 2}) }},
		{"a small MAX_FRAME_SIZE", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) {
			_ = p.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 100})
		}},
		{"a huge INITIAL_WINDOW_SIZE", "GOAWAY 0 FLOW_CONTROL_ERROR", func(p *h2Peer) {
			_ = p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}},
		{"a stream's window overflows by SETTINGS", "GOAWAY 1 FLOW_CONTROL_ERROR", func(p *h2Peer) {
			open(p, 1, false)
			_ = p.fr.WriteWindowUpdate(1, 1<<30)
			_ = p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		}},
		{"the connection's window overflows", "GOAWAY 0 FLOW_CONTROL_ERROR", func(p *h2Peer) { _ = p.fr.WriteWindowUpdate(0, 1<<31-1) }},
		{"an increment of 0", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) { _ = p.fr.WriteWindowUpdate(0, 0) }},
		{"WINDOW_UPDATE on an idle stream", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) { _ = p.fr.WriteWindowUpdate(7, 1) }},
		{"RST_STREAM on an idle stream", "GOAWAY 0 PROTOCOL_ERROR", func(p *h2Peer) { _ = p.fr.WriteRSTStream(7, http2.ErrCodeCancel) }},
		{"HEADERS on a closed stream", "GOAWAY 1 STREAM_CLOSED", func(p *h2Peer) {
			p.headers(1, true, h2Get...)
			p.skipTo("DATA 1")
			p.headers(1, true, h2Get...)
		}},

		{"a stream's window overflows", "RST_STREAM 1 FLOW_CONTROL_ERROR", func(p *h2Peer) { open(p, 1, false); _ = p.fr.WriteWindowUpdate(1, 1<<31-1) }},
		{"an increment of 0 on a stream", "RST_STREAM 1 PROTOCOL_ERROR", func(p *h2Peer) { open(p, 1, false); _ = p.fr.WriteWindowUpdate(1, 0) }},
		{"DATA after END_STREAM", "RST_STREAM 1 STREAM_CLOSED", func(p *h2Peer) { open(p, 1, true); _ = p.fr.WriteData(1, true, nil) }},
		{"HEADERS after END_STREAM", "RST_STREAM 1 STREAM_CLOSED", func(p *h2Peer) { open(p, 1, true); p.headers(1, true, "a: b") }},
		{"DATA on a closed stream", "RST_STREAM 1 STREAM_CLOSED", func(p *h2Peer) {
			p.headers(1, true, h2Get...)
			p.skipTo("DATA 1")
			_ = p.fr.WriteData(1, true, nil)
		}},
		{"PRIORITY on itself", "RST_STREAM 1 PROTOCOL_ERROR", func(p *h2Peer) { open(p, 1, false); _ = p.fr.WritePriority(1, http2.PriorityParam{StreamDep: 1}) }},
		{"a pseudo-field among trailers", "RST_STREAM 1 PROTOCOL_ERROR", func(p *h2Peer) { open(p, 1, false); p.headers(1, true, ":path: /") }},
		{"a bad trailer", "RST_STREAM 1 PROTOCOL_ERROR", func(p *h2Peer) { open(p, 1, false); p.headers(1, true, "A: b") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) {
					if x.Request().Path == "/wait" {
						<-x.Context().Done()
						return
					}
					echo(x)
				})})
				tt.send(p)
				p.skipTo(tt.want)
				if strings.HasPrefix(tt.want, "GOAWAY") {
					p.skipTo("closed")
					return
				}
				p.headers(11, true, h2Get...)
				p.skipTo("HEADERS 11 :status=200")
			})
		})
	}
}

func TestH2NoPreface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// What begins like the preface and is not, is an HTTP/1 request.
		got := raw(t, &Server{Handler: HandlerFunc(echo)}, http2Preface[:18]+"XX\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 505 ") {
			t.Errorf("got %q", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// SETTINGS must come first.
		p := newH2Peer(t, dialMem(t, &Server{Handler: HandlerFunc(echo)}))
		send(t, p.conn, http2Preface)
		p.must(p.fr.WritePing(false, [8]byte{}))
		p.skipTo("GOAWAY 0 PROTOCOL_ERROR the first frame is PING")
	})
}

// TestH2LargeHeads: heads that need CONTINUATION pass both ways.
func TestH2LargeHeads(t *testing.T) {
	both(t, func(x Exchange) {
		_ = x.Inform(103, x.Request().Fields)
		_ = x.Respond(200, x.Request().Fields, 0)
	}, func(t *testing.T, dial func() Client) {
		r := get("/")
		for i := range 3 {
			r.Fields.Add(fmt.Sprint("x-", i), strings.Repeat("{", 9000))
		}
		resp, _ := do(t, dial(), r)
		if len(resp.Fields) != 4 || resp.Fields.Get("x-2") != r.Fields.Get("X-2") || len(resp.Informed) != 1 {
			t.Errorf("%d fields came back", len(resp.Fields))
		}
	})
}

// TestH2Evicted: at the limit an idle HTTP/2 connection makes room too.
func TestH2Evicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveMem(t, &Server{Handler: HandlerFunc(echo), Limits: Limits{Connections: 1}})
		conn, _ := l.dial(t.Context())
		p := newH2Peer(t, conn)
		send(t, conn, http2Preface)
		p.must(p.fr.WriteSettings())
		p.skipTo("SETTINGS ack")
		second, err := l.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		p.skipTo("GOAWAY 0 NO_ERROR")
		send(t, second, "GET / HTTP/1.0\r\n\r\n")
		if got := readAll(second); got != okClose("GET  /") {
			t.Errorf("got %q", got)
		}
	})
}

// TestBothExpectTimeout: a server that knows nothing of 100 (Continue) gets
// the body after ExpectTimeout.
func TestBothExpectTimeout(t *testing.T) {
	start := time.Time{}
	synctest.Test(t, func(t *testing.T) {
		c := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		r := get("/")
		r.Method, r.Length, r.Expect, r.Body = "POST", 2, true, strings.NewReader("hi")
		start = time.Now()
		do(t, c, r)
		if since := time.Since(start); since != DefaultExpectTimeout {
			t.Errorf("took %v", since)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, p := acceptH2(t)
		r := get("/")
		r.Method, r.Length, r.Expect, r.Body = "POST", 2, true, strings.NewReader("hi")
		start = time.Now()
		wait := later(c, t.Context(), r)
		p.skipTo("HEADERS 1 ")
		p.skipTo(`DATA 1 "hi"`)
		if since := time.Since(start); since != DefaultExpectTimeout {
			t.Errorf("took %v", since)
		}
		p.headers(1, true, ":status: 200")
		if _, err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestInformHTTP10: HTTP/1.0 has no interim responses.
func TestInformHTTP10(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := raw(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			if err := x.Inform(103, nil); err != nil {
				t.Error(err)
			}
			_ = x.Respond(200, nil, -1)
			_, _ = io.WriteString(x, "to the end")
		})}, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		want := "HTTP/1.1 200 OK\r\nDate: " + epoch + "\r\nConnection: close\r\n\r\nto the end<closed>"
		if got != want {
			t.Errorf("got\n%q, want\n%q", got, want)
		}
	})
}
