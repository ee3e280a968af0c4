package journey

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"waypost/trace"
)

// subject is one thing that an expectation can be about: an event of the
// record, a frame, or a state.
type subject struct {
	at       time.Time
	took     time.Duration
	station  string
	trace    trace.ID
	value    reflect.Value // of the noun's shape
	decision *trace.Decision
	id       int // tells subjects of one moment apart
}

// metaValues are the values of an attribute that every subject has.
func (s *subject) metaValues(name string, m moment) []reflect.Value {
	var v any
	switch name {
	case "time":
		v = s.at.Sub(m.scene)
	case "clock":
		v = s.at.Sub(m.clock)
	case "later":
		if m.last.IsZero() {
			return nil
		}
		v = s.at.Sub(m.last)
	case "took":
		v = s.took
	case "station":
		v = s.station
	default:
		if s.decision == nil {
			return nil
		}
		d := s.decision
		v = map[string]string{"verdict": d.Verdict, "reason": d.Reason, "clause": d.Clause, "because": d.Because, "remedy": d.Remedy}[name]
	}
	return []reflect.Value{reflect.ValueOf(v)}
}

// values are what a condition looks at.
func (s *subject) values(c *condition, m moment) []reflect.Value {
	if c.meta != "" {
		return s.metaValues(c.meta, m)
	}
	return lookup(s.value, c.path)
}

// fulfils counts the conditions of c that s fulfils.
func (c *clause) fulfils(s *subject, m moment) (kept, all int) {
	for i := range c.all() {
		all++
		cond := c.at(i)
		if cond.holds(s.values(cond, m)) {
			kept++
		}
	}
	return kept, all
}

// all is how many conditions there are, the station among them.
func (c *clause) all() int {
	if c.station != nil {
		return len(c.conditions) + 1
	}
	return len(c.conditions)
}

// at is the i-th of them, the station first.
func (c *clause) at(i int) *condition {
	if c.station != nil {
		if i == 0 {
			return c.station
		}
		i--
	}
	return &c.conditions[i]
}

func (c *clause) matches(s *subject, m moment) bool {
	kept, all := c.fulfils(s, m)
	return kept == all
}

// thread is how far the expectations of a scene have come: what they find
// next happened no earlier, and was not found before. Things of one moment
// have no order among themselves: virtual time gives many of them the same.
type thread struct {
	time time.Time
	used map[int]bool // those of that moment
}

// follows reports whether s may be found next.
func (t *thread) follows(s *subject) bool {
	switch d := s.at.Compare(t.time); {
	case d < 0:
		return false
	case d == 0:
		return !t.used[s.id]
	}
	return true
}

// pass moves on to s.
func (t *thread) pass(s *subject) {
	if !s.at.Equal(t.time) {
		t.time, t.used = s.at, map[int]bool{}
	}
	t.used[s.id] = true
}

// finding is what came of trying an expectation.
type finding struct {
	ok    bool
	found *subject // what moved the thread on; nil where nothing did
	count int      // of those that matched, where they were counted
	// wrong are subjects that should not be there.
	wrong []*subject
	// early matched before the thread's place.
	early *subject
	// noEnd: what until speaks of was not found.
	noEnd bool
}

// try holds the expectation against the subjects of its scene, which are in
// the order of time. It does not move the thread.
func (e *expectation) try(wanted, ends []*subject, t *thread, m moment) finding {
	var f finding
	afterwards := e.afterwards || e.until != nil
	var end *subject
	if e.until != nil {
		for _, s := range ends {
			if t.follows(s) && e.until.matches(s, m) {
				end = s
				break
			}
		}
		if end == nil {
			f.noEnd = true
			return f
		}
		f.found = end
	}
	seen := 0
	for _, s := range wanted {
		if e.wanted.noun.moment {
			if end != nil && s.at.After(end.at) {
				break
			}
			if (afterwards || e.quest == "one") && !t.follows(s) {
				if f.early == nil && e.wanted.matches(s, m) {
					f.early = s
				}
				continue
			}
		}
		if e.quest == "every" && e.wanted.station != nil && !e.wanted.station.holds(s.values(e.wanted.station, m)) {
			continue // every one at that station
		}
		seen++
		ok := e.wanted.matches(s, m)
		switch {
		case e.quest == "one" && ok:
			f.ok = true
			if e.wanted.noun.moment {
				f.found = s
			}
			return f
		case ok:
			f.count++
			if e.quest == "never" {
				f.wrong = append(f.wrong, s)
			}
		case e.quest == "every":
			f.wrong = append(f.wrong, s)
		}
	}
	switch e.quest {
	case "never":
		f.ok = f.count == 0
	case "every":
		f.ok = seen > 0 && len(f.wrong) == 0
	case "count":
		f.ok = e.count.holds(float64(f.count))
	}
	return f
}

// closest returns the subjects that fulfil most of the conditions, best
// first, no more than n.
func (c *clause) closest(subjects []*subject, m moment, n int) []*subject {
	type graded struct {
		*subject
		kept int
	}
	var all []graded
	for _, s := range subjects {
		kept, _ := c.fulfils(s, m)
		all = append(all, graded{s, kept})
	}
	slices.SortStableFunc(all, func(a, b graded) int { return cmp.Compare(b.kept, a.kept) })
	var best []*subject
	for _, g := range all[:min(n, len(all))] {
		best = append(best, g.subject)
	}
	return best
}
