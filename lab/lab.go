package lab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"waypost/packet"
	"waypost/stack"
	"waypost/tcp"
	"waypost/trace"
)

// Options is what a lab is made of. The zero value is a lab in real time
// that records nothing.
type Options struct {
	// Seed fixes everything that is drawn by lot: losses, jitter, and each
	// host's ports and initial sequence numbers. In virtual time one seed
	// gives one run.
	Seed uint64
	// Recorder takes the facts of links and hosts; nil records nothing.
	Recorder trace.Recorder
	// Virtual says that the lab stands in a bubble of testing/synctest: New
	// is called inside of it, by a test or under [Virtual]. There may be one
	// such lab at a time in a process.
	Virtual bool
}

// HostOptions is how a host behaves. The zero value is a common host.
type HostOptions struct {
	TCP     tcp.Config
	Backlog int // connections waiting for Accept; 0: stack.DefaultBacklog
	Cookies tcp.CookieMode
}

// Lab is an internet in this process. Its methods, and those of what stands
// in it, are safe for concurrent use.
type Lab struct {
	options Options
	epoch   time.Time
	causes  *stack.Causes
	loop    *loop

	mu         sync.Mutex // guards what follows and every direction's state
	nodes      map[string]Node
	order      []Node // in the order of creation
	links      []*Link
	directions int // made so far
	macs       uint32
	regions    []*Region
	numbered   int // regions made so far
	between    int // links between regions made so far
	closed     bool
}

// ErrClosed says that the lab is closed.
var ErrClosed = errors.New("the lab is closed")

// New returns an empty lab whose time begins now. End it with Close.
func New(o Options) *Lab {
	l := &Lab{options: o, epoch: time.Now(), causes: stack.NewCauses(), nodes: make(map[string]Node)}
	l.loop = newLoop(l)
	l.loop.start()
	return l
}

// Close ends the lab: hosts are closed, frames under way vanish, actions not
// yet begun do not begin. No goroutine of the lab or its hosts is left when
// it returns. It may be called more than once.
func (l *Lab) Close() {
	l.mu.Lock()
	already := l.closed
	l.closed = true
	nodes := l.order
	l.mu.Unlock()
	if !already {
		for _, n := range nodes {
			switch n := n.(type) {
			case *Host:
				n.Close()
			case *Router:
				n.Close()
			}
		}
	}
	l.loop.stop()
}

// Now is the time since the lab was made.
func (l *Lab) Now() time.Duration { return time.Since(l.epoch) }

// Epoch is when the lab was made.
func (l *Lab) Epoch() time.Time { return l.epoch }

// At runs f in a goroutine of its own when the lab is as old as at says; at
// once if it is that old already. Actions of one instant begin in the order
// in which they were given; in virtual time each begins when the one before
// has come to wait for something, a nanosecond later.
func (l *Lab) At(at time.Duration, f func()) { l.loop.schedule(at, f) }

// Disturbed counts the events of a virtual lab that took so long, 10 ms of
// real time and more, that the runtime may have let goroutines run in another
// order: when the system is too busy to give the process its turn, or when
// the program computes for long. A run with 0 is the run of its seed; others
// most often are.
func (l *Lab) Disturbed() int { return int(l.loop.disturbed.Load()) }

// Node returns the node of that name, or nil.
func (l *Lab) Node(name string) Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nodes[name]
}

// Nodes returns all nodes in the order of their creation.
func (l *Lab) Nodes() []Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Node(nil), l.order...)
}

// Links returns all links in the order of their creation.
func (l *Lab) Links() []*Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Link(nil), l.links...)
}

// Link returns the first link between two nodes, in either order, or nil.
func (l *Lab) Link(a, b string) *Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.links {
		if from, to := k.there.from, k.there.to; from.name == a && to.name == b || from.name == b && to.name == a {
			return k
		}
	}
	return nil
}

// add gives a node its place under its name. The lock is held.
func (l *Lab) add(n Node) error {
	switch name := n.Name(); {
	case l.closed:
		return fmt.Errorf("lab: make %s: %w", name, ErrClosed)
	case name == "":
		return errors.New("lab: make a node: it has no name")
	case l.nodes[name] != nil:
		return fmt.Errorf("lab: make %s: there is a node of that name", name)
	}
	l.nodes[n.Name()] = n
	l.order = append(l.order, n)
	return nil
}

// seed derives the seed of one part of the lab from its name, so that what
// one part draws does not depend on which others there are. It is never 0.
func (l *Lab) seed(part string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(part)) //nolint:errcheck // a hash takes everything
	return rand.NewPCG(l.options.Seed, h.Sum64()).Uint64() | 1
}

// station is the pen of one part of the lab; nil when nothing is recorded.
func (l *Lab) station(name string) *trace.Station {
	if l.options.Recorder == nil {
		return nil
	}
	var mu sync.Mutex
	ids := rand.NewPCG(l.seed("ids of "+name), 0)
	return &trace.Station{Name: name, Recorder: l.options.Recorder, IDs: func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return ids.Uint64()
	}}
}

// cause returns the journey that a frame belongs to, where one is known.
func (l *Lab) cause(data []byte) (trace.Context, bool) {
	flow, ok := packet.FlowOf(data)
	if !ok {
		return trace.Context{}, false
	}
	return l.causes.Of(flow)
}
