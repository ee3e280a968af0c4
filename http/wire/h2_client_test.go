package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"waypost/fault"
)

// acceptH2 is a server that has exchanged settings with a client of ours.
func acceptH2(t *testing.T, settings ...http2.Setting) (Client, *h2Peer) {
	t.Helper()
	mine, theirs := memPipe()
	c, err := NewClient(mine, "h2", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := newH2Peer(t, theirs)
	preface := make([]byte, len(http2Preface))
	if _, err := io.ReadFull(theirs, preface); err != nil || string(preface) != http2Preface {
		t.Fatalf("preface %q, %v", preface, err)
	}
	p.must(p.fr.WriteSettings(settings...))
	p.expect("SETTINGS")
	p.expect("WINDOW_UPDATE 0 458753")
	p.expect("SETTINGS ack")
	return c, p
}

// later runs Do in the background.
func later(c Client, ctx context.Context, r *Request) (wait func() (*Response, error)) {
	var resp *Response
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err = c.Do(ctx, r)
	}()
	return func() (*Response, error) {
		<-done
		return resp, err
	}
}

func TestH2ClientResponses(t *testing.T) {
	tests := []struct {
		name   string
		answer func(p *h2Peer)
		status int
		body   string
		want   fault.Kind
	}{
		{"a response", func(p *h2Peer) { p.headers(1, false, ":status: 200"); _ = p.fr.WriteData(1, true, []byte("hi")) }, 200, "hi", ""},
		{"reset after its end", func(p *h2Peer) {
			p.headers(1, false, ":status: 200")
			_ = p.fr.WriteData(1, true, []byte("hi"))
			_ = p.fr.WriteRSTStream(1, http2.ErrCodeNo)
		}, 200, "hi", ""},
		{"no status", func(p *h2Peer) { p.headers(1, true, "a: b") }, 0, "", fault.HTTPProtocolError},
		{"a status of letters", func(p *h2Peer) { p.headers(1, true, ":status: abc") }, 0, "", fault.HTTPProtocolError},
		{"101", func(p *h2Peer) { p.headers(1, false, ":status: 101") }, 0, "", fault.HTTPProtocolError},
		{"upper case", func(p *h2Peer) { p.headers(1, true, ":status: 200", "A: b") }, 0, "", fault.HTTPProtocolError},
		{"connection field", func(p *h2Peer) { p.headers(1, true, ":status: 200", "connection: close") }, 0, "", fault.HTTPProtocolError},
		{"a request's field", func(p *h2Peer) { p.headers(1, true, ":status: 200", ":path: /") }, 0, "", fault.HTTPProtocolError},
		{"interim at the end", func(p *h2Peer) { p.headers(1, true, ":status: 103") }, 0, "", fault.HTTPProtocolError},
		{"too many fields", func(p *h2Peer) {
			p.headers(1, true, append([]string{":status: 200"}, strings.Split(strings.Repeat("a: b,", 200)+"a: b", ",")...)...)
		}, 0, "", fault.HTTPResponseHeaderSection},
		{"too long a body", func(p *h2Peer) {
			p.headers(1, false, ":status: 200", "content-length: 1")
			_ = p.fr.WriteData(1, true, []byte("hi"))
		}, 200, "", fault.HTTPProtocolError},
		{"too short a body", func(p *h2Peer) {
			p.headers(1, false, ":status: 200", "content-length: 3")
			_ = p.fr.WriteData(1, true, []byte("hi"))
		}, 200, "", fault.HTTPProtocolError},
		{"reset in the body", func(p *h2Peer) {
			p.headers(1, false, ":status: 200")
			_ = p.fr.WriteData(1, false, []byte("hi"))
			_ = p.fr.WriteRSTStream(1, http2.ErrCodeInternal)
		}, 200, "hi", fault.HTTPResponseIncomplete},
		{"closed in the body", func(p *h2Peer) {
			p.headers(1, false, ":status: 200")
			_ = p.fr.WriteData(1, false, []byte("hi"))
			p.conn.Close()
		}, 200, "hi", fault.HTTPResponseIncomplete},
		{"push", func(p *h2Peer) {
			_ = p.fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: p.encode(h2Get...), EndHeaders: true})
		}, 0, "", fault.HTTPProtocolError},
		{"a stream that is idle", func(p *h2Peer) { p.headers(3, true, ":status: 200") }, 0, "", fault.HTTPProtocolError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := acceptH2(t)
				wait := later(c, t.Context(), get("/"))
				p.skipTo("HEADERS 1 ")
				go tt.answer(p)
				resp, err := wait()
				if tt.status == 0 {
					if fault.Of(err) != tt.want || errors.Is(err, ErrRetry) {
						t.Errorf("Do: %v (%s), want %s", err, fault.Of(err), tt.want)
					}
					return
				}
				if err != nil || resp.Status != tt.status {
					if tt.body == "" && fault.Of(err) == tt.want {
						return // found before the head was handed out
					}
					t.Fatalf("Do: %+v, %v", resp, err)
				}
				body, err := io.ReadAll(resp.Body)
				if tt.body != "" && string(body) != tt.body || fault.Of(err) != tt.want {
					t.Errorf("got %q, %v (%s), want %q, %q", body, err, fault.Of(err), tt.body, tt.want)
				}
			})
		})
	}
}

// TestH2ClientUnprocessed: what the server has not looked at can be sent
// again on another connection.
func TestH2ClientUnprocessed(t *testing.T) {
	for name, refuse := range map[string]func(p *h2Peer){
		"REFUSED_STREAM": func(p *h2Peer) { _ = p.fr.WriteRSTStream(3, http2.ErrCodeRefusedStream) },
		"GOAWAY":         func(p *h2Peer) { _ = p.fr.WriteGoAway(1, http2.ErrCodeNo, nil) },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, p := acceptH2(t)
			first := later(c, t.Context(), get("/1"))
			p.skipTo("HEADERS 1 ")
			second := later(c, t.Context(), get("/2"))
			p.skipTo("HEADERS 3 ")
			refuse(p)
			if _, err := second(); !errors.Is(err, ErrRetry) || !errors.Is(err, ErrUnprocessed) {
				t.Errorf("%s: %v", name, err)
			}
			p.headers(1, true, ":status: 200")
			if _, err := first(); err != nil {
				t.Errorf("%s: the other stream: %v", name, err)
			}
			synctest.Wait()
			if c.Alive() != (name == "REFUSED_STREAM") {
				t.Errorf("%s: alive %v", name, c.Alive())
			}
		})
	}
}

// TestH2ClientStreams: no more streams are opened than the server takes, and
// who waits gets a turn or leaves.
func TestH2ClientStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := acceptH2(t, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2})
		var waits []func() (*Response, error)
		for range 3 {
			waits = append(waits, later(c, t.Context(), get("/")))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.skipTo("HEADERS 1 ")
		p.expect("HEADERS 3 ")
		if c.Free() {
			t.Error("free although there is no stream left")
		}
		start := time.Now()
		if _, err := c.Do(ctx, get("/")); fault.Of(err) != fault.HTTPResponseTimeout || time.Since(start) != time.Second {
			t.Errorf("waiting ended after %v with %v", time.Since(start), err)
		}
		p.headers(1, true, ":status: 200")
		p.expect("HEADERS 5 ")
		p.headers(3, true, ":status: 200")
		p.headers(5, true, ":status: 200")
		for _, wait := range waits {
			if resp, err := wait(); err != nil || resp.Status != 200 {
				t.Error(resp, err)
			}
		}
	})
}

// TestH2ClientTimeout: the end of the context resets the stream and leaves
// the connection.
func TestH2ClientTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := acceptH2(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wait := later(c, ctx, get("/"))
		p.skipTo("HEADERS 1 ")
		p.expect("RST_STREAM 1 CANCEL")
		if _, err := wait(); fault.Of(err) != fault.HTTPResponseTimeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do: %v", err)
		}
		if !c.Free() {
			t.Error("the connection is lost")
		}
		// A body that is closed early is reset too.
		wait = later(c, t.Context(), get("/"))
		p.skipTo("HEADERS 3 ")
		p.headers(3, false, ":status: 200")
		resp, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		p.expect("RST_STREAM 3 CANCEL")
	})
}

// TestH2ClientUpgradeNotOffered: extended CONNECT is not sent to a server
// that does not know it.
func TestH2ClientUpgradeNotOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := acceptH2(t)
		r := get("/")
		r.Upgrade = "websocket"
		if _, err := c.Do(t.Context(), r); fault.Of(err) != fault.HTTPUpgradeFailed {
			t.Errorf("Do: %v", err)
		}
	})
}

// TestH2Concurrently sends many requests with bodies at once.
func TestH2Concurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveMem(t, &Server{Handler: HandlerFunc(echo)})
		conn, err := l.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewClient(conn, "h2", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var calls sync.WaitGroup
		for i := range 500 {
			calls.Go(func() {
				text := strings.Repeat(fmt.Sprint(i, " "), i*10)
				r := &Request{Method: "POST", Authority: "h", Path: fmt.Sprint("/", i), Length: -1, Body: strings.NewReader(text)}
				resp, err := c.Do(t.Context(), r)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				if want := fmt.Sprintf("POST h /%d body -1 %q", i, text); err != nil || string(body) != want {
					t.Errorf("%d: got %d bytes, want %d; %v", i, len(body), len(want), err)
				}
			})
		}
		calls.Wait()
		if !c.Free() {
			t.Error("not free after all is done")
		}
	})
}
