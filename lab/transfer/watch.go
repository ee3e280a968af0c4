package transfer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"waypost/lab"
	"waypost/packet"
	"waypost/trace"
)

// record is the recorder of a rehearsal.
type record struct {
	mu     sync.Mutex
	events []trace.Event
	missed int
}

// Record implements trace.Recorder.
func (r *record) Record(e trace.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == maxEvents {
		r.missed++
		return
	}
	r.events = append(r.events, e)
}

func (r *record) take() ([]trace.Event, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events, r.missed
}

// seeded is a source of ids.
func seeded(seed uint64) func() uint64 {
	var mu sync.Mutex
	source := rand.NewPCG(seed, 0)
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Uint64()
	}
}

// dropper is a filter that loses the client's segments of these numbers.
func dropper(numbers []int) func(from string, frame []byte) string {
	n := 0
	return func(from string, frame []byte) string {
		if flow, ok := packet.FlowOf(frame); from != "client" || !ok || flow.Protocol != packet.ProtocolTCP {
			return ""
		}
		if n++; slices.Contains(numbers, n) {
			return fmt.Sprintf("segment %d is dropped", n)
		}
		return ""
	}
}

// watch keeps when frames of the client entered the link and when they left
// its queue.
type watch struct {
	mu     sync.Mutex
	delay  time.Duration
	frames []passage
}

// passage is a frame's way through the queue.
type passage struct {
	in, out time.Duration // of the lab's time
	bytes   int
}

// newWatch watches the link's way from the client.
func newWatch(k *lab.Link) *watch {
	there, _ := k.Shapes()
	w := &watch{delay: there.Delay}
	if there.Rate == 0 {
		return w // there is no queue
	}
	k.Tap(func(f lab.Frame) {
		if f.From != "client" || f.Lost {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.frames) < maxFrames {
			w.frames = append(w.frames, passage{f.Sent, f.Arrived - w.delay, len(f.Data)})
		}
	})
	return w
}

// pattern is a stream of bytes that each know their place: as a reader it
// gives them, as a writer it refuses any other.
type pattern struct{ at uint32 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = p.next()
	}
	return len(b), nil
}

func (p *pattern) Write(b []byte) (int, error) {
	for i := range b {
		at := p.at
		if want := p.next(); b[i] != want {
			return i, fmt.Errorf("byte %d is %#02x, want %#02x", at, b[i], want)
		}
	}
	return len(b), nil
}

// next is the byte at this place: no two stretches of 64 KB are alike.
func (p *pattern) next() byte {
	c := byte(p.at) ^ byte(p.at>>8) ^ byte(p.at>>16)
	p.at++
	return c
}
