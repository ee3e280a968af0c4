package wire

import (
	"sync"
	"time"
)

// h3Floods counts what costs the peer nothing and us something, over
// floodPeriod and with the bounds of HTTP/2 (h2_flood.go). Every stream has
// its reader, so it has a lock. PING and the flow of credit are QUIC's, which
// bounds them itself.
type h3Floods struct {
	mu           sync.Mutex
	since        time.Time
	resets, idle int
}

func (f *h3Floods) tick() {
	if now := time.Now(); now.Sub(f.since) > floodPeriod {
		f.since, f.resets, f.idle = now, 0, 0
	}
}

// reset counts a request that the peer resets, or makes us reset.
func (f *h3Floods) reset() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tick()
	if f.resets++; f.resets > maxResets {
		return breaks(h3ExcessiveLoad, "more than %d streams reset in %v", maxResets, floodPeriod)
	}
	return nil
}

// control counts what is read and has no effect: unknown frames and streams,
// GOAWAY, pieces of a payload that is skipped.
func (f *h3Floods) control() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tick()
	if f.idle++; f.idle > maxIdle {
		return breaks(h3ExcessiveLoad, "more than %d frames without effect in %v", maxIdle, floodPeriod)
	}
	return nil
}
