package edge

import (
	"errors"

	"waypost/fault"
	"waypost/upstream"
)

// Trouble is a request of the edge that an origin or a parent did not answer,
// or whose answer broke off; or one that a parent refused as going round in a
// circle ([fault.ProxyLoopDetected]), and another server may have answered.
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

// circled tells whoever operates the edge of a parent that is of no use: all
// goes on as without it, and nobody would see.
func (e *Edge) circled(s *site, r *upstream.Report) {
	if e.onTrouble == nil || r.Looped == "" {
		return
	}
	e.onTrouble(Trouble{Site: s.Name, Server: r.Looped, Kind: fault.ProxyLoopDetected, Err: errors.New(
		"it says that the request has passed it before: it has the name of this edge, " + e.name +
			", too, or asks this edge in its turn; give each edge a name of its own (edge.name, --name)")})
}
