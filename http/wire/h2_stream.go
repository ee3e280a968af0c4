package wire

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"waypost/fault"
	"waypost/http/field"
)

// h2Stream is what both ends of a stream have in common. The connection's
// mutex guards it, and its methods are called with the mutex held.
type h2Stream struct {
	c     *h2Conn
	id    uint32
	cond  sync.Cond // anything below has changed; its L is the connection's mutex
	owner h2Owner

	localEnded  bool  // we have sent END_STREAM
	remoteEnded bool  // the peer has
	err         error // why the stream is dead before its end

	sendWindow int64
	out        pace // waiting for the peer's window
	rank       h2Rank
	sent       bool  // DATA, since it last had to wait
	judgedAt   int64 // the connection's dataBytes when out was last judged

	recv       []byte // DATA that has come
	recvFrom   int    // and has been read up to here
	recvWindow int64  // bytes that the peer may still send
	unreturned int64  // bytes that have been read, but not granted again
	in         pace   // waiting for DATA
	announced  int64  // Content-Length; -1 when there is none
	received   int64
	short      error // why the body is not whole though the peer has ended it
	trailers   field.Fields

	timer   *time.Timer // wakes a wait whose pace has run out
	waiters int
}

// h2Owner is who a stream belongs to.
type h2Owner interface {
	ended(err error) // the stream is dead; called with the mutex held
	answered() bool  // a response to what the peer sends has begun; with the mutex held
}

// h2RecvKeep is the largest receive buffer that is kept for another stream.
const h2RecvKeep = 16 << 10

// begin readies a stream, new or used again.
func (s *h2Stream) begin(c *h2Conn, id uint32, owner h2Owner) {
	recv := s.recv[:0]
	if cap(recv) > h2RecvKeep {
		recv = nil
	}
	*s = h2Stream{
		c: c, id: id, owner: owner, recv: recv,
		sendWindow: c.peer.initialWindow, recvWindow: c.streamWindow(), announced: -1,
		out: pace{period: c.limits.WriteTimeout, rate: MinRate}, rank: fairly, judgedAt: c.dataBytes,
	}
	s.cond.L = &c.mu
	c.streams[id] = s
}

// reusable reports whether nobody refers to a stream that is over: not a
// timer that may just have fired, nor a goroutine that has yet to wake.
func (s *h2Stream) reusable() bool {
	return s.timer == nil && s.waiters == 0 && s.c.streams[s.id] != s
}

// end makes the stream dead: readers and writers return err.
func (s *h2Stream) end(err error) {
	if s.err == nil {
		s.err = err
		s.owner.ended(err)
	}
	s.cond.Broadcast()
}

// abandon resets the stream from our side.
func (s *h2Stream) abandon(code http2.ErrCode, err error) {
	c := s.c
	if c.streams[s.id] != s {
		return
	}
	delete(c.streams, s.id)
	c.sendReset(s.id, code)
	s.end(err)
	c.side.streamGone()
	c.kick()
}

// closeIfDone forgets a stream that both sides have ended.
func (s *h2Stream) closeIfDone() {
	c := s.c
	if s.localEnded && s.remoteEnded && c.streams[s.id] == s {
		delete(c.streams, s.id)
		c.closed.add(s.id, false)
		c.side.streamGone()
	}
}

// data takes a DATA frame (RFC 9113 §6.1). The whole of it counts against
// the windows, padding included (§6.9.1).
func (c *h2Conn) data(f *http2.DataFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.kick()
	size := int64(f.Length)
	if c.recvWindow -= size; c.recvWindow < 0 {
		return broken(http2.ErrCodeFlowControl, "DATA beyond the connection's window")
	}
	s := c.streams[f.StreamID]
	if s == nil || s.remoteEnded {
		c.consumed(size)
		return c.strayData(f.StreamID, s)
	}
	if s.recvWindow -= size; s.recvWindow < 0 {
		c.consumed(size)
		return resets(f.StreamID, http2.ErrCodeFlowControl, "DATA beyond the window")
	}
	p := f.Data()
	if s.announced >= 0 && s.received+int64(len(p)) > s.announced {
		// Nobody is to read of it before the stream has ended.
		c.consumed(size)
		return resets(f.StreamID, http2.ErrCodeProtocol, "more DATA than the Content-Length of %d", s.announced)
	}
	s.store(p)
	s.consumed(size - int64(len(p)))
	if f.StreamEnded() {
		return s.remoteEnd()
	}
	if len(p) == 0 {
		return c.floods.control()
	}
	s.cond.Broadcast()
	return nil
}

// store keeps p until it is read.
func (s *h2Stream) store(p []byte) {
	if s.recvFrom > 0 && len(s.recv)+len(p) > cap(s.recv) {
		s.recv = s.recv[:copy(s.recv, s.recv[s.recvFrom:])]
		s.recvFrom = 0
	}
	s.recv = append(s.recv, p...)
	s.received += int64(len(p))
}

// discard returns to the connection's window what nobody will read. Whoever
// owns a stream reads it to its end or discards the rest.
func (s *h2Stream) discard() {
	s.c.consumed(int64(len(s.recv) - s.recvFrom))
	s.recv, s.recvFrom = s.recv[:0], 0
}

// strayData judges DATA on a stream that takes none.
func (c *h2Conn) strayData(id uint32, s *h2Stream) error {
	if s != nil {
		return resets(id, http2.ErrCodeStreamClosed, "DATA after END_STREAM")
	}
	if c.idle(id) {
		return broken(http2.ErrCodeProtocol, "DATA on stream %d, which is idle", id)
	}
	if ours, _ := c.closed.find(id); ours {
		return c.floods.control() // it was under way
	}
	return resets(id, http2.ErrCodeStreamClosed, "DATA on a closed stream")
}

// remoteEnd acts on END_STREAM.
func (s *h2Stream) remoteEnd() error {
	if s.announced >= 0 && s.received != s.announced {
		err := resets(s.id, http2.ErrCodeProtocol, "%d bytes of DATA, Content-Length %d", s.received, s.announced)
		if !s.owner.answered() {
			return err
		}
		// Who has seen an early answer may stop sending, and some clients
		// (curl 7.88) do it so: a reset would take the rest of the answer
		// from them. The body's reader is told.
		s.short = fault.New(fault.HTTPProtocolError, "read stream", err)
	}
	s.remoteEnded = true
	s.cond.Broadcast()
	s.closeIfDone()
	return nil
}

// read reads what has come, or waits for it.
func (s *h2Stream) read(p []byte) (int, error) {
	for {
		switch {
		case s.recvFrom < len(s.recv):
			n := copy(p, s.recv[s.recvFrom:])
			if s.recvFrom += n; s.recvFrom == len(s.recv) {
				s.recv, s.recvFrom = s.recv[:0], 0
			}
			s.in.bytes += int64(n)
			s.consumed(int64(n))
			s.c.kick()
			return n, nil
		case s.remoteEnded && s.short != nil:
			return 0, s.short
		case s.remoteEnded:
			return 0, io.EOF // also when a reset followed: all is there (RFC 9113 §8.1)
		case s.err != nil:
			return 0, s.err
		case len(p) == 0:
			return 0, nil
		}
		s.c.kick() // the peer may wait for what we have not sent yet
		if err := s.wait(&s.in); err != nil {
			err = fault.New(fault.ConnectionReadTimeout, "read stream", err)
			s.abandon(http2.ErrCodeCancel, err)
			return 0, err
		}
	}
}

// write sends p, and END_STREAM behind it with end, as the windows and the
// other streams' priorities allow. It returns when all of p waits to be
// written to the connection.
func (s *h2Stream) write(p []byte, end bool) (total int, err error) {
	c := s.c
	for {
		switch {
		case s.err != nil:
			s.unpress()
			return total, s.err
		case len(p) == 0 && !end:
			s.unpress()
			return total, nil
		}
		n := min(int64(len(p)), s.sendWindow, c.sendWindow, int64(c.peer.maxFrame))
		if n <= 0 && len(p) > 0 {
			if err := s.waitForWindow(); err != nil {
				s.unpress()
				return total, err
			}
			continue
		}
		if len(p) > 0 && (c.full() || c.outranked(s)) { // an END_STREAM alone is short enough to go at once
			s.waitForTurn()
			continue
		}
		last := end && int(n) == len(p)
		c.appendData(s.id, p[:n], last)
		c.dataSent.frame(int(n), int(n) < len(p))
		s.sendWindow -= n
		c.sendWindow -= n
		c.dataBytes += n
		s.out.bytes += n
		s.sent = true
		p, total = p[n:], total+int(n)
		if last {
			s.localEnded = true
			s.closeIfDone()
			s.unpress()
			c.kick()
			return total, nil
		}
	}
}

// waitForWindow waits for the peer to grant more, within the pace of a reader.
func (s *h2Stream) waitForWindow() error {
	s.c.kick()
	s.press()
	s.c.nextTurn() // the others' own pace begins, or they have a window
	if err := s.wait(&s.out); err != nil {
		err = fault.New(fault.ConnectionWriteTimeout, "write stream", err)
		s.abandon(http2.ErrCodeCancel, err)
		return err
	}
	return nil
}

// appendData appends a DATA frame. The framer would copy the data twice.
func (c *h2Conn) appendData(id uint32, p []byte, end bool) {
	flags := byte(0)
	if end {
		flags = byte(http2.FlagDataEndStream)
	}
	n := len(p)
	c.out = append(c.out, byte(n>>16), byte(n>>8), byte(n), byte(http2.FrameData), flags,
		byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
	c.out = append(c.out, p...)
}

// pause waits until something has changed.
func (s *h2Stream) pause() {
	s.waiters++
	s.cond.Wait()
	s.waiters--
}

// wait is pause within the pace; its error means that the peer has been too
// slow.
func (s *h2Stream) wait(p *pace) error {
	if p.period == 0 {
		s.pause()
		return nil
	}
	start := time.Now()
	if s.timer == nil {
		s.timer = time.AfterFunc(p.period-p.waited, func() {
			s.c.mu.Lock()
			defer s.c.mu.Unlock()
			s.cond.Broadcast()
		})
	} else {
		s.timer.Reset(p.period - p.waited)
	}
	s.pause()
	s.timer.Stop()
	p.waited += time.Since(start)
	if p.waited >= p.period && !s.enough(p) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// enough judges a pace. While the stream's own window is open it waits for the
// connection's, which others may have used up by right: then what counts is
// what went out on all streams.
func (s *h2Stream) enough(p *pace) bool {
	if p == &s.out {
		if s.sendWindow > 0 {
			p.bytes = s.c.dataBytes - s.judgedAt
		}
		s.judgedAt = s.c.dataBytes
	}
	return p.enough()
}

// consumed grants n bytes to the peer again, on the stream and on the
// connection, when they have added up to half a window.
func (s *h2Stream) consumed(n int64) {
	s.c.consumed(n)
	if s.unreturned += n; s.unreturned >= s.c.streamWindow()/2 && !s.remoteEnded && s.err == nil {
		_ = s.c.fr.WriteWindowUpdate(s.id, uint32(s.unreturned))
		s.recvWindow += s.unreturned
		s.unreturned = 0
	}
}

func (c *h2Conn) consumed(n int64) {
	if c.unreturned += n; c.unreturned >= c.connWindow/2 && c.err == nil {
		_ = c.fr.WriteWindowUpdate(0, uint32(c.unreturned))
		c.recvWindow += c.unreturned
		c.unreturned = 0
	}
}
