package cache

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	r := func(pairs ...int64) (ranges []Range) {
		for i := 0; i < len(pairs); i += 2 {
			ranges = append(ranges, Range{pairs[i], pairs[i+1]})
		}
		return ranges
	}
	for _, tt := range []struct {
		value string
		size  int64
		want  []Range
		err   error
	}{
		{"bytes=0-1", 11, r(0, 2), nil},
		{"bytes=1-", 11, r(1, 10), nil},
		{"bytes=-1", 11, r(10, 1), nil},
		{"bytes=-20", 11, r(0, 11), nil},
		{"bytes=5-99", 11, r(5, 6), nil},
		{"Bytes = 0-1", 11, nil, ErrIgnoreRange},
		{"BYTES=0-1", 11, r(0, 2), nil},
		{"bytes=0-0,-1", 11, r(0, 1, 10, 1), nil},
		{"bytes= 0-0 ,\t5-6,, ", 11, r(0, 1, 5, 2), nil},
		{"bytes=5-6,0-1", 11, r(5, 2, 0, 2), nil},
		{"bytes=0-1,99-100", 11, r(0, 2), nil},
		{"bytes=11-", 11, nil, ErrUnsatisfiable},
		{"bytes=11-12,20-", 11, nil, ErrUnsatisfiable},
		{"bytes=-0", 11, nil, ErrUnsatisfiable},
		{"bytes=0-", 0, nil, ErrUnsatisfiable},
		{"bytes=-5", 0, nil, ErrUnsatisfiable},
		{"bytes=99999999999999999999-", 11, nil, ErrUnsatisfiable},
		{"bytes=0-99999999999999999999", 11, r(0, 11), nil},
		{"bytes=-99999999999999999999", 11, r(0, 11), nil},
		{"bytes=2-1", 11, nil, ErrIgnoreRange},
		{"bytes=", 11, nil, ErrIgnoreRange},
		{"bytes=,", 11, nil, ErrIgnoreRange},
		{"bytes=-", 11, nil, ErrIgnoreRange},
		{"bytes=a-b", 11, nil, ErrIgnoreRange},
		{"bytes=1", 11, nil, ErrIgnoreRange},
		{"bytes=+1-2", 11, nil, ErrIgnoreRange},
		{"bytes=1-2-3", 11, nil, ErrIgnoreRange},
		{"bytes=0-1,x", 11, nil, ErrIgnoreRange},
		{"items=0-1", 11, nil, ErrIgnoreRange},
		{"0-1", 11, nil, ErrIgnoreRange},
		{"", 11, nil, ErrIgnoreRange},
		{"bytes=0-5,3-8", 20, r(0, 9), nil},
		{"bytes=3-8,0-5", 20, r(0, 9), nil},
		{"bytes=0-5,6-8", 20, r(0, 6, 6, 3), nil}, // adjacent is not overlapping
		{"bytes=0-1,4-5,1-4", 20, r(0, 6), nil},
		{"bytes=0-,0-", 20, r(0, 20), nil},
		{"bytes=0-,0-,0-", 20, nil, ErrIgnoreRange},
		{"bytes=" + strings.Repeat("0-0,", maxRanges) + "0-0", 20, nil, ErrIgnoreRange},
	} {
		got, err := ParseRange(tt.value, tt.size)
		if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("RFC 9110 §14.2: ParseRange(%q, %d) = %v, %v; want %v, %v", tt.value, tt.size, got, err, tt.want, tt.err)
		}
	}
	if got := (Range{5, 6}).ContentRange(11); got != "bytes 5-10/11" {
		t.Errorf("ContentRange = %q", got)
	}
	if got := UnsatisfiedRange(11); got != "bytes */11" {
		t.Errorf("UnsatisfiedRange = %q", got)
	}
}
