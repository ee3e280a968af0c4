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

	"waypost/fault"
	"waypost/http/field"
)

// dialMem connects to a server in a bubble.
func dialMem(t *testing.T, s *Server) *memConn {
	t.Helper()
	c, err := serveMem(t, s).dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c *memConn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// closedAfter reads until the server closes, and returns what came and how
// long that took.
func closedAfter(t *testing.T, c *memConn) (string, time.Duration) {
	t.Helper()
	start := time.Now()
	_ = c.SetReadDeadline(start.Add(time.Hour))
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b), time.Since(start)
}

func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dialMem(t, &Server{Handler: HandlerFunc(echo)})
		if got, after := closedAfter(t, c); got != "" || after != DefaultIdleTimeout {
			t.Errorf("a silent connection got %q and was closed after %v", got, after)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := dialMem(t, &Server{Handler: HandlerFunc(echo)})
		// The deadline moves with each exchange, although it is not set anew.
		for range 3 {
			time.Sleep(DefaultIdleTimeout - time.Second)
			send(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			synctest.Wait()
		}
		if got, after := closedAfter(t, c); strings.Count(got, "200 OK") != 3 || after != DefaultIdleTimeout {
			t.Errorf("got %q, closed after %v", got, after)
		}
	})
}

func TestSlowHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dialMem(t, &Server{Handler: HandlerFunc(echo)})
		var client sync.WaitGroup
		defer client.Wait()
		client.Go(func() {
			for _, b := range []byte("GET /a-long-long-path HTTP/1.1\r\nHost: h\r\n\r\n") {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		got, after := closedAfter(t, c)
		if !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, "not complete after 10s") {
			t.Errorf("got %q", got)
		}
		// The trickle goes on for lingerTime at most.
		if after < DefaultHeaderTimeout || after > DefaultHeaderTimeout+lingerTime {
			t.Errorf("closed after %v", after)
		}
	})
}

func TestSlowBody(t *testing.T) {
	for _, tt := range []struct {
		name  string
		piece int
		every time.Duration
		fails time.Duration // 0: it gets through
	}{
		{"nothing", 0, time.Hour, DefaultBodyIdleTimeout},
		{"a trickle", 1, time.Second, DefaultBodyIdleTimeout},
		{"just below the pace", MinRate - 1, time.Second, DefaultBodyIdleTimeout},
		{"just above the pace", MinRate * 11 / 10, time.Second, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var took time.Duration
				var bodyErr error
				c := dialMem(t, &Server{Handler: HandlerFunc(func(x Exchange) {
					start := time.Now()
					_, bodyErr = io.Copy(io.Discard, x.Request().Body)
					took = time.Since(start)
				})})
				const length = MinRate * 120
				send(t, c, fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", length))
				var client sync.WaitGroup
				defer client.Wait()
				client.Go(func() {
					for sent := 0; tt.piece > 0 && sent < length; sent += tt.piece {
						if _, err := c.Write(make([]byte, tt.piece)); err != nil {
							return
						}
						time.Sleep(tt.every)
					}
				})
				closedAfter(t, c)
				if tt.fails == 0 && bodyErr != nil {
					t.Errorf("failed after %v: %v", took, bodyErr)
				}
				if tt.fails > 0 && (took != tt.fails || fault.Of(bodyErr) != fault.ConnectionReadTimeout) {
					t.Errorf("ended after %v with %v, want %v", took, bodyErr, tt.fails)
				}
			})
		})
	}
}

// TestSlowHandler: the time that a handler takes is not held against the
// client.
func TestSlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dialMem(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			var b [1]byte
			for range 3 {
				if _, err := io.ReadFull(x.Request().Body, b[:]); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
			}
			_ = x.Respond(200, nil, 0)
		})})
		send(t, c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
		if got, after := closedAfter(t, c); !strings.HasPrefix(got, "HTTP/1.1 200 ") || after != 3*time.Minute {
			t.Errorf("got %q after %v", got, after)
		}
	})
}

func TestSlowReader(t *testing.T) {
	for _, tt := range []struct {
		name  string
		piece int // bytes read each second
		fails bool
	}{
		{"reads nothing", 0, true}, {"reads a trickle", 10, true}, {"reads at the pace", 2 * MinRate, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var took time.Duration
				var writeErr error
				done := make(chan struct{})
				c := dialMem(t, &Server{Handler: HandlerFunc(func(x Exchange) {
					defer close(done)
					body := make([]byte, halfSize+MinRate*100)
					_ = x.Respond(200, nil, int64(len(body)))
					start := time.Now()
					_, writeErr = x.Write(body)
					took = time.Since(start)
				})})
				send(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				quit := make(chan struct{})
				go func() {
					defer close(quit)
					buf := make([]byte, max(tt.piece, 1))
					for {
						select {
						case <-done:
							return
						case <-time.After(time.Second):
							if tt.piece > 0 {
								if _, err := c.Read(buf); err != nil {
									return
								}
							}
						}
					}
				}()
				<-done
				<-quit
				// In the first period the pipe's buffer was filled.
				if tt.fails && (took != 2*DefaultWriteTimeout || fault.Of(writeErr) != fault.ConnectionWriteTimeout) {
					t.Errorf("ended after %v with %v", took, writeErr)
				}
				if !tt.fails && writeErr != nil {
					t.Errorf("failed after %v: %v", took, writeErr)
				}
			})
		})
	}
}

// TestConnectionLimit: at the limit, a silent connection makes room for a new
// one.
func TestConnectionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveMem(t, &Server{Handler: HandlerFunc(echo), Limits: Limits{Connections: 10}})
		var silent []*memConn
		for range 100 {
			c, err := l.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			silent = append(silent, c)
			synctest.Wait()
		}
		c, err := l.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		send(t, c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		if got, _ := closedAfter(t, c); got+"<closed>" != okClose("GET h /") {
			t.Errorf("got %q", got)
		}
		open := 0
		for _, c := range silent {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				open++
			}
		}
		if open != 9 {
			t.Errorf("%d silent connections are open, want 9", open)
		}
	})
}

// TestConnectionLimitWaits: when every connection is at work, a new one waits.
func TestConnectionLimitWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveMem(t, &Server{Limits: Limits{Connections: 1}, Handler: HandlerFunc(func(x Exchange) {
			time.Sleep(3 * time.Second)
			x.Close()
			_ = x.Respond(200, nil, 0)
		})})
		var clients sync.WaitGroup
		start := time.Now()
		for range 2 {
			synctest.Wait() // a connection that has sent nothing would be closed for the next
			clients.Go(func() {
				c, err := l.dial(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				send(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				closedAfter(t, c)
			})
		}
		clients.Wait()
		if since := time.Since(start); since != 6*time.Second {
			t.Errorf("two exchanges of 3s took %v together, want 6s", since)
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemListener()
		ctx, cancel := context.WithCancel(t.Context())
		var cause error
		s := &Server{Handler: HandlerFunc(func(x Exchange) {
			switch x.Request().Path {
			case "/slow":
				<-x.Conn().Draining
				time.Sleep(2 * time.Second)
				_ = x.Respond(200, nil, 0)
			case "/stuck":
				<-x.Context().Done()
				cause = context.Cause(x.Context())
			}
		})}
		done := make(chan time.Time, 1)
		go func() {
			if err := s.Serve(ctx, l); err != nil {
				t.Error(err)
			}
			done <- time.Now()
		}()
		idle, _ := l.dial(ctx)
		slow, _ := l.dial(ctx)
		stuck, _ := l.dial(ctx)
		send(t, slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
		send(t, stuck, "GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n")
		synctest.Wait()
		start := time.Now()
		cancel()
		if _, after := closedAfter(t, idle); after != 0 {
			t.Errorf("the idle connection was closed after %v", after)
		}
		if got, after := closedAfter(t, slow); after != 2*time.Second || !strings.Contains(got, "\r\nConnection: close\r\n") {
			t.Errorf("the slow exchange got %q after %v", got, after)
		}
		if since := (<-done).Sub(start); since != DefaultDrain {
			t.Errorf("Serve returned after %v", since)
		}
		synctest.Wait()
		if !errors.Is(cause, errStopped) {
			t.Errorf("the stuck handler was told %v", cause)
		}
	})
}

// TestContextKeepsPipelined: watching for the client's leaving reads ahead,
// and what it reads is not lost.
func TestContextKeepsPipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var causes []error
		c := dialMem(t, &Server{Handler: HandlerFunc(func(x Exchange) {
			ctx := x.Context()
			select {
			case <-ctx.Done():
				causes = append(causes, context.Cause(ctx))
			case <-time.After(time.Second):
				causes = append(causes, nil)
			}
			_ = x.Respond(200, field.Fields{{Name: "X-Path", Value: x.Request().Path}}, 0)
		})})
		send(t, c, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
		synctest.Wait()
		send(t, c, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HT")
		time.Sleep(1500 * time.Millisecond)
		send(t, c, "TP/1.1\r\nHost: h\r\n\r\n")
		time.Sleep(time.Second)
		_ = c.CloseWrite() // while /3 is being answered
		got, _ := closedAfter(t, c)
		for i, want := range []string{"/1", "/2", "/3"} {
			if !strings.Contains(got, "X-Path: "+want+"\r\n") {
				t.Errorf("no answer to %s in %q", want, got)
			}
			if gone := fault.Of(causes[i]) == fault.ConnectionTerminated; gone != (i == 2) {
				t.Errorf("%s: context ended with %v", want, causes[i])
			}
		}
	})
}

// TestUnreadBody: a short body that the handler leaves is read past; a long
// one ends the connection, and the client hears so before it sends it.
func TestUnreadBody(t *testing.T) {
	for _, tt := range []struct {
		name, head string
		body       int
		again      bool
	}{
		{"short", "Content-Length: 1000\r\n\r\n", 1000, true},
		{"at the limit", fmt.Sprintf("Content-Length: %d\r\n\r\n", DefaultDrainBytes), DefaultDrainBytes, true},
		{"long", "Content-Length: 9000000000\r\n\r\n", 0, false},
		{"not asked for", "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serveMem(t, &Server{Handler: HandlerFunc(func(x Exchange) {
					_ = x.Respond(413, nil, 0)
				})})
				c, _ := l.dial(t.Context())
				defer c.Close()
				go func() {
					_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\n"+tt.head+strings.Repeat("x", tt.body)+"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				}()
				got := readAll(c)
				want := 1
				if tt.again {
					want = 2
				}
				if strings.Count(got, "HTTP/1.1 413 ") != want || strings.Contains(got, "Connection: close") == tt.again {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

// TestBodyAfterExchange: a reader that outlives its exchange finds the body
// closed; it does not read the next request.
func TestBodyAfterExchange(t *testing.T) {
	both(t, func(x Exchange) {
		if x.Request().Body == nil {
			_ = x.Respond(200, nil, 0)
			return
		}
		body, quic := x.Request().Body, x.Request().Proto == HTTP3
		go func() {
			_, err := io.Copy(io.Discard, body)
			// Over QUIC the client's own end of the stream may be first.
			if quic && err != nil && strings.Contains(err.Error(), "reset by the peer: H3_NO_ERROR") {
				return
			}
			if !errors.Is(err, errBodyClosed) && !errors.Is(err, errInterrupted) {
				t.Errorf("a stray reader got %v", err)
			}
		}()
		time.Sleep(time.Second)
		_ = x.Respond(200, nil, 0)
	}, func(t *testing.T, dial func() Client) {
		c := dial()
		r := get("/")
		r.Method, r.Length = "POST", 10
		pr, pw := io.Pipe()
		defer pw.Close()
		r.Body = pr
		if resp, _ := do(t, c, r); resp.Status != 200 {
			t.Errorf("status %d", resp.Status)
		}
		synctest.Wait()
		if c.Proto() == "h2" {
			if resp, _ := do(t, c, get("/")); resp.Status != 200 {
				t.Errorf("status %d", resp.Status)
			}
		}
	})
}
