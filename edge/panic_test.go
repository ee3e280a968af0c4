package edge

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// faulty is an exchange some calls of which panic: those that wrong picks by
// their name, and the bytes that they write.
type faulty struct {
	fakeExchange
	wrong func(call string, bytes int) bool
}

func (x *faulty) step(call string, bytes int) {
	if x.wrong != nil && x.wrong(call, bytes) {
		panic(call)
	}
}

func (x *faulty) Request() *wire.Request   { x.step("Request", 0); return x.fakeExchange.Request() }
func (x *faulty) Conn() *wire.ConnInfo     { x.step("Conn", 0); return x.fakeExchange.Conn() }
func (x *faulty) Context() context.Context { x.step("Context", 0); return x.fakeExchange.Context() }
func (x *faulty) Flush() error             { x.step("Flush", 0); return nil }

func (x *faulty) Respond(status int, f field.Fields, length int64) error {
	x.step("Respond", 0)
	return x.fakeExchange.Respond(status, f, length)
}

func (x *faulty) Write(p []byte) (int, error) {
	x.step("Write", len(p))
	return len(p), nil
}

// serveFaulty has the edge serve a path, and reports whether that panicked.
func (w *world) serveFaulty(x *faulty, path string, fields ...field.Line) (panicked bool) {
	x.request = wire.Request{Method: "GET", Scheme: "http", Authority: "www.shop.test", Path: path, Proto: wire.HTTP11, Fields: fields}
	x.conn.Remote = netip.AddrPortFrom(clientAddr, 1)
	defer func() { panicked = recover() != nil }()
	w.edge.Serve(x)
	return false
}

// TestPanicGivesBack: a stage that panics keeps nothing of what the request
// held: neither its place among the client's requests, nor a body in the
// store, nor a fill, nor the exchange with the origin.
func TestPanicGivesBack(t *testing.T) {
	large := strings.Repeat("x", mib)
	pour := func(control string) func(wire.Exchange) { // until nobody takes it
		return func(x wire.Exchange) {
			err := x.Respond(200, field.Fields{{Name: "Cache-Control", Value: control}}, -1)
			for err == nil {
				if _, err = x.Write([]byte(large)); err == nil {
					err = x.Flush()
				}
			}
		}
	}
	at := func(want string) func() func(string, int) bool {
		return func() func(string, int) bool { return func(call string, _ int) bool { return call == want } }
	}
	after := func(n int) func() func(string, int) bool {
		return func() func(string, int) bool {
			sent := 0
			return func(_ string, bytes int) bool { sent += bytes; return sent > n }
		}
	}
	for _, tt := range []struct {
		name   string
		origin func(wire.Exchange)
		warm   bool // it is stored when the panic comes
		wrong  func() func(call string, bytes int) bool
	}{
		{"hit, head", replying(200, large, "Cache-Control", "max-age=60"), true, at("Respond")},
		{"hit, body", replying(200, large, "Cache-Control", "max-age=60"), true, at("Write")},
		{"miss, head", replying(200, large, "Cache-Control", "max-age=60"), false, at("Respond")},
		{"more than the store keeps", pour("max-age=60"), false, after(100 * mib)},
		{"not to be stored", pour("no-store"), false, after(mib)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int64 // exchanges with the origin that have not ended
			inWorld(t, func(x wire.Exchange) {
				asked.Add(1)
				tt.origin(x)
				asked.Add(-1)
			}, func(w *world) {
				empty := w.edge.store.Bytes()
				if tt.warm {
					w.get("/a")
				}
				for range 2 {
					if !w.serveFaulty(&faulty{wrong: tt.wrong()}, "/a") {
						t.Fatal("no panic")
					}
				}
				time.Sleep(AbandonAfter)
				synctest.Wait()
				if n := asked.Load(); n != 0 {
					t.Errorf("%d exchanges with the origin go on", n)
				}
				if n := w.edge.abandoned.Load(); n != 0 {
					t.Errorf("%d fills count as abandoned", n)
				}
				_, _ = w.edge.store.PurgeMatching(func(*store.Object) bool { return true })
				if n := w.edge.store.Bytes(); n != empty {
					t.Errorf("%d bytes are held for nobody", n-empty)
				}
				w.origin = replying(200, "hello")
				if x := (&faulty{}); w.serveFaulty(x, "/b") || x.status != 200 {
					t.Errorf("the client's next request got %d", x.status)
				}
			}, ruledBy(cdn.Rules{Limits: []cdn.Limit{{Name: "busy", Concurrent: 2}}}))
		})
	}
}

// TestPanicAnywhere: at whichever call of its exchange a request panics, those
// who come after it get their answer at once.
func TestPanicAnywhere(t *testing.T) {
	const body = "0123456789"
	for _, tt := range []struct {
		name, control string
		slice         int64
		fields        field.Fields
	}{
		{"whole", "max-age=60", 0, nil},
		{"part", "max-age=60", 0, field.Fields{{Name: "Range", Value: "bytes=1-2"}}},
		{"slices", "max-age=60", 4, nil},
		{"not to be stored", "private", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0 // before the one that panics
			for panicked := true; panicked; calls++ {
				inWorld(t, func(x wire.Exchange) {
					serveRange(x, body, "Cache-Control", tt.control, "ETag", `"1"`)
				}, func(w *world) {
					left := calls
					var at string
					panicked = w.serveFaulty(&faulty{wrong: func(call string, _ int) bool {
						left, at = left-1, call
						return left == -1
					}}, "/a", tt.fields...)
					began := time.Now()
					if g := w.get("/a"); g.status != 200 || g.body != body || time.Since(began) != 0 {
						t.Errorf("after a panic in call %d (%s): %v after %v", calls, at, g, time.Since(began))
					}
					if n := w.edge.background.Load(); n != 0 {
						t.Errorf("after a panic in call %d (%s): %d refreshes count as under way", calls, at, n)
					}
				}, setting{site: func(s *cdn.Site) {
					s.Policy.Slice = tt.slice
					s.Rules.Limits = []cdn.Limit{{Name: "busy", Concurrent: 1}}
				}})
			}
			if calls < 6 {
				t.Errorf("the request made %d calls", calls-1)
			}
		})
	}
}

// TestPanicIsOnTheRecord: the account of a request that panicked says so.
func TestPanicIsOnTheRecord(t *testing.T) {
	inWorld(t, replying(200, "hello"), func(w *world) {
		parent, id := sampled(1)
		w.serveFaulty(&faulty{wrong: func(call string, _ int) bool { return call == "Write" }}, "/a",
			field.Line{Name: "Traceparent", Value: parent})
		synctest.Wait()
		for _, e := range w.events(id) {
			if f, ok := e.Fact.(trace.EdgeResponse); ok && f.Fault == "proxy_internal_error" {
				return
			}
		}
		t.Errorf("told %v", w.told(id))
	}, trusting)
}
