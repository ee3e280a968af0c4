package wire

import (
	"runtime/debug"

	"waypost/fault"
)

// h2Worker is a goroutine that answers one stream after the other. A new
// goroutine for each would begin with a small stack and spend a quarter of
// the time of a small response on making it larger.
type h2Worker struct {
	next chan *h2Exchange // nil: go home
}

// hand gives x to a worker that waits, or to a new one. It is called with
// the mutex held.
func (h *h2Server) hand(x *h2Exchange) {
	if n := len(h.workers); n > 0 {
		w := h.workers[n-1]
		h.workers = h.workers[:n-1]
		w.next <- x
		return
	}
	w := &h2Worker{next: make(chan *h2Exchange, 1)}
	go w.work(h, x)
}

func (w *h2Worker) work(h *h2Server, x *h2Exchange) {
	defer h.panicked()
	for x != nil {
		x.run()
		if !h.keep(w) {
			return
		}
		x = <-w.next
	}
}

// keep lets w wait for another stream, until the connection has been idle
// for h2Linger.
func (h *h2Server) keep(w *h2Worker) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil || len(h.streams) == 0 && !h.idleArmed {
		return false // nobody would dismiss it
	}
	h.workers = append(h.workers, w)
	return true
}

// dismiss sends the waiting workers home. It is called with the mutex held.
func (h *h2Server) dismiss() {
	for _, w := range h.workers {
		w.next <- nil
	}
	h.workers = nil
}

// panicked closes the connection of a handler that panicked, as it does over
// HTTP/1.1.
func (h *h2Server) panicked() {
	if h.c.srv.Panicked == nil {
		return
	}
	if value := recover(); value != nil {
		h.c.srv.Panicked(value, debug.Stack())
		h.mu.Lock()
		defer h.mu.Unlock()
		h.running--
		h.c.srv.handlers.Add(-1)
		h.die(fault.New(fault.ProxyInternalError, "handler panicked", nil))
		h.room.Broadcast()
	}
}
