package lab

import (
	"slices"
	"time"

	"waypost/packet"
)

// staged is what has been sent, set or asked for and not yet seen by the
// loop. Any goroutine adds to it; the loop takes all of it at once.
type staged struct {
	bytes   []byte // of all frames, one after the other
	frames  []stagedFrame
	timers  []timerSet
	actions []event
}

// stagedFrame is a frame that was sent.
type stagedFrame struct {
	way        *direction
	start, end int // in staged.bytes
	flow       packet.Flow
}

// timerSet is a host's timer that was set.
type timerSet struct {
	timer *hostTimer
	at    time.Duration
	turn  uint64
}

const (
	// maxStaged bounds the bytes that wait for the loop, like the transmit
	// rings of all hosts together. What is sent beyond it is lost.
	maxStaged = 64 << 20
	// keepStaged is the room that is kept for the next time.
	keepStaged = 4 << 20
)

// stage takes a frame that is sent at this instant. It is called by any
// goroutine and copies the frame.
func (p *loop) stage(d *direction, data []byte) {
	p.mu.Lock()
	if p.stopped || len(p.in.bytes)+len(data) > maxStaged {
		p.overrun++
		p.mu.Unlock()
		return
	}
	start := len(p.in.bytes)
	p.in.bytes = append(p.in.bytes, data...)
	p.in.frames = append(p.in.frames, stagedFrame{way: d, start: start, end: len(p.in.bytes)})
	p.unlockAndWake()
}

// unlockAndWake releases the stage and wakes the loop if it sleeps.
func (p *loop) unlockAndWake() {
	asleep := p.asleep
	p.asleep = false
	p.mu.Unlock()
	if asleep {
		p.nudge()
	}
}

// nudge makes the loop look at what there is.
func (p *loop) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// take returns what was staged, leaving the other stage, emptied, in its
// place.
func (p *loop) take() *staged {
	p.out.empty()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in, p.out = p.out, p.in
	return p.out
}

func (s *staged) empty() {
	clear(s.frames)
	clear(s.timers)
	clear(s.actions)
	s.frames, s.timers, s.actions = s.frames[:0], s.timers[:0], s.actions[:0]
	if s.bytes = s.bytes[:0]; cap(s.bytes) > keepStaged {
		s.bytes = nil
	}
}

// sort puts frames of one instant in the order of direction, flow, and place
// in the flow, whatever the order in which their senders came to run.
func (s *staged) sort() {
	if len(s.frames) < 2 {
		return
	}
	for i := range s.frames {
		f := &s.frames[i]
		f.flow, _ = packet.FlowOf(s.bytes[f.start:f.end])
	}
	slices.SortStableFunc(s.frames, func(a, b stagedFrame) int {
		if a.way.index != b.way.index {
			return a.way.index - b.way.index
		}
		return a.flow.Compare(b.flow)
	})
}
