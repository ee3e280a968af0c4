package cache

import (
	"strconv"
	"strings"

	"waypost/http/field"
)

// Limits on a Range field. RFC 9110 §17.15 names the attack: many small or
// overlapping ranges that cost a server more than the whole. The field is
// then ignored, as §14.2 allows.
const (
	maxRanges   = 32 // players and PDF viewers ask for a handful
	maxOverlaps = 2  // §14.2: "more than two overlapping ranges"
)

// Range is one part of a representation: Length > 0 bytes from Start.
type Range struct{ Start, Length int64 }

// ContentRange is the Content-Range value for r of a representation of size
// bytes (RFC 9110 §14.4).
func (r Range) ContentRange(size int64) string {
	b := make([]byte, 0, 64)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, r.Start, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, r.Start+r.Length-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, size, 10))
}

// UnsatisfiedRange is the Content-Range value of a 416 (RFC 9110 §15.5.17).
func UnsatisfiedRange(size int64) string { return "bytes */" + strconv.FormatInt(size, 10) }

type rangeError string

func (e rangeError) Error() string { return string(e) }

// The two ways in which a Range field gives no ranges.
const (
	// ErrUnsatisfiable: answer 416 with [UnsatisfiedRange].
	ErrUnsatisfiable = rangeError("no range lies within the representation")
	// ErrIgnoreRange: answer as if the field were not there. It is in another
	// unit, not in the grammar, or asks for too much.
	ErrIgnoreRange = rangeError("the Range field is not taken")
)

// ParseRange reads a Range value for a representation of size bytes
// (RFC 9110 §14.2). The ranges come in the order asked for, cut to the
// representation; those that overlap are joined, so that together they are
// no longer than it. An error is [ErrUnsatisfiable] or [ErrIgnoreRange].
func ParseRange(value string, size int64) ([]Range, error) {
	unit, set, ok := strings.Cut(trim(value), "=")
	if !ok || !field.Is(unit, "bytes") {
		return nil, ErrIgnoreRange
	}
	var ranges []Range
	specs := 0
	for more := true; more; {
		var spec string
		spec, set, more = strings.Cut(set, ",")
		spec = trim(spec)
		if spec == "" {
			continue
		}
		if specs++; specs > maxRanges {
			return nil, ErrIgnoreRange
		}
		r, ok := parseRangeSpec(spec, size)
		if !ok {
			return nil, ErrIgnoreRange
		}
		if r.Length > 0 {
			ranges = append(ranges, r)
		}
	}
	switch {
	case specs == 0:
		return nil, ErrIgnoreRange
	case len(ranges) == 0:
		return nil, ErrUnsatisfiable
	case overlaps(ranges) > maxOverlaps:
		return nil, ErrIgnoreRange
	}
	return join(ranges), nil
}

// parseRangeSpec reads first-last, first- or -suffix. A range outside the
// representation has no length.
func parseRangeSpec(spec string, size int64) (r Range, ok bool) {
	first, last, dash := strings.Cut(spec, "-")
	switch {
	case !dash:
		return r, false
	case first == "":
		n, ok := position(last)
		n = min(n, size)
		return Range{size - n, n}, ok
	}
	from, ok := position(first)
	if !ok {
		return r, false
	}
	to := size - 1
	if last != "" {
		if to, ok = position(last); !ok || to < from {
			return r, false
		}
		to = min(to, size-1)
	}
	if from >= size {
		return r, true
	}
	return Range{from, to - from + 1}, true
}

// position reads digits; what does not fit is larger than any size.
func position(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && s != "" {
		return 1<<63 - 1, true
	}
	return n, s != ""
}

// overlaps counts the pairs that share a byte.
func overlaps(ranges []Range) int {
	n := 0
	for i, a := range ranges {
		for _, b := range ranges[:i] {
			if a.Start < b.Start+b.Length && b.Start < a.Start+a.Length {
				n++
			}
		}
	}
	return n
}

// join merges each range into an earlier one that it overlaps (RFC 9110
// §15.3.7.2 allows it), until none do.
func join(ranges []Range) []Range {
	for again := true; again; {
		again = false
		var joined []Range
	next:
		for _, r := range ranges {
			for i, j := range joined {
				if r.Start < j.Start+j.Length && j.Start < r.Start+r.Length {
					start := min(r.Start, j.Start)
					joined[i] = Range{start, max(r.Start+r.Length, j.Start+j.Length) - start}
					again = true
					continue next
				}
			}
			joined = append(joined, r)
		}
		ranges = joined
	}
	return ranges
}
