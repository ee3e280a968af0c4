package lab

import (
	"math"
	"time"
)

// The two numbers of CoDel, RFC 8289 §4.2 and §4.3: the wait that is
// acceptable for long, and the time in which a sender can react.
const (
	codelTarget   = 5 * time.Millisecond
	codelInterval = 100 * time.Millisecond
)

// codel is the state of the controlled-delay algorithm of RFC 8289 §5.
type codel struct {
	aboveSince time.Duration // first_above_time less the interval; 0: not above
	dropping   bool
	next       time.Duration // drop_next
	count      int           // drops since dropping began
	lastCount  int           // count when dropping last began
}

// drops decides about the frame at the head of the queue, behind which so
// many bytes are left. It is asked until it says no.
func (c *codel) drops(now time.Duration, f *frame, left, mtu int) bool {
	above := c.above(now, now-f.queued, left, mtu)
	switch {
	case !above:
		c.dropping = false
		return false
	case c.dropping && now < c.next:
		return false
	case c.dropping:
		c.count++
		c.next = control(c.next, c.count)
		return true
	}
	// A new interval of dropping goes on where the last one left off if that
	// was recent (§5.5: 16 intervals).
	c.dropping = true
	delta := c.count - c.lastCount
	c.count = 1
	if delta > 1 && now-c.next < 16*codelInterval {
		c.count = delta
	}
	c.lastCount = c.count
	c.next = control(now, c.count)
	return true
}

// empty is told that nothing waits.
func (c *codel) empty() { c.dropping, c.aboveSince = false, 0 }

// above reports whether the wait has been above the target for an interval
// (dodequeue of §5.6). A queue of less than a packet is never too long.
func (c *codel) above(now, wait time.Duration, left, mtu int) bool {
	switch {
	case wait < codelTarget || left <= mtu:
		c.aboveSince = 0
		return false
	case c.aboveSince == 0:
		c.aboveSince = now + codelInterval
		return false
	}
	return now >= c.aboveSince
}

// control is the control law of §5.3: drops come closer with the square root
// of their number.
func control(from time.Duration, count int) time.Duration {
	return from + time.Duration(float64(codelInterval)/math.Sqrt(float64(count)))
}
