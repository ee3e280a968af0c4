package edge

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"waypost/cdn"
	"waypost/http/field"
	"waypost/http/wire"
)

// asCGI is what an origin that makes variables of fields knows of a request.
func asCGI(f field.Fields) map[string]string {
	all := map[string]string{}
	for _, l := range f {
		name := []byte(strings.ToUpper(l.Name))
		for i, c := range name {
			if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
				name[i] = '_'
			}
		}
		all["HTTP_"+string(name)] = l.Value // the last one wins with some, the first with others
	}
	return all
}

// TestForgedForwarding: nobody tells the origin where a request came from by
// another spelling of a field's name.
func TestForgedForwarding(t *testing.T) {
	inWorld(t, replying(200, "page"), func(w *world) {
		w.get("/", "X-Forwarded-For", "10.0.0.1", "X_Forwarded_For", "10.0.0.2", "x_forwarded-proto", "https", "X_Real_IP", "10.0.0.3",
			"Forwarded", "for=10.0.0.4", "X-Forwarded-Host", "evil.test", "X_Forwarded_Host", "evil.test", "X.Forwarded.Host", "evil.test")
		for _, l := range w.lastAsked().Fields {
			if strings.ContainsAny(l.Name, "_.") || strings.Contains(l.Value, "10.0.0.") || strings.Contains(l.Value, "evil") || l.Value == "https" {
				t.Errorf("the origin got %s: %s", l.Name, l.Value)
			}
		}
	})
}

// TestAmbiguousNames: an origin that takes "_" and the like for "-" is not told
// by it what the key has, what the rules set, or how long the body is; nor is
// anything of it in what is stored. Proxy does not pass either.
func TestAmbiguousNames(t *testing.T) {
	forged := []string{"X_Country", "evil", "X.Country", "evil", "x_device-class", "evil", "X_Device_Class", "evil", "X_Api_Key", "evil",
		"Content_Length", "7", "Transfer_Encoding", "evil", "Accept_Language", "evil", "Proxy", "http://evil.test", "pROXY", "evil",
		"X+Country", "evil", "X~Country", "evil"}
	site := ruledBy(cdn.Rules{
		Key:     cdn.Key{Device: true, Headers: []cdn.Part{{Name: "X-Country", Values: []string{"de", "fr"}}}, Languages: []string{"en", "de"}},
		Headers: []cdn.Header{{ToOrigin: true, Action: cdn.Set, Name: "X-Api-Key", Value: "4711"}, {ToOrigin: true, Action: cdn.Remove, Name: "X-Admin"}},
	})
	origin := func(x wire.Exchange) {
		known := asCGI(x.Request().Fields)
		reply(x, 200, known["HTTP_X_COUNTRY"]+" "+known["HTTP_X_DEVICE_CLASS"]+" "+known["HTTP_X_API_KEY"], "Cache-Control", "max-age=60", "Vary", "X-Country")
	}
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
		inWorld(t, origin, func(w *world) {
			w.do(&wire.Request{Method: method, Path: "/"}, append([]string{"X_Admin", "evil"}, forged...)...)
			for name, value := range asCGI(w.lastAsked().Fields) {
				if strings.Contains(value, "evil") || name == "HTTP_CONTENT_LENGTH" && value == "7" {
					t.Errorf("%s: the origin knows %s=%s", method, name, value)
				}
			}
			if g := w.get("/"); g.body != " desktop 4711" {
				t.Errorf("after a forged %s the next client got %v", method, g)
			}
			if g := w.get("/", "X-Country", "de"); g.body != "de desktop 4711" {
				t.Errorf("who asks for a country got %v", g)
			}
			if g := w.get("/", "X-Country", "de", "X_Country", "fr"); g.body != "de desktop 4711" || !strings.Contains(g.fields.Join("Cache-Status"), "; hit") {
				t.Errorf("from the store came %v", g)
			}
		}, site)
	}
}

// TestHearsay: what only a proxy in front can know reaches the origin from a
// peer that is trusted, and from nobody else.
func TestHearsay(t *testing.T) {
	told := []string{"X-Forwarded-Prefix", "/evil", "X-Forwarded-Scheme", "evil", "X-Forwarded-Server", "evil", "X-Forwarded-Ssl", "on",
		"X-Forwarded-Port", "1", "X-Forwarded", "evil", "Forwarded-For", "evil", "X-Original-URL", "/admin", "X-Rewrite-URL", "/admin",
		"X-HTTP-Method-Override", "DELETE", "X-Method-Override", "DELETE", "True-Client-IP", "10.0.0.1", "CF-Connecting-IP", "10.0.0.1",
		"X-Real-IP", "10.0.0.1", "X-Host", "evil.test", "Front-End-Https", "on", "x-script-name", "/evil"}
	names := func(f field.Fields) (all []string) {
		for i := 0; i < len(told); i += 2 {
			if f.Has(told[i]) {
				all = append(all, told[i])
			}
		}
		return all
	}
	for _, tt := range []struct {
		name   string
		method string
		trust  bool
		rules  cdn.Rules
		want   int // of them reach the origin
	}{
		{"a stranger", "GET", false, cdn.Rules{}, 0},
		{"a stranger's HEAD", "HEAD", false, cdn.Rules{}, 0},
		{"a stranger's POST", "POST", false, cdn.Rules{}, 2}, // the methods, which applications tunnel so
		{"our own proxy", "GET", true, cdn.Rules{}, len(told) / 2},
		{"named by the owner", "GET", false, cdn.Rules{ForwardFields: []string{"x-rewrite-url", "True-Client-IP"}}, 2},
		{"in the key", "GET", false, cdn.Rules{Key: cdn.Key{Headers: []cdn.Part{{Name: "X-Forwarded-Prefix", Values: []string{"/evil"}}}}}, 1},
	} {
		s := ruledBy(tt.rules)
		if tt.trust {
			s.config = func(c *Config) { c.TrustForwarded = []netip.Prefix{netip.PrefixFrom(clientAddr, 32)} }
		}
		inWorld(t, replying(200, "page", "Cache-Control", "max-age=60"), func(w *world) {
			w.do(&wire.Request{Method: tt.method, Path: "/"}, told...)
			if got := names(w.lastAsked().Fields); len(got) != tt.want {
				t.Errorf("%s: the origin got %q, want %d of them", tt.name, got, tt.want)
			}
		}, s)
	}
}

// TestForwardFields: a name that the owner lets pass does, and no other.
func TestForwardFields(t *testing.T) {
	inWorld(t, replying(200, "page"), func(w *world) {
		w.get("/", "api_key", "1", "API_KEY", "2", "X_Country", "evil")
		f := w.lastAsked().Fields
		if got := f.Join("Api_Key"); got != "1, 2" || f.Has("X_Country") {
			t.Errorf("the origin got %q, and %v", got, f)
		}
	}, ruledBy(cdn.Rules{ForwardFields: []string{"api_key"}}))
}

// TestKeyedHearsay: a response that varies by what is in the key is stored.
func TestKeyedHearsay(t *testing.T) {
	inWorld(t, func(x wire.Exchange) {
		reply(x, 200, x.Request().Fields.Get("X-Forwarded-Prefix"), "Cache-Control", "max-age=60", "Vary", "X-Forwarded-Prefix")
	}, func(w *world) {
		for _, prefix := range []string{"/a", "/b", "/a", "/b"} {
			if g := w.get("/", "X-Forwarded-Prefix", prefix); g.body != prefix || g.fields.Join("Vary") != "X-Forwarded-Prefix" {
				t.Errorf("%s: %v, Vary: %s", prefix, g, g.fields.Join("Vary"))
			}
		}
		if w.trips() != 2 {
			t.Errorf("%d trips, want 2", w.trips())
		}
	}, ruledBy(cdn.Rules{Key: cdn.Key{Headers: []cdn.Part{{Name: "X-Forwarded-Prefix", Values: []string{"/a", "/b"}}}}}))
}

// TestWithheldCosts: the usual fields are looked through without allocation.
func TestWithheldCosts(t *testing.T) {
	r := &request{in: &wire.Request{Method: "GET"}}
	usual := []string{"Accept", "Accept-Encoding", "Cookie", "User-Agent", "Sec-CH-UA-Mobile", "X-Requested-With", "X-Forwarded-For"}
	if n := testing.AllocsPerRun(100, func() {
		if !r.withheld("X-Forwarded-For", false) || slices.ContainsFunc(usual[:6], func(name string) bool { return r.withheld(name, false) }) {
			t.Error("what passes and what does not have changed places")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
