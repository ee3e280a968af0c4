package upstream

import (
	"context"
	"fmt"
	"io"
	"time"

	"waypost/cdn"
	"waypost/http/field"
	"waypost/http/wire"
)

// What applies where a check says nothing.
const (
	checkInterval = 5 * time.Second
	checkTimeout  = 2 * time.Second
	checksUp      = 2 // a server that has just started may fail again
	checksDown    = 3 // as with requests
	// maxCheckBody is what of a check's answer is read, so that the connection
	// can be used again.
	maxCheckBody = 64 << 10
)

// check is what a server is asked at intervals.
type check struct {
	cdn.Check
	method, host string
	fields       field.Fields
	good         func(status int) bool
}

// Watch begins the checks, and has notify told of every change in a server's
// health, from any goroutine. name is that of this edge in CDN-Loop: a parent
// that is this edge itself does not pass the checks. It is called once, before
// the first Do; without it there are no checks.
func (u *Upstream) Watch(name string, notify func(Change)) {
	u.notify = notify
	u.watchAll(u.servers, u.originCheck())
	u.watchAll(u.parents, u.parentCheck(name))
}

// originCheck asks for the check's path: an answer below 400 is a good one. It
// is nil where there are no checks.
func (u *Upstream) originCheck() *check {
	if u.check.Path == "" {
		return nil
	}
	return &check{Check: u.check, method: "GET", host: u.host, fields: checkFields(),
		good: func(status int) bool { return status < 400 }}
}

// parentCheck asks a parent for a word of its own: OPTIONS with Max-Forwards: 0
// goes no further (RFC 9110 §7.6.2), so the check says nothing of the origin,
// which may be ill for all parents alike, and cannot go round in a circle. Any
// answer shows that the parent is there, where the site asks for a password,
// too; but not one that it cannot serve (5xx, a circle that ends with us among
// them) or does not serve the site (421).
func (u *Upstream) parentCheck(name string) *check {
	if u.parentChecks.Host == "" {
		return nil
	}
	p := u.parentChecks
	c := &check{Check: withDefaults(cdn.Check{Path: "*", Interval: p.Interval, Timeout: p.Timeout, Up: p.Up, Down: p.Down}),
		method: "OPTIONS", host: p.Host, fields: checkFields(),
		good: func(status int) bool { return status < 500 && status != 421 }}
	c.fields.Add("Max-Forwards", "0")
	c.fields.Add("CDN-Loop", name)
	return c
}

func checkFields() field.Fields {
	return field.Fields{{Name: "User-Agent", Value: "waypost (health check)"}}
}

// watchAll begins the checks of some servers; c may be nil.
func (u *Upstream) watchAll(servers []*server, c *check) {
	if c == nil {
		return
	}
	for i, s := range servers {
		// Spread over the interval: so many servers need not answer at once.
		u.checking.Go(func() { u.watch(s, c, time.Duration(i)*c.Interval/time.Duration(len(servers))) })
	}
}

// watch checks one server until the upstream is closed or retired.
func (u *Upstream) watch(s *server, c *check, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-u.open.Done():
			return
		case <-timer.C:
		}
		err := u.checkOnce(s, c)
		if u.open.Err() != nil {
			return
		}
		if s.health.checked(err == nil, &c.Check) && u.notify != nil {
			news := Change{Server: s.name, Parent: s.parent, Up: err == nil, Check: true, InARow: c.Down}
			if err == nil {
				news.InARow = c.Up
			} else {
				news.Reason = err.Error()
			}
			u.notify(news)
		}
		timer.Reset(c.Interval)
	}
}

// checkOnce makes one check. The error says why it is not a good one.
func (u *Upstream) checkOnce(s *server, c *check) error {
	ctx, cancel := context.WithTimeout(u.open, c.Timeout)
	defer cancel()
	r := &wire.Request{Method: c.method, Path: c.Path, Fields: c.fields.Clone()}
	if s.parent {
		r.Authority = c.host
	}
	s.aim(r, c.host)
	target, err := s.target(r.Authority)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(ctx, target, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxCheckBody)) // the head has said it
	if !c.good(resp.Status) {
		return fmt.Errorf("%s: the check was answered with %d", s.name, resp.Status)
	}
	return nil
}

// checked takes in one check. It reports whether it has changed the verdict.
func (h *health) checked(ok bool, c *cdn.Check) (turned bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ok == !h.down {
		h.checks = 0
		return false
	}
	h.checks++
	if ok && h.checks < c.Up || !ok && h.checks < c.Down {
		return false
	}
	h.down, h.checks = !ok, 0
	return true
}

// withDefaults fills in what a check leaves open.
func withDefaults(c cdn.Check) cdn.Check {
	orDefault(&c.Interval, checkInterval)
	orDefault(&c.Timeout, checkTimeout)
	if c.Up == 0 {
		c.Up = checksUp
	}
	if c.Down == 0 {
		c.Down = checksDown
	}
	return c
}
