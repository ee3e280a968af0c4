package cache

import (
	"testing"
	"time"
)

func TestUse(t *testing.T) {
	ignoring := &Rules{Shared: true, IgnoreRequest: true}
	reloading := &Rules{Mode: Reload}
	hard := &Rules{Mode: HardReload}
	const lm = " | Last-Modified: Sun, 01 Feb 2026 12:00:00 GMT"
	const etag = ` | ETag: "a"`
	for _, tt := range []struct {
		clause   string
		rules    *Rules
		request  string
		response string
		age      int // seconds
		want     Action
		why      reason
	}{
		{"§4.2 fresh", shared, "", "Cache-Control: max-age=60", 59, Hit, fresh},
		{"§4.2 fresh means younger, not as old", shared, "", "Cache-Control: max-age=60", 60, Miss, stale},
		{"§4.3 stale with an entity tag", shared, "", "Cache-Control: max-age=60" + etag, 60, Validate, stale},
		{"§4.3 stale with a date", shared, "", "Cache-Control: max-age=60" + lm, 60, Validate, stale},
		{"§4.3 an invalid date validates nothing", shared, "", "Cache-Control: max-age=60 | Last-Modified: x", 60, Miss, stale},
		{"§4.2.3 Age counts", shared, "", "Cache-Control: max-age=3600 | Age: 7200", 0, Miss, stale},
		{"§4.2.2 heuristic", shared, "", "Last-Modified: Sun, 01 Mar 2026 11:50:00 GMT", 59, Hit, fresh},

		{"§5.2.2.4 no-cache", shared, "", "Cache-Control: max-age=60, no-cache" + etag, 0, Validate, responseNoCache},
		{"§5.2.2.4 no-cache without validators", shared, "", "Cache-Control: max-age=60, No-CaChE", 0, Miss, responseNoCache},
		{"§5.2.2.4 qualified", shared, "", `Cache-Control: max-age=60, no-cache="set-cookie"`, 0, Hit, fresh},
		{"§5.2.2.4 qualified with nothing", shared, "", `Cache-Control: max-age=60, no-cache=""`, 0, Miss, responseNoCache},
		{"§5.2.2.4 qualified and not", shared, "", `Cache-Control: no-cache="a", max-age=60, no-cache`, 0, Miss, responseNoCache},
		{"§5.2.2.4 qualified badly", shared, "", `Cache-Control: max-age=60, no-cache="a b"`, 0, Miss, responseNoCache},
		{"§5.4 Pragma says nothing in a response", shared, "", "Cache-Control: max-age=60 | Pragma: no-cache", 0, Hit, fresh},

		{"§5.2.1.4 no-cache", shared, "Cache-Control: no-cache", "Cache-Control: max-age=60" + etag, 0, Validate, requestNoCache},
		{"§5.2.1.4 max-age=0", shared, "Cache-Control: max-age=0", "Cache-Control: max-age=60" + etag, 1, Validate, requestMaxAge},
		{"§5.2.1.1 max-age", shared, "Cache-Control: max-age=10", "Cache-Control: max-age=60" + etag, 10, Hit, fresh},
		{"§5.2.1.1 max-age", shared, "Cache-Control: max-age=10", "Cache-Control: max-age=60" + etag, 11, Validate, requestMaxAge},
		{"§5.2.1.1 invalid max-age", shared, "Cache-Control: max-age=x", "Cache-Control: max-age=60" + etag, 1, Validate, requestMaxAge},
		{"§5.2.1.3 min-fresh", shared, "Cache-Control: min-fresh=20", "Cache-Control: max-age=60" + etag, 40, Hit, fresh},
		{"§5.2.1.3 min-fresh", shared, "Cache-Control: min-fresh=20", "Cache-Control: max-age=60" + etag, 41, Validate, requestMinFresh},
		{"§5.2.1.2 max-stale", shared, "Cache-Control: max-stale=10", "Cache-Control: max-age=60" + etag, 70, Stale, requestMaxStale},
		{"§5.2.1.2 max-stale exceeded", shared, "Cache-Control: max-stale=10", "Cache-Control: max-age=60" + etag, 71, Validate, stale},
		{"§5.2.1.2 max-stale without bound", shared, "Cache-Control: max-stale", "Cache-Control: max-age=60" + etag, 9999, Stale, requestMaxStale},
		{"§5.2.1.2 invalid max-stale", shared, "Cache-Control: max-stale=x", "Cache-Control: max-age=60" + etag, 61, Validate, stale},
		{"§5.2.1.5 no-store uses what is stored", shared, "Cache-Control: no-store", "Cache-Control: max-age=60", 0, Hit, fresh},
		{"§5.2.1.7 only-if-cached, fresh", shared, "Cache-Control: only-if-cached", "Cache-Control: max-age=60", 0, Hit, fresh},
		{"§5.2.1.7 only-if-cached, stale", shared, "Cache-Control: only-if-cached", "Cache-Control: max-age=60" + etag, 60, Unsatisfiable, onlyIfCached},
		{"§5.2.1.7 only-if-cached, max-stale", shared, "Cache-Control: only-if-cached, max-stale", "Cache-Control: max-age=60", 60, Stale, requestMaxStale},
		{"§5.4 Pragma", shared, "Pragma: no-cache", "Cache-Control: max-age=60" + etag, 0, Validate, requestPragma},
		{"§5.4 Pragma beside Cache-Control", shared, "Pragma: no-cache | Cache-Control: x", "Cache-Control: max-age=60" + etag, 0, Hit, fresh},
		{"§5.4 another Pragma", shared, "Pragma: unrecognised", "Cache-Control: max-age=60", 0, Hit, fresh},
		{"§5.2.1 ignored", ignoring, "Cache-Control: no-cache, max-age=0", "Cache-Control: max-age=60", 1, Hit, fresh},
		{"§5.2.1 ignored Pragma", ignoring, "Pragma: no-cache", "Cache-Control: max-age=60", 1, Hit, fresh},
		{"§5.2.1 ignored, but only-if-cached", ignoring, "Cache-Control: only-if-cached", "Cache-Control: max-age=60", 60, Unsatisfiable, onlyIfCached},
		{"§5.2.1 ignored max-stale", ignoring, "Cache-Control: max-stale", "Cache-Control: max-age=60", 60, Miss, stale},

		{"§5.2.2.2 must-revalidate", shared, "Cache-Control: max-stale", "Cache-Control: max-age=60, must-revalidate" + etag, 60, Validate, staleMustRevalidate},
		{"§5.2.2.2 must-revalidate, fresh", shared, "", "Cache-Control: max-age=60, must-revalidate" + etag, 59, Hit, fresh},
		{"§5.2.2.2 must-revalidate over RFC 5861", shared, "", "Cache-Control: max-age=60, must-revalidate, stale-while-revalidate=60" + etag, 60, Validate, staleMustRevalidate},
		{"§5.2.2.8 proxy-revalidate", shared, "Cache-Control: max-stale", "Cache-Control: max-age=60, proxy-revalidate" + etag, 60, Validate, staleMustRevalidate},
		{"§5.2.2.8 proxy-revalidate, private cache", privateOnly, "Cache-Control: max-stale", "Cache-Control: max-age=60, proxy-revalidate" + etag, 60, Stale, requestMaxStale},
		{"§5.2.2.10 s-maxage", shared, "Cache-Control: max-stale", "Cache-Control: s-maxage=60" + etag, 60, Validate, staleSharedMaxAge},
		{"§5.2.2.10 s-maxage, private cache", privateOnly, "Cache-Control: max-stale", "Cache-Control: max-age=1, s-maxage=60", 60, Stale, requestMaxStale},

		{"RFC 5861 §3 within", shared, "", "Cache-Control: max-age=60, stale-while-revalidate=10" + etag, 70, StaleWhileRevalidate, staleWindow},
		{"RFC 5861 §3 without validators too", shared, "", "Cache-Control: max-age=60, stale-while-revalidate=10", 70, StaleWhileRevalidate, staleWindow},
		{"RFC 5861 §3 beyond", shared, "", "Cache-Control: max-age=60, stale-while-revalidate=10" + etag, 71, Validate, stale},
		{"RFC 5861 §3 invalid", shared, "", "Cache-Control: max-age=60, stale-while-revalidate=x" + etag, 61, Validate, stale},
		{"RFC 5861 §3 with s-maxage", shared, "", "Cache-Control: s-maxage=60, stale-while-revalidate=10" + etag, 70, StaleWhileRevalidate, staleWindow},
		{"RFC 5861 §3 with s-maxage, beyond", shared, "", "Cache-Control: s-maxage=60, stale-while-revalidate=10" + etag, 71, Validate, stale},
		{"RFC 5861 §3 not for who wants it fresh", shared, "Cache-Control: max-age=100", "Cache-Control: max-age=60, stale-while-revalidate=10" + etag, 65, Validate, stale},
		{"RFC 5861 §3 only-if-cached", shared, "Cache-Control: only-if-cached", "Cache-Control: max-age=60, stale-while-revalidate=10", 65, StaleWhileRevalidate, staleWindow},

		{"RFC 8246 reload, immutable", reloading, "", "Cache-Control: max-age=60, immutable" + etag, 59, Hit, freshImmutable},
		{"RFC 8246 reload, immutable but stale", reloading, "", "Cache-Control: max-age=60, immutable" + etag, 60, Validate, reload},
		{"RFC 8246 reload", reloading, "", "Cache-Control: max-age=60" + etag, 1, Validate, reload},
		{"RFC 8246 hard reload", hard, "", "Cache-Control: max-age=60, immutable" + etag, 1, Miss, hardReload},
		{"RFC 8246 immutable=x", reloading, "", "Cache-Control: max-age=60, immutable=x" + etag, 1, Validate, reload},

		{"§4.3.2 If-Match", shared, `If-Match: "a"`, "Cache-Control: max-age=60" + etag, 0, Pass, preconditionForOrigin},
		{"§4.3.2 If-Unmodified-Since", shared, "If-Unmodified-Since: " + "Sun, 01 Mar 2026 11:50:00 GMT", "Cache-Control: max-age=60", 0, Pass, preconditionForOrigin},
		{"§3.5 a request with credentials may have what is for all", shared, "Authorization: Basic x", "Cache-Control: max-age=60", 0, Hit, fresh},
	} {
		r := response(tt.response)
		now := t0.Add(time.Duration(tt.age) * time.Second)
		for _, compiled := range []bool{false, true} {
			if compiled {
				r.Compile(tt.rules)
			}
			got := Use(now, tt.rules, get(tt.request), r)
			if got.Action != tt.want || got.why != tt.why {
				t.Errorf("RFC 9111 %s (compiled %v): after %d s %q for %q: %v (%s), want %v (%s)", tt.clause, compiled, tt.age,
					tt.response, tt.request, got.Action, grounds[got.why].reason, tt.want, grounds[tt.why].reason)
			}
		}
	}
}

func TestUseWithoutResponse(t *testing.T) {
	for _, tt := range []struct {
		method, request string
		want            Action
	}{
		{"GET", "", Miss}, {"HEAD", "", Miss},
		{"GET", "Cache-Control: only-if-cached", Unsatisfiable},
		{"POST", "", Pass}, {"PUT", "", Pass}, {"OPTIONS", "", Pass}, {"BREW", "Cache-Control: only-if-cached", Pass},
	} {
		req := get(tt.request)
		req.Method = tt.method
		if got := Use(t0, shared, req, nil); got.Action != tt.want {
			t.Errorf("%s %q: %v, want %v", tt.method, tt.request, got.Action, tt.want)
		}
	}
	// RFC 9111 §4: the stored GET serves a HEAD.
	if got := Use(t0, shared, &Request{Method: "HEAD"}, response("Cache-Control: max-age=60")); got.Action != Hit {
		t.Errorf("HEAD on a stored GET: %v", got.Action)
	}
	// RFC 9111 §4.3.4: only a 200 is confirmed by 304.
	r := response(`Cache-Control: max-age=1 | ETag: "a"`)
	r.Status = 404
	if got := Use(t0.Add(time.Minute), shared, get(""), r); got.Action != Miss {
		t.Errorf("a stale 404 with an entity tag: %v", got.Action)
	}
}

func TestOnError(t *testing.T) {
	lenient := &Rules{Shared: true, StaleIfError: time.Minute}
	for _, tt := range []struct {
		clause   string
		rules    *Rules
		request  string
		response string
		age      int
		status   int
		want     Action
		why      reason
	}{
		{"RFC 5861 §4 no answer", shared, "", "Cache-Control: max-age=2, stale-if-error=60", 62, 0, StaleIfError, errorWindow},
		{"RFC 5861 §4 503", shared, "", "Cache-Control: max-age=2, stale-if-error=60", 62, 503, StaleIfError, errorWindow},
		{"RFC 5861 §4 too old", shared, "", "Cache-Control: max-age=2, stale-if-error=60", 63, 503, Miss, errorTooStale},
		{"RFC 5861 §4 404 is an answer", shared, "", "Cache-Control: max-age=2, stale-if-error=60", 3, 404, Miss, noError},
		{"RFC 5861 §4 501 is an answer", shared, "", "Cache-Control: max-age=2, stale-if-error=60", 3, 501, Miss, noError},
		{"RFC 5861 §4 nothing said", shared, "", "Cache-Control: max-age=2", 3, 503, Miss, errorTooStale},
		{"RFC 5861 §4 s-maxage with it", shared, "", "Cache-Control: s-maxage=2, stale-if-error=60", 3, 503, StaleIfError, errorWindow},
		{"RFC 5861 §4 the client takes it", shared, "Cache-Control: stale-if-error=60", "Cache-Control: max-age=2", 60, 503, StaleIfError, errorRequested},
		{"RFC 9111 §4.2.4 by configuration", lenient, "", "Cache-Control: max-age=2", 60, 502, StaleIfError, errorConfigured},
		{"RFC 9111 §4.2.4 by configuration, too old", lenient, "", "Cache-Control: max-age=2", 63, 502, Miss, errorTooStale},
		{"RFC 9111 §4.2.4 the response says less", lenient, "", "Cache-Control: max-age=2, stale-if-error=0", 3, 502, Miss, errorTooStale},
		{"RFC 9111 §5.2.2.10 s-maxage", lenient, "", "Cache-Control: s-maxage=2", 3, 502, Miss, errorSharedMaxAge},
		{"RFC 9111 §5.2.2.2 must-revalidate", lenient, "", "Cache-Control: max-age=2, must-revalidate, stale-if-error=60", 3, 0, Miss, errorMustRevalidate},
		{"RFC 9111 §5.2.2.8 proxy-revalidate", lenient, "", "Cache-Control: max-age=2, proxy-revalidate", 3, 0, Miss, errorMustRevalidate},
		{"RFC 9111 §5.2.2.4 no-cache", lenient, "", "Cache-Control: max-age=2, no-cache, stale-if-error=60", 3, 0, Miss, errorNoCache},
		{"RFC 9111 §5.2.1.4 the client wants it confirmed", lenient, "Cache-Control: no-cache", "Cache-Control: max-age=2", 3, 0, Miss, errorUnwanted},
		{"RFC 9111 §4.2.4 still fresh", shared, "Cache-Control: max-age=0", "Cache-Control: max-age=60", 3, 0, StaleIfError, errorStillFresh},
	} {
		r := response(tt.response)
		for range 2 {
			got := OnError(t0.Add(time.Duration(tt.age)*time.Second), tt.rules, get(tt.request), r, tt.status)
			if got.Action != tt.want || got.why != tt.why {
				t.Errorf("%s: %v (%s), want %v (%s)", tt.clause, got.Action, grounds[got.why].reason, tt.want, grounds[tt.why].reason)
			}
			r.Compile(tt.rules)
		}
	}
	if got := OnError(t0, shared, get(""), nil, 0); got.Action != Miss {
		t.Errorf("nothing stored: %v", got.Action)
	}
}

// RFC 9213, with the cases of the public cache tests that no cache passes.
func TestTargeted(t *testing.T) {
	for _, tt := range []struct {
		name     string
		response string
		age      int
		want     Action
	}{
		{"max-age", "CDN-Cache-Control: max-age=3600", 3, Hit},
		{"max-age=0", "CDN-Cache-Control: max-age=0", 0, Miss},
		{"an extension too", "CDN-Cache-Control: foobar, max-age=3600", 3, Hit},
		{"2^31", "CDN-Cache-Control: max-age=2147483648", 3, Hit},
		{"more", "CDN-Cache-Control: max-age=99999999999", 3, Hit},
		{"over a shorter Cache-Control", "Cache-Control: max-age=1 | CDN-Cache-Control: max-age=3600", 3, Hit},
		{"over a longer Cache-Control", "Cache-Control: max-age=3600 | CDN-Cache-Control: max-age=1", 3, Miss},
		{"over no-store", "Cache-Control: no-store | CDN-Cache-Control: max-age=10000", 3, Hit},
		{"over a past Expires", "CDN-Cache-Control: max-age=3600 | Expires: Sun, 01 Mar 2026 09:00:00 GMT", 3, Hit},
		{"over a future Expires", "CDN-Cache-Control: max-age=0 | Expires: Sun, 01 Mar 2027 09:00:00 GMT", 0, Miss},
		{"over an invalid Expires", "CDN-Cache-Control: max-age=3600 | Expires: 0", 3, Hit},
		{"cdn-no-cache", "CDN-Cache-Control: no-cache | Cache-Control: max-age=10000", 0, Miss},
		{"cdn-max-age-age", "CDN-Cache-Control: max-age=3600 | Age: 7200", 3, Miss},
		{"cdn-cc-invalid-sh-type-unknown", "CDN-Cache-Control: max-age=10000, &&&&& | Cache-Control: max-age=1", 3, Miss},
		{"cdn-cc-invalid-sh-type-wrong", `CDN-Cache-Control: max-age="10000" | Cache-Control: max-age=1`, 3, Miss},
		{"wrong type: decimal", "CDN-Cache-Control: max-age=10.5", 3, Miss},
		{"wrong type: negative", "CDN-Cache-Control: max-age=-10", 3, Miss},
		{"wrong type: none", "CDN-Cache-Control: max-age", 3, Miss},
		{"wrong type: inner list", "CDN-Cache-Control: max-age=(10000)", 3, Miss},
		{"unparsable falls back", "CDN-Cache-Control: max-age=10000, && | Cache-Control: max-age=60", 3, Hit},
		{"upper case does not parse", "CDN-Cache-Control: MaX-aGe=3600 | Cache-Control: max-age=1", 3, Miss},
		{"space before =", "CDN-Cache-Control: max-age =100 | Cache-Control: max-age=1", 3, Miss},
		{"empty falls back", "CDN-Cache-Control:  | Cache-Control: max-age=60", 3, Hit},
		{"parameters are ignored", "CDN-Cache-Control: max-age=60;x=1;y", 3, Hit},
		{"the last of two counts", "CDN-Cache-Control: max-age=1, max-age=60", 3, Hit},
		{"two lines are one", "CDN-Cache-Control: max-age=60 | CDN-Cache-Control: no-cache", 3, Miss},
		{"no-cache for fields", `CDN-Cache-Control: max-age=60, no-cache="set-cookie"`, 3, Hit},
		{"no-cache false", "CDN-Cache-Control: max-age=60, no-cache=?0", 3, Hit},
		{"no-cache of a wrong type still forbids", "CDN-Cache-Control: max-age=60, no-cache=7", 3, Miss},
		{"must-revalidate", "CDN-Cache-Control: max-age=1, must-revalidate, stale-while-revalidate=60", 3, Miss},
		{"stale-while-revalidate", "CDN-Cache-Control: max-age=1, stale-while-revalidate=60 | Cache-Control: must-revalidate", 3, StaleWhileRevalidate},
		{"others' fields say nothing", "Other-Cache-Control: max-age=60", 3, Miss},
	} {
		r := response(tt.response)
		if got := Use(t0.Add(seconds64(int64(tt.age))), shared, get(""), r); got.Action != tt.want {
			t.Errorf("RFC 9213 %s: %q = %v, want %v", tt.name, tt.response, got.Action, tt.want)
		}
	}
	two := &Rules{Shared: true, Targeted: []string{"Waypost-Cache-Control", "CDN-Cache-Control"}}
	r := response("CDN-Cache-Control: max-age=1 | Waypost-Cache-Control: max-age=60")
	if got := Lifetime(two, r); got != time.Minute {
		t.Errorf("RFC 9213 §2.2: the first of the list: %v", got)
	}
	if got := Lifetime(&Rules{}, r); got != 0 {
		t.Errorf("RFC 9213 §2.2: a browser has no target list: %v", got)
	}
}
