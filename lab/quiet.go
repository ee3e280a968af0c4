package lab

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
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

// garbage collects it at quiet moments.
type garbage struct {
	steps   int
	next    uint64 // heap at which to collect
	samples []metrics.Sample
}

// quiet is called when everybody waits.
func (g *garbage) quiet() {
	// The loop, woken again and again, would look to the runtime like a
	// goroutine that has been running for long, and whoever runs when 10 ms
	// are over would be sent to the end of the queue. So it begins anew.
	runtime.Gosched()
	if g.steps++; g.steps%quietSteps != 1 {
		return
	}
	defer alignTurns()
	if g.samples == nil {
		g.samples = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		g.next = g.heap() + quietGrowth
	}
	if g.heap() >= g.next {
		runtime.GC()
		live := g.heap()
		g.next = live + max(quietGrowth, min(live, math.MaxInt64))
	}
}

func (g *garbage) heap() uint64 {
	metrics.Read(g.samples)
	return g.samples[0].Value.Uint64()
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
