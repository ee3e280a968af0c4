package cache

import (
	"strings"
	"testing"

	"waypost/http/field"
)

func noVary(lines ...string) NoVarySearch {
	var f field.Fields
	for _, l := range lines {
		f.Add("No-Vary-Search", l)
	}
	return ReadNoVarySearch(f)
}

// equivalent reports whether two targets in origin form, of one scheme, host
// and port, are equivalent modulo c (the draft's §6).
func equivalent(c NoVarySearch, a, b string) bool {
	if a == b {
		return true
	}
	pathA, queryA, _ := strings.Cut(a, "?")
	pathB, queryB, _ := strings.Cut(b, "?")
	if c.IsDefault() || pathA != pathB {
		return false
	}
	x, okX := c.AppendQuery(nil, queryA)
	y, okY := c.AppendQuery(nil, queryB)
	return okX && okY && string(x) == string(y)
}

// describe is what a config was read as.
func describe(c NoVarySearch) string {
	s := "params"
	if c.except {
		s = "except"
	}
	s += "(" + strings.Join(c.names, " ") + ")"
	if c.anyOrder {
		s += " any order"
	}
	return s
}

// TestReadNoVarySearch has the examples of the draft's §5 and the form of its
// early versions.
func TestReadNoVarySearch(t *testing.T) {
	for _, tt := range []struct{ field, want string }{
		{`key-order`, "params() any order"},
		{`key-order=?1`, "params() any order"},
		{`key-order=?0`, "params()"},
		{`key-order;x=1`, "params() any order"},
		{`params=("a")`, "params(a)"},
		{`params=("b" "a";x "b")`, "params(a b)"},
		{`params=()`, "params()"},
		{`except=("x")`, "except(x)"},
		{`except=()`, "except()"},
		{`except=("x"), key-order`, "except(x) any order"},
		{`key-order, params=("utm_source" "utm_medium")`, "params(utm_medium utm_source) any order"},
		{`params=("a"), params=("b")`, "params(b)"},
		{`params=("%C3%A9+%E6%B0%97")`, "params(%C3%A9%20%E6%B0%97)"},
		{`params=("a"), unknown=12`, "params(a)"},
		{`unknown-key`, "params()"},
		// Until -03.
		{`params`, "except()"},
		{`params=?1`, "except()"},
		{`params, key-order`, "except() any order"},
		{`params, except=("x")`, "except(x)"},
		{`params, except=()`, "except()"},
		// Invalid.
		{``, "params()"},
		{`!`, "params()"},
		{`params=("a"`, "params()"},
		{`key-order="not a boolean"`, "params()"},
		{`key-order=("a"), params=("a")`, "params()"},
		{`key-order=1, params=("a")`, "params()"},
		{`params="not an inner list"`, "params()"},
		{`params=(not-a-string)`, "params()"},
		{`params=("a" b)`, "params()"},
		{`params=("a" 1)`, "params()"},
		{`key-order, params=?0`, "params()"},
		{`params=?0, except=("x")`, "params()"},
		{`params=("a"), except=("x")`, "params()"},
		{`params=(), except=()`, "params()"},
		{`except="not an inner list"`, "params()"},
		{`except=(not-a-string)`, "params()"},
		{`except=?1`, "params()"},
		{`params, except=?1`, "params()"},
		{`params, except="x"`, "params()"},
		{`params=("é")`, "params()"},
		// Beyond our limits.
		{`params=("` + strings.Repeat("a", maxNoVarySearch) + `")`, "params()"},
		{`params=("` + strings.Join(numbered(maxNoVaryNames+1), `" "`) + `")`, "params()"},
	} {
		got := noVary(tt.field)
		if d := describe(got); d != tt.want && (!got.IsDefault() || tt.want != "params()") {
			t.Errorf("%.60s: %s, want %s", tt.field, d, tt.want)
		}
	}
	if got := describe(noVary(`key-order`, `params=("a")`)); got != "params(a) any order" {
		t.Errorf("two lines: %s", got)
	}
}

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, "p"+string(rune('a'+i/26))+string(rune('a'+i%26)))
	}
	return all
}

// TestEquivalent has the examples of the draft's §6 and more.
func TestEquivalent(t *testing.T) {
	for _, tt := range []struct {
		field, a, b string
		want        bool
	}{
		{`key-order`, "/p", "/p?", true},
		{`key-order`, "/p?a=x", "/p?%61=%78", true},
		{`key-order`, "/p?a=é", "/p?a=%C3%A9", true},
		{`key-order`, "/p?a=%f6", "/p?a=%ef%bf%bd", true},
		{`key-order`, "/p?a=x&&&&", "/p?a=x", true},
		{`key-order`, "/p?a=", "/p?a", true},
		{`key-order`, "/p?a=%20", "/p?a= &", true},
		{`key-order`, "/p?a=+", "/p?a= &", true},
		{`key-order`, "/p?a=%C3%A9", "/p?a=e%CC%81", false}, // no normalisation
		{`key-order`, "/p?a=%EF%BB%BFx", "/p?a=x", false},   // a byte order mark counts
		{`key-order`, "/p?a=%E4%BD", "/p?a=%FF", true},      // one U+FFFD each
		{`key-order`, "/p?a=%E4%BDx", "/p?a=%EF%BF%BDx", true},
		{`key-order`, "/p?a=%F0%80", "/p?a=%FF%FF", true}, // two
		{`key-order`, "/p?a=%F0%80", "/p?a=%FF", false},
		{`key-order`, "/p?a=%2", "/p?a=%252", true}, // no encoding
		{`key-order`, "/p?a=1&b=2", "/p?b=2&a=1", true},
		{`key-order`, "/p?a=1&b=2&a=3", "/p?b=2&a=1&a=3", true},
		{`key-order`, "/p?a=1&b=2&a=3", "/p?b=2&a=3&a=1", false}, // stable
		{`key-order`, "/p?a=1&b=2", "/p?a=1", false},
		{`key-order`, "/p?a=1", "/q?a=1", false},
		{`key-order`, "/p?a=1%26b=2", "/p?a=1&b=2", false},
		{`key-order`, "/p?a%3D1", "/p?a=1", false},
		{`key-order`, "/p?=", "/p", false}, // an empty name is one
		{`key-order`, "/p?A=1", "/p?a=1", false},
		{`key-order`, "/p?a=1;b=2", "/p?b=2;a=1", false},
		{`key-order`, "/p?a=?", "/p?a=%3F", true},
		{`params=("a")`, "/p?a=1&b=2", "/p?b=2", true},
		{`params=("a")`, "/p?b=2&a=1", "/p?a=7&%61=8&b=2&a", true},
		{`params=("a")`, "/p?b=2&c=1", "/p?c=1&b=2", false},
		{`params=("a")`, "/p?a=1", "/p", true},
		{`params=("a")`, "/p?aa=1", "/p", false},
		{`params=("%C3%A9+%E6%B0%97")`, "/p?é 気=1", "/p?é+気=2", true},
		{`params=("%C3%A9+%E6%B0%97")`, "/p?%C3%A9%20気=3", "/p?%C3%A9+%E6%B0%97=4", true},
		{`params=("+")`, "/p?%20=1", "/p?+=2", true},
		{`params=("")`, "/p?=1", "/p", true},
		{`key-order, params=("a")`, "/p?c=1&a&b=2", "/p?b=2&c=1", true},
		{`except=("id")`, "/p?id=1&x=1", "/p?y&id=1", true},
		{`except=("id")`, "/p?id=1", "/p?id=2", false},
		{`except=("id")`, "/p?id=1&id=2", "/p?id=2&id=1", false},
		{`except=("id" "n")`, "/p?id=1&n=2", "/p?n=2&id=1", false},
		{`except=("id" "n"), key-order`, "/p?id=1&n=2", "/p?n=2&x&id=1", true},
		{`except=()`, "/p?id=1", "/p", true},
		{`params`, "/p?id=1", "/p", true},
		{`params, except=("id")`, "/p?id=1&x", "/p?id=1", true},
		// The default: exact.
		{``, "/p", "/p?", false},
		{`params=()`, "/p?a=b&&&c", "/p?a=b&c=", false},
		{`params=("a"), except=("b")`, "/p?a=1", "/p?a=2", false},
		{``, "/p?a=1", "/p?a=1", true},
	} {
		c := noVary(tt.field)
		if got := equivalent(c, tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %s and %s: %v, want %v", tt.field, tt.a, tt.b, got, tt.want)
		}
		if got := equivalent(c, tt.b, tt.a); got != tt.want {
			t.Errorf("%s: %s and %s: %v, want %v", tt.field, tt.b, tt.a, got, tt.want)
		}
	}
}

// TestFormParametersBound: beyond the bound queries are compared as they are;
// what does not matter does not count.
func TestFormParametersBound(t *testing.T) {
	many := "/p?" + strings.Repeat("b&a&", maxFormParameters/2)
	for _, tt := range []struct {
		field, a, b string
		want        bool
	}{
		{`key-order`, many, many + "&", true},
		{`key-order`, many + "c", many + "c&", false},
		{`key-order`, many + "c", many + "c", true},
		{`params=("c")`, many + strings.Repeat("c&", 500), many, true},
	} {
		c := noVary(tt.field)
		if got := equivalent(c, tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %d and %d bytes: %v, want %v", tt.field, len(tt.a), len(tt.b), got, tt.want)
		}
	}
}

// FuzzNoVarySearch: the normal form of a query is one of itself, and reading
// anything ends.
func FuzzNoVarySearch(f *testing.F) {
	for _, s := range []string{`key-order`, `params=("a" "%C3%A9"), key-order`, `except=("a")`, `params, except=()`, `params=?0`} {
		f.Add(s, "a=1&b=%ff&%61=2", "b=%ef%bf%bd&a=1&a=2&&")
	}
	f.Fuzz(func(t *testing.T, header, a, b string) {
		c := noVary(header)
		x, ok := c.AppendQuery([]byte("front"), a)
		if !strings.HasPrefix(string(x), "front") {
			t.Fatalf("%q: %q", a, x)
		}
		if !ok {
			return
		}
		normal := string(x[len("front"):])
		again, ok := c.AppendQuery(nil, normal)
		if !ok || string(again) != normal {
			t.Fatalf("%s: %q is %q, and that is %q", header, a, normal, again)
		}
		if c.IsDefault() {
			return
		}
		if !equivalent(c, "/?"+a, "/?"+normal) {
			t.Fatalf("%s: %q is not equivalent to its normal form %q", header, a, normal)
		}
		if equivalent(c, "/?"+a, "/?"+b) != equivalent(c, "/?"+b, "/?"+a) {
			t.Fatalf("%s: %q and %q: not symmetric", header, a, b)
		}
	})
}

func BenchmarkAppendQuery(b *testing.B) {
	c := noVary(`key-order, params=("utm_source" "utm_medium" "utm_campaign")`)
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = c.AppendQuery(buf[:0], "size=2&color=dark%20red&utm_source=mail&utm_campaign=spring")
	}
}

func TestAppendQueryDoesNotAllocate(t *testing.T) {
	c := noVary(`key-order, params=("utm_source")`)
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() {
		buf, _ = c.AppendQuery(buf[:0], "size=2&color=dark%20red&utm_source=mail")
	}); n != 0 || string(buf) != "color=dark%20red&size=2" {
		t.Errorf("%v allocations, %q", n, buf)
	}
}
