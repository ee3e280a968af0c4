package browser

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"waypost/fault"
	"waypost/http/cache"
	"waypost/trace"
	"waypost/url"
)

// load is one page load under way.
type load struct {
	browser *Browser
	profile *Profile
	options Options
	limits  Limits
	rules   *cache.Rules // of the private cache
	ctx     context.Context
	root    *trace.Span
	started time.Time

	document  *url.URL // the page, once it is there
	partition string   // its site: what the profile keeps its subresources under

	requests, cached, bytes atomic.Int64
	background              sync.WaitGroup // revalidations that the page does not wait for
	result                  Result
}

// open begins the record.
func (b *Browser) open(ctx context.Context, typed string, o Options) *load {
	l := &load{
		browser: b, profile: b.Profile, options: o, limits: b.Limits.withDefaults(),
		rules: &cache.Rules{HeuristicMax: heuristicMax, Mode: o.Mode, NormalAccept: true},
		root:  b.Station.Begin(), started: time.Now(),
	}
	if l.profile == nil {
		l.profile = NewProfile(0)
	}
	l.ctx = trace.With(ctx, l.root)
	l.result.Trace = l.root.Context().Trace
	return l
}

// close waits for what goes on in the background and lets connections go.
func (l *load) close() {
	l.background.Wait()
	if !l.options.KeepConnections {
		l.browser.Fetch.CloseIdle()
	}
}

// navigate loads the document.
func (l *load) navigate(u *url.URL) *outcome {
	out := l.depart(&want{url: u, as: "document", destination: "document", cause: l.root}).arrive()
	l.document, l.partition = out.url, site(out.url)
	r := &l.result
	r.URL, r.Status, r.Redirects = out.url.Redacted(), out.status, out.redirects
	r.ContentType, r.Document = out.fields.Get("Content-Type"), out.body
	return out
}

// revalidate confirms, behind the page's back, what t was served stale (RFC
// 5861 §3).
func (l *load) revalidate(t *trip) {
	again := &trip{load: l, want: t.want, span: t.span.Child(), url: t.url, method: t.method, via: t.via,
		fields: t.fields, found: t.found, behind: true}
	again.found.verdict.Action = cache.Validate
	again.send()
	l.background.Go(func() { again.arrive() })
}

// loaded is the sum of a load that has its document.
func (l *load) loaded() (*Result, error) {
	var d *trace.Decision
	if n := l.result.Wanted - len(l.result.Resources); n > 0 {
		d = &trace.Decision{Verdict: "cut-short", Reason: cutShort(l.result.Wanted, l.limits.Resources)}
	}
	l.sum(d)
	return &l.result, nil
}

// failed is the sum of a load without document.
func (l *load) failed(err error) (*Result, error) {
	l.result.Err, l.result.Fault = err, fault.Of(err)
	l.sum(nil)
	return &l.result, err
}

// sum notes page.load.
func (l *load) sum(d *trace.Decision) {
	r := &l.result
	r.Requests, r.Cached, r.Bytes = int(l.requests.Load()), int(l.cached.Load()), l.bytes.Load()
	r.Took = time.Since(l.started)
	for i := range r.Resources {
		if r.Resources[i].Err != nil {
			r.Failed++
		}
	}
	f := trace.PageLoad{
		URL: r.URL, Status: r.Status, Resources: r.Wanted, Failed: r.Failed,
		Requests: r.Requests, Cached: r.Cached, Bytes: r.Bytes, Fault: string(r.Fault),
	}
	if r.Err != nil {
		f.Error = r.Err.Error()
	}
	if f.URL == "" {
		f.URL = r.Typed
	}
	l.root.Done(f, d)
}
