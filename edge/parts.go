package edge

import (
	"slices"

	"waypost/edge/store"
	"waypost/fetch"
	"waypost/http/cache"
)

// Parts (RFC 9111 §3.3, §3.4). What a client got of a resource that is not
// stored is kept beside the place of the whole, under a key of its own, so
// that who asks for the whole need not look at it. It answers ranges that lie
// within it; parts that touch each other become one; and what is missing at
// either end of a part is all that is asked for when somebody wants the
// whole. Parts are put together only where a strong validator says that they
// are of one representation.
//
// What has come of a whole that broke off is a part, too.
//
// A large file is better served by slices (slices.go), which a site turns on.

const (
	// partsSuffix makes the key of a resource's parts of that of the whole.
	// No target has a space.
	partsSuffix = " parts"
	// joinUpTo bounds what parts become when they are put together: that
	// copies them, and who reads on in a large file must not have it copied
	// again and again.
	joinUpTo = 8 << 20
)

// partsKey is the key of the parts of what the request asks for. It is valid
// until the request's key changes.
func (r *request) partsKey() []byte {
	n := len(r.key)
	r.key = append(r.key, partsSuffix...)
	key := r.key
	r.key = r.key[:n]
	return key
}

// parts are those that are stored, nil for none.
func (r *request) parts() []*store.Object {
	key := r.partsKey()
	e := r.edge.store.Get(key)
	if e == nil {
		if !r.edge.store.Recall(key, r.site.rules) {
			return nil
		}
		r.recalled = true
		if e = r.edge.store.Get(key); e == nil {
			return nil
		}
	}
	return e.Variants
}

// usable reports whether a part may answer now, as far as that does not hang
// on what it holds. One that is stale is asked for anew: it is not confirmed.
func (r *request) usable(o *store.Object) (cache.Verdict, bool) {
	if !cache.Matches(r.site.rules, r.in.Fields, &o.Response) || !o.Complete() {
		return cache.Verdict{}, false
	}
	v := cache.Use(r.now, r.site.rules, &r.ask, &o.Response)
	return v, v.Action == cache.Hit || v.Action == cache.Stale
}

// lookupPart finds a part that answers the request's Range.
func (r *request) lookupPart() bool {
	asked := r.in.Fields.Get("Range")
	for _, o := range r.parts() {
		r.parted = true
		v, ok := r.usable(o)
		if !ok || !cache.IfRange(r.in.Fields, cache.ValidatorOf(&o.Response)) {
			continue
		}
		if _, ok := cache.Serves(&o.Response, asked); ok {
			o.Touch()
			r.object, r.verdict = o, v
			return true
		}
	}
	return false
}

// deliverFromPart sends what lookupPart found.
func (r *request) deliverFromPart(o *store.Object, age int64) stage {
	held, _ := cache.PartOf(&o.Response)
	ranges, _ := cache.Serves(&o.Response, r.in.Fields.Get("Range"))
	return r.deliverRanges(o.Fields, held.Size, ranges, age, func(p cache.Range) bool {
		return r.sendPart(o, cache.Range{Start: p.Start - held.Start, Length: p.Length})
	})
}

// lookupRest finds a part that has the beginning or the end of the whole, so
// that only the rest need be asked for.
func (r *request) lookupRest() *store.Object {
	for _, o := range r.parts() {
		if held, ok := cache.PartOf(&o.Response); !ok || held.Size < 0 ||
			held.Start > 0 && held.Start+held.Length < held.Size {
			continue
		}
		if _, ok := r.usable(o); ok {
			return o
		}
	}
	return nil
}

// keepPart begins to keep the 206 that is relayed. A part that is all there
// is becomes a stored 200.
func (r *request) keepPart(resp *fetch.Response) bool {
	came := r.came(resp)
	held, ok := cache.PartOf(came)
	if !ok || r.expected.part == nil || variesByUs(resp.Fields) || endless(resp) || resp.Length > held.Length ||
		cache.StorePart(r.received, r.site.rules, &r.ask, came).Action != cache.Keep {
		return false
	}
	if resp.Length >= 0 {
		// Some origins promise more than they send, such as those that count
		// the last byte wrong: what came is what there is.
		held.Length = resp.Length
	}
	if held.Length == 0 {
		return false
	}
	head := cache.StoredPart(r.site.rules, &r.ask, came, held)
	head.Fields.Del("Trailer")
	r.keeping = r.expected.part
	if held.Whole() {
		r.keeping = r.expected.whole
	}
	r.part = r.keeping.Start(head, held.Length, true, nil)
	r.status.stored = r.part.Kept()
	r.measure(r.part)
	return true
}

// salvageFrom is how much of a response must have come for it to be kept when
// it breaks off: less is as soon asked for anew.
const salvageFrom = 64 << 10

// salvage keeps what has come of a 200 that broke off, as a part of it (RFC
// 9111 §3.3): who asks for the whole has only the rest fetched. That is for
// origins that take ranges, and what has a validator to put the two together
// by.
func (f *fill) salvage() {
	o, n := f.object, f.filling.Written()
	if f.slice != nil || o == nil || o.Status != 200 || n < salvageFrom || n >= o.Size() ||
		!o.Fields.Contains("Accept-Ranges", "bytes") || !cache.Strong(&o.Response) {
		return
	}
	held := cache.Part{Range: cache.Range{Length: n}, Size: o.Size()}
	f.filling.Bequeath(slices.Concat(f.key, []byte(partsSuffix)), cache.Combine(f.site.rules, &o.Response, &o.Response, held))
}

// joinParts puts the part that has just been stored together with those that
// it touches.
func (r *request) joinParts() {
	for _, other := range r.parts() {
		if other == r.part || !other.Complete() || !cache.Matches(r.site.rules, r.in.Fields, &other.Response) ||
			!cache.SameRepresentation(&other.Response, &r.part.Response) {
			continue
		}
		a, ok1 := cache.PartOf(&other.Response)
		b, ok2 := cache.PartOf(&r.part.Response)
		if !ok1 || !ok2 || a.Size != b.Size || a.Start > b.Start+b.Length || b.Start > a.Start+a.Length {
			continue
		}
		first, second := other, r.part
		if b.Start < a.Start {
			first, second, a, b = second, first, b, a
		}
		between := a.Start + a.Length - b.Start // what both have
		held := cache.Part{Range: cache.Range{Start: a.Start, Length: a.Length + max(b.Length-between, 0)}, Size: a.Size}
		if held.Length > joinUpTo {
			continue
		}
		head := cache.Combine(r.site.rules, &other.Response, &r.part.Response, held)
		if !r.merge(head, held, first, second, between) {
			return
		}
	}
}

// merge stores all of first and what second has beyond the bytes that both
// have, in place of the two, unless they are purged meanwhile. It reports
// whether that is still a part.
func (r *request) merge(head *cache.Response, held cache.Part, first, second *store.Object, between int64) bool {
	key := r.partsKey()
	if held.Whole() {
		key = r.key
	}
	f := r.edge.store.BeginFrom(key, first, second)
	if f == nil {
		return false
	}
	defer f.Abort(errGivenUp)
	merged := f.Start(head, held.Length, true, nil)
	for _, chunk := range first.Chunks() {
		_, _ = f.Write(chunk) // fails only when it is over
	}
	for _, chunk := range second.Chunks() {
		n := min(between, int64(len(chunk)))
		_, _ = f.Write(chunk[n:])
		between -= n
	}
	if !f.Commit() {
		return false
	}
	if held.Whole() {
		r.edge.store.Purge(r.partsKey())
		return false
	}
	r.edge.store.Drop(first)
	r.edge.store.Drop(second)
	r.part = merged
	return true
}
