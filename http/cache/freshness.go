package cache

import (
	"slices"
	"time"

	"waypost/http/field"
)

// basis is what a freshness lifetime rests on.
type basis uint8

const (
	noBasis basis = iota
	bySMaxAge
	byMaxAge
	byExpires
	byDefault
	byHeuristic
)

// plan is what the fields of a response mean to a cache with certain rules,
// read once. It holds all that [Use] looks at.
type plan struct {
	made bool
	// The rules that it was made by.
	shared                   bool
	defaultTTL, heuristicMax time.Duration
	targeted                 []string

	control    control
	governs    string // the targeted field that decides; "" for Cache-Control and Expires
	basis      basis
	invalid    bool // the lifetime is 0 because what states it is invalid
	lifetime   time.Duration
	initialAge time.Duration
	etag       bool // there is an entity tag
	modified   bool // there is a valid Last-Modified
	varies     bool // there is a Vary field
	any        bool // Vary holds "*"
	vary       []string
	madeAt     time.Time
}

// Compile reads once the fields of r that decide, so that [Use] need not.
// It is called before r is shared. Rules that differ later cost time, not
// correctness: Use then reads the fields anew.
func (r *Response) Compile(rules *Rules) {
	r.plan = readPlan(rules, r)
	r.plan.vary = varyNames(r.Fields)
	r.plan.madeAt = madeAt(r)
	r.plan.made = true
}

// fits reports whether the plan was made by such rules.
func (p *plan) fits(rules *Rules) bool {
	return p.made && p.shared == rules.Shared && p.defaultTTL == rules.DefaultTTL &&
		p.heuristicMax == rules.HeuristicMax && slices.Equal(p.targeted, rules.Targeted)
}

func readPlan(rules *Rules, r *Response) plan {
	p := plan{
		shared: rules.Shared, targeted: rules.Targeted,
		defaultTTL: rules.DefaultTTL, heuristicMax: rules.HeuristicMax,
	}
	if len(rules.Targeted) > 0 {
		p.governs = p.control.readTargeted(r.Fields, rules.Targeted, rules.Shared)
	}
	if p.governs == "" {
		p.control.readCacheControl(r.Fields, rules.Shared)
	}
	p.etag = r.Fields.Has("ETag")
	_, p.modified = dateField(r, "Last-Modified")
	p.varies = r.Fields.Has("Vary")
	p.any = p.varies && r.Fields.Contains("Vary", "*")
	p.initialAge = initialAge(r)
	p.setLifetime(rules, r)
	return p
}

// setLifetime is RFC 9111 §4.2.1, the first that applies.
func (p *plan) setLifetime(rules *Rules, r *Response) {
	c := &p.control
	switch {
	case rules.Shared && c.sMaxAge.given:
		p.basis, p.lifetime, p.invalid = bySMaxAge, c.sMaxAge.value, c.sMaxAge.invalid
	case c.maxAge.given:
		p.basis, p.lifetime, p.invalid = byMaxAge, c.maxAge.value, c.maxAge.invalid
	case p.governs == "" && r.Fields.Has("Expires"):
		p.basis = byExpires
		p.lifetime, p.invalid = expires(r)
	case !heuristicallyCacheable(r.Status) && !c.has(public):
		// RFC 9111 §4.2.2: no guess for other responses.
	case rules.DefaultTTL > 0:
		p.basis, p.lifetime = byDefault, rules.DefaultTTL
	case rules.HeuristicMax > 0:
		if p.lifetime = heuristic(r); p.lifetime > 0 {
			p.basis, p.lifetime = byHeuristic, min(p.lifetime, rules.HeuristicMax)
		}
	}
	if c.broken {
		p.lifetime, p.invalid = 0, true
	}
}

// explicit reports whether the response itself states when it expires.
func (p *plan) explicit() bool {
	return p.basis == bySMaxAge || p.basis == byMaxAge || p.basis == byExpires
}

// expires is the lifetime that the Expires field gives: its value minus
// Date, or the time of receipt where there is no Date. An invalid date means
// "already expired" (RFC 9111 §5.3).
func expires(r *Response) (lifetime time.Duration, invalid bool) {
	at, ok := dateField(r, "Expires")
	if !ok {
		return 0, true
	}
	date, ok := dateField(r, "Date")
	if !ok {
		date = r.Received
	}
	return since(at, date), false
}

// heuristic is a tenth of the time for which the representation has already
// been as it is (RFC 9111 §4.2.2).
func heuristic(r *Response) time.Duration {
	modified, ok := dateField(r, "Last-Modified")
	if !ok {
		return 0
	}
	date, ok := dateField(r, "Date")
	if !ok {
		date = r.Received
	}
	return since(date, modified) / 10
}

// Lifetime is the freshness lifetime of r (RFC 9111 §4.2.1): 0 where it is
// stale at once, or nothing gives it one.
func Lifetime(rules *Rules, r *Response) time.Duration {
	if r.plan.fits(rules) {
		return r.plan.lifetime
	}
	p := readPlan(rules, r)
	return p.lifetime
}

// heuristicallyCacheable are the status codes of RFC 9110 §15.1, but for 206:
// partial responses are not stored.
func heuristicallyCacheable(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// understood reports whether the caching rules of a status code are known
// and followed here (RFC 9111 §3): those of RFC 9110 §15, but for 206 and
// 304, which are not stored.
func understood(status int) bool {
	switch {
	case status >= 200 && status <= 205, status >= 300 && status <= 303, status == 305,
		status == 307, status == 308, status >= 400 && status <= 417,
		status == 421, status == 422, status == 426, status >= 500 && status <= 505:
		return true
	}
	return false
}

// validators reports whether the origin can be asked whether r still holds.
// RFC 9111 §4.3.4 has 304 update stored 200 responses; a 203 is a 200 that
// was transformed on its way.
func (p *plan) validators(r *Response) bool {
	return (r.Status == 200 || r.Status == 203) && (p.etag || p.modified)
}

// varyNames are the members of Vary, each once.
func varyNames(f field.Fields) []string {
	var names []string
	for name := range f.All("Vary") {
		if !slices.ContainsFunc(names, func(n string) bool { return field.Is(n, name) }) {
			names = append(names, name)
		}
	}
	return names
}
