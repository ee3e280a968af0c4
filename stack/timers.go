package stack

import (
	"container/heap"
	"math"
	"time"

	"waypost/tcp"
)

// never is the deadline of a timer that is not set.
const never = tcp.Time(math.MaxInt64)

// timer is a deadline of something on the host. All of a host's timers stand
// in one heap over one time.Timer. The heap is lazy: a deadline that moves
// later, or goes away, costs nothing until the old one has passed, for the
// deadlines of a busy connection move with every segment.
type timer struct {
	owner expirer
	kind  timerKind
	want  tcp.Time // when it is due; never: not set
	at    tcp.Time // where it stands in the heap: not after want
	order uint64   // timers of one moment fire in the order in which they were set
	index int      // in the heap, counted from 1; 0: not there
}

// timerKind tells an owner which of its timers fired.
type timerKind uint8

// The kinds of timers.
const (
	protocolTimer timerKind = iota // the owner's one or first timer
	readTimer
	writeTimer
)

// expirer is what owns timers. The host's lock is held.
type expirer interface {
	expire(now tcp.Time, kind timerKind)
}

// timers is a host's heap of deadlines.
type timers struct {
	heap  timerHeap
	clock Timer    // fires at armed or later; nil before the first use
	armed tcp.Time // never: not running
	order uint64
}

// set moves t's deadline; never unsets it.
func (h *Host) set(t *timer, at tcp.Time) {
	t.want = at
	switch {
	case at == never || h.closed:
	case t.index == 0:
		h.timers.order++
		t.at, t.order = at, h.timers.order
		heap.Push(&h.timers.heap, t)
	case at < t.at:
		t.at = at
		heap.Fix(&h.timers.heap, t.index-1)
	}
}

// unset takes t out of the heap, so that nothing refers to its owner.
func (h *Host) unset(t *timer) {
	t.want = never
	if t.index > 0 && !h.closed {
		heap.Remove(&h.timers.heap, t.index-1)
	}
}

// deadline moves t to a deadline of a socket, where the zero time means none.
// It reports whether the deadline has passed; then the timer is not set.
func (h *Host) deadline(t *timer, at time.Time) (late bool) {
	due := h.moment(at)
	if due <= h.time {
		h.set(t, never)
		return true
	}
	h.set(t, due)
	return false
}

// moment is a time on the host's clock; never for the zero time.
func (h *Host) moment(t time.Time) tcp.Time {
	if t.IsZero() {
		return never
	}
	return t.Sub(h.epoch)
}

// arm sees to it that the clock fires in time for the first deadline.
func (h *Host) arm() {
	if len(h.timers.heap) == 0 || h.closed {
		return
	}
	if first := h.timers.heap[0].at; first < h.timers.armed {
		h.fireAt(first)
	}
}

// fire makes the clock take its turn at once.
func (h *Host) fire() { h.fireAt(h.now()) }

func (h *Host) fireAt(at tcp.Time) {
	h.timers.armed = at
	wait := max(at-h.now(), 0)
	switch {
	case h.timers.clock != nil:
		h.timers.clock.Reset(wait)
	case h.config.AfterFunc != nil:
		h.timers.clock = h.config.AfterFunc(wait, h.tick)
	default:
		h.timers.clock = time.AfterFunc(wait, h.tick)
	}
}

// tick fires what is due.
func (h *Host) tick() {
	h.lock()
	defer h.unlock()
	h.timers.armed = never
	now := h.time
	for len(h.timers.heap) > 0 && !h.closed {
		t := h.timers.heap[0]
		switch {
		case t.at > now:
			return
		case t.want == never:
			heap.Pop(&h.timers.heap)
		case t.want > now:
			t.at = t.want
			heap.Fix(&h.timers.heap, 0)
		default:
			heap.Pop(&h.timers.heap)
			t.want = never
			t.owner.expire(now, t.kind)
		}
	}
}

// timerHeap orders timers by place and order; it implements heap.Interface.
type timerHeap []*timer

func (q timerHeap) Len() int { return len(q) }

func (q timerHeap) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].order < q[j].order
}

func (q timerHeap) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (q *timerHeap) Push(x any) {
	t := x.(*timer)
	*q = append(*q, t)
	t.index = len(*q)
}

// Pop implements heap.Interface.
func (q *timerHeap) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.index = 0
	return t
}
