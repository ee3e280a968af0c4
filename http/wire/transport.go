package wire

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// transport is the connection under a codec (and under TLS), with the two
// kinds of deadline that the codec needs and few calls to set them.
//
// Setting a deadline costs about as much as parsing a small request, so one
// that is already armed and not later than needed is left alone: when it
// fires early, the rest of the time is armed and the wait goes on. A
// keep-alive connection thus sets one deadline per idle period, not two per
// request.
//
// One goroutine reads and one writes; interrupt may be called by any.
type transport struct {
	conn net.Conn
	// raw reads without a buffer in hand; nil where conn is no socket.
	raw   syscall.RawConn
	first rawRead

	need        time.Time // when a read must have ended; zero: never
	armed       time.Time // the read deadline that conn has; zero: none
	in          pace
	interrupted atomic.Bool
	// allowance is how many bytes may still be read; zero: any number.
	allowance int

	writeArmed time.Time
	out        pace
	// plain tells that the connection has been handed over: its new owner
	// alone sets deadlines.
	plain bool
	// final tells that a write that timed out cannot go on: TLS has then
	// sent half a record.
	final bool
	// vec is the vector being written; kept here so that it does not escape
	// to the heap at each write.
	vec    net.Buffers
	vecMem [2][]byte
}

// pace measures one direction against a rate. Only time spent waiting for
// the peer counts, so a slow handler is not held against it.
type pace struct {
	period time.Duration // zero: not measured
	rate   int           // bytes per second; zero: one byte in each period will do
	waited time.Duration // within this period
	bytes  int64         // within this period
}

// enough reports whether the period brought what the rate asks for, and
// begins the next one.
func (p *pace) enough() bool {
	ok := p.bytes > 0 && float64(p.bytes) >= float64(p.rate)*p.period.Seconds()
	p.waited, p.bytes = 0, 0
	return ok
}

// firstReader is who reads with readFirst: it lends a buffer and takes it
// back when there is nothing to read yet.
type firstReader interface {
	firstBuffer() []byte
	release()
}

// past is a deadline that has gone by in any time, virtual or real.
var past = time.Unix(1, 0)

// errInterrupted is what a read returns that was interrupted. It looks
// temporary so that crypto/tls lets the connection live.
var errInterrupted net.Error = interruptedError{}

type interruptedError struct{}

func (interruptedError) Error() string   { return "read interrupted" }
func (interruptedError) Timeout() bool   { return true }
func (interruptedError) Temporary() bool { return true }

// errTooMuch is what a read returns that went beyond the allowance.
var errTooMuch = errors.New("more bytes than are taken here")

func newTransport(c net.Conn, writeTimeout time.Duration) *transport {
	t := &transport{conn: c}
	t.out = pace{period: writeTimeout, rate: MinRate}
	_, t.final = c.(*tls.Conn)
	t.raw = rawConn(c)
	return t
}

func rawConn(c net.Conn) syscall.RawConn {
	if sc, ok := c.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// readBy makes reads end at t at the latest; the zero time means never.
func (t *transport) readBy(at time.Time) {
	t.need = at
	t.in.period = 0
}

// readAtPace makes reads bring rate bytes per second, and one byte at least,
// judged once in each period of waiting; a zero period means that they may
// take forever.
func (t *transport) readAtPace(period time.Duration, rate int) {
	t.need = time.Time{}
	t.in = pace{period: period, rate: rate}
}

// Read reads under the deadline that was set by readBy or readAtPace.
func (t *transport) Read(p []byte) (int, error) {
	if t.plain {
		return t.conn.Read(p)
	}
	start := t.beginRead()
	for {
		n, err := t.conn.Read(p)
		if n > 0 || err == nil || !isTimeout(err) {
			t.endRead(start, n)
			if t.allowance > 0 {
				if t.allowance -= n; t.allowance <= 0 {
					t.allowance = 1 // and so it stays
					return 0, errTooMuch
				}
			}
			return n, err
		}
		if err := t.readTimeout(&start); err != nil {
			return 0, err
		}
	}
}

func (t *transport) beginRead() (start time.Time) {
	need := t.need
	if t.in.period > 0 {
		start = time.Now()
		need = start.Add(t.in.period - t.in.waited)
	}
	if !need.IsZero() && (t.armed.IsZero() || t.armed.After(need)) {
		t.armRead(need)
	}
	return start
}

func (t *transport) endRead(start time.Time, n int) {
	if t.in.period > 0 {
		t.in.waited += time.Since(start)
		t.in.bytes += int64(n)
	}
}

// readTimeout decides what a fired deadline means: nil to go on waiting.
func (t *transport) readTimeout(start *time.Time) error {
	if t.interrupted.Load() {
		return errInterrupted
	}
	now := time.Now()
	if t.in.period > 0 {
		t.in.waited += now.Sub(*start)
		*start = now
		if t.in.waited >= t.in.period && !t.in.enough() {
			return os.ErrDeadlineExceeded
		}
		t.armRead(now.Add(t.in.period - t.in.waited))
		return nil
	}
	if !t.need.IsZero() && !now.Before(t.need) {
		return os.ErrDeadlineExceeded
	}
	t.armRead(t.need)
	return nil
}

func (t *transport) armRead(at time.Time) {
	t.armed = at
	_ = t.conn.SetReadDeadline(at) // fails only on a closed connection, as the read will
	if t.interrupted.Load() {
		_ = t.conn.SetReadDeadline(past) // interrupt came in between
	}
}

// disarm lifts the read deadline of a connection that nobody reads.
func (t *transport) disarm() {
	t.readBy(time.Time{})
	t.armRead(time.Time{})
}

// interrupt makes the read under way, and those that follow, return
// errInterrupted. Once the reading goroutine has stopped, resume undoes it.
func (t *transport) interrupt() {
	t.interrupted.Store(true)
	_ = t.conn.SetReadDeadline(past)
}

func (t *transport) resume() {
	t.armed = past
	t.interrupted.Store(false)
}

// Write writes all of p; the peer must take MinRate bytes per second, judged
// once in each period of waiting.
func (t *transport) Write(p []byte) (int, error) {
	if t.plain || t.out.period == 0 {
		return t.conn.Write(p)
	}
	if t.final {
		return t.writeRecords(p)
	}
	start, total := t.beginWrite(), 0
	for {
		n, err := t.conn.Write(p[total:])
		total += n
		if err == nil || !isTimeout(err) {
			t.out.waited += time.Since(start)
			t.out.bytes += int64(n)
			return total, err
		}
		if !t.goOnWriting(&start, n) {
			return total, err
		}
	}
}

// writeRecords writes p in pieces that each have the whole period.
func (t *transport) writeRecords(p []byte) (total int, err error) {
	for len(p) > 0 && err == nil {
		var n int
		t.armWrite(time.Now().Add(t.out.period))
		n, err = t.conn.Write(p[:min(len(p), outRecord)])
		total += n
		p = p[n:]
	}
	return total, err
}

// writeVector writes a and then b, in one system call where conn can.
func (t *transport) writeVector(a, b []byte) error {
	if t.final {
		_, err := t.Write(a)
		if err == nil {
			_, err = t.Write(b)
		}
		return err
	}
	t.vecMem = [2][]byte{a, b}
	t.vec = t.vecMem[:]
	defer func() { t.vecMem, t.vec = [2][]byte{}, nil }()
	if t.out.period == 0 {
		_, err := t.vec.WriteTo(t.conn)
		return err
	}
	start := t.beginWrite()
	for {
		n, err := t.vec.WriteTo(t.conn)
		if err == nil || !isTimeout(err) {
			t.out.waited += time.Since(start)
			t.out.bytes += n
			return err
		}
		if !t.goOnWriting(&start, int(n)) {
			return err
		}
	}
}

func (t *transport) beginWrite() time.Time {
	start := time.Now()
	need := start.Add(t.out.period - t.out.waited)
	if t.writeArmed.IsZero() || t.writeArmed.After(need) {
		t.armWrite(need)
	}
	return start
}

// goOnWriting decides what a fired write deadline means.
func (t *transport) goOnWriting(start *time.Time, n int) bool {
	now := time.Now()
	t.out.waited += now.Sub(*start)
	t.out.bytes += int64(n)
	*start = now
	if t.out.waited >= t.out.period && !t.out.enough() {
		return false
	}
	t.armWrite(now.Add(t.out.period - t.out.waited))
	return true
}

func (t *transport) armWrite(at time.Time) {
	t.writeArmed = at
	_ = t.conn.SetWriteDeadline(at)
}

// handOver ends our watch over the connection: from here on reads, writes
// and deadlines go straight to it.
func (t *transport) handOver() {
	t.plain = true
	_ = t.conn.SetDeadline(time.Time{})
}

// The deadlines are set by the owner of a connection that has been handed
// over, and by crypto/tls when it says goodbye.
func (t *transport) SetReadDeadline(at time.Time) error  { return t.conn.SetReadDeadline(at) }
func (t *transport) SetWriteDeadline(at time.Time) error { return t.conn.SetWriteDeadline(at) }
func (t *transport) SetDeadline(at time.Time) error      { return t.conn.SetDeadline(at) }

// CloseWrite ends the sending side where conn can, so that what was written
// arrives although the peer's bytes are not read.
func (t *transport) CloseWrite() error {
	if c, ok := t.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// hangUp is Close for those who have no one to tell of its error.
func (t *transport) hangUp() { _ = t.conn.Close() }

func (t *transport) Close() error         { return t.conn.Close() }
func (t *transport) LocalAddr() net.Addr  { return t.conn.LocalAddr() }
func (t *transport) RemoteAddr() net.Addr { return t.conn.RemoteAddr() }

// NetConn is the connection underneath, for link.InfoOf.
func (t *transport) NetConn() net.Conn { return t.conn }

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded)
}
