package node

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"waypost/edge"
	"waypost/fault"
	"waypost/upstream"
)

const (
	// troublePeriod has a line at most for each kind of failure of each site's
	// origin: where one fails, all requests to it do.
	troublePeriod = time.Minute
	// maxTroubles bounds the kinds of failure of sites that are remembered for
	// that: more than a large configuration has at a time.
	maxTroubles = 4096
	// maxTroubleText bounds the text of one, which may quote what an origin
	// sent.
	maxTroubleText = 512
)

// troubles logs what goes wrong on the way to the origins. It is safe for
// concurrent use.
type troubles struct {
	mu   sync.Mutex
	last map[troubleKind]*troubleCount
}

type troubleKind struct {
	site string
	kind fault.Kind
}

// troubleCount is when the latest line of a kind was written, and how many
// requests had none since.
type troubleCount struct {
	at      time.Time
	dropped int
}

// log writes a line for a request to an origin that came to nothing, unless
// there has been one of its kind lately: then the next says how many had none.
func (s *troubles) log(to *slog.Logger, t edge.Trouble) {
	s.mu.Lock()
	now := time.Now()
	key := troubleKind{t.Site, t.Kind}
	c := s.last[key]
	if c != nil && now.Sub(c.at) < troublePeriod {
		c.dropped++
		s.mu.Unlock()
		return
	}
	if c == nil {
		if s.last == nil || len(s.last) >= maxTroubles {
			s.last = map[troubleKind]*troubleCount{}
		}
		c = &troubleCount{}
		s.last[key] = c
	}
	dropped := c.dropped
	c.at, c.dropped = now, 0
	s.mu.Unlock()
	what := "a request to the origin came to nothing"
	if t.Kind == fault.ProxyLoopDetected {
		what = "a parent refuses requests as going round in a circle: it is passed over"
	}
	to.Warn(what, "site", t.Site, "fault", string(t.Kind), "server", t.Server,
		"error", told(t.Err.Error()), "not_logged", dropped)
}

// logHealth writes a line for a server that has fallen ill or is well again.
func logHealth(to *slog.Logger, site string, c upstream.Change) {
	what := "an origin server"
	if c.Parent {
		what = "a parent"
	}
	by := "requests"
	if c.Check {
		by = "checks"
	}
	if c.Up {
		to.Info(what+" is well again", "site", site, "server", c.Server, "by", by)
		return
	}
	to.Warn(what+" is ill: it is passed over while there is another", "site", site, "server", c.Server, "by", by,
		"in_a_row", c.InARow, "left_alone", c.LeftAlone, "error", told(c.Reason))
}

// told is an error's text as it goes into the log: its beginning, and URLs
// without their queries, which may hold signatures and the like.
func told(s string) string {
	var b strings.Builder
	for {
		before, after, cut := strings.Cut(s, "?")
		b.WriteString(before)
		if !cut || b.Len() >= maxTroubleText {
			break
		}
		b.WriteString("?...")
		s = ""
		if i := strings.IndexByte(after, ' '); i >= 0 { // there is none in a query
			if i > 0 && after[i-1] == ':' {
				i--
			}
			s = after[i:]
		}
	}
	return b.String()[:min(b.Len(), maxTroubleText)]
}
