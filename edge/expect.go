package edge

import (
	"waypost/edge/store"
	"waypost/http/cache"
)

// expected is where the answer to a request that passes would be kept. It is
// begun before the origin is asked, so that a purge until the answer is there
// is known: what the origin has said before it is not stored after it.
type expected struct {
	whole *store.Filling
	part  *store.Filling // of a part of the whole, beside it
}

// expect begins what the answer may be kept in, as relay decides when it comes:
// that to a GET which goes alone, that to a Range, and that to a POST.
func (r *request) expect() {
	s := r.edge.store
	switch get := r.in.Method == "GET" && r.lookups > 0; {
	case r.in.Method == "POST":
		if key, ok := r.keyAsGet(); ok {
			r.expected.whole = s.BeginAlone(key)
		}
	case get && r.ranged && r.object == nil:
		r.expected = expected{whole: s.BeginAlone(r.key), part: s.BeginAlone(r.partsKey())}
	case get && r.alone:
		r.expected.whole = s.BeginAlone(r.key)
	}
}

// keyAsGet is the key that the request would have as a GET; false where the
// origin is told more than that.
func (r *request) keyAsGet() (key []byte, ok bool) {
	key = cache.AppendKey(nil, r.site.Name, r.in.Scheme, r.in.Authority, r.in.Path)
	by := r.ruled.by
	if by == nil || by.Key == nil {
		return key, true
	}
	if target, _ := by.Key.Target(nil, r.in.Path); target != r.in.Path {
		return nil, false
	}
	key, stray := by.Key.Append(key, r.in.Fields)
	return key, stray == ""
}

// unexpect gives up what is not being kept.
func (r *request) unexpect() {
	for _, f := range [...]*store.Filling{r.expected.whole, r.expected.part} {
		if f != nil && f != r.keeping {
			f.Abort(errGivenUp)
		}
	}
}
