package fetch

import (
	"slices"
	"time"
)

// What becomes of a connection after a request: it goes to who waits, it
// rests, or it is closed.

// release ends one request on c, which was for who.
func (p *pool) release(c *conn, who *party) {
	p.mu.Lock()
	defer p.unlock()
	c.carrying--
	who.holds(-1)
	if p.closed {
		return
	}
	h := p.hosts[c.to]
	switch {
	case c.shared():
		if h != nil && h.shared == c && !c.client.Alive() {
			h.shared = nil
		}
		if retired := h == nil || h.shared != c; c.carrying == 0 && retired {
			p.dead = append(p.dead, c)
		} else if c.carrying == 0 {
			p.rest(c)
		}
	case c.client.Free(): // looking whether it is alive can wait until it is wanted
		h.busy--
		h.idle = append(h.idle, c)
		p.rest(c)
	default:
		h.busy--
		p.dead = append(p.dead, c)
	}
	if h != nil {
		p.wake(h)
		p.tidy(c.to, h)
	}
}

// rest starts the time after which an unused connection is closed.
func (p *pool) rest(c *conn) {
	if p.idle < 0 {
		return
	}
	c.rested = time.Now()
	if c.timer == nil {
		c.timer = time.AfterFunc(p.idle, func() { p.expire(c) })
	} else {
		c.timer.Reset(p.idle)
	}
}

// expire closes c when it has carried nothing for the idle time.
func (p *pool) expire(c *conn) {
	p.mu.Lock()
	defer p.unlock()
	h := p.hosts[c.to]
	if h == nil || c.carrying > 0 || time.Since(c.rested) < p.idle {
		return // used again while the timer fired
	}
	p.drop(h, c)
	p.tidy(c.to, h)
}

// drop takes an unused connection out of its host.
func (p *pool) drop(h *host, c *conn) {
	if h.shared == c {
		h.shared = nil
		p.dead = append(p.dead, c)
	} else if i := slices.Index(h.idle, c); i >= 0 {
		h.idle = slices.Delete(h.idle, i, i+1)
		p.dead = append(p.dead, c)
	}
}

// tidy forgets a host of which nothing is left.
func (p *pool) tidy(to target, h *host) {
	if h.shared == nil && len(h.idle)+h.busy+h.dialing+len(h.queue) == 0 {
		delete(p.hosts, to)
	}
}

// closeIdle closes the connections that carry nothing.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.unlock()
	for to, h := range p.hosts {
		p.dead, h.idle = append(p.dead, h.idle...), nil
		if h.shared != nil && h.shared.carrying == 0 {
			p.drop(h, h.shared)
		}
		p.tidy(to, h)
	}
}

// enter takes in a request that begins, so that close can end it.
func (p *pool) enter(x *exchange) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	p.count++
	p.running[x] = p.count
	return nil
}

// exit forgets a request that has ended.
func (p *pool) exit(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, x)
}

// close ends every request and closes every connection.
func (p *pool) close() {
	p.mu.Lock()
	defer p.unlock()
	p.closed = true
	for _, x := range inOrder(p.running) {
		x.cancel(errClosed)
	}
	for _, h := range p.hosts {
		h.refuse(errClosed)
	}
	p.dead = append(p.dead, inOrder(p.conns)...)
	clear(p.hosts)
}
