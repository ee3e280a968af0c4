package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"waypost/demo/site/internal/catalogue"
)

// fingerprintLen is how many hexadecimal digits of its content's hash a
// file's name carries: enough that two versions never share one.
const fingerprintLen = 8

// site is the shop's public tree under construction.
type site struct {
	files map[string][]byte // by path below public/
	named map[string]string // "/assets/base.css" → "/assets/base.1f2e3d4c.css"
}

// build makes the public tree from the sources in src, without the packed
// variants.
func build(src fs.FS) (map[string][]byte, error) {
	s := &site{files: map[string][]byte{}, named: map[string]string{}}
	glyphs, err := parseSheet(octantSheet)
	if err != nil {
		return nil, err
	}
	if err := s.pictures(glyphs); err != nil {
		return nil, err
	}
	s.asset("octant.ttf", trueType("Octant", glyphs))
	// A file comes after those whose names it holds.
	for _, name := range []string{
		"css/base.css", "css/seamark.css", "js/settings.js", "js/clock.js", "js/stock.js", "js/money.js", "js/basket.js", "js/radio.js",
	} {
		text, err := fs.ReadFile(src, name)
		if err != nil {
			return nil, err
		}
		if text, err = s.point(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.asset(path.Base(name), text)
	}
	if err := s.pages(src); err != nil {
		return nil, err
	}
	return s.files, nil
}

// pictures draws all images.
func (s *site) pictures(glyphs []glyph) error {
	for name, svg := range map[string]string{
		"mark.svg": mark(), "flags.svg": flags(), "waves.svg": waves(), "chart.svg": chart(glyphs),
	} {
		s.asset(name, []byte(svg))
	}
	for i, p := range catalogue.Products() {
		draw, ok := things[p.ID]
		if !ok {
			return fmt.Errorf("nobody draws %s", p.ID)
		}
		c := island(uint64(i)+21, glyphs, 1.3)
		draw(c)
		if err := s.picture(p.ID+".png", c); err != nil {
			return err
		}
	}
	return s.picture("lamp-head.png", lampHead())
}

func (s *site) picture(name string, c *canvas) error {
	var b bytes.Buffer
	if err := c.encode(&b); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.asset(name, b.Bytes())
	return nil
}

// asset adds a file whose name says what is in it, so that it may be cached
// for ever.
func (s *site) asset(name string, content []byte) {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	printed := "assets/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:])[:fingerprintLen] + ext
	s.files[printed] = content
	s.named["/assets/"+name] = "/" + printed
}

var reference = regexp.MustCompile(`/assets/[a-z0-9-]+\.[a-z0-9]+`)

// point replaces the plain names of assets by those they are served under.
func (s *site) point(text []byte) ([]byte, error) {
	var missing string
	out := reference.ReplaceAllFunc(text, func(name []byte) []byte {
		printed, ok := s.named[string(name)]
		if !ok {
			missing = string(name)
		}
		return []byte(printed)
	})
	if missing != "" {
		return nil, fmt.Errorf("%s is not there", missing)
	}
	return out, nil
}

// page is what a template sees.
type page struct {
	Title, Summary string
	Nav            string
	Radio          bool
	Product        catalogue.Product
	Products       []catalogue.Product
	Featured       []catalogue.Product
	Rhythms        []rhythm
}

// rhythm is one line of the lesson in reading lights.
type rhythm struct{ Light, Lamp, Colour, Does string }

var rhythms = []rhythm{
	{"F Y", "fixed", "y", "Fixed: it burns, and that is all it does. Yellow."},
	{"Fl 5s", "fl", "w", "Flashing: one flash every five seconds, darkness in between."},
	{"Fl(2) R 6s", "fl2", "r", "Group flashing: two red flashes, then a pause, every six seconds."},
	{"Oc 6s", "oc", "g", "Occulting: lit for longer than dark, and the darkness is the signal."},
	{"Iso 4s", "iso", "w", "Isophase: two seconds lit, two seconds dark."},
	{"Q(3) 10s", "q3", "w", "Three quick flashes, like three o’clock: pass to the east of it."},
}

// featured is how many things the front page shows.
const featured = 6

func (s *site) pages(src fs.FS) error {
	products := catalogue.Products()
	add := func(name, target string, p page) error {
		t, err := template.ParseFS(src, "pages/layout.html", "pages/"+name)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, "layout", p); err != nil {
			return err
		}
		text, err := s.point(b.Bytes())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.files[target] = text
		return nil
	}
	err := add("index.html", "index.html", page{
		Title:    "Seamark: harbour and lighthouse supply",
		Summary:  "Lanterns, bells, line and flags from a small shop on a harbour wall.",
		Products: products, Featured: products[:featured], Rhythms: rhythms,
	})
	if err != nil {
		return err
	}
	if err := add("products.html", "products/index.html", page{
		Title: "Shop – Seamark", Summary: "Everything on the quay.", Nav: "shop", Products: products,
	}); err != nil {
		return err
	}
	for i, p := range products {
		var others []catalogue.Product
		for k := range 3 {
			others = append(others, products[(i+k+1)%len(products)])
		}
		if err := add("product.html", "products/"+p.ID+"/index.html", page{
			Title: p.Name + " – Seamark", Summary: p.Short, Nav: "shop", Product: p, Featured: others,
		}); err != nil {
			return err
		}
	}
	if err := add("about.html", "about/index.html", page{
		Title: "About – Seamark", Summary: "A shop at the end of the harbour wall.", Nav: "about", Radio: true,
	}); err != nil {
		return err
	}
	return add("404.html", "404.html", page{
		Title: "Off the chart – Seamark", Summary: "There is no land at this address.",
	})
}
