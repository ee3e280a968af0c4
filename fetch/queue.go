package fetch

import "slices"

// waiter is a request in a host's queue. Its channel takes one grant.
type waiter struct {
	urgency int
	who     *party
	granted chan grant
}

// enqueue puts a request behind those that are as urgent.
func (h *host) enqueue(urgency int, who *party) *waiter {
	w := &waiter{urgency, who, make(chan grant, 1)}
	who.queues(1)
	i := len(h.queue)
	for i > 0 && h.queue[i-1].urgency > urgency {
		i--
	}
	h.queue = slices.Insert(h.queue, i, w)
	return w
}

// wake serves the queue in its order, as far as connections and places go.
// Who has its share already is passed over.
func (p *pool) wake(h *host) {
	for i := 0; i < len(h.queue); {
		w := h.queue[i]
		if !p.mayHold(h, w.who) {
			i++
			continue
		}
		g, ok := p.grant(h, w.who)
		if !ok {
			return
		}
		w.granted <- g
		h.dequeue(i)
	}
}

// dequeue takes out the request at i.
func (h *host) dequeue(i int) {
	h.queue[i].who.queues(-1)
	h.queue = slices.Delete(h.queue, i, i+1)
}

// refuse tells everybody in the queue that there will be no connection.
func (h *host) refuse(err error) {
	for _, w := range h.queue {
		w.granted <- grant{err: err}
		w.who.queues(-1)
	}
	h.queue = nil
}

// expel takes a request out of the queue whose time there is over, and reports
// whether it did: not one that has its grant already, nor one that waits for
// another's handshake. No limit keeps that one waiting; the dial has timers of
// its own, and all in the queue learn what becomes of it.
func (p *pool) expel(to target, w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[to]
	if h == nil || !h.h1 && h.shared == nil {
		return false
	}
	i := slices.Index(h.queue, w)
	if i < 0 {
		return false
	}
	h.dequeue(i)
	return true
}

// leave takes a request out of the queue that waits no longer, and gives back
// what it was granted meanwhile.
func (p *pool) leave(to target, w *waiter) {
	p.mu.Lock()
	if h := p.hosts[to]; h != nil {
		if i := slices.Index(h.queue, w); i >= 0 {
			h.dequeue(i)
		}
	}
	p.mu.Unlock()
	select {
	case g := <-w.granted:
		if g.conn != nil {
			p.release(g.conn, g.who)
		} else if g.dial {
			p.undialed(to, g.who, nil, true)
		}
	default:
	}
}
