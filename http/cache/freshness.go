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
	byPurge
)

// plan is what the fields of a response mean to a cache with certain rules,
// read once. It holds all that [Use] looks at, and is part of each stored
// response, so it is kept small.
type plan struct {
	rules      *Rules // by which it was made; nil: not made
	flags      flag
	basis      basis
	lifetime   time.Duration
	initialAge time.Duration
	// How long it may serve stale while it is confirmed, and when the origin
	// fails; -1 where the response does not say.
	staleWhileRevalidate time.Duration
	staleIfError         time.Duration
	validator            Validator
	vary                 []string // the members of Vary; only in a compiled response
}

func (p *plan) has(f flag) bool { return p.flags&f != 0 }

// reading is a plan with what only storing and explaining need.
type reading struct {
	plan
	control control
	// governs is the targeted field that decides; "" for Cache-Control and
	// Expires.
	governs string
}

// Compile reads once the fields of r that decide, so that [Use] need not.
// It is called before r is shared. Rules that differ later cost time, not
// correctness: Use then reads the fields anew.
func (r *Response) Compile(rules *Rules) {
	r.plan = read(rules, r).plan
	r.plan.vary = varyNames(r.Fields)
	r.plan.rules = rules
}

// compiled returns r's plan if it was made by such rules, or else nil. The
// mode of a browser's load changes nothing in it.
func (r *Response) compiled(rules *Rules) *plan {
	was := r.plan.rules
	if was == rules {
		return &r.plan
	}
	if was == nil || was.Shared != rules.Shared || was.DefaultTTL != rules.DefaultTTL ||
		was.HeuristicMax != rules.HeuristicMax || !slices.Equal(was.Targeted, rules.Targeted) {
		return nil
	}
	return &r.plan
}

func read(rules *Rules, r *Response) reading {
	var d reading
	c := &d.control
	if len(rules.Targeted) > 0 {
		d.governs = c.readTargeted(r.Fields, rules.Targeted, rules.Shared)
	}
	if d.governs == "" {
		c.readCacheControl(r.Fields, rules.Shared)
	}
	d.flags = c.flags
	d.set(neverStale, c.has(mustRevalidate) || rules.Shared && c.has(proxyRevalidate))
	d.set(sharedMaxAge, rules.Shared && c.sMaxAge.given)
	d.set(varies, r.Fields.Has("Vary"))
	d.set(varyAny, d.has(varies) && selectsByAnything(r.Fields))
	d.validator = readValidator(r)
	d.set(confirmable, validatable(r.Status) &&
		(d.validator.ETag != "" || !d.validator.LastModified.IsZero()))
	d.staleWhileRevalidate = c.staleWhileRevalidate.window()
	d.staleIfError = c.staleIfError.window()
	d.initialAge = initialAge(r)
	d.setLifetime(rules, r)
	return d
}

func (p *plan) set(f flag, yes bool) {
	if yes {
		p.flags |= f
	}
}

// setLifetime is RFC 9111 §4.2.1, the first that applies.
func (d *reading) setLifetime(rules *Rules, r *Response) {
	c, invalid := &d.control, false
	switch {
	case rules.Shared && c.sMaxAge.given:
		d.basis, d.lifetime, invalid = bySMaxAge, c.sMaxAge.value, c.sMaxAge.invalid
	case c.maxAge.given:
		d.basis, d.lifetime, invalid = byMaxAge, c.maxAge.value, c.maxAge.invalid
	case d.governs == "" && r.Fields.Has("Expires"):
		d.basis = byExpires
		d.lifetime, invalid = expires(r)
	case !heuristicallyCacheable(r.Status) && !c.has(public):
		// RFC 9111 §4.2.2: no guess for other responses.
	case rules.DefaultTTL > 0:
		d.basis, d.lifetime = byDefault, rules.DefaultTTL
	case rules.HeuristicMax > 0:
		if d.lifetime = heuristic(r); d.lifetime > 0 {
			d.basis, d.lifetime = byHeuristic, min(d.lifetime, rules.HeuristicMax)
		}
	}
	if c.broken {
		d.lifetime, invalid = 0, true
	}
	d.set(invalidLifetime, invalid)
	if !r.Purged.IsZero() {
		if until := plus(d.initialAge, since(r.Purged, r.Received)); until < d.lifetime {
			d.basis, d.lifetime = byPurge, until
		}
	}
}

// Expired returns r as it is after its owner ended its freshness at now (a
// soft purge): stale, but still there to be confirmed, and to serve stale
// where it may. Like r it is compiled.
func (r *Response) Expired(now time.Time) *Response {
	out := *r
	out.Purged = now
	if r.plan.rules != nil {
		out.Compile(r.plan.rules)
	}
	return &out
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
	if p := r.compiled(rules); p != nil {
		return p.lifetime
	}
	return read(rules, r).lifetime
}

// heuristicallyCacheable are the status codes of RFC 9110 §15.1.
func heuristicallyCacheable(status int) bool {
	switch status {
	case 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// understood reports whether the caching rules of a status code are known
// and followed here (RFC 9111 §3): those of RFC 9110 §15, but for 304, which
// is not stored.
func understood(status int) bool {
	switch {
	case status >= 200 && status <= 206, status >= 300 && status <= 303, status == 305,
		status == 307, status == 308, status >= 400 && status <= 417,
		status == 421, status == 422, status == 426, status >= 500 && status <= 505:
		return true
	}
	return false
}

// maxVary is how many fields a response may be selected by. Each lookup
// compares them all; a longer list is no selection but an accident, and
// counts as "*".
const maxVary = 32

// selectsByAnything reports whether Vary holds "*", or is as good as that.
func selectsByAnything(f field.Fields) bool {
	n := 0
	for name := range f.All("Vary") {
		if n++; name == "*" || n > maxVary {
			return true
		}
	}
	return false
}

// varyNames are the members of Vary, each once, and no more than maxVary.
func varyNames(f field.Fields) []string {
	var names []string
	for name := range f.All("Vary") {
		if len(names) == maxVary {
			break
		}
		if !slices.ContainsFunc(names, func(n string) bool { return field.Is(n, name) }) {
			names = append(names, name)
		}
	}
	return names
}
