package fetch

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"waypost/fault"
)

// Limits of the pool.
const (
	// DefaultPerHost is what browsers settled on after RFC 9112 §9.4 left
	// the number open.
	DefaultPerHost = 6
	// maxQueue bounds the requests that wait for one host. It is far above
	// what a page needs and keeps a dead origin from collecting an edge's
	// whole load.
	maxQueue = 4096
	// maxStreams bounds the requests on one HTTP/2 or 3 connection. RFC 9113
	// §6.5.2 has servers allow at least as many, so that those beyond it
	// wait here, where it shows, and not in the codec.
	maxStreams = 100
)

// pool keeps the connections of a client by target.
type pool struct {
	perHost int           // HTTP/1.1 connections allowed per target
	idle    time.Duration // how long a connection may carry nothing; negative: for ever

	mu      sync.Mutex
	hosts   map[target]*host
	conns   map[*conn]uint64     // all that are open, with their numbers
	running map[*exchange]uint64 // requests under way, with theirs
	count   uint64               // of connections and requests so far
	dead    []*conn              // to be closed by unlock
	closed  bool

	dials sync.WaitGroup // dials under way, and the goroutines of their races
}

// inOrder returns the keys in the order of their numbers: what happens to all
// of them happens in the same order in the same run.
func inOrder[K comparable](numbers map[K]uint64) []K {
	return slices.SortedFunc(maps.Keys(numbers), func(a, b K) int { return cmp.Compare(numbers[a], numbers[b]) })
}

// host is what the pool knows of one target.
type host struct {
	h1      bool    // HTTP/1.1 is all it speaks, or all we want
	shared  *conn   // its one connection of HTTP/2 or 3
	idle    []*conn // HTTP/1.1 connections without a request, the latest used last
	busy    int     // how many HTTP/1.1 connections carry one
	dialing int     // connections being opened
	queue   []*waiter
	parties map[netip.Addr]*party // on whose behalf requests are made (share.go)
}

// grant is the answer to a request for a connection: one to use, the
// permission to open one, or neither because of err.
type grant struct {
	conn *conn
	dial bool
	err  error
	who  *party // whom conn or dial counts for
}

// unlock releases the pool and then closes what was found dead: closing
// writes to the network, which nobody else should wait for.
func (p *pool) unlock() {
	dead := p.dead
	p.dead = nil
	for _, c := range dead {
		delete(p.conns, c)
		if c.timer != nil {
			c.timer.Stop()
		}
	}
	p.mu.Unlock()
	for _, c := range dead {
		c.close()
	}
}

// ask answers at once where it can, and else puts the request into the
// host's queue. fresh refuses connections that have waited idle: a sibling of
// theirs turned out to be dead. client is on whose behalf it is made.
func (p *pool) ask(to target, urgency int, fresh bool, client netip.Addr) (grant, *waiter) {
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return grant{err: errClosed}, nil
	}
	h := p.hosts[to]
	if h == nil {
		h = &host{h1: to.h1 || !to.secure()}
		p.hosts[to] = h
	}
	if fresh {
		p.dead, h.idle = append(p.dead, h.idle...), nil
	}
	who := h.party(client)
	if g, ok := p.grant(h, who); ok {
		return g, nil
	}
	if !p.mayWait(h, who) {
		who.queues(0)
		return grant{err: fault.New(fault.ConnectionLimitReached, "wait for a connection to "+to.hostPort(), nil)}, nil
	}
	return grant{}, h.enqueue(urgency, who)
}

// grant finds what one request can have now, if anything.
func (p *pool) grant(h *host, who *party) (grant, bool) {
	if !p.mayHold(h, who) {
		return grant{}, false
	}
	if c := p.take(h); c != nil {
		who.holds(1)
		return grant{conn: c, who: who}, true
	}
	if p.mayDial(h) {
		h.dialing++
		who.holds(1)
		return grant{dial: true, who: who}, true
	}
	return grant{}, false
}

// take returns a connection of h that can carry a request now.
func (p *pool) take(h *host) *conn {
	if h.shared != nil && !h.shared.client.Alive() {
		p.retire(h)
	}
	if h.shared != nil && h.shared.carrying < maxStreams && h.shared.client.Free() {
		h.shared.begin()
		return h.shared
	}
	for n := len(h.idle); n > 0; n = len(h.idle) {
		c := h.idle[n-1]
		h.idle = h.idle[:n-1]
		if !c.client.Alive() {
			p.dead = append(p.dead, c)
			continue
		}
		h.busy++
		c.begin()
		return c
	}
	return nil
}

// retire takes the shared connection of h out of use: at once when it carries
// nothing, else when its last stream ends.
func (p *pool) retire(h *host) {
	c := h.shared
	h.shared = nil
	if c.carrying == 0 {
		p.dead = append(p.dead, c)
	}
}

// mayDial reports whether another connection may be opened: one at a time
// while it can turn out to be HTTP/2 or 3, none beside one that is merely full, and up to perHost of HTTP/1.1.
func (p *pool) mayDial(h *host) bool {
	if h.shared != nil {
		return false
	}
	if !h.h1 {
		return h.dialing == 0
	}
	return len(h.idle)+h.busy+h.dialing < p.perHost
}

// dialing says that a permission to dial is used now. It reports false when
// the pool was closed meanwhile; else dials.Done must follow.
func (p *pool) dialing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.dials.Add(1)
	}
	return !p.closed
}

// dialed takes in the connection that an allowed dial brought; it carries the
// dialer's request from here on. It reports false when the pool was closed
// meanwhile.
func (p *pool) dialed(c *conn) bool {
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return false
	}
	h := p.hosts[c.to]
	h.dialing--
	p.count++
	p.conns[c] = p.count
	c.begin()
	if c.shared() {
		h.shared = c
	} else {
		h.h1 = true
		h.busy++
	}
	p.wake(h)
	return true
}

// undialed gives back a permission to dial, which was for who. err is what
// became of it; abandoned tells that the one who dialed did not wait for the end.
func (p *pool) undialed(to target, who *party, err error, abandoned bool) {
	p.mu.Lock()
	defer p.unlock()
	who.holds(-1)
	h := p.hosts[to]
	if h == nil {
		return // closed meanwhile
	}
	h.dialing--
	if !h.h1 && !abandoned {
		// All who waited for this handshake wanted the same of the same
		// host: trying again for each in turn would only add up timeouts.
		h.refuse(err)
	}
	p.wake(h)
	p.tidy(to, h)
}
