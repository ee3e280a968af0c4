package report

import (
	"testing"
	"time"

	"waypost/trace"
)

// TestHowLongALoadTook: to its last answer, whatever becomes of connections and
// other stations afterwards; without one, to the last that is known.
func TestHowLongALoadTook(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(ms int, station string, f trace.Fact) trace.Event {
		return trace.Event{Time: start.Add(time.Duration(ms) * time.Millisecond), Station: station, Fact: f}
	}
	asked, answered := at(10, "client", trace.HTTPRequest{}), at(120, "client", trace.HTTPResponse{Bytes: 20})
	later := at(780, "client", trace.TCPClose{})
	for _, tt := range []struct {
		name   string
		events []trace.Event
		want   time.Duration
	}{
		{"a fetch", []trace.Event{asked, answered, at(500, "edge", trace.HTTPResponse{}), later}, 120 * time.Millisecond},
		{"no answer", []trace.Event{asked, later}, 780 * time.Millisecond},
		{"a page", []trace.Event{asked, answered, at(300, "client", trace.PageLoad{}), later}, 300 * time.Millisecond},
		{"nothing", nil, 0},
	} {
		if got := sum(&trace.Load{Start: start, Events: tt.events}).took; got != tt.want {
			t.Errorf("%s took %v, want %v", tt.name, got, tt.want)
		}
	}
}
