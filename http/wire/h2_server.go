package wire

import (
	"bytes"
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"

	"waypost/fault"
	"waypost/http/field"
)

// h2Server is the server's end of an HTTP/2 connection.
type h2Server struct {
	*h2Conn
	c *serverConn

	// Under the connection's mutex:
	running   int // handlers that have not returned, those of reset streams included
	goingAway bool
	evicted   bool      // it makes room for another connection, at once
	idleSince time.Time // since when no stream is open
	idleTimer *time.Timer
	idleArmed bool
	exchanges int
	workers   []*h2Worker // those that wait for a stream, latest last
}

// serveH2 answers the streams of a connection until it ends. What has been
// read of it already comes first.
func (c *serverConn) serveH2(read []byte) {
	c.state.CompareAndSwap(connIdle, connReading)
	src := io.Reader(c.conn)
	if len(read) > 0 {
		src = io.MultiReader(bytes.NewReader(read), c.conn)
	}
	h := &h2Server{h2Conn: newH2Conn(c.conn, c.under, src, &c.srv.limits), c: c}
	h.side = h
	h.writers = &c.srv.writers
	defer c.srv.multiplexed.Add(-1)
	if c.srv.multiplexed.Add(1) > c.srv.limits.wide() {
		h.connWindow, h.recvWindow = h2InitialWindow, h2InitialWindow
	}
	if !h.preface() {
		return
	}
	c.under.boundUnsent(h2Unsent)
	h.greet(
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(h.limits.StreamsPerConn)},
		http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1},
		http2.Setting{ID: http2.SettingNoRFC7540Priorities, Val: 1},
	)
	c.h2.Store(h)
	c.state.Store(connActive)
	if c.srv.stopping.Load() {
		h.goAway()
	}
	h.startIdling()
	h.ends(h.read())
}

// preface reads the client's preface (RFC 9113 §3.4).
func (h *h2Server) preface() bool {
	if d := h.limits.HeaderTimeout; d > 0 {
		h.under.readBy(time.Now().Add(d))
	}
	var got [len(http2Preface)]byte
	if _, err := io.ReadFull(h.in, got[:]); err != nil {
		return false
	}
	h.under.readBy(time.Time{})
	if string(got[:]) != http2Preface {
		h.refused(0, "no HTTP/2 preface")
		h.breakOff(&h2Broken{http2.ErrCodeProtocol, "no HTTP/2 preface"})
		return false
	}
	return true
}

func (h *h2Server) refused(status int, reason string) {
	h.c.srv.refused(BadRequest{Remote: h.c.info.Remote, Proto: HTTP2, Status: status, Reason: reason})
}

// ends ends the connection for the reason that reading it gave, and waits
// until the handlers have returned: their connection must not be forgotten
// before.
func (h *h2Server) ends(err error) {
	var b *h2Broken
	switch {
	case errors.As(err, &b):
		h.refused(0, b.Error())
		h.breakOff(b)
	case errors.Is(err, errInterrupted): // by leaveIfDone
		h.under.resume()
		h.mu.Lock()
		evicted := h.evicted
		h.mu.Unlock()
		if !evicted {
			linger(h.conn, h.under, make([]byte, h2InputSize))
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.die(fault.New(fault.ConnectionTerminated, "client left", err))
	if h.idleTimer != nil {
		h.idleTimer.Stop()
	}
	h.dismiss()
	for h.running > 0 {
		h.room.Wait()
	}
}

// headers opens a stream or ends one with trailers.
func (h *h2Server) headers(id uint32, endStream bool) error {
	h.mu.Lock()
	s := h.streams[id]
	if s != nil {
		defer h.mu.Unlock()
		return h.trailer(s)
	}
	if ok, err := h.mayOpen(id); !ok {
		h.mu.Unlock()
		return err
	}
	malformed, bad := h.block.checkRequest(h.c.srv.scheme)
	if malformed == "" && endStream && h.block.length > 0 {
		malformed = "no DATA with a Content-Length above 0"
	}
	if malformed == "" {
		h.open(id, bad)
	}
	h.mu.Unlock()
	switch {
	case malformed != "":
		h.refused(0, malformed)
		return resets(id, http2.ErrCodeProtocol, "malformed request: %s", malformed)
	case bad != nil:
		h.refused(bad.status, bad.reason)
	}
	return nil
}

// mayOpen judges HEADERS on a stream that is not open (RFC 9113 §5.1.1,
// §5.1.2).
func (h *h2Server) mayOpen(id uint32) (bool, error) {
	switch ours, known := h.closed.find(id); {
	case id%2 == 0:
		return false, broken(http2.ErrCodeProtocol, "HEADERS on stream %d, which is not the client's to open", id)
	case ours:
		return false, h.floods.control() // trailers that were under way
	case known:
		return false, broken(http2.ErrCodeStreamClosed, "HEADERS on stream %d, which is closed", id)
	case id <= h.lastPeer:
		return false, broken(http2.ErrCodeProtocol, "stream %d opened after stream %d", id, h.lastPeer)
	case h.goingAway: // which tells the client that we do not look (RFC 9113 §6.8)
		return false, h.floods.control()
	}
	h.lastPeer = id
	limit := h.limits.StreamsPerConn
	switch {
	case len(h.streams) >= limit && h.peer.acked:
		return false, resets(id, http2.ErrCodeProtocol, "more than %d streams", limit)
	case h.running >= streamsInNeed && h.c.srv.handlers.Load() >= int64(h.limits.Streams):
		return false, resets(id, http2.ErrCodeRefusedStream, "more than %d streams on all connections", h.limits.Streams)
	case len(h.streams) >= limit, h.running >= h2HandlersPerStream*limit:
		return false, resets(id, http2.ErrCodeRefusedStream, "more than %d streams", limit)
	}
	return true, nil
}

// h2HandlersPerStream bounds the handlers that run: those of streams that
// the client has reset go on until they notice, and a handler returns a
// little after its stream has ended. As many again as may be open will do for
// a client that works.
const h2HandlersPerStream = 2

// open starts the exchange of a new stream; bad is why the codec answers it
// and not the handler.
func (h *h2Server) open(id uint32, bad *refusal) {
	x, ok := h.c.srv.streams.Get().(*h2Exchange)
	if !ok {
		x = &h2Exchange{}
	}
	x.begin(h, id)
	x.bad = bad
	h.running++
	h.c.srv.handlers.Add(1)
	h.exchanges++
	h.hand(x)
}

// trailer ends a request with a trailer section (RFC 9113 §8.1).
func (h *h2Server) trailer(s *h2Stream) error {
	if s.remoteEnded {
		return resets(s.id, http2.ErrCodeStreamClosed, "HEADERS after END_STREAM")
	}
	if what := h.block.checkTrailers(); what != "" {
		return resets(s.id, http2.ErrCodeProtocol, "%s", what)
	}
	s.trailers = append(field.Fields(nil), h.block.fields...)
	return s.remoteEnd()
}

// goneAway needs no act: a client that opens no more streams closes the
// connection when it has what it wants.
func (h *h2Server) goneAway(*http2.GoAwayFrame) {}

func (h *h2Server) settled() {}

// goAway asks the client to open no more streams; the connection ends with
// the last of those that are open (RFC 9113 §6.8).
func (h *h2Server) goAway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave()
}

func (h *h2Server) leave() {
	if h.goingAway || h.err != nil {
		return
	}
	h.goingAway = true
	_ = h.fr.WriteGoAway(h.lastPeer, http2.ErrCodeNo, nil)
	h.kick()
	h.leaveIfDone()
}

// leaveIfDone makes the reading goroutine end when nothing is left to do.
func (h *h2Server) leaveIfDone() {
	if h.goingAway && len(h.streams) == 0 {
		go func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.flush()
			h.under.interrupt()
		}()
	}
}

// h2Linger is how long a connection without streams keeps its workers and
// buffers: clients ask in bursts.
const h2Linger = time.Second

// streamGone begins the idle time when no stream is left.
func (h *h2Server) streamGone() {
	if len(h.streams) > 0 || h.err != nil {
		return
	}
	h.leaveIfDone()
	h.turnedIdle()
	h.idleSince = time.Now()
	if !h.idleArmed && !h.goingAway {
		h.armIdle(h2Linger)
	}
}

// turnedIdle tells the server when nothing is under way: neither a stream nor
// a handler whose stream has ended.
func (h *h2Server) turnedIdle() {
	if h.running == 0 && len(h.streams) == 0 {
		h.c.srv.turnedIdle()
	}
}

func (h *h2Server) startIdling() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streamGone()
}

// armIdle sets the timer that ends an idle connection. It is left running
// when a stream is opened and finds out itself that it was too early.
func (h *h2Server) armIdle(d time.Duration) {
	h.idleArmed = true
	if h.idleTimer == nil {
		h.idleTimer = time.AfterFunc(d, h.idleCheck)
	} else {
		h.idleTimer.Reset(d)
	}
}

func (h *h2Server) idleCheck() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.idleArmed = false
	if len(h.streams) > 0 || h.err != nil {
		return
	}
	idle, limit := time.Since(h.idleSince), h.limits.IdleTimeout
	if idle < h2Linger {
		h.armIdle(h2Linger - idle)
		return
	}
	h.dismiss()
	h.shrink()
	switch {
	case limit == 0:
	case idle < limit:
		h.armIdle(limit - idle)
	default:
		h.leave()
	}
}

// leaveIfIdle makes room for another connection. That one counts from now on
// and this one no more, so it does not linger: GOAWAY goes out, or, to a
// client that does not read, does not within evictTime.
func (h *h2Server) leaveIfIdle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) > 0 || h.running > 0 {
		return false
	}
	h.evicted = true
	time.AfterFunc(evictTime, h.under.hangUp)
	h.leave()
	return true
}

// evictTime is how long a connection that was closed for another one may
// still take to write what waits.
const evictTime = 100 * time.Millisecond
