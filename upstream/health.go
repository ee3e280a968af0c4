package upstream

import (
	"context"
	"slices"
	"sync"
	"time"

	"waypost/fault"
)

// The course of a server's illness.
const (
	// tolerated is how many failures in a row one forgives: a restart or a
	// lost packet is no illness.
	tolerated = 3
	// firstBackoff is how long a server is left alone at first; each failed
	// probe doubles it, up to maxBackoff, after which a server that came
	// back is found within a minute.
	firstBackoff = time.Second
	maxBackoff   = time.Minute
)

// health is what the requests have found out about one server. The zero
// value is a server in good health.
type health struct {
	mu       sync.Mutex
	failures int           // in a row
	backoff  time.Duration // of the present illness; 0 in health
	until    time.Time     // left alone until then
	probing  bool          // one request is finding out whether it is back
}

// outcome is what an exchange says about the server.
type outcome uint8

const (
	well   outcome = iota // it answered
	ill                   // it did not, and that speaks against it
	unsaid                // the exchange ended for reasons that are not its own
)

// admits reports whether the server may be asked now. A server whose back-off
// has passed takes one request at a time, until that settles.
func (h *health) admits(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.backoff == 0 {
		return true
	}
	if h.probing || now.Before(h.until) {
		return false
	}
	h.probing = true
	return true
}

// settle takes in the outcome of one exchange.
func (h *health) settle(now time.Time, o outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch o {
	case well:
		h.failures, h.backoff, h.probing = 0, 0, false
	case unsaid:
		h.probing = false
	case ill:
		h.failures++
		if h.backoff == 0 && h.failures < tolerated {
			return
		}
		if h.backoff > 0 && now.Before(h.until) && !h.probing {
			return // asked for want of a better one; it is known to be ill
		}
		h.backoff = min(max(2*h.backoff, firstBackoff), maxBackoff)
		h.until, h.probing = now.Add(h.backoff), false
	}
}

// back is when the server may be asked again.
func (h *health) back() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until
}

// next is the server to ask now: the first in the configured order that is
// well and was not tried yet; failing that, the ill one that is due soonest.
// Nobody is refused because all servers are ill: that would make a short
// failure of the only one last as long as the back-off.
func next(servers, tried []*server, now time.Time) *server {
	var resort *server
	for _, s := range servers {
		if slices.Contains(tried, s) {
			continue
		}
		if s.health.admits(now) {
			return s
		}
		if resort == nil || s.health.back().Before(resort.health.back()) {
			resort = s
		}
	}
	return resort
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
