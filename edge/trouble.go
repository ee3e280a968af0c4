package edge

import (
	"waypost/fault"
	"waypost/upstream"
)

// Trouble is a request of the edge that an origin or a parent did not answer,
// or whose answer broke off.
type Trouble struct {
	Site   string
	Server string     // asked last, or whose failure tells most; its URL as configured
	Kind   fault.Kind // RFC 9209 §2.3
	Err    error      // the failure in words; it may quote what the server sent
}

// troubled tells whoever operates the edge. It is called for what no client
// has brought about, by leaving or otherwise, and not the end of the edge.
func (e *Edge) troubled(s *site, r *upstream.Report) {
	if e.onTrouble == nil || r == nil || r.Err == nil || r.Fault == fault.HTTPRequestError || e.ctx.Err() != nil {
		return
	}
	e.onTrouble(Trouble{Site: s.Name, Server: r.Origin, Kind: r.Fault, Err: r.Err})
}
