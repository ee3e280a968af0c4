package cache

import (
	"strings"
	"time"

	"waypost/http/field"
)

// Age is the current age of r: the time since the origin made or last
// confirmed it, as far as r tells (RFC 9111 §4.2.3). It is never negative
// and never shrinks as now grows.
func Age(now time.Time, r *Response) time.Duration {
	if r.plan.rules != nil {
		return r.plan.age(now, r)
	}
	return plus(initialAge(r), since(now, r.Received))
}

// age is Age with the constant part read beforehand.
func (p *plan) age(now time.Time, r *Response) time.Duration {
	return plus(p.initialAge, since(now, r.Received))
}

// initialAge is corrected_initial_age of RFC 9111 §4.2.3: the greater of
// what the Age field and the Date field say at the time of receipt.
func initialAge(r *Response) time.Duration {
	apparent := time.Duration(0)
	if date, ok := dateField(r, "Date"); ok {
		// Date has whole seconds; so has the clock that it is compared with,
		// or each response would be born up to a second old.
		apparent = since(r.Received.Truncate(time.Second), date)
	}
	value, _ := ageField(r.Fields)
	corrected := plus(value, since(r.Received, r.Asked))
	if r.Asked.IsZero() {
		corrected = value
	}
	return max(apparent, corrected)
}

// ageField reads the Age field: its first line, and the first member where
// that is a list. What is no number is ignored (RFC 9111 §5.1).
func ageField(f field.Fields) (time.Duration, bool) {
	value, _, _ := strings.Cut(f.Get("Age"), ",")
	return deltaSeconds(trim(value))
}

// dateField reads a field that holds one HTTP-date. Several lines that
// differ are no date.
func dateField(r *Response, name string) (time.Time, bool) {
	value, seen := "", false
	for i := range r.Fields {
		if !field.Is(r.Fields[i].Name, name) {
			continue
		}
		if seen && r.Fields[i].Value != value {
			return time.Time{}, false
		}
		value, seen = r.Fields[i].Value, true
	}
	if !seen {
		return time.Time{}, false
	}
	return parseDate(trim(value), r.Received)
}

// since is later minus earlier, and 0 where the clock ran backwards.
func since(later, earlier time.Time) time.Duration {
	return max(0, later.Sub(earlier))
}

// plus adds two durations that are not negative, without running over.
func plus(a, b time.Duration) time.Duration {
	if s := a + b; s >= a {
		return s
	}
	return 1<<63 - 1
}
