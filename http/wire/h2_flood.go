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
	// maxSettings bounds the parameters of one SETTINGS frame: each window
	// size among them is work for every open stream. Nine are registered
	// (RFC 9113 §11.3 and later), and clients add one that means nothing
	// (RFC 8701).
	maxSettings = 32
	// updatesPerData is how many WINDOW_UPDATE frames each DATA frame that we
	// send explains: one for the stream and one for the connection, twice. The
	// others have no effect that anybody wants, and count as such.
	updatesPerData = 4
	// sliver is how short a piece of a response is that only a small window
	// makes of it, and maxSlivers bounds how many more of them than of longer
	// pieces there may be: a client that grants a byte at a time makes us
	// spend a frame on each (CVE-2019-9511).
	sliver     = 256
	maxSlivers = 1000
)

// h2Floods counts such frames. Only the reading goroutine does.
type h2Floods struct {
	since                 time.Time
	resets, answers, idle int
	slivers               int
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

// h2Sent counts DATA frames that were sent. The connection's mutex guards it.
type h2Sent struct {
	explained int // WINDOW_UPDATE frames that they explain
	slivers   int // since they were last looked at
}

// frame counts one of n bytes; cut tells that a window made it that short.
func (s *h2Sent) frame(n int, cut bool) {
	s.explained = min(s.explained+updatesPerData, maxIdle)
	if cut && n < sliver {
		s.slivers++
	} else {
		s.slivers--
	}
}

// windowUpdate counts a WINDOW_UPDATE. The connection's mutex is held.
func (f *h2Floods) windowUpdate(sent *h2Sent) error {
	f.tick()
	f.slivers = max(f.slivers+sent.slivers, 0)
	sent.slivers = 0
	if f.slivers > maxSlivers {
		return broken(http2.ErrCodeEnhanceYourCalm, "windows of less than %d bytes more than %d times in %v", sliver, maxSlivers, floodPeriod)
	}
	if sent.explained > 0 {
		sent.explained--
		return nil
	}
	return f.control()
}
