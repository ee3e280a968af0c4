package edge

import "strconv"

// settleAuthority gives the request's authority the one form that the key,
// the origin and the rules see: the host in lower case without a final dot,
// and the port that the connection came to. A client may write any port into
// Host, and thousands of them: each would be a resource of its own in the
// cache, with a page of its own at the origin, whose links lead to that port.
//
// An authority without a port is left so. It is right where a load balancer
// or a container's host passes the default port on to another one.
func (r *request) settleAuthority() {
	said := r.in.Authority
	n := hostLength(said)
	var buf [len(":65535")]byte
	port := buf[:0]
	if n < len(said) {
		port = r.appendPort(port)
	}
	if said[:n] == string(r.host) {
		if said[n:] == string(port) {
			return // as nearly all do
		}
		if len(port) == 0 {
			r.in.Authority = said[:n]
			r.ask.Host = r.in.Authority
			return
		}
	}
	r.in.Authority = string(r.host) + string(port)
	r.ask.Host = r.in.Authority
}

// appendPort appends the port of the listener with its colon, nothing for the
// default one of the scheme.
func (r *request) appendPort(dst []byte) []byte {
	switch local := r.x.Conn().Local.Port(); {
	case local == 0, r.in.Scheme == "http" && local == 80, r.in.Scheme == "https" && local == 443:
		return dst
	default:
		return strconv.AppendInt(append(dst, ':'), int64(local), 10)
	}
}
