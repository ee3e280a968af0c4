package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/fault"
	"waypost/internal/memnet"
)

// TestH3SlowHead: a head that trickles has HeaderTimeout in all.
func TestH3SlowHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serveQUIC(t, &Server{Handler: HandlerFunc(echo)}).raw(t)
		p.greet()
		start := time.Now()
		head := h3GetAnd("x: " + strings.Repeat("a", 100))
		s := p.stream(head[:5], false)
		go func() {
			for i := 5; i < 20; i++ {
				time.Sleep(time.Second)
				_, _ = s.Write(head[i : i+1])
			}
		}()
		if got := outcome(s); got != "reset H3_REQUEST_INCOMPLETE" || time.Since(start) != DefaultHeaderTimeout {
			t.Errorf("%s after %v", got, time.Since(start))
		}
		if got := outcome(p.stream(h3Lines(h3Get...), true)); got != "200 DATA GET h /" {
			t.Errorf("another request: %s", got)
		}
		time.Sleep(time.Minute)
	})
}

// TestH3GetWithoutEnd: a GET whose end does not come does not reach the
// handler, which could not know that it has no body.
func TestH3GetWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serveQUIC(t, &Server{Handler: HandlerFunc(echo)}).raw(t)
		p.greet()
		s := p.stream(h3Lines(h3Get...), false)
		time.Sleep(time.Second)
		_ = s.Close()
		if got := outcome(s); got != "200 DATA GET h /" {
			t.Errorf("got %q", got)
		}
		start := time.Now()
		if got := outcome(p.stream(h3Lines(h3Get...), false)); got != "reset H3_REQUEST_INCOMPLETE" || time.Since(start) != DefaultHeaderTimeout {
			t.Errorf("%s after %v", got, time.Since(start))
		}
	})
}

// TestH3SlowBody: a body that is too slow fails, one at the pace does not.
func TestH3SlowBody(t *testing.T) {
	for _, tt := range []struct {
		each  int
		fails bool
	}{{2 * MinRate, false}, {10, true}} {
		synctest.Test(t, func(t *testing.T) {
			failed := make(chan error, 1)
			p := serveQUIC(t, &Server{Handler: HandlerFunc(func(x Exchange) {
				_, err := io.Copy(io.Discard, x.Request().Body)
				failed <- err
			})}).raw(t)
			p.greet()
			start := time.Now()
			s := p.stream(joinFrames(h3Lines(h3Post...), appendH3Frame(nil, h3Data, 1<<20)), false)
			go func() {
				for range 60 {
					time.Sleep(time.Second)
					if _, err := s.Write(make([]byte, tt.each)); err != nil {
						return
					}
				}
				s.CancelWrite(0)
			}()
			err := <-failed
			if slow := fault.Of(err) == fault.ConnectionReadTimeout; slow != tt.fails {
				t.Errorf("%d bytes per second: %v after %v", tt.each, err, time.Since(start))
			}
			if tt.fails && time.Since(start).Round(time.Second) != DefaultBodyIdleTimeout {
				t.Errorf("failed after %v", time.Since(start))
			}
			time.Sleep(time.Minute)
		})
	}
}

// TestH3SlowReader: a client that grants nothing more is given up.
func TestH3SlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		p := serveQUIC(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			_ = x.Respond(200, nil, -1)
			for {
				if _, err := x.Write(make([]byte, 64<<10)); err != nil {
					failed <- err
					return
				}
			}
		})}).raw(t)
		p.greet()
		start := time.Now()
		s := p.stream(h3Lines(h3Get...), true)
		if err := <-failed; fault.Of(err) != fault.ConnectionWriteTimeout || time.Since(start) != 2*DefaultWriteTimeout { // in the first the windows were filled
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := io.ReadAll(s); err == nil {
			t.Error("the response looks whole")
		}
	})
}

// TestH3Idle: an idle connection is ended in good order.
func TestH3Idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serveQUIC(t, &Server{Handler: HandlerFunc(echo)}).raw(t)
		p.greet()
		outcome(p.stream(h3Lines(h3Get...), true))
		time.Sleep(30 * time.Second)
		start := time.Now()
		outcome(p.stream(h3Lines(h3Get...), true))
		if got := p.closedWith(); got != "H3_NO_ERROR" || time.Since(start) != DefaultIdleTimeout {
			t.Errorf("%s after %v", got, time.Since(start))
		}
	})
}

// TestH3HandshakeTimeout: a client that begins and is silent is forgotten.
func TestH3HandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inet := &memnet.Net{}
		var cut atomic.Bool
		inet.Lose = lossOf(&cut)
		w := serveQUICOn(t, inet, &Server{Handler: HandlerFunc(echo)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cut.Store(true)
		d := H3Dialer{TLS: w.client}
		start := time.Now()
		if _, err := d.Dial(ctx, w.socket(t), h3ServerAddr); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("dial: %v after %v", err, time.Since(start))
		}
		if _, err := d.Dial(t.Context(), w.socket(t), h3ServerAddr); fault.Of(err) != fault.ConnectionTimeout {
			t.Errorf("dial: %v", err)
		}
		cut.Store(false)
		do(t, secured{w.dial(t, d)}, get("/"))
	})
}

// TestH3Drain: with GOAWAY what is under way ends, what comes later is sent
// elsewhere, and nobody waits longer than Limits.Drain.
func TestH3Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inet := &memnet.Net{Delay: 10 * time.Millisecond}
		release := make(chan struct{})
		s := &Server{Handler: HandlerFunc(func(x Exchange) {
			if x.Request().Path == "/slow" {
				<-x.Conn().Draining
				<-release
			}
			if x.Request().Path == "/never" {
				<-x.Context().Done()
				return
			}
			echo(x)
		})}
		server, client := selfSigned(t)
		s.TLS = server
		pc, _ := inet.Host(h3ServerAddr.Addr()).ListenPacket(t.Context(), h3ServerAddr)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.ServeQUIC(ctx, pc) }()
		w := &h3World{inet, client}
		slow, never, idle := w.dial(t, H3Dialer{}), w.dial(t, H3Dialer{}), w.dial(t, H3Dialer{})
		do(t, secured{idle}, get("/"))
		bodies := make(chan string, 2)
		ask := func(c *H3Client, path string) {
			resp, err := secured{c}.Do(context.Background(), get(path))
			if err != nil {
				bodies <- fmt.Sprint(fault.Of(err))
				return
			}
			body, err := io.ReadAll(resp.Body)
			bodies <- fmt.Sprint(string(body), err)
		}
		go ask(slow, "/slow")
		time.Sleep(time.Second)
		start := time.Now()
		cancel()
		time.Sleep(100 * time.Millisecond)
		if _, err := (secured{slow}).Do(t.Context(), get("/")); !errors.Is(err, ErrUnprocessed) || slow.Alive() {
			t.Errorf("a request after GOAWAY: %v", err)
		}
		if idle.Alive() {
			t.Error("the idle connection is still there")
		}
		if _, err := (&H3Dialer{TLS: client}).Dial(t.Context(), w.socket(t), h3ServerAddr); fault.Of(err) != fault.ConnectionRefused {
			t.Errorf("a new connection: %v", err)
		}
		close(release)
		if got := <-bodies; got != "GET h /slow<nil>" {
			t.Errorf("what was under way: %q", got)
		}
		_ = never
		if err := <-done; err != nil || time.Since(start) > lingerTime+time.Second {
			t.Errorf("ServeQUIC: %v after %v", err, time.Since(start))
		}
	})
}

// TestH3Cut: what has not ended within Limits.Drain is cut.
func TestH3Cut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Handler: HandlerFunc(func(x Exchange) {
			<-x.Context().Done()
			x.Abort()
		})}
		server, client := selfSigned(t)
		s.TLS = server
		inet := &memnet.Net{}
		pc, _ := inet.Host(h3ServerAddr.Addr()).ListenPacket(t.Context(), h3ServerAddr)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.ServeQUIC(ctx, pc) }()
		w := &h3World{inet, client}
		c := w.dial(t, H3Dialer{})
		failed := make(chan error, 1)
		go func() {
			_, err := secured{c}.Do(context.Background(), get("/"))
			failed <- err
		}()
		time.Sleep(time.Second)
		start := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(start) != DefaultDrain {
			t.Errorf("ServeQUIC: %v after %v", err, time.Since(start))
		}
		if err := <-failed; err == nil {
			t.Error("Do brought an answer")
		}
	})
}

// TestH3HandlersAreBounded: a client that resets its requests does not start
// more handlers than it may have streams, and is cut off when it goes on.
func TestH3HandlersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		p := serveQUIC(t, &Server{
			Limits: Limits{StreamsPerConn: 10},
			Handler: HandlerFunc(func(x Exchange) {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				time.Sleep(time.Second) // it does not notice
				mu.Lock()
				running--
				mu.Unlock()
			}),
		}).raw(t)
		p.greet()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for {
			s, err := p.q.OpenStreamSync(ctx)
			if err != nil {
				break
			}
			_, _ = s.Write(h3Lines(h3Get...))
			_ = s.Close()
			synctest.Wait()
			s.CancelRead(quic.StreamErrorCode(h3RequestCancelled))
		}
		mu.Lock()
		defer mu.Unlock()
		if most != 10 {
			t.Errorf("%d handlers ran at once, want 10", most)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := serveQUIC(t, &Server{Handler: HandlerFunc(func(x Exchange) { <-x.Context().Done() })}).raw(t)
		p.greet()
		for range 2 * maxResets {
			s, err := p.q.OpenStreamSync(t.Context())
			if err != nil {
				break
			}
			_, _ = s.Write(h3Lines(h3Get...))
			_ = s.Close()
			synctest.Wait()
			s.CancelRead(quic.StreamErrorCode(h3RequestCancelled))
			synctest.Wait()
		}
		if got := p.closedWith(); got != "H3_EXCESSIVE_LOAD" {
			t.Errorf("closed with %s", got)
		}
	})
}

// TestH3UselessFrames: what has no effect has a bound.
func TestH3UselessFrames(t *testing.T) {
	for name, send := range map[string]func(p *h3Peer){
		"unknown frames": func(p *h3Peer) {
			s := p.stream(nil, false)
			_, _ = s.Write(bytes.Repeat(h3Bytes(0x21, ""), maxIdle+1))
		},
		"empty DATA": func(p *h3Peer) {
			s := p.stream(h3Lines(h3Post...), false)
			_, _ = s.Write(bytes.Repeat(h3Bytes(h3Data, ""), maxIdle+1))
		},
		"one large unknown frame": func(p *h3Peer) {
			s := p.stream(appendH3Frame(nil, 0x21, 1<<40), false)
			_ = s.SetWriteDeadline(time.Now().Add(time.Hour))
			for {
				if _, err := s.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
		"unknown frames on the control stream": func(p *h3Peer) {
			s := p.uni([]byte{0, byte(h3Settings), 0})
			_, _ = s.Write(bytes.Repeat(h3Bytes(0x21, ""), maxIdle+1))
		},
		"unknown streams": func(p *h3Peer) {
			for range maxIdle + 10 {
				s, err := p.q.OpenUniStreamSync(p.t.Context())
				if err != nil {
					return
				}
				_, _ = s.Write([]byte{0x21})
				_ = s.Close()
			}
		},
		"capacity of 0": func(p *h3Peer) {
			s := p.uni([]byte{2})
			_, _ = s.Write(bytes.Repeat([]byte{0x20}, maxIdle+1))
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serveQUIC(t, &Server{Handler: HandlerFunc(echo)}).raw(t)
				send(p)
				if got := p.closedWith(); got != "H3_EXCESSIVE_LOAD" {
					t.Errorf("closed with %s", got)
				}
			})
		})
	}
}

// TestH3Panic: a handler that panics costs its connection, not the server.
func TestH3Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan any, 1)
		w := serveQUIC(t, &Server{
			Handler: HandlerFunc(func(x Exchange) {
				if x.Request().Path == "/panic" {
					panic("boom")
				}
				echo(x)
			}),
			Panicked: func(v any, _ []byte) { told <- v },
		})
		c := w.dial(t, H3Dialer{})
		if _, err := (secured{c}).Do(t.Context(), get("/panic")); err == nil {
			t.Error("an answer came")
		}
		if v := <-told; v != "boom" {
			t.Errorf("Panicked was told %v", v)
		}
		do(t, secured{w.dial(t, H3Dialer{})}, get("/"))
	})
}

// TestH3Connections: at the limit an idle connection makes room; when none is
// idle, a new one is refused.
func TestH3Connections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serveQUIC(t, &Server{Limits: Limits{Connections: 1}, Handler: HandlerFunc(func(x Exchange) {
			if x.Request().Path == "/hold" {
				<-x.Context().Done()
				return
			}
			echo(x)
		})})
		first := w.dial(t, H3Dialer{})
		do(t, secured{first}, get("/"))
		second := w.dial(t, H3Dialer{})
		synctest.Wait()
		if first.Alive() {
			t.Error("the idle connection is still there")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = secured{second}.Do(ctx, get("/hold")) }()
		synctest.Wait()
		if _, err := (&H3Dialer{TLS: w.client}).Dial(t.Context(), w.socket(t), h3ServerAddr); fault.Of(err) != fault.ConnectionRefused {
			t.Errorf("a third connection: %v", err)
		}
	})
}
