package wire

import (
	"context"
	"errors"
	"time"

	"waypost/fault"
)

// Context begins to watch the connection at its first call.
func (x *h1Exchange) Context() context.Context {
	x.watchMu.Lock()
	defer x.watchMu.Unlock()
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithCancelCause(x.c.srv.base)
		if x.body == nil || x.body.done {
			x.watch()
		}
	}
	return x.ctx
}

// bodyEnded lets a watch begin that waited for the end of the body.
func (x *h1Exchange) bodyEnded(b *requestBody) {
	x.watchMu.Lock()
	defer x.watchMu.Unlock()
	if b.done {
		return
	}
	b.done = true
	if x.ctx != nil {
		x.watch()
	}
}

// watch reads in the background: only a read learns that the client has
// left. What it brings belongs to the next request and stays in the buffer.
// When the buffer is full, the watch ends: a client that sends is there.
func (x *h1Exchange) watch() {
	if x.in.r == x.in.w {
		x.in.r, x.in.w = x.in.base, x.in.base
	}
	ended := make(chan struct{})
	x.watching = ended
	x.c.under.readBy(time.Time{})
	go func() {
		defer close(ended)
		for x.in.w < len(x.in.buf) {
			n, err := x.in.src.Read(x.in.buf[x.in.w:])
			x.in.w += n
			if errors.Is(err, errInterrupted) {
				return
			}
			if err != nil {
				x.gone(fault.New(fault.ConnectionTerminated, "client left", err))
				return
			}
		}
	}()
}

// gone ends the context, if anybody asked for it.
func (x *h1Exchange) gone(why error) {
	x.watchMu.Lock()
	cancel := x.cancel
	x.watchMu.Unlock()
	if cancel != nil {
		cancel(why)
	}
}

// stopWatch ends the watch, and the context with it.
func (x *h1Exchange) stopWatch() {
	x.watchMu.Lock()
	watching, cancel := x.watching, x.cancel
	x.watching, x.ctx, x.cancel = nil, nil, nil
	x.watchMu.Unlock()
	if watching != nil {
		x.c.under.interrupt()
		<-watching
		x.c.under.resume()
	}
	if cancel != nil {
		cancel(context.Canceled)
	}
}
