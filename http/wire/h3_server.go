package wire

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/fault"
)

// h3Server is the server's end of an HTTP/3 connection.
type h3Server struct {
	h3Conn
	srv *serving
	// work is the handlers that run.
	work sync.WaitGroup

	// Under the connection's mutex:
	info      ConnInfo
	open      int           // streams with an exchange or a tunnel
	next      quic.StreamID // the first stream that has not been accepted
	goingAway bool
	exchanges int
	idleSince time.Time // since when no stream is open
	idleTimer *time.Timer
	idleArmed bool
}

func (h *h3Server) serves() bool { return true }

// goneAway needs no act: nothing is pushed.
func (h *h3Server) goneAway(uint64) error { return nil }

func (h *h3Server) violated(reason string) { h.refused(0, reason) }

func (h *h3Server) refused(status int, reason string) {
	h.srv.refused(BadRequest{Remote: h.info.Remote, Proto: HTTP3, Status: status, Reason: reason})
}

// serve answers the streams of a connection until it ends.
func (h *h3Server) serve() {
	defer h.srv.forget(h)
	if err := h.greet(); err != nil {
		h.close(h3GeneralProtocolError, "the client takes no control stream")
		return
	}
	h.mu.Lock()
	h.streamGone()
	h.mu.Unlock()
	if h.srv.stopping.Load() {
		h.goAway()
	}
	for {
		q, err := h.quic.AcceptStream(h.quic.Context())
		if err != nil {
			break
		}
		h.accept(q)
	}
	h.mu.Lock()
	if h.idleTimer != nil {
		h.idleTimer.Stop()
	}
	h.mu.Unlock()
	h.work.Wait()
}

// accept begins an exchange on a stream that the client has opened. QUIC
// holds the client to Limits.StreamsPerConn at once: a stream counts until its
// handler has returned, whatever the client did to it.
func (h *h3Server) accept(q *quic.Stream) {
	h.mu.Lock()
	// Going away tells the client that we do not look (RFC 9114 §5.2).
	inNeed := h.open >= streamsInNeed && h.srv.handlers.Load() >= int64(h.limits.Streams)
	if h.goingAway || inNeed {
		h.mu.Unlock()
		q.CancelRead(quic.StreamErrorCode(h3RequestRejected))
		q.CancelWrite(quic.StreamErrorCode(h3RequestRejected))
		q.ReleaseStreamCredit()
		_ = h.act(h.floods.control())
		return
	}
	h.next = q.StreamID() + 4
	h.open++
	x, ok := h.srv.streams.Get().(*h3Exchange)
	if !ok {
		x = &h3Exchange{}
	}
	x.reset(h)
	x.begin(&h.h3Conn, q)
	x.info.Exchanges = h.exchanges
	h.exchanges++
	h.mu.Unlock()
	h.work.Add(1)
	h.srv.handlers.Add(1)
	go h.run(x)
}

// run reads a request and answers it.
func (h *h3Server) run(x *h3Exchange) {
	defer h.work.Done()
	defer h.srv.handlers.Add(-1)
	defer h.panicked()
	if d := h.limits.HeaderTimeout; d > 0 {
		x.need = time.Now().Add(d)
	}
	err := x.head()
	var bad *refusal
	if err == nil {
		bad, err = x.request()
	}
	switch {
	case err != nil:
		h.refuse(x, err)
	case bad != nil:
		h.refused(bad.status, bad.reason)
		_ = x.answer(bad.status, bad.reason)
		x.finish()
	default:
		h.srv.Handler.Serve(x)
		x.finish()
	}
	if resetByPeer(x.q) {
		_ = h.act(h.floods.reset())
	}
	if !x.upgraded {
		h.done(x.q)
		x.forget()
		h.srv.streams.Put(x)
	}
}

// refuse ends a stream on which no request came.
func (h *h3Server) refuse(x *h3Exchange, err error) {
	var wrong *h3Reset
	switch {
	case errors.As(err, &wrong):
		h.refused(0, wrong.reason)
		x.abort(wrong.code)
	case isTimeout(err):
		h.refused(0, "the head did not come in time")
		x.abort(h3RequestIncomplete)
	case h.act(err) != nil:
		x.abort(h3RequestCancelled)
	}
	_ = h.act(h.floods.reset())
}

// resetByPeer reports whether the peer asked us to stop sending.
func resetByPeer(q *quic.Stream) bool {
	var stream *quic.StreamError
	return errors.As(context.Cause(q.Context()), &stream) && stream.Remote
}

// done gives the stream's credit back to the client.
func (h *h3Server) done(q *quic.Stream) {
	q.ReleaseStreamCredit()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	h.streamGone()
}

// tunnelEnded is what ends the stream of x once it is a tunnel.
func (h *h3Server) tunnelEnded(x *h3Exchange) func() {
	q := x.q
	return func() { h.done(q) }
}

// forget cuts the exchange's ties, so that what is kept for another stream
// holds nothing of this one.
func (x *h3Exchange) forget() {
	x.q, x.c, x.h, x.body = nil, nil, nil, nil
	x.req, x.info, x.trailers, x.end = Request{}, ConnInfo{}, nil, nil
	clear(x.block.fields[:cap(x.block.fields)])
	x.block = fieldBlock{fields: x.block.fields[:0]}
	x.ctx, x.cancel, x.stop = nil, nil, nil
}

// panicked closes the connection of a handler that panicked, as it does over
// HTTP/1.1.
func (h *h3Server) panicked() {
	if h.srv.Panicked == nil {
		return
	}
	if value := recover(); value != nil {
		h.srv.Panicked(value, debug.Stack())
		h.die(fault.New(fault.ProxyInternalError, "handler panicked", nil))
		h.close(h3InternalError, http.StatusText(500))
	}
}

// connInfo is what is known about the connection now. Before the handshake is
// complete, less of TLS is.
func (h *h3Server) connInfo(exchanges int) ConnInfo {
	done := h.quic.HandshakeComplete()
	complete := false
	select {
	case <-done:
		complete = true
	default:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.info.TLS == nil || complete && !h.info.TLS.HandshakeComplete {
		state := h.quic.ConnectionState().TLS
		h.info.TLS = &state
	}
	info := h.info
	info.Exchanges = exchanges
	if !complete {
		info.Settled = done
	}
	return info
}

// goAway asks the client to open no more streams; the connection ends with
// the last of those that are open (RFC 9114 §5.2).
func (h *h3Server) goAway() {
	h.mu.Lock()
	if h.goingAway || h.err != nil {
		h.mu.Unlock()
		return
	}
	h.goingAway = true
	next := h.next
	if h.open == 0 {
		h.armIdle(0)
	}
	h.mu.Unlock()
	h.sendGoAway(uint64(next))
}

// streamGone begins the idle time when no stream is left. It is called with
// the mutex held.
func (h *h3Server) streamGone() {
	if h.open > 0 {
		return
	}
	h.srv.turnedIdle()
	h.idleSince = time.Now()
	switch {
	case h.goingAway:
		h.armIdle(lingerTime)
	case !h.idleArmed && h.limits.IdleTimeout > 0:
		h.armIdle(h.limits.IdleTimeout)
	}
}

// armIdle sets the timer that ends an idle connection. It is left running
// when a stream is opened and finds out itself that it was too early.
func (h *h3Server) armIdle(d time.Duration) {
	h.idleArmed = true
	if h.idleTimer == nil {
		h.idleTimer = time.AfterFunc(d, h.idleCheck)
	} else {
		h.idleTimer.Reset(d)
	}
}

// idleCheck ends the connection when it has been idle for long. One that goes
// away stays for lingerTime, in which packets of the last response that were
// lost are sent again; a client that has all closes it first.
func (h *h3Server) idleCheck() {
	h.mu.Lock()
	h.idleArmed = false
	if h.open > 0 {
		h.mu.Unlock()
		return
	}
	limit := h.limits.IdleTimeout
	if h.goingAway {
		limit = lingerTime
	}
	if idle := time.Since(h.idleSince); idle < limit {
		h.armIdle(limit - idle)
		h.mu.Unlock()
		return
	}
	h.goingAway = true
	h.mu.Unlock()
	h.close(h3NoError, "idle")
}

// closeIfIdle makes room for another connection.
func (h *h3Server) closeIfIdle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open > 0 {
		return false
	}
	h.goingAway = true
	go h.close(h3NoError, "making room")
	return true
}

func (h *h3Server) drain() { h.goAway() }

// cut ends the connection with all that is under way on it.
func (h *h3Server) cut() {
	h.die(fault.New(fault.ConnectionTerminated, "connection closed", errStopped))
	h.close(h3NoError, "the server stops")
}
