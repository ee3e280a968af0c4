package resolver

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
)

// TestCrashReachesWhoWaits: a panic in shared work is met by those who wait
// for it, on their own goroutines, and the step can be tried again.
func TestCrashReachesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights
		begin := make(chan struct{})
		work := func(context.Context) (*reply, error) {
			<-begin
			panic("out of order")
		}
		met := make(chan any, 2)
		for range 2 {
			go func() {
				defer func() { met <- recover() }()
				_, _, _ = f.do(t.Context(), step{}, work)
			}()
		}
		synctest.Wait()
		close(begin)
		for range 2 {
			c, ok := (<-met).(*crash)
			if !ok || c.value != "out of order" || !strings.Contains(c.Error(), "crash_test.go") {
				t.Errorf("met %v, want the panic with its place", c)
			}
		}
		rep := &reply{}
		got, led, err := f.do(t.Context(), step{}, func(context.Context) (*reply, error) { return rep, nil })
		if got != rep || !led || err != nil {
			t.Errorf("afterwards: %v, %v, %v", got, led, err)
		}
	})
}
