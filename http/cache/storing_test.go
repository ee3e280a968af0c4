package cache

import (
	"testing"
	"time"
)

func TestStore(t *testing.T) {
	const etag = ` | ETag: "a"`
	for _, tt := range []struct {
		clause   string
		rules    *Rules
		method   string
		request  string
		status   int
		response string
		why      reason
	}{
		{"§3 explicit", shared, "GET", "", 200, "Cache-Control: max-age=60", keptMaxAge},
		{"§3 s-maxage", shared, "GET", "", 200, "Cache-Control: s-maxage=60", keptSMaxAge},
		{"§3 Expires", shared, "GET", "", 200, "Expires: Sun, 01 Mar 2026 12:01:00 GMT", keptExpires},
		{"§3 heuristic", shared, "GET", "", 200, "Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT", keptHeuristic},
		{"§3 default", &Rules{DefaultTTL: time.Minute}, "GET", "", 200, "", keptDefault},
		{"§3 nothing but a validator", &Rules{}, "GET", "", 200, `ETag: "a"`, keptToValidate},
		{"§3 nothing at all", shared, "GET", "", 200, "", nothingToUse},
		{"§3 stale at once with a validator", shared, "GET", "", 200, "Cache-Control: max-age=0" + etag, keptMaxAge},
		{"§3 stale at once", shared, "GET", "", 200, "Cache-Control: max-age=0", nothingToUse},
		{"§3 stale at once, but of use in need", shared, "GET", "", 200, "Cache-Control: max-age=0, stale-if-error=60", keptMaxAge},
		{"§4.2.1 invalid", shared, "GET", "", 200, "Cache-Control: max-age=x", lifetimeInvalid},
		{"§4.2.1 invalid with a validator", shared, "GET", "", 200, "Cache-Control: max-age=x" + etag, keptMaxAge},
		{"§3 method", shared, "PUT", "", 200, "Cache-Control: max-age=60", methodNotKept},
		{"§3 HEAD", shared, "HEAD", "", 200, "Cache-Control: max-age=60", methodNotKept},
		{"§3 interim", shared, "GET", "", 103, "Cache-Control: max-age=60", interim},
		{"§3.3 partial", shared, "GET", "", 206, "Cache-Control: max-age=60", partial},
		{"§3 304", shared, "GET", "", 304, "Cache-Control: max-age=60", partial},
		{"§5.2.1.5 no-store asked", shared, "GET", "Cache-Control: no-store", 200, "Cache-Control: max-age=60", requestNoStore},
		{"§5.2.2.5 no-store", shared, "GET", "", 200, "Cache-Control: max-age=60, No-StOrE", responseNoStore},
		{"§5.2.2.5 no-store with an argument", shared, "GET", "", 200, "Cache-Control: no-store=1, max-age=60", responseNoStore},
		{"§5.2.2.5 no-store behind a stray quote", shared, "GET", "", 200, `Cache-Control: x="a, no-store, max-age=60`, responseNoStore},
		{"§5.2.2.5 no-store, private cache", privateOnly, "GET", "", 200, "Cache-Control: max-age=60, no-store", responseNoStore},
		{"§5.2.2.3 must-understand, understood", shared, "GET", "", 200, "Cache-Control: max-age=60, no-store, must-understand", keptMaxAge},
		{"§5.2.2.3 must-understand, not understood", shared, "GET", "", 599, "Cache-Control: max-age=60, no-store, must-understand", notUnderstood},
		{"§5.2.2.3 must-understand alone", shared, "GET", "", 599, "Cache-Control: max-age=60, must-understand", notUnderstood},
		{"§5.2.2.7 private", shared, "GET", "", 200, "Cache-Control: private, max-age=60", responsePrivate},
		{"§5.2.2.7 private, private cache", privateOnly, "GET", "", 200, "Cache-Control: private, max-age=60", keptMaxAge},
		{"§5.2.2.7 private, status without heuristic", privateOnly, "GET", "", 500, "Cache-Control: private" + etag, nothingToUse},
		{"§5.2.2.7 qualified", shared, "GET", "", 200, `Cache-Control: private="set-cookie", max-age=60`, keptMaxAge},
		{"§5.2.2.7 qualified badly", shared, "GET", "", 200, `Cache-Control: private="a;b", max-age=60`, responsePrivate},
		{"§3.5 credentials", shared, "GET", "Authorization: x", 200, "Cache-Control: max-age=60", authorized},
		{"§3.5 credentials, heuristic", shared, "GET", "Authorization: x", 200, "Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT", authorized},
		{"§3.5 credentials, private cache", privateOnly, "GET", "Authorization: x", 200, "Cache-Control: max-age=60", keptMaxAge},
		{"§3.5 public", shared, "GET", "Authorization: x", 200, "Cache-Control: max-age=60, public", keptMaxAge},
		{"§3.5 must-revalidate", shared, "GET", "Authorization: x", 200, "Cache-Control: max-age=60, must-revalidate", keptMaxAge},
		{"§3.5 s-maxage", shared, "GET", "Authorization: x", 200, "Cache-Control: s-maxage=60", keptSMaxAge},
		{"§3.5 invalid s-maxage", shared, "GET", "Authorization: x", 200, "Cache-Control: s-maxage=x" + etag, authorized},
		{"§3.5 proxy-revalidate does not allow it", shared, "GET", "Authorization: x", 200, "Cache-Control: max-age=60, proxy-revalidate", authorized},
		{"§4.1 Vary: *", shared, "GET", "", 200, "Cache-Control: max-age=60 | Vary: Accept | Vary: *", varyStar},
		{"§4.2.2 status without heuristic", shared, "GET", "", 403, "Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT", statusNotCacheable},
		{"§4.2.2 unknown status, explicit", shared, "GET", "", 599, "Cache-Control: max-age=60", keptMaxAge},
		{"§4.2.2 unknown status, public", shared, "GET", "", 599, "Cache-Control: public | Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT", keptHeuristic},
		{"§5.2.2.4 no-cache", shared, "GET", "", 200, "Cache-Control: no-cache" + etag, keptToValidate},
		{"§5.2.2.4 no-cache, nothing to confirm it by", shared, "GET", "", 200, "Cache-Control: no-cache, max-age=60", nothingToValidate},
		{"§7.3 Set-Cookie, a lifetime for everybody's own cache", shared, "GET", "", 200, "Cache-Control: max-age=60 | Set-Cookie: a=b", keptCookie},
		{"§7.3 Set-Cookie, max-age, guarded", guarded, "GET", "", 200, "Cache-Control: max-age=60 | Set-Cookie: a=b", cookieGuarded},
		{"§7.3 Set-Cookie, s-maxage, guarded", guarded, "GET", "", 200, "Cache-Control: s-maxage=60 | Set-Cookie: a=b", keptSMaxAge},
		{"§7.3 Set-Cookie, Expires", shared, "GET", "", 200, "Expires: Sun, 01 Mar 2026 13:00:00 GMT | Set-Cookie: a=b", keptCookie},
		{"§7.3 Set-Cookie, max-age, kept out", shared, "GET", "", 200, `Cache-Control: max-age=60, no-cache="set-cookie" | Set-Cookie: a=b`, keptMaxAge},
		{"§7.3 Set-Cookie, s-maxage", shared, "GET", "", 200, "Cache-Control: s-maxage=60 | Set-Cookie: a=b", keptSMaxAge},
		{"§7.3 Set-Cookie, public", shared, "GET", "", 200, "Cache-Control: public, max-age=60 | Set-Cookie: a=b", keptMaxAge},
		{"§7.3 Set-Cookie, addressed to us", shared, "GET", "", 200, "CDN-Cache-Control: max-age=60 | Set-Cookie: a=b", keptMaxAge},
		{"§7.3 Set-Cookie, max-age, private cache", privateOnly, "GET", "", 200, "Cache-Control: max-age=60 | Set-Cookie: a=b", keptMaxAge},
		{"§7.3 Set-Cookie, heuristic", shared, "GET", "", 200, "Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT | Set-Cookie: a=b", cookieGuess},
		{"§7.3 Set-Cookie, kept out", shared, "GET", "", 200, `Cache-Control: no-cache="set-cookie" | Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT | Set-Cookie: a=b`, keptHeuristic},
		{"§7.3 Set-Cookie, heuristic, private cache", privateOnly, "GET", "", 200, "Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT | Set-Cookie: a=b", keptHeuristic},
		{"RFC 9213 cdn-no-store-cc-fresh", shared, "GET", "", 200, "Cache-Control: max-age=10000 | CDN-Cache-Control: no-store", responseNoStore},
		{"RFC 9213 cdn-private", shared, "GET", "", 200, "Cache-Control: max-age=10000 | CDN-Cache-Control: private", responsePrivate},
		{"RFC 9213 cdn-cc-invalid-sh-type-unknown", shared, "GET", "", 200, "CDN-Cache-Control: max-age=10000, &&&&& | Cache-Control: no-store", responseNoStore},
		{"RFC 9213 cdn-cc-invalid-sh-type-wrong", shared, "GET", "", 200, `CDN-Cache-Control: max-age="10000" | Cache-Control: no-store`, lifetimeInvalid},
		{"RFC 9213 cdn-fresh-cc-nostore", shared, "GET", "", 200, "CDN-Cache-Control: max-age=10000 | Cache-Control: no-store", keptMaxAge},
		{"RFC 9213 no-store of a wrong type still forbids", shared, "GET", "", 200, "CDN-Cache-Control: no-store=7, max-age=60", responseNoStore},
		{"RFC 9213 'none' sets the others aside", shared, "GET", "", 200, "CDN-Cache-Control: none | Cache-Control: no-store" + etag, keptToValidate},
	} {
		req := get(tt.request)
		req.Method = tt.method
		r := response(tt.response)
		r.Status = tt.status
		got := Store(t0, tt.rules, req, r)
		if got.why != tt.why {
			t.Errorf("RFC 9111 %s: %s %q, %d %q: %s, want %s", tt.clause, tt.method, tt.request, tt.status, tt.response,
				grounds[got.why].reason, grounds[tt.why].reason)
		}
		want := DoNotKeep
		if tt.why >= keptToValidate {
			want = Keep
		}
		if got.Action != want {
			t.Errorf("RFC 9111 %s: %v, want %v", tt.clause, got.Action, want)
		}
	}
}

func TestStorePost(t *testing.T) {
	req := &Request{Method: "POST", Scheme: "https", Host: "www.shop.test", Path: "/cart?id=1"}
	for _, tt := range []struct {
		response string
		want     Action
	}{
		{"Cache-Control: max-age=60 | Content-Location: /cart?id=1", Keep},
		{"Cache-Control: max-age=60 | Content-Location: https://WWW.shop.test:443/cart?id=1", Keep},
		{"Cache-Control: max-age=60 | Content-Location: ?id=1", Keep},
		{"Cache-Control: max-age=60 | Content-Location: ", Keep}, // a reference to itself
		{"Cache-Control: max-age=60 | Content-Location: /cart", DoNotKeep},
		{"Cache-Control: max-age=60 | Content-Location: https://evil.test/cart?id=1", DoNotKeep},
		{"Cache-Control: max-age=60", DoNotKeep},
		{"Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT | Content-Location: /cart?id=1", DoNotKeep},
	} {
		if got := Store(t0, shared, req, response(tt.response)); got.Action != tt.want {
			t.Errorf("RFC 9110 §9.3.3: %q = %v, want %v", tt.response, got.Action, tt.want)
		}
	}
	bare := &Request{Method: "POST"}
	if got := Store(t0, shared, bare, response("Cache-Control: max-age=60 | Content-Location: /")); got.Action != DoNotKeep {
		t.Error("a POST to nobody knows where was kept")
	}
}

func TestStored(t *testing.T) {
	r := response(`Connection: x-hop, close | X-Hop: 1 | Keep-Alive: timeout=5 | Proxy-Authenticate: Basic | ` +
		`Proxy-Authentication-Info: x | Proxy-Authorization: x | Proxy-Connection: close | TE: trailers | Transfer-Encoding: chunked | ` +
		`Upgrade: h2c | Cache-Control: max-age=60, no-cache="set-cookie", private="x-user" | Set-Cookie: a=b | X-User: me | ` +
		`X-Other: 1 | Vary: Accept-Language, accept-language, Accept`)
	got := Stored(shared, get("Accept-Language: de,  en | Accept-Language: fr | User-Agent: x"), r)
	want := lines(`Cache-Control: max-age=60, no-cache="set-cookie", private="x-user"`, "X-Other: 1",
		"Vary: Accept-Language, accept-language, Accept", date0)
	if !equalFields(got.Fields, want) {
		t.Errorf("RFC 9111 §3.1: shared cache stores\n%v, want\n%v", got.Fields, want)
	}
	if want := lines("accept-language: de,en,fr"); !equalFields(got.Selecting, want) {
		t.Errorf("Selecting = %v, want %v", got.Selecting, want)
	}
	if !Stored(privateOnly, get(""), r).Fields.Has("X-User") {
		t.Error("RFC 9111 §5.2.2.7: private=\"x-user\" binds shared caches only")
	}
	if got.plan.rules != shared {
		t.Error("Stored did not compile")
	}
	r.Fields.Del("Date")
	if got := Stored(shared, get(""), r).Fields.Get("Date"); got != rfc1123(t0) {
		t.Errorf("RFC 9110 §6.6.1: Date = %q", got)
	}
}

func TestInvalidates(t *testing.T) {
	for _, tt := range []struct {
		method string
		status int
		want   bool
	}{
		{"POST", 200, true}, {"PUT", 204, true}, {"DELETE", 303, true}, {"M-SEARCH", 200, true}, {"PATCH", 200, true},
		{"POST", 500, false}, {"POST", 404, false}, {"POST", 103, false},
		{"GET", 200, false}, {"HEAD", 200, false}, {"OPTIONS", 200, false}, {"TRACE", 200, false},
	} {
		if got := Invalidates(tt.method, tt.status); got != tt.want {
			t.Errorf("RFC 9111 §4.4: Invalidates(%s, %d) = %v", tt.method, tt.status, got)
		}
	}
	for _, tt := range []struct {
		fields string
		want   []string
	}{
		{"Location: /item/7 | Content-Location: https://www.shop.test/list?a=1", []string{"/item/7", "/list?a=1"}},
		{"Location: https://other.test/item/7", nil},
		{"Location: http://www.shop.test/item/7", nil},
		{"Location: //www.shop.test:443/a", []string{"/a"}},
		{"Location: https://www.shop.test:444/a", nil},
		{"Location: item", []string{"/dir/item"}},
		{"Location: /dir/page", nil},
		{"Location: /a | Content-Location: /a", []string{"/a"}},
		{"Location: :", nil},
		{"Location: mailto:a@b", nil},
		{"", nil},
	} {
		got := InvalidatesAlso("https", "www.shop.test", "/dir/page", response(tt.fields).Fields)
		if !equalStrings(got, tt.want) {
			t.Errorf("RFC 9111 §4.4: InvalidatesAlso(%q) = %q, want %q", tt.fields, got, tt.want)
		}
	}
}
