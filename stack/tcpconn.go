package stack

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"waypost/link"
	"waypost/tcp"
)

// TCPConn is one end of a TCP connection: a net.Conn with half-close. It is
// safe for concurrent use; writes do not mix.
type TCPConn struct {
	host          *Host
	local, remote netip.AddrPort
	key           flowKey
	number        uint64   // the order in which the host's connections were made
	account       *account // nil: not recorded

	// Under the host's lock.
	conn           *tcp.Conn
	way            path
	listener       *TCPListener // that has not handed it out yet
	timer          timer        // of conn
	readTimer      timer
	writeTimer     timer
	readers        sync.Cond
	writers        sync.Cond // Dial waits here too
	waitingReaders int
	waitingWriters int
	writing        bool // a Write is under way, others wait for its end
	readLate       bool // the deadline has passed
	writeLate      bool
	closed         bool // by its user
	told           bool // a Write has returned why the connection broke
	reset          bool // Close is to send a RST
	lostWay        bool // no route leads to the peer
	yielding       bool // it is among the host's yielding
	timeWait       bool // it is among the host's timeWaits
	gone           bool // the host has forgotten it
}

var _ net.Conn = (*TCPConn)(nil)

func (h *Host) newTCPConn(local, remote netip.AddrPort, way path) *TCPConn {
	h.opened++
	c := &TCPConn{host: h, local: local, remote: remote, key: keyOf(local, remote), number: h.opened, way: way}
	c.readers.L, c.writers.L = &h.mu, &h.mu
	c.timer.owner = c
	c.readTimer.owner, c.readTimer.kind = c, readTimer
	c.writeTimer.owner, c.writeTimer.kind = c, writeTimer
	return c
}

// wake wakes who waits for what the connection now offers.
func (c *TCPConn) wake() {
	if c.waitingReaders > 0 && c.conn.Readable() {
		c.readers.Broadcast()
	}
	if c.waitingWriters > 0 && (c.conn.Writable() || c.conn.Err() != nil) {
		c.writers.Broadcast()
	}
	if l := c.listener; l != nil && l.tcp.Ready() {
		l.waiting.Signal()
	}
}

// connError is an error of package tcp as the operating system has it.
func connError(call string, err error) error {
	switch {
	case errors.Is(err, tcp.ErrReset):
		err = syscall.ECONNRESET
	case errors.Is(err, tcp.ErrRefused):
		err = syscall.ECONNREFUSED
	case errors.Is(err, tcp.ErrTimeout):
		err = syscall.ETIMEDOUT
	case errors.Is(err, tcp.ErrClosed):
		return net.ErrClosed
	}
	return sysError(call, err)
}

func (c *TCPConn) fail(op string, err error) error {
	return opError(op, "tcp", c.LocalAddr(), c.RemoteAddr(), err)
}

// LocalAddr is our end of the connection.
func (c *TCPConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr is the peer's end.
func (c *TCPConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// Read reads what has arrived in order, at least one byte, and waits for it.
// After the peer's FIN it returns io.EOF.
func (c *TCPConn) Read(b []byte) (int, error) {
	h := c.host
	h.lock()
	defer h.unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case c.readLate:
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		}
		n, err := c.conn.Read(h.time, b)
		switch {
		case n > 0:
			h.pump(c) // the window may have opened
			return n, nil
		case errors.Is(err, io.EOF):
			return 0, io.EOF
		case err != nil:
			c.told = true
			return 0, c.fail("read", connError("read", err))
		}
		c.waitingReaders++
		h.wait(&c.readers)
		c.waitingReaders--
	}
}

// Write sends b. It returns when all of it is in the send buffer, or fails:
// syscall.ECONNRESET once after the peer's RST and EPIPE from then on, EPIPE
// after CloseWrite.
func (c *TCPConn) Write(b []byte) (int, error) {
	h := c.host
	h.lock()
	defer h.unlock()
	for c.writing && !c.closed && !c.writeLate {
		c.waitWrite()
	}
	mine := !c.writing // a deadline may have ended the wait for our turn
	if mine {
		c.writing = true
		defer c.turn()
	}
	sent := 0
	for {
		switch {
		case c.closed:
			return sent, c.fail("write", net.ErrClosed)
		case c.writeLate:
			return sent, c.fail("write", os.ErrDeadlineExceeded)
		}
		n, err := c.conn.Write(h.time, b[sent:])
		if sent += n; n > 0 {
			h.pump(c)
		}
		if err != nil {
			return sent, c.fail("write", c.writeError(err))
		}
		if sent == len(b) {
			return sent, nil
		}
		c.waitWrite()
	}
}

func (c *TCPConn) waitWrite() {
	c.waitingWriters++
	c.host.wait(&c.writers)
	c.waitingWriters--
}

// turn ends a Write: the next may begin.
func (c *TCPConn) turn() {
	c.writing = false
	if c.waitingWriters > 0 {
		c.writers.Broadcast()
	}
}

// writeError is what a Write returns for err of package tcp: the reason of
// the break once, as errno stands for it, then EPIPE.
func (c *TCPConn) writeError(err error) error {
	if c.told || c.conn.Err() == nil { // CloseWrite
		return sysError("write", syscall.EPIPE)
	}
	c.told = true
	return connError("write", err)
}

// CloseWrite sends FIN behind what was written. Reading goes on.
func (c *TCPConn) CloseWrite() error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	if err := c.conn.CloseWrite(h.time); err != nil {
		return c.fail("close", connError("shutdown", err))
	}
	h.pump(c)
	c.writers.Broadcast()
	return nil
}

// Close ends the connection. What was written drains in the background; what
// was not read makes the peer hear a RST (RFC 2525 §2.17).
func (c *TCPConn) Close() error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	h.unset(&c.readTimer)
	h.unset(&c.writeTimer)
	if c.reset {
		c.conn.Abort(h.time)
	} else {
		c.conn.Close(h.time)
	}
	h.pump(c)
	c.readers.Broadcast()
	c.writers.Broadcast()
	return nil
}

// SetDeadline sets both deadlines; the zero time unsets them.
func (c *TCPConn) SetDeadline(t time.Time) error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	c.setReadDeadline(t)
	c.setWriteDeadline(t)
	return nil
}

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on,
// those that wait too.
func (c *TCPConn) SetReadDeadline(t time.Time) error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	c.setReadDeadline(t)
	return nil
}

// SetWriteDeadline is SetReadDeadline for writes.
func (c *TCPConn) SetWriteDeadline(t time.Time) error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	c.setWriteDeadline(t)
	return nil
}

func (c *TCPConn) setReadDeadline(t time.Time) {
	if c.readLate = c.host.deadline(&c.readTimer, t); c.readLate {
		c.readers.Broadcast()
	}
}

func (c *TCPConn) setWriteDeadline(t time.Time) {
	if c.writeLate = c.host.deadline(&c.writeTimer, t); c.writeLate {
		c.writers.Broadcast()
	}
}

// SetLinger with 0 makes Close reset the connection and drop what was not
// sent. Any other value is the default: Close returns at once and what was
// written drains.
func (c *TCPConn) SetLinger(seconds int) error {
	h := c.host
	h.lock()
	defer h.unlock()
	c.reset = seconds == 0
	return nil
}

// SetNoDelay with false turns Nagle's algorithm on: a small segment waits
// until the one before is acknowledged (RFC 9293 §3.7.4). At first it is off,
// as in package net.
func (c *TCPConn) SetNoDelay(on bool) error {
	h := c.host
	h.lock()
	defer h.unlock()
	c.conn.SetNoDelay(h.time, on)
	h.pump(c)
	return nil
}

// The keepalive of package net, for fields that are 0.
const (
	netKeepAlive      = 15 * time.Second
	netKeepAliveCount = 9
)

// SetKeepAliveConfig sets the keepalive as net.TCPConn does: a field of 0
// means 15 s, 15 s and 9 probes; negative ones stay what they are by default.
func (c *TCPConn) SetKeepAliveConfig(k net.KeepAliveConfig) error {
	var own tcp.Keepalive
	if k.Enable {
		own = tcp.Keepalive{
			Idle:     keepAliveField(k.Idle, netKeepAlive, tcp.DefaultKeepalive.Idle),
			Interval: keepAliveField(k.Interval, netKeepAlive, tcp.DefaultKeepalive.Interval),
			Probes:   keepAliveField(k.Count, netKeepAliveCount, tcp.DefaultKeepalive.Probes),
		}
	}
	return c.setKeepalive(own)
}

func keepAliveField[T int | time.Duration](v, zero, negative T) T {
	switch {
	case v == 0:
		return zero
	case v < 0:
		return negative
	}
	return v
}

// SetKeepAlive turns keepalive probes on, after two hours of silence and then
// every 75 s (tcp.DefaultKeepalive), or off.
func (c *TCPConn) SetKeepAlive(on bool) error {
	var own tcp.Keepalive
	if on {
		own = tcp.DefaultKeepalive
	}
	return c.setKeepalive(own)
}

// SetKeepAlivePeriod sets the silence before the first probe and between
// probes.
func (c *TCPConn) SetKeepAlivePeriod(d time.Duration) error {
	return c.setKeepalive(tcp.Keepalive{Idle: d, Interval: d, Probes: tcp.DefaultKeepalive.Probes})
}

func (c *TCPConn) setKeepalive(k tcp.Keepalive) error {
	h := c.host
	h.lock()
	defer h.unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	c.conn.SetKeepalive(h.time, k)
	h.pump(c)
	return nil
}

// SetUserTimeout ends the connection when data have not been acknowledged for
// so long (RFC 5482); 0 leaves that to the number of retransmissions.
func (c *TCPConn) SetUserTimeout(d time.Duration) error {
	h := c.host
	h.lock()
	defer h.unlock()
	c.conn.SetUserTimeout(h.time, d)
	h.pump(c)
	return nil
}

// TCPInfo is what the connection knows about itself. It can be asked after
// its end too.
func (c *TCPConn) TCPInfo() (link.TCPInfo, bool) {
	i := c.Info()
	info := link.TCPInfo{
		State: i.State.String(), RTT: i.SRTT, RTTVar: i.RTTVar, MSS: i.MSS,
		Retransmits: i.Retransmits, BytesAcked: i.BytesAcked, BytesRecv: i.BytesReceived,
	}
	if i.MSS > 0 {
		info.Cwnd, info.Ssthresh = i.Cwnd/i.MSS, i.Ssthresh/i.MSS
	}
	for _, o := range []struct {
		on   bool
		name string
	}{{i.Timestamps, "timestamps"}, {i.SACK, "sack"}, {i.WindowScale, "wscale"}} {
		if o.on {
			info.Options = append(info.Options, o.name)
		}
	}
	return info, true
}

// Info is TCPInfo in the words of package tcp.
func (c *TCPConn) Info() tcp.Info {
	c.host.lock()
	defer c.host.unlock()
	return c.conn.Info()
}
