package rules

import (
	"slices"
	"strings"
	"testing"

	"waypost/cdn"
	"waypost/http/field"
)

func TestQuery(t *testing.T) {
	for _, tt := range []struct {
		ignore, only string
		sorted       bool
		target, want string
	}{
		{"utm_* fbclid", "", false, "/a?x=1&utm_source=y&fbclid=z", "/a?x=1"},
		{"utm_* fbclid", "", false, "/a?utm_source=y", "/a"},
		{"utm_*", "", false, "/a?utm%5Fsource=y&b=%2f", "/a?b=%2F"},
		{"utm_*", "", false, "/a?b=c", "/a?b=c"},
		{"utm_*", "", false, "/a?b=utm_x&utm", "/a?b=utm_x&utm"},
		{"utm_*", "", false, "/a", "/a"},
		{"utm_*", "", false, "/a?", "/a"},
		{"utm_*", "", false, "/a?&&b", "/a?b"},
		{"", "id page", false, "/a?page=2&x=y&id=1", "/a?page=2&id=1"},
		{"", "id", false, "/a?x", "/a"},
		{"", "", true, "/a?b=2&a=1&b=1", "/a?a=1&b=2&b=1"},
		{"", "", true, "/a?a=1&b=2", "/a?a=1&b=2"},
		{"x", "", true, "/a?c&x&b&a", "/a?a&b&c"},
		{"*", "", false, "/a?b=c&d", "/a"},
	} {
		q, err := newQuery(strings.Fields(tt.ignore), strings.Fields(tt.only), tt.sorted)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := q.Target(nil, tt.target); got != tt.want {
			t.Errorf("ignore %q only %q sort %v: %s becomes %s, want %s", tt.ignore, tt.only, tt.sorted, tt.target, got, tt.want)
		}
	}
	q, _ := newQuery([]string{"x"}, nil, false)
	long := "/a?x=1" + strings.Repeat("&b", maxParameters)
	if got, _ := q.Target(nil, long); got != long && !strings.HasPrefix(got, "/a?") {
		t.Errorf("a query of many parameters becomes %s", got)
	}
}

func TestKeyParts(t *testing.T) {
	k, err := NewKey(&cdn.Key{Cookies: []cdn.Part{{Name: "currency", Values: []string{"eur", "usd"}}},
		Headers: []cdn.Part{{Name: "X-Country", Values: []string{"de"}}}, Device: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(k.Endings()); n != 3*2*2 {
		t.Errorf("%d endings", n)
	}
	for _, tt := range []struct{ req, want, stray string }{
		{"", " device=desktop", ""},
		{"Cookie: a=b; currency=eur", " cookie:currency=eur device=desktop", ""},
		{"cookie: currency=usd|X-COUNTRY: de|User-Agent: Mobile Safari", " cookie:currency=usd header:X-Country=de device=mobile", ""},
		{"Cookie: currency=gbp", "", "currency"},
		{"Cookie: currency=eur; currency=usd", "", "currency"},
		{"Cookie: xcurrency=gbp; currency2=x", " device=desktop", ""},
		{"X-Country: fr", "", "X-Country"},
		{"X-Country: de|X-Country: de", "", "X-Country"},
		{"X-Country: ", "", "X-Country"},
	} {
		got, stray := k.Append(nil, fields(tt.req))
		if stray != tt.stray || stray == "" && (string(got) != tt.want || !slices.Contains(k.Endings(), string(got))) {
			t.Errorf("%s: %q stray %q, want %q stray %q", tt.req, got, stray, tt.want, tt.stray)
		}
	}
	f := fields("Vary: Accept")
	k.Decorate(&f)
	if got := f.Join("Vary"); got != "Accept, User-Agent, Sec-CH-UA-Mobile, Cookie, X-Country" {
		t.Errorf("Vary: %s", got)
	}
}

func TestDevice(t *testing.T) {
	for _, tt := range []struct{ req, want string }{
		{"", "desktop"},
		{"User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1", "mobile"},
		{"User-Agent: Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36", "mobile"},
		{"User-Agent: Mozilla/5.0 (Android 13; Mobile; rv:109.0) Gecko/115.0 Firefox/115.0", "mobile"},
		{"User-Agent: Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36", "desktop"},
		{"User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36", "desktop"},
		{"User-Agent: curl/8.0", "desktop"},
		{"Sec-CH-UA-Mobile: ?1|User-Agent: x", "mobile"},
		{"User-Agent: Mobile|sec-ch-ua-mobile: ?0", "desktop"},
		{"Sec-CH-UA-Mobile: yes|User-Agent: Mobi", "mobile"},
	} {
		if got := Device(fields(tt.req)); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.req, got, tt.want)
		}
	}
}

func TestKeyRefused(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	for _, tt := range []struct {
		rule cdn.Key
		want string
	}{
		{cdn.Key{Ignore: []string{"a"}, Only: []string{"b"}}, "either"},
		{cdn.Key{Ignore: []string{"a*b"}}, "utm_*"},
		{cdn.Key{Ignore: []string{"a=b"}}, "utm_*"},
		{cdn.Key{Cookies: []cdn.Part{{Name: "a"}}}, "list its values"},
		{cdn.Key{Cookies: []cdn.Part{{Name: "a b", Values: []string{"x"}}}}, "is no name"},
		{cdn.Key{Headers: []cdn.Part{{Name: "a", Values: []string{"x y"}}}}, "without spaces"},
		{cdn.Key{Headers: []cdn.Part{{Name: "a", Values: many}, {Name: "b", Values: many}}}, "441 variants"},
		{cdn.Key{Languages: []string{"de DE"}}, "a language such as de"},
	} {
		if _, err := NewKey(&tt.rule); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.rule, err, tt.want)
		}
	}
}

func TestKeyDoesNotAllocate(t *testing.T) {
	k, _ := NewKey(&cdn.Key{Ignore: []string{"utm_*"}, Sort: true, Device: true, Cookies: []cdn.Part{{Name: "c", Values: []string{"1"}}}})
	req := fields("User-Agent: Mobile|Cookie: a=b; c=1")
	buf, key := make([]byte, 0, 512), make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() {
		if got, _ := k.Target(buf, "/a?b=%31&utm_x=2&a=1"); got != "/a?a=1&b=1" {
			t.Fatal(got)
		}
		k.Append(key, req)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzQuery: what comes out has the parameters that count and no others, and
// stays as it is when it is asked for again.
func FuzzQuery(f *testing.F) {
	f.Add("/a?b=%31&utm_x=2&a=1")
	f.Add("/?&&=&utm%5f")
	q, _ := newQuery([]string{"utm_*"}, nil, true)
	f.Fuzz(func(t *testing.T, target string) {
		got, _ := q.Target(nil, target)
		if again, _ := q.Target(nil, got); again != got && !strings.Contains(got, "%") { // what was broken may be whole without its neighbour
			t.Errorf("%q becomes %q, and that %q", target, got, again)
		}
		_, query, _ := strings.Cut(got, "?")
		if parameters := strings.Split(query, "&"); len(parameters) < maxParameters {
			for _, p := range parameters {
				if strings.HasPrefix(p, "utm_") {
					t.Errorf("%q becomes %q", target, got)
				}
			}
		}
	})
}

// FuzzKey: no request makes an ending that is not among those that are
// dropped when the resource changes.
func FuzzKey(f *testing.F) {
	f.Add("currency=eur; x", "Mobi", "de")
	f.Add(";;currency", "", "")
	k, _ := NewKey(&cdn.Key{Cookies: []cdn.Part{{Name: "currency", Values: []string{"eur", "usd"}}},
		Headers: []cdn.Part{{Name: "X-Country", Values: []string{"de"}}}, Device: true})
	f.Fuzz(func(t *testing.T, cookie, agent, country string) {
		got, stray := k.Append(nil, field.Fields{{Name: "Cookie", Value: cookie}, {Name: "User-Agent", Value: agent}, {Name: "X-Country", Value: country}})
		if stray == "" && !slices.Contains(k.Endings(), string(got)) {
			t.Errorf("%q %q %q make %q", cookie, agent, country, got)
		}
	})
}
