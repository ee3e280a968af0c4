package upstream

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"waypost/fetch"
)

// EventIdle is how long an event stream may be silent. The HTML standard
// (§9.2.7) has servers send a comment every 15 s or so; not all do.
const EventIdle = 5 * time.Minute

// stream is a response body under the timer between two reads.
type stream struct {
	body    io.ReadCloser
	setting time.Duration // 0: no limit
	report  *Report
	cancel  context.CancelCauseFunc // breaks the exchange off
	end     func()
	once    sync.Once
	timer   *time.Timer // runs while a Read waits
}

// stream puts the body of resp under its idle timer. Only time spent waiting
// in Read counts: a reader that is slow itself does not make the origin late.
func (u *Upstream) stream(resp *fetch.Response, report *Report, cancel context.CancelCauseFunc) io.ReadCloser {
	s := &stream{body: resp.Body, setting: max(u.idle, 0), report: report, cancel: cancel, end: u.end}
	if s.setting > 0 && IsEventStream(resp.Fields.Get("Content-Type")) {
		s.setting = max(s.setting, EventIdle)
	}
	return s
}

// IsEventStream reports whether a Content-Type is that of server-sent events
// (HTML §9.2.5): a body that is never finished and must not wait in a buffer.
func IsEventStream(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/event-stream")
}

// Read reads body bytes. A timer that fired shows as a fault.Error with a
// fetch.Timeout in its chain.
func (s *stream) Read(p []byte) (int, error) {
	if s.setting > 0 {
		if s.timer == nil {
			s.timer = time.AfterFunc(s.setting, func() {
				s.cancel(&fetch.Timeout{Timer: fetch.TimerBodyIdle, Setting: s.setting})
			})
		} else {
			s.timer.Reset(s.setting)
		}
	}
	n, err := s.body.Read(p)
	if s.timer != nil {
		s.timer.Stop()
	}
	s.report.Bytes += int64(n)
	if err != nil {
		if err != io.EOF {
			s.report.brokeOff(err)
		}
		s.finish()
	}
	return n, err
}

// Close ends the exchange. It may be called more than once, and beside Read.
func (s *stream) Close() error {
	err := s.body.Close()
	s.finish()
	return err
}

func (s *stream) finish() {
	s.once.Do(func() {
		s.cancel(nil)
		s.end()
	})
}

// upgraded is a connection that no longer speaks HTTP.
type upgraded struct {
	net.Conn
	cancel context.CancelCauseFunc
	end    func()
	once   sync.Once
}

// CloseWrite closes the sending side where the connection can do that, and
// all of it elsewhere.
func (c *upgraded) CloseWrite() error {
	for conn := c.Conn; conn != nil; {
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			return half.CloseWrite()
		}
		under, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = under.NetConn()
	}
	return c.Close()
}

// Close closes the connection.
func (c *upgraded) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.cancel(nil)
		c.end()
	})
	return err
}
