package edge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"waypost/http/wire"
	"waypost/upstream"
)

// TestTroubleIsTold: of each failure on the way to the origin, once however
// many wait for it; not of what a client has brought about.
func TestTroubleIsTold(t *testing.T) {
	drop := func(x wire.Exchange) { x.Abort() }
	breaks := func(x wire.Exchange) {
		x.Respond(200, nil, 100)
		x.Write([]byte("half"))
		x.Abort()
	}
	for _, tt := range []struct {
		name   string
		origin func(wire.Exchange)
		ask    func(w *world)
		want   string
	}{
		{"a miss", drop, func(w *world) { w.get("/") }, "shop http://192.0.2.10 connection_terminated"},
		{"a POST", drop, func(w *world) {
			w.send(&wire.Request{Method: "POST", Path: "/", Body: strings.NewReader("x"), Length: 1})
		}, "shop http://192.0.2.10 connection_terminated"},
		{"a body breaks off", breaks, func(w *world) { w.send(&wire.Request{Path: "/"}) }, "shop http://192.0.2.10 http_response_incomplete"},
		{"many wait", func(x wire.Exchange) { time.Sleep(time.Second); x.Abort() }, func(w *world) {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() { w.send(&wire.Request{Path: "/"}) })
			}
			all.Wait()
		}, "shop http://192.0.2.10 connection_terminated"},
		{"the client leaves", silent, func(w *world) {
			ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
			defer cancel()
			if resp, err := w.open(ctx, &wire.Request{Method: "POST", Path: "/"}); err == nil {
				resp.Body.Close()
			}
			time.Sleep(2 * AbandonAfter)
		}, ""},
		{"the body is too large", silent, func(w *world) {
			w.send(&wire.Request{Method: "POST", Path: "/", Body: strings.NewReader(strings.Repeat("x", 100)), Length: -1})
		}, ""},
		{"an answer", replying(500, "no"), func(w *world) { w.get("/") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			inWorld(t, tt.origin, tt.ask, setting{config: func(c *Config) {
				c.Sites[0].Policy.MaxBody = 10
				c.OnTrouble = func(x Trouble) {
					mu.Lock()
					defer mu.Unlock()
					got = append(got, fmt.Sprintf("%s %s %s", x.Site, x.Server, x.Kind))
					if x.Err == nil {
						t.Error("no error")
					}
				}
				c.OnHealth = func(string, upstream.Change) {}
			}})
			if said := strings.Join(got, ", "); said != tt.want {
				t.Errorf("told of %q, want %q", said, tt.want)
			}
		})
	}
}
