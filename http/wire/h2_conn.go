package wire

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"waypost/fault"
)

// h2Conn is what both ends of an HTTP/2 connection have in common.
//
// One goroutine reads frames and acts on them; streams are read and written
// by their own goroutines. The mutex guards everything that they share:
// streams, windows, the header encoder and the frames to be sent. Nobody
// waits for the network while holding it: a frame is appended to out, and a
// writer goroutine that exists only while there is something to write takes
// all of out at once. So the frames of many streams leave in one write.
type h2Conn struct {
	limits *Limits
	conn   net.Conn // under, or TLS over it
	under  *transport
	in     *bufio.Reader
	fr     *http2.Framer // reads from in, writes to out under mu
	block  fieldBlock    // the header block being read
	side   h2Side
	floods h2Floods

	mu      sync.Mutex
	out     []byte
	spare   []byte    // what out was before, to be used again
	writing bool      // a writer goroutine exists
	taken   int       // batches that out has been taken for
	written int       // and those of them that have been written
	room    sync.Cond // out has been taken, or the connection died
	enc     *hpack.Encoder
	encoded bytes.Buffer // the header block being encoded
	digits  [20]byte     // a number being encoded
	// owned are copies of what the encoder's table may keep, of ownedBytes.
	owned      map[string]string
	ownedBytes int

	streams  map[uint32]*h2Stream
	pressing []*h2Stream // see h2_priority.go
	turns    uint64      // counts what h2Stream.turn is taken from
	woken    []*h2Stream // see waiting
	closed   closedStreams
	lastPeer uint32 // the highest stream that the peer has opened
	nextOurs uint32 // the next stream that we open; 0 on a server
	err      error  // why the connection is dead

	sendWindow int64 // bytes of DATA that the peer takes on the connection
	dataBytes  int64 // bytes of DATA that have been sent on it
	connWindow int64 // what we grant on the connection
	recvWindow int64 // bytes that it may still send us
	unreturned int64 // bytes that have been used up, but not granted again
	peer       h2Settings
	dataSent   h2Sent

	// writers counts the connections of a server on which a write is under
	// way; nil on a client, which has few.
	writers *atomic.Int64
}

// h2Side is one end of a connection: what differs between server and client.
// Its methods are called by the reading goroutine without the mutex, except
// streamGone, which is called with it.
type h2Side interface {
	// headers acts on a complete header block, read into block.
	headers(id uint32, endStream bool) error
	goneAway(f *http2.GoAwayFrame)
	settled()    // the peer's settings have changed
	streamGone() // a stream is not open any more
}

// h2Settings are the peer's settings that matter (RFC 9113 §6.5.2).
type h2Settings struct {
	initialWindow int64
	maxFrame      int
	maxStreams    uint32
	acked         bool // it has acknowledged ours
	said          bool // its SETTINGS have come
	connects      bool // SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441)
}

const (
	// h2InputSize is the read buffer of a connection. Longer DATA frames
	// pass it by.
	h2InputSize = 4 << 10
	// h2OutHigh is how much may wait to be written before streams have to
	// wait. It is what one write may carry.
	h2OutHigh = 128 << 10
	// h2OutTotal is what the connections of a server on which a write is under
	// way have for it together, and h2OutLow the least that each has. A write
	// takes no time where the client reads, so they are few, and each has
	// h2OutHigh; where thousands of clients do not read, they share.
	h2OutTotal = 128 << 20
	h2OutLow   = h2MaxFrame
	// h2Unsent is how much the system takes to be sent before it is: what is
	// more urgent stands behind that. It lets a connection have one write
	// under way and the next at hand.
	h2Unsent = 2 * h2OutHigh
	// h2OutMax bounds out absolutely: frames that cannot wait, such as
	// acknowledgements, are appended above h2OutHigh, but a peer that makes
	// us write so many and reads none of them is cut off.
	h2OutMax = h2OutHigh + 64<<10
	// h2MaxFrame is the largest frame that we take or send, the protocol's
	// default (SETTINGS_MAX_FRAME_SIZE): a larger one would let one stream
	// keep the others waiting.
	h2MaxFrame = 16 << 10
	// h2TableSize is the size of the header tables, the protocol's default.
	h2TableSize = 4 << 10
	// h2InitialWindow is the window that the protocol begins with, and the
	// least that we grant.
	h2InitialWindow = 65535
	// h2MaxWindow is the most that a window may grow to (RFC 9113 §6.9.1).
	h2MaxWindow = 1<<31 - 1
	// h2StreamsUnsaid is how many streams a client opens before the server
	// has said how many it takes (RFC 9113 §6.5.2: no fewer than 100).
	h2StreamsUnsaid = 100
)

func newH2Conn(conn net.Conn, under *transport, src io.Reader, limits *Limits) *h2Conn {
	connWindow := int64(max(limits.ConnWindow, h2InitialWindow))
	c := &h2Conn{
		limits: limits, conn: conn, under: under,
		in:         bufio.NewReaderSize(src, h2InputSize),
		streams:    map[uint32]*h2Stream{},
		sendWindow: h2InitialWindow,
		connWindow: connWindow,
		recvWindow: connWindow,
		peer:       h2Settings{initialWindow: h2InitialWindow, maxFrame: h2MaxFrame, maxStreams: h2StreamsUnsaid},
	}
	c.room.L = &c.mu
	c.fr = http2.NewFramer((*h2Out)(c), c.in)
	c.fr.SetReuseFrames()
	c.fr.SetMaxReadFrameSize(h2MaxFrame)
	c.enc = hpack.NewEncoder(&c.encoded)
	c.block.init(limits)
	return c
}

// h2Out is where the framer's frames go: behind those that wait.
type h2Out h2Conn

func (o *h2Out) Write(p []byte) (int, error) {
	o.out = append(o.out, p...)
	return len(p), nil
}

// greet sends our settings and opens the connection's window.
func (c *h2Conn) greet(settings ...http2.Setting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.fr.WriteSettings(append(settings,
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(c.streamWindow())},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: uint32(c.limits.HeaderBytes)},
	)...)
	if more := c.recvWindow - h2InitialWindow; more > 0 {
		_ = c.fr.WriteWindowUpdate(0, uint32(more))
	}
	c.kick()
}

// streamWindow is the window that we grant to a stream.
func (c *h2Conn) streamWindow() int64 {
	return int64(max(c.limits.StreamWindow, h2InitialWindow))
}

// kick sees to it that out is written. It is called with the mutex held.
func (c *h2Conn) kick() {
	if !c.writing && len(c.out) > 0 && c.err == nil {
		c.writing = true
		if c.writers != nil {
			c.writers.Add(1)
		}
		// The goroutine begun last is the next to run. The second one takes
		// that place, so that the writer runs behind those that are ready and
		// may have more to append. runtime.Gosched would do it too, but where
		// its queue stands among the others is up to chance, and with it what
		// goes into one TLS record.
		go c.write()
		go nothing()
	}
}

func nothing() {}

// full reports whether so much waits to be written that streams have to wait.
func (c *h2Conn) full() bool {
	if c.writers == nil || len(c.out) < h2OutLow {
		return len(c.out) >= h2OutHigh
	}
	return len(c.out) >= int(min(h2OutTotal/max(c.writers.Load(), 1), h2OutHigh))
}

// write writes what is in out until nothing is left.
func (c *h2Conn) write() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > 0 && c.err == nil {
		batch := c.out
		c.out, c.spare = c.spare[:0], nil
		c.taken++
		c.nextTurn()
		c.room.Broadcast()
		c.mu.Unlock()
		_, err := c.conn.Write(batch)
		c.mu.Lock()
		c.spare = batch[:0]
		c.written++
		c.room.Broadcast()
		if err != nil {
			c.die(writeFault(err))
		}
	}
	c.writing = false
	if c.writers != nil {
		c.writers.Add(-1)
	}
	if cap(c.spare) > h2OutMax {
		c.spare = nil
	}
	c.room.Broadcast()
}

// sent waits until what is in out now has been written, or the connection has
// died, however much others append. It is called with the mutex held, and
// lets go of it meanwhile.
func (c *h2Conn) sent() {
	mine := c.taken
	if len(c.out) > 0 {
		mine++
	}
	for c.written < mine && c.err == nil {
		c.kick()
		c.room.Wait()
	}
}

// shrink gives up what only a busy connection needs. It is called with the
// mutex held.
func (c *h2Conn) shrink() {
	c.spare, c.owned, c.ownedBytes = nil, nil, 0
	if len(c.out) == 0 {
		c.out = nil
	}
}

func writeFault(err error) error {
	kind := fault.ConnectionTerminated
	if isTimeout(err) {
		kind = fault.ConnectionWriteTimeout
	}
	return fault.New(kind, "write to the connection", err)
}

// flush waits until everything has been written, or cannot be. It is called
// with the mutex held.
func (c *h2Conn) flush() {
	for c.err == nil && (c.writing || len(c.out) > 0) {
		c.kick()
		c.room.Wait()
	}
}

// die ends the connection without another word; err is what its streams are
// told. It is called with the mutex held.
func (c *h2Conn) die(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	for _, s := range c.waiting() {
		s.cond.Broadcast() // these in order; end wakes the others
	}
	for _, s := range c.streams {
		s.end(err)
	}
	clear(c.streams)
	c.out = nil
	c.room.Broadcast()
	c.under.hangUp()
}

// waiting returns the streams on which somebody waits, the oldest first: who
// is woken first writes first, and that must not be up to a map. It is called
// with the mutex held; what it returns is valid until the next call.
func (c *h2Conn) waiting() []*h2Stream {
	c.woken = c.woken[:0]
	for _, s := range c.streams {
		if s.waiters > 0 {
			c.woken = append(c.woken, s)
		}
	}
	slices.SortFunc(c.woken, func(a, b *h2Stream) int { return cmp.Compare(a.id, b.id) })
	return c.woken
}

// h2Broken is a violation of the protocol that ends the connection.
type h2Broken struct {
	code   http2.ErrCode
	reason string
}

func (e *h2Broken) Error() string { return fmt.Sprintf("%v: %s", e.code, e.reason) }

func broken(code http2.ErrCode, format string, args ...any) error {
	return &h2Broken{code, fmt.Sprintf(format, args...)}
}

// breakOff ends the connection for a violation: GOAWAY tells the peer which.
// Only the reading goroutine calls it.
func (c *h2Conn) breakOff(e *h2Broken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.fr.WriteGoAway(c.lastPeer, e.code, []byte(e.reason))
	c.flush()
	if c.err == nil {
		c.mu.Unlock()
		linger(c.conn, c.under, make([]byte, h2InputSize))
		c.mu.Lock()
	}
	c.die(fault.New(fault.HTTPProtocolError, "read from the connection", e))
}

// h2Reset is a violation that ends one stream.
type h2Reset struct {
	id     uint32
	code   http2.ErrCode
	reason string
}

func (e *h2Reset) Error() string { return fmt.Sprintf("stream %d: %v: %s", e.id, e.code, e.reason) }

func resets(id uint32, code http2.ErrCode, format string, args ...any) error {
	return &h2Reset{id, code, fmt.Sprintf(format, args...)}
}

// reset acts on a violation that ends a stream: the stream is reset, if it
// is one.
func (c *h2Conn) reset(r *h2Reset) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[r.id]; s != nil {
		s.abandon(r.code, fault.New(fault.HTTPProtocolError, "read stream", r))
	} else {
		c.sendReset(r.id, r.code)
	}
	c.kick()
	if err := c.tooMuchOut(); err != nil {
		return err
	}
	return c.floods.reset()
}

func (c *h2Conn) sendReset(id uint32, code http2.ErrCode) {
	_ = c.fr.WriteRSTStream(id, code)
	c.closed.add(id, true)
}
