package browser

import (
	"slices"
	"time"

	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/trace"
)

// kept is a response in the private cache: its head and its body as
// transferred. It is not changed once it is kept.
type kept struct {
	*cache.Response
	body []byte
}

// maxVariants bounds the responses kept for one URL, the latest first: a
// browser's requests hardly differ.
const maxVariants = 4

// found is what the private cache had for a request.
type found struct {
	kept    []*kept
	index   int // the one that the request selects, or -1
	verdict cache.Verdict
}

// responses are the heads of what was found.
func (f found) responses() []*cache.Response {
	out := make([]*cache.Response, len(f.kept))
	for i, k := range f.kept {
		out[i] = k.Response
	}
	return out
}

// chosen is the response selected, or nil.
func (f found) chosen() *kept {
	if f.index < 0 || f.index >= len(f.kept) {
		return nil
	}
	return f.kept[f.index]
}

// key is what the request's URL is kept under.
func (t *trip) key() string { return t.keyOf(t.url.RequestTarget()) }

// keyOf is the key of another path on the same origin. Each page's site has
// keys of its own; a document is its own page.
func (t *trip) keyOf(target string) string {
	partition := t.load.partition
	if t.want.destination == "document" {
		partition = site(t.url)
	}
	return string(cache.AppendKey(nil, partition, t.url.Scheme(), t.url.Host(), target))
}

// request is t's request as the cache sees it.
func (t *trip) request() *cache.Request {
	return &cache.Request{Method: t.method, Fields: t.fields}
}

// passCache asks the private cache and notes what it says. It reports whether
// t needs no request.
func (t *trip) passCache() bool {
	if t.method != "GET" || t.unconditional {
		return false
	}
	rules := t.load.rules
	variants, _ := t.load.profile.cache.get(t.key())
	f := found{kept: variants}
	f.index, f.verdict = cache.Lookup(time.Now(), rules, t.request(), f.responses())
	t.found = f
	if t.span.On() {
		var head *cache.Response
		if k := f.chosen(); k != nil {
			head = k.Response
		} else if len(f.kept) > 0 {
			head = f.kept[0].Response
		}
		t.span.Note(trace.CacheDecision{
			URL: t.url.Redacted(), Store: "private-cache",
			Age: trace.Millis(f.verdict.Age), Lifetime: trace.Millis(f.verdict.Lifetime),
		}, f.verdict.Decision(rules, t.request(), head))
	}
	if !f.verdict.Serves() {
		return false
	}
	t.load.cached.Add(1)
	t.serve(f.chosen(), "private-cache")
	if f.verdict.Action == cache.StaleWhileRevalidate {
		t.load.revalidate(t)
	}
	return true
}

// validators make the request conditional where the cache's answer is to be
// confirmed.
func (t *trip) validators() field.Fields {
	if t.found.verdict.Action != cache.Validate || t.unconditional {
		return nil
	}
	return cache.Validators(t.found.responses()...)
}

// refresh takes in a 304: what it confirms is fresh again. It reports nil
// when it confirms nothing that we have.
func (t *trip) refresh(resp *fetch.Response) (*kept, *trace.Decision) {
	rules := t.load.rules
	head := headOf(resp)
	var fresh *kept
	for _, i := range cache.Freshened(t.found.responses(), head) {
		old := t.found.kept[i]
		k := &kept{cache.Refresh(rules, old.Response, head), old.body}
		t.replace(old, k)
		if fresh == nil || i == t.found.index {
			fresh = k
		}
	}
	if fresh == nil {
		return nil, nil
	}
	return fresh, &trace.Decision{Verdict: "refreshed", Clause: "RFC 9111 §4.3.4",
		Reason:  "what is stored has not changed; its fields are brought up to date and it serves",
		Because: "304"}
}

// replace puts k in the place of old among what is kept for t's URL.
func (t *trip) replace(old, k *kept) {
	t.load.profile.cache.update(t.key(), func(variants []*kept) ([]*kept, int64, bool) {
		variants = slices.Clone(variants)
		i := slices.Index(variants, old)
		if i < 0 {
			return variants, cost(variants), len(variants) > 0
		}
		variants[i] = k
		return variants, cost(variants), true
	})
}

// keep stores a response that has arrived whole, if it may be. The decision
// is for the record.
func (t *trip) keep(resp *fetch.Response, body []byte, whole bool) *trace.Decision {
	rules, head := t.load.rules, headOf(resp)
	if cache.Invalidates(t.method, resp.Status) {
		t.invalidate(resp.Fields)
	}
	v := cache.Store(time.Now(), rules, t.request(), head)
	if v.Action == cache.Keep && whole {
		stored := &kept{cache.Stored(rules, t.request(), head), body}
		t.load.profile.cache.update(t.key(), func(variants []*kept) ([]*kept, int64, bool) {
			// What the same request would select is replaced (RFC 9111 §4).
			variants = slices.DeleteFunc(slices.Clone(variants), func(k *kept) bool {
				return cache.Matches(rules, t.fields, k.Response)
			})
			variants = slices.Insert(variants, 0, stored)
			variants = variants[:min(len(variants), maxVariants)]
			return variants, cost(variants), true
		})
	}
	if !t.span.On() {
		return nil
	}
	d := v.Decision(rules, t.request(), head)
	if v.Action == cache.Keep && !whole {
		d.Verdict, d.Reason = cache.DoNotKeep.String(), "the body did not arrive whole, or is too large to keep"
		d.Clause = "RFC 9111 §3.3"
	}
	return d
}

// invalidate forgets what a successful unsafe request has made wrong (RFC
// 9111 §4.4).
func (t *trip) invalidate(resp field.Fields) {
	target := t.url.RequestTarget()
	for _, also := range append(cache.InvalidatesAlso(t.url.Scheme(), t.url.Host(), target, resp), target) {
		t.load.profile.cache.del(t.keyOf(also))
	}
}

// headOf is a response's head as the cache sees it.
func headOf(resp *fetch.Response) *cache.Response {
	return &cache.Response{
		Status: resp.Status, Fields: resp.Fields, Asked: resp.Sent, Received: resp.Sent.Add(resp.FirstByte),
	}
}

// cost is the memory of what is kept for one URL.
func cost(variants []*kept) int64 {
	var n int64
	for _, k := range variants {
		n += int64(len(k.body)) + fieldsCost(k.Fields) + fieldsCost(k.Selecting) + entryCost
	}
	return n
}
