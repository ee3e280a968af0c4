package cache

import (
	"testing"

	"waypost/http/field"
)

func TestMatches(t *testing.T) {
	normal := &Rules{Shared: true, NormalAccept: true}
	reduced := &Rules{Shared: true, NormalAccept: true, Codings: []string{"br", "gzip"}}
	for _, tt := range []struct {
		clause string
		rules  *Rules
		vary   string
		stored string
		asked  string
		want   bool
	}{
		{"no Vary", shared, "", "Foo: 1", "Foo: 2", true},
		{"the same", shared, "Vary: Foo", "Foo: 1", "Foo: 1", true},
		{"another", shared, "Vary: Foo", "Foo: 1", "Foo: 2", false},
		{"case of the name", shared, "Vary: FOO", "Foo: 1", "foo: 1", true},
		{"case of the value", shared, "Vary: Foo", "Foo: a", "Foo: A", false},
		{"absent when stored", shared, "Vary: Foo", "", "Foo: 1", false},
		{"absent when asked", shared, "Vary: Foo", "Foo: 1", "", false},
		{"absent both times", shared, "Vary: Foo", "", "", true},
		{"empty is not absent", shared, "Vary: Foo", "Foo: ", "", false},
		{"not named", shared, "Vary: Foo", "Foo: 1 | Other: 2", "Foo: 1 | Other: 3", true},
		{"three, all alike", shared, "Vary: Foo, Bar, Baz", "Foo: 1 | Bar: abc | Baz: 789", "Baz: 789 | Foo: 1 | Bar: abc", true},
		{"three, one longer", shared, "Vary: Foo, Bar, Baz", "Foo: 1 | Bar: abc | Baz: 789", "Foo: 1 | Baz: 789 | Bar: abcde", false},
		{"three, one absent both times", shared, "Vary: Foo, Bar, Baz", "Foo: 1 | Baz: 789", "Foo: 1 | Baz: 789", true},
		{"Vary on two lines", shared, "Vary: Foo | Vary: Bar", "Foo: 1 | Bar: 2", "Foo: 1 | Bar: 3", false},
		{"*", shared, "Vary: *", "Foo: 1", "Foo: 1", false},
		{"*, *", shared, "Vary: *, *", "", "", false},
		{", *", shared, "Vary: , *", "", "", false},
		{"empty line and *", shared, "Vary:  | Vary: *", "", "", false},
		{"Foo, *", shared, "Vary: Foo, *", "Foo: 1", "Foo: 1", false},
		{"lines combined", shared, "Vary: Foo", "Foo: 1, 2", "Foo: 1 | Foo: 2", true},
		{"whitespace", shared, "Vary: Foo", "Foo: 1,2", "Foo:  1 ,   2 ", true},
		{"order matters where it is not known", shared, "Vary: Foo", "Foo: 1, 2", "Foo: 2, 1", false},
		{"a prefix", shared, "Vary: Foo", "Foo: 1, 2", "Foo: 1", false},
		{"an empty member", shared, "Vary: Foo", "Foo: a,,b", "Foo: a,b", false},
		{"whitespace in a quoted string", shared, "Vary: Foo", `Foo: "a, b"`, `Foo: "a,b"`, false},
		{"joined differently", shared, "Vary: Foo", "Foo: ab, c", "Foo: a, bc", false},
		{"Accept-Language as text", shared, "Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en", false},
		{"Accept-Language: order", normal, "Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en", true},
		{"Accept-Language: case", normal, "Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: eN, De", true},
		{"Accept-Language: space", normal, "Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language:  en ,   de", true},
		{"Accept-Language: weights", normal, "Vary: Accept-Language", "Accept-Language: en;q=0.5, de", "Accept-Language: de;q=1.0, en; q=0.50", true},
		{"Accept-Language: other weights", normal, "Vary: Accept-Language", "Accept-Language: en;q=0.5, de", "Accept-Language: en;q=0.6, de", false},
		{"Accept-Language: order of weights", normal, "Vary: Accept-Language", "Accept-Language: en;q=0.5, de", "Accept-Language: de;q=0.5, en", false},
		{"Accept-Language: not in the grammar, alike", normal, "Vary: Accept-Language", "Accept-Language: en;q=x", "Accept-Language: en;q=x", true},
		{"Accept-Language: not in the grammar", normal, "Vary: Accept-Language", "Accept-Language: en;q=x, de", "Accept-Language: de, en;q=x", false},
		{"Accept-Encoding: order", normal, "Vary: Accept-Encoding", "Accept-Encoding: gzip, deflate, br", "Accept-Encoding: br,x-gzip,deflate", true},
		{"Accept-Encoding: fewer", normal, "Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: gzip", false},
		{"Accept-Encoding: empty is identity", normal, "Vary: Accept-Encoding", "Accept-Encoding: ", "Accept-Encoding: identity", true},
		{"Accept-Encoding: empty is not absent", normal, "Vary: Accept-Encoding", "Accept-Encoding: ", "", false},
		{"reduced: what the origin makes", reduced, "Vary: Accept-Encoding", "Accept-Encoding: gzip, deflate, br", "Accept-Encoding: br, gzip, zstd", true},
		{"reduced: fewer", reduced, "Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: gzip, zstd", false},
		{"reduced: *", reduced, "Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: *", true},
		{"reduced: refused", reduced, "Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: br;q=0, gzip", true},
		{"reduced: none, absent", reduced, "Vary: Accept-Encoding", "Accept-Encoding: zstd", "", true},
		{"reduced: identity refused", reduced, "Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, identity;q=0", false},
	} {
		stored := Stored(tt.rules, get(tt.stored), response(tt.vary))
		var asked field.Fields
		if tt.asked != "" {
			asked = split(tt.asked)
		}
		if got := Matches(tt.rules, asked, stored); got != tt.want {
			t.Errorf("RFC 9111 §4.1 %s: %q, stored for %q, asked %q: %v", tt.clause, tt.vary, tt.stored, tt.asked, got)
		}
		stored.plan = plan{}
		if got := Matches(tt.rules, asked, stored); got != tt.want {
			t.Errorf("RFC 9111 §4.1 %s: %q, stored for %q, asked %q: %v when not compiled", tt.clause, tt.vary, tt.stored, tt.asked, got)
		}
	}
}

func TestSelect(t *testing.T) {
	variant := func(request, fields string) *Response { return Stored(shared, get(request), response(fields)) }
	older, newer := "Date: Sun, 01 Mar 2026 11:00:00 GMT", "Date: Sun, 01 Mar 2026 11:30:00 GMT"
	for _, tt := range []struct {
		name     string
		variants []*Response
		asked    string
		want     int
	}{
		{"none", nil, "", -1},
		{"one", []*Response{variant("", "")}, "A: 1", 0},
		{"the one that matches", []*Response{variant("A: 1", "Vary: A"), variant("A: 2", "Vary: A")}, "A: 2", 1},
		{"none matches", []*Response{variant("A: 1", "Vary: A"), variant("A: 2", "Vary: A")}, "A: 3", -1},
		{"the most recent", []*Response{variant("A: 1", "Vary: A | "+older), variant("B: 1", "Vary: B | "+newer)}, "A: 1 | B: 1", 1},
		{"the most recent first", []*Response{variant("B: 1", "Vary: B | "+newer), variant("A: 1", "Vary: A | "+older)}, "A: 1 | B: 1", 0},
		{"an older one without Vary does not stand in", []*Response{variant("", older), variant("A: 1", "Vary: A | "+newer)}, "A: 2", -1},
		{"a newer one without Vary does", []*Response{variant("", newer), variant("A: 1", "Vary: A | "+older)}, "A: 2", 0},
	} {
		if got := Select(shared, get(tt.asked).Fields, tt.variants); got != tt.want {
			t.Errorf("RFC 9111 §4.1 %s: %d, want %d", tt.name, got, tt.want)
		}
		for _, v := range tt.variants {
			v.plan = plan{}
		}
		if got := Select(shared, get(tt.asked).Fields, tt.variants); got != tt.want {
			t.Errorf("RFC 9111 §4.1 %s: %d when not compiled, want %d", tt.name, got, tt.want)
		}
	}
}

func TestLookup(t *testing.T) {
	variants := []*Response{
		Stored(shared, get("A: 1"), response("Cache-Control: max-age=60 | Vary: A")),
		Stored(shared, get("A: 2"), response("Cache-Control: max-age=60 | Vary: A")),
	}
	if i, v := Lookup(t0, shared, get("A: 2"), variants); i != 1 || v.Action != Hit {
		t.Errorf("Lookup = %d, %v", i, v.Action)
	}
	if i, v := Lookup(t0, shared, get("A: 3"), variants); i != -1 || v.Action != Miss || v.why != noVariant {
		t.Errorf("Lookup = %d, %v, %v", i, v.Action, v.why)
	}
	if i, v := Lookup(t0, shared, get("A: 3 | Cache-Control: only-if-cached"), variants); i != -1 || v.Action != Unsatisfiable {
		t.Errorf("Lookup = %d, %v", i, v.Action)
	}
	if i, v := Lookup(t0, shared, get(""), nil); i != -1 || v.why != nothingStored {
		t.Errorf("Lookup = %d, %v", i, v.why)
	}
}

func TestAppendAcceptEncoding(t *testing.T) {
	for _, tt := range []struct {
		codings []string
		asked   string
		want    string
	}{
		{nil, "Accept-Encoding: gzip, deflate, br, zstd", "br,deflate,gzip,zstd"},
		{nil, "Accept-Encoding: GZIP;q=0.123, *;q=0, br;q=0.05, deflate;q=0.005", "gzip;q=0.123,br;q=0.05,deflate;q=0.005,*;q=0"},
		{nil, "Accept-Encoding: gzip, gzip", "gzip"},
		{nil, "", ""},
		{nil, "Accept-Encoding: gzip;q=1.5", ""},
		{nil, "Accept-Encoding: gzip;q=", ""},
		{nil, "Accept-Encoding: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", ""},
		{[]string{"br", "gzip"}, "Accept-Encoding: gzip, deflate, br, zstd", "br,gzip"},
		{[]string{"br", "gzip"}, "Accept-Encoding: gzip;q=0.8, br;q=0.2", "gzip;q=0.8,br;q=0.2"},
		{[]string{"br", "gzip"}, "", "identity"},
		{[]string{"br", "gzip"}, "Accept-Encoding: identity;q=0, *", "br,gzip,identity;q=0"},
	} {
		rules := &Rules{NormalAccept: true, Codings: tt.codings}
		got, usual := AppendAcceptEncoding([]byte("x"), rules, get(tt.asked).Fields)
		if string(got) != "x"+tt.want || usual != (tt.want != "") {
			t.Errorf("%q with %q = %q, %v; want %q", tt.asked, tt.codings, got, usual, tt.want)
		}
	}
	if _, usual := AppendAcceptEncoding(nil, shared, get("Accept-Encoding: br").Fields); usual {
		t.Error("reduced without being asked to")
	}
}

func TestSelectDoesNotAllocate(t *testing.T) {
	rules := &Rules{Shared: true, NormalAccept: true}
	asked := get("Accept-Encoding: gzip, deflate, br, zstd | Accept-Language: en-GB,en;q=0.5 | Foo: 1, 2").Fields
	variants := []*Response{
		Stored(rules, get("Accept-Encoding: gzip"), response("Vary: Accept-Encoding, Accept-Language, Foo")),
		Stored(rules, &Request{Fields: asked}, response("Vary: Accept-Encoding, Accept-Language, Foo")),
	}
	if n := testing.AllocsPerRun(100, func() {
		if Select(rules, asked, variants) != 1 {
			t.Fatal("not selected")
		}
	}); n != 0 {
		t.Errorf("Select allocates %v times", n)
	}
}
