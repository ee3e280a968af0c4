package edge

// hit serves what is stored.
func (r *request) hit() stage {
	r.status = cacheStatus{hit: true}
	r.status.left(r.verdict.Lifetime, r.verdict.Age)
	if r.span.On() && !r.noted {
		r.noteLookup("hit")
	}
	return toDeliver
}
