package journey

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"sync"
	"time"

	"waypost/trace"
)

// maxRecord bounds the events kept of one journey: some hundred bytes each.
const maxRecord = 1 << 20

// record keeps all that the stations of a journey say, in the order in which
// they say it.
type record struct {
	progress func(trace.Event) // nil: nobody looks

	mu     sync.Mutex
	events []trace.Event
	missed int
}

// numbered is an event with its place in the record: it tells those of one
// moment apart.
type numbered struct {
	trace.Event
	number int
}

func newRecord(progress func(trace.Event)) *record { return &record{progress: progress} }

// Record implements trace.Recorder.
func (r *record) Record(e trace.Event) {
	r.mu.Lock()
	if len(r.events) < maxRecord {
		r.events = append(r.events, e)
	} else {
		r.missed++
	}
	r.mu.Unlock()
	if r.progress != nil {
		r.progress(e)
	}
}

// Events implements node.Recorder: the account of one trace.
func (r *record) Events(id trace.ID) (events []trace.Event, missed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Trace == id {
			events = append(events, e)
		}
	}
	return events, r.missed
}

// length is how many events there are.
func (r *record) length() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// since returns the events from the n-th on, in the order of time; those of
// one moment in the order in which they were noted.
func (r *record) since(n int) []numbered {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := make([]numbered, 0, len(r.events)-n)
	for i := n; i < len(r.events); i++ {
		events = append(events, numbered{r.events[i], i})
	}
	slices.SortStableFunc(events, func(a, b numbered) int { return a.Time.Compare(b.Time) })
	return events
}

// all returns what was kept, in the order of time, and how much was not.
func (r *record) all() (events []trace.Event, missed int) {
	for _, e := range r.since(0) {
		events = append(events, e.Event)
	}
	return events, r.missed
}

// sum writes the events to h in a form that depends on what happened and
// when, not on who of one moment spoke first: such an order has no meaning.
// Ids of spans are left out, because they follow that order.
func sum(h hash.Hash, events []trace.Event, start time.Time) {
	type row struct {
		at   time.Duration
		text string
	}
	rows := make([]row, len(events))
	for i, e := range events {
		fact, _ := json.Marshal(e.Fact)
		decision, _ := json.Marshal(e.Decision)
		rows[i] = row{e.Time.Sub(start), fmt.Sprintf("%s %s %d %s %s", e.Station, e.Fact.Kind(), e.Took, fact, decision)}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.text, b.text)) })
	for _, r := range rows {
		fmt.Fprintf(h, "%d %s\n", r.at, r.text)
	}
}
