package browser

import (
	"slices"
	"strings"
	"testing"
)

func refStrings(refs []reference) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.as+" "+r.url)
	}
	return out
}

func TestScanSheet(t *testing.T) {
	tests := []struct{ name, css, want string }{
		{"nothing", "", ""},
		{"import, string", `@import "a.css";`, "stylesheet a.css"},
		{"import, url", `@import url(a.css) layer(x) supports(display: grid) screen;`, "stylesheet a.css"},
		{"import, quoted url", `@import url("a.css" );`, "stylesheet a.css"},
		{"import after charset, layer and a comment", `@charset "utf-8"; @layer a, b; /* @import "no.css"; */ @import 'a.css';`, "stylesheet a.css"},
		{"import after a rule is none", `p { } @import "a.css";`, ""},
		{"import after @media is none", `@media print { } @import "a.css";`, ""},
		{"import inside a block is none", `@media print { @import "a.css"; }`, ""},
		{"two imports", `@import "a.css"; @import "b.css";`, "stylesheet a.css|stylesheet b.css"},
		{"background", `body { background: #fff url( img/a.png ) no-repeat }`, "image img/a.png"},
		{"several, with escapes", `a{background-image:url(a\29 .png),url('b\'c.png')}`, "image a).png|image b'c.png"},
		{"upper case", `A{BACKGROUND:URL(a.png)}`, "image a.png"},
		{"in a comment", `a{/* url(no.png) */ color: red}`, ""},
		{"in a string", `a::before{content:"url(no.png)"}`, ""},
		{"fragment only", `a{filter:url(#blur)}`, ""},
		{"namespace", `@namespace svg url(http://www.w3.org/2000/svg); a{background:url(a.png)}`, "image a.png"},
		{"custom property", `:root{--hero:url(no.png)} a{background:url(a.png)}`, "image a.png"},
		{"bad url", `a{background:url(a b.png)} b{background:url(c.png)}`, "image c.png"},
		{"bad string", "a{content:\"x\n} b{background:url(c.png)}", "image c.png"},
		{"font: the first known format", `@font-face{font-family:x;src:url(a.eot) format("embedded-opentype"),url(a.woff2) format("woff2"),url(a.woff) format("woff")}`, "font a.woff2"},
		{"font: without format", `@font-face { src: local("X"), url(a.ttf); }`, "font a.ttf"},
		{"font: format as keyword is taken", `@font-face{src:url(a.woff2) format(woff2)}`, "font a.woff2"},
		{"font: two faces", `@font-face{src:url(a.woff2)}@font-face{src:url(b.woff2)}`, "font a.woff2|font b.woff2"},
		{"font in media", `@media screen { @font-face { src: url(a.woff2) } p { background: url(p.png) } }`, "font a.woff2|image p.png"},
		{"image-set picks one", `a{background:image-set("a.png" 1x, "b.png" 2x)}`, "image a.png"},
		{"image-set with url", `a{background:image-set(url(a.png) 1x, url(b.png) 2x), url(c.png)}`, "image a.png|image c.png"},
		{"nested rules", `.a { color: red; &:hover { background: url(h.png) } }`, "image h.png"},
		{"unclosed everything", `a{background:url(a.png`, "image a.png"},
		{"unclosed comment", `a{background:url(a.png)} /* url(b.png)`, "image a.png"},
		{"data stays data", `a{background:url(data:image/gif;base64,R0lGOD==)}`, "image data:image/gif;base64,R0lGOD=="},
		{"CDO and CDC", `<!-- a{background:url(a.png)} -->`, "image a.png"},
	}
	for _, tt := range tests {
		if got := strings.Join(refStrings(scanSheet(tt.css)), "|"); got != tt.want {
			t.Errorf("%s: %q gives %q, want %q", tt.name, tt.css, got, tt.want)
		}
	}
}

func TestScanDeclarations(t *testing.T) {
	refs := scanDeclarations(`color: red; background-image: url("a.png")`)
	want := []reference{{"a.png", "image", "style attribute"}}
	if !slices.Equal(refs, want) {
		t.Errorf("got %v, want %v", refs, want)
	}
}

func TestScanSheetBounded(t *testing.T) {
	css := strings.Repeat("a{background:url(a.png)}", 10*maxSheetRefs)
	if got := len(scanSheet(css)); got != maxSheetRefs {
		t.Errorf("%d references, want %d", got, maxSheetRefs)
	}
}

func FuzzScanSheet(f *testing.F) {
	for _, s := range []string{
		`@import "a.css"; a{background:url(b.png)}`, `@font-face{src:url(a) format("woff2")}`,
		"a{b:url(", `\`, `@\69mport "x"`, "/*", `"\`, "a{b:image-set(((('x'", "}}}}{{{{;;,,",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, css string) {
		for _, r := range scanSheet(css) {
			if r.url == "" || r.as == "" || r.from == "" {
				t.Fatalf("empty reference %+v in %q", r, css)
			}
		}
		scanDeclarations(css)
	})
}
