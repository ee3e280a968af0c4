package edge

import (
	"waypost/fault"
	"waypost/http/cache"
)

// lookup asks the store, and package cache whether what is there may be used.
func (r *request) lookup() stage {
	r.ownTarget()
	r.lookups++
	r.entry = r.edge.store.Get(r.key)
	r.object = r.entry.Select(r.site.rules, r.in.Fields)
	if r.object == nil && r.edge.store.Recall(r.key, r.site.rules) {
		r.recalled = true
		r.entry = r.edge.store.Get(r.key)
		r.edge.learnAll(r.site, r.entry)
		r.object = r.entry.Select(r.site.rules, r.in.Fields)
	}
	if r.object == nil && r.entry != nil {
		_, r.verdict = cache.Lookup(r.now, r.site.rules, &r.ask, r.entry.Responses) // to say that none matches
	} else {
		r.verdict = cache.Use(r.now, r.site.rules, &r.ask, r.stored())
	}
	if r.ranged && r.object == nil && r.in.Method == "GET" && r.verdict.Action != cache.Pass && r.lookupPart() {
		return toHit
	}
	if !r.verdict.Serves() {
		r.elsewhere()
	}
	switch r.verdict.Action {
	case cache.Hit, cache.Stale:
		return toHit
	case cache.StaleWhileRevalidate:
		return toStale
	case cache.Validate:
		return toRevalidate
	case cache.Pass:
		return toPass
	case cache.Unsatisfiable:
		r.noteLookup("miss")
		return r.refuse(problem{status: 504, kind: fault.ProxyInternalResponse,
			reason: "the request asks for what is cached only (Cache-Control: only-if-cached), and nothing is"})
	}
	return toMiss
}

// stored is the head of the object, nil where there is none.
func (r *request) stored() *cache.Response {
	if r.object == nil {
		return nil
	}
	return &r.object.Response
}
