package edge

// hit serves what is stored.
func (r *request) hit() stage {
	r.status = cacheStatus{hit: true}
	if r.alias.policy != nil {
		r.status.detail = "no-vary-search"
	}
	r.status.left(r.verdict.Lifetime, r.verdict.Age)
	if r.span.On() && !r.noted {
		r.noteLookup("hit")
	}
	return toDeliver
}
