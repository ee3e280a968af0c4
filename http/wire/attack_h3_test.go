package wire

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestH3StalledStreams: the bound on the handlers of all connections holds
// over HTTP/3 too; who has streamsInNeed of them is refused, others are not.
func TestH3StalledStreams(t *testing.T) {
	const streams, asked = 10, 20
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		w := serveQUIC(t, &Server{Limits: Limits{Streams: streams}, Handler: HandlerFunc(func(x Exchange) {
			if x.Request().Path == "/other" {
				echo(x)
				return
			}
			running.Add(1)
			defer running.Add(-1)
			<-x.Context().Done()
		})})
		p := w.raw(t)
		p.greet()
		for i := range asked {
			s := p.stream(h3Lines(h3Get...), true)
			synctest.Wait()
			if i < streams {
				continue
			}
			if got := outcome(s); got != "reset H3_REQUEST_REJECTED" {
				t.Errorf("request %d got %q", i, got)
			}
		}
		if n := running.Load(); n != streams {
			t.Errorf("%d handlers run, want %d", n, streams)
		}
		do(t, secured{w.dial(t, H3Dialer{})}, get("/other"))
	})
}
