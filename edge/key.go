package edge

import "waypost/http/cache"

// makeKey writes the request's key into its buffer.
func (r *request) makeKey() stage {
	r.key = cache.AppendKey(r.key[:0], r.site.Name, r.in.Scheme, r.in.Authority, r.in.Path)
	return toLookup
}
