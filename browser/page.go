package browser

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"waypost/fault"
	"waypost/trace"
	"waypost/url"
)

// page is a document whose subresources are being loaded.
type page struct {
	load *load
	doc  *document

	mu   sync.Mutex // also keeps the order of requests
	seen map[string]bool
	work sync.WaitGroup
	at   map[*want]int // index in load.result.Resources
}

// parse reads the document for what it names, and notes it. A document that
// is no HTML names nothing.
func (l *load) parse(out *outcome) *page {
	p := &page{load: l, doc: &document{}, seen: map[string]bool{}, at: map[*want]int{}}
	if !isHTML(l.result.ContentType) || l.options.DocumentOnly {
		return p
	}
	span := out.span.Child()
	p.doc = discover(out.body, l.result.ContentType, out.url)
	l.result.Title = p.doc.title
	fact := trace.DOMParsed{URL: out.url.Redacted(), Title: p.doc.title, Resources: []trace.Resource{}}
	for _, w := range slices.Concat(p.doc.wants, p.doc.frames) {
		fact.Resources = append(fact.Resources, trace.Resource{URL: w.url.Redacted(), As: w.as, How: w.how, From: w.from})
	}
	span.Done(fact, nil)
	for _, w := range p.doc.wants {
		w.cause = span
	}
	return p
}

// loadAll fetches the subresources, and what those name in turn, and returns
// when all have come or failed.
func (p *page) loadAll() {
	p.want(p.doc.wants)
	p.work.Wait()
}

// want begins the way of resources that were found together: the urgent ones
// first, within one urgency in document order. Each URL is wanted once per
// use; those beyond the limit are counted only.
func (p *page) want(wants []*want) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wants = slices.Clone(wants)
	slices.SortStableFunc(wants, func(a, b *want) int { return a.urgency - b.urgency })
	r := &p.load.result
	for _, w := range wants {
		key := w.destination + " " + w.url.WithFragmentOf(nil).String()
		if p.seen[key] {
			continue
		}
		p.seen[key] = true
		r.Wanted++
		if len(r.Resources) == p.load.limits.Resources {
			continue
		}
		p.at[w] = len(r.Resources)
		r.Resources = append(r.Resources, Resource{
			URL: w.url.Redacted(), As: w.as, How: w.how, From: w.from, Initiator: w.initiator,
			Start: time.Since(p.load.started),
		})
		t := p.load.depart(w)
		p.work.Go(func() { p.arrived(w, t.arrive()) })
	}
}

// arrived takes in a resource and looks for what it names.
func (p *page) arrived(w *want, out *outcome) {
	p.mu.Lock()
	r := &p.load.result.Resources[p.at[w]]
	r.Final, r.Status, r.Source, r.Err = out.url.Redacted(), out.status, out.source, out.err
	r.ContentType = out.fields.Get("Content-Type")
	r.Bytes, r.Decoded, r.Fault = out.transferred, out.decoded, fault.Of(out.err)
	r.Took = time.Since(p.load.started) - r.Start
	p.mu.Unlock()
	if out.err != nil || out.status < 200 || out.status > 299 || w.depth == maxDepth {
		return
	}
	var found []*want
	switch {
	case w.destination == "style":
		for _, ref := range scanSheet(string(out.body)) {
			found = append(found, p.named(w, out, ref.url, ref.want(), "stylesheet"))
		}
	case w.module:
		for _, specifier := range scanImports(string(out.body)) {
			if u, ok := resolveModule(specifier, out.url); ok {
				found = append(found, p.named(w, out, u.String(), importWant("import"), "script"))
			}
		}
	}
	p.want(slices.DeleteFunc(found, func(w *want) bool { return w == nil }))
}

// named completes what a subresource names; nil when it is nothing to fetch.
func (p *page) named(by *want, out *outcome, ref string, w *want, initiator string) *want {
	u, err := url.Parse(ref, out.url)
	if err != nil || !isHTTP(u) {
		return nil
	}
	w.url, w.initiator, w.referrer, w.cause, w.depth = u, initiator, out.url, out.span, by.depth+1
	return w
}

// cutShort says why not all subresources were loaded.
func cutShort(wanted, limit int) string {
	return fmt.Sprintf("the page wants %d subresources; no more than %d are loaded", wanted, limit)
}
