package rules

import (
	"strings"
	"testing"

	"waypost/cdn"
)

func TestHeaders(t *testing.T) {
	var hs Headers
	for _, in := range []cdn.Header{
		{Action: cdn.Remove, Name: "server"},
		{Action: cdn.Set, Name: "X-Frame-Options", Value: "DENY"},
		{Path: "/api/*", Action: cdn.Add, Name: "Vary", Value: "X-Api"},
		{Path: "*.woff2", Action: cdn.Set, Name: "Cache-Control", Value: "max-age=31536000, immutable"},
	} {
		h, err := NewHeader(in)
		if err != nil {
			t.Fatal(err)
		}
		hs = append(hs, h)
	}
	for _, tt := range []struct{ path, in, want, changes string }{
		{"/", "Server: x|A: b|SERVER: y", "A: b|X-Frame-Options: DENY", "remove server|set X-Frame-Options"},
		{"/api/x", "Vary: A|x-frame-options: 1|X-Frame-Options: 2", "Vary: A|x-frame-options: DENY|Vary: X-Api", "remove server|set X-Frame-Options|add Vary"},
		{"/f/a.woff2", "", "X-Frame-Options: DENY|Cache-Control: max-age=31536000, immutable", "remove server|set X-Frame-Options|set Cache-Control"},
	} {
		f := fields(tt.in)
		hs.Apply(&f, tt.path)
		if got, changes := show(f), strings.Join(hs.Changes(tt.path), "|"); got != tt.want || changes != tt.changes {
			t.Errorf("%s: %s (%s), want %s (%s)", tt.path, got, changes, tt.want, tt.changes)
		}
	}
}

func TestHeaderRefused(t *testing.T) {
	for _, tt := range []struct {
		rule cdn.Header
		want string
	}{
		{cdn.Header{Name: "X Y"}, "no name of a field"},
		{cdn.Header{Name: "content-length", Value: "5"}, "cannot be changed"},
		{cdn.Header{Name: "Cache-Status", Action: cdn.Remove}, "cannot be changed"},
		{cdn.Header{Name: "Accept-Encoding", ToOrigin: true, Action: cdn.Remove}, "cannot be changed"},
		{cdn.Header{Name: "Vary", Action: cdn.Remove}, "only be added to"},
		{cdn.Header{Name: "A", Action: cdn.Remove, Value: "x"}, "leave the value out"},
		{cdn.Header{Name: "A", Value: "x\r\nSet-Cookie: y"}, "control characters"},
		{cdn.Header{Name: "A", Value: " x"}, "spaces at its ends"},
		{cdn.Header{Name: "A", Path: "x"}, "begins with /"},
	} {
		if _, err := NewHeader(tt.rule); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.rule, err, tt.want)
		}
	}
}

func TestUserContent(t *testing.T) {
	site := &cdn.Site{Hosts: []string{"u.test"}, Rules: cdn.Rules{UserContent: cdn.UserContent{Hosts: []string{"u.test"}}}}
	s, err := Compile(site, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ in, disposition, media string }{
		{"Content-Type: image/png", "", "image/png"},
		{"Content-Type: image/svg+xml", "attachment", "image/svg+xml"},
		{"Content-Type: Text/HTML; charset=utf-8", "attachment", "Text/HTML; charset=utf-8"},
		{"Content-Type: text/plain; charset=utf-8", "", "text/plain; charset=utf-8"},
		{"Content-Type: text/xml", "attachment", "text/xml"},
		{"Content-Type: application/pdf", "attachment", "application/pdf"},
		{"Content-Type: application/javascript", "attachment", "application/javascript"},
		{"Content-Type: video/mp4", "", "video/mp4"},
		{"Content-Type: image", "attachment", "application/octet-stream"},
		{"Content-Type: image/png|Content-Type: text/html", "attachment", "application/octet-stream"},
		{"Content-Type: image/png,text/html", "attachment", "application/octet-stream"},
		{"Content-Type: image/png;a=b , text/html", "attachment", "application/octet-stream"},
		{`Content-Type: image/png; a="b,text/html;c="`, "attachment", "application/octet-stream"},
		{`Content-Type: image/png; a="b`, "attachment", "application/octet-stream"},
		{"Content-Type: image/png; a", "attachment", "application/octet-stream"},
		{"Content-Type: image/png text/html", "attachment", "application/octet-stream"},
		{"Content-Type: image/<script>", "attachment", "application/octet-stream"},
		{"Content-Type: image/png/html", "attachment", "application/octet-stream"},
		{`Content-Type: image/png ; a="\"b" ;c=d;`, "", `image/png ; a="\"b" ;c=d;`},
		{"Content-Type: text/html|Content-Disposition: attachment|Content-Disposition: inline", "attachment", "text/html"},
		{"Content-Type: text/html|Content-Disposition: attachment, inline; filename=a", "attachment; filename=a", "text/html"},
		{"X: y", "attachment", "application/octet-stream"},
		{`Content-Type: text/html|Content-Disposition: inline; filename="a.html"`, `attachment; filename="a.html"`, "text/html"},
		{`Content-Type: text/html|Content-Disposition: Attachment; filename="a.html"`, `Attachment; filename="a.html"`, "text/html"},
	} {
		f := fields(tt.in)
		s.UserContent.Decorate(&f, true)
		if f.Join("Content-Disposition") != tt.disposition || f.Join("Content-Type") != tt.media ||
			f.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(f.Get("Content-Security-Policy"), "sandbox;") ||
			f.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("%s: %s", tt.in, show(f))
		}
	}
	bare := fields("ETag: x")
	s.UserContent.Decorate(&bare, false)
	if bare.Has("Content-Type") || bare.Has("Content-Disposition") || bare.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a 304: %s", show(bare))
	}
}

func TestClashes(t *testing.T) {
	site := func(name, hosts, user string) cdn.Site {
		return cdn.Site{Name: name, Hosts: strings.Fields(hosts), Rules: cdn.Rules{UserContent: cdn.UserContent{Hosts: strings.Fields(user)}}}
	}
	for _, tt := range []struct {
		name  string
		sites []cdn.Site
		want  string
	}{
		{"apart", []cdn.Site{site("shop", "www.shop.test shopusers.test", "shopusers.test")}, ""},
		{"below", []cdn.Site{site("shop", "shop.test u.shop.test", "u.shop.test")}, ""},
		{"every user a host", []cdn.Site{site("shop", "www.shop.test *.shopusers.test", "*.shopusers.test")}, ""},
		{"parent", []cdn.Site{site("shop", "www.shop.test shop.test", "shop.test")}, `"shop.test" is above "www.shop.test"`},
		{"parent in another site", []cdn.Site{site("shop", "www.shop.test", ""), site("u", "shop.test", "shop.test")}, `"shop.test" is above "www.shop.test" of the site "shop"`},
		{"same", []cdn.Site{site("shop", "shop.test", ""), site("u", "*.shop.test", "*.shop.test")}, `"*.shop.test" is the host of the site "shop" itself`},
		{"all", []cdn.Site{site("shop", "shop.test", ""), site("u", "*", "*")}, `"*" is above "shop.test"`},
		{"a name that only ends alike", []cdn.Site{site("shop", "myshop.test", ""), site("u", "shop.test", "shop.test")}, ""},
	} {
		found := Clashes(tt.sites)
		if tt.want == "" && len(found) > 0 || tt.want != "" && (len(found) == 0 || !strings.Contains(found[0].Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, found, tt.want)
		}
	}
}

func TestHostsMustBeTheSites(t *testing.T) {
	for _, tt := range []struct {
		hosts, cookieless string
		ok                bool
	}{
		{"www.shop.test static.shop.test", "static.shop.test", true},
		{"*.shop.test", "static.shop.test", true},
		{"*.shop.test", "*.shop.test", true},
		{"*.shop.test", "*.img.shop.test", false},
		{"www.shop.test", "static.shop.test", false},
	} {
		_, err := Compile(&cdn.Site{Hosts: strings.Fields(tt.hosts), Rules: cdn.Rules{Cookieless: []string{tt.cookieless}}}, nil)
		if (err == nil) != tt.ok {
			t.Errorf("%s without cookies on a site of %s: %v", tt.cookieless, tt.hosts, err)
		}
	}
}

func FuzzUserContent(f *testing.F) {
	f.Add("text/html")
	f.Add("image/svg+xml;x")
	f.Add("image/png;a=\"\\\"\",text/html")
	u := &UserContent{embedder: "same-site"}
	f.Fuzz(func(t *testing.T, media string) {
		out := fields("Content-Type: " + media)
		u.Decorate(&out, true)
		lower := strings.ToLower(media)
		if strings.Contains(out.Join("Content-Type"), ",") {
			t.Errorf("%q goes out as a list: %s", media, out.Join("Content-Type"))
		}
		for _, active := range []string{"html", "xml", "script", "pdf"} {
			if strings.Contains(strings.SplitN(lower, ";", 2)[0], active) && !out.Has("Content-Disposition") && strings.HasSuffix(strings.TrimSpace(strings.SplitN(lower, ";", 2)[0]), active) {
				t.Errorf("%q is shown", media)
			}
		}
	})
}
