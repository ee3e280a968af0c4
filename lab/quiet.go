package lab

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// While a virtual lab runs, nothing but its events may decide which
// goroutine runs next. So there is one processor, and the garbage collector,
// whose assists make goroutines wait and run again in another order, works
// between two events only, when everybody waits.

const (
	// quietGrowth is how much is allocated, at least, before garbage is
	// collected: about what 10,000 requests leave behind. With a larger
	// heap it is as much as the heap.
	quietGrowth = 64 << 20
	// quietLimit is the safety net: a heap this large is collected at any
	// time, order or not.
	quietLimit = 2 << 30
	// quietSteps is how many events pass between two looks at the heap,
	// which cost microseconds.
	quietSteps = 256
)

// alone makes the process one that runs one goroutine at a time. restore
// undoes it.
func alone() (restore func()) {
	processors := runtime.GOMAXPROCS(1)
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(-1)
	if limit > quietLimit {
		debug.SetMemoryLimit(quietLimit)
	}
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(processors)
	}
}

// quiet is what is done at the moments when everybody waits.
type quiet struct {
	disturbed *atomic.Int64
	since     time.Duration // when the last moment ended, in real time
	moments   int
	next      uint64 // heap at which garbage is collected
	samples   []metrics.Sample
}

// moment is one of them.
func (q *quiet) moment() {
	if q.since > 0 && realTime()-q.since >= timeSlice {
		q.disturbed.Add(1)
	}
	// The loop, woken again and again, would look to the runtime like one
	// that has been running for long, and whoever runs when its time slice is
	// over would be sent to the end of the queue. So it begins a new one.
	runtime.Gosched()
	if q.moments++; q.moments%quietSteps == 1 {
		q.collect()
		alignTurns()
	}
	q.since = realTime()
}

// timeSlice is how long a goroutine runs before the runtime makes it give way
// (forcePreemptNS of runtime/proc.go).
const timeSlice = 10 * time.Millisecond

// collect collects garbage when there is enough of it.
func (q *quiet) collect() {
	if q.samples == nil {
		q.samples = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		q.next = q.heap() + quietGrowth
	}
	if q.heap() >= q.next {
		runtime.GC()
		live := q.heap()
		q.next = live + max(quietGrowth, live)
	}
}

func (q *quiet) heap() uint64 {
	metrics.Read(q.samples)
	return q.samples[0].Value.Uint64()
}

// schedulerTurns is how often the scheduler looks first at the global queue,
// where goroutines are that have called runtime.Gosched, instead of at the
// processor's own: once in so many turns (runtime/proc.go, findRunnable).
const schedulerTurns = 61

// alignTurns brings the scheduler's count of turns to where it looks at the
// global queue first, so that from here on it does so at the same places in
// every run. It is called when everybody waits: there is one other goroutine
// to run, and the count is there when it is passed over.
//
// Should the runtime count otherwise one day, this finds nothing and does no
// harm; goroutines that call Gosched then batch their work by chance.
func alignTurns() {
	for range 2 * schedulerTurns {
		var ran atomic.Bool
		go ran.Store(true)
		runtime.Gosched()
		if !ran.Load() {
			runtime.Gosched() // now it runs
			return
		}
	}
}
