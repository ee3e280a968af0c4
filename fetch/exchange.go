package fetch

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"waypost/fault"
	"waypost/http/wire"
)

// exchange is one request on its way.
type exchange struct {
	client  *Client
	to      target // where it goes now
	plain   target // and without an alternative
	altUsed string // the alternative that it goes to, for Alt-Used
	request wire.Request
	urgency int
	body    *upload // nil when the request has no body
	trip    Trip

	ctx    context.Context
	cancel context.CancelCauseFunc // breaks off everything done for it

	// What asking the pool brought: something at once, or a place in the
	// queue and then something.
	granted grant
	waiting *waiter
	asked   time.Time
	on      *conn // the connection of the last attempt; nil where there was none
}

// ask takes a place. fresh asks for a connection that has not waited idle.
func (x *exchange) ask(fresh bool) {
	x.asked = time.Now()
	x.granted, x.waiting = x.client.pool().ask(x.to, x.urgency, fresh, client(x.ctx))
}

// run sends the request, twice if it must.
func (x *exchange) run() (*Response, error) {
	if x.request.Body != nil {
		x.body = &upload{from: x.request.Body}
		x.request.Body = x.body
	}
	resp, err := x.attempt()
	if err != nil && x.ctx.Err() == nil && x.fallBack() {
		x.ask(false)
		resp, err = x.attempt()
	}
	if err != nil && x.ctx.Err() == nil && x.mayRetry(err) {
		x.ask(true)
		resp, err = x.attempt()
	}
	if err != nil {
		x.client.pool().exit(x)
		x.cancel(nil)
		return nil, x.fail(err)
	}
	return resp, nil
}

func (x *exchange) fail(err error) error { return &Error{Trip: x.trip, Err: err} }

// mayRetry applies RFC 9110 §9.2.2: a client may repeat a request whose
// connection closed before any of the response came if its method is
// idempotent, or if it is certain that the server did not act on it. A body
// that has been read from cannot be sent again.
func (x *exchange) mayRetry(err error) bool {
	if x.body != nil && x.body.touched.Load() {
		return false
	}
	if errors.Is(err, wire.ErrUnprocessed) {
		return true
	}
	return errors.Is(err, wire.ErrRetry) && x.trip.Reused && Idempotent(x.request.Method)
}

// Idempotent reports whether method is one of those that RFC 9110 §9.2.2
// defines as idempotent: sent twice, it means the same as sent once.
func Idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// attempt gets one connection and does the exchange on it.
func (x *exchange) attempt() (*Response, error) {
	c, err := x.acquire()
	x.on = c
	if err != nil {
		return nil, err
	}
	x.trip.Attempts++
	x.trip.Remote, x.trip.Local, x.trip.TLS, x.trip.Proto = c.remote, c.local, c.tls, c.proto
	timeouts := x.client.Timeouts.withDefaults()
	timer := x.arm(TimerFirstByte, timeouts.FirstByte)
	if x.body != nil {
		x.body.timer = timer
	}
	x.trip.Sent = time.Now()
	got, err := c.client.Do(x.ctx, x.outgoing())
	if x.body != nil {
		x.body.answered.Store(true) // it may go on beside the response
	}
	timer.stop()
	if err != nil {
		c.end(x.ctx, err)
		x.client.pool().release(c, x.granted.who)
		return nil, x.explain(err)
	}
	x.trip.FirstByte = time.Since(x.trip.Sent)
	if c.quic != nil && x.trip.TLS == nil {
		x.trip.TLS = c.settledTLS()
	}
	x.noteAlternatives(got)
	r := &Response{Response: got, Trip: x.trip}
	b := &body{x: x, conn: c, from: got.Body, timer: x.arm(TimerBodyIdle, timeouts.BodyIdle)}
	b.timer.stop()
	r.Body, r.read = b, &b.count
	if got.Upgraded != nil {
		got.Upgraded = &upgraded{Conn: got.Upgraded, body: b}
	}
	return r, nil
}

// acquire gets a connection: one from the pool, one of its own, or the first
// that becomes free, as the pool says.
func (x *exchange) acquire() (*conn, error) {
	pool := x.client.pool()
	if x.waiting != nil {
		x.granted = x.wait()
		x.trip.Queued += time.Since(x.asked)
	}
	g := x.granted
	if g.err != nil || g.conn != nil {
		x.trip.Reused = g.conn != nil
		return g.conn, g.err
	}
	x.trip.Reused = false
	if !pool.dialing() {
		return nil, errClosed
	}
	defer pool.dials.Done()
	c, err := x.client.dial(x.ctx, x.to)
	if err != nil {
		pool.undialed(x.to, g.who, err, x.ctx.Err() != nil)
		return nil, err
	}
	if !pool.dialed(c) {
		c.close()
		return nil, errClosed
	}
	return c, nil
}

// wait stands in the queue until it is this request's turn, or too late.
func (x *exchange) wait() grant {
	pool, w := x.client.pool(), x.waiting
	setting := x.client.Timeouts.withDefaults().Queue
	var late <-chan time.Time // nil where there is no limit
	if setting >= 0 {
		late = time.After(time.Until(x.asked.Add(setting)))
	}
	var why error
	for why == nil {
		select {
		case g := <-w.granted:
			return g
		case <-x.ctx.Done():
			pool.leave(x.to, w)
			why = context.Cause(x.ctx)
		case <-late:
			if pool.expel(x.to, w) {
				why = &Timeout{TimerQueue, setting}
			} else {
				late = time.After(setting)
			}
		}
	}
	return grant{err: x.explain(fault.New(fault.ConnectionLimitReached, "wait for a connection to "+x.to.hostPort(), why))}
}

// explain says what was attempted and names the fault. When the
// context is over, what ended it is the reason, whatever the codec made of that.
func (x *exchange) explain(err error) error {
	var t *Timeout
	cause := context.Cause(x.ctx)
	switch {
	case errors.As(cause, &t):
		return fault.New(t.Timer.Fault(), x.op(), t)
	case cause != nil && !errors.Is(err, cause):
		return fault.New(kindOf(cause, fault.ConnectionTerminated), x.op(), cause)
	}
	return fault.New(kindOf(err, fault.HTTPProtocolError), x.op(), err)
}

// op is what was attempted, for errors.
func (x *exchange) op() string {
	return x.request.Method + " " + x.request.Scheme + "://" + x.request.Authority + x.request.Path
}

// stopwatch ends its exchange when it is not stopped in time. The nil
// *stopwatch never fires.
type stopwatch struct {
	timer   *time.Timer
	setting time.Duration
}

// arm starts a timer that breaks off the exchange.
func (x *exchange) arm(name Timer, setting time.Duration) *stopwatch {
	if setting < 0 {
		return nil
	}
	return &stopwatch{time.AfterFunc(setting, func() { x.cancel(&Timeout{name, setting}) }), setting}
}

func (s *stopwatch) stop() {
	if s != nil {
		s.timer.Stop()
	}
}

func (s *stopwatch) restart() {
	if s != nil {
		s.timer.Reset(s.setting)
	}
}

// upload is the body of a request. The first-byte timer counts from the
// request's end: each piece that the codec takes restarts it, and it stands
// while the caller has nothing to send, which is no delay of the server's.
type upload struct {
	from    io.Reader
	timer   *stopwatch
	touched atomic.Bool

	answered atomic.Bool // the response head is there: the timer has nothing to wait for
}

func (u *upload) Read(p []byte) (int, error) {
	u.touched.Store(true)
	if !u.answered.Load() {
		u.timer.stop()
	}
	n, err := u.from.Read(p)
	if !u.answered.Load() {
		u.timer.restart()
		if u.answered.Load() {
			u.timer.stop() // it was answered between the two
		}
	}
	return n, err
}
