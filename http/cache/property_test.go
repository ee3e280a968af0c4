package cache

import (
	"strings"
	"testing"
	"time"
)

// facts is what a case of the exhaustive tests is made of, kept apart from
// the code that reads the fields.
type facts struct {
	response map[string]bool
	request  string
}

var responseDirectives = []string{
	"max-age=10", "s-maxage=5", "no-cache", "no-store", "private", "public", "must-revalidate",
	"proxy-revalidate", "stale-while-revalidate=3", "stale-if-error=3", "immutable",
}

var requestDirectives = []string{
	"", "no-cache", "max-age=3", "max-stale", "max-stale=2", "min-fresh=3", "only-if-cached", "max-age=3, max-stale",
}

// everyCase calls do for every set of response directives with every request.
func everyCase(do func(f facts, req *Request, resp *Response)) {
	for set := range 1 << len(responseDirectives) {
		f := facts{response: map[string]bool{}}
		var said []string
		for i, d := range responseDirectives {
			if set>>i&1 == 1 {
				f.response[d] = true
				said = append(said, d)
			}
		}
		fields := `ETag: "a"`
		if len(said) > 0 {
			fields += " | Cache-Control: " + strings.Join(said, ", ")
		}
		resp := response(fields)
		for _, f.request = range requestDirectives {
			req := get("")
			if f.request != "" {
				req = get("Cache-Control: " + f.request)
			}
			do(f, req, resp)
		}
	}
}

// lifetime by RFC 9111 §4.2.1, and whether stale use is forbidden, by
// §4.2.4, written down a second time.
func (f facts) lifetime(shared bool) time.Duration {
	switch {
	case shared && f.response["s-maxage=5"]:
		return 5 * time.Second
	case f.response["max-age=10"]:
		return 10 * time.Second
	}
	return 0
}

func (f facts) forbidsStale(shared bool) bool {
	return f.response["must-revalidate"] || f.response["no-cache"] || shared && f.response["proxy-revalidate"]
}

func TestEveryUse(t *testing.T) {
	cases := 0
	everyCase(func(f facts, req *Request, resp *Response) {
		for _, rules := range []*Rules{shared, privateOnly} {
			resp.Compile(rules)
			hitBefore, ageBefore := true, time.Duration(-1)
			for _, age := range []int64{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 1000} {
				cases++
				now := t0.Add(seconds64(age))
				v := Use(now, rules, req, resp)
				fail := func(what string) {
					t.Errorf("%s: %v for %q after %d s, shared %v, request %q", what, v.Action, resp.Fields.Get("Cache-Control"), age, rules.Shared, f.request)
				}
				staleness := seconds64(age) - f.lifetime(rules.Shared)
				if v.Age != seconds64(age) || v.Lifetime != f.lifetime(rules.Shared) {
					fail("age or lifetime is wrong")
				}
				if v.Age < ageBefore {
					fail("the age shrank")
				}
				if v.Action == Hit && !hitBefore {
					fail("a hit after it had been none")
				}
				hitBefore, ageBefore = v.Action == Hit, v.Age
				switch v.Action {
				case Hit:
					if staleness >= 0 || f.response["no-cache"] || f.request == "no-cache" {
						fail("a hit without permission")
					}
					if strings.HasPrefix(f.request, "max-age=3") && age > 3 || f.request == "min-fresh=3" && staleness > -3*time.Second {
						fail("a hit that the client does not want")
					}
				case Stale:
					if f.forbidsStale(rules.Shared) || rules.Shared && f.response["s-maxage=5"] ||
						!strings.Contains(f.request, "max-stale") || f.request == "max-stale=2" && staleness > 2*time.Second {
						fail("stale without permission")
					}
				case StaleWhileRevalidate:
					if f.forbidsStale(rules.Shared) || !f.response["stale-while-revalidate=3"] || staleness > 3*time.Second || staleness < 0 {
						fail("stale while revalidating without permission")
					}
				case Unsatisfiable:
					if f.request != "only-if-cached" {
						fail("504 unasked for")
					}
				case Validate:
					if staleness < 0 && !f.response["no-cache"] && (f.request == "" || f.request == "max-stale" || f.request == "only-if-cached") {
						fail("fresh, and not used")
					}
				default:
					fail("no such verdict here")
				}
				if e := OnError(now, rules, req, resp, 503); e.Action == StaleIfError && staleness >= 0 &&
					(f.forbidsStale(rules.Shared) || !f.response["stale-if-error=3"] || staleness > 3*time.Second) {
					fail("stale on error without permission")
				}
			}
		}
		plain := *resp
		plain.plan = plan{}
		if a, b := Use(t0, privateOnly, req, resp), Use(t0, privateOnly, req, &plain); a != b {
			t.Errorf("compiled %+v, not compiled %+v", a, b)
		}
	})
	t.Logf("%d cases", cases)
}

func TestEveryStore(t *testing.T) {
	everyCase(func(f facts, req *Request, resp *Response) {
		for _, rules := range []*Rules{shared, privateOnly} {
			for _, credentials := range []bool{false, true} {
				asked := &Request{Method: "GET", Fields: req.Fields}
				if credentials {
					asked.Fields = append(asked.Fields.Clone(), lines("Authorization: x")...)
				}
				v := Store(t0, rules, asked, resp)
				may := !f.response["no-store"]
				if rules.Shared {
					may = may && !f.response["private"]
					if credentials {
						may = may && (f.response["public"] || f.response["must-revalidate"] || f.response["s-maxage=5"])
					}
				}
				if (v.Action == Keep) != may {
					t.Errorf("%v for %q, shared %v, credentials %v", v.Action, resp.Fields.Get("Cache-Control"), rules.Shared, credentials)
				}
			}
		}
	})
}

// A hit costs no memory.
func TestUseDoesNotAllocate(t *testing.T) {
	req := get("Accept: */* | Accept-Encoding: gzip, br | Cache-Control: max-age=100 | User-Agent: x")
	stored := Stored(shared, req, response(`Cache-Control: s-maxage=60, stale-while-revalidate=5 | ETag: "a" | Vary: Accept-Encoding`))
	variants := []*Response{stored}
	for _, age := range []int64{1, 63, 100} {
		now := t0.Add(seconds64(age))
		if n := testing.AllocsPerRun(100, func() { Lookup(now, shared, req, variants) }); n != 0 {
			t.Errorf("after %d s a lookup allocates %v times", age, n)
		}
	}
	plain := response("Cache-Control: s-maxage=60")
	own := &Rules{Shared: true}
	if n := testing.AllocsPerRun(100, func() { Use(t0, own, req, plain) }); n != 0 {
		t.Errorf("a response that was not compiled costs %v allocations", n)
	}
}

func BenchmarkUse(b *testing.B) {
	stored := Stored(shared, get(""), response(`Cache-Control: public, s-maxage=60 | ETag: "a" | Content-Type: text/html`))
	now := t0.Add(time.Second)
	for _, bb := range []struct{ name, request string }{
		{"wrk", "Host: www.shop.test"},
		{"browser", "Accept: text/html | Accept-Encoding: gzip, br | Accept-Language: en | Cookie: a=b | Referer: https://www.shop.test/ | " +
			"Sec-Fetch-Dest: document | Sec-Fetch-Mode: navigate | Sec-Fetch-Site: none | User-Agent: Mozilla/5.0 | Priority: u=0, i"},
	} {
		req := get(bb.request)
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := Use(now, shared, req, stored); v.Action != Hit {
					b.Fatal(v.Action)
				}
			}
		})
	}
	b.Run("not-compiled", func(b *testing.B) {
		plain, req := response(`Cache-Control: public, s-maxage=60 | ETag: "a"`), get("")
		own := &Rules{Shared: true}
		b.ReportAllocs()
		for b.Loop() {
			Use(now, own, req, plain)
		}
	})
}

func BenchmarkLookupVary(b *testing.B) {
	rules := &Rules{Shared: true, NormalAccept: true, Codings: []string{"br", "gzip"}}
	fields := "Cache-Control: s-maxage=60 | Vary: Accept-Encoding"
	variants := []*Response{
		Stored(rules, get("Accept-Encoding: gzip"), response(fields)),
		Stored(rules, get("Accept-Encoding: br, gzip"), response(fields)),
	}
	req := get("Accept: */* | Accept-Encoding: gzip, deflate, br, zstd | User-Agent: Mozilla/5.0")
	b.ReportAllocs()
	for b.Loop() {
		if i, _ := Lookup(t0, rules, req, variants); i != 1 {
			b.Fatal(i)
		}
	}
}

func BenchmarkAppendKey(b *testing.B) {
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		AppendKey(dst, "shop", "https", "www.shop.test", "/images/logo.png?v=7")
	}
}

func BenchmarkNotModified(b *testing.B) {
	stored := Stored(shared, get(""), response(`Cache-Control: s-maxage=60 | ETag: "a"`))
	fields := get(`Accept: */* | If-None-Match: "a" | User-Agent: x`).Fields
	b.ReportAllocs()
	for b.Loop() {
		if yes, _ := NotModified(fields, ValidatorOf(stored)); !yes {
			b.Fatal("modified")
		}
	}
}

func BenchmarkStore(b *testing.B) {
	req := get("Accept-Encoding: gzip")
	resp := response(`Cache-Control: public, s-maxage=60 | ETag: "a" | Content-Type: text/html | Vary: Accept-Encoding`)
	b.ReportAllocs()
	for b.Loop() {
		if v := Store(t0, shared, req, resp); v.Action != Keep {
			b.Fatal(v.Action)
		}
		Stored(shared, req, resp)
	}
}
