package edge

import (
	"net/netip"
	"strings"
	"time"

	"waypost/edge/rules"
	"waypost/fault"
	"waypost/http/field"
	"waypost/trace"
)

// limit counts the request against the limits for its path, and refuses one
// that is too many (RFC 6585 §4).
func (r *request) limit() (s stage, over bool) {
	for _, l := range r.ruled.by.Limits {
		if !l.Fits(r.ruled.path) {
			continue
		}
		from := r.source()
		c := l.Take(r.now, from)
		if c.Allowed && l.Counts() {
			r.held = append(r.held, held{l, from})
		}
		r.ruled.limit, r.ruled.count = l, c
		r.noteLimit(l, c, from)
		if !c.Allowed {
			reason := "more requests than the limit " + l.Name() + " lets one client make"
			if c.Busy {
				reason = "more requests at a time than the limit " + l.Name() + " lets one client make"
			}
			return r.refuse(problem{status: 429, kind: fault.HTTPRequestDenied, reason: reason, retry: c.Wait}), true
		}
	}
	return 0, false
}

// held is a place among the requests being answered.
type held struct {
	limit *rules.Limit
	from  netip.Addr
}

// releasePlaces gives back the places that the request has held.
func (r *request) releasePlaces() {
	for _, h := range r.held {
		h.limit.Release(h.from)
	}
}

// source is the address that stands for the client: the peer's, or the last
// that trusted proxies have seen.
func (r *request) source() netip.Addr {
	addr := r.client()
	for i := len(r.in.Fields) - 1; i >= 0 && trusts(r.edge.trustForwarded, addr); i-- {
		if !field.Is(r.in.Fields[i].Name, "X-Forwarded-For") {
			continue
		}
		for rest := r.in.Fields[i].Value; rest != "" && trusts(r.edge.trustForwarded, addr); {
			last := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				last, rest = rest[comma+1:], rest[:comma]
			} else {
				rest = ""
			}
			before, err := netip.ParseAddr(strings.Trim(last, " \t"))
			if err != nil {
				return addr
			}
			addr = before
		}
	}
	return addr
}

// tellLimit says in the response what remains.
func (r *request) tellLimit() {
	mark := r.begin()
	var ok bool
	if r.text, ok = r.ruled.limit.AppendPolicy(r.text); !ok {
		return
	}
	policy := r.value(mark)
	mark = r.begin()
	r.text = r.ruled.limit.AppendCount(r.text, r.ruled.count)
	r.out = append(r.out, field.Line{Name: "RateLimit-Policy", Value: policy}, field.Line{Name: "RateLimit", Value: r.value(mark)})
}

// noteLimit notes the count.
func (r *request) noteLimit(l *rules.Limit, c rules.Count, from netip.Addr) {
	if !r.span.On() {
		return
	}
	d := &trace.Decision{Verdict: "allow", Reason: "the client is within the limit"}
	if !c.Allowed {
		d.Verdict, d.Reason, d.Clause = "refuse", "the client asks for more than the limit allows", "RFC 6585 §4"
		d.Remedy = "ask again in " + c.Wait.Round(time.Millisecond).String()
	}
	r.span.Note(trace.LimitDecision{Limit: l.Name(), Client: l.Client(from).String(), Remaining: c.Remaining,
		Concurrent: c.Concurrent, Wait: trace.Millis(c.Wait)}, d)
}
