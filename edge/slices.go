package edge

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"time"

	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/field"
)

// Slices. A site may have its large files held in slices of one size: each is
// an object of the store, fetched when somebody wants a byte of it. In the
// place of the whole stands an index, which has the head of the whole, its
// size, and no bytes.
//
//	miss ── "Range: the slice of the first byte wanted"
//	   206, with a strong validator    an index, and its first slice
//	   206, and that is all there is   a stored 200, like any other
//	   200                             likewise: this origin does not do ranges
//	   206 that cannot be put together the whole is asked for (or the client's
//	                                   own range), and for a while no slices
//
// A slice belongs to one index: its key has a digest of the validator, size
// and coding, and what comes and what is found is held against the index once
// more, so that two versions are never mixed. When the origin turns out to
// have another one, a response that has not begun begins anew; one that has is
// broken off, visibly. Slices are not fresh or stale themselves: they serve as
// long as the index does (RFC 9111 §3.4).
//
// Sending what an index stands for: assembly.go.

// sliceSuffix makes the key of a slice of that of the whole, with what
// sliceKey adds.
const sliceSuffix = disk.FamilyMark

// Why a fill for slices brought nothing.
var (
	errChanged = errors.New("the origin has another version of the file now")
	errPass    = errors.New("the file is not to be had in slices")
)

// slice is what a fill asks the origin for: bytes from number × size on.
type slice struct {
	size, number int64
	of           *cache.Response // the index; nil to find out
}

// start is the slice's first byte.
func (s *slice) start() int64 { return s.size * s.number }

// part is the slice in a file of that size.
func (s *slice) part(size int64) cache.Part {
	return cache.Part{Range: cache.Range{Start: s.start(), Length: min(s.size, size-s.start())}, Size: size}
}

// slicing reports whether the request's target may be asked for in slices.
func (r *request) slicing() bool {
	return r.site.Policy.Slice > 0 && !r.edge.unsliced.has(r.key, r.now)
}

// isIndex reports whether a stored 206 stands for slices: no other part is
// without bytes.
func isIndex(o *store.Object) bool { return o.Size() == 0 }

// indexOf returns the file's size and that of its slices.
func indexOf(r *cache.Response) (size, slice int64) {
	p, _ := cache.PartOf(r)
	return p.Size, p.Length
}

// sliceKey appends to dst the key of a slice.
func sliceKey(dst []byte, key string, index *cache.Response, number int64) []byte {
	dst = append(append(dst, key...), sliceSuffix...)
	dst = strconv.AppendUint(dst, digest(index), 36)
	dst = append(dst, '/')
	return strconv.AppendInt(dst, number, 10)
}

// digest tells the slices of one index from those of another.
func digest(index *cache.Response) uint64 {
	h := fnv.New64a()
	size, slice := indexOf(index)
	var numbers [16]byte
	binary.LittleEndian.PutUint64(numbers[:], uint64(size))
	binary.LittleEndian.PutUint64(numbers[8:], uint64(slice))
	h.Write(numbers[:])
	for _, name := range [...]string{"ETag", "Last-Modified", "Content-Encoding"} {
		h.Write([]byte(index.Fields.Get(name)))
		h.Write([]byte{0})
	}
	for _, l := range index.Selecting {
		h.Write([]byte(l.Name + ":" + l.Value + "\n"))
	}
	return h.Sum64()
}

// firstSlice is the number of the slice that the client wants first, as far
// as that can be told without the file's size.
func (r *request) firstSlice() int64 {
	if !r.ranged {
		return 0
	}
	ranges, err := cache.ParseRange(r.in.Fields.Get("Range"), math.MaxInt64)
	if err != nil || ranges[0].Start > math.MaxInt64/2 {
		return 0 // "the last so many": of how many, the first slice says
	}
	return ranges[0].Start / r.site.Policy.Slice
}

// askForSlice makes the fill ask for one slice only.
func (f *fill) askForSlice(s slice) {
	f.slice = &s
	f.ask.Fields = withoutRanges(f.ask.Fields) // what comes is not the client's part
	f.out.Fields.Set("Range", cache.Range{Start: s.start(), Length: s.size}.Ask())
}

// takeSlice sees to the answer to the first request for a slice. It reports
// false when the fill is to ask for something else now.
func (f *fill) takeSlice(resp *fetch.Response) (taken bool) {
	came := f.head(resp)
	f.verdict = cache.StorePart(f.received, f.site.rules, &f.ask, came)
	if resp.Status == 416 && f.slice.number > 0 {
		resp.Body.Close()
		f.askForSlice(slice{size: f.slice.size}) // which says where the end is
		return false
	}
	got, ok := cache.PartOf(came)
	switch {
	case !ok || got.Size < 0 || got != f.slice.part(got.Size) || !f.fits(resp, got):
		return f.leaveSlices(resp)
	case got.Whole():
		f.begin(f.filling.Start(f.stands(came, got), got.Length, true, f.confirm))
		f.body(resp)
		return true
	case !cache.Strong(came):
		return f.leaveSlices(resp)
	}
	f.index(resp, came, got)
	return true
}

// fits reports whether a slice may be stored and has its length.
func (f *fill) fits(resp *fetch.Response, got cache.Part) bool {
	return f.verdict.Action == cache.Keep && (resp.Length < 0 || resp.Length == got.Length) && !variesByUs(resp.Fields)
}

// stands is the head under which a part is stored.
func (f *fill) stands(came *cache.Response, held cache.Part) *cache.Response {
	head := cache.StoredPart(f.site.rules, &f.ask, came, held)
	head.Fields.Del("Trailer")
	return head
}

// index stores an index, and the slice that came with it.
func (f *fill) index(resp *fetch.Response, came *cache.Response, got cache.Part) {
	index := f.stands(came, cache.Part{Range: cache.Range{Length: f.slice.size}, Size: got.Size})
	key := sliceKey(nil, string(f.key), index, f.slice.number)
	filling, _ := f.edge.store.Begin(key)
	o := f.filling.Start(index, 0, true, f.confirm)
	f.stored = f.filling.Commit()
	f.share(o)
	kept := true
	if filling != nil {
		// Without its index, as where that was purged on its way, it is kept for
		// nobody.
		defer filling.Abort(errGivenUp)
		kept = filling.Start(f.stands(came, got), got.Length, f.stored, nil).Kept()
		f.mu.Lock()
		f.filling = filling // who reads the slice keeps the fill going
		f.mu.Unlock()
	}
	f.offer(head{object: o, stored: f.stored && kept})
	if filling == nil { // somebody has just begun to fetch it
		resp.Body.Close()
		f.noteFetch(came)
		f.cancel(nil)
		return
	}
	f.body(resp)
}

// leaveSlices gives slices up for a while: the answer is not for the store,
// or has nothing by which its parts could be put together. Who wanted a part
// is to ask for it; else the whole is asked for.
func (f *fill) leaveSlices(resp *fetch.Response) (taken bool) {
	resp.Body.Close()
	f.noteFetch(f.head(resp))
	f.edge.unsliced.set(f.key, time.Now())
	f.slice = nil
	if f.ranged {
		f.filling.Refuse()
		f.offer(head{err: errPass})
		f.cancel(nil)
		return true
	}
	f.out.Fields = withoutPreconditions(f.out.Fields)
	return false
}

// fetchSlice is fetch for one slice of a file that has an index.
func (f *fill) fetchSlice() {
	resp, err := f.exchange()
	if err != nil {
		f.fail(&failure{err: err})
		return
	}
	if resp.Status >= 500 {
		resp.Body.Close()
		f.fail(&failure{status: resp.Status})
		return
	}
	came := f.head(resp)
	f.verdict = cache.StorePart(f.received, f.site.rules, &f.ask, came)
	size, _ := indexOf(f.slice.of)
	got, ok := cache.PartOf(came)
	if !ok || got != f.slice.part(size) || !f.fits(resp, got) || !cache.SameRepresentation(f.slice.of, came) {
		resp.Body.Close()
		f.noteFetch(came)
		f.filling.Abort(errChanged)
		f.offer(head{err: errChanged})
		f.cancel(nil)
		return
	}
	f.begin(f.filling.Start(f.stands(came, got), got.Length, true, nil))
	f.body(resp)
}

// withoutRanges is f without what asks for a part.
func withoutRanges(f field.Fields) field.Fields {
	return slices.DeleteFunc(f, func(l field.Line) bool { return field.Is(l.Name, "Range") || field.Is(l.Name, "If-Range") })
}
