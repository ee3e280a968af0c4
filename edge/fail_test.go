package edge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"

	"github.com/dunglas/httpsfv"
)

func silent(x wire.Exchange) { <-x.Context().Done() }

// TestFaults: what the client gets, and when, for each way in which the
// origin fails.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		origin func(wire.Exchange)
		url    string // of the origin, the usual one when empty
		status int
		error  string
		timer  string // in the page
		after  time.Duration
	}{
		{"first byte", silent, "", 504, "http_response_timeout", "within 15s of the request (first-byte timer)", 15 * time.Second},
		{"refused", silent, "http://192.0.2.66", 502, "connection_refused", "", 0},
		{"no address answers", silent, "http://192.0.2.99", 504, "connection_timeout", "no connection within 3s", 3 * time.Second},
		{"no name", silent, "http://nowhere.test", 502, "dns_error", "", 0},
		{"dropped", func(x wire.Exchange) { x.Abort() }, "", 502, "connection_terminated", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, tt.origin, func(w *world) {
				began := time.Now()
				g := w.get("/slow", "Accept", "text/html")
				if g.status != tt.status || time.Since(began) != tt.after {
					t.Errorf("%d after %v, want %d after %v", g.status, time.Since(began), tt.status, tt.after)
				}
				list, err := httpsfv.UnmarshalList([]string{g.fields.Join("Proxy-Status")})
				if err != nil || len(list) != 1 {
					t.Fatalf("Proxy-Status %q: %v", g.fields.Join("Proxy-Status"), err)
				}
				item := list[0].(httpsfv.Item)
				kind, _ := item.Params.Get("error")
				if item.Value != httpsfv.Token("waypost-t1") || kind != httpsfv.Token(tt.error) {
					t.Errorf("Proxy-Status %q, want error=%s", g.fields.Join("Proxy-Status"), tt.error)
				}
				for _, part := range []string{"<h1>" + reasonOf(tt.status), "<dt>site<dd>shop", "<dt>fault<dd>" + tt.error, tt.timer} {
					if !strings.Contains(g.body, part) {
						t.Errorf("the page does not say %q:\n%s", part, g.body)
					}
				}
				checkFields(t, tt.name, g.fields, []string{"Cache-Control", "no-store", "Content-Type", "text/html; charset=utf-8"})
			}, setting{site: func(s *cdn.Site) {
				if tt.url != "" {
					s.Origin.URLs = []string{tt.url}
				}
			}, hole: "192.0.2.99"})
		})
	}
}

func reasonOf(status int) string {
	if status == 504 {
		return "504 Gateway Timeout"
	}
	return "502 Bad Gateway"
}

// TestOriginHangs: behind an origin that has taken all the connections it may
// have and answers none, the client hears in time that there are too many.
func TestOriginHangs(t *testing.T) {
	const connections = 512 // package upstream's limit
	inWorld(t, silent, func(w *world) {
		var hung sync.WaitGroup
		for i := range connections {
			hung.Go(func() { w.send(&wire.Request{Path: fmt.Sprintf("/hangs/%d", i)}) })
		}
		synctest.Wait()
		parent, id := sampled(1)
		began := time.Now()
		g := w.send(&wire.Request{Path: "/late"}, "Accept", "text/html", "Traceparent", parent)
		took := time.Since(began)
		if g.status != 503 || took != 3*time.Second {
			t.Errorf("%d after %v, want 503 after 3s", g.status, took)
		}
		if status := g.fields.Join("Proxy-Status"); !strings.Contains(status, "error=connection_limit_reached") {
			t.Errorf("Proxy-Status %q", status)
		}
		if want := "no connection to the origin was free within 3s"; !strings.Contains(g.body, want) {
			t.Errorf("the page does not say %q:\n%s", want, g.body)
		}
		synctest.Wait()
		var timers []string
		for _, e := range w.events(id) {
			if f, ok := e.Fact.(trace.OriginFetch); ok {
				timers = append(timers, f.Timer)
			}
		}
		if !slices.Equal(timers, []string{"queue 3s"}) {
			t.Errorf("origin.fetch named the timers %q, want queue 3s", timers)
		}
		hung.Wait()
	}, trusting)
}

// TestBreaksOff: a body that stops short is not sent as if it were whole.
func TestBreaksOff(t *testing.T) {
	for _, control := range []string{"no-store", "max-age=60"} {
		for _, length := range []int64{-1, 100} {
			inWorld(t, func(x wire.Exchange) {
				x.Respond(200, field.Fields{{Name: "Cache-Control", Value: control}}, length)
				x.Write([]byte("half"))
				x.Flush()
				x.Abort()
			}, func(w *world) {
				g := w.get("/")
				if g.body != "half" || g.err == nil {
					t.Errorf("%s, length %d: got %v, %v", control, length, g, g.err)
				}
			})
		}
	}
}

// TestStalledBody: the idle timer ends a body that stands still.
func TestStalledBody(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}, 100)
		x.Write([]byte("half"))
		x.Flush()
		<-x.Context().Done()
	}, func(w *world) {
		began := time.Now()
		g := w.get("/")
		if g.body != "half" || g.err == nil || time.Since(began) != 15*time.Second {
			t.Errorf("got %v, %v after %v", g, g.err, time.Since(began))
		}
	})
}

func TestStaleWhileRevalidate(t *testing.T) {
	var version atomic.Int64
	inWorld(t, func(x wire.Exchange) {
		if version.Add(1) > 1 {
			time.Sleep(3 * time.Second)
		}
		reply(x, 200, string(rune('a'+version.Load()-1)), "Cache-Control", "max-age=10, stale-while-revalidate=30")
	}, func(w *world) {
		w.get("/")
		time.Sleep(15 * time.Second)
		began := time.Now()
		for range 5 { // one refresh for all
			g := w.get("/")
			w.cacheStatus(g, "; hit; ttl=-5; detail=stale-while-revalidate")
			if g.body != "a" || time.Since(began) != 0 {
				t.Errorf("got %v after %v", g, time.Since(began))
			}
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		g := w.get("/")
		w.cacheStatus(g, "; hit; ttl=7")
		if g.body != "b" || w.trips() != 2 {
			t.Errorf("got %v after %d trips", g, w.trips())
		}
		time.Sleep(60 * time.Second) // beyond the window
		w.cacheStatus(w.get("/"), "; fwd=stale; ttl=7; stored")
	})
}

func TestStaleIfError(t *testing.T) {
	down := false
	fails := func(x wire.Exchange) { x.Abort() }
	origin := func(x wire.Exchange) {
		if down {
			fails(x)
			return
		}
		control := "max-age=10"
		switch x.Request().Path {
		case "/strict":
			control += ", must-revalidate"
		case "/window":
			control += ", stale-if-error=60"
		}
		reply(x, 200, "good", "Cache-Control", control, "ETag", `"1"`)
	}
	inWorld(t, origin, func(w *world) {
		w.get("/")
		w.get("/strict")
		w.get("/window")
		time.Sleep(5 * time.Second)
		down = true
		w.cacheStatus(w.get("/", "Cache-Control", "max-age=1"), "; fwd=request; ttl=5; detail=origin-failed")
		time.Sleep(15 * time.Second)
		for _, tt := range []struct {
			name  string
			fails func(wire.Exchange)
			want  string
		}{
			{"dropped", func(x wire.Exchange) { x.Abort() }, "; fwd=stale; ttl=-10; detail=origin-failed"},
			{"503", replying(503, "busy"), "; fwd=stale; fwd-status=503; ttl=-10; detail=origin-failed"},
		} {
			fails = tt.fails
			g := w.get("/")
			w.cacheStatus(g, tt.want)
			if g.status != 200 || g.body != "good" {
				t.Errorf("%s: got %v", tt.name, g)
			}
		}
		w.cacheStatus(w.get("/window"), "; fwd=stale; fwd-status=503; ttl=-10; detail=stale-if-error")
		w.cacheStatus(w.get("/", "Cache-Control", "stale-if-error=900"), "; fwd=stale; fwd-status=503; ttl=-10; detail=stale-if-error")
		if g := w.get("/strict"); g.status != 503 || g.body != "busy" {
			t.Errorf("must-revalidate: got %v", g)
		}
		time.Sleep(staleIfError)
		if g := w.get("/"); g.status != 503 {
			t.Errorf("after the time for stale answers: got %v", g)
		}
	})
}

// TestDisconnected: where what is stored must be confirmed and the origin is
// not to be reached, the answer is 504 (RFC 9111 §5.2.2.2); where it is there
// and what it says is no response, 502 says more.
func TestDisconnected(t *testing.T) {
	for _, tt := range []struct {
		control, origin string
		status          int
		error, clause   string
	}{
		{"max-age=10, must-revalidate", "http://192.0.2.66", 504, "connection_refused", "RFC 9111 §5.2.2.2"},
		{"max-age=10, proxy-revalidate", "http://nowhere.test", 504, "dns_error", "RFC 9111 §5.2.2.2"},
		{"no-cache, max-age=0, must-revalidate", "http://192.0.2.66", 504, "connection_refused", "RFC 9111 §5.2.2.2"},
		{"s-maxage=10", "http://192.0.2.66", 504, "connection_refused", "RFC 9111 §5.2.2.10"},
		{"max-age=10, must-revalidate", "http://192.0.2.99", 504, "connection_timeout", "RFC 9111 §5.2.2.2"},
		{"max-age=10, must-revalidate", "http://192.0.2.77", 502, "http_protocol_error", ""},
		{"no-cache", "http://192.0.2.66", 502, "connection_refused", ""},
	} {
		inWorld(t, replying(200, "good", "Cache-Control", tt.control, "ETag", `"1"`), func(w *world) {
			defer w.saying("192.0.2.77:80", "no response\r\n\r\n").Close()
			w.get("/")
			time.Sleep(20 * time.Second)
			site := w.edge.sites.Load().all[0].Site
			site.Origin.URLs = []string{tt.origin}
			if err := w.edge.SetSites([]cdn.Site{site}); err != nil {
				t.Fatal(err)
			}
			parent, id := sampled(1)
			g := w.get("/", "Traceparent", parent)
			if g.status != tt.status || !strings.Contains(g.fields.Join("Proxy-Status"), "error="+tt.error) {
				t.Errorf("%s, %s: %v, Proxy-Status %s", tt.control, tt.origin, g, g.fields.Join("Proxy-Status"))
			}
			clause := ""
			for _, e := range w.events(id) {
				if _, ok := e.Fact.(trace.EdgeResponse); ok && e.Decision != nil {
					clause = e.Decision.Clause
				}
			}
			if clause != tt.clause {
				t.Errorf("%s, %s: the record has %q, want %q", tt.control, tt.origin, clause, tt.clause)
			}
		}, setting{site: trusting.site, config: trusting.config, hole: "192.0.2.99"})
	}
}

// TestStaleIfErrorForAll: those who wait for a confirmation that fails get
// the stale response, from one trip.
func TestStaleIfErrorForAll(t *testing.T) {
	down := false
	inWorld(t, func(x wire.Exchange) {
		if down {
			time.Sleep(time.Second)
			reply(x, 500, "")
			return
		}
		reply(x, 200, "good", "Cache-Control", "max-age=10", "ETag", `"1"`)
	}, func(w *world) {
		w.get("/")
		time.Sleep(20 * time.Second)
		down = true
		all := w.many(20, "/")
		for _, g := range all {
			if g.body != "good" {
				t.Errorf("got %v", g)
			}
		}
		if w.trips() != 2 {
			t.Errorf("%d trips", w.trips())
		}
	})
}

// TestBackgroundIsBounded: with all places taken, stale responses are served
// without a refresh.
func TestBackgroundIsBounded(t *testing.T) {
	inWorld(t, replying(200, "x", "Cache-Control", "max-age=1, stale-while-revalidate=60"), func(w *world) {
		w.get("/")
		time.Sleep(2 * time.Second)
		w.edge.background.Store(maxBackground)
		w.cacheStatus(w.get("/"), "; hit; ttl=-1; detail=stale-while-revalidate")
		synctest.Wait()
		if w.trips() != 1 || w.edge.background.Load() != maxBackground {
			t.Errorf("%d trips, %d in the background", w.trips(), w.edge.background.Load())
		}
	})
}

func TestMarks(t *testing.T) {
	var m marks
	now := time.Unix(0, 0)
	m.set([]byte("a"), now)
	if !m.has([]byte("a"), now.Add(markFor-1)) || m.has([]byte("a"), now.Add(markFor)) || m.has([]byte("b"), now) {
		t.Error("a mark lasts for markFor, for its key")
	}
	m.clear([]byte("a"))
	if m.has([]byte("a"), now) {
		t.Error("a mark that was cleared is there")
	}
}

// TestMarksFlood: of a flood of keys the latest are remembered, and a key that
// comes again and again drives nobody out.
func TestMarksFlood(t *testing.T) {
	var m marks
	now := time.Unix(0, 0)
	key := func(i int) []byte { return []byte{byte(i), byte(i >> 8), byte(i >> 16)} }
	const flood = 3*maxMarks + 5
	for i := range flood {
		m.set(key(i), now)
		if n := len(m.young) + len(m.old); n > maxMarks {
			t.Fatalf("%d marks, want at most %d", n, maxMarks)
		}
	}
	for range maxMarks {
		m.set(key(flood-1), now)
	}
	for i := flood - maxMarks/2; i < flood; i++ {
		if !m.has(key(i), now) {
			t.Fatalf("mark %d of %d is gone", i, flood)
		}
	}
	if m.has(key(0), now) {
		t.Error("the first mark is still there")
	}
	m.set(key(flood-10), now.Add(time.Second)) // in both generations now
	if !m.has(key(flood-10), now.Add(markFor)) {
		t.Error("the older mark of a key counts")
	}
	if m.clear(key(flood - 10)); m.has(key(flood-10), now) {
		t.Error("a mark that was cleared is there")
	}
}

// TestClientLeavesPass: the origin is told at once.
func TestClientLeavesPass(t *testing.T) {
	var left time.Time
	inWorld(t, func(x wire.Exchange) {
		<-x.Context().Done()
		left = time.Now()
	}, func(w *world) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.open(ctx, &wire.Request{Method: "POST", Path: "/"})
		synctest.Wait()
		if left.Sub(began) != time.Second {
			t.Errorf("the origin was left after %v", left.Sub(began))
		}
	})
}
