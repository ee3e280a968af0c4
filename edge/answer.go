package edge

import (
	"cmp"
	"net/netip"
	"time"

	"waypost/edge/rules"
	"waypost/fault"
	"waypost/http/wire"
	"waypost/trace"
)

// problem is what the edge answers by itself.
type problem struct {
	status   int
	kind     fault.Kind // RFC 9209 §2.3; "" for none
	reason   string     // one sentence without its full stop, for people
	details  string     // for Proxy-Status, where that says more; "": the timer, or else the reason
	timer    string     // which timer fired, in words; "" for none
	site     string
	nextHop  netip.AddrPort  // where the failure was met; told to those who trace only
	allow    bool            // list the methods served
	retry    time.Duration   // when to ask again; 0 says nothing
	demand   string          // what to show (WWW-Authenticate)
	decision *trace.Decision // what decided, for the record; nil: nothing that is not there already
	hangUp   bool            // the connection is of no more use: its next bytes are the body refused
}

// allowed are the methods that an edge forwards.
const allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// refuse has the edge answer.
func (r *request) refuse(p problem) stage {
	if p.site == "" && r.site != nil {
		p.site = r.site.Name
	}
	r.problem = p
	return toAnswer
}

// answer sends a problem. It is never stored by anyone: it speaks about this
// moment.
func (r *request) answer() stage {
	p := &r.problem
	if proto := r.x.Request().Proto; p.hangUp && proto != wire.HTTP2 && proto != wire.HTTP3 {
		// HTTP/2 and 3 end the stream alone (RFC 9113 §8.1, RFC 9114 §4.1),
		// and the client's other requests go on.
		r.x.Close()
	}
	f := r.fields(nil, -1)
	f.Add("Cache-Control", "no-store")
	if p.kind != "" {
		mark := r.begin()
		details := cmp.Or(p.details, p.timer, p.reason)
		if !r.span.On() {
			p.nextHop = netip.AddrPort{} // an origin's address is not for strangers
		}
		r.text = appendProxyStatus(r.text, r.edge.name, p.kind, p.nextHop, details)
		f.Add("Proxy-Status", r.value(mark))
	}
	if p.allow {
		f.Add("Allow", allowed)
	}
	if p.retry > 0 {
		f.Add("Retry-After", r.number(rules.Seconds(p.retry)))
	}
	if p.demand != "" {
		f.Add("WWW-Authenticate", p.demand)
	}
	if p.status == 204 {
		r.out = f
		if err := r.respond(p.status, f, 0); err != nil {
			return r.lost(err)
		}
		return done
	}
	media, body := r.page(p)
	f.Add("Content-Type", media)
	r.out = f
	if err := r.respond(p.status, f, int64(len(body))); err != nil {
		return r.lost(err)
	}
	if r.in.Method != "HEAD" {
		if err := r.write(body); err != nil {
			return r.lost(err)
		}
	}
	return done
}
