package edge

import (
	"waypost/edge/store"
	"waypost/http/cache"
)

// miss has the origin asked for what is not stored, unless it is being
// asked already: then it waits with the others (collapsed forwarding).
//
// HEAD passes: nobody asked for the body. So does Range: the origin answers
// for the part, which is kept (parts.go), unless the site has its files held
// in slices, which are then asked for (slices.go), or the whole is on its way in
// and has come as far. Where a second part is asked for, the whole is fetched
// behind the client's back if it is small enough (behind.go). Clients who want the same range at once share its fetching with
// slices alone: what is shared goes on at the speed of the origin when a client
// reads slowly or leaves, and players ask for far more than they read.
//
// What was not for sharing lately passes too, with the client's own
// preconditions; if it is to be kept after all, that is done on the way
// (relay.go).
func (r *request) miss() stage {
	r.status = cacheStatus{fwd: r.missing()}
	if r.in.Method != "GET" {
		return toPass
	}
	if r.ranged && !r.slicing() {
		return r.joinWhole()
	}
	if r.object == nil && (r.alone || r.edge.marks.has(r.key, r.now)) {
		r.alone = true
		return toPass
	}
	if r.object == nil && !r.slicing() {
		if r.rest = r.lookupRest(); r.rest != nil {
			r.status.fwd = "partial"
		}
	}
	return r.consult("miss")
}

// joinWhole waits for a fill of the whole that is under way, to answer a Range
// from it.
func (r *request) joinWhole() stage {
	if r.alone || r.object != nil {
		return toPass
	}
	if r.join = r.edge.store.Join(r.key, r.alike(r.entry.Varying())); r.join == nil {
		return toPass
	}
	if r.span.On() && !r.noted {
		r.noteLookup("collapsed")
	}
	return toAwait
}

// rangeReach is how far behind what has come of a whole a Range may begin to
// wait for it. Who wants what is farther asks the origin: that can begin there.
const rangeReach = 256 << 10

// inReach reports whether o, which may still be on its way in, soon has what a
// Range asks for.
func (r *request) inReach(o *store.Object) bool {
	if o.Complete() {
		return true
	}
	ranges, err := cache.ParseRange(r.in.Fields.Get("Range"), o.Size())
	return o.Size() >= 0 && err == nil && len(ranges) == 1 && ranges[0].Start <= o.Came()+rangeReach
}

// missing says why the request goes forward, in the words of RFC 9211 §2.2.
func (r *request) missing() string {
	switch {
	case r.entry == nil:
		return "uri-miss"
	case r.object == nil:
		return "vary-miss"
	}
	return r.doubtful()
}

// maxLookups bounds how often a request looks into the store because that has
// changed since.
const maxLookups = 3

// consult begins a fill, or a wait for somebody else's.
func (r *request) consult(verdict string) stage {
	if !r.settle() {
		return r.clientLeft()
	}
	var lead *store.Filling
	if r.alone || r.edge.marks.has(r.key, r.now) {
		lead = r.edge.store.BeginAlone(r.key)
	} else if lead, r.join = r.edge.store.BeginLike(r.key, r.in.Fields, r.alike(r.entry.Varying())); r.join != nil {
		verdict = "collapsed"
	} else if r.lookups < maxLookups && r.edge.store.Get(r.key) != r.entry {
		// Another fill has ended between our look into the store and now.
		lead.Abort(errLookAgain)
		return toLookup
	}
	if r.span.On() && !r.noted {
		r.noteLookup(verdict)
	}
	if lead != nil {
		r.lead(lead)
	}
	return toAwait
}

// lead starts the fill that this request is the first to wait for.
func (r *request) lead(filling *store.Filling) {
	r.join = nil
	r.fill = newFill(r, filling, r.object)
	r.edge.run(r.fill)
}
