package browser

import (
	"slices"
	"strings"
	"testing"
)

func TestDiscover(t *testing.T) {
	tests := []struct {
		name, html string
		want       []string // as|how|path|from
	}{
		{"nothing", "", nil},
		{"stylesheet", `<link rel="stylesheet" href="a.css">`, []string{"stylesheet||/d/a.css|link stylesheet"}},
		{"stylesheet of another type, disabled, or without href", `<link rel=stylesheet type=text/less href=a><link rel=stylesheet disabled href=b><link rel=stylesheet>`, nil},
		{"alternate stylesheet", `<link rel="alternate StyleSheet" href=a.css>`, []string{"stylesheet|alternate|/d/a.css|link stylesheet"}},
		{"icon", `<link rel="shortcut icon" href=/i.png>`, []string{"icon||/i.png|link icon"}},
		{"preloads", `<link rel=preload as=font href=f.woff2 crossorigin><link rel=preload as=style href=s.css><link rel=preload as=image href=x.png imagesrcset="y.png 1x"><link rel=preload href=none><link rel=modulepreload href=m.js>`,
			[]string{"font|preload|/d/f.woff2|link preload", "stylesheet|preload|/d/s.css|link preload", "image|preload|/d/y.png|link preload", "script|preload|/d/m.js|link modulepreload"}},
		{"links that load nothing", `<link rel=canonical href=a><link rel=next href=b><link rel=preconnect href=//c.test><a href=d>`, nil},
		{"scripts", `<script src=a.js></script><script src=b.js async></script><script src=c.js defer></script><script src=d.js type=module></script><script src=e.js async defer></script>`,
			[]string{"script|sync|/d/a.js|script", "script|async|/d/b.js|script", "script|defer|/d/c.js|script", "script|module|/d/d.js|script", "script|async|/d/e.js|script"}},
		{"scripts that do not run", `<script src=a.js nomodule></script><script src=b.tmpl type=text/template></script><script type=importmap src=c.json></script><script>"src=d.js"</script>`, nil},
		{"inline module", `<script type=module>import "./a.js"; import "bare"; import b from "https://cdn.test/b.js"</script>`,
			[]string{"script|module|/d/a.js|inline module", "script|module|https://cdn.test/b.js|inline module"}},
		{"markup in a script is text", `<script>document.write("<img src=no.png>")</script><img src=a.png>`, []string{"image||/d/a.png|img"}},
		{"comments", `<!-- <img src=no.png> --><img src=a.png>`, []string{"image||/d/a.png|img"}},
		{"noscript is text where scripts run", `<noscript><img src=no.png></noscript>`, nil},
		{"template is inert", `<template><img src=no.png><template><img src=no2.png></template><style>@import "no.css"</style></template><img src=a.png>`, []string{"image||/d/a.png|img"}},
		{"images", `<img src=a.png><img src=b.png loading=lazy><img srcset="c1.png 1x, c2.png 2x" src=c.png><img><input type=image src=d.png><video poster=e.png src=v.mp4></video>`,
			[]string{"image||/d/a.png|img", "image|lazy|/d/b.png|img", "image||/d/c1.png|img srcset", "image||/d/d.png|input", "image||/d/e.png|video poster"}},
		{"picture", `<picture><source type=image/avif srcset=a.avif><source media="(max-width: 100px)" srcset=b.png><source srcset="c.webp 1x" type=image/webp><source srcset=d.png><img src=e.png></picture><img src=f.png>`,
			[]string{"image||/d/c.webp|picture source", "image||/d/f.png|img"}},
		{"picture without a fitting source", `<picture><source type=image/avif srcset=a.avif><img src=e.png></picture>`, []string{"image||/d/e.png|img"}},
		{"style element and attribute", `<style>@import "a.css"; b { background: url(b.png) }</style><p style="background-image:url('c.png')">`,
			[]string{"stylesheet||/d/a.css|@import", "image||/d/b.png|url() in background", "image||/d/c.png|style attribute"}},
		{"svg image", `<svg><image href=a.png /><image xlink:href=b.png></svg>`, []string{"image||/d/a.png|svg image", "image||/d/b.png|svg image"}},
		{"not over HTTP", `<img src="data:image/gif;base64,R0"><img src="blob:x"><script src="javascript:1"></script><img src="http://[bad">`, nil},
		{"base", `<base href=/other/><img src=a.png><base href=/third/><img src=b.png>`, []string{"image||/other/a.png|img", "image||/other/b.png|img"}},
		{"base to another origin", `<base href=https://cdn.test/x/y><img src=a.png>`, []string{"image||https://cdn.test/x/a.png|img"}},
		{"the first of two attributes", `<img src=a.png src=b.png>`, []string{"image||/d/a.png|img"}},
		{"entities", `<img src="a.png?x=1&amp;y=2">`, []string{"image||/d/a.png?x=1&y=2|img"}},
	}
	for _, tt := range tests {
		doc := discover([]byte(tt.html), "text/html; charset=utf-8", mustURL(t, "https://www.shop.test/d/page"))
		var got []string
		for _, w := range doc.wants {
			got = append(got, strings.Join([]string{w.as, w.how, strings.TrimPrefix(w.url.String(), "https://www.shop.test"), w.from}, "|"))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestDiscoverFrames(t *testing.T) {
	doc := discover([]byte(`<iframe src=a></iframe><iframe srcdoc="<img src=no>"></iframe><iframe src=about:blank></iframe>`), "text/html", mustURL(t, "https://www.shop.test/"))
	if len(doc.frames) != 1 || doc.frames[0].how != "not loaded" || len(doc.wants) != 0 {
		t.Errorf("%+v, %+v", doc.frames, doc.wants)
	}
}

func TestDiscoverTitle(t *testing.T) {
	tests := []struct{ name, contentType, html, want string }{
		{"spaces", "text/html", "<title>\n  A   &amp;\tB </title>", "A & B"},
		{"the first one", "text/html", "<title>A</title><svg><title>B</title></svg>", "A"},
		{"markup is text", "text/html", "<title><b>A</b></title>", "<b>A</b>"},
		{"by header", "text/html; charset=iso-8859-1", "<title>\xe9t\xe9</title>", "été"},
		{"by meta", "text/html", "<meta charset=windows-1251><title>\xcc\xee</title>", "Мо"},
		{"by byte order mark", "text/html", "\xef\xbb\xbf<title>été</title>", "été"},
	}
	for _, tt := range tests {
		if got := discover([]byte(tt.html), tt.contentType, mustURL(t, "https://www.shop.test/")).title; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzDiscover(f *testing.F) {
	f.Add(`<base href=/x><link rel=stylesheet href=a><picture><source srcset="a 1x"><img src=b></picture>`)
	f.Add(`<script type=module>import "./a"</script><style>a{b:url(c)}</style><template><p style="x:url(y)">`)
	at := mustURL(f, "https://www.shop.test/")
	f.Fuzz(func(t *testing.T, text string) {
		for _, w := range discover([]byte(text), "text/html", at).wants {
			if w.url == nil || !isHTTP(w.url) || w.as == "" || w.from == "" {
				t.Fatalf("%+v from %q", w, text)
			}
		}
	})
}
