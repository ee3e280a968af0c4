package field

import (
	"fmt"
	"slices"
	"testing"
)

func TestFields(t *testing.T) {
	f := Fields{{"Host", "a"}, {"Vary", "Accept"}, {"VARY", "Cookie"}, {"X-Empty", ""}}
	if got := f.Get("host"); got != "a" {
		t.Errorf("Get(host) = %q, want a", got)
	}
	if got := f.Join("vary"); got != "Accept, Cookie" {
		t.Errorf("Join(vary) = %q", got)
	}
	if _, ok := f.Lookup("x-empty"); !ok {
		t.Error("an empty value is there all the same")
	}
	c := f.Clone()
	c.Set("vary", "*")
	c.Del("HOST")
	c.Add("Age", "1")
	want := Fields{{"Vary", "*"}, {"X-Empty", ""}, {"Age", "1"}}
	if !slices.Equal(c, want) {
		t.Errorf("after Set, Del, Add = %v, want %v", c, want)
	}
	if f.Count("vary") != 2 {
		t.Error("Clone shares lines with its source")
	}
}

func TestIs(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"ETag", "etag", true},
		{"ETag", "etags", false},
		{"a@", "a`", false}, // differ only in bit 5, but are no letters
		{"", "", true},
	} {
		if got := Is(tt.a, tt.b); got != tt.want {
			t.Errorf("Is(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

func TestElements(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" , ,", nil},
		{"a, b ,,c", []string{"a", "b", "c"}},
		{`private="a,b", max-age=1`, []string{`private="a,b"`, "max-age=1"}},
		{`"a\",b", c`, []string{`"a\",b"`, "c"}},
		{`"open, c`, []string{`"open, c`}},
		{`"end\`, []string{`"end\`}},
	} {
		if got := slices.Collect(Elements(tt.in)); !slices.Equal(got, tt.want) {
			t.Errorf("Elements(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	f := Fields{{"Host", "a"}, {"Cache-Control", "no-cache, max-age=0"}}
	n := testing.AllocsPerRun(100, func() {
		_ = f.Get("if-none-match")
		_ = f.Contains("cache-control", "no-store")
	})
	if n != 0 {
		t.Errorf("lookups allocate %v times", n)
	}
}

func ExampleFields_All() {
	f := Fields{{"Cache-Control", "public, max-age=60"}, {"cache-control", "immutable"}}
	for directive := range f.All("Cache-Control") {
		fmt.Println(directive)
	}
	// Output:
	// public
	// max-age=60
	// immutable
}
