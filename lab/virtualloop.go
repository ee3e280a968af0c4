package lab

import (
	"time"

	"waypost/packet"
	"waypost/stack"
)

// runVirtual is the loop in virtual time: one thing at a time, and between
// two of them everybody else comes to wait.
func (p *loop) runVirtual() {
	defer close(p.done)
	restore := alone()
	defer restore()
	quiet := quiet{disturbed: &p.disturbed}
	for {
		waitForAll()
		quiet.moment()
		p.admit()
		if p.ended() {
			return
		}
		if !p.step() {
			p.sleep()
		}
	}
}

// admit takes what was sent, set and asked for at this instant.
func (p *loop) admit() {
	batch := p.take()
	batch.sort()
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	now := p.lab.Now()
	for _, e := range batch.actions {
		p.agenda.push(e)
	}
	for _, t := range batch.timers {
		p.agenda.push(event{at: t.at, kind: ticking, index: t.timer.station, order: t.turn, timer: t.timer})
	}
	for _, f := range batch.frames {
		f.way.enter(now, batch.bytes[f.start:f.end])
	}
}

// step lets happen what is due, up to and with the first thing that may set
// a goroutine going. It reports false when nothing is due.
func (p *loop) step() bool {
	p.lab.mu.Lock()
	now := p.lab.Now()
	for p.agenda.due(now) {
		e := p.agenda.pop()
		switch e.kind {
		case acting:
			if !e.taken { // each has its own nanosecond, as frames have (see spacing)
				p.acted = max(now, p.acted+1)
				if e.at, e.taken = p.acted, true; e.at > now {
					p.agenda.push(e)
					continue
				}
			}
			p.lab.mu.Unlock()
			go e.act()
			return true
		case ticking:
			if e.timer.turn != e.order {
				continue // it was set anew, or stopped
			}
			p.lab.mu.Unlock()
			e.timer.f()
			return true
		case transmitted:
			e.way.transmitted(now)
		case arrival:
			if host := e.frame.way.to.taken; host != nil && !e.taken {
				flow, _ := packet.FlowOf(e.frame.data)
				if e.at, e.taken = host.take(e.at, flow), true; e.at > now {
					p.agenda.push(e)
					continue
				}
			}
			p.arrive(now, e.frame)
			if len(p.ready) > 0 {
				p.lab.mu.Unlock()
				p.deliver()
				return true
			}
		}
	}
	p.lab.mu.Unlock()
	return false
}

// spacing gives frames of different flows that arrive at a host at one
// instant a nanosecond each: what they set going then ends at times of its
// own too, and the runtime has no choice whom to wake first.
type spacing struct {
	at   time.Duration
	flow packet.Flow
	any  bool
}

// take returns when a frame that arrives at a time is taken.
func (s *spacing) take(at time.Duration, flow packet.Flow) time.Duration {
	switch {
	case !s.any || at > s.at:
	case flow == s.flow:
		at = s.at
	default:
		at = s.at + 1
	}
	s.at, s.flow, s.any = at, flow, true
	return at
}

// hostTimer is a timer of a host that the loop keeps, so that what a host
// does of itself has its place among what else is due at the instant.
type hostTimer struct {
	loop    *loop
	station int
	f       func()
	turn    uint64 // how often it was set or stopped
	set     bool
}

// timerOf makes the timers of a host.
func (p *loop) timerOf(station int) func(d time.Duration, f func()) stack.Timer {
	return func(d time.Duration, f func()) stack.Timer {
		t := &hostTimer{loop: p, station: station, f: f}
		t.Reset(d)
		return t
	}
}

// Reset sets the timer anew.
func (t *hostTimer) Reset(d time.Duration) bool {
	p := t.loop
	at := p.lab.Now() + max(d, 0)
	p.mu.Lock()
	t.turn++
	was := t.set
	t.set = true
	p.in.timers = append(p.in.timers, timerSet{t, at, t.turn})
	p.unlockAndWake()
	return was
}

// Stop keeps the timer from firing.
func (t *hostTimer) Stop() bool {
	t.loop.mu.Lock()
	defer t.loop.mu.Unlock()
	t.turn++
	was := t.set
	t.set = false
	return was
}
