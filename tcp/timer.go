package tcp

// timer is a moment at which something is due, or none.
type timer struct {
	at Time
	on bool
}

func (t *timer) set(at Time) { t.at, t.on = at, true }
func (t *timer) stop()       { t.on = false }

// due reports whether the moment has come, and stops the timer then.
func (t *timer) due(now Time) bool {
	if !t.on || now < t.at {
		return false
	}
	t.on = false
	return true
}

// Deadline is when Tick must be called at the latest. It reports false when
// no timer runs. Every call on the connection may change it.
func (c *Conn) Deadline() (Time, bool) {
	var at Time
	on := false
	for _, t := range [...]*timer{&c.rtx, &c.delack, &c.idle} {
		if t.on && (!on || t.at < at) {
			at, on = t.at, true
		}
	}
	return at, on
}

// Tick runs the timers that are due. It may be called at any time.
func (c *Conn) Tick(now Time) {
	if c.delack.due(now) {
		c.ackNow = true
	}
	if c.rtx.due(now) {
		c.retransmissionTimeout(now)
	}
	if c.idle.due(now) {
		c.idleTimeout(now)
	}
}
