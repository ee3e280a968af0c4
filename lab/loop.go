package lab

import (
	"sync"
	"sync/atomic"
	"time"
)

// loop moves everything that happens outside of the hosts. One goroutine
// runs it: run in real time, runVirtual in virtual time.
type loop struct {
	lab  *Lab
	wake chan struct{} // there is something new
	done chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards the stage; held for moments only
	in      *staged    // what hosts have added
	asleep  bool       // the loop sleeps: wake it
	stopped bool
	overrun int64 // frames that found no room on the stage

	// The rest belongs to the loop's goroutine, under the lab's lock where
	// links use it.
	out    *staged // what is being worked on
	agenda agenda
	pool   []*frame
	ready  []delivery // arrivals to be given to hosts
	acts   uint64     // actions given so far
	frames uint64     // frames that have entered links
	clock  *time.Timer

	acted     time.Duration // in virtual time: when the latest action began
	disturbed atomic.Int64  // see Lab.Disturbed
}

// delivery is a frame that has arrived at a host.
type delivery struct {
	to    *end
	data  []byte
	frame *frame // to be recycled; nil: data lies on the stage
}

func newLoop(l *Lab) *loop {
	return &loop{
		lab: l, wake: make(chan struct{}, 1), done: make(chan struct{}),
		in: &staged{}, out: &staged{}, acted: -1,
	}
}

func (p *loop) start() {
	p.clock = time.NewTimer(time.Hour)
	p.clock.Stop()
	if p.lab.options.Virtual {
		go p.runVirtual()
	} else {
		go p.run()
	}
}

// stop ends the loop and waits until it has ended.
func (p *loop) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.nudge()
	<-p.done
}

// schedule puts an action on the agenda.
func (p *loop) schedule(at time.Duration, f func()) {
	p.mu.Lock()
	p.acts++
	p.in.actions = append(p.in.actions, event{at: max(at, 0), kind: acting, order: p.acts, act: f})
	p.unlockAndWake()
}

// run is the loop in real time.
func (p *loop) run() {
	defer close(p.done)
	for {
		batch := p.take()
		if p.ended() {
			return
		}
		p.lab.mu.Lock()
		now := p.lab.Now()
		for _, e := range batch.actions {
			p.agenda.push(e)
		}
		for _, f := range batch.frames {
			p.enter(now, f.way, batch.bytes[f.start:f.end])
		}
		for p.agenda.due(now) {
			e := p.agenda.pop()
			switch e.kind {
			case acting:
				go e.act()
			case transmitted:
				e.way.transmitted(now)
			case arrival:
				p.arrive(now, e.frame)
			}
		}
		p.lab.mu.Unlock()
		busy := len(batch.frames) > 0 || len(p.ready) > 0
		p.deliver()
		if !busy {
			p.sleep()
		}
	}
}

func (p *loop) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// enter sends a frame into a direction. Where nothing happens to it on the
// way it is at the other end at once. The lab's lock is held.
func (p *loop) enter(now time.Duration, d *direction, data []byte) {
	if !d.plain || p.lab.options.Virtual {
		d.enter(now, data)
		return
	}
	n := int64(len(data))
	d.stats.Frames++
	d.stats.Bytes += n
	if len(data) > frameRoom {
		d.stats.Lost++ // larger than the MTU of a plain direction
		return
	}
	d.stats.Arrived++
	d.stats.ArrivedBytes += n
	if to := d.to; to.port == nil {
		p.ready = append(p.ready, delivery{to: to, data: data})
	} else {
		to.port.on.forward(now, to.port, data)
	}
}

// arrive takes a frame to the node at the end of its way. The lab's lock is
// held.
func (p *loop) arrive(now time.Duration, f *frame) {
	d := f.way
	if !d.arrive(now, f) {
		return
	}
	if d.to.port == nil {
		p.ready = append(p.ready, delivery{to: d.to, data: f.data, frame: f})
		return
	}
	d.to.port.on.forward(now, d.to.port, f.data)
	p.recycle(f)
}

// deliver gives frames to their hosts. No lock is held: a host may send.
func (p *loop) deliver() {
	for i := range p.ready {
		p.ready[i].to.receive(p.ready[i].data)
	}
	p.lab.mu.Lock()
	for i := range p.ready {
		if f := p.ready[i].frame; f != nil {
			p.recycle(f)
		}
	}
	p.lab.mu.Unlock()
	clear(p.ready)
	p.ready = p.ready[:0]
}

// sleep waits until something is due or new.
func (p *loop) sleep() {
	p.mu.Lock()
	if len(p.in.frames)+len(p.in.actions)+len(p.in.timers) > 0 || p.stopped {
		p.mu.Unlock()
		return
	}
	p.asleep = true
	p.mu.Unlock()
	var due <-chan time.Time
	if len(p.agenda) > 0 {
		p.clock.Reset(p.agenda[0].at - p.lab.Now())
		due = p.clock.C
	}
	select {
	case <-p.wake:
	case <-due:
	}
	p.clock.Stop()
}
