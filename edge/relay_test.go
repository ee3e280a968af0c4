package edge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// TestEvents: server-sent events arrive when they happen, and go on through
// silence that would end another body.
func TestEvents(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/event-stream"}, {Name: "Cache-Control", Value: "max-age=60"}}, -1)
		x.Flush()
		for i := range 3 {
			time.Sleep(time.Minute)
			fmt.Fprintf(writer{x}, "data: %d\n\n", i)
			x.Flush()
		}
	}, func(w *world) {
		began := time.Now()
		resp, err := w.open(context.Background(), &wire.Request{Path: "/events"})
		if err != nil || time.Since(began) != 0 {
			t.Fatalf("%v after %v: the head does not wait for the first event", err, time.Since(began))
		}
		events := bufio.NewReader(resp.Body)
		for i := range 3 {
			line, err := events.ReadString('\n')
			if want := fmt.Sprintf("data: %d\n", i); line != want || err != nil || time.Since(began) != time.Duration(i+1)*time.Minute {
				t.Errorf("got %q, %v after %v", line, err, time.Since(began))
			}
			events.ReadString('\n')
		}
		if _, err := events.ReadByte(); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		resp.Body.Close()
		if w.edge.store.Len() != 0 {
			t.Error("the stream was stored")
		}
	})
}

// TestEventsEndWithServer: a stream ends politely when the server drains.
func TestEventsEndWithServer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		draining := make(chan struct{})
		w.origin = func(x wire.Exchange) {
			x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/event-stream"}}, -1)
			x.Write([]byte("data: 1\n\n"))
			x.Flush()
			<-x.Context().Done()
		}
		x := &fakeExchange{request: wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: "/", Proto: wire.HTTP11},
			conn: wire.ConnInfo{Draining: draining}}
		go func() {
			time.Sleep(time.Minute)
			close(draining)
		}()
		began := time.Now()
		w.serveEdge(x) // would panic in Abort, which the fake does not have
		if time.Since(began) != time.Minute || x.body.String() != "data: 1\n\n" {
			t.Errorf("ended after %v with %q", time.Since(began), x.body.String())
		}
	})
}

func TestTrailers(t *testing.T) {
	for _, control := range []string{"no-store", "max-age=60"} {
		inWorld(t, func(x wire.Exchange) {
			x.Respond(200, field.Fields{{Name: "Cache-Control", Value: control}, {Name: "Trailer", Value: "Sum"}}, -1)
			x.Write([]byte("body"))
			x.Trailers(field.Fields{{Name: "Sum", Value: "42"}})
		}, func(w *world) {
			g := w.get("/", "TE", "trailers")
			if g.body != "body" {
				t.Errorf("got %v", g)
			}
			if passed := control == "no-store"; (g.trailers.Get("Sum") == "42") != passed || g.fields.Has("Trailer") != passed {
				t.Errorf("%s: trailers %v, Trailer %q", control, g.trailers, g.fields.Get("Trailer"))
			}
		})
	}
}

func TestInterim(t *testing.T) {
	for _, control := range []string{"no-store", "max-age=60"} {
		for _, method := range []string{"GET", "POST"} {
			inWorld(t, func(x wire.Exchange) {
				x.Inform(103, field.Fields{{Name: "Link", Value: "</a.css>; rel=preload"}})
				time.Sleep(time.Second)
				reply(x, 200, "body", "Cache-Control", control)
			}, func(w *world) {
				var hinted time.Time
				began := time.Now()
				g := w.do(&wire.Request{Method: method, Path: "/", Interim: func(int, field.Fields) { hinted = time.Now() }})
				if len(g.informed) != 1 || g.informed[0].Status != 103 || g.informed[0].Fields.Get("Link") != "</a.css>; rel=preload" {
					t.Errorf("informed %v", g.informed)
				}
				if g.body != "body" || hinted != began {
					t.Errorf("got %v, the hint after %v", g, hinted.Sub(began))
				}
			})
		}
	}
}

// TestInterimUnderRules: what does not pass with a final response does not
// pass before it: cookies of a host without, what a rule removes, words to us.
func TestInterimUnderRules(t *testing.T) {
	for _, control := range []string{"no-store", "max-age=60"} {
		for _, tt := range []struct{ host, want string }{
			{"www.shop.test", "Link: </a.css>; rel=preload, Set-Cookie: a=b"},
			{"a.img.shop.test", "Link: </a.css>; rel=preload"},
			{"shopusers.test", "Link: </a.css>; rel=preload"},
		} {
			s := trusting
			s.site = func(site *cdn.Site) {
				site.Hosts = append(site.Hosts, "shopusers.test")
				site.Rules.Cookieless = []string{"*.img.shop.test"}
				site.Rules.UserContent.Hosts = []string{"shopusers.test"}
				site.Rules.Headers = []cdn.Header{{Action: cdn.Remove, Name: "X-Inner"}, {Action: cdn.Set, Name: "X-Outer", Value: "1"}}
			}
			inWorld(t, func(x wire.Exchange) {
				x.Inform(103, field.Fields{{Name: "Link", Value: "</a.css>; rel=preload"}, {Name: "Set-Cookie", Value: "a=b"},
					{Name: "X-Inner", Value: "secret"}, {Name: "Alt-Svc", Value: "h3"}})
				reply(x, 200, "body", "Cache-Control", control)
			}, func(w *world) {
				parent, id := sampled(1)
				g := w.get("http://"+tt.host+"/", "Traceparent", parent)
				if len(g.informed) != 1 {
					t.Fatalf("%s: informed %v", tt.host, g.informed)
				}
				var lines []string
				for _, l := range g.informed[0].Fields {
					lines = append(lines, l.Name+": "+l.Value)
				}
				if got := strings.Join(lines, ", "); got != tt.want {
					t.Errorf("%s, %s: 103 with %q, want %q", tt.host, control, got, tt.want)
				}
				dropped := 0
				for _, e := range w.events(id) {
					if f, ok := e.Fact.(trace.CookieDecision); ok {
						dropped += f.ResponseBytes
					}
				}
				if counted := tt.host == "www.shop.test"; counted != (dropped == 0) {
					t.Errorf("%s: %d bytes are on record", tt.host, dropped)
				}
			}, s)
		}
	}
}

// upgrading is an origin that echoes in capitals until its client has
// finished, and then says goodbye.
func upgrading(x wire.Exchange) {
	c, err := x.Upgrade(101, field.Fields{{Name: "Sec-WebSocket-Accept", Value: "yes"}})
	if err != nil {
		return
	}
	defer c.Close()
	buf := make([]byte, 100)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			c.Write([]byte(strings.ToUpper(string(buf[:n]))))
		}
		if err != nil {
			c.Write([]byte("bye"))
			return
		}
	}
}

// TestUpgrade: bytes go both ways, and each side can finish by itself.
func TestUpgrade(t *testing.T) {
	inWorld(t, upgrading, func(w *world) {
		c, r := w.raw()
		defer c.Close()
		io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: www.shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\nearly")
		line, _ := r.ReadString('\n')
		head := line
		for line != "\r\n" && line != "" {
			line, _ = r.ReadString('\n')
			head += line
		}
		if !strings.HasPrefix(head, "HTTP/1.1 101") || !strings.Contains(head, "Sec-WebSocket-Accept: yes") ||
			!strings.Contains(strings.ToLower(head), "upgrade: websocket") {
			t.Fatalf("got %q", head)
		}
		if got := w.lastAsked(); got.Upgrade != "websocket" || got.Fields.Get("Sec-WebSocket-Key") != "k" {
			t.Errorf("the origin was asked %v", got)
		}
		buf := make([]byte, 100)
		n, err := io.ReadFull(r, buf[:5])
		if string(buf[:n]) != "EARLY" {
			t.Errorf("got %q, %v", buf[:n], err)
		}
		time.Sleep(tunnelTimeout - time.Second)
		io.WriteString(c, "late")
		n, err = io.ReadFull(r, buf[:4])
		if string(buf[:n]) != "LATE" {
			t.Errorf("got %q, %v", buf[:n], err)
		}
		c.(interface{ CloseWrite() error }).CloseWrite()
		rest, err := io.ReadAll(r)
		if string(rest) != "bye" || err != nil {
			t.Errorf("after half a close: %q, %v", rest, err)
		}
	})
}

// TestUpgradeSilence: a tunnel in which nothing moves ends.
func TestUpgradeSilence(t *testing.T) {
	inWorld(t, upgrading, func(w *world) {
		c, r := w.raw()
		defer c.Close()
		began := time.Now()
		io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: www.shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(io.Discard, r)
		if time.Since(began) != tunnelTimeout {
			t.Errorf("ended after %v, want %v", time.Since(began), tunnelTimeout)
		}
	})
}

// TestUpgradeRefused: an origin that goes on with HTTP is relayed; h2c is no
// protocol to make a tunnel for.
func TestUpgradeRefused(t *testing.T) {
	inWorld(t, replying(200, "plain", "Cache-Control", "max-age=60"), func(w *world) {
		for _, tt := range []struct{ upgrade, want string }{
			{"websocket", "; fwd=bypass"},
			{"h2c", "; fwd=uri-miss; ttl=60; stored"},
			{"TLS/1.2", "; hit; ttl=60"},
		} {
			c, r := w.raw()
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: www.shop.test\r\nConnection: Upgrade\r\nUpgrade: "+tt.upgrade+"\r\n\r\n")
			resp, body := response(t, r, "GET")
			if resp.StatusCode != 200 || body != "plain" || resp.Header.Get("Cache-Status") != "waypost-t1"+tt.want {
				t.Errorf("%s: %d %q, %s", tt.upgrade, resp.StatusCode, body, resp.Header.Get("Cache-Status"))
			}
			c.Close()
			synctest.Wait()
		}
	})
}

// TestUpgradeRefusedAtLength: a body that takes its time is relayed to its
// end although a tunnel was asked for.
func TestUpgradeRefusedAtLength(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, nil, 3)
		for _, c := range "abc" {
			x.Write([]byte(string(c)))
			x.Flush()
			time.Sleep(time.Second)
		}
	}, func(w *world) {
		c, r := w.raw()
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: www.shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		if resp, body := response(t, r, "GET"); resp.StatusCode != 200 || body != "abc" {
			t.Errorf("got %d %q", resp.StatusCode, body)
		}
	})
}

// TestUpgradeEndsWithEdge: Close cuts what is left.
func TestUpgradeEndsWithEdge(t *testing.T) {
	inWorld(t, upgrading, func(w *world) {
		c, r := w.raw()
		defer c.Close()
		io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: www.shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		r.ReadString('\n')
		began := time.Now()
		w.edge.Close()
		io.Copy(io.Discard, r)
		synctest.Wait()
		if time.Since(began) != 0 {
			t.Errorf("ended after %v", time.Since(began))
		}
	})
}

// trickle is a body that comes a byte a second.
type trickle struct{ n int }

func (b *trickle) Read(p []byte) (int, error) {
	if b.n == 0 {
		return 0, io.EOF
	}
	b.n--
	time.Sleep(time.Second)
	p[0] = 'x'
	return 1, nil
}

// TestEarlyAnswer: an origin that answers before it has read the body is
// heard at once, whatever the client still sends.
func TestEarlyAnswer(t *testing.T) {
	inWorld(t, replying(403, "no"), func(w *world) {
		for _, length := range []int64{-1, 60} {
			began := time.Now()
			g := w.do(&wire.Request{Method: "POST", Path: "/", Length: length, Body: &trickle{n: 60}})
			if g.status != 403 || g.body != "no" || time.Since(began) > 2*time.Second {
				t.Errorf("got %v after %v", g, time.Since(began))
			}
			if g = w.get("/next"); g.status != 403 {
				t.Errorf("afterwards: %v", g)
			}
		}
		time.Sleep(time.Minute) // the bodies come to their end
	})
}

// TestUploadBreaksOff: a client that leaves in the middle of its body leaves
// no half of a request behind that looks like a whole.
func TestUploadBreaksOff(t *testing.T) {
	var err error
	inWorld(t, func(x wire.Exchange) {
		_, err = io.ReadAll(x.Request().Body)
		reply(x, 200, "took it")
	}, func(w *world) {
		c, _ := w.raw()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: www.shop.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
		time.Sleep(time.Second)
		c.Close()
		synctest.Wait()
		if err == nil || w.trips() != 1 {
			t.Errorf("the origin read the body to its end (%d trips)", w.trips())
		}
	})
}

// TestUploadGarbled: a client whose body has no form is told so, and its
// connection ends.
func TestUploadGarbled(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		_, _ = io.ReadAll(x.Request().Body)
		reply(x, 200, "took it")
	}, func(w *world) {
		c, _ := w.raw()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: www.shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nhalf\r\n0\r\n\r\n")
		all, err := io.ReadAll(c)
		got := string(all)
		if err != nil || !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "Connection: close\r\n") ||
			!strings.Contains(got, `details="read request body: `) {
			t.Errorf("got %v, %q", err, got)
		}
	})
}

// TestUploadStandsStill: a body that does not come is the client's delay,
// and not the origin's.
func TestUploadStandsStill(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Minute) // it waits longer for its body than the edge
		reply(x, 200, "took it")
	}, func(w *world) {
		c, _ := w.raw()
		began := time.Now()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 8\r\n\r\nhalf")
		all, err := io.ReadAll(c)
		got := string(all)
		if err != nil || !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, "error=connection_read_timeout") {
			t.Errorf("got %v, %q", err, got)
		}
		if took := time.Since(began); took < wire.DefaultBodyIdleTimeout {
			t.Errorf("given up after %v", took)
		}
		time.Sleep(time.Minute) // the origin's handler comes to its end
	})
}

// TestPurgeWhileFilling: what was on its way in when the purge came is served
// to those who wait, and not stored.
func TestPurgeWhileFilling(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(2 * time.Second)
		reply(x, 200, "old", "Cache-Control", "max-age=60")
	}, func(w *world) {
		done := make(chan got)
		go func() { done <- w.send(&wire.Request{Path: "/"}) }()
		time.Sleep(time.Second)
		w.edge.Purge(Purge{URL: "http://www.shop.test/"})
		if g := <-done; g.body != "old" {
			t.Errorf("got %v", g)
		}
		synctest.Wait()
		if w.edge.store.Len() != 0 {
			t.Error("it was stored")
		}
	})
}
