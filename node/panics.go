package node

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// panicLines bounds the panics that are logged in each panicPeriod. Who
	// knows a request that makes a handler panic sends it again and again;
	// the first few stacks tell all that there is to tell, and the rest would
	// fill the disk.
	panicLines  = 5
	panicPeriod = time.Minute
	// panicStack bounds the stack of one line: the frames near the panic come
	// first.
	panicStack = 16 << 10
)

// panics logs what handlers panicked with. It is safe for concurrent use.
type panics struct {
	mu      sync.Mutex
	since   time.Time
	logged  int // in this period
	dropped int // since the last line
}

// log writes a line for a panic, unless there have been too many: then the
// next line says how many had none.
func (p *panics) log(to *slog.Logger, what, role string, value any, stack []byte) {
	p.mu.Lock()
	now := time.Now()
	if now.Sub(p.since) > panicPeriod {
		p.since, p.logged = now, 0
	}
	p.logged++
	if p.logged > panicLines {
		p.dropped++
		p.mu.Unlock()
		return
	}
	dropped := p.dropped
	p.dropped = 0
	p.mu.Unlock()
	to.Error(what, "role", role, "value", value, "not_logged", dropped, "stack", string(stack[:min(len(stack), panicStack)]))
}
