package edge

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
)

// many sends n requests for a path at once and returns what they got.
func (w *world) many(n int, path string, fields ...string) []got {
	results := make(chan got, n)
	for range n {
		go func() { results <- w.send(&wire.Request{Path: path}, fields...) }()
	}
	all := make([]got, n)
	for i := range all {
		all[i] = <-results
	}
	return all
}

// tally counts the Cache-Status values.
func tally(all []got) map[string]int {
	counts := map[string]int{}
	for _, g := range all {
		counts[fmt.Sprintf("%d %s%s", g.status, g.body, strings.TrimPrefix(g.fields.Get("Cache-Status"), "waypost-t1"))]++
	}
	return counts
}

func wantTally(t *testing.T, all []got, want map[string]int) {
	t.Helper()
	if got := tally(all); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestCollapsed(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		reply(x, 200, "shared", "Cache-Control", "max-age=60")
	}, func(w *world) {
		began := time.Now()
		wantTally(t, w.many(100, "/popular"), map[string]int{
			"200 shared; fwd=uri-miss; ttl=59; stored":    1,
			"200 shared; fwd=uri-miss; ttl=59; collapsed": 99,
		})
		if took := time.Since(began); took != time.Second || w.trips() != 1 {
			t.Errorf("took %v and %d trips", took, w.trips())
		}
	})
}

// TestCollapsedNotShared: what must not be shared is not; each client asks
// for itself, all at once, and the next ones do not wait at all.
func TestCollapsedNotShared(t *testing.T) {
	var n atomic.Int64
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		reply(x, 200, fmt.Sprint("private ", n.Add(1)), "Cache-Control", "private")
	}, func(w *world) {
		began := time.Now()
		bodies := map[string]bool{}
		for _, g := range w.many(50, "/account") {
			bodies[g.body] = true
		}
		if len(bodies) != 50 || w.trips() != 50 {
			t.Errorf("%d answers from %d trips for 50 clients", len(bodies), w.trips())
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v: one to learn, one for all", took)
		}
		began = time.Now()
		w.many(50, "/account")
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v although it was known not to be shared", took)
		}
	})
}

// TestCollapsedVariants: those who want another variant fetch it together.
func TestCollapsedVariants(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		language := x.Request().Fields.Get("Accept-Language")
		reply(x, 200, language, "Cache-Control", "max-age=60", "Vary", "Accept-Language")
	}, func(w *world) {
		results := make(chan []got)
		go func() { results <- w.many(20, "/", "Accept-Language", "de") }()
		synctest.Wait()
		fr := w.many(20, "/", "Accept-Language", "fr")
		for _, all := range [][]got{<-results, fr} {
			for _, g := range all {
				if g.body != all[0].body {
					t.Errorf("got %q and %q", g.body, all[0].body)
				}
			}
		}
		if fr[0].body != "fr" || w.trips() != 2 {
			t.Errorf("got %q from %d trips, want 2", fr[0].body, w.trips())
		}
	})
}

// TestCollapsedStrangers: clients of whom each selects a variant of its own wait
// for another's answer once, to learn that, and then not at all.
func TestCollapsedStrangers(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(time.Second)
		reply(x, 200, x.Request().Fields.Get("X-Group"), "Cache-Control", "max-age=60", "Vary", "X-Group")
	}, func(w *world) {
		for burst, want := range []time.Duration{2 * time.Second, time.Second} {
			began, trips := time.Now(), w.trips()
			results := make(chan string, 16)
			for i := range 16 { // two of each
				name := fmt.Sprint(burst, ".", i%8)
				go func() {
					if g := w.send(&wire.Request{Path: "/"}, "X-Group", name); g.body != name {
						results <- fmt.Sprintf("%s got %q", name, g.body)
						return
					}
					results <- ""
				}()
			}
			for range 16 {
				if wrong := <-results; wrong != "" {
					t.Error(wrong)
				}
			}
			if took := time.Since(began); took != want || w.trips()-trips != 8 {
				t.Errorf("burst %d took %v and %d trips, want %v and 8", burst, took, w.trips()-trips, want)
			}
		}
	})
}

// TestRangeOfAFill: a Range is answered from a whole that is on its way in, where
// that has come as far or soon will; else from the origin.
func TestRangeOfAFill(t *testing.T) {
	const chunk, chunks = 100 << 10, 10
	body := strings.Repeat("0123456789", chunk*chunks/10)
	inWorld(t, func(x wire.Exchange) {
		if from := x.Request().Fields.Get("Range"); from != "" {
			x.Respond(206, field.Fields{{Name: "Content-Range", Value: fmt.Sprintf("bytes %d-%d/%d", len(body)-5, len(body)-1, len(body))}}, 5)
			x.Write([]byte("56789"))
			return
		}
		x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}, int64(len(body)))
		for i := range chunks {
			x.Write([]byte(body[i*chunk : (i+1)*chunk]))
			x.Flush()
			time.Sleep(time.Second)
		}
	}, func(w *world) {
		go w.send(&wire.Request{Path: "/film"})
		time.Sleep(1500 * time.Millisecond) // two chunks are there
		for _, tt := range []struct {
			asks, want string
			trips      int
			takes      time.Duration
		}{
			{"bytes=3-6", "3456", 1, 0},
			{"bytes=204800-204804", body[204800:204805], 1, 500 * time.Millisecond}, // with the third
			{fmt.Sprintf("bytes=%d-", len(body)-5), "56789", 2, 0},
		} {
			began := time.Now()
			g := w.send(&wire.Request{Path: "/film"}, "Range", tt.asks)
			if g.status != 206 || g.body != tt.want || w.trips() != tt.trips || time.Since(began) != tt.takes {
				t.Errorf("%s: got %d %q after %v and %d trips, want %q after %v and %d", tt.asks, g.status, g.body, time.Since(began), w.trips(), tt.want, tt.takes, tt.trips)
			}
		}
	})
}

// TestSlowFiller: who joins reads what is there and then what comes.
func TestSlowFiller(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}, 3)
		for _, c := range "abc" {
			x.Write([]byte(string(c)))
			x.Flush()
			time.Sleep(time.Second)
		}
	}, func(w *world) {
		go w.send(&wire.Request{Path: "/slow"})
		time.Sleep(1500 * time.Millisecond) // a and b are there
		resp, err := w.open(context.Background(), &wire.Request{Path: "/slow"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		buf := make([]byte, 2)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "ab" || time.Since(began) != 0 {
			t.Errorf("got %q, %v after %v: what is there is served at once", buf, err, time.Since(began))
		}
		if g := read(resp); g.body != "c" || time.Since(began) != 500*time.Millisecond {
			t.Errorf("got %q after %v", g.body, time.Since(began))
		}
		if w.trips() != 1 {
			t.Errorf("%d trips", w.trips())
		}
	})
}

// TestDeadFiller: an origin that breaks off strands nobody: those who have
// begun to read learn of it, the next one asks again.
func TestDeadFiller(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}, -1)
		x.Write([]byte("half"))
		x.Flush()
		time.Sleep(time.Second)
		x.Abort()
	}, func(w *world) {
		for _, g := range w.many(10, "/broken") {
			if g.status != 200 || g.body != "half" || g.err == nil {
				t.Errorf("got %v with error %v, want half a body and an error", g, g.err)
			}
		}
		if w.trips() != 1 {
			t.Errorf("%d trips", w.trips())
		}
		w.mu.Lock()
		w.origin = replying(200, "whole", "Cache-Control", "max-age=60")
		w.mu.Unlock()
		w.cacheStatus(w.get("/broken"), "; fwd=uri-miss; ttl=60; stored")
	})
}

// TestFailureShared: those who waited for an origin that failed get the same
// answer, at the same time, from one trip.
func TestFailureShared(t *testing.T) {
	inWorld(t, func(x wire.Exchange) { <-x.Context().Done() }, func(w *world) {
		began := time.Now()
		for _, g := range w.many(30, "/") {
			if g.status != 504 {
				t.Errorf("got %v", g)
			}
		}
		if time.Since(began) != 15*time.Second || w.trips() != 1 {
			t.Errorf("took %v and %d trips", time.Since(began), w.trips())
		}
	})
}

// leaving sends a request whose client leaves after a while.
func (w *world) leaving(path string, after time.Duration, fields ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	if resp, err := w.open(ctx, &wire.Request{Path: path}, fields...); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// TestFirstClientLeaves: those who joined are served all the same.
func TestFirstClientLeaves(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		time.Sleep(14 * time.Second)
		reply(x, 200, "late", "Cache-Control", "max-age=60")
	}, func(w *world) {
		go w.leaving("/", time.Second)
		time.Sleep(500 * time.Millisecond)
		if g := w.get("/"); g.body != "late" || w.trips() != 1 {
			t.Errorf("got %v from %d trips", g, w.trips())
		}
	})
}

// TestAbandoned: a fill that nobody reads any more goes on for AbandonAfter
// and is then given up.
func TestAbandoned(t *testing.T) {
	var left time.Time
	inWorld(t, func(x wire.Exchange) {
		if x.Request().Path == "/soon" {
			time.Sleep(5 * time.Second)
			reply(x, 200, "soon", "Cache-Control", "max-age=60")
			return
		}
		<-x.Context().Done()
		left = time.Now()
	}, func(w *world) {
		w.leaving("/soon", time.Second)
		time.Sleep(5 * time.Second)
		w.cacheStatus(w.get("/soon"), "; hit; ttl=54")
		began := time.Now()
		w.leaving("/never", time.Second)
		time.Sleep(AbandonAfter + time.Second)
		synctest.Wait()
		if got := left.Sub(began); got != time.Second+AbandonAfter {
			t.Errorf("the origin was left after %v, want %v", got, time.Second+AbandonAfter)
		}
	})
}

// TestAbandonedNotShared: what is for one client alone is given up as soon
// as that has left.
func TestAbandonedNotShared(t *testing.T) {
	var left time.Time
	inWorld(t, func(x wire.Exchange) {
		x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "no-store"}}, -1)
		x.Flush()
		<-x.Context().Done()
		left = time.Now()
	}, func(w *world) {
		began := time.Now()
		w.leaving("/", time.Second)
		synctest.Wait()
		if got := left.Sub(began); got != time.Second {
			t.Errorf("the origin was left after %v", got)
		}
	})
}

// TestTooLargeToKeep: an object beyond the store's limit passes through.
func TestTooLargeToKeep(t *testing.T) {
	const size = 80 << 20 // more than the store has
	piece := make([]byte, 1<<20)
	for _, known := range []bool{true, false} {
		inWorld(t, func(x wire.Exchange) {
			length := int64(-1)
			if known {
				length = size
			}
			x.Respond(200, field.Fields{{Name: "Cache-Control", Value: "max-age=60"}}, length)
			for range size / len(piece) {
				x.Write(piece)
			}
		}, func(w *world) {
			resp, err := w.open(context.Background(), &wire.Request{Path: "/large"})
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if n != size || err != nil {
				t.Errorf("got %d bytes, %v", n, err)
			}
			synctest.Wait()
			if w.edge.store.Len() != 0 {
				t.Error("it was kept")
			}
		})
	}
}
