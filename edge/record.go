package edge

import (
	"strconv"
	"strings"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
	"waypost/trace"
	"waypost/upstream"
)

// What the edge notes of a request, when somebody records: edge.lookup,
// origin.fetch, edge.response. Every string that reaches the record is the
// record's own: those of a request lie over the connection's buffer.

// noteLookup notes what became of the look into the store. verdict is the
// edge's word for it.
func (r *request) noteLookup(verdict string) {
	r.noted = true
	if !r.span.On() {
		return
	}
	d := r.verdict.Decision(r.site.rules, &r.ask, r.stored())
	if r.lookups == 0 {
		d = r.bypass()
	}
	if d = own(r.explain(d)); d != nil {
		d.Verdict = verdict
	}
	r.span.Note(trace.EdgeLookup{
		Site: r.site.Name, Method: strings.Clone(r.in.Method), URL: r.url(), Key: string(r.key),
		Age: trace.Millis(r.verdict.Age), Lifetime: trace.Millis(r.verdict.Lifetime),
		Disk: r.recalled,
	}, d)
}

// bypass says why the store was not asked at all.
func (r *request) bypass() *trace.Decision {
	switch {
	case r.ruled.stray != "":
		return r.astray()
	case r.in.Upgrade != "" && upgradable(r.in.Upgrade):
		return &trace.Decision{Reason: "the request asks for another protocol on this connection",
			Clause: "RFC 9110 §7.8", Because: "Upgrade: " + r.in.Upgrade}
	case r.stateful:
		return &trace.Decision{Reason: "only the origin can evaluate the request's precondition",
			Clause: "RFC 9111 §4.3.2", Because: "If-Match or If-Unmodified-Since"}
	case r.in.Body != nil && (r.in.Method == "GET" || r.in.Method == "HEAD"):
		return &trace.Decision{Reason: "a request body may change what the origin answers, and is in no key",
			Clause: "RFC 9110 §9.3.1", Because: r.in.Method + " with a body"}
	}
	return &trace.Decision{Reason: "answers to this method are not served from the cache",
		Clause: "RFC 9111 §3", Because: r.in.Method}
}

// url is the request's target URI.
func (r *request) url() string { return r.in.Scheme + "://" + r.in.Authority + r.asked() }

// noteFetch notes the trip that this request made itself, or took over from
// its fill; came is nil when no response came.
func (r *request) noteFetch(came *cache.Response) {
	if r.fill != nil {
		r.fill.noteFetch(came)
		return
	}
	if !r.fetching.On() || r.report == nil {
		return
	}
	fact := r.report.Fact()
	fact.Stored = r.complete
	var d *trace.Decision
	if came != nil {
		v := cache.Store(r.received, r.site.rules, &r.ask, came)
		d = v.Decision(r.site.rules, &r.ask, came)
		if v.Action == cache.Keep && r.keeping == nil {
			d = unkept(came, d)
		}
	}
	r.fetching.Done(fact, own(d))
}

// noteFetch notes the fill's trip and whether what came was stored.
func (f *fill) noteFetch(came *cache.Response) {
	if !f.span.On() || f.report == nil {
		return
	}
	fact := f.report.Fact()
	fact.Stored = f.stored
	var d *trace.Decision
	if came != nil {
		d = f.verdict.Decision(f.site.rules, &f.ask, came)
		if f.verdict.Action == cache.Keep && !f.stored {
			d = unkept(came, d)
		}
	}
	f.span.Done(fact, own(d))
}

// watch notes what becomes of the health of a site's servers.
func (e *Edge) watch(site string) func(upstream.Change) {
	return func(c upstream.Change) {
		if e.onHealth != nil {
			e.onHealth(site, c)
		}
		f := trace.OriginHealth{Site: site, Origin: c.Server, By: "requests", InARow: c.InARow,
			LeftAlone: trace.Millis(c.LeftAlone), Error: c.Reason}
		d := &trace.Decision{Verdict: "down", Reason: "it is passed over while there is another, and tried again when it has been left alone"}
		if c.Up {
			d = &trace.Decision{Verdict: "up", Reason: "a request was answered again"}
		}
		if c.Check {
			f.By = "checks"
			d.Reason = "the checks find it well again"
			if !c.Up {
				d.Reason = "it is passed over while there is another, until the checks find it well"
			}
		}
		e.station.Begin().Note(f, d)
	}
}

// unkept says why a response was not stored although the rules of RFC 9111
// allow it; d is what they say.
func unkept(came *cache.Response, d *trace.Decision) *trace.Decision {
	switch {
	case upstream.IsEventStream(came.Fields.Get("Content-Type")):
		return &trace.Decision{Verdict: "do-not-store", Reason: "an event stream has no end to be stored",
			Because: "Content-Type: " + came.Fields.Get("Content-Type")}
	case variesByUs(came.Fields):
		return &trace.Decision{Verdict: "do-not-store", Reason: "the response varies by a field that proxies write",
			Clause: "RFC 9111 §4.1", Because: "Vary: " + came.Fields.Join("Vary")}
	}
	return d
}

// own is d in memory of its own.
func own(d *trace.Decision) *trace.Decision {
	if d == nil {
		return nil
	}
	return &trace.Decision{Verdict: d.Verdict, Reason: strings.Clone(d.Reason), Clause: d.Clause,
		Because: strings.Clone(d.Because), Remedy: strings.Clone(d.Remedy)}
}

// awaitNote lets the fill of this request finish its account before ours, so
// that the record reads in the order of causes.
func (r *request) awaitNote() {
	if r.span.On() && r.fill != nil {
		<-r.fill.done
	}
}

// noteResponse notes what the client got.
func (r *request) noteResponse() {
	f := trace.EdgeResponse{Status: r.sent.status, Bytes: r.sent.bytes, Fault: string(r.sent.fault)}
	if r.sent.status != 0 {
		f.CacheStatus = strings.Clone(r.out.Get("Cache-Status"))
		f.ProxyStatus = strings.Clone(r.out.Get("Proxy-Status"))
	}
	r.span.Done(f, r.problem.decision)
}

// timing is the edge's own times for the client who traces (Server-Timing,
// W3C): so far, and until the origin's first byte.
func (r *request) timing() field.Line {
	mark := r.begin()
	r.text = append(r.text, "edge;dur="...)
	r.text = appendMillis(r.text, time.Since(r.now))
	if r.report != nil && r.report.Trip.FirstByte > 0 {
		r.text = append(r.text, ", origin;dur="...)
		r.text = appendMillis(r.text, r.report.Trip.FirstByte)
	}
	return field.Line{Name: "Server-Timing", Value: r.value(mark)}
}

func appendMillis(dst []byte, d time.Duration) []byte {
	return strconv.AppendFloat(dst, float64(d)/float64(time.Millisecond), 'f', 1, 64)
}
