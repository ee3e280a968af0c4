package cache

import (
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
		if !slices.Equal(got, tt.want) || err != tt.err {
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

func TestAppendKey(t *testing.T) {
	const plain = "shop https://www.shop.test/a/b?x=1"
	for _, tt := range []struct {
		scheme, host, path string
		want               string
	}{
		{"https", "www.shop.test", "/a/b?x=1", plain},
		{"HTTPS", "WWW.Shop.TEST", "/a/b?x=1", plain},
		{"https", "www.shop.test:443", "/a/b?x=1", plain},
		{"https", "www.shop.test:", "/a/b?x=1", plain},
		{"https", "www.shop.test", "/%61/%62?x=%31", plain},
		{"https", "www.shop.test:80", "/", "shop https://www.shop.test:80/"},
		{"http", "www.shop.test:80", "/", "shop http://www.shop.test/"},
		{"http", "www.shop.test", "", "shop http://www.shop.test/"},
		{"http", "www.shop.test", "?q", "shop http://www.shop.test/?q"},
		{"http", "www.shop.test", "/?", "shop http://www.shop.test/?"},
		{"https", "[2001:DB8::1]:443", "/", "shop https://[2001:db8::1]/"},
		{"https", "[2001:db8::1]", "/", "shop https://[2001:db8::1]/"},
		{"https", "h", "/A/%2f%c3%A9", "shop https://h/A/%2F%C3%A9"},
		{"https", "h", "/%7Euser/%zz/%4", "shop https://h/~user/%zz/%4"},
		{"https", "h", "/a%3fb", "shop https://h/a%3Fb"},
		{"https", "h", "*", "shop https://h*"},
	} {
		if got := string(AppendKey(nil, "shop", tt.scheme, tt.host, tt.path)); got != tt.want {
			t.Errorf("RFC 9110 §4.2.3: AppendKey(%s, %s, %s) = %q, want %q", tt.scheme, tt.host, tt.path, got, tt.want)
		}
	}
	buffer := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		AppendKey(buffer, "shop", "https", "WWW.shop.test:443", "/a%62?x")
	}); n != 0 {
		t.Errorf("AppendKey allocates %v times", n)
	}
}
