package journey

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"time"
)

// sendAction is send NAME "text"|file F|size N [to ADDRESS:PORT].
type sendAction struct {
	socket string
	what   payload
	to     *target
	within time.Duration
}

func parseSend(a *args) action {
	s := &sendAction{socket: a.of("connection"), within: actionPatience}
	for a.more() && !a.failed {
		switch {
		case a.keyword("to"):
			to := a.target("whom to send to, such as server:7000")
			s.to = &to
		case a.keyword("within"):
			s.within = a.duration("how long")
		case a.payload(&s.what):
		case a.peek().quoted && !s.what.given:
			s.what = payload{given: true, text: a.take().text}
		default:
			return s
		}
	}
	if !s.what.given {
		a.failHere(`what to send is missing: "text", file NAME or size 100KiB`)
	}
	return s
}

func (s *sendAction) do(t *task) error {
	k := t.socket(s.socket)
	if k.datagram != nil {
		return s.datagram(t, k)
	}
	if k.stream == nil {
		return fmt.Errorf("%s is not open", s.socket)
	}
	if err := k.stream.SetWriteDeadline(time.Now().Add(s.within)); err != nil {
		return k.note(0, 0, err)
	}
	if s.what.size == 0 {
		n, err := k.stream.Write(s.what.bytes(t.world))
		return k.note(n, 0, err)
	}
	// In pieces, so that the counters tell how far it has come.
	for left := s.what.size; left > 0; {
		k.mu.Lock()
		from := k.sent
		k.mu.Unlock()
		n, err := k.stream.Write(pattern(from, int(min(left, 64<<10))))
		if err = k.note(n, 0, err); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

func (s *sendAction) datagram(t *task, k *socket) error {
	if s.to == nil {
		return fmt.Errorf("a datagram needs an address: to ADDRESS:PORT")
	}
	to, err := s.to.resolve(t.world)
	if err != nil {
		return err
	}
	n, err := k.datagram.WriteToUDPAddrPort(s.what.bytes(t.world), to)
	return k.note(n, 0, err)
}

// note counts what went and keeps what ended it.
func (s *socket) note(sent, received int, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent += int64(sent)
	s.received += int64(received)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.ended = err
	}
	return err
}

// readAction is read NAME WHAT: exactly that must come.
type readAction struct {
	socket  string
	what    payload
	until   string         // whatever comes, up to these bytes
	end     bool           // the peer's FIN
	fails   *regexp.Regexp // an error like this one
	nothing time.Duration  // nothing for so long
	from    *target        // of a datagram
	within  time.Duration
}

func parseRead(a *args) action {
	r := &readAction{socket: a.of("connection"), within: actionPatience}
	given := 0
	for a.more() && !a.failed {
		given++
		switch {
		case a.keyword("until"):
			if r.until = a.want("the bytes that end it").text; !a.failed && r.until == "" {
				a.failHere("no bytes: until which?")
			}
		case a.keyword("end"):
			r.end = true
		case a.keyword("error"):
			r.fails = read(a, "the error, a pattern", regexp.Compile)
		case a.keyword("nothing"):
			if !a.keyword("for") {
				a.failHere("for how long: nothing for 5s")
			}
			r.nothing = a.duration("how long")
		case a.keyword("from"):
			given--
			from := a.target("whom it comes from")
			r.from = &from
		case a.keyword("within"):
			given--
			r.within = a.duration("how long")
		case a.payload(&r.what):
		case a.peek().quoted:
			r.what = payload{given: true, text: a.take().text}
		default:
			return r
		}
	}
	if given != 1 {
		a.failHere(`say what must come: one of "text", file NAME, size 100KiB, until "text", end, error PATTERN, nothing for 5s`)
	}
	return r
}

func (r *readAction) do(t *task) error {
	k := t.socket(r.socket)
	patience := r.within
	if r.nothing > 0 {
		patience = r.nothing
	}
	read := func(b []byte) (int, error) { return k.stream.Read(b) }
	switch {
	case k.datagram != nil && r.until != "":
		return fmt.Errorf("%s is no TCP connection: a datagram is read whole", r.socket)
	case k.datagram != nil:
		return r.datagram(t, k, patience)
	case k.stream == nil:
		return fmt.Errorf("%s is not open", r.socket)
	}
	if err := k.stream.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return k.note(0, 0, err)
	}
	switch {
	case r.what.given:
		return r.stream(t, k)
	case r.until != "":
		return r.upTo(k)
	}
	var one [1]byte
	n, err := read(one[:])
	_ = k.note(0, n, err) // the error is judged here
	return r.judge(n, err)
}

// judge holds the outcome of a read against what was wanted of it.
func (r *readAction) judge(n int, err error) error {
	switch {
	case r.nothing > 0 && errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case r.nothing > 0 && err != nil:
		return fmt.Errorf("nothing should have come for %v: %w", r.nothing, err)
	case r.nothing > 0:
		return fmt.Errorf("nothing should have come for %v: there was a byte", r.nothing)
	case r.end && n == 0 && errors.Is(err, io.EOF):
		return nil
	case r.end && err != nil:
		return fmt.Errorf("the end was wanted: %w", err)
	case r.end:
		return errors.New("the end was wanted: there are more bytes")
	case n > 0:
		return fmt.Errorf("an error like %s was wanted: there are bytes to read", r.fails)
	case r.fails.MatchString(err.Error()):
		return nil
	}
	return fmt.Errorf("an error like %s was wanted: %w", r.fails, err)
}

// stream reads exactly the bytes wanted.
func (r *readAction) stream(t *task, k *socket) error {
	k.mu.Lock()
	at := k.received
	k.mu.Unlock()
	want := r.what.bytes(t.world)
	if r.what.size > 0 {
		want = pattern(at, int(r.what.size))
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(k.stream, got)
	_ = k.note(0, n, err)
	if !bytes.Equal(got[:n], want[:n]) {
		i := 0
		for got[i] == want[i] {
			i++
		}
		return fmt.Errorf("byte %d differs: got %s, want %s", at+int64(i), quote(around(got[:n], i)), quote(around(want, i)))
	}
	if err != nil {
		return fmt.Errorf("%d of %d bytes came: %w", n, len(want), err)
	}
	return nil
}

// maxUntil bounds what read takes in search of its end: a head twice over.
const maxUntil = 64 << 10

// upTo reads byte by byte up to the ones that end it, and leaves what it took
// for expectations.
func (r *readAction) upTo(k *socket) error {
	var got []byte
	var err error
	for !bytes.HasSuffix(got, []byte(r.until)) && err == nil {
		if len(got) == maxUntil {
			err = fmt.Errorf("%s is not among the first %d bytes", quote(r.until), maxUntil)
			break
		}
		var one [1]byte
		var n int
		n, err = k.stream.Read(one[:])
		got = append(got, one[:n]...)
	}
	_ = k.note(0, len(got), err)
	k.mu.Lock()
	k.text = string(got)
	k.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s was wanted behind %s: %w", quote(r.until), quote(string(got)), err)
	}
	return nil
}

func around(b []byte, i int) string { return string(b[i:min(len(b), i+32)]) }

// datagram reads one datagram.
func (r *readAction) datagram(t *task, k *socket, patience time.Duration) error {
	if err := k.datagram.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	n, from, err := k.datagram.ReadFromUDPAddrPort(buf)
	_ = k.note(0, n, err)
	if !r.what.given {
		return r.judge(n, err)
	}
	if err != nil {
		return err
	}
	if want := r.what.bytes(t.world); !bytes.Equal(buf[:n], want) {
		return fmt.Errorf("the datagram from %s is %s (%d bytes), want %s (%d bytes)", from, quote(string(buf[:n])), n, quote(string(want)), len(want))
	}
	if r.from == nil {
		return nil
	}
	want, err := r.from.resolve(t.world)
	if err == nil && (want.Addr() != from.Addr() || want.Port() != 0 && want.Port() != from.Port()) {
		err = fmt.Errorf("the datagram came from %s, want %s", from, want)
	}
	return err
}

// endAction is close, close-write and abort.
type endAction struct{ socket, how string }

func parseClose(a *args) action      { return &endAction{a.of("connection", "listener"), "close"} }
func parseCloseWrite(a *args) action { return &endAction{a.of("connection"), "close-write"} }
func parseAbort(a *args) action      { return &endAction{a.of("connection"), "abort"} }

func (e *endAction) do(t *task) error {
	k := t.socket(e.socket)
	switch {
	case k.listener != nil:
		return k.listener.Close()
	case k.datagram != nil:
		return k.datagram.Close()
	case k.stream == nil:
		return fmt.Errorf("%s is not open", e.socket)
	case e.how == "abort":
		abort(k.stream)
		return nil
	case e.how == "close":
		return k.stream.Close()
	}
	c, ok := k.stream.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("%s cannot be closed in one direction", e.socket)
	}
	return c.CloseWrite()
}

// keepaliveAction is keepalive NAME IDLE INTERVAL PROBES.
type keepaliveAction struct {
	socket string
	config net.KeepAliveConfig
}

func parseKeepalive(a *args) action {
	k := &keepaliveAction{socket: a.of("connection")}
	k.config = net.KeepAliveConfig{Enable: true, Idle: a.duration("the idle time, such as 2h"), Interval: a.duration("the time between probes, such as 75s"), Count: a.number("how many probes", 1, 100)}
	return k
}

func (k *keepaliveAction) do(t *task) error {
	c, ok := t.socket(k.socket).stream.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	})
	if !ok {
		return fmt.Errorf("%s is no TCP connection", k.socket)
	}
	return c.SetKeepAliveConfig(k.config)
}
