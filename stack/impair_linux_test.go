package stack_test

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"time"
)

// impairment is what a bad stretch of road does to packets in one direction.
// Its choices come from a seed; when packets come is up to the machine.
type impairment struct {
	loss, duplicate, reorder float64 // of all packets, 0 to 1
	// nth, where it is set, drops the packets for which it says so, counted
	// from 1.
	nth func(n int, packet []byte) bool
}

// road carries packets in one direction, impaired.
type road struct {
	impairment
	mu      sync.Mutex
	random  *rand.Rand
	deliver func([]byte)
	count   int
	late    []latePacket
	flush   *time.Timer
	closed  bool
}

// latePacket waits until so many others have passed it.
type latePacket struct {
	packet []byte
	behind int
}

// The most that a packet is late, in packets and in time: the last one of
// a burst has nobody to pass it.
const (
	maxBehind = 4
	maxLate   = 3 * time.Millisecond
)

func newRoad(m impairment, seed uint64, deliver func([]byte)) *road {
	r := &road{impairment: m, random: rand.New(rand.NewPCG(seed, 0)), deliver: deliver}
	r.flush = time.AfterFunc(time.Hour, r.deliverLate)
	return r
}

// pass sends a packet on its way. One call delivers at a time.
func (r *road) pass(packet []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.count++
	if r.nth != nil && r.nth(r.count, packet) || r.random.Float64() < r.loss {
		return
	}
	if r.random.Float64() < r.duplicate {
		r.deliver(packet)
	}
	if r.random.Float64() < r.reorder {
		r.late = append(r.late, latePacket{bytes.Clone(packet), 1 + r.random.IntN(maxBehind)})
		r.flush.Reset(maxLate)
		return
	}
	r.deliver(packet)
	waiting := r.late[:0]
	for _, l := range r.late {
		if l.behind--; l.behind > 0 {
			waiting = append(waiting, l)
			continue
		}
		r.deliver(l.packet)
	}
	r.late = waiting
}

func (r *road) deliverLate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.late {
		r.deliver(l.packet)
	}
	r.late = nil
}

// close drops what comes from now on.
func (r *road) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.late = true, nil
	r.flush.Stop()
}
