package cache

import "time"

// Use says whether stored may answer req now (RFC 9111 §4). stored is what
// the request selects, or nil when nothing is stored. It does not allocate
// when stored was compiled by these rules.
//
// Preconditions and Range are not its business: a hit may still be answered
// by 304 ([NotModified]) or 206 ([ParseRange]).
func Use(now time.Time, rules *Rules, req *Request, stored *Response) Verdict {
	if req.Method != "GET" && req.Method != "HEAD" {
		return Verdict{Action: Pass, why: methodNotCached}
	}
	w := readWishes(rules, req.Fields)
	if w.forOrigin {
		return Verdict{Action: Pass, why: preconditionForOrigin}
	}
	v := Verdict{Action: Miss, why: nothingStored}
	if stored != nil {
		v = judge(now, rules, &w, stored)
	}
	if w.onlyIfCached && !v.Serves() {
		v.Action, v.why = Unsatisfiable, onlyIfCached
	}
	return v
}

// Lookup is [Select] and [Use] in one: index is the variant that the verdict
// is about, or -1 when the request selects none.
func Lookup(now time.Time, rules *Rules, req *Request, variants []*Response) (index int, v Verdict) {
	index = Select(rules, req.Fields, variants)
	if index >= 0 {
		return index, Use(now, rules, req, variants[index])
	}
	v = Use(now, rules, req, nil)
	if v.why == nothingStored && len(variants) > 0 {
		v.why = noVariant
	}
	return -1, v
}

// judge goes down the conditions of RFC 9111 §4 for a response whose key and
// variant match.
func judge(now time.Time, rules *Rules, w *wishes, r *Response) Verdict {
	p := &r.plan
	var read plan
	if !p.fits(rules) {
		read = readPlan(rules, r)
		p = &read
	}
	v := Verdict{Action: Hit, why: fresh, Age: p.age(now, r), Lifetime: p.lifetime}
	isFresh := v.Lifetime > v.Age
	left := v.Lifetime - v.Age
	switch {
	case rules.Mode == HardReload:
		v.Action, v.why = Miss, hardReload
		return v
	case p.control.has(noCache):
		return v.confirm(p, r, responseNoCache)
	case rules.Mode == Reload && isFresh && p.control.has(immutable):
		v.why = freshImmutable // RFC 8246 §2
		return v
	case rules.Mode == Reload:
		return v.confirm(p, r, reload)
	case w.noCache:
		return v.confirm(p, r, requestNoCache)
	case w.pragma:
		return v.confirm(p, r, requestPragma)
	case w.maxAge.given && v.Age > w.maxAge.value:
		v.limit = w.maxAge.value
		return v.confirm(p, r, requestMaxAge)
	case isFresh && w.minFresh.given && left < w.minFresh.value:
		v.limit = w.minFresh.value
		return v.confirm(p, r, requestMinFresh)
	case isFresh:
		return v
	}
	return v.stale(p, w, r)
}

// stale goes down RFC 9111 §4.2.4: what allows to serve a stale response.
func (v Verdict) stale(p *plan, w *wishes, r *Response) Verdict {
	staleness := v.Age - v.Lifetime
	switch {
	case p.mustRevalidate():
		return v.confirm(p, r, staleMustRevalidate)
	case w.takesStale(staleness) && !p.sharedMaxAge():
		v.Action, v.why, v.limit = Stale, requestMaxStale, w.maxStale.value
		return v
	case w.maxAge.given || w.minFresh.given:
		// RFC 9111 §5.2.1.1: such a client does not want a stale response.
		return v.confirm(p, r, stale)
	case p.control.staleWhileRevalidate.given && staleness <= p.control.staleWhileRevalidate.value:
		v.Action, v.why, v.limit = StaleWhileRevalidate, staleWindow, p.control.staleWhileRevalidate.value
		return v
	}
	return v.confirm(p, r, stale)
}

// confirm asks the origin: with validators where there are any.
func (v Verdict) confirm(p *plan, r *Response, why reason) Verdict {
	v.Action, v.why = Miss, why
	if p.validators(r) {
		v.Action = Validate
	}
	return v
}

// mustRevalidate reports whether the response forbids to be served stale,
// whatever else permits it (RFC 9111 §5.2.2.2, §5.2.2.8).
func (p *plan) mustRevalidate() bool {
	return p.control.has(mustRevalidate) || p.shared && p.control.has(proxyRevalidate)
}

// sharedMaxAge reports whether s-maxage forbids a shared cache to serve the
// response stale (RFC 9111 §5.2.2.10). We let stale-while-revalidate and
// stale-if-error in the same field modify it, as extensions modify the
// directives that they come with (§5.2.3): whoever writes them next to
// s-maxage has shared caches in mind.
func (p *plan) sharedMaxAge() bool {
	return p.shared && p.control.sMaxAge.given
}

// OnError says whether stored may serve although the origin failed: status
// is its 5xx, or 0 when it could not be reached or did not answer. The
// action is StaleIfError, or Miss (RFC 5861 §4, RFC 9111 §4.2.4).
func OnError(now time.Time, rules *Rules, req *Request, stored *Response, status int) Verdict {
	v := Verdict{Action: Miss, why: nothingStored}
	if stored == nil || req.Method != "GET" && req.Method != "HEAD" {
		return v
	}
	w := readWishes(rules, req.Fields)
	p := &stored.plan
	var read plan
	if !p.fits(rules) {
		read = readPlan(rules, stored)
		p = &read
	}
	v.Age, v.Lifetime = p.age(now, stored), p.lifetime
	staleness := v.Age - v.Lifetime
	switch {
	case status != 0 && status != 500 && status != 502 && status != 503 && status != 504:
		v.why = noError
		return v
	case rules.Mode != Normal || w.noCache || w.pragma || w.forOrigin:
		v.why = errorUnwanted
		return v
	case p.control.has(noCache):
		v.why = errorNoCache
		return v
	case staleness < 0:
		v.Action, v.why = StaleIfError, errorStillFresh
		return v
	case p.mustRevalidate():
		v.why = errorMustRevalidate
		return v
	}
	for _, permit := range [...]struct {
		given  bool
		window time.Duration
		why    reason
	}{
		{p.control.staleIfError.given, p.control.staleIfError.value, errorWindow},
		{w.staleIfError.given && !p.sharedMaxAge(), w.staleIfError.value, errorRequested},
		{!p.control.staleIfError.given && !p.sharedMaxAge(), rules.StaleIfError, errorConfigured},
	} {
		if permit.given && permit.window > 0 && staleness <= permit.window {
			v.Action, v.why, v.limit = StaleIfError, permit.why, permit.window
			return v
		}
	}
	v.why = errorTooStale
	if p.sharedMaxAge() && !p.control.staleIfError.given {
		v.why = errorMustRevalidate
	}
	return v
}
