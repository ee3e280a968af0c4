package lab

import "time"

// eventKind is what can be due. At one instant the kinds happen in this
// order.
type eventKind uint8

const (
	acting      eventKind = iota // an action of the scenario
	ticking                      // a host's timer
	transmitted                  // a frame has left its transmitter
	arrival                      // a frame arrives
)

// event is something that is due at a time.
type event struct {
	at    time.Duration
	kind  eventKind
	index int    // of the direction or host
	order uint64 // within the index

	frame *frame     // of an arrival
	way   *direction // of a transmission
	timer *hostTimer // of a host's timer
	act   func()     // of an action
	taken bool       // an arrival that has its own nanosecond (spacing.go)
}

// before is the order of events: by time, kind, index and order within it.
func (e *event) before(o *event) bool {
	switch {
	case e.at != o.at:
		return e.at < o.at
	case e.kind != o.kind:
		return e.kind < o.kind
	case e.index != o.index:
		return e.index < o.index
	}
	return e.order < o.order
}

// agenda is what is to come: a heap of events.
type agenda []event

func (a *agenda) push(e event) {
	q := append(*a, e)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(&q[up]) {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = e
	*a = q
}

// pop takes the first event; there must be one.
func (a *agenda) pop() event {
	q := *a
	first, last := q[0], q[len(q)-1]
	q[len(q)-1] = event{}
	q = q[:len(q)-1]
	*a = q
	if len(q) == 0 {
		return first
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(q) {
			break
		}
		if down+1 < len(q) && q[down+1].before(&q[down]) {
			down++
		}
		if !q[down].before(&last) {
			break
		}
		q[i] = q[down]
		i = down
	}
	q[i] = last
	return first
}

// due reports whether the first event is due.
func (a agenda) due(now time.Duration) bool { return len(a) > 0 && a[0].at <= now }
