package edge

import (
	"waypost/edge/store"
	"waypost/http/cache"
)

// wholeUpTo is the size up to which the whole is fetched when a client asked
// for a part of something that is not stored: about what a page's images and
// fonts have, and far from what players skip through.
const wholeUpTo = 8 << 20

// refreshBehind has the object confirmed or replaced without the client's
// waiting for it.
func (r *request) refreshBehind() { r.behind(r.object) }

// wholeBehind fetches the whole of what the client got a part of, where that
// may be stored and is not large.
func (r *request) wholeBehind() {
	resp := r.answered
	part, ok := cache.PartOf(r.came(resp))
	if !ok || part.Size < 0 || part.Size > wholeUpTo {
		return
	}
	whole := cache.Response{Status: 200, Fields: resp.Fields, Asked: r.now, Received: r.now}
	get := cache.Request{Method: "GET", Fields: r.in.Fields}
	if cache.Store(r.now, r.site.rules, &get, &whole).Action == cache.Keep && !variesByUs(resp.Fields) {
		r.behind(nil)
	}
}

// behind starts a fill that no client leads, unless one is under way or
// there are too many.
func (r *request) behind(confirm *store.Object) {
	r.edge.unattended(r.key, func(filling *store.Filling) *fill { return newFill(r, filling, confirm) })
}

// unattended is behind for any key: prepare makes the fill.
func (e *Edge) unattended(key []byte, prepare func(*store.Filling) *fill) {
	started := false
	defer func() {
		if !started {
			e.background.Add(-1)
		}
	}()
	if e.background.Add(1) > maxBackground {
		return
	}
	filling, _ := e.store.Begin(key)
	if filling == nil {
		return
	}
	f := prepare(filling)
	f.ranged = false
	close(f.left)
	started = e.spawn(func() {
		defer e.background.Add(-1)
		f.run()
	})
	if !started {
		filling.Abort(errClosed)
	}
}
