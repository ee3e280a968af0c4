package node

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"waypost/cdn"
)

// ruled parses a configuration whose one site has these rules, from line 6 on.
func ruled(rules string) (*cdn.Rules, error) {
	c, err := Parse("f.yaml", []byte(`edge: {http: ["127.0.0.1:80"]}
sites:
  - name: shop
    hosts: [www.shop.test, static.shop.test]
    origin: {urls: ["http://127.0.0.1:1"]}
`+rules), readExample)
	if err != nil {
		return nil, err
	}
	return &c.Edge.Sites[0].Rules, nil
}

func TestParseRules(t *testing.T) {
	got, err := ruled(`    redirects:
      - {scheme: http, to: "https://$host$path", status: 308}
      - {path: "/old/*", to: "/new/$1", query: false}
    hsts: {max_age: 8760h, subdomains: true}
    cors:
      - {path: /api/*, origins: ["https://*.app.test"], methods: [PUT], headers: [Content-Type], expose: [X-Total], credentials: true, max_age: 10m}
    compress: {codings: [br, gzip], types: ["text/*"], minimum: 2KiB}
    headers:
      - {to: origin, set: X-Api-Key, value: k}
      - {to: client, path: "/a*", remove: Server}
    cookieless: [Static.shop.test]
    limits:
      - {name: api, path: "/api/*", rate: 30/m, burst: 5, concurrent: 2, prefix4: 24, prefix6: 56, tell: true}
    access: {realm: Members, users_file: users, keys: [{id: 2026a, secret_file: 2026a.key}]}
    key: {ignore: [utm_*], sort: true, cookies: [{name: currency, values: [eur]}], headers: [{name: X-Country, values: [de, fr]}], device: true, codings: [br], languages: [en, de]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if r := got.Redirects; len(r) != 2 || r[0] != (cdn.Redirect{Scheme: "http", To: "https://$host$path", Status: 308}) ||
		r[1] != (cdn.Redirect{Path: "/old/*", To: "/new/$1", Status: 302, DropQuery: true}) {
		t.Errorf("redirects %+v", r)
	}
	if c := got.CORS; len(c) != 1 || c[0].Path != "/api/*" || c[0].Origins[0] != "https://*.app.test" || c[0].Methods[0] != "PUT" ||
		c[0].Headers[0] != "Content-Type" || c[0].Expose[0] != "X-Total" || !c[0].Credentials || c[0].MaxAge.Minutes() != 10 {
		t.Errorf("cors %+v", c)
	}
	if c := got.Compress; len(c.Codings) != 2 || c.Types[0] != "text/*" || c.Minimum != 2048 {
		t.Errorf("compress %+v", c)
	}
	if h := got.Headers; len(h) != 2 || h[0] != (cdn.Header{ToOrigin: true, Name: "X-Api-Key", Value: "k"}) ||
		h[1] != (cdn.Header{Path: "/a*", Action: cdn.Remove, Name: "Server"}) || got.Cookieless[0] != "static.shop.test" {
		t.Errorf("headers %+v, cookieless %q", h, got.Cookieless)
	}
	if k := got.Key; k.Ignore[0] != "utm_*" || !k.Sort || k.Cookies[0].Values[0] != "eur" || k.Headers[0].Name != "X-Country" || !k.Device || k.Codings[0] != "br" || k.Languages[1] != "de" {
		t.Errorf("key %+v", k)
	}
	if l := got.Limits; len(l) != 1 || l[0] != (cdn.Limit{Name: "api", Path: "/api/*", Rate: 0.5, Burst: 5, Concurrent: 2, Prefix4: 24, Prefix6: 56, Tell: true}) {
		t.Errorf("limits %+v", l)
	}
	if a := got.Access; a.Realm != "Members" || len(a.Users) != 1 || a.Users[0].Name != "anna" || len(a.Keys) != 1 || len(a.Keys[0].Secret) != 32 {
		t.Errorf("access %+v", a)
	}
	if h := got.HSTS; h.MaxAge.Hours() != 8760 || !h.Subdomains || h.Preload {
		t.Errorf("hsts %+v", h)
	}
}

// TestParseRulesProblems: what is wrong with a rule is told with its place.
func TestParseRulesProblems(t *testing.T) {
	for _, tt := range []struct{ rules, want string }{
		{`    redirects: [{path: old, to: /new}]`, `f.yaml:6:24: sites[0].redirects[0].path: "old": a path begins with /`},
		{`    redirects: [{path: /old}]`, `sites[0].redirects[0].to: is missing: say where it leads`},
		{`    redirects: [{to: "/$1"}]`, `sites[0].redirects[0]: to "/$1": there is no star number 1 in host and path`},
		{`    redirects: [{to: /a, status: 303}]`, `sites[0].redirects[0]: status 303: write 301, 302, 307 or 308`},
		{`    redirects: [{to: /a, scheme: ftp}]`, `sites[0].redirects[0].scheme: "ftp": write http or https`},
		{`    redirects: [{to: /a, host: "a:80"}]`, `sites[0].redirects[0].host: "a:80": write a host such as shop.test`},
		{`    redirects: [{to: /a, form: /b}]`, `sites[0].redirects[0].form: unknown key`},
		{`    cors: [{path: /a}]`, `sites[0].cors[0].origins: is missing: name the origins`},
		{`    cors: [{origins: ["*"], credentials: true}]`, `f.yaml:6:12: sites[0].cors[0]: credentials for any origin`},
		{`    cors: [{origins: [app.test]}]`, `sites[0].cors[0]: origin "app.test": write scheme and host such as https://app.test`},
		{`    compress: {minimum: 1KiB}`, `sites[0].compress.codings: is missing`},
		{`    compress: {codings: [deflate]}`, `f.yaml:6:15: sites[0].compress: coding "deflate": there are br, zstd, gzip`},
		{`    headers: [{set: A, value: b}]`, `sites[0].headers[0].to: is missing`},
		{`    headers: [{to: client}]`, `sites[0].headers[0]: does nothing or too much`},
		{`    headers: [{to: client, set: A, remove: B}]`, `sites[0].headers[0]: does nothing or too much`},
		{`    headers: [{to: client, remove: Age}]`, `sites[0].headers[0]: Age belongs to the connection`},
		{`    cookieless: [other.test]`, `f.yaml:6:5: sites[0].cookieless: "other.test": is no host of the site`},
		{`    user_content: {hosts: [other.test]}`, `sites[0].user_content.hosts: "other.test": is no host of the site`},
		{`    user_content: {embedder: x}`, `sites[0].user_content.hosts: is missing`},
		{`    user_content: {hosts: [static.shop.test], embedder: x}`, `"x": write cross-origin, same-site or same-origin`},
		{`  - {name: u, hosts: [shop.test], origin: {urls: ["http://127.0.0.1:1"]}, user_content: {hosts: [shop.test]}}`,
			`f.yaml:6:75: sites[1].user_content: "shop.test" is above "www.shop.test" of the site "shop": a page there could set`},
		{`    key: {ignore: [a], only: [b]}`, `f.yaml:6:10: sites[0].key: give either the parameters to ignore`},
		{`    key: {cookies: [{name: a}]}`, `sites[0].key.cookies[0].values: is missing: list the values`},
		{`    limits: [{rate: 5/s}]`, `sites[0].limits[0].name: is missing`},
		{`    limits: [{name: a, rate: 5}]`, `f.yaml:6:30: sites[0].limits[0].rate: "5": write a rate above zero such as 10/s`},
		{`    limits: [{name: a, rate: -1/s}]`, `write a rate above zero`},
		{`    limits: [{name: a, rate: Inf/s}]`, `write a rate above zero`},
		{`    limits: [{name: a}]`, `sites[0].limits[0]: it bounds nothing`},
		{`    limits: [{name: a, rate: 5/s}, {name: a, rate: 6/s}]`, `sites[0].limits[1].name: there is a limit "a" already`},
		{`    access: {}`, `f.yaml:6:13: sites[0].access: nothing opens the site`},
		{`    access: {users_file: none}`, `sites[0].access.users_file: open none`},
		{`    access: {users_file: odd}`, `sites[0].access.users_file: odd:1: write name:hash`},
		{`    access: {users_file: plain}`, `sites[0].access: user "anna": no bcrypt hash, as htpasswd -nB makes it`},
		{`    access: {keys: [{id: a}]}`, `sites[0].access.keys[0].secret_file: is missing`},
		{`    access: {keys: [{id: a, secret_file: short.key}]}`, `sites[0].access: the secret of key "a" has 5 bytes, at least 32 are wanted`},
		{`    hsts: {subdomains: true}`, `sites[0].hsts.max_age: is missing`},
		{`    hsts: {max_age: 1h, preload: true}`, `sites[0].hsts.preload: browsers preload only`},
	} {
		_, err := ruled(tt.rules)
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\n got %v\nwant %s", tt.rules, err, tt.want)
		}
	}
}

// TestRulesExamples: what docs/RULES.md shows can be used as it stands.
func TestRulesExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "RULES.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) == 0 {
		t.Fatal("docs/RULES.md shows no configuration")
	}
	for _, e := range examples {
		if _, err := Parse("RULES.md", e[1], readExample); err != nil {
			t.Errorf("%v\n%s", err, e[1])
		}
	}
}

// readExample is a disk with the files that the examples name.
func readExample(name string) ([]byte, error) {
	switch name {
	case "users":
		return []byte("# made by htpasswd -nB\nanna:$2y$04$n4KTpb2HUjKfFFMwnzO9COLhxSkLCUFQqTAyqFOtBgW7/h.qmLwfm\n"), nil
	case "2026a.key", "2025b.key":
		return []byte(" 0123456789abcdef0123456789abcdef\n"), nil
	case "short.key":
		return []byte("short"), nil
	case "plain":
		return []byte("anna:s3cret\n"), nil
	case "odd":
		return []byte("anna\n"), nil
	}
	return readNothing(name)
}

// TestUserContentBelow: a host below the site's is worth a warning.
func TestUserContentBelow(t *testing.T) {
	c, err := Parse("f.yaml", []byte(`edge: {http: ["127.0.0.1:80"]}
sites:
  - {name: a, hosts: [shop.test, u.shop.test], origin: {urls: ["http://127.0.0.1:1"]}, user_content: {hosts: [u.shop.test]}}
`), readNothing)
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Error(), "f.yaml:3:88: sites[0].user_content: u.shop.test: a page there can set cookies") {
		t.Errorf("%v, %v", c, err)
	}
}
