package edge

import (
	"waypost/edge/store"
	"waypost/fetch"
	"waypost/http/cache"
)

// askForRest makes the fill ask for what a stored part lacks: the beginning
// or the end. The part may have no validator that is strong enough to put the
// two together by; whether what comes fits is seen when it comes.
func (f *fill) askForRest(part *store.Object) {
	held, _ := cache.PartOf(&part.Response)
	f.rest, f.missing = part, cache.Range{Start: held.Length}
	if held.Start > 0 {
		f.missing = cache.Range{Length: held.Start}
	}
	f.out.Fields = append(f.out.Fields, f.missing.Conditions(&part.Response)...)
}

// complete puts the part and the rest together (RFC 9111 §3.4): who waits
// reads the whole. It reports false when what came is not the rest, or of
// another representation.
func (f *fill) complete(resp *fetch.Response) bool {
	rules, came := f.site.rules, f.head(resp)
	held, _ := cache.PartOf(&f.rest.Response)
	got, ok := cache.PartOf(came)
	if f.missing.Length == 0 {
		f.missing.Length = held.Size - f.missing.Start
	}
	f.verdict = cache.StorePart(f.received, rules, &f.ask, came)
	if !ok || got.Range != f.missing || got.Size != held.Size || !f.fills(resp, got.Length) ||
		!cache.SameRepresentation(&f.rest.Response, came) || variesByUs(resp.Fields) || f.verdict.Action != cache.Keep {
		resp.Body.Close()
		f.noteFetch(came)
		return false
	}
	whole := cache.Part{Range: cache.Range{Length: held.Size}, Size: held.Size}
	head := cache.Combine(rules, &f.rest.Response, came, whole)
	head.Fields.Del("Trailer")
	f.begin(f.filling.Start(head, held.Size, true, nil))
	if held.Start == 0 {
		f.write(f.rest)
	}
	f.body(resp)
	return true
}

// fills reports whether the body of the rest is as long as its Content-Range
// says. Where the rest is the end, what is more or less is noticed by the size
// of the whole, and a length need not have been announced. Where it is the
// beginning, the stored end would come at another offset.
func (f *fill) fills(resp *fetch.Response, length int64) bool {
	return resp.Length == length || resp.Length < 0 && f.missing.Start > 0
}

// write appends what a complete object holds.
func (f *fill) write(o *store.Object) {
	for _, chunk := range o.Chunks() {
		if _, err := f.filling.Write(chunk); err != nil {
			return // it is over
		}
	}
}
