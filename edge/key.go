package edge

import (
	"waypost/http/cache"
	"waypost/trace"
)

// makeKey writes the request's key into its buffer.
func (r *request) makeKey() stage {
	by := r.ruled.by
	if by == nil || by.Key == nil {
		r.key = cache.AppendKey(r.key[:0], r.site.Name, r.in.Scheme, r.in.Authority, r.in.Path)
		return toLookup
	}
	// What does not count is not sent to the origin either: it could write
	// into a response for all what one has sent.
	var target string
	if target, r.target = by.Key.Target(r.target, r.in.Path); target != r.in.Path {
		r.retarget(target)
	}
	r.key = cache.AppendKey(r.key[:0], r.site.Name, r.in.Scheme, r.in.Authority, r.in.Path)
	if r.key, r.ruled.stray = by.Key.Append(r.key, r.in.Fields); r.ruled.stray != "" {
		return toPass
	}
	return toLookup
}

// retarget gives the request another target. The codec's own is not touched.
func (r *request) retarget(target string) {
	if r.in != &r.mine {
		r.mine = *r.in
		r.in = &r.mine
	}
	r.in.Path, r.ask.Path = target, target
}

// astray says why the cache is not asked.
func (r *request) astray() *trace.Decision {
	return &trace.Decision{Reason: "the value of " + r.ruled.stray + " is none of those that the site's key lists",
		Because: r.ruled.stray, Remedy: "list the value under the site's key"}
}

// drop drops every variant of a target, and what else answers for it, but for
// what this request itself may bring.
func (r *request) drop(path string) {
	if r.site.owner != nil {
		path, r.target = r.site.owner.Key.Target(r.target, path)
	}
	r.key = cache.AppendKey(r.key[:0], r.site.Name, r.in.Scheme, r.in.Authority, path)
	n := len(r.key)
	for _, ending := range r.site.owner.Endings() {
		r.key = append(r.key[:n], ending...)
		r.edge.store.PurgeBut(r.key, r.expected.whole)
		r.edge.store.Purge(r.partsKey())
		r.edge.store.PurgeBut(r.key, r.expected.whole) // it may have been put together of the parts
		r.edge.dropAliased(r.site, r.key)
	}
	r.key = r.key[:n]
}
