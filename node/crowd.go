package node

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"waypost/http/wire"
)

// crowdPeriod has a line at most about connections that were one too many for
// their client: who opens them opens thousands.
const crowdPeriod = time.Minute

// crowd logs them. It is safe for concurrent use.
type crowd struct {
	mu      sync.Mutex
	last    time.Time // when the latest line was written
	dropped int       // since then
}

// log writes a line for a connection that was closed, unless there has been
// one lately: then the next says how many had none.
func (c *crowd) log(to *slog.Logger, role string, remote netip.AddrPort, most int) {
	c.mu.Lock()
	now := time.Now()
	if !c.last.IsZero() && now.Sub(c.last) < crowdPeriod {
		c.dropped++
		c.mu.Unlock()
		return
	}
	dropped := c.dropped
	c.last, c.dropped = now, 0
	c.mu.Unlock()
	to.Warn("a client has as many connections as one may have; those beyond it are closed", "role", role,
		"client", wire.ClientOf(remote.Addr()).String(), "connections", most, "not_logged", dropped)
}
