package edge

import (
	"runtime"
	"sync"

	"waypost/edge/rules"
	"waypost/edge/store"
)

// presses are the bodies that are being compressed.
type presses struct {
	rules.Press
	mu   sync.Mutex
	busy map[pressKey]*press
	turn chan struct{} // one for each processor
}

type pressKey struct {
	object *store.Object
	coding string
}

// press is one body being compressed, or recalled in its coding. What comes of
// it is set when done is closed.
type press struct {
	done     chan struct{}
	body     []byte
	recalled bool // from the disk
	err      error
}

// begin has o compressed in a goroutine of its own, or returns the press that
// is at work on it; nil when there are too many.
func (all *presses) begin(e *Edge, o *store.Object, coding string) *press {
	all.mu.Lock()
	defer all.mu.Unlock()
	key := pressKey{o, coding}
	if p := all.busy[key]; p != nil {
		return p
	}
	if all.busy == nil {
		all.busy, all.turn = make(map[pressKey]*press), make(chan struct{}, runtime.GOMAXPROCS(0))
	}
	if len(all.busy) == maxPressing {
		return nil
	}
	p := &press{done: make(chan struct{})}
	all.busy[key] = p
	if !e.spawn(func() { all.run(e, key, p) }) {
		delete(all.busy, key)
		return nil
	}
	return p
}

// run compresses when it is its turn.
func (all *presses) run(e *Edge, key pressKey, p *press) {
	all.turn <- struct{}{}
	if p.body, p.recalled = e.store.RecallForm(key.object, key.coding); !p.recalled {
		p.body, p.err = all.Encode(key.coding, key.object.Chunks())
	}
	<-all.turn
	if p.err == nil && !p.recalled {
		e.store.SetForm(key.object, key.coding, p.body)
	}
	all.mu.Lock()
	delete(all.busy, key)
	all.mu.Unlock()
	close(p.done)
}
