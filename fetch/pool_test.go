package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/trace"
)

// TestQueue sends nine requests at once to a host that takes a second for
// each: six go, three wait exactly that second.
func TestQueue(t *testing.T) {
	inWorld(t, func(w *world) {
		w.serve(shopAddr, 80, &wire.Server{Handler: answer("x", time.Second)})
		var pending []*Pending
		for range 9 {
			pending = append(pending, w.client.Start(w.ctx(), mustURL(t, "http://www.shop.test/"), &wire.Request{}, DefaultUrgency))
		}
		var wg sync.WaitGroup
		queued := make([]time.Duration, len(pending))
		for i, p := range pending {
			wg.Go(func() {
				r, err := p.Response()
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, r.Body)
				queued[i] = r.Queued
				if r.Reused != (i >= 6) {
					t.Errorf("request %d: reused %v", i, r.Reused)
				}
			})
		}
		wg.Wait()
		first := 20*ms + 20*ms + time.Second // connect, round trip, answer
		want := []time.Duration{0, 0, 0, 0, 0, 0, first, first, first}
		if !slices.Equal(queued, want) {
			t.Errorf("queued %v, want %v", queued, want)
		}
		if got := len(w.events(trace.KindTCPConnect)); got != DefaultPerHost {
			t.Errorf("%d connections, want %d", got, DefaultPerHost)
		}
	})
}

// TestUrgency holds the only connection while five requests of different
// urgency come, and looks at their order afterwards.
func TestUrgency(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.PerHost = 1
		var order []string
		w.serve(shopAddr, 80, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			order = append(order, strings.Clone(x.Request().Path))
			x.Respond(200, nil, 0)
		})})
		var wg sync.WaitGroup
		for _, r := range []struct {
			path    string
			urgency int
		}{{"/first", 5}, {"/image1", 5}, {"/css", 1}, {"/image2", 5}, {"/font", 3}, {"/css2", 1}} {
			p := w.client.Start(w.ctx(), mustURL(t, "http://www.shop.test"+r.path), &wire.Request{}, r.urgency)
			wg.Go(func() {
				if r, err := p.Response(); err != nil {
					t.Error(err)
				} else {
					r.Body.Close()
				}
			})
		}
		wg.Wait()
		want := []string{"/first", "/css", "/css2", "/font", "/image1", "/image2"}
		if !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

// TestQueueLeft gives up waiting; who comes later still gets the connection.
func TestQueueLeft(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.PerHost = 1
		w.serve(shopAddr, 80, &wire.Server{Handler: answer("x", time.Second)})
		u := mustURL(t, "http://www.shop.test/")
		holder := w.client.Start(w.ctx(), u, &wire.Request{}, DefaultUrgency)
		ctx, cancel := context.WithTimeout(w.ctx(), 100*ms)
		defer cancel()
		impatient := w.client.Start(ctx, u, &wire.Request{}, DefaultUrgency)
		patient := w.client.Start(w.ctx(), u, &wire.Request{}, DefaultUrgency)
		go func() {
			r, err := holder.Response()
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, r.Body)
		}()
		_, err := impatient.Response()
		var failed *Error
		if !errors.As(err, &failed) || failed.Queued != 100*ms || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient: %v", err)
		}
		r, err := patient.Response()
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
	})
}

// TestQueueTimeout stands behind a request that hangs. Who waits for too long
// hears of it to the moment, and leaves the others' turns as they were.
func TestQueueTimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.PerHost = 1
		w.client.Timeouts = Timeouts{Queue: 2 * time.Second, FirstByte: 3 * time.Second}
		w.serve(shopAddr, 80, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			if x.Request().Path == "/hangs" {
				<-x.Context().Done()
				return
			}
			x.Respond(200, nil, 0)
		})})
		var wg sync.WaitGroup
		start := func(path string, check func(*Response, error)) {
			p := w.client.Start(w.ctx(), mustURL(t, "http://www.shop.test"+path), &wire.Request{}, DefaultUrgency)
			wg.Go(func() { check(p.Response()) })
		}
		start("/hangs", func(_ *Response, err error) {
			if fault.Of(err) != fault.HTTPResponseTimeout {
				t.Errorf("the first: %v", err)
			}
		})
		time.Sleep(500 * ms)
		start("/late", func(_ *Response, err error) {
			var timeout *Timeout
			if !errors.As(err, &timeout) || *timeout != (Timeout{TimerQueue, 2 * time.Second}) || fault.Of(err) != fault.ConnectionLimitReached {
				t.Errorf("the second: %v (%s)", err, fault.Of(err))
			}
			want := "GET http://www.shop.test/late: wait for a connection to www.shop.test:80: queue timeout after 2s"
			var failed *Error
			if !errors.As(err, &failed) || failed.Error() != want || failed.Queued != 2*time.Second || !failed.Sent.IsZero() {
				t.Errorf("the second: %+v\nwant %s", failed, want)
			}
		})
		time.Sleep(time.Second)
		start("/in-time", func(r *Response, err error) {
			if err != nil {
				t.Errorf("the third: %v", err)
				return
			}
			r.Body.Close()
			// Connect 20 ms and first byte 3 s of the first, less the 1.5 s before this one.
			if r.Queued != 1520*ms {
				t.Errorf("the third queued for %v", r.Queued)
			}
		})
		wg.Wait()
	})
}

// TestQueueUnlimited waits as long as it takes.
func TestQueueUnlimited(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.PerHost = 1
		w.client.Timeouts = Timeouts{Queue: -1, FirstByte: -1}
		w.serve(shopAddr, 80, &wire.Server{Handler: answer("x", time.Hour)})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, _, err := w.get("http://www.shop.test/"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestQueueFull finds the queue's limit.
func TestQueueFull(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.PerHost = 1
		w.net.Hole[shopAddr] = true
		u := mustURL(t, "http://www.shop.test/")
		ctx, cancel := context.WithCancel(w.ctx())
		var pending []*Pending
		for range 1 + maxQueue {
			pending = append(pending, w.client.Start(ctx, u, &wire.Request{}, DefaultUrgency))
		}
		_, err := w.client.Do(ctx, u, &wire.Request{})
		if fault.Of(err) != fault.ConnectionLimitReached {
			t.Errorf("beyond the queue: %v", err)
		}
		cancel()
		for _, p := range pending {
			if _, err := p.Response(); err == nil {
				t.Fatal("answered by a hole")
			}
		}
	})
}

// TestIdleTimeout sees an unused connection closed to the moment.
func TestIdleTimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.Timeouts.Idle = 5 * time.Second
		w.serve(shopAddr, 80, &wire.Server{Handler: answer("x", 0)})
		if _, _, err := w.get("http://www.shop.test/"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if _, _, err := w.get("http://www.shop.test/"); err != nil { // starts the time anew
			t.Fatal(err)
		}
		rested := time.Now()
		time.Sleep(6 * time.Second)
		closes := w.events(trace.KindTCPClose)
		if len(closes) != 1 || !closes[0].Time.Equal(rested.Add(5*time.Second)) {
			t.Errorf("closed: %v, want once 5s after %v", closes, rested)
		}
	})
}

// TestRetry meets connections that the server has closed while they were
// idle. The client cannot know: the network here tells only who reads.
func TestRetry(t *testing.T) {
	tests := []struct {
		name     string
		method   string
		body     string
		reads    bool // the server takes the second request before it hangs up
		attempts int  // 0: the request fails
	}{
		{"GET", "GET", "", false, 2},
		{"GET, taken and not answered", "GET", "", true, 2},
		{"DELETE", "DELETE", "", false, 2},
		{"PUT, its body not yet read", "PUT", "data", false, 2},
		{"PUT, its body read", "PUT", "data", true, 0},
		{"POST without body", "POST", "", true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				// A server of one request per connection that does not say so.
				w.raw(80, func(c net.Conn) {
					c.Read(make([]byte, 4096))
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					time.Sleep(time.Second)
					if tt.reads {
						c.Read(make([]byte, 4096))
					}
					c.Close()
				})
				if _, _, err := w.get("http://www.shop.test/"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				r := &wire.Request{Method: tt.method}
				if tt.body != "" {
					r.Body, r.Length = strings.NewReader(tt.body), int64(len(tt.body))
				}
				resp, err := w.client.Do(w.ctx(), mustURL(t, "http://www.shop.test/"), r)
				if tt.attempts == 0 {
					if !errors.Is(err, wire.ErrRetry) {
						t.Errorf("got %v, want an error that wraps ErrRetry", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.Attempts != tt.attempts || resp.Reused {
					t.Errorf("attempts %d, reused %v", resp.Attempts, resp.Reused)
				}
				if f := w.events(trace.KindTCPClose)[0].Fact.(trace.TCPClose); f.By != "peer" {
					t.Errorf("the dead connection was closed by %s", f.By)
				}
			})
		})
	}
}

// TestClose ends what is under way, wherever it is.
func TestClose(t *testing.T) {
	inWorld(t, func(w *world) {
		hole := netip.MustParseAddr("198.51.100.99")
		w.net.Hole[hole] = true
		w.client.PerHost = 1
		w.serve(shopAddr, 80, &wire.Server{Handler: answer("x", time.Hour)})
		var wg sync.WaitGroup
		for _, u := range []string{"http://www.shop.test/", "http://www.shop.test/queued", "http://198.51.100.99/"} {
			wg.Go(func() {
				if _, _, err := w.get(u); err == nil || fault.Of(err) == "" {
					t.Errorf("%s: %v", u, err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		w.client.Close()
		wg.Wait()
		if d := time.Since(start); d != 0 {
			t.Errorf("Close took %v", d)
		}
		if _, _, err := w.get("http://www.shop.test/"); !errors.Is(err, errClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestBodyClosedEarly gives up a body: that costs the connection, and it was
// us.
func TestBodyClosedEarly(t *testing.T) {
	inWorld(t, func(w *world) {
		w.serve(shopAddr, 80, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			x.Respond(200, nil, 10)
			x.Write([]byte("half "))
			x.Flush()
			<-x.Context().Done()
		})})
		r, err := w.client.Do(w.ctx(), mustURL(t, "http://www.shop.test/"), &wire.Request{})
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		r.Body.Close()
		closes := w.events(trace.KindTCPClose)
		if len(closes) != 1 || closes[0].Fact.(trace.TCPClose).By != "us" {
			t.Errorf("closes %v", closes)
		}
	})
}

// TestUpload sees that the first-byte timer waits for a slow upload.
func TestUpload(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.Timeouts.FirstByte = time.Second
		w.serve(shopAddr, 80, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			b, _ := io.ReadAll(x.Request().Body)
			text := fmt.Sprint(len(b))
			x.Respond(200, nil, int64(len(text)))
			io.WriteString(writer{x}, text)
		})})
		r, err := w.client.Do(w.ctx(), mustURL(t, "http://www.shop.test/"), &wire.Request{
			Method: "POST", Body: &slowReader{parts: 5, pause: 900 * ms}, Length: -1,
		})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r.Body); string(b) != "5" {
			t.Errorf("server got %q, %v", b, err)
		}
	})
}

// TestUploadAfterResponse: the first-byte timer has done its work when the head
// is there, and what is left of the request's body does not start it again.
func TestUploadAfterResponse(t *testing.T) {
	inWorld(t, func(w *world) {
		w.client.Timeouts.FirstByte = time.Second
		w.raw(80, func(c net.Conn) {
			c.Read(make([]byte, 1024))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
			go io.Copy(io.Discard, c)
			time.Sleep(5 * time.Second)
			io.WriteString(c, "late")
		})
		r, err := w.client.Do(w.ctx(), mustURL(t, "http://www.shop.test/"), &wire.Request{
			Method: "POST", Body: &slowReader{parts: 2, pause: 2 * time.Second}, Length: -1,
		})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r.Body); string(b) != "late" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
}

// slowReader is a body that takes its time.
type slowReader struct {
	parts int
	pause time.Duration
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.parts == 0 {
		return 0, io.EOF
	}
	s.parts--
	time.Sleep(s.pause)
	p[0] = '.'
	return 1, nil
}

// writer is an exchange's body as an io.Writer.
type writer struct{ x wire.Exchange }

func (w writer) Write(p []byte) (int, error) { return w.x.Write(p) }

// TestUpgrade speaks another protocol on a connection of its own.
func TestUpgrade(t *testing.T) {
	inWorld(t, func(w *world) {
		w.serve(shopAddr, 80, &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
			c, err := x.Upgrade(101, nil)
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(c, c)
			c.Close()
		})})
		r, err := w.client.Do(w.ctx(), mustURL(t, "ws://www.shop.test/"), &wire.Request{Upgrade: "echo"})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != 101 || r.Upgraded == nil {
			t.Fatalf("status %d, upgraded %v", r.Status, r.Upgraded)
		}
		io.WriteString(r.Upgraded, "ping")
		b := make([]byte, 4)
		if _, err := io.ReadFull(r.Upgraded, b); err != nil || string(b) != "ping" {
			t.Errorf("%q, %v", b, err)
		}
		r.Upgraded.Close()
		if n := len(w.events(trace.KindTCPClose)); n != 1 {
			t.Errorf("%d tcp.close, want 1", n)
		}
	})
}
