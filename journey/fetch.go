package journey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
	"waypost/url"
)

// fetchAction is fetch HOST [METHOD] URL ….
type fetchAction struct {
	host, method, url, version, name string
	authority                        string
	fields                           field.Fields
	body                             payload
	within                           time.Duration
	once                             bool // the connection is not kept
}

// methods that fetch knows; others are written in quotes.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}

func parseFetch(a *args) action {
	f := &fetchAction{method: "GET", version: "http2", within: actionPatience}
	f.host = a.of("host")
	w := a.want("a URL")
	if !strings.Contains(w.text, ":") {
		f.method = w.text
		w = a.want("a URL")
	}
	if f.url = w.text; !a.failed {
		if _, err := url.Parse(strings.ReplaceAll(f.url, "$n", "1"), nil); err != nil {
			a.failAt(w, "%q is no URL: %v", w.text, err)
		}
	}
	for a.more() && !a.failed {
		switch {
		case a.keyword("header"):
			f.fields = append(f.fields, read(a, "a header field, such as \"Accept: text/css\"", parseField))
		case a.keyword("host"):
			f.authority = a.want("a host name").text
		case a.payload(&f.body):
		case a.version(&f.version):
		case a.keyword("close"):
			f.once = true
		case a.keyword("within"):
			f.within = a.duration("how long")
		case a.keyword("as"):
			f.name = a.as("result")
		default:
			return f
		}
	}
	return f
}

// parseField reads "Name: value".
func parseField(s string) (field.Line, error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return field.Line{}, fmt.Errorf("%q is no field such as \"Accept: text/css\"", s)
	}
	return field.Line{Name: name, Value: strings.TrimSpace(value)}, nil
}

func (f *fetchAction) do(t *task) error {
	client := t.fetcher(t.hosts[f.host], f.version)
	station := t.hosts[f.host].client.station
	return t.result("fetch", f.name, func(ctx context.Context, r *result) {
		ctx, cancel := context.WithTimeout(ctx, f.within)
		defer cancel()
		span := station.Begin()
		r.trace = span.Context().Trace
		r.response = f.fetch(trace.With(ctx, span), t, client, span)
		if f.once {
			client.CloseIdle()
		}
	})
}

// fetch sends the request and reads the response to its end.
func (f *fetchAction) fetch(ctx context.Context, t *task, client *fetch.Client, span *trace.Span) *Response {
	out := &Response{URL: t.expand(f.url)}
	u, err := url.Parse(out.URL, nil)
	if err != nil {
		out.fail(err)
		return out
	}
	q := &wire.Request{Method: f.method, Authority: f.authority, Fields: f.fields.Clone()}
	q.Fields.Add("traceparent", span.Context().String())
	if f.body.given {
		body := f.body.bytes(t.world)
		q.Body, q.Length = bytes.NewReader(body), int64(len(body))
	}
	began := time.Now()
	resp, err := client.Do(ctx, u, q)
	if err != nil {
		var e *fetch.Error
		if errors.As(err, &e) && !e.Sent.IsZero() {
			noteRequest(span, u, q, e.Trip, 0)
		}
		out.fail(err)
		span.Took(began, time.Now(), trace.HTTPResponse{URL: u.Redacted(), Fault: out.Fault, Error: out.Error}, nil)
		return out
	}
	noteRequest(span, u, q, resp.Trip, resp.Stream)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSize))
	resp.Body.Close()
	out.Status, out.Proto, out.Header = resp.Status, resp.Response.Proto, resp.Fields
	out.Body, out.Size, out.SHA256, out.Bytes = string(body), len(body), digest(body), resp.Bytes()
	out.Remote, out.Reused, out.FirstByte = resp.Remote.String(), resp.Reused, resp.FirstByte
	for _, i := range resp.Informed {
		out.Interim = append(out.Interim, i.Status)
	}
	if err != nil {
		out.fail(err)
	}
	span.Took(resp.Sent, time.Now(), trace.HTTPResponse{
		URL: u.Redacted(), Status: resp.Status, Proto: resp.Response.Proto, ContentType: resp.Fields.Get("Content-Type"),
		FirstByte: trace.Millis(resp.FirstByte), Bytes: resp.Bytes(), FramedBy: resp.FramedBy,
		Fields: redacted(resp.Fields), Informed: out.Interim, Fault: out.Fault, Error: out.Error,
	}, nil)
	return out
}

func (r *Response) fail(err error) { r.Fault, r.Error = string(fault.Of(err)), err.Error() }

func noteRequest(span *trace.Span, u *url.URL, q *wire.Request, trip fetch.Trip, stream int) {
	if !span.On() {
		return
	}
	span.Took(trip.Sent, trip.Sent, trace.HTTPRequest{
		Method: q.Method, URL: u.Redacted(), Proto: trip.Proto, Remote: trip.Remote.String(), Stream: stream,
		Reused: trip.Reused, Queued: trace.Millis(trip.Queued), Fields: redacted(q.Fields), Initiator: "fetch",
	}, nil)
}

// redacted lists fields for the record.
func redacted(f field.Fields) []string {
	out := make([]string, len(f))
	for i := range f {
		out[i] = trace.Redacted(f[i].Name, f[i].Value)
	}
	return out
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
