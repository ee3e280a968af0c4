package packetdrill

import (
	"errors"
	"io"

	"waypost/tcp"
)

// reads takes n bytes from a connection: read, recv, recvfrom, readv, recvmsg.
func (r *run) reads(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	size, how, err := r.size(c)
	if err != nil {
		return nil, err
	}
	return func() (result, bool) {
		if s.conn == nil {
			return fails("ENOTCONN")
		}
		if unread := int64(s.conn.Info().Unread); how["MSG_PEEK"] && unread > 0 {
			return gives(min(size, unread))
		}
		n, err := s.receive(r.now(), size)
		switch {
		case n > 0 || size == 0:
			return gives(n)
		case errors.Is(err, io.EOF), err == nil && s.shutRead:
			return gives(0)
		case err != nil:
			if e := s.trouble(); e != "" {
				return fails(e)
			}
			return gives(0)
		case s.nonblock || how["MSG_DONTWAIT"]:
			return fails("EAGAIN")
		}
		return blocks()
	}, nil
}

// receive reads up to size bytes that are there, and looks at each.
func (s *socket) receive(now tcp.Time, size int64) (int64, error) {
	// One byte more than there are asks what comes behind them.
	buf := make([]byte, min(size, int64(s.conn.Info().Unread)+1))
	n := 0
	for n < len(buf) {
		m, err := s.conn.Read(now, buf[n:])
		n += m
		if err != nil || m == 0 {
			s.flow.check("what was read", s.flow.read, buf[:n])
			s.flow.read += uint32(n)
			return int64(n), err
		}
	}
	s.flow.check("what was read", s.flow.read, buf)
	s.flow.read += uint32(n)
	return int64(n), nil
}

// writes gives n bytes to a connection: write, send, sendto, writev, sendmsg.
// A call that blocks returns when all are taken.
func (r *run) writes(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	size, how, err := r.size(c)
	if err != nil {
		return nil, err
	}
	nonblock := func() bool { return s.nonblock || how["MSG_DONTWAIT"] }
	taken := int64(0)
	return func() (result, bool) {
		if s.conn == nil {
			return fails("EPIPE")
		}
		if s.opening() && !nonblock() {
			return blocks()
		}
		n, err := s.conn.Write(r.now(), payload(s.flow.written, uint32(size-taken)))
		s.flow.written += uint32(n)
		taken += int64(n)
		switch {
		case taken == size:
			return gives(size)
		case err != nil && taken > 0:
			return gives(taken)
		case err != nil:
			if e := s.trouble(); e != "" {
				return fails(e)
			}
			return fails("EPIPE")
		case !nonblock():
			return blocks()
		case taken > 0:
			return gives(taken)
		}
		return fails("EAGAIN")
	}, nil
}

// maxTransfer bounds the bytes of one call: larger ones are a mistake.
const maxTransfer = 64 << 20

// size returns how many bytes a call is about, and its flags.
func (r *run) size(c *Call) (n int64, flags map[string]bool, err error) {
	e := Expr{Kind: ExprNumber}
	switch c.Name {
	case "read", "write":
		n = arg(c, 2).Num
	case "send", "recv", "sendto", "recvfrom":
		n, e = arg(c, 2).Num, arg(c, 3)
	case "readv", "writev":
		n = vectors(arg(c, 1))
	case "sendmsg", "recvmsg":
		iov, _ := arg(c, 1).field("msg_iov")
		n, e = vectors(iov), arg(c, 2)
		if _, ok := arg(c, 1).field("msg_control"); ok {
			return 0, nil, unsupported(0, "control messages of %s", c.Name)
		}
	}
	if n < 0 || n > maxTransfer {
		return 0, nil, wrong(0, "%s of %d bytes", c.Name, n)
	}
	flags = r.flags(e)
	for f := range flags {
		if f != "MSG_DONTWAIT" && f != "MSG_NOSIGNAL" && f != "MSG_PEEK" {
			return 0, nil, unsupported(0, "the flag %s of %s", f, c.Name)
		}
	}
	return n, flags, nil
}

// vectors returns the sum of the lengths in [{..., 40}, {..., 20}].
func vectors(e Expr) int64 {
	var n int64
	for _, v := range e.List {
		if len(v.List) == 2 {
			n += v.List[1].Num
		}
	}
	return n
}
