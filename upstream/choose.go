package upstream

import (
	"slices"
	"time"

	"waypost/cdn"
)

// maxParents bounds the parents asked for one request: the last try is the
// origin's.
const maxParents = maxTries - 1

// next is the server to ask now, of those that were not tried yet: a parent
// that is well, else a server of the origin that is. Failing that, it is the
// ill one that is due soonest, and fine is false. Nobody is refused because
// all servers are ill: that would make a short failure of the only one last as
// long as the back-off.
func (u *Upstream) next(key []byte, tried []*server, now time.Time) (s *server, fine bool) {
	if s := u.nextParent(key, tried, now); s != nil {
		return s, true
	}
	var left []*server
	for _, s := range u.servers {
		if !slices.Contains(tried, s) {
			left = append(left, s)
		}
	}
	if u.choice == cdn.ByTurns {
		if s := u.byTurns(left, now); s != nil {
			return s, true
		}
	}
	var resort *server
	for _, s := range left {
		if s.health.admits(now) {
			return s, true
		}
		if resort == nil || s.health.back().Before(resort.health.back()) {
			resort = s
		}
	}
	return resort, false
}

// byTurns chooses among the servers that are well so that each gets its share
// by weight, and none several at once (smooth weighted round robin).
func (u *Upstream) byTurns(left []*server, now time.Time) *server {
	u.mu.Lock()
	var best *server
	total := 0
	for _, s := range left {
		if !s.health.seems(now) {
			continue
		}
		s.turn += s.weight
		total += s.weight
		if best == nil || s.turn > best.turn {
			best = s
		}
	}
	if best != nil {
		best.turn -= total
	}
	u.mu.Unlock()
	if best == nil || !best.health.admits(now) {
		return nil
	}
	return best
}
