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

// Watch begins the checks, and has notify told of every change in a server's
// health, from any goroutine. It is called once, before the first Do; without
// it there are no checks.
func (u *Upstream) Watch(notify func(Change)) {
	u.notify = notify
	if u.check.Path == "" {
		return
	}
	for i, s := range u.servers {
		// Spread over the interval: so many servers need not answer at once.
		u.checking.Go(func() { u.watch(s, time.Duration(i)*u.check.Interval/time.Duration(len(u.servers))) })
	}
}

// watch checks one server until the upstream is closed or retired.
func (u *Upstream) watch(s *server, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-u.open.Done():
			return
		case <-timer.C:
		}
		err := u.checkOnce(s)
		if u.open.Err() != nil {
			return
		}
		if s.health.checked(err == nil, &u.check) && u.notify != nil {
			c := Change{Server: s.name, Up: err == nil, Check: true, InARow: u.check.Down}
			if err == nil {
				c.InARow = u.check.Up
			} else {
				c.Reason = err.Error()
			}
			u.notify(c)
		}
		timer.Reset(u.check.Interval)
	}
}

// checkOnce asks for the check's path: an answer below 400 is a good one.
func (u *Upstream) checkOnce(s *server) error {
	ctx, cancel := context.WithTimeout(u.open, u.check.Timeout)
	defer cancel()
	r := &wire.Request{Method: "GET", Path: u.check.Path, Fields: field.Fields{{Name: "User-Agent", Value: "waypost (health check)"}}}
	s.aim(r, u.host)
	resp, err := u.client.Do(ctx, s.url, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxCheckBody)) // the head has said it
	if resp.Status >= 400 {
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
