package cache

import (
	"slices"
	"strings"
	"testing"
	"time"

	"waypost/http/field"
)

func TestIsToken(t *testing.T) {
	const tchar = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for c := range 256 {
		if got, want := isToken(string([]byte{byte(c)})), strings.IndexByte(tchar, byte(c)) >= 0; got != want {
			t.Errorf("RFC 9110 §5.6.2: isToken(%q) = %v", byte(c), got)
		}
	}
	if isToken("") || !isToken("max-age") {
		t.Error("RFC 9110 §5.6.2: a token has one character or more")
	}
}

func TestParseDirective(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []directive
	}{
		{"", []directive{{}}},
		{"a, b=1 ,c", []directive{{name: "a"}, {name: "b", arg: "1", hasArg: true}, {name: "c"}}},
		{`a="1"`, []directive{{name: "a", arg: "1", hasArg: true}}},
		{`a="x, y", b`, []directive{{name: "a", arg: "x, y", hasArg: true}, {name: "b"}}},
		{`a="x\", y", b`, []directive{{name: "a", arg: `x\", y`, hasArg: true}, {name: "b"}}},
		{"a =1", []directive{{name: "a", arg: "1", hasArg: true, broken: true}}},
		{"a= 1", []directive{{name: "a", arg: " 1", hasArg: true, broken: true}}},
		{`a="1"2`, []directive{{name: "a", arg: `"1"2`, hasArg: true, broken: true}}},
		{`a="1, b`, []directive{{name: "a", arg: `"1`, hasArg: true, broken: true}, {name: "b"}}},
		{`a", b="1,2"`, []directive{{name: `a", b`, arg: `"1`, hasArg: true, broken: true}, {name: `2"`}}},
		{"a=", []directive{{name: "a", hasArg: true}}},
		{"=1", []directive{{arg: "1", hasArg: true}}},
		{"a==1", []directive{{name: "a", arg: "=1", hasArg: true}}},
	} {
		var got []directive
		list := membersOf(tt.in)
		for member, ok := list.next(); ok; member, ok = list.next() {
			got = append(got, parseDirective(member))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("RFC 9111 §5.2: %q = %+v, want %+v", tt.in, got, tt.want)
		}
	}
}

// Values as long as a head may be, made to be slow, are read at once.
func TestLongValues(t *testing.T) {
	const size = 256 << 10
	for _, s := range []string{`a\",`, `"`, `\"`, `"a,`, ",", "a,", "=", `a="b", `, " ", "a;q=0.5, ", `"",`, "max-age=1,"} {
		reading := func(size int) {
			value := strings.Repeat(s, size/len(s))
			rules := &Rules{Shared: true, NormalAccept: true, Targeted: []string{"CDN-Cache-Control"}}
			req := &Request{Method: "GET", Fields: field.Fields{
				{Name: "Cache-Control", Value: value}, {Name: "Accept-Language", Value: value}, {Name: "Foo", Value: value},
				{Name: "If-None-Match", Value: value}, {Name: "If-Match", Value: value},
			}}
			resp := response("")
			resp.Fields = append(resp.Fields, field.Fields{{Name: "Cache-Control", Value: value}, {Name: "Vary", Value: value},
				{Name: "CDN-Cache-Control", Value: value}, {Name: "Connection", Value: value}}...)
			stored := Stored(rules, req, resp)
			Lookup(t0, rules, req, []*Response{stored, resp})
			Use(t0, rules, req, resp).Decision(rules, req, resp)
			NotModified(req.Fields, Validator{ETag: `"a"`, Exists: true})
			ParseRange("bytes="+value, 1<<30)
			AppendKey(nil, "s", "https", value, value)
		}
		if quadratic(reading, size/8) {
			t.Errorf("%q: eight times as much takes far more than eight times as long", s)
		}
	}
}

// quadratic reports whether f takes far more than eight times as long for eight
// times as much. Of the shorter time the least of some runs counts, and the
// longer one has several tries: other work on the machine makes times longer,
// never shorter. What is within some milliseconds is no matter.
func quadratic(f func(size int), size int) bool {
	took := func(size int) time.Duration {
		start := time.Now()
		f(size)
		return time.Since(start)
	}
	once := took(size)
	for range 8 {
		once = min(once, took(size))
	}
	once = max(once, time.Millisecond)
	for range 8 {
		if took(8*size) < 24*once {
			return false
		}
	}
	return true
}
