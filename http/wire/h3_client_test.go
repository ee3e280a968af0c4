package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/fault"
	"waypost/http/field"
	"waypost/internal/memnet"
)

// answeringH3 is a client of a server that does on each request stream what
// answer does, after it has opened the unidirectional streams given.
func answeringH3(t *testing.T, uni [][]byte, answer func(s *quic.Stream)) *H3Client {
	t.Helper()
	server, client := selfSigned(t)
	server.NextProtos = []string{alpnH3}
	inet := &memnet.Net{}
	pc, err := inet.Host(h3ServerAddr.Addr()).ListenPacket(t.Context(), h3ServerAddr)
	if err != nil {
		t.Fatal(err)
	}
	tr := &quic.Transport{Conn: datagrams(pc)}
	l, err := tr.Listen(server, &quic.Config{EnableStreamResetPartialDelivery: true})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		q, err := l.Accept(context.Background())
		if err != nil {
			return
		}
		for _, b := range uni {
			s, _ := q.OpenUniStream()
			_, _ = s.Write(b)
		}
		for {
			s, err := q.AcceptStream(context.Background())
			if err != nil {
				return
			}
			go func() {
				_, _ = s.Read(make([]byte, 4096)) // its head
				answer(s)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		_ = tr.Close()
		pc.Close()
	})
	w := &h3World{inet, client}
	return w.dial(t, H3Dialer{})
}

var h3Greeting = []byte{0, byte(h3Settings), 0}

// TestH3Responses: what comes on a stream in answer, and what it is taken for.
func TestH3Responses(t *testing.T) {
	ok := h3Lines(":status: 200")
	tests := []struct {
		name  string
		send  []byte
		reset h3Code // instead of the end
		want  string
	}{
		{name: "a body", send: joinFrames(h3Lines(":status: 200", "content-length: 2"), h3Bytes(h3Data, "hi")), want: "200 2 hi"},
		{name: "a body of any length", send: joinFrames(ok, h3Bytes(h3Data, "h"), h3Bytes(0x21, "grease"), h3Bytes(h3Data, "i")), want: "200 -1 hi"},
		{name: "trailers", send: joinFrames(ok, h3Bytes(h3Data, "hi"), h3Lines("x: y")), want: "200 -1 hi x: y"},
		{name: "no body", send: ok, want: "200 0"},
		{name: "hints", send: joinFrames(h3Lines(":status: 103", "link: </a>"), ok), want: "103 200 0"},

		{name: "nothing", want: "http_protocol_error"},
		{name: "no status", send: h3Lines("x: y"), want: "http_protocol_error"},
		{name: "odd status", send: h3Lines(":status: 20"), want: "http_protocol_error"},
		{name: "status 101", send: h3Lines(":status: 101"), want: "http_protocol_error"},
		{name: "a request", send: h3Lines(h3Get...), want: "http_protocol_error"},
		{name: "upper case", send: h3Lines(":status: 200", "X: y"), want: "http_protocol_error"},
		{name: "interim only", send: h3Lines(":status: 103"), want: "http_protocol_error"},
		{name: "a push", send: joinFrames(h3Bytes(h3PushPromise, "\x00\x00\x00"), ok), want: "http_protocol_error"},
		{name: "DATA first", send: h3Bytes(h3Data, "hi"), want: "http_protocol_error"},
		{name: "large head", send: h3Lines(":status: 200", "x: "+strings.Repeat("a", 40000)), want: "http_response_header_section_size"},
		{name: "huge head", send: h3Lines(":status: 200", "x: "+strings.Repeat("{", 90000)), want: "http_response_header_section_size"},
		{name: "floods of hints", send: []byte(strings.Repeat(string(h3Lines(":status: 103")), maxInformed+1)), want: "http_protocol_error"},
		{name: "too short", send: joinFrames(h3Lines(":status: 200", "content-length: 3"), h3Bytes(h3Data, "hi")), want: "200 3 hi http_protocol_error"},
		{name: "too long", send: joinFrames(h3Lines(":status: 200", "content-length: 1"), h3Bytes(h3Data, "hi")), want: "200 1 http_protocol_error"},
		{name: "a body where none can be", send: joinFrames(h3Lines(":status: 204"), h3Bytes(h3Data, "hi")), want: "204 0 http_protocol_error"},
		{name: "ends in DATA", send: joinFrames(ok, h3Bytes(h3Data, "hi")[:3]), want: "200 -1 h http_protocol_error"},
		{name: "reset before", reset: h3InternalError, want: "http_response_incomplete"},
		{name: "rejected", reset: h3RequestRejected, want: "connection_terminated unprocessed"},
		{name: "reset in the body", send: joinFrames(ok, h3Bytes(h3Data, "hi")), reset: h3InternalError, want: "200 -1 hi http_response_incomplete"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := answeringH3(t, [][]byte{h3Greeting}, func(s *quic.Stream) {
					_, _ = s.Write(tt.send)
					if tt.reset != 0 {
						s.SetReliableBoundary()
						s.CancelWrite(quic.StreamErrorCode(tt.reset))
					} else {
						_ = s.Close()
					}
				})
				if got := askH3(t, c); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// askH3 sends a request and tells in short what came.
func askH3(t *testing.T, c Client) string {
	r := get("/")
	r.Scheme = "https"
	resp, err := c.Do(t.Context(), r)
	if err != nil {
		text := string(fault.Of(err))
		if errors.Is(err, ErrUnprocessed) {
			text += " unprocessed"
		}
		return text
	}
	var out []string
	for _, i := range resp.Informed {
		out = append(out, fmt.Sprint(i.Status))
	}
	out = append(out, fmt.Sprint(resp.Status), fmt.Sprint(resp.Length))
	body, err := io.ReadAll(resp.Body)
	if len(body) > 0 {
		out = append(out, string(body))
	}
	if err != nil {
		out = append(out, string(fault.Of(err)))
	}
	for _, l := range resp.Trailers() {
		out = append(out, l.Name+": "+l.Value)
	}
	return strings.Join(out, " ")
}

// TestH3ServerStreams: what a server may not do on the other streams.
func TestH3ServerStreams(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		uni        [][]byte
	}{
		{"GOAWAY before us", "connection_terminated unprocessed", [][]byte{joinFrames(h3Greeting, h3Bytes(h3GoAway, "\x00"))}},
		{"GOAWAY without a stream", "http_protocol_error", [][]byte{joinFrames(h3Greeting, h3Bytes(h3GoAway, "\x01"))}},
		{"a push stream", "http_protocol_error", [][]byte{h3Greeting, {1, 0}}},
		{"MAX_PUSH_ID", "http_protocol_error", [][]byte{joinFrames(h3Greeting, h3Bytes(h3MaxPushID, "\x00"))}},
		{"no settings", "http_protocol_error", [][]byte{joinFrames([]byte{0}, h3Bytes(0x21, ""))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := answeringH3(t, tt.uni, func(*quic.Stream) {})
				got := askH3(t, c)
				if got == "connection_terminated unprocessed" && got != tt.want {
					got = string(fault.Of(c.Err())) // it was too late to be sent
				}
				if got != tt.want {
					t.Errorf("got %q (%v), want %q", got, c.Err(), tt.want)
				}
			})
		})
	}
}

// TestH3Upgrade: without SETTINGS_ENABLE_CONNECT_PROTOCOL there is no
// WebSocket (RFC 9220 §3).
func TestH3Upgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := answeringH3(t, [][]byte{h3Greeting}, func(*quic.Stream) { t.Error("a request came") })
		r := &Request{Method: "GET", Scheme: "https", Authority: "h", Path: "/", Upgrade: "websocket"}
		if _, err := c.Do(t.Context(), r); fault.Of(err) != fault.HTTPUpgradeFailed {
			t.Errorf("Do: %v", err)
		}
	})
}

// TestH3Turns: a client waits for its turn when the server allows no more
// streams, and can leave the queue.
func TestH3Turns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serveQUIC(t, &Server{Limits: Limits{StreamsPerConn: 2}, Handler: HandlerFunc(func(x Exchange) {
			time.Sleep(time.Second)
			echo(x)
		})})
		c := w.dial(t, H3Dialer{})
		start := time.Now()
		done := make(chan time.Duration, 4)
		for range 4 {
			go func() {
				do(t, secured{c}, get("/"))
				done <- time.Since(start)
			}()
		}
		synctest.Wait()
		if c.Free() {
			t.Error("free, and two wait")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := (secured{c}).Do(ctx, get("/")); fault.Of(err) != fault.HTTPResponseTimeout {
			t.Errorf("left the queue with %v", err)
		}
		for _, want := range []time.Duration{1, 1, 2, 2} {
			if got := <-done; got.Round(100*time.Millisecond) != want*time.Second {
				t.Errorf("answered after %v, want %v s", got, int(want))
			}
		}
	})
}

// TestH3DeadServer: a server that is gone is noticed, and what it owed is
// reported.
func TestH3DeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := answeringH3(t, [][]byte{h3Greeting}, func(s *quic.Stream) {
			_, _ = s.Write(h3Lines(":status: 200"))
		})
		resp, err := secured{c}.Do(t.Context(), get("/"))
		if err != nil {
			t.Fatal(err)
		}
		c.socket.Close() // nothing comes or goes any more
		_, err = io.ReadAll(resp.Body)
		if fault.Of(err) != fault.HTTPResponseIncomplete {
			t.Errorf("the body ended with %v", err)
		}
		<-c.Done()
		if c.Alive() {
			t.Error("alive after Done")
		}
	})
}

// TestH3NotTrusted: our own verification's reason is what Dial returns.
func TestH3NotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serveQUIC(t, &Server{Handler: HandlerFunc(echo)})
		mine := fault.New(fault.TLSCertificateError, "who is it", errors.New("nobody"))
		d := H3Dialer{TLS: &tls.Config{ServerName: "h", InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return mine }}}
		if _, err := d.Dial(t.Context(), w.socket(t), h3ServerAddr); fault.Of(err) != fault.TLSCertificateError {
			t.Errorf("Dial: %v (%s)", err, fault.Of(err))
		}
		d = H3Dialer{TLS: &tls.Config{ServerName: "h", InsecureSkipVerify: true, NextProtos: []string{"x"}}}
		c, err := d.Dial(t.Context(), w.socket(t), h3ServerAddr)
		if err != nil || c.TLS().NegotiatedProtocol != "h3" {
			t.Errorf("Dial: %v", err)
		}
		c.Close()
		if _, err := d.Dial(t.Context(), w.socket(t), netip.MustParseAddrPort("192.0.2.9:443")); fault.Of(err) != fault.ConnectionTimeout {
			t.Errorf("Dial to nobody: %v", err)
		}
	})
}

// TestH3Loss: under loss the same arrives.
func TestH3Loss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		inet := &memnet.Net{Delay: 20 * time.Millisecond}
		var mu = make(chan struct{}, 1)
		inet.Lose = func(netip.AddrPort, netip.AddrPort, []byte) bool {
			mu <- struct{}{}
			defer func() { <-mu }()
			n++
			return n%10 == 9
		}
		big := strings.Repeat("0123456789abcdef", 20<<10)
		w := serveQUICOn(t, inet, &Server{Handler: HandlerFunc(func(x Exchange) {
			_ = x.Respond(200, nil, int64(len(big)))
			_, _ = io.WriteString(x, big)
		})})
		c := w.dial(t, H3Dialer{})
		for range 3 {
			if _, body := do(t, secured{c}, get("/")); body != big {
				t.Errorf("%d bytes came, or others", len(body))
			}
		}
		if i := c.Info(); i.Lost == 0 && i.Received == 0 || !i.Settled || i.Version != "1" || i.RTT < 40*time.Millisecond {
			t.Errorf("Info: %+v", i)
		}
	})
}

// TestH3Tunnel: deadlines and half-close of a stream that is a connection.
func TestH3Tunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served := make(chan string, 1)
		w := serveQUIC(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			conn, err := x.Upgrade(200, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			b, err := io.ReadAll(conn)
			served <- fmt.Sprint(len(b), err)
			_, _ = conn.Write([]byte("bye"))
		})})
		c := w.dial(t, H3Dialer{})
		resp, err := c.Do(t.Context(), &Request{Method: "CONNECT", Authority: "h:1"})
		if err != nil || resp.Upgraded == nil {
			t.Fatalf("CONNECT: %v", err)
		}
		conn := resp.Upgraded
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := conn.Read(make([]byte, 1)); !isTimeout(err) {
			t.Errorf("read: %v", err)
		}
		_ = conn.SetReadDeadline(time.Time{})
		if n, err := conn.Write(make([]byte, 100_000)); n != 100_000 || err != nil {
			t.Errorf("write: %d, %v", n, err)
		}
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
		if got := <-served; got != "100000 <nil>" {
			t.Errorf("the server read %s", got)
		}
		if b, err := io.ReadAll(conn); string(b) != "bye" || err != nil {
			t.Errorf("read %q, %v", b, err)
		}
		conn.Close()
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after Close: %v", err)
		}
		if !c.Free() || len(field.Fields(nil)) != 0 {
			t.Error("not free")
		}
	})
}

func TestParsePriority(t *testing.T) {
	for _, tt := range []struct {
		value       string
		urgency     int8
		incremental bool
	}{
		{"", 3, false}, {"u=0", 0, false}, {"u=5, i", 5, true}, {"i=?0;x, u=7;y=1", 7, false}, {"i=?1", 3, true},
		{"u=8", 3, false}, {"u=-1", 3, false}, {"u=\"1\", other, u", 3, false}, {"u=1, u=2", 2, false},
	} {
		if u, i := parsePriority(tt.value); u != tt.urgency || i != tt.incremental {
			t.Errorf("%q: got %d, %v", tt.value, u, i)
		}
	}
}

// TestH3Priorities: of two responses the more urgent one arrives first.
func TestH3Priorities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serveQUICOn(t, &memnet.Net{Delay: 10 * time.Millisecond}, &Server{Handler: HandlerFunc(func(x Exchange) {
			time.Sleep(time.Second) // until both are asked for
			_ = x.Respond(200, nil, 200_000)
			_, _ = x.Write(make([]byte, 200_000))
		})})
		c := w.dial(t, H3Dialer{})
		order := make(chan string, 2)
		for _, urgency := range []string{"u=6", "u=1"} {
			go func() {
				r := get("/")
				r.Fields = field.Fields{{Name: "Priority", Value: urgency}}
				do(t, secured{c}, r)
				order <- urgency
			}()
			synctest.Wait()
		}
		if first, second := <-order, <-order; first != "u=1" || second != "u=6" {
			t.Errorf("%s came before %s", first, second)
		}
	})
}
