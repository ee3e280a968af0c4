package trace

import (
	"context"
	"time"
)

// Open counts the stretches of work in events that have no end yet: an edge
// that looked up and has not answered, and, where the answer of the origin
// was given up on, an origin that has not said what became of it.
func Open(events []Event) int {
	ended := map[SpanID]bool{}    // edges that answered
	accounts := map[SpanID]bool{} // spans whose origin has spoken
	for _, e := range events {
		switch e.Fact.(type) {
		case EdgeResponse:
			ended[e.Span] = true
		case OriginResponse:
			accounts[e.Parent] = true
		}
	}
	open := map[SpanID]bool{}
	for _, e := range events {
		switch f := e.Fact.(type) {
		case EdgeLookup:
			if !ended[e.Span] {
				open[e.Span] = true
			}
		case OriginFetch:
			if f.Timer != "" && f.Remote != "" && !accounts[e.Span] {
				open[e.Span] = true
			}
		}
	}
	return len(open)
}

// settlePause is the time between two looks at the stations' recorders.
const settlePause = 5 * time.Millisecond

// Settle collects a journey's events until every stretch of work in them has
// ended, or ctx has. collect asks all recorders.
func Settle(ctx context.Context, collect func() ([]Event, int, error)) (events []Event, missed int, err error) {
	pause := settlePause
	for {
		events, missed, err = collect()
		if err != nil || Open(events) == 0 {
			return events, missed, err
		}
		select {
		case <-ctx.Done():
			return events, missed, nil
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}
