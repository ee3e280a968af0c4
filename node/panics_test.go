package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPanicsAreBounded: a thousand panics make five lines, and the next
// minute's first line tells of the others.
func TestPanicsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var p panics
		for range 1000 {
			p.log(log, "a handler panicked", "resolver", "oh no", make([]byte, 1<<20))
		}
		if lines := strings.Count(out.String(), "\n"); lines != panicLines || out.Len() > panicLines*(5*panicStack) {
			t.Errorf("%d lines, %d bytes", lines, out.Len())
		}
		out.Reset()
		time.Sleep(panicPeriod + time.Second)
		p.log(log, "a handler panicked", "resolver", "oh no", nil)
		if !strings.Contains(out.String(), "not_logged=995") {
			t.Errorf("got %q", out.String())
		}
	})
}
