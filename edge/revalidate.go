package edge

// revalidate has the origin asked whether what is stored is still right
// (RFC 9111 §4.3), or waits while it is being asked already.
func (r *request) revalidate() stage {
	r.status = cacheStatus{fwd: r.doubtful()}
	return r.consult("revalidate")
}

// doubtful says why what is stored is not served as it is.
func (r *request) doubtful() string {
	if r.verdict.Age < r.verdict.Lifetime {
		return "request" // fresh, but the client wants it from the origin
	}
	return "stale"
}
