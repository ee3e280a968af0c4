package edge

import "waypost/fault"

// What comes before the client's TLS handshake is complete (early data, RFC
// 8470) may be a replay. A hit does no harm: it is answered at once, which is
// what early data is for. Nothing else goes on to the origin before the
// handshake has shown that the client is there: an origin that does not know
// of Early-Data would take a replay for a request (RFC 8470 §5.2, §6.2).

// tooEarly refuses early data where the site wants none of it.
func (r *request) tooEarly() (stage, bool) {
	if !r.in.Early || !r.site.Policy.NoEarlyData {
		return 0, false
	}
	return r.refuse(problem{status: 425, kind: fault.HTTPRequestDenied,
		reason: "this site takes no early data, which can be replayed; ask again when the TLS handshake is complete"}), true
}

// settle waits for the client's handshake before the origin is asked. It
// reports false when the client leaves instead.
func (r *request) settle() bool {
	if !r.in.Early {
		return true
	}
	select {
	case <-r.x.Conn().Settled:
		return true
	case <-r.x.Context().Done():
		return false
	}
}
