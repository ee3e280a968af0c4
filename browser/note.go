package browser

import (
	"strings"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// noteRequest records the request as it left.
func (t *trip) noteRequest(trip fetch.Trip, stream int) {
	if !t.behind {
		t.load.requests.Add(1)
	}
	if !t.span.On() {
		return
	}
	t.span.Took(trip.Sent, trip.Sent, trace.HTTPRequest{
		Method: t.method, URL: t.url.Redacted(), Proto: trip.Proto, Remote: trip.Remote.String(),
		Stream: stream, Reused: trip.Reused, Queued: trace.Millis(trip.Queued),
		Fields: sentFields(t.sent, trip.Proto, t.url.Host()), Initiator: t.want.initiator,
		Validators: redacted(t.conditions),
	}, nil)
}

// noteResponse records the response as it was read.
func (t *trip) noteResponse(resp *fetch.Response, b bodyRead, d *trace.Decision) {
	if !t.span.On() {
		return
	}
	f := trace.HTTPResponse{
		URL: t.url.Redacted(), Status: resp.Status, Proto: resp.Response.Proto,
		ContentType: resp.Fields.Get("Content-Type"), Coding: strings.Join(b.codings, ", "),
		FirstByte: trace.Millis(resp.FirstByte), Bytes: b.transferred,
		FramedBy: resp.FramedBy, Fields: redacted(resp.Fields),
	}
	if len(b.codings) > 0 {
		f.Decoded = b.size
	}
	for _, i := range resp.Informed {
		f.Informed = append(f.Informed, i.Status)
	}
	if b.err != nil {
		f.Fault, f.Error = string(fault.Of(b.err)), b.err.Error()
	}
	t.span.Took(resp.Sent, time.Now(), f, d)
}

// sentFields are the fields of a request for the record.
func sentFields(r *wire.Request, proto, authority string) []string {
	out := make([]string, 0, len(r.Fields)+1)
	if proto == wire.HTTP11 {
		out = append(out, "Host: "+authority)
	}
	return append(out, redacted(r.Fields)...)
}

// redacted lists fields for the record.
func redacted(f field.Fields) []string {
	out := make([]string, len(f))
	for i := range f {
		out[i] = trace.Redacted(f[i].Name, f[i].Value)
	}
	return out
}
