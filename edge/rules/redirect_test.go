package rules

import (
	"strings"
	"testing"

	"waypost/cdn"
)

// place is a URL taken apart.
func place(url string) Place {
	scheme, rest, _ := strings.Cut(url, "://")
	authority, target, _ := strings.Cut(rest, "/")
	p := Place{Scheme: scheme, Authority: authority, Target: "/" + target}
	p.Host, _, _ = strings.Cut(strings.ToLower(authority), ":")
	p.Path, _ = Normal(nil, p.Target)
	return p
}

func ourHost(h string) bool {
	return h == "shop.test" || h == "www.shop.test" || strings.HasSuffix(h, ".img.shop.test")
}

func TestRedirect(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule cdn.Redirect
		url  string
		want string // "" for none
	}{
		{"https", cdn.Redirect{Scheme: "http", To: "https://$host$path"}, "http://www.shop.test:80/a?b=c", "https://www.shop.test/a?b=c"},
		{"https already", cdn.Redirect{Scheme: "http", To: "https://$host$path"}, "https://www.shop.test/a", ""},
		{"www", cdn.Redirect{Host: "shop.test", To: "https://www.$host$path"}, "https://shop.test/a%20b", "https://www.shop.test/a%20b"},
		{"other host", cdn.Redirect{Host: "shop.test", To: "https://www.$host$path"}, "https://www.shop.test/", ""},
		{"prefix", cdn.Redirect{Path: "/old/*", To: "/new/$1"}, "https://www.shop.test/old/a/b", "https://www.shop.test/new/a/b"},
		{"prefix and port", cdn.Redirect{Path: "/old/*", To: "/new/$1"}, "https://www.shop.test:8443/old/", "https://www.shop.test:8443/new/"},
		{"slash off", cdn.Redirect{Path: "*/", To: "$1"}, "https://www.shop.test/a/", "https://www.shop.test/a"},
		{"slash on", cdn.Redirect{Path: "/docs", To: "/docs/"}, "https://www.shop.test/docs?x", "https://www.shop.test/docs/?x"},
		{"query dropped", cdn.Redirect{Path: "/a", To: "/b", DropQuery: true}, "https://www.shop.test/a?x", "https://www.shop.test/b"},
		{"query joined", cdn.Redirect{Path: "/a", To: "/b?from=a"}, "https://www.shop.test/a?x", "https://www.shop.test/b?from=a&x"},
		{"host capture", cdn.Redirect{Host: "*.img.shop.test", Path: "/*", To: "https://www.shop.test/img/$1/$2"}, "https://a.img.shop.test/x.png", "https://www.shop.test/img/a/x.png"},
		{"dollar", cdn.Redirect{Path: "/a", To: "/$$1"}, "https://www.shop.test/a", "https://www.shop.test/$1"},
		{"encoded spelling", cdn.Redirect{Path: "/old", To: "/new"}, "https://www.shop.test/%6fld", "https://www.shop.test/new"},
		{"no way out of the host", cdn.Redirect{Path: "/go/*", To: "$1"}, "https://www.shop.test/go///evil.test", "https://www.shop.test//evil.test"},
		{"nor by a name", cdn.Redirect{Path: "/go/*", To: "$1"}, "https://www.shop.test/go/@evil.test", "https://www.shop.test/@evil.test"},
	} {
		tt.rule.Status = 302
		r, err := NewRedirect(tt.rule)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got, ok := Redirects{r}.Find(place(tt.url), ourHost)
		if got.To != tt.want || ok != (tt.want != "") || got.Loop != "" {
			t.Errorf("%s: %s leads to %q %s, want %q", tt.name, tt.url, got.To, got.Loop, tt.want)
		}
	}
}

func TestRedirectLoops(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rules []cdn.Redirect
		url   string
		want  string // in the reason; "" where there is no loop
	}{
		{"itself", []cdn.Redirect{{Path: "/a", To: "/a"}}, "https://shop.test/a", "leads back to https://shop.test/a"},
		{"itself by its default port", []cdn.Redirect{{To: "https://$host$path"}}, "https://shop.test:443/a", "leads back"},
		{"two", []cdn.Redirect{{Path: "/a", To: "/b"}, {Path: "/b", To: "/a"}}, "https://shop.test/a", "leads back to https://shop.test/a"},
		{"two, from outside", []cdn.Redirect{{Path: "/c", To: "/a"}, {Path: "/a", To: "/b"}, {Path: "/b", To: "/a"}}, "https://shop.test/c", "leads back to https://shop.test/a"},
		{"hosts", []cdn.Redirect{{Host: "shop.test", To: "https://www.shop.test$path"}, {Host: "www.shop.test", To: "https://shop.test$path"}}, "https://shop.test/", "leads back"},
		{"growth", []cdn.Redirect{{Path: "/a/*", To: "/a/b/$1"}}, "https://shop.test/a/x", "more than 8"},
		{"growing query", []cdn.Redirect{{Path: "/a", To: "/a?x=1"}}, "https://shop.test/a", "more than 8"},
		{"chain", []cdn.Redirect{{Scheme: "http", To: "https://$host$path"}, {Host: "shop.test", To: "https://www.shop.test$path"}}, "http://shop.test/", ""},
		{"elsewhere", []cdn.Redirect{{To: "https://other.test$path"}}, "https://shop.test/", ""},
		{"root without slash", []cdn.Redirect{{Path: "*/", To: "$1"}}, "https://shop.test/", "leads back"},
	} {
		var rs Redirects
		for _, in := range tt.rules {
			in.Status = 301
			r, err := NewRedirect(in)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			rs = append(rs, r)
		}
		got, ok := rs.Find(place(tt.url), ourHost)
		if !ok || (got.Loop == "") != (tt.want == "") || !strings.Contains(got.Loop, tt.want) {
			t.Errorf("%s: %+v, want a loop that says %q", tt.name, got, tt.want)
		}
	}
}

// TestRedirectEncodes: a Location is a URL, whatever the request's was.
func TestRedirectEncodes(t *testing.T) {
	for _, tt := range []struct{ to, target, want string }{
		{"https://$host$path", `/a"b?q="><script>`, "https://shop.test/a%22b?q=%22%3E%3Cscript%3E"},
		{"/new/$1", "/<x>", "https://shop.test/new/%3Cx%3E"},
		{"/new/$1", "/a|b^c`{}\\[]?a[]=1", "https://shop.test/new/a%7Cb%5Ec%60%7B%7D%5C%5B%5D?a%5B%5D=1"},
		{"/new/$1", "/50%?q=%zz%41%4", "https://shop.test/new/50%25?q=%25zz%41%254"},
		{"/new/$1", "/\xff", "https://shop.test/new/%FF"},
		{"/new/$1", "/a%20b;c=d,e:@!$&'()*+?x=/?~-._", "https://shop.test/new/a%20b;c=d,e:@!$&'()*+?x=/?~-._"},
	} {
		r, err := NewRedirect(cdn.Redirect{Path: "/*", To: tt.to, Status: 302})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := (Redirects{r}).Find(Place{Scheme: "https", Authority: "shop.test", Host: "shop.test", Target: tt.target, Path: strings.SplitN(tt.target, "?", 2)[0]}, ourHost); got.To != tt.want {
			t.Errorf("%s: %s → %s, want %s", tt.to, tt.target, got.To, tt.want)
		}
	}
	loop := Redirects{must(t, cdn.Redirect{To: "https://$host$path", Status: 302})}
	if got, _ := loop.Find(place(`https://shop.test/?q="`), ourHost); !strings.Contains(got.Loop, "leads back") {
		t.Errorf("a circle with a quote: %+v", got)
	}
}

func must(t *testing.T, in cdn.Redirect) *Redirect {
	t.Helper()
	r, err := NewRedirect(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRedirectRefused(t *testing.T) {
	for _, tt := range []struct {
		rule cdn.Redirect
		want string
	}{
		{cdn.Redirect{To: "new"}, "write an absolute URL"},
		{cdn.Redirect{To: "ftp://x/"}, "write an absolute URL"},
		{cdn.Redirect{To: "/a#b"}, "fragment"},
		{cdn.Redirect{To: "/a b"}, "percent-encoded"},
		{cdn.Redirect{To: "/a\r\nSet-Cookie: x"}, "percent-encoded"},
		{cdn.Redirect{To: "/$x"}, "after $ comes"},
		{cdn.Redirect{Path: "/*", To: "/$2"}, "no star number 2"},
		{cdn.Redirect{Path: "/*", To: "https://$1/"}, "must not come from the path"},
		{cdn.Redirect{Path: "/a*", To: "https://shop.test$1"}, "must not come from the path"},
		{cdn.Redirect{To: "https:///x"}, "names no host"},
		{cdn.Redirect{To: "https://$path"}, "names no host"},
		{cdn.Redirect{To: "https://"}, "names no host"},
		{cdn.Redirect{Scheme: "ws", To: "/"}, "http or https"},
		{cdn.Redirect{Host: "https://a", To: "/"}, "without scheme"},
		{cdn.Redirect{Path: "a", To: "/"}, "begins with /"},
		{cdn.Redirect{To: "/", Status: 303}, "301, 302, 307 or 308"},
	} {
		if tt.rule.Status == 0 {
			tt.rule.Status = 302
		}
		if _, err := NewRedirect(tt.rule); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.rule, err, tt.want)
		}
	}
}

// FuzzRedirect: whatever a request says, the host stays one that the rule or
// the request's own host names, and the result is a URL.
func FuzzRedirect(f *testing.F) {
	f.Add("/old/*", "/new/$1", "/old/x?y")
	f.Add("/*", "https://other.test/$1", "//evil.test")
	f.Add("*", "$1", "/@evil.test")
	f.Fuzz(func(t *testing.T, path, to, target string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' }) {
			return
		}
		r, err := NewRedirect(cdn.Redirect{Path: path, To: to, Status: 302})
		if err != nil {
			return
		}
		turn, ok := Redirects{r}.Find(place("https://shop.test"+target), ourHost)
		if !ok {
			return
		}
		_, rest, _ := strings.Cut(turn.To, "://")
		host, _, slash := strings.Cut(rest, "/")
		named := host == "shop.test"
		if r.elsewhere {
			_, want, _ := strings.Cut(strings.ReplaceAll(strings.ReplaceAll(to, "$host", "shop.test"), "$path", "/"), "://")
			if i := strings.IndexAny(want, "/?"); i >= 0 {
				want = want[:i]
			}
			named = host == strings.ReplaceAll(want, "$$", "$")
		}
		if !slash || !named || strings.ContainsAny(turn.To, " \r\n#\"<>\\^`{|}") {
			t.Errorf("%s → %s sends %s to %s", path, to, target, turn.To)
		}
	})
}
