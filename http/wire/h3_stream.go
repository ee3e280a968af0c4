package wire

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/quic-go/quic-go"

	"waypost/fault"
	"waypost/http/field"
)

// h3Stream is what both ends of a request stream have in common. One
// goroutine reads it and one writes it, often the same.
type h3Stream struct {
	c *h3Conn
	q *quic.Stream

	// Reading:
	buf       []byte
	r, w      int  // buf[r:w] has been read from the stream and not been used
	ended     bool // the peer's FIN is behind w
	left      uint64
	block     fieldBlock // the section read last
	sections  int        // final head and trailers that have been read
	announced int64      // Content-Length; -1 when there is none
	received  int64
	tunnel    bool // after CONNECT: DATA frames only
	trailers  field.Fields
	need      time.Time // when a read must have ended; zero: never
	in        pace      // or how fast it must be
	readArmed time.Time // the deadline that q has

	// Writing:
	sect       sectionWriter
	out        []byte // frames that wait to be written
	outPace    pace
	writeArmed time.Time
	judgedAt   uint64 // the bytes that the connection had sent when outPace was last judged
}

const (
	// h3BufferSize is the buffer that a stream reads frames with: it holds
	// the head of nearly every request. Bodies pass it by.
	h3BufferSize = 4 << 10
	// h3BufferKeep is the largest buffer that is kept for another stream.
	h3BufferKeep = 16 << 10
)

// begin readies a stream, new or used again.
func (s *h3Stream) begin(c *h3Conn, q *quic.Stream) {
	buf, out, fields := s.buf, s.out[:0], s.block.fields
	if buf == nil || len(buf) > h3BufferKeep {
		buf = make([]byte, h3BufferSize)
	}
	if cap(out) > h3BufferKeep {
		out = nil
	}
	sect := s.sect
	if sect.encoded.Cap() > h3BufferKeep {
		sect = sectionWriter{}
	}
	*s = h3Stream{c: c, q: q, buf: buf, out: out, sect: sect, announced: -1}
	s.block.fields = fields
	s.outPace = pace{period: c.limits.WriteTimeout, rate: MinRate}
}

// more reads what comes next behind what is pending. At the end of the
// stream it returns io.EOF.
func (s *h3Stream) more() error {
	if s.ended {
		return io.EOF
	}
	switch {
	case s.r == s.w:
		s.r, s.w = 0, 0
	case s.w == len(s.buf) && s.r > 0:
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
	case s.w == len(s.buf):
		s.grow(2 * len(s.buf))
	}
	n, err := s.receive(s.buf[s.w:])
	s.w += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// grow makes room for size bytes.
func (s *h3Stream) grow(size int) {
	buf := make([]byte, size)
	s.w = copy(buf, s.buf[s.r:s.w])
	s.buf, s.r = buf, 0
}

// receive reads from the stream, within the deadline or the pace that is
// set. As in transport a deadline that fires too early is set anew, so that
// few are set.
func (s *h3Stream) receive(p []byte) (int, error) {
	start, need := time.Time{}, s.need
	if s.in.period > 0 {
		start = time.Now()
		need = start.Add(s.in.period - s.in.waited)
	}
	if !need.IsZero() && (s.readArmed.IsZero() || s.readArmed.After(need)) {
		s.armRead(need)
	}
	for {
		n, err := s.q.Read(p)
		if s.tunnel {
			return n, err // its owner sets the deadlines
		}
		if err == io.EOF { //nolint:errorlint // the end is io.EOF itself
			s.ended = true
		}
		if n > 0 || err == nil || !isTimeout(err) {
			if s.in.period > 0 {
				s.in.waited += time.Since(start)
				s.in.bytes += int64(n)
			}
			return n, err
		}
		now := time.Now()
		switch {
		case s.in.period > 0:
			s.in.waited += now.Sub(start)
			start = now
			if s.in.waited >= s.in.period && !s.in.enough() {
				return 0, os.ErrDeadlineExceeded
			}
			need = now.Add(s.in.period - s.in.waited)
		case !s.need.IsZero() && !now.Before(s.need):
			return 0, os.ErrDeadlineExceeded
		}
		s.armRead(need)
	}
}

func (s *h3Stream) armRead(at time.Time) {
	s.readArmed = at
	_ = s.q.SetReadDeadline(at) // never fails
}

// frame reads the beginning of the next frame; io.EOF is the end of the
// stream between two frames.
func (s *h3Stream) frame() (h3Frame, error) {
	for {
		f, n := parseH3Frame(s.buf[s.r:s.w])
		if n > 0 {
			s.r += n
			return f, nil
		}
		err := s.more()
		switch {
		case err == io.EOF && s.r < s.w: //nolint:errorlint // the end is io.EOF itself
			return f, breaks(h3FrameError, "the stream ends in the beginning of a frame")
		case err != nil:
			return f, err
		}
	}
}

// head reads up to and with the section that begins a message (RFC 9114
// §4.1).
func (s *h3Stream) head() error {
	for {
		f, err := s.frame()
		switch {
		case err == io.EOF: //nolint:errorlint // the end is io.EOF itself
			return aborts(h3RequestIncomplete, "the stream ends before the head")
		case err != nil:
			return err
		case f.kind == h3Headers:
			return s.section(f.length)
		}
		if err := s.other(f); err != nil {
			return err
		}
	}
}

// section reads and decodes a field section. One that is far beyond the
// limits is not read. (Encoded, a field is shorter than what it counts, but
// for characters whose Huffman code is long.)
func (s *h3Stream) section(length uint64) error {
	s.block.beginSection(s.c.limits)
	if length > 2*uint64(s.c.limits.HeaderBytes) {
		s.block.tooMany = true
		s.left = length
		return nil
	}
	size := int(length)
	if s.r+size > len(s.buf) {
		s.grow(max(size, len(s.buf)))
	}
	for s.w-s.r < size {
		if err := s.more(); err == io.EOF { //nolint:errorlint // the end is io.EOF itself
			return breaks(h3FrameError, "the stream ends in a field section")
		} else if err != nil {
			return err
		}
	}
	s.r += size
	return s.block.decodeSection(s.buf[s.r-size : s.r])
}

// other judges a frame that is not what is waited for: it is unknown and
// passed over, or known and in the wrong place.
func (s *h3Stream) other(f h3Frame) error {
	switch {
	case f.kind == h3PushPromise && !s.c.side.serves():
		return breaks(h3IDError, "PUSH_PROMISE, and we allow no push")
	case f.kind.known():
		return breaks(h3FrameUnexpected, "%v in this place of a request stream", f.kind)
	}
	for left := f.length; ; {
		if err := s.c.floods.control(); err != nil {
			return err
		}
		n := int(min(left, uint64(s.w-s.r)))
		s.r += n
		if left -= uint64(n); left == 0 {
			return nil
		}
		if err := s.more(); err == io.EOF { //nolint:errorlint // the end is io.EOF itself
			return breaks(h3FrameError, "the stream ends in an unknown frame")
		} else if err != nil {
			return err
		}
	}
}

// data reads bytes of the body; io.EOF is the end of a body that is whole.
func (s *h3Stream) data(p []byte) (int, error) {
	for s.left == 0 {
		f, err := s.frame()
		switch {
		case err == io.EOF: //nolint:errorlint // the end is io.EOF itself
			return 0, s.atEnd()
		case err != nil:
			return 0, err
		case f.kind == h3Data && s.sections == 1:
			if err := s.dataFrame(f.length); err != nil {
				return 0, err
			}
		case f.kind == h3Headers && s.sections == 1 && !s.tunnel:
			if err := s.trailerSection(f.length); err != nil {
				return 0, err
			}
		default:
			if err := s.other(f); err != nil {
				return 0, err
			}
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if uint64(len(p)) > s.left {
		p = p[:s.left]
	}
	var n int
	var err error
	if s.r < s.w {
		n = copy(p, s.buf[s.r:s.w])
		s.r += n
	} else if n, err = s.receive(p); n > 0 {
		err = nil // an error comes again
	}
	s.left -= uint64(n)
	s.received += int64(n)
	if err == io.EOF { //nolint:errorlint // the end is io.EOF itself
		return n, breaks(h3FrameError, "the stream ends in a DATA frame")
	}
	return n, err
}

// dataFrame begins a DATA frame.
func (s *h3Stream) dataFrame(length uint64) error {
	if s.announced >= 0 && length > uint64(s.announced-s.received) {
		return aborts(h3MessageError, "more DATA than the Content-Length of %d", s.announced)
	}
	s.left = length
	if length == 0 {
		return s.c.floods.control()
	}
	return nil
}

// trailerSection reads the fields behind the body.
func (s *h3Stream) trailerSection(length uint64) error {
	s.sections++
	if err := s.section(length); err != nil {
		return err
	}
	if what := s.block.checkTrailers(); what != "" {
		return aborts(h3MessageError, "%s", what)
	}
	s.trailers = append(field.Fields(nil), s.block.fields...)
	return nil
}

// atEnd judges the end of the stream.
func (s *h3Stream) atEnd() error {
	if s.announced >= 0 && s.received != s.announced {
		return aborts(h3MessageError, "%d bytes of DATA, Content-Length %d", s.received, s.announced)
	}
	return io.EOF
}

// send writes p; the peer must take MinRate bytes per second, judged once in
// each period of waiting. It keeps no reference to p.
func (s *h3Stream) send(p []byte) error {
	if s.outPace.period == 0 {
		_, err := s.q.Write(p)
		return err
	}
	start := time.Now()
	need := start.Add(s.outPace.period - s.outPace.waited)
	if s.writeArmed.IsZero() {
		s.judgedAt = s.c.quic.ConnectionStats().BytesSent
	}
	if s.writeArmed.IsZero() || s.writeArmed.After(need) {
		s.armWrite(need)
	}
	for {
		n, err := s.q.Write(p)
		p = p[n:]
		now := time.Now()
		s.outPace.waited += now.Sub(start)
		s.outPace.bytes += int64(n)
		start = now
		switch {
		case err == nil || !isTimeout(err):
			return err
		case s.outPace.waited >= s.outPace.period && !s.enoughOut():
			return os.ErrDeadlineExceeded
		}
		s.armWrite(now.Add(s.outPace.period - s.outPace.waited))
	}
}

// enoughOut judges the pace of what is sent. The stream may have waited by right
// while more urgent ones had the connection, so that what counts is what went
// out on all of it, if that is more.
func (s *h3Stream) enoughOut() bool {
	sent := s.c.quic.ConnectionStats().BytesSent
	s.outPace.bytes = max(s.outPace.bytes, int64(sent-s.judgedAt))
	s.judgedAt = sent
	return s.outPace.enough()
}

func (s *h3Stream) armWrite(at time.Time) {
	s.writeArmed = at
	_ = s.q.SetWriteDeadline(at) // never fails
}

// h3Join is what is joined before it is written, so that a head and a small
// body leave in one packet, or in few.
const h3Join = 8 << 10

// write appends p to what waits to be written, or writes both.
func (s *h3Stream) write(p []byte) error {
	if len(s.out)+len(p) <= h3Join {
		s.out = append(s.out, p...)
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	return s.send(p)
}

func (s *h3Stream) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	err := s.send(s.out)
	s.out = s.out[:0]
	return err
}

// abort ends both directions. It may be called by any goroutine.
func (s *h3Stream) abort(code h3Code) {
	s.q.CancelRead(quic.StreamErrorCode(code))
	s.q.CancelWrite(quic.StreamErrorCode(code))
}

// readFault acts on what went wrong while reading, and names it: a violation
// ends the stream or the connection, too slow a peer the stream.
func (s *h3Stream) readFault(op string, err error) error {
	var wrong *h3Reset
	var b *h3Broken
	switch {
	case errors.As(err, &wrong):
		s.abort(wrong.code)
		return fault.New(fault.HTTPProtocolError, op, wrong)
	case errors.As(err, &b):
		s.c.breakOff(b)
		return fault.New(fault.HTTPProtocolError, op, b)
	case isTimeout(err):
		s.abort(h3RequestCancelled)
		return fault.New(fault.ConnectionReadTimeout, op, err)
	}
	return s.c.fault(op, err)
}

// writeFault does the same for writing.
func (s *h3Stream) writeFault(op string, err error) error {
	if isTimeout(err) {
		s.abort(h3RequestCancelled)
		return fault.New(fault.ConnectionWriteTimeout, op, err)
	}
	return s.c.fault(op, err)
}
