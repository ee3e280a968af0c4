package trace

import "sync"

// Limits of a flight recorder. A journey through a page of a hundred
// resources is about a thousand events of some hundreds of bytes, so a full
// ring stays within some tens of megabytes, and only when asked to record.
const (
	maxTraces = 256     // journeys kept; the oldest goes first
	maxEvents = 8192    // events kept of one journey; later ones are counted, not kept
	maxTotal  = 1 << 17 // events kept of all journeys: about 60 MB; the oldest journey goes first
)

// Ring is a bounded flight recorder: it keeps the latest journeys and
// forgets the oldest. The zero value is ready to use.
type Ring struct {
	mu     sync.Mutex
	traces map[ID]*journey
	order  []ID // oldest first
	total  int  // events of all journeys
}

type journey struct {
	events []Event
	missed int
}

// Record keeps e, forgetting the oldest journey where there are too many.
func (r *Ring) Record(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.traces[e.Trace]
	if j == nil {
		if r.traces == nil {
			r.traces = make(map[ID]*journey)
		}
		if len(r.order) == maxTraces {
			r.forgetOldest()
		}
		j = &journey{}
		r.traces[e.Trace] = j
		r.order = append(r.order, e.Trace)
	}
	if len(j.events) == maxEvents {
		j.missed++
		return
	}
	if r.total == maxTotal {
		// Where the oldest is this very one, it begins anew with e.
		if r.forgetOldest() == j {
			*j = journey{missed: j.missed + len(j.events)}
			r.traces[e.Trace] = j
			r.order = append(r.order, e.Trace)
		}
	}
	j.events = append(j.events, e)
	r.total++
}

// forgetOldest drops the journey that began first.
func (r *Ring) forgetOldest() *journey {
	j := r.traces[r.order[0]]
	delete(r.traces, r.order[0])
	r.order = append(r.order[:0], r.order[1:]...)
	r.total -= len(j.events)
	return j
}

// Events returns a copy of what is kept of one journey, in the order in
// which it was recorded, and how many events did not fit.
func (r *Ring) Events(id ID) (events []Event, missed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.traces[id]
	if j == nil {
		return nil, 0
	}
	return append([]Event(nil), j.events...), j.missed
}

// Traces returns the journeys kept, oldest first.
func (r *Ring) Traces() []ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]ID(nil), r.order...)
}
