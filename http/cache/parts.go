package cache

import (
	"math"
	"strconv"
	"strings"
	"time"

	"waypost/http/field"
)

// Part is what a partial response holds of a representation: a range of Size
// bytes. Size is -1 where the response does not say it.
type Part struct {
	Range
	Size int64
}

// parseContentRange reads a Content-Range value (RFC 9110 §14.4). ok is false
// for other units, for what is not in the grammar, for ranges that contradict
// themselves, and for the "bytes */SIZE" of a 416, which names no part.
func parseContentRange(value string) (p Part, ok bool) {
	unit, rest, ok := strings.Cut(trim(value), " ")
	if !ok || !field.Is(unit, "bytes") {
		return p, false
	}
	span, size, ok := strings.Cut(rest, "/")
	first, last, dash := strings.Cut(span, "-")
	if !ok || !dash {
		return p, false
	}
	from, ok1 := position(first)
	to, ok2 := position(last)
	if !ok1 || !ok2 || to < from || to == math.MaxInt64 {
		return p, false
	}
	p = Part{Range{from, to - from + 1}, -1}
	if size == "*" {
		return p, true
	}
	p.Size, ok = position(size)
	return p, ok && p.Size > to
}

// ContentRange is the part as a Content-Range value.
func (p Part) ContentRange() string {
	if p.Size < 0 {
		return strings.TrimSuffix(p.Range.ContentRange(0), "0") + "*"
	}
	return p.Range.ContentRange(p.Size)
}

// Whole reports whether the part is all there is.
func (p Part) Whole() bool { return p.Start == 0 && p.Length == p.Size }

// holds reports whether r lies within the part.
func (p Part) holds(r Range) bool {
	return r.Start >= p.Start && r.Start+r.Length <= p.Start+p.Length
}

// PartOf says which single part a 206 holds. ok is false for another status,
// for several parts (multipart/byteranges), and where Content-Range is absent,
// given twice or invalid: such a response is passed on and nothing else (RFC
// 9110 §14.4).
func PartOf(r *Response) (p Part, ok bool) {
	if r.Status != 206 || r.Fields.Count("Content-Range") != 1 {
		return p, false
	}
	return parseContentRange(r.Fields.Get("Content-Range"))
}

// StorePart is [Store] for a 206 (RFC 9111 §3.3): what a 200 with its fields
// would be, where it is a single part.
func StorePart(now time.Time, rules *Rules, req *Request, resp *Response) Verdict {
	if _, ok := PartOf(resp); !ok {
		return Store(now, rules, req, resp)
	}
	return Store(now, rules, req, &Response{Status: 200, Fields: resp.Fields, Asked: resp.Asked, Received: resp.Received})
}

// StoredPart returns resp, a 206, in the form in which it is kept: as
// [Stored] does, with the part that is there in Content-Range, and among the
// lines that select it, so that other parts are other variants. A part that is
// the whole is kept as a 200.
func StoredPart(rules *Rules, req *Request, resp *Response, held Part) *Response {
	out := Stored(rules, req, resp)
	return out.holding(rules, held, req.Fields.Has("Range"))
}

// holding makes r, which is not shared yet, the head of a part, one of many
// where a client asked for it.
func (r *Response) holding(rules *Rules, held Part, asked bool) *Response {
	r.Fields.Del("Content-Range")
	if r.Status = 200; !held.Whole() {
		r.Status = 206
		r.Fields.Add("Content-Range", held.ContentRange())
		if asked && !r.Selecting.Has("Range") {
			r.Selecting.Add("range", held.Ask())
		}
	}
	r.Compile(rules)
	return r
}

// Serves returns the ranges with which a stored part answers a Range value,
// in the order asked for. ok is false where any of them is not wholly within
// the part: RFC 9111 §3.3 forbids to answer then, whatever the origin answered
// to the same question.
func Serves(stored *Response, value string) (ranges []Range, ok bool) {
	p, ok := PartOf(stored)
	if !ok {
		return nil, false
	}
	size := p.Size
	if size < 0 {
		size = math.MaxInt64 // an open end is then beyond every part
	}
	if ranges, err := ParseRange(value, size); err == nil && p.all(ranges) {
		return ranges, true
	}
	return nil, false
}

func (p Part) all(ranges []Range) bool {
	for _, r := range ranges {
		if !p.holds(r) {
			return false
		}
	}
	return true
}

// SameRepresentation reports whether two responses are of the same
// representation for sure, so that parts of them may be put together: they
// share a strong validator (RFC 9111 §3.4, RFC 9110 §15.3.7.3).
func SameRepresentation(a, b *Response) bool {
	if trim(a.Fields.Get("Content-Encoding")) != trim(b.Fields.Get("Content-Encoding")) {
		return false
	}
	va, vb := ValidatorOf(a), ValidatorOf(b)
	if va.ETag != "" || vb.ETag != "" {
		return strongMatch(va.ETag, vb.ETag)
	}
	return va.strongDate() && vb.strongDate() && va.LastModified.Equal(vb.LastModified)
}

// Strong reports whether r has a validator by which its parts can be put
// together.
func Strong(r *Response) bool { return SameRepresentation(r, r) }

// strongDate reports whether Last-Modified tells one representation from the
// next: the response was sent at least a second after it (RFC 9110 §8.8.2.2).
func (v Validator) strongDate() bool {
	return !v.LastModified.IsZero() && !v.Date.Before(v.LastModified.Add(time.Second))
}

// Combine returns the head of what stored and newer hold together (RFC 9111
// §3.4), compiled: the fields of newer replace those of stored. Neither
// argument changes; that they belong together is for [SameRepresentation] to
// say. held is the part that there is then.
func Combine(rules *Rules, stored, newer *Response, held Part) *Response {
	out := Refresh(rules, stored, newer)
	out.Selecting = without(stored.Selecting, "Range")
	return out.holding(rules, held, true)
}

// without is a copy of f without the lines of that name.
func without(f field.Fields, name string) field.Fields {
	f = f.Clone()
	f.Del(name)
	return f
}

// Conditions returns the fields that ask for a part of the representation of
// stored, and for the whole of another one that has taken its place: Range,
// and If-Range where stored has a strong validator (RFC 9110 §13.1.5).
func (r Range) Conditions(stored *Response) field.Fields {
	f := field.Fields{{Name: "Range", Value: r.Ask()}}
	switch v := ValidatorOf(stored); {
	case v.ETag != "" && !isWeak(v.ETag):
		f.Add("If-Range", v.ETag)
	case v.ETag == "" && v.strongDate():
		f.Add("If-Range", trim(stored.Fields.Get("Last-Modified")))
	}
	return f
}

// Ask is the range as a Range value. A Length of 0 stands for an open end.
func (r Range) Ask() string {
	b := strconv.AppendInt([]byte("bytes="), r.Start, 10)
	b = append(b, '-')
	if r.Length > 0 {
		b = strconv.AppendInt(b, r.Start+r.Length-1, 10)
	}
	return string(b)
}
