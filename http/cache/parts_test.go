package cache

import (
	"fmt"
	"testing"
	"time"

	"waypost/http/field"
)

func TestContentRange(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  string // "" is refused
	}{
		{"bytes 0-4/10", "{{0 5} 10}"},
		{"bytes 5-9/10", "{{5 5} 10}"},
		{"Bytes 0-0/*", "{{0 1} -1}"},
		{" bytes 0-9/10 ", "{{0 10} 10}"},
		{"bytes 5-4/10", ""},
		{"bytes 0-10/10", ""},
		{"bytes 0-4/", ""},
		{"bytes */10", ""},
		{"bytes 0-4", ""},
		{"bytes -4/10", ""},
		{"bytes 0-/10", ""},
		{"lines 0-4/10", ""},
		{"bytes=0-4/10", ""},
		{"bytes 0-+4/10", ""},
		{"bytes 0-9223372036854775807/*", ""},
		{"bytes 0-99999999999999999999/*", ""},
	} {
		got := ""
		p, ok := parseContentRange(tt.value)
		if ok {
			got = fmt.Sprint(p)
			if again, ok := parseContentRange(p.ContentRange()); !ok || again != p {
				t.Errorf("%q is written %q, which is %v", tt.value, p.ContentRange(), again)
			}
		}
		if got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.value, got, tt.want)
		}
	}
}

// part is a stored 206 that answered the Range asked.
func part(asked, contentRange string, fields ...string) *Response {
	rules := &Rules{Shared: true}
	came := &Response{Status: 206, Asked: moment, Received: moment}
	for i := 0; i < len(fields); i += 2 {
		came.Fields.Add(fields[i], fields[i+1])
	}
	came.Fields.Add("Content-Range", contentRange)
	held, ok := PartOf(came)
	if !ok {
		panic(contentRange)
	}
	return StoredPart(rules, &Request{Method: "GET", Fields: field.Fields{{Name: "Range", Value: asked}}}, came, held)
}

var moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestServes(t *testing.T) {
	for _, tt := range []struct{ asked, held, value, want string }{
		{"bytes=4-8", "bytes 4-8/10", "bytes=4-8", "[{4 5}]"},
		{"bytes=4-8", "bytes 4-8/10", "bytes=6-7", "[{6 2}]"},
		{"bytes=4-8", "bytes 4-8/10", "bytes=7-7,4-4", "[{7 1} {4 1}]"},
		{"bytes=4-8", "bytes 4-8/10", "bytes=3-5", ""},
		{"bytes=4-8", "bytes 4-8/10", "bytes=6-", ""},
		{"bytes=4-8", "bytes 4-8/10", "bytes=-1", ""},
		{"bytes=4-8", "bytes 4-8/10", "bytes=4-4,9-9", ""},
		{"bytes=4-8", "bytes 4-8/10", "bytes=x", ""},
		{"bytes=4-8", "bytes 4-8/10", "bytes=20-30", ""},
		{"bytes=5-", "bytes 5-9/10", "bytes=6-", "[{6 4}]"},
		{"bytes=5-", "bytes 5-9/10", "bytes=-2", "[{8 2}]"},
		{"bytes=5-", "bytes 5-9/10", "bytes=8-99", "[{8 2}]"},
		{"bytes=5-", "bytes 5-9/*", "bytes=6-7", "[{6 2}]"},
		{"bytes=5-", "bytes 5-9/*", "bytes=6-", ""},
		{"bytes=5-", "bytes 5-9/*", "bytes=-2", ""},
		{"bytes=5-", "bytes 5-9/*", "bytes=5-", ""}, // how long that is was never said
		{"bytes=-6", "bytes 4-8/10", "bytes=-6", ""},
		{"bytes=0-2", "bytes 5-7/10", "bytes=0-2", ""},
	} {
		got := ""
		if ranges, ok := Serves(part(tt.asked, tt.held), tt.value); ok {
			got = fmt.Sprint(ranges)
		}
		if got != tt.want {
			t.Errorf("%s of %s (%s): got %s, want %s", tt.value, tt.held, tt.asked, got, tt.want)
		}
	}
}

func TestSameRepresentation(t *testing.T) {
	const old, older = "Thu, 01 Jan 2026 00:00:00 GMT", "Wed, 31 Dec 2025 00:00:00 GMT"
	just := moment.Format("Mon, 02 Jan 2006 15:04:05 GMT")
	for _, tt := range []struct {
		name string
		a, b []string
		want bool
	}{
		{"one strong tag", []string{"ETag", `"1"`}, []string{"ETag", `"1"`}, true},
		{"two strong tags", []string{"ETag", `"1"`}, []string{"ETag", `"2"`}, false},
		{"weak tags", []string{"ETag", `W/"1"`}, []string{"ETag", `W/"1"`}, false},
		{"a tag and none", []string{"ETag", `"1"`, "Last-Modified", old}, []string{"Last-Modified", old}, false},
		{"one old date", []string{"Last-Modified", old}, []string{"Last-Modified", old}, true},
		{"two dates", []string{"Last-Modified", old}, []string{"Last-Modified", older}, false},
		{"a date of this second", []string{"Last-Modified", just}, []string{"Last-Modified", just}, false},
		{"nothing", nil, nil, false},
		{"two codings", []string{"ETag", `"1"`, "Content-Encoding", "gzip"}, []string{"ETag", `"1"`}, false},
	} {
		a, b := part("bytes=0-1", "bytes 0-1/10", tt.a...), part("bytes=2-3", "bytes 2-3/10", tt.b...)
		if got := SameRepresentation(a, b); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

func TestCombine(t *testing.T) {
	rules := &Rules{Shared: true}
	a := part("bytes=0-4", "bytes 0-4/10", "ETag", `"1"`, "X", "old", "Y", "kept")
	b := part("bytes=5-", "bytes 5-9/10", "ETag", `"1"`, "X", "new")
	whole := Combine(rules, a, b, Part{Range{0, 10}, 10})
	if whole.Status != 200 || whole.Fields.Has("Content-Range") || whole.Fields.Get("X") != "new" ||
		whole.Fields.Get("Y") != "kept" || whole.Selecting.Has("Range") {
		t.Errorf("the whole is %v, by %v", whole.Fields, whole.Selecting)
	}
	c := part("bytes=3-7", "bytes 3-7/10", "ETag", `"1"`)
	most := Combine(rules, a, c, Part{Range{0, 8}, 10})
	if most.Status != 206 || most.Fields.Get("Content-Range") != "bytes 0-7/10" || most.Selecting.Get("Range") != "bytes=0-7" {
		t.Errorf("the part is %v, by %v", most.Fields, most.Selecting)
	}
	if a.Fields.Get("Content-Range") != "bytes 0-4/10" || a.Fields.Get("X") != "old" {
		t.Errorf("an argument has changed: %v", a.Fields)
	}
}

// TestStorePart: a part is kept where the whole would be; several parts in
// one, or a part that does not say which, never.
func TestStorePart(t *testing.T) {
	rules := &Rules{Shared: true}
	get := &Request{Method: "GET", Fields: field.Fields{{Name: "Range", Value: "bytes=0-1"}}}
	for _, tt := range []struct {
		name   string
		fields field.Fields
		want   Action
	}{
		{"a part", field.Fields{{Name: "Content-Range", Value: "bytes 0-1/10"}, {Name: "Cache-Control", Value: "max-age=9"}}, Keep},
		{"of one user", field.Fields{{Name: "Content-Range", Value: "bytes 0-1/10"}, {Name: "Cache-Control", Value: "private"}}, DoNotKeep},
		{"several parts", field.Fields{{Name: "Content-Type", Value: "multipart/byteranges; boundary=b"}, {Name: "Cache-Control", Value: "max-age=9"}}, DoNotKeep},
		{"one that contradicts itself", field.Fields{{Name: "Content-Range", Value: "bytes 5-1/10"}, {Name: "Cache-Control", Value: "max-age=9"}}, DoNotKeep},
	} {
		resp := &Response{Status: 206, Fields: tt.fields, Asked: moment, Received: moment}
		if got := StorePart(moment, rules, get, resp).Action; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		fields []string
		want   string
	}{
		{[]string{"ETag", `"1"`}, `[{Range bytes=5-} {If-Range "1"}]`},
		{[]string{"ETag", `W/"1"`}, `[{Range bytes=5-}]`},
		{[]string{"Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"}, `[{Range bytes=5-} {If-Range Thu, 01 Jan 2026 00:00:00 GMT}]`},
		{nil, `[{Range bytes=5-}]`},
	} {
		if got := fmt.Sprint(Range{Start: 5}.Conditions(part("bytes=0-4", "bytes 0-4/10", tt.fields...))); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.fields, got, tt.want)
		}
	}
}

func FuzzServes(f *testing.F) {
	f.Add("bytes 4-8/10", "bytes=6-7", "bytes=-5")
	f.Add("bytes 0-4/*", "bytes=0-", "bytes=0-")
	f.Fuzz(func(t *testing.T, held, value, asked string) {
		if _, ok := parseContentRange(held); !ok {
			return
		}
		r := part(asked, held)
		ranges, ok := Serves(r, value)
		if !ok {
			return
		}
		p, partial := PartOf(r)
		for _, one := range ranges {
			if !partial || one.Length <= 0 || !p.holds(one) {
				t.Fatalf("%q serves %v for %q", held, one, value)
			}
		}
	})
}
