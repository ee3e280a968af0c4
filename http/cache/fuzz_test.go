package cache

import (
	"strings"
	"testing"
	"time"

	"waypost/http/field"
)

func FuzzCacheControl(f *testing.F) {
	for _, s := range []string{
		"max-age=60", `no-cache="set-cookie, x", private`, `x="a\",b", no-store`, "max-age =1", `max-age="1`, ",,=,",
		"s-maxage=99999999999999999999, stale-while-revalidate=1, must-understand", "max-age=1, max-age=2", `"no-store"`,
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, response, request string) {
		rules := &Rules{Shared: true, Targeted: []string{"CDN-Cache-Control"}, HeuristicMax: time.Hour}
		resp := &Response{Status: 200, Asked: t0, Received: t0, Fields: field.Fields{
			{Name: "Cache-Control", Value: response}, {Name: "CDN-Cache-Control", Value: request}, {Name: "Date", Value: request},
			{Name: "Expires", Value: request}, {Name: "Vary", Value: request}, {Name: "Age", Value: response},
		}}
		req := &Request{Method: "GET", Fields: field.Fields{
			{Name: "Cache-Control", Value: request}, {Name: "Pragma", Value: request}, {Name: "Foo", Value: request},
		}}
		stored := Stored(rules, req, resp)
		for _, now := range []time.Time{t0, t0.Add(time.Hour)} {
			a, b := Use(now, rules, req, resp), Use(now, rules, req, stored)
			if a.Action != b.Action && len(stored.Fields) == len(resp.Fields) {
				t.Fatalf("plain %v, stored %v", a.Action, b.Action)
			}
			if a.Age < 0 || a.Lifetime < 0 || a.Action == Hit && a.Lifetime <= a.Age {
				t.Fatalf("%+v", a)
			}
			a.Decision(rules, req, resp)
			v := Store(now, rules, req, resp)
			v.Decision(rules, req, resp)
		}
		if v := Store(t0, &Rules{Shared: true}, &Request{Method: "GET"}, resp); v.Action == Keep && hasBareNoStore(response) {
			t.Fatalf("%q was stored", response)
		}
	})
}

// hasBareNoStore finds a no-store that no quote can hide.
func hasBareNoStore(value string) bool {
	if strings.ContainsAny(value, `"=`) || strings.Contains(strings.ToLower(value), "must-understand") {
		return false
	}
	for member := range strings.SplitSeq(value, ",") {
		if field.Is(strings.Trim(member, " \t"), "no-store") {
			return true
		}
	}
	return false
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5,0-0, 3-", "bytes=99999999999999999999-", "bytes=0-5,3-8,1-", "items=1-2"} {
		f.Add(s, int64(11))
	}
	f.Fuzz(func(t *testing.T, value string, size int64) {
		if size < 0 {
			return
		}
		ranges, err := ParseRange(value, size)
		if (err == nil) != (len(ranges) > 0) {
			t.Fatalf("%v with %v", ranges, err)
		}
		total := int64(0)
		for i, r := range ranges {
			if r.Start < 0 || r.Length <= 0 || r.Start > size-r.Length {
				t.Fatalf("%+v in %d bytes", r, size)
			}
			total += r.Length
			for _, other := range ranges[:i] {
				if r.Start < other.Start+other.Length && other.Start < r.Start+r.Length {
					t.Fatalf("%+v overlaps %+v", r, other)
				}
			}
		}
		if total > size || len(ranges) > maxRanges {
			t.Fatalf("%d bytes in %d ranges of %d bytes", total, len(ranges), size)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Wed, 29 Feb 2000 23:59:60 GMT",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseDate(s, t0)
		if !ok {
			return
		}
		if again, ok := parseDate(rfc1123(got), t0); got.Year() < 9999 && (!ok || !again.Equal(got)) {
			t.Fatalf("%q is %v, written %q, which is %v", s, got, rfc1123(got), again)
		}
	})
}

func FuzzSelecting(f *testing.F) {
	f.Add("gzip, br;q=0.5", "br;q=0.50,gzip", true)
	f.Add(`a, "b, c",,`, `a,"b, c", ,`, false)
	f.Add("identity;q=0, *", "", true)
	f.Fuzz(func(t *testing.T, a, b string, reduce bool) {
		rules := &Rules{NormalAccept: true}
		if reduce {
			rules.Codings = []string{"br", "gzip"}
		}
		for _, name := range []string{"Accept-Encoding", "Accept-Language", "Foo"} {
			vary := &Response{Status: 200, Fields: field.Fields{{Name: "Vary", Value: name}}}
			ra, rb := field.Fields{{Name: name, Value: a}}, field.Fields{{Name: name, Value: b}}
			sa, sb := Stored(rules, &Request{Fields: ra}, vary), Stored(rules, &Request{Fields: rb}, vary)
			if !Matches(rules, ra, sa) {
				t.Fatalf("%s: %q does not select what it brought: %q", name, a, sa.Selecting)
			}
			same := equalFields(sa.Selecting, sb.Selecting)
			if got := Matches(rules, rb, sa); got != same {
				t.Fatalf("%s: %q selects what %q brought: %v, normal forms alike: %v", name, b, a, got, same)
			}
			// The normal form is its own normal form.
			if len(sa.Selecting) == 1 && !Matches(rules, field.Fields{{Name: name, Value: sa.Selecting[0].Value}}, sa) {
				t.Fatalf("%s: %q has normal form %q, which has another", name, a, sa.Selecting[0].Value)
			}
		}
	})
}

func FuzzEntityTags(f *testing.F) {
	f.Add(`"a", W/"b"`, `"a"`)
	f.Add(`"a,\"`, `"a,\"`)
	f.Add(`W/"`, `*`)
	f.Fuzz(func(t *testing.T, list, current string) {
		for rest := list; ; {
			_, after, ok := nextTag(rest)
			if !ok {
				break
			}
			if len(after) >= len(rest) {
				t.Fatalf("no progress in %q", rest)
			}
			rest = after
		}
		req := field.Fields{{Name: "If-None-Match", Value: list}, {Name: "If-Match", Value: list}, {Name: "If-Range", Value: list}}
		v := Validator{ETag: current, Exists: true}
		NotModified(req, v)
		Precondition("GET", req, v)
		IfRange(req, v)
	})
}

func FuzzAppendKey(f *testing.F) {
	f.Add("www.Shop.test:443", "/%7Ea?b=%2f")
	f.Add("[::1]:80", "%")
	f.Fuzz(func(t *testing.T, host, path string) {
		key := AppendKey(nil, "s", "https", host, path)
		target := AppendTarget(nil, path)
		if again := AppendTarget(nil, string(target)); string(again) != string(target) {
			t.Fatalf("%q is %q, which is %q", path, target, again)
		}
		if len(key) > len("s https://")+len(host)+len(path)+1 {
			t.Fatalf("the key grew: %q", key)
		}
	})
}
