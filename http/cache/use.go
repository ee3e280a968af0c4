package cache

import "time"

// Use says whether stored may answer req now (RFC 9111 §4). stored is what
// the request selects, or nil when nothing is stored. It does not allocate
// when stored was compiled by these rules.
//
// Preconditions and Range are not its business: a hit may still be answered
// by 304 ([NotModified]) or 206 ([ParseRange]).
func Use(now time.Time, rules *Rules, req *Request, stored *Response) Verdict {
	if !isRead(req.Method) {
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

// isRead reports whether a stored GET answers such a request (RFC 9111 §4).
func isRead(method string) bool {
	switch method {
	case "GET", "HEAD":
		return true
	}
	return false
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
	p := r.compiled(rules)
	if p == nil {
		now := read(rules, r)
		p = &now.plan
	}
	v := Verdict{Action: Hit, why: fresh, Age: p.age(now, r), Lifetime: p.lifetime}
	isFresh := v.Lifetime > v.Age
	left := v.Lifetime - v.Age
	switch {
	case rules.Mode == HardReload:
		v.Action, v.why = Miss, hardReload
		return v
	case p.has(noCache):
		return v.confirm(p, responseNoCache)
	case rules.Mode == Reload && isFresh && p.has(immutable):
		v.why = freshImmutable // RFC 8246 §2
		return v
	case rules.Mode == Reload:
		return v.confirm(p, reload)
	case w.noCache:
		return v.confirm(p, requestNoCache)
	case w.pragma:
		return v.confirm(p, requestPragma)
	case w.maxAge.given && v.Age > w.maxAge.value:
		v.limit = w.maxAge.value
		return v.confirm(p, requestMaxAge)
	case isFresh && w.minFresh.given && left < w.minFresh.value:
		v.limit = w.minFresh.value
		return v.confirm(p, requestMinFresh)
	case isFresh:
		return v
	}
	return v.stale(p, w)
}

// stale goes down RFC 9111 §4.2.4: what allows to serve a stale response.
func (v Verdict) stale(p *plan, w *wishes) Verdict {
	staleness := v.Age - v.Lifetime
	switch {
	case p.has(neverStale):
		return v.confirm(p, staleMustRevalidate)
	case p.has(sharedMaxAge) && p.staleWhileRevalidate < 0:
		// RFC 9111 §5.2.2.10: s-maxage forbids a shared cache to serve stale.
		// We let stale-while-revalidate and stale-if-error in the same field
		// modify that, as extensions modify the directives that they come
		// with (§5.2.3): whoever writes them there has shared caches in mind.
		return v.confirm(p, staleSharedMaxAge)
	case w.takesStale(staleness) && !p.has(sharedMaxAge):
		v.Action, v.why, v.limit = Stale, requestMaxStale, w.maxStale.value
		return v
	case w.maxAge.given || w.minFresh.given:
		// RFC 9111 §5.2.1.1: such a client does not want a stale response.
		return v.confirm(p, stale)
	case staleness <= p.staleWhileRevalidate:
		v.Action, v.why, v.limit = StaleWhileRevalidate, staleWindow, p.staleWhileRevalidate
		return v
	case p.basis == byPurge:
		return v.confirm(p, stalePurged)
	}
	return v.confirm(p, stale)
}

// confirm asks the origin: with validators where there are any.
func (v Verdict) confirm(p *plan, why reason) Verdict {
	v.Action, v.why = Miss, why
	if p.has(confirmable) {
		v.Action = Validate
	}
	return v
}

// OnError says whether stored may serve although the origin failed: status
// is its 5xx, or 0 when it could not be reached or did not answer. The
// action is StaleIfError, or Miss (RFC 5861 §4, RFC 9111 §4.2.4).
func OnError(now time.Time, rules *Rules, req *Request, stored *Response, status int) Verdict {
	v := Verdict{Action: Miss, why: nothingStored}
	if stored == nil || !isRead(req.Method) {
		return v
	}
	w := readWishes(rules, req.Fields)
	p := stored.compiled(rules)
	if p == nil {
		now := read(rules, stored)
		p = &now.plan
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
	case p.has(neverStale) && staleness >= 0:
		v.why = errorMustRevalidate
		return v
	case p.has(noCache):
		v.why = errorNoCache
		return v
	case staleness < 0:
		v.Action, v.why = StaleIfError, errorStillFresh
		return v
	}
	v.limit, v.why = rules.StaleIfError, errorConfigured
	switch {
	case p.staleIfError >= 0:
		v.limit, v.why = p.staleIfError, errorWindow
	case p.has(sharedMaxAge):
		v.why = errorSharedMaxAge
		return v
	case w.staleIfError.value > v.limit:
		v.limit, v.why = w.staleIfError.value, errorRequested
	}
	if staleness > v.limit || v.limit == 0 {
		v.why = errorTooStale
		return v
	}
	v.Action = StaleIfError
	return v
}
