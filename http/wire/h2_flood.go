package wire

import (
	"time"

	"golang.org/x/net/http2"
)

// The limits on what costs the peer nothing and us something, each counted
// over floodPeriod. A client that works reaches none of them.
const (
	floodPeriod = 10 * time.Second
	// maxResets bounds streams that the peer resets, or makes us reset,
	// before their end: each has started a handler ("rapid reset",
	// CVE-2023-44487). A browser that leaves a page resets a hundred.
	maxResets = 500
	// maxAnswered bounds PING and SETTINGS, which have to be answered. gRPC
	// measures bandwidth with a PING per round trip at worst.
	maxAnswered = 1000
	// maxIdle bounds frames that are read and have no effect: PRIORITY,
	// unknown ones, DATA without data, frames on closed streams. A client
	// whose upload is refused has a window's worth of DATA under way.
	maxIdle = 5000
)

// h2Floods counts such frames. Only the reading goroutine does.
type h2Floods struct {
	since                 time.Time
	resets, answers, idle int
}

// tick begins a new period when the last one is over.
func (f *h2Floods) tick() {
	if now := time.Now(); now.Sub(f.since) > floodPeriod {
		*f = h2Floods{since: now}
	}
}

func (f *h2Floods) reset() error {
	f.tick()
	if f.resets++; f.resets > maxResets {
		return broken(http2.ErrCodeEnhanceYourCalm, "more than %d streams reset in %v", maxResets, floodPeriod)
	}
	return nil
}

func (f *h2Floods) answered() error {
	f.tick()
	if f.answers++; f.answers > maxAnswered {
		return broken(http2.ErrCodeEnhanceYourCalm, "more than %d PING and SETTINGS in %v", maxAnswered, floodPeriod)
	}
	return nil
}

func (f *h2Floods) control() error {
	f.tick()
	if f.idle++; f.idle > maxIdle {
		return broken(http2.ErrCodeEnhanceYourCalm, "more than %d frames without effect in %v", maxIdle, floodPeriod)
	}
	return nil
}
