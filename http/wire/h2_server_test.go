package wire

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"waypost/fault"
)

// with is h2Get with lines changed or added: a line replaces the one with
// its name, "-name" drops it.
func with(lines ...string) []string {
	out := append([]string(nil), h2Get...)
	for _, l := range lines {
		if name, drop := strings.CutPrefix(l, "-"); drop {
			for i := range out {
				if strings.HasPrefix(out[i], name+":") {
					out = append(out[:i], out[i+1:]...)
					break
				}
			}
			continue
		}
		name := l[:strings.Index(l[1:], ":")+1]
		replaced := false
		for i := range out {
			if strings.HasPrefix(out[i], name+":") && name[0] == ':' && !replaced {
				out[i], replaced = l, true
			}
		}
		if !replaced {
			out = append(out, l)
		}
	}
	return out
}

func TestH2Requests(t *testing.T) {
	const reset = "RST_STREAM 1 PROTOCOL_ERROR"
	status := func(n int) string { return fmt.Sprintf("HEADERS 1 :status=%d", n) }
	tests := []struct {
		name   string
		fields []string
		want   string
	}{
		{"a GET", with(), status(200)},
		{"te: trailers", with("te: trailers"), status(200)},
		{"equal host", with("host: h"), status(200)},
		{"host alone", with("-:authority", "host: h"), status(200)},
		{"OPTIONS *", with(":method: OPTIONS", ":path: *"), status(200)},
		{"CONNECT", with(":method: CONNECT", ":authority: h:80", "-:scheme", "-:path"), status(403)},

		// RFC 9113 §8.2.
		{"upper case", with("Accept: x"), reset},
		{"space in a name", with("a b: x"), reset},
		{"empty name", append(with(), ": x"), reset},
		{"control character", with("a: b\x01"), reset},
		{"line break", with("a: b\r\nc: d"), reset},
		{"space before a value", with("a:  b"), reset},
		{"space behind a value", with("a: b "), reset},
		{"connection", with("connection: close"), reset},
		{"keep-alive", with("keep-alive: 5"), reset},
		{"proxy-connection", with("proxy-connection: x"), reset},
		{"transfer-encoding", with("transfer-encoding: chunked"), reset},
		{"upgrade", with("upgrade: x"), reset},
		{"te: gzip", with("te: gzip"), reset},
		// RFC 9113 §8.3.
		{"no method", with("-:method"), reset},
		{"no scheme", with("-:scheme"), reset},
		{"no path", with("-:path"), reset},
		{"empty path", with(":path: "), reset},
		{"two paths", append(with(), ":path: /x"), reset},
		{"pseudo-field after a field", append(with("a: b"), ":x: y"), reset},
		{"unknown pseudo-field", append(with(), ":x: y"), reset},
		{"a response's pseudo-field", append(with(), ":status: 200"), reset},
		{"invalid method", with(":method: G T"), reset},
		{"host differs", with("host: i"), reset},
		{"two hosts", with("-:authority", "host: h", "host: h"), reset},
		{"CONNECT with path", with(":method: CONNECT", ":authority: h:80"), reset},
		{"CONNECT without port", with(":method: CONNECT", "-:scheme", "-:path"), reset},
		{":protocol with GET", append(with(), ":protocol: websocket"), reset},
		{"no body for a length", with("content-length: 5"), reset},
		{"two lengths", with("content-length: 0", "content-length: 1"), reset},
		{"a signed length", with("content-length: +0"), reset},
		// What is well-formed and still not taken is answered.
		{"no authority", with("-:authority"), status(400)},
		{"invalid authority", with(":authority: a b"), status(400)},
		{"userinfo", with(":authority: a@h"), status(400)},
		{"relative path", with(":path: a"), status(400)},
		{"space in the path", with(":path: /a b"), status(400)},
		{"foreign scheme", with(":scheme: ftp"), status(400)},
		{"other scheme", with(":scheme: https"), status(421)},
		{"long path", with(":path: /" + strings.Repeat("a", 9<<10)), status(414)},
		{"long method", with(":method: " + strings.Repeat("M", 33)), status(501)},
		{"unknown expectation", with("expect: gold"), status(417)},
		{"many fields", with(strings.Split(strings.Repeat("a: b,", 200)+"a: b", ",")...), status(431)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := 0
				p := dialH2(t, &Server{Handler: HandlerFunc(echo), Bad: func(BadRequest) { told++ }})
				p.headers(1, true, tt.fields...)
				if got := p.next(); !strings.HasPrefix(got, tt.want) {
					t.Fatalf("got %s, want %s", got, tt.want)
				}
				synctest.Wait()
				if want := b2i(!strings.Contains(tt.want, "=200") && !strings.Contains(tt.want, "=403")); told != want {
					t.Errorf("Bad was told %d times, want %d", told, want)
				}
				// The connection goes on.
				p.headers(3, true, h2Get...)
				p.skipTo("HEADERS 3 :status=200")
			})
		})
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestH2Floods: what costs the client nothing is bounded, and the connection
// says why it ends.
func TestH2Floods(t *testing.T) {
	tests := []struct {
		name   string
		frame  func(p *h2Peer, i uint32) error
		within int // frames
	}{
		{"PING", func(p *h2Peer, i uint32) error { return p.fr.WritePing(false, [8]byte{}) }, maxAnswered + 10},
		{"SETTINGS", func(p *h2Peer, i uint32) error { return p.fr.WriteSettings() }, maxAnswered + 10},
		{"PRIORITY", func(p *h2Peer, i uint32) error { return p.fr.WritePriority(1, http2.PriorityParam{Weight: 1}) }, maxIdle + 10},
		{"unknown frames", func(p *h2Peer, i uint32) error { return p.fr.WriteRawFrame(0x42, 0, 0, nil) }, maxIdle + 10},
		{"rapid reset", func(p *h2Peer, i uint32) error {
			p.headers(2*i+1, true, with(":path: /slow")...)
			return p.fr.WriteRSTStream(2*i+1, http2.ErrCodeCancel)
		}, maxResets + 10},
		{"made to reset", func(p *h2Peer, i uint32) error {
			p.headers(2*i+1, true, with(":path: /slow")...)
			return p.fr.WriteWindowUpdate(2*i+1, 0)
		}, maxResets + 10},
		{"malformed requests", func(p *h2Peer, i uint32) error {
			p.headers(2*i+1, true, with("-:path")...)
			return nil
		}, maxResets + 10},
		{"empty DATA", func(p *h2Peer, i uint32) error {
			if i == 0 {
				p.headers(1, false, with(":path: /slow")...)
			}
			return p.fr.WriteData(1, false, nil)
		}, maxIdle + 10},
		{"CONTINUATION", func(p *h2Peer, i uint32) error {
			if i == 0 {
				return p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(h2Get...)})
			}
			return p.fr.WriteContinuation(1, false, nil)
		}, maxContinuations + 10},
		{"endless header block", func(p *h2Peer, i uint32) error {
			if i == 0 {
				return p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(h2Get...)})
			}
			return p.fr.WriteContinuation(1, false, p.encode("a: "+strings.Repeat("b", 16000)))
		}, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var running, most atomic.Int32
				l := serveMem(t, &Server{Handler: HandlerFunc(func(x Exchange) {
					if x.Request().Path == "/other" {
						echo(x)
						return
					}
					if n := running.Add(1); n > most.Load() {
						most.Store(n)
					}
					defer running.Add(-1)
					<-x.Context().Done()
					time.Sleep(time.Millisecond)
				})})
				other, p := greeted(t, l), greeted(t, l)
				done := make(chan string)
				go func() {
					for {
						if got := p.next(); strings.HasPrefix(got, "GOAWAY") || got == "closed" {
							done <- got
							return
						}
					}
				}()
				for i := range tt.within {
					if err := tt.frame(p, uint32(i)); err != nil {
						break
					}
				}
				if got := <-done; !strings.Contains(got, "ENHANCE_YOUR_CALM more than") && !strings.Contains(got, "ENHANCE_YOUR_CALM header block") {
					t.Errorf("got %s", got)
				}
				other.headers(1, true, with(":path: /other")...)
				other.skipTo("DATA 1")
				p.conn.Close()
				synctest.Wait()
				if most.Load() > h2HandlersPerStream*DefaultStreamsPerConn {
					t.Errorf("%d handlers ran at once", most.Load())
				}
			})
		})
	}
}

// TestH2Unread: responses that nobody reads do not pile up.
func TestH2Unread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: hit(1 << 10)})
		p.conn.in.mu.Lock()
		p.conn.in.limit = 1 << 10 // the network takes no more
		p.conn.in.mu.Unlock()
		start := time.Now()
		for id := uint32(1); ; id += 2 {
			p.block.Reset()
			if err := p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.encode(h2Get...), EndStream: true, EndHeaders: true}); err != nil {
				break
			}
			if id > 100_000 {
				t.Fatal("still taking requests")
			}
			time.Sleep(10 * time.Millisecond)
		}
		// The first period was begun by what the network took.
		if since := time.Since(start); since < DefaultWriteTimeout || since > 2*DefaultWriteTimeout+time.Second {
			t.Errorf("cut off after %v", since)
		}
	})
}

func TestH2FlowControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrote error
		p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			_ = x.Respond(200, nil, 10)
			_, wrote = io.WriteString(x, "0123456789")
		})}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3})
		p.headers(1, true, h2Get...)
		p.expect("HEADERS 1 :status=200 content-length=10")
		p.expect(`DATA 1 "012"`)
		p.must(p.fr.WriteWindowUpdate(1, 2))
		p.expect(`DATA 1 "34"`)
		// A smaller initial window makes the stream's negative.
		p.must(p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}))
		p.expect("SETTINGS ack")
		p.must(p.fr.WriteWindowUpdate(1, 3))
		p.expect(`DATA 1 "5"`)
		start := time.Now()
		p.expect("RST_STREAM 1 CANCEL")
		if since := time.Since(start); since < DefaultWriteTimeout-time.Second || since > 2*DefaultWriteTimeout {
			t.Errorf("reset after %v", since)
		}
		synctest.Wait()
		if fault.Of(wrote) != fault.ConnectionWriteTimeout {
			t.Errorf("Write: %v", wrote)
		}
	})
}

// TestH2Backpressure: a handler that does not read makes the client wait,
// and what nobody will read is granted to other streams again.
func TestH2Backpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		go1 := make(chan bool)
		p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			<-go1
			_ = x.Respond(200, nil, 0)
		})})
		for id := uint32(1); id <= 3; id += 2 {
			p.headers(id, false, with(":method: POST")...)
			for sent := 0; sent < DefaultStreamWindow; sent += h2MaxFrame {
				p.must(p.fr.WriteData(id, false, make([]byte, h2MaxFrame)))
			}
		}
		if got := p.next(); got != "silence" && !strings.HasPrefix(got, "RST_STREAM") {
			t.Errorf("got %s, want nothing", got)
		}
		close(go1)
		p.skipTo("WINDOW_UPDATE 0 ")
		p.must(p.fr.WriteData(5, false, nil))
		p.skipTo("GOAWAY 3 PROTOCOL_ERROR DATA on stream 5, which is idle")
	})
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) { <-x.Context().Done() })})
		p.headers(1, false, with(":method: POST")...)
		for sent := 0; sent <= DefaultStreamWindow; sent += h2MaxFrame {
			p.must(p.fr.WriteData(1, false, make([]byte, h2MaxFrame)))
		}
		p.expect("RST_STREAM 1 FLOW_CONTROL_ERROR")
	})
}

func TestH2SlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			_, err = io.Copy(io.Discard, x.Request().Body)
		})})
		p.headers(1, false, with(":method: POST")...)
		start := time.Now()
		for time.Since(start) < DefaultBodyIdleTimeout+time.Second {
			p.must(p.fr.WriteData(1, false, []byte("x")))
			time.Sleep(time.Second)
		}
		p.expect("RST_STREAM 1 CANCEL")
		if fault.Of(err) != fault.ConnectionReadTimeout {
			t.Errorf("the handler got %v", err)
		}
	})
}

func TestH2SlowHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: HandlerFunc(echo)})
		start := time.Now()
		p.must(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(h2Get...)}))
		p.expect("closed")
		if since := time.Since(start); since != DefaultHeaderTimeout {
			t.Errorf("closed after %v", since)
		}
	})
}

func TestH2Idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: HandlerFunc(echo)})
		time.Sleep(DefaultIdleTimeout - time.Second)
		p.headers(1, true, h2Get...)
		p.expect("HEADERS 1 :status=200")
		p.expect("DATA 1")
		start := time.Now()
		p.expect("GOAWAY 1 NO_ERROR")
		if since := time.Since(start); since != DefaultIdleTimeout {
			t.Errorf("idle for %v", since)
		}
		p.expect("closed")
	})
}

func TestH2Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			if x.Request().Path == "/last" {
				x.Close()
			}
			time.Sleep(time.Second)
			_ = x.Respond(200, nil, 0)
		})})
		p.headers(1, true, h2Get...)
		p.headers(3, true, with(":path: /last")...)
		p.expect("GOAWAY 3 NO_ERROR")
		p.headers(5, true, h2Get...) // not looked at
		p.skipTo("HEADERS")
		p.skipTo("HEADERS")
		p.expect("closed")
	})
}

func TestH2Trailers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: HandlerFunc(echo)})
		p.headers(1, false, with(":method: POST", "content-length: 2")...)
		p.must(p.fr.WriteData(1, false, []byte("hi")))
		p.headers(1, true, "x-sum: 1")
		p.expect("HEADERS 1 :status=200")
		p.expect(`DATA 1 "POST h / body 2 \"hi\" x-sum=1" end`)
		p.headers(3, false, with(":method: POST")...)
		p.headers(3, false, "x-sum: 1")
		p.expect("RST_STREAM 3 PROTOCOL_ERROR")
		p.headers(5, false, with(":method: POST", "content-length: 2")...)
		p.must(p.fr.WriteData(5, true, []byte("h")))
		p.expect("RST_STREAM 5 PROTOCOL_ERROR")
	})
}

// TestH2StopsSending: a client that ends its body short because it has seen
// an early answer gets the rest of it (RFC 9113 §8.1); the handler learns
// that the body is not whole.
func TestH2StopsSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		p := dialH2(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			_ = x.Respond(413, nil, 5)
			_ = x.Flush()
			_, err = io.Copy(io.Discard, x.Request().Body)
			_, _ = io.WriteString(x, "large")
		})})
		p.headers(1, false, with(":method: POST", "content-length: 9")...)
		p.must(p.fr.WriteData(1, false, []byte("begun")))
		p.expect("HEADERS 1 :status=413")
		p.must(p.fr.WriteData(1, true, nil))
		p.expect(`DATA 1 "large" end`)
		p.expect("GOAWAY") // when it has been idle: no reset comes before
		if fault.Of(err) != fault.HTTPProtocolError {
			t.Errorf("the handler got %v", err)
		}
	})
}

// TestH2Cookies: crumbs are joined (RFC 9113 §8.2.3).
func TestH2Cookies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: HandlerFunc(echo)})
		p.headers(1, true, with("cookie: a=1", "x: y", "cookie: b=2")...)
		p.expect("HEADERS 1 :status=200")
		p.expect(`DATA 1 "GET h / cookie=a=1; b=2 x=y" end`)
	})
}

func TestPanicked(t *testing.T) {
	for _, proto := range protocols {
		synctest.Test(t, func(t *testing.T) {
			var told any
			l := serveMem(t, &Server{
				Handler:  HandlerFunc(func(Exchange) { panic("oh no") }),
				Panicked: func(value any, _ []byte) { told = value },
			})
			conn, err := l.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c, err := NewClient(conn, proto, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Do(t.Context(), get("/")); fault.Of(err) != fault.ConnectionTerminated {
				t.Errorf("%s: Do: %v", proto, err)
			}
			synctest.Wait()
			if told != "oh no" {
				t.Errorf("%s: Panicked was told %v", proto, told)
			}
		})
	}
}
