package rules

import (
	"strings"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/http/field"
)

func mustCORS(t testing.TB, in cdn.CORS) *CORS {
	t.Helper()
	c, err := NewCORS(in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAllows(t *testing.T) {
	for _, tt := range []struct {
		origins string
		yes, no string
	}{
		{"https://app.test", "https://app.test", "http://app.test https://app.test:8443 https://x.app.test https://app.test.evil.test https://evilapp.test null"},
		{"https://App.Test", "https://app.test", ""},
		{"https://*.app.test", "https://a.app.test https://a.b.app.test", "https://app.test https://.app.test http://a.app.test https://a.app.test:8443 https://evil.test/.app.test https://evil.test:1.app.test https://evil.test#.app.test https://u@.app.test https://a.app.test.evil.test"},
		{"https://*.app.test:8443", "https://a.app.test:8443", "https://a.app.test"},
		{"*", "https://any.test null", ""},
		{"null", "null", "https://app.test"},
		{"http://localhost:3000", "http://localhost:3000", "http://localhost"},
		{"https://a.test http://b.test:81", "https://a.test http://b.test:81", "http://a.test"},
	} {
		c := mustCORS(t, cdn.CORS{Origins: strings.Fields(tt.origins)})
		for _, o := range strings.Fields(tt.yes) {
			if !c.allows(o) {
				t.Errorf("%s refuses %s", tt.origins, o)
			}
		}
		for _, o := range strings.Fields(tt.no) {
			if c.allows(o) {
				t.Errorf("%s allows %s", tt.origins, o)
			}
		}
	}
}

func TestPreflight(t *testing.T) {
	app := cdn.CORS{Origins: []string{"https://app.test"}, Methods: []string{"PUT", "GET"}, Headers: []string{"Content-Type", "X-Id"},
		Credentials: true, MaxAge: 10 * time.Minute}
	open := cdn.CORS{Origins: []string{"*"}, Headers: []string{"*"}}
	const vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	for _, tt := range []struct {
		name                    string
		rule                    cdn.CORS
		origin, method, headers string
		reason                  string
		want                    string
	}{
		{"all there", app, "https://app.test", "PUT", "content-type,x-id", "",
			vary + "|Access-Control-Allow-Origin: https://app.test|Access-Control-Allow-Credentials: true|Access-Control-Allow-Methods: GET, HEAD, POST, PUT|Access-Control-Allow-Headers: content-type, x-id|Access-Control-Max-Age: 600"},
		{"safelisted", app, "https://app.test", "POST", "", "",
			vary + "|Access-Control-Allow-Origin: https://app.test|Access-Control-Allow-Credentials: true|Access-Control-Allow-Methods: GET, HEAD, POST, PUT|Access-Control-Max-Age: 600"},
		{"any", open, "null", "GET", "x-anything", "",
			vary + "|Access-Control-Allow-Origin: *|Access-Control-Allow-Methods: GET, HEAD, POST|Access-Control-Allow-Headers: x-anything"},
		{"origin", app, "https://evil.test", "PUT", "", `the origin "https://evil.test" is not among those that may read`, vary},
		{"method", app, "https://app.test", "DELETE", "", `the method "DELETE" is not among GET, HEAD, POST, PUT`, vary},
		{"method in small letters", app, "https://app.test", "put", "", `the method "put"`, vary},
		{"field", app, "https://app.test", "PUT", "x-id, authorization", `the field "authorization"`, vary},
		{"any but Authorization", open, "https://a.test", "GET", "authorization", `the field "authorization"`, vary},
	} {
		req := field.Fields{{Name: "Origin", Value: tt.origin}, {Name: "Access-Control-Request-Method", Value: tt.method}}
		if tt.headers != "" {
			req.Add("Access-Control-Request-Headers", tt.headers)
		}
		var out field.Fields
		reason, ok := mustCORS(t, tt.rule).Preflight(&out, req)
		var lines []string
		for _, l := range out {
			lines = append(lines, l.Name+": "+l.Value)
		}
		if got := strings.Join(lines, "|"); got != tt.want || ok != (tt.reason == "") || !strings.HasPrefix(reason, tt.reason) {
			t.Errorf("%s: %v %q\n got %s\nwant %s", tt.name, ok, reason, got, tt.want)
		}
	}
}

func TestCORSRefused(t *testing.T) {
	for _, tt := range []struct {
		rule cdn.CORS
		want string
	}{
		{cdn.CORS{}, "name the origins"},
		{cdn.CORS{Origins: []string{"*"}, Credentials: true}, "list the origins"},
		{cdn.CORS{Origins: []string{"app.test"}}, "write scheme and host"},
		{cdn.CORS{Origins: []string{"https://app.test/"}}, "without a path"},
		{cdn.CORS{Origins: []string{"https://app.test:443"}}, "default port"},
		{cdn.CORS{Origins: []string{"https://*.test"}}, "below a domain"},
		{cdn.CORS{Origins: []string{"https://a*.app.test"}}, "below a domain"},
		{cdn.CORS{Origins: []string{"*"}, Methods: []string{"P UT"}}, "method"},
		{cdn.CORS{Origins: []string{"*"}, Headers: []string{"X: y"}}, "header"},
		{cdn.CORS{Origins: []string{"*"}, Expose: []string{"a\r\nb"}}, "header"},
		{cdn.CORS{Path: "x", Origins: []string{"*"}}, "begins with /"},
	} {
		if _, err := NewCORS(tt.rule); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.rule, err, tt.want)
		}
	}
}

func TestVary(t *testing.T) {
	for _, tt := range []struct{ in, added, dropped string }{
		{"", "Origin", ""},
		{"Accept-Encoding", "Accept-Encoding, Origin", "Accept-Encoding"},
		{"accept, ORIGIN ,x", "accept, ORIGIN ,x", "accept, x"},
		{"*", "*", "*"},
		{"Origin", "Origin", ""},
	} {
		make := func() field.Fields {
			if tt.in == "" {
				return nil
			}
			return field.Fields{{Name: "vary", Value: tt.in}}
		}
		with, without := make(), make()
		AddVary(&with, "Origin")
		DropVary(&without, "Origin")
		if with.Join("Vary") != tt.added || without.Join("Vary") != tt.dropped {
			t.Errorf("Vary: %s: with %q, want %q; without %q, want %q", tt.in, with.Join("Vary"), tt.added, without.Join("Vary"), tt.dropped)
		}
	}
}

// FuzzAllows: what a wildcard lets in is the suffix with labels before it.
func FuzzAllows(f *testing.F) {
	f.Add("https://a.app.test")
	f.Add("https://evil.test/.app.test")
	c := mustCORS(f, cdn.CORS{Origins: []string{"https://*.app.test"}})
	f.Fuzz(func(t *testing.T, origin string) {
		if !c.allows(origin) {
			return
		}
		labels := strings.TrimSuffix(strings.TrimPrefix(origin, "https://"), ".app.test")
		if "https://"+labels+".app.test" != origin || labels == "" || strings.ContainsAny(labels, "/:@?#\\ ") {
			t.Errorf("%q is let in", origin)
		}
	})
}

func FuzzPreflight(f *testing.F) {
	f.Add("https://app.test", "PUT", "x-a, x-b")
	c := mustCORS(f, cdn.CORS{Origins: []string{"*"}, Headers: []string{"*"}, Methods: []string{"PUT"}})
	f.Fuzz(func(t *testing.T, origin, method, headers string) {
		var out field.Fields
		_, ok := c.Preflight(&out, field.Fields{{Name: "Origin", Value: origin}, {Name: "Access-Control-Request-Method", Value: method},
			{Name: "Access-Control-Request-Headers", Value: headers}})
		if got := out.Get("Access-Control-Allow-Headers"); strings.ContainsAny(got, "\r\n\x00") || !ok && out.Has("Access-Control-Allow-Origin") {
			t.Errorf("%v %q", ok, out)
		}
	})
}
