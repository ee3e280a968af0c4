package upstream

import (
	"context"
	"sync"
	"time"

	"waypost/fault"
)

// The course of a server's illness.
const (
	// tolerated is how many failures in a row one forgives: a restart or a
	// lost packet is no illness.
	tolerated = 3
	// toleratedErrors is how many answers of 502, 503 or 504 in a row one
	// forgives: they may be of one slow page among many.
	toleratedErrors = 5
	// firstBackoff is how long a server is left alone at first; each failed
	// probe doubles it, up to maxBackoff, after which a server that came
	// back is found within a minute.
	firstBackoff = time.Second
	maxBackoff   = time.Minute
)

// health is what the requests, and the checks where there are any, have found
// out about one server. The zero value is a server in good health.
type health struct {
	mu       sync.Mutex
	failures int           // in a row
	errors   int           // answers of 502, 503 and 504, in a row
	backoff  time.Duration // of the present illness; 0 in health
	until    time.Time     // left alone until then
	probing  bool          // one request is finding out whether it is back
	down     bool          // say the checks
	checks   int           // in a row that say otherwise than down does
}

// outcome is what an exchange says about the server.
type outcome uint8

const (
	well    outcome = iota // it answered
	ill                    // it did not, and that speaks against it
	failing                // it answered that it cannot
	unsaid                 // the exchange ended for reasons that are not its own
)

// admits reports whether the server may be asked now. A server whose back-off
// has passed takes one request at a time, until that settles.
func (h *health) admits(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ready(now) {
		return false
	}
	h.probing = h.backoff > 0
	return true
}

// seems is admits without the claim.
func (h *health) seems(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ready(now)
}

// ready is seems. h is locked.
func (h *health) ready(now time.Time) bool {
	return !h.down && (h.backoff == 0 || !h.probing && !now.Before(h.until))
}

// settle takes in the outcome of one exchange. It reports whether the server
// has fallen ill by it, or is well again.
func (h *health) settle(now time.Time, o outcome) (turned bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch o {
	case well:
		turned = h.backoff > 0
		h.failures, h.errors, h.backoff, h.probing = 0, 0, 0, false
		return turned
	case unsaid:
		h.probing = false
		return false
	case failing:
		h.errors++
	case ill:
		h.failures++
	}
	if h.backoff == 0 && h.failures < tolerated && h.errors < toleratedErrors {
		return false
	}
	if h.backoff > 0 && now.Before(h.until) && !h.probing {
		return false // asked for want of a better one; it is known to be ill
	}
	turned = h.backoff == 0
	h.backoff = min(max(2*h.backoff, firstBackoff), maxBackoff)
	h.until, h.probing = now.Add(h.backoff), false
	return turned
}

// back is when the server may be asked again.
func (h *health) back() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until
}

// Change is news of a server's health.
type Change struct {
	Server string // the URL as configured
	Parent bool   // it is one, and no server of the origin
	Up     bool
	// Check tells that the checks found out, and not the requests.
	Check  bool
	InARow int // the failures, or the checks passed, that decided
	// LeftAlone is how long it is not asked now, where requests found out and
	// there are others.
	LeftAlone time.Duration
	Reason    string // the latest failure
}

// verdict says whether a failure speaks against the server: not when the
// client left or broke off its request, nor when the limit met is our own.
func verdict(ctx context.Context, body *watched, kind fault.Kind) outcome {
	if ctx.Err() != nil || body.broke() {
		return unsaid
	}
	switch kind {
	case fault.ConnectionLimitReached, fault.HTTPRequestError, fault.ProxyConfigurationError, fault.ProxyInternalError:
		return unsaid
	}
	return ill
}

// settle tells a server's health what came of an exchange, and whoever watches
// when that is news.
func (u *Upstream) settle(s *server, o outcome, reason string) {
	if !s.health.settle(time.Now(), o) || u.notify == nil {
		return
	}
	s.health.mu.Lock()
	c := Change{Server: s.name, Parent: s.parent, Up: o == well, InARow: max(s.health.failures, s.health.errors), LeftAlone: s.health.backoff, Reason: reason}
	s.health.mu.Unlock()
	u.notify(c)
}
