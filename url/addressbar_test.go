package url

import (
	"errors"
	"strings"
	"testing"
)

const engine = "https://search.test/find?q=%s&from=bar"

func TestFromAddressBarURL(t *testing.T) {
	for _, tt := range []struct{ typed, want, reason string }{
		{"https://shop.test/a", "https://shop.test/a", "it has a scheme"},
		{"HTTP:shop.test", "http://shop.test/", "it has a scheme"},
		{"data:text/plain,x", "data:text/plain,x", "it has a scheme"},
		{"about:blank", "about:blank", "it has a scheme"},
		{"file:///etc/hosts", "file:///etc/hosts", "it has a scheme"},
		{"//shop.test/a", "https://shop.test/a", "begins with //"},
		{"shop.test", "https://shop.test/", "https is assumed for a name"},
		{"  Shop.test/a b?c d  ", "https://shop.test/a%20b?c%20d", "https is assumed for a name"},
		{"www.shop.test.", "https://www.shop.test./", "https is assumed for a name"},
		{"bücher.test", "https://xn--bcher-kva.test/", "https is assumed for a name"},
		{"shop.test:8443/x", "https://shop.test:8443/x", "https is assumed for a name"},
		{"shop.test:80", "http://shop.test/", "port 80 means http"},
		{"localhost:443", "https://localhost/", "port 443 means https"},
		{"localhost:8080/x", "http://localhost:8080/x", "this machine itself"},
		{"localhost", "http://localhost/", "this machine itself"},
		{"api.localhost/v1", "http://api.localhost/v1", "this machine itself"},
		{"192.0.2.1/x", "http://192.0.2.1/x", "IP address"},
		{"127.1:8080", "http://127.0.0.1:8080/", "IP address"},
		{"[2001:db8::1]/x", "http://[2001:db8::1]/x", "IP address"},
		{"2001:db8::1", "http://[2001:db8::1]/", "IPv6 address"},
		{"::1", "http://[::1]/", "IPv6 address"},
		{"intranet/", "https://intranet/", "https is assumed for a name"},
		{"intranet:8080", "https://intranet:8080/", "https is assumed for a name"},
		{"user:pw@shop.test", "https://user:pw@shop.test/", "https is assumed for a name"},
		{"user@shop.test/a", "https://user@shop.test/a", "https is assumed for a name"},
		{"my_host.test", "https://my_host.test/", "https is assumed for a name"},
	} {
		got, err := FromAddressBar(tt.typed, engine)
		if err != nil {
			t.Errorf("FromAddressBar(%q): %v", tt.typed, err)
			continue
		}
		if got.Search || got.URL.String() != tt.want {
			t.Errorf("FromAddressBar(%q) = %s (search %v: %s), want %s", tt.typed, got.URL, got.Search, got.Reason, tt.want)
		}
		if !strings.Contains(got.Reason, tt.reason) || got.Clause == "" {
			t.Errorf("FromAddressBar(%q) reason %q, clause %q; want %q", tt.typed, got.Reason, got.Clause, tt.reason)
		}
	}
}

func TestFromAddressBarSearch(t *testing.T) {
	for _, tt := range []struct{ typed, terms, reason string }{
		{"what is dns", "what+is+dns", "a space at byte 4"},
		{"dns", "dns", "no host name that could be looked up"},
		{"?shop.test", "shop.test", "question mark"},
		{"? 100% a+b&c", "100%25+a%2Bb%26c", "question mark"},
		{"http://sh op.test/", "http%3A%2F%2Fsh+op.test%2F", "domain-to-ASCII"},
		{"https://[::1/", "https%3A%2F%2F%5B%3A%3A1%2F", "IPv6-unclosed"},
		{"https://", "https%3A%2F%2F", "host-missing"},
		{"shop.test:99999", "shop.test%3A99999", "port-out-of-range"},
		{"htp://shop.test", "htp%3A%2F%2Fshop.test", "none that a browser loads: htp"},
		{"define:road", "define%3Aroad", "no scheme that a browser knows"},
		{"user@shop.test", "user%40shop.test", "mail address"},
		{"1.5", "1.5", "no host name"},
		{"42", "42", "no host name"},
		{"tcp/ip", "tcp%2Fip", "no host name"},
		{"c++.net", "c%2B%2B.net", "no host name"},
		{"wait...", "wait...", "no host name"},
		{"-x.test", "-x.test", "no host name"},
		{strings.Repeat("a", 64) + ".test", strings.Repeat("a", 64) + ".test", "no host name"},
		{strings.Repeat("a.", 150) + "test", strings.Repeat("a.", 150) + "test", "no host name"},
		{"shop..test", "shop..test", "no host name"},
		{"/etc/hosts", "%2Fetc%2Fhosts", "no host stands before"},
		{"///x", "%2F%2F%2Fx", "no host stands before"},
		{"#top", "%23top", "no host stands before"},
		{"meet at 3:30 @ home", "meet+at+3%3A30+%40+home", "a space at byte 4"},
		{"é\xff", "%C3%A9%FF", "domain-to-ASCII"},
	} {
		got, err := FromAddressBar(tt.typed, engine)
		if err != nil {
			t.Errorf("FromAddressBar(%q): %v", tt.typed, err)
			continue
		}
		if want := "https://search.test/find?q=" + tt.terms + "&from=bar"; !got.Search || got.URL.String() != want {
			t.Errorf("FromAddressBar(%q) = %s (search %v), want %s", tt.typed, got.URL, got.Search, want)
		}
		if !strings.Contains(got.Reason, tt.reason) || !strings.Contains(got.Reason, "searched for at search.test") {
			t.Errorf("FromAddressBar(%q) reason = %q, want %q", tt.typed, got.Reason, tt.reason)
		}
		_, err = FromAddressBar(tt.typed, "")
		if !errors.Is(err, ErrNoSearch) {
			t.Errorf("FromAddressBar(%q) without engine: %v, want %v", tt.typed, err, ErrNoSearch)
		}
	}
}

func TestFromAddressBarRefuses(t *testing.T) {
	for _, tt := range []struct{ typed, search, want string }{
		{" \t", engine, "nothing was typed"},
		{"?", engine, "no search terms"},
		{"dns", "https://search.test/", "no %s"},
		{"dns", "search.test/%s", "missing-scheme-non-relative-URL"},
		{"dns", "https://%s.test/", "must stand in the path"},
		{"dns", "https://%s@search.test/", "must stand in the path"},
		{"http://user:secret@sh op/", engine, "may hold a password"},
		{"user:se/cret@shop.test", engine, "may hold a password"},
	} {
		got, err := FromAddressBar(tt.typed, tt.search)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("FromAddressBar(%q, %q) = %s, %v, want %q", tt.typed, tt.search, got.URL, err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), "cret") || strings.Contains(got.Shown, "cret") {
			t.Errorf("FromAddressBar(%q): the password shows: %v", tt.typed, err)
		}
	}
}

func TestSearchTemplateWithTermsInPath(t *testing.T) {
	got, err := FromAddressBar("a b/c", "https://search.test/%s/")
	if err != nil || got.URL.Path() != "/a%20b%2Fc/" {
		t.Errorf("terms in a path: %v, %v", got.URL, err)
	}
}

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"https://user:secret@shop.test/", "https://user:****@shop.test/"},
		{"https://user@shop.test/", "https://user@shop.test/"},
		{"https:user:secret@shop.test/", "https:user:****@shop.test/"},
		{" ht\ttps:\\\\user:secret@shop.test/", " ht\ttps:\\\\user:****@shop.test/"},
		{"https://a@b:se:cr@et@shop.test/", "https://a@b:****@shop.test/"},
		{"https://user:se/cr#et@shop.test/", "https://user:****@shop.test/"},
		{"web+x://user:secret@h", "web+x://user:****@h"},
		{"//user:secret@shop.test", "//user:****@shop.test"},
		{"user:secret@shop.test", "user:****@shop.test"},
		{"https://[user:secret@shop.test/", "https://[user:****@shop.test/"},
		{"https://[2001:db8::1]/@x", "https://[2001:db8::1]/@x"},
		{"https://shop.test:8443/@user", "https://shop.test:8443/@user"},
		{"https://shop.test/a:b@c", "https://shop.test/a:b@c"},
		{"shop.test:8443/@user", "shop.test:8443/@user"},
		{"mailto:user@shop.test", "mailto:user@shop.test"},
		{"meet at 3:30 @ home", "meet at 3:30 @ home"},
		{"", ""},
		{"@", "@"},
		{":@", ":@"},
	} {
		if got := Redact(tt.text); got != tt.want {
			t.Errorf("Redact(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
	_, err := Parse("https://user:secret@sh op/", nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error shows the password: %v", err)
	}
}
