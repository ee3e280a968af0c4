package edge

import (
	"context"
	"time"

	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/wire"
	"waypost/trace"
)

// pass asks the origin for this one request: for a method that the cache
// does not serve, for a part of what is not stored, or because the request
// itself keeps the cache out.
func (r *request) pass() stage {
	r.ownTarget()
	if r.status.fwd == "" {
		r.status.fwd = r.bypassing()
	}
	if r.span.On() && !r.noted {
		r.noteLookup(r.passing())
	}
	if !r.settle() {
		return r.clientLeft()
	}
	r.fetching = r.span.Child()
	out := r.forwarded()
	out.Upgrade = ""
	r.expect()
	relay := &interims{x: r.x, ruled: &r.ruled, span: r.fetching}
	out.Interim = relay.inform
	defer relay.stop()
	resp, err := r.askOrigin(r.behalf(trace.With(r.x.Context(), r.fetching)), &out)
	if err != nil {
		r.failure = err
		return toFail
	}
	r.answered = resp
	r.freshenByHead()
	return toRelay
}

// passing is the edge's word for what became of the lookup.
func (r *request) passing() string {
	if r.lookups > 0 && r.verdict.Action == cache.Miss {
		return "miss"
	}
	return "pass"
}

// bypassing says why the cache was not asked (RFC 9211 §2.2).
func (r *request) bypassing() string {
	switch {
	case r.in.Method != "GET" && r.in.Method != "HEAD":
		return "method"
	case r.lookups > 0, r.stateful:
		return "request"
	}
	return "bypass"
}

// askOrigin makes the trip.
func (r *request) askOrigin(ctx context.Context, out *wire.Request) (*fetch.Response, error) {
	if len(r.key) == 0 && len(r.site.Origin.Parents) > 0 {
		// By the same key as the GET: the parent that holds what this changes
		// has to see it.
		r.key = cache.AppendKey(r.key, r.site.Name, r.in.Scheme, r.in.Authority, r.in.Path)
	}
	resp, report, err := r.site.origin.Do(ctx, out, r.key)
	r.report = report
	r.edge.circled(r.site, report)
	if err == nil {
		err = unasked(out, resp, report)
	}
	if err != nil {
		r.noteFetch(nil)
		return nil, err
	}
	r.received = time.Now()
	r.edge.inbound(resp, r.received)
	r.ruled.inward(r.in.Method, &resp.Fields, r.fetching)
	return resp, nil
}

// behalf is ctx for a trip that this client causes. It has its share of the
// connections to an origin, so that slow readers of what is not stored, slow
// senders and tunnels leave some to others.
func (r *request) behalf(ctx context.Context) context.Context {
	return fetch.OnBehalfOf(ctx, wire.ClientOf(r.source()))
}

// freshenByHead lets the response to a HEAD renew what is stored for GET, or
// have it confirmed anew when it shows something else (RFC 9111 §4.3.5).
func (r *request) freshenByHead() {
	if r.in.Method != "HEAD" || r.object == nil || r.answered.Status != 200 {
		return
	}
	came, get := r.came(r.answered), r.ask
	get.Method = "GET"
	if cache.Store(r.received, r.site.rules, &get, came).Action != cache.Keep {
		return
	}
	// The length is no field here: the codec has it.
	sameLength := r.answered.Length < 0 || r.object.Status != 200 || r.object.Size() == r.answered.Length
	fresh, ok := cache.RefreshHead(r.site.rules, &r.object.Response, came)
	switch {
	case !ok || !sameLength:
		r.edge.store.Forget(r.object)
	case came.Fields.Has("ETag") || came.Fields.Has("Last-Modified"):
		r.edge.store.Refresh(r.key, r.object, fresh)
	default:
		// Nothing shows that it is the same still: another version can be as
		// long. It stays as stale as it is.
	}
}
