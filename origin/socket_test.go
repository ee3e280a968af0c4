package origin

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"waypost/http/field"
	"waypost/http/wire"
)

const handshake = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// peer is a WebSocket client that does what it is told, right or wrong.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	head string
}

// socket connects; fields are whole lines.
func (g *rig) socket(fields string) *peer {
	g.t.Helper()
	p := &peer{t: g.t, conn: g.dial()}
	p.in = bufio.NewReader(p.conn)
	io.WriteString(p.conn, handshake+fields+"\r\n")
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			g.t.Fatalf("handshake: %v after %q", err, p.head)
		}
		if p.head += line; line == "\r\n" {
			return p
		}
	}
}

func (p *peer) send(op ws.OpCode, fin bool, payload string) {
	f := ws.NewFrame(op, fin, []byte(payload))
	ws.WriteFrame(p.conn, ws.MaskFrameInPlaceWith(f, [4]byte{1, 2, 3, 4}))
}

// next describes the next frame, e.g. "text hello" or "close 1000 bye".
func (p *peer) next() string {
	f, err := readFrame(p.in)
	if err != nil {
		return err.Error()
	}
	switch f.Header.OpCode {
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(f.Payload)
		return strings.TrimSpace(fmt.Sprintf("close %d %s", code, reason))
	case ws.OpPing:
		return "ping"
	case ws.OpPong:
		return "pong " + string(f.Payload)
	case ws.OpText:
		return "text " + string(f.Payload)
	}
	return "binary " + string(f.Payload)
}

// echo sends back what comes and keeps the error that ends it.
func echo(o SocketOptions, end *error) Config {
	return Config{Routes: []Route{{Name: "ws", Path: "/ws", Handle: func(w *Response, r *Request) {
		s, err := w.WebSocket(r, o)
		if err != nil {
			return
		}
		for {
			m, err := s.Read()
			if err != nil {
				*end = err
				return
			}
			s.Write(m.Text, m.Data)
		}
	}}}}
}

func TestSocketHandshake(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(string) string
		status  string
		contain string
	}{
		{"as in RFC 6455 §1.3", func(h string) string { return h }, "101", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
		{"subprotocol", func(h string) string { return h + "Sec-WebSocket-Protocol: c, b\r\nSec-WebSocket-Protocol: a\r\n" }, "101", "Sec-WebSocket-Protocol: a\r\n"},
		{"unknown subprotocol", func(h string) string { return h + "Sec-WebSocket-Protocol: x\r\n" }, "101", ""},
		{"own page", func(h string) string { return h + "Origin: https://A.test\r\n" }, "101", ""},
		{"allowed page", func(h string) string { return h + "Origin: https://b.test:8443\r\n" }, "101", ""},
		{"foreign page", func(h string) string { return h + "Origin: https://evil.test\r\n" }, "403", "another origin"},
		{"null origin", func(h string) string { return h + "Origin: null\r\n" }, "403", ""},
		{"no upgrade", func(h string) string { return strings.Replace(h, "Upgrade: websocket\r\n", "", 1) }, "426", "Upgrade: websocket\r\n"},
		{"old version", func(h string) string { return strings.Replace(h, "Version: 13", "Version: 8", 1) }, "426", "Sec-WebSocket-Version: 13\r\n"},
		{"short key", func(h string) string { return strings.Replace(h, "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 1) }, "400", ""},
		{"no key", func(h string) string { return strings.Replace(h, "Sec-WebSocket-Key", "X-Key", 1) }, "400", ""},
		{"post", func(h string) string { return strings.Replace(h, "GET", "POST", 1) }, "405", "Allow: GET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var end error
			run(t, echo(SocketOptions{Protocols: []string{"a", "b"}, Origins: []string{"b.test:8443"}}, &end), func(g *rig) {
				conn := g.dial()
				io.WriteString(conn, tt.change(handshake)+"\r\n")
				conn.SetReadDeadline(time.Now().Add(time.Second))
				got, _ := io.ReadAll(conn)
				if !strings.HasPrefix(string(got), "HTTP/1.1 "+tt.status+" ") || !strings.Contains(string(got), tt.contain) {
					t.Errorf("got %q, want %s with %q", got, tt.status, tt.contain)
				}
				conn.Close()
			})
		})
	}
}

func TestSocket(t *testing.T) {
	for _, tt := range []struct {
		name string
		talk func(p *peer) []string // what was heard
		want string
		end  string // the handler's error
	}{
		{"echo", func(p *peer) []string {
			p.send(ws.OpText, true, "héllo")
			p.send(ws.OpBinary, true, "\x00\xff")
			p.send(ws.OpClose, true, "\x03\xe8bye")
			return []string{p.next(), p.next(), p.next(), p.next()}
		}, "text héllo|binary \x00\xff|close 1000|EOF", "websocket closed with 1000: bye"},
		{"fragments with a ping between", func(p *peer) []string {
			p.send(ws.OpText, false, "one ")
			p.send(ws.OpPing, true, "p")
			p.send(ws.OpContinuation, false, "two ")
			p.send(ws.OpContinuation, true, "three")
			return []string{p.next(), p.next()}
		}, "pong p|text one two three", ""},
		{"close without a code", func(p *peer) []string {
			p.send(ws.OpClose, true, "")
			return []string{p.next(), p.next()}
		}, "close 1000|EOF", "websocket closed with 1005"},
		{"application's code", func(p *peer) []string {
			p.send(ws.OpClose, true, "\x0f\xa0") // 4000
			return []string{p.next()}
		}, "close 4000", "websocket closed with 4000"},
		{"half a code", func(p *peer) []string {
			p.send(ws.OpClose, true, "\x03")
			return []string{p.next()}
		}, "close 1002 a close frame without a whole code", "websocket closed with 1002: a close frame without a whole code"},
		{"too large at once", func(p *peer) []string {
			p.send(ws.OpText, true, strings.Repeat("x", 33))
			return []string{p.next()}
		}, "close 1009 a message has at most 32 bytes here", "websocket closed with 1009: a message has at most 32 bytes here"},
		{"too large in parts", func(p *peer) []string {
			p.send(ws.OpText, false, strings.Repeat("x", 20))
			p.send(ws.OpContinuation, true, strings.Repeat("x", 20))
			return []string{p.next()}
		}, "close 1009 a message has at most 32 bytes here", "websocket closed with 1009: a message has at most 32 bytes here"},
		{"not UTF-8", func(p *peer) []string {
			p.send(ws.OpText, true, "\xff")
			return []string{p.next()}
		}, "close 1007 text is not UTF-8", "websocket closed with 1007: text is not UTF-8"},
		{"not masked", func(p *peer) []string {
			ws.WriteFrame(p.conn, ws.NewTextFrame([]byte("x")))
			return []string{p.next()[:10]}
		}, "close 1002", "websocket closed with 1002: frames from client to server must be masked"},
		{"continuation of nothing", func(p *peer) []string {
			p.send(ws.OpContinuation, true, "x")
			return []string{p.next()[:10]}
		}, "close 1002", "websocket closed with 1002: unexpected continuation data frame"},
		{"goes away", func(p *peer) []string {
			p.conn.Close()
			return nil
		}, "", "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var end error
			run(t, echo(SocketOptions{MaxMessage: 32}, &end), func(g *rig) {
				p := g.socket(traceparent + "\r\n")
				if got := strings.Join(tt.talk(p), "|"); got != tt.want {
					t.Errorf("heard %q, want %q", got, tt.want)
				}
				p.conn.Close()
				f, _ := g.account()
				if f.Status != 101 || !f.Delivered || f.Handler != "ws" {
					t.Errorf("account %+v", f)
				}
			})
			if tt.end != "" && (end == nil || end.Error() != tt.end) {
				t.Errorf("ended with %v, want %s", end, tt.end)
			}
		})
	}
}

// TestSocketOverHTTP2: the same over a stream (RFC 8441).
func TestSocketOverHTTP2(t *testing.T) {
	var end error
	run(t, echo(SocketOptions{Protocols: []string{"a"}}, &end), func(g *rig) {
		client, err := wire.NewClient(g.dial(), "h2", wire.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		r := &wire.Request{Method: "CONNECT", Scheme: "http", Authority: "a.test", Path: "/ws", Upgrade: "websocket", Fields: field.Fields{
			{Name: "Sec-WebSocket-Version", Value: "13"}, {Name: "Sec-WebSocket-Protocol", Value: "a"},
			{Name: "traceparent", Value: strings.TrimPrefix(traceparent, "traceparent: ")},
		}}
		resp, err := client.Do(g.t.Context(), r)
		if err != nil || resp.Status != 200 || resp.Fields.Get("Sec-WebSocket-Protocol") != "a" {
			t.Fatalf("handshake: %+v, %v", resp, err)
		}
		p := &peer{t: g.t, conn: resp.Upgraded, in: bufio.NewReader(resp.Upgraded)}
		p.send(ws.OpText, true, "over a stream")
		p.send(ws.OpClose, true, "\x03\xe8")
		if got := p.next() + "|" + p.next(); got != "text over a stream|close 1000" {
			t.Errorf("heard %q", got)
		}
		p.conn.Close()
		if f, _ := g.account(); f.Status != 200 || f.Method != "CONNECT" || !f.Delivered {
			t.Errorf("account %+v", f)
		}
	})
}

// TestSocketSilence: pings go out, and a client that answers none is cut off
// exactly PongWait after one was due.
func TestSocketSilence(t *testing.T) {
	var end error
	run(t, echo(SocketOptions{PingEvery: 30 * time.Second, PongWait: 10 * time.Second}, &end), func(g *rig) {
		p := g.socket("")
		begin := time.Now()
		if got := p.next(); got != "ping" || time.Since(begin) != 30*time.Second {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
		p.send(ws.OpPong, true, "") // alive, for now
		if got := p.next(); got != "ping" || time.Since(begin) != 60*time.Second {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
		if got := p.next(); !strings.HasPrefix(got, "close 1000") || time.Since(begin) != 70*time.Second {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
		if got := p.next(); got != "EOF" || time.Since(begin) != 70*time.Second+closeWait {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
		var timeout net.Error
		if !errors.As(end, &timeout) || !timeout.Timeout() {
			t.Errorf("ended with %v", end)
		}
	})
}

// TestSocketDrains: a server that stops says so and is gone at once when the
// client agrees.
func TestSocketDrains(t *testing.T) {
	var end error
	run(t, echo(SocketOptions{}, &end), func(g *rig) {
		p := g.socket("")
		g.stop()
		if got := p.next(); got != "close 1001 the server stops" {
			t.Errorf("heard %q", got)
		}
		begin := time.Now()
		p.send(ws.OpClose, true, "\x03\xe9")
		<-g.done
		if took := time.Since(begin); took != 0 {
			t.Errorf("stopped after %v", took)
		}
	})
}

func TestClosePayload(t *testing.T) {
	got := closePayload(1000, strings.Repeat("é", 80))
	if len(got) != 2+122 {
		t.Errorf("%d bytes", len(got))
	}
}

// FuzzSocketRead: no bytes of a client make Read panic, hang or keep more
// than a message.
func FuzzSocketRead(f *testing.F) {
	var b bytes.Buffer
	ws.WriteFrame(&b, ws.MaskFrameInPlaceWith(ws.NewTextFrame([]byte("hello")), [4]byte{1, 2, 3, 4}))
	ws.WriteFrame(&b, ws.MaskFrameInPlaceWith(ws.NewPingFrame(nil), [4]byte{1, 2, 3, 4}))
	f.Add(b.Bytes())
	f.Add([]byte{0x88, 0x82, 0, 0, 0, 0, 3, 0xe8})
	f.Add([]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, frames []byte) {
		s := &Socket{
			conn: &deafConn{in: bytes.NewReader(frames)}, options: SocketOptions{MaxMessage: 100, PingEvery: time.Hour},
			reading: make(chan struct{}, 1), writing: make(chan struct{}, 1), ended: make(chan struct{}),
		}
		s.in = bufio.NewReaderSize(s.conn, socketBuffer)
		for {
			m, err := s.Read()
			if len(m.Data) > 100 {
				t.Fatalf("a message of %d bytes", len(m.Data))
			}
			if err != nil {
				return
			}
		}
	})
}

// deafConn reads from memory and takes every write.
type deafConn struct {
	net.Conn
	in io.Reader
}

func (c *deafConn) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *deafConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c *deafConn) Close() error                     { c.in = bytes.NewReader(nil); return nil }
func (c *deafConn) SetReadDeadline(time.Time) error  { return nil }
func (c *deafConn) SetWriteDeadline(time.Time) error { return nil }

// readFrame reads one frame of a server.
func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err != nil {
		return f, err
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}
