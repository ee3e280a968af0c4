package cache

import "testing"

func TestAppendKey(t *testing.T) {
	const plain = "shop https://www.shop.test/a/b?x=1"
	for _, tt := range []struct {
		scheme, host, path string
		want               string
	}{
		{"https", "www.shop.test", "/a/b?x=1", plain},
		{"HTTPS", "WWW.Shop.TEST", "/a/b?x=1", plain},
		{"https", "www.shop.test:443", "/a/b?x=1", plain},
		{"https", "www.shop.test:", "/a/b?x=1", plain},
		{"https", "www.shop.test", "/%61/%62?x=%31", plain},
		{"https", "www.shop.test:80", "/", "shop https://www.shop.test:80/"},
		{"http", "www.shop.test:80", "/", "shop http://www.shop.test/"},
		{"http", "www.shop.test", "", "shop http://www.shop.test/"},
		{"http", "www.shop.test", "?q", "shop http://www.shop.test/?q"},
		{"http", "www.shop.test", "/?", "shop http://www.shop.test/?"},
		{"https", "[2001:DB8::1]:443", "/", "shop https://[2001:db8::1]/"},
		{"https", "[2001:db8::1]", "/", "shop https://[2001:db8::1]/"},
		{"https", "h", "/A/%2f%c3%A9", "shop https://h/A/%2F%C3%A9"},
		{"https", "h", "/%7Euser", "shop https://h/~user"},
		{"https", "h", "/%7Euser/%zz", "shop https://h/%7Euser/%zz"}, // broken: as it is
		{"https", "h", "/%7Euser/%4", "shop https://h/%7Euser/%4"},
		{"https", "h", "/%%370", "shop https://h/%%370"},
		{"https", "h", "/a%3fb", "shop https://h/a%3Fb"},
		{"https", "h", "*", "shop https://h*"},
	} {
		if got := string(AppendKey(nil, "shop", tt.scheme, tt.host, tt.path)); got != tt.want {
			t.Errorf("RFC 9110 §4.2.3: AppendKey(%s, %s, %s) = %q, want %q", tt.scheme, tt.host, tt.path, got, tt.want)
		}
	}
	buffer := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		AppendKey(buffer, "shop", "https", "WWW.shop.test:443", "/a%62?x")
	}); n != 0 {
		t.Errorf("AppendKey allocates %v times", n)
	}
}
