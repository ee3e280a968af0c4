package edge

import (
	"slices"
	"strconv"
	"time"

	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// purpose says what a request to the origin is for.
type purpose uint8

const (
	forClient purpose = iota // its answer goes to the client as it is
	forStore                 // the whole, unconditionally, for the store
)

// outbound makes the fields of a request to the origin of those that came
// (RFC 9110 §7.6). The codec has already taken off what concerns the
// connection alone.
//
// What is for the store loses Range and the client's preconditions: the
// client's copy is not ours. Both are applied to what comes back (deliver.go).
func (r *request) outbound(span *trace.Span, why purpose) field.Fields {
	in := r.in.Fields
	out := make(field.Fields, 0, len(in)+6)
	trusted := trusts(r.edge.trustForwarded, r.client())
	for _, l := range in {
		switch {
		case why == forStore && isPrecondition(l.Name),
			r.withheld(l.Name, trusted),
			(span.On() || r.untrusted != "") && field.Is(l.Name, "Traceparent"), // ours replaces it; a stranger's would be believed from us
			r.untrusted != "" && field.Is(l.Name, "Tracestate"),
			field.Is(l.Name, "Proxy-Authorization"), // was for us (RFC 9110 §11.7.2)
			field.Is(l.Name, "Proxy-Connection"), field.Is(l.Name, "HTTP2-Settings"):
			continue
		case field.Is(l.Name, "Max-Forwards"):
			if n, err := strconv.ParseUint(l.Value, 10, 32); err == nil && n > 0 && r.in.Method == "OPTIONS" {
				l.Value = strconv.FormatUint(n-1, 10) // RFC 9110 §7.6.2
			}
		}
		out = append(out, l)
	}
	r.outward(&out)
	out.Add("Via", r.edge.viaFor(r.in.Proto))
	out.Add("CDN-Loop", r.edge.name)
	var before field.Fields
	if trusted {
		before = in
	}
	addForwarding(&out, before, r.client(), r.in.Scheme, r.in.Authority)
	if span.On() {
		out.Add("Traceparent", span.Context().String())
	}
	return out
}

// forwarded is the client's request as the origin gets it.
func (r *request) forwarded() wire.Request {
	out := *r.in
	out.Fields = r.outbound(r.fetching, forClient)
	if r.limited != nil {
		out.Body = r.limited
	}
	return out
}

// inbound makes a response that came from the origin ready to be kept and
// sent on.
func (e *Edge) inbound(resp *fetch.Response, received time.Time) {
	resp.Fields = slices.DeleteFunc(resp.Fields, forUs)
	if !resp.Fields.Has("Date") {
		// RFC 9110 §6.6.1: who receives a response without Date says when.
		resp.Fields.Add("Date", string(cache.AppendDate(nil, received)))
	}
	resp.Fields.Add("Via", e.viaFor(resp.Response.Proto))
}

// forUs reports whether a field of a response speaks to the party that asked,
// and that was us.
func forUs(l field.Line) bool {
	return field.Is(l.Name, "Proxy-Authenticate") || field.Is(l.Name, "Proxy-Authentication-Info") ||
		field.Is(l.Name, "Proxy-Connection") ||
		field.Is(l.Name, "Alt-Svc") // of the origin's, where clients are to come to us (RFC 7838 §3)
}

// viaFor is our Via member for a message received in proto (RFC 9110 §7.6.3).
func (e *Edge) viaFor(proto string) string {
	if via := e.via[proto]; via != "" {
		return via
	}
	return "1.1 " + e.name
}

// isPrecondition reports whether a field asks for a part, or for something
// only if it has changed.
func isPrecondition(name string) bool {
	for _, f := range [...]string{"If-None-Match", "If-Modified-Since", "If-Range", "Range"} {
		if field.Is(name, f) {
			return true
		}
	}
	return false
}

func withoutPreconditions(f field.Fields) field.Fields {
	return slices.DeleteFunc(f, func(l field.Line) bool { return isPrecondition(l.Name) })
}

// variesByUs reports whether a response was selected by a field that differs
// from what the client sent, because we write it: such a response cannot be
// matched to a later request. (X-Forwarded-Proto and X-Forwarded-Host say
// what is in the key.)
func variesByUs(resp field.Fields) bool {
	for name := range resp.All("Vary") {
		switch {
		case field.Is(name, "X-Forwarded-Proto"), field.Is(name, "X-Forwarded-Host"):
		case isHearsay(name), isOverride(name), field.Is(name, "Via"), field.Is(name, "CDN-Loop"):
			return true
		}
	}
	return false
}
