package edge

// stale serves what is stored although its time is over, and has it
// confirmed or replaced behind the client's back (RFC 5861 §3).
func (r *request) stale() stage {
	if r.span.On() && !r.noted {
		r.noteLookup("stale")
	}
	s := r.hit()
	r.status.detail = "stale-while-revalidate"
	r.refreshBehind()
	return s
}
