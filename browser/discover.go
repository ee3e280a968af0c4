package browser

import (
	"bytes"
	"io"
	"mime"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"waypost/url"
)

// This file stands where the document's parser will: it scans the tokens of
// an HTML document for what it names, in document order, as a browser's
// preload scanner does. The tree, styles and scripts could change the answer
// (a lazy image out of sight, an element that a script removes); they come
// with the document half.

// document is what a scan found.
type document struct {
	title string
	base  *url.URL
	wants []*want
	// frames are documents inside the document: named, not loaded.
	frames []*want
}

// Urgencies of subresources, in the spirit of RFC 9218 §4.1: the document is
// 0, and what blocks rendering comes before what does not.
const (
	urgencyDocument = iota
	urgencyStyle
	urgencySyncScript
	urgencyFont
	urgencyScript
	urgencyImage
	urgencyLate // lazy images, icons, alternate stylesheets
)

// isHTML reports whether a document with this Content-Type is scanned. One
// without is taken for HTML, which is what it mostly is (MIME Sniffing §7
// would look at its bytes).
func isHTML(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || err == nil && (t == "text/html" || t == "application/xhtml+xml")
}

// discover scans a document. Its text is decoded by the charset of
// contentType, by its own meta element or byte order mark, or as
// windows-1252 (HTML §13.2.3.2).
func discover(body []byte, contentType string, at *url.URL) *document {
	var r io.Reader = bytes.NewReader(body)
	if decoded, err := charset.NewReader(r, contentType); err == nil {
		r = decoded
	}
	s := &scanner{doc: &document{base: at}, at: at, tokens: html.NewTokenizer(r)}
	s.run()
	return s.doc
}

// scanner walks a document's tokens.
type scanner struct {
	doc    *document
	at     *url.URL // the document's own URL
	tokens *html.Tokenizer
	attrs  map[string]string // of the present element

	baseSet   bool
	templates int  // open template elements: their content is inert (HTML §4.12.3)
	picture   bool // inside a picture element
	chosen    string
	raw       func(text string) // what to do with the text of a raw element
}

func (s *scanner) run() {
	for {
		switch s.tokens.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if s.raw != nil {
				s.raw(string(s.tokens.Text()))
				s.raw = nil
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := s.tokens.TagName()
			s.start(string(name), more)
		case html.EndTagToken:
			name, _ := s.tokens.TagName()
			s.end(string(name))
		}
	}
}

// maxAttrs bounds the attributes read of one element.
const maxAttrs = 256

// start handles an element's start tag.
func (s *scanner) start(name string, more bool) {
	s.raw = nil
	s.attrs = map[string]string{}
	for n := 0; more && n < maxAttrs; n++ {
		var key, value []byte
		key, value, more = s.tokens.TagAttr()
		if _, twice := s.attrs[string(key)]; !twice {
			s.attrs[string(key)] = string(value)
		}
	}
	if name == "template" {
		s.templates++
	}
	if s.templates > 0 {
		return
	}
	if style := s.attrs["style"]; strings.Contains(style, "(") {
		s.references(scanDeclarations(style))
	}
	switch name {
	case "base":
		s.base()
	case "title":
		s.raw = func(text string) {
			if s.doc.title == "" {
				s.doc.title = strings.Join(strings.Fields(text), " ")
			}
		}
	case "link":
		s.link()
	case "style":
		s.raw = func(text string) { s.references(scanSheet(text)) }
	case "script":
		s.script()
	case "picture":
		s.picture, s.chosen = true, ""
	case "source":
		s.source()
	case "img":
		s.image()
	case "image": // in SVG
		s.add(or(s.attrs["href"], s.attrs["xlink:href"]), &want{as: "image", destination: "image", urgency: urgencyImage, from: "svg image"})
	case "input":
		if strings.EqualFold(s.attrs["type"], "image") {
			s.add(s.attrs["src"], &want{as: "image", destination: "image", urgency: urgencyImage, from: "input"})
		}
	case "video":
		s.add(s.attrs["poster"], &want{as: "image", destination: "image", urgency: urgencyImage, from: "video poster"})
	case "iframe", "frame":
		s.frame(name)
	}
}

func (s *scanner) end(name string) {
	s.raw = nil
	switch name {
	case "template":
		s.templates = max(0, s.templates-1)
	case "picture":
		s.picture = false
	}
}

// base takes the first base element with an href (HTML §4.2.3).
func (s *scanner) base() {
	href, ok := s.attrs["href"]
	if !ok || s.baseSet {
		return
	}
	s.baseSet = true
	if u, err := url.Parse(href, s.at); err == nil && isHTTP(u) {
		s.doc.base = u
	}
}

// link handles the kinds of link that lead to a subresource (HTML §4.6.7).
func (s *scanner) link() {
	rel := map[string]bool{}
	for _, r := range strings.Fields(strings.ToLower(s.attrs["rel"])) {
		rel[r] = true
	}
	_, cors := s.attrs["crossorigin"]
	href := s.attrs["href"]
	switch {
	case rel["stylesheet"]:
		if _, disabled := s.attrs["disabled"]; disabled || !isStyleType(s.attrs["type"]) {
			return
		}
		w := &want{as: "stylesheet", destination: "style", cors: cors, urgency: urgencyStyle, from: "link stylesheet"}
		if rel["alternate"] {
			w.how, w.urgency = "alternate", urgencyLate
		}
		s.add(href, w)
	case rel["modulepreload"]:
		s.add(href, &want{as: "script", destination: "script", how: "preload", cors: true, module: true,
			urgency: urgencyScript, from: "link modulepreload"})
	case rel["preload"]:
		s.preload(href, cors)
	case rel["icon"]:
		s.add(href, &want{as: "icon", destination: "image", cors: cors, urgency: urgencyLate, from: "link icon"})
	}
}

// preload handles link rel=preload (HTML §4.6.7.19).
func (s *scanner) preload(href string, cors bool) {
	w := &want{how: "preload", cors: cors, from: "link preload"}
	switch as := strings.ToLower(s.attrs["as"]); as {
	case "style":
		w.as, w.destination, w.urgency = "stylesheet", "style", urgencyStyle
	case "script":
		w.as, w.destination, w.urgency = "script", "script", urgencySyncScript
	case "font":
		w.as, w.destination, w.urgency = "font", "font", urgencyFont
	case "image":
		w.as, w.destination, w.urgency = "image", "image", urgencyImage
		if set := s.attrs["imagesrcset"]; set != "" {
			href, w.set = pickImage(set, s.attrs["imagesizes"], href), true
		}
	case "fetch":
		w.as, w.urgency = "fetch", urgencyScript
	default:
		return
	}
	s.add(href, w)
}

func isStyleType(t string) bool {
	t, _, _ = strings.Cut(t, ";")
	return t == "" || strings.EqualFold(strings.TrimSpace(t), "text/css")
}

// script handles a script element (HTML §4.12.1).
func (s *scanner) script() {
	kind := strings.ToLower(strings.TrimSpace(s.attrs["type"]))
	src, external := s.attrs["src"]
	_, async := s.attrs["async"]
	_, deferred := s.attrs["defer"]
	_, nomodule := s.attrs["nomodule"]
	_, cors := s.attrs["crossorigin"]
	w := &want{as: "script", destination: "script", how: "sync", cors: cors, urgency: urgencySyncScript, from: "script"}
	switch {
	case kind == "module":
		w.how, w.module, w.cors, w.urgency = "module", true, true, urgencyScript
		if !external {
			s.raw = s.inlineModule
			return
		}
	case !isScriptType(kind) || nomodule || !external:
		return
	case async:
		w.how, w.urgency = "async", urgencyScript
	case deferred:
		w.how, w.urgency = "defer", urgencyScript
	}
	s.add(src, w)
}

// inlineModule handles the text of a module script without src.
func (s *scanner) inlineModule(text string) {
	for _, specifier := range scanImports(text) {
		if u, ok := resolveModule(specifier, s.doc.base); ok {
			s.add(u.String(), importWant("inline module"))
		}
	}
}

// importWant is a module that another one imports.
func importWant(from string) *want {
	return &want{as: "script", destination: "script", how: "module", cors: true, module: true, urgency: urgencyScript, from: from}
}

// resolveModule resolves a module specifier (HTML §8.1.6.3). Bare names need
// an import map, which is not read.
func resolveModule(specifier string, base *url.URL) (*url.URL, bool) {
	relative := strings.HasPrefix(specifier, "/") || strings.HasPrefix(specifier, "./") || strings.HasPrefix(specifier, "../")
	against := base
	if !relative {
		against = nil
	}
	u, err := url.Parse(specifier, against)
	return u, err == nil
}

// isScriptType reports whether a script of this type is run (MIME Sniffing
// §4.6, JavaScript MIME types).
func isScriptType(t string) bool {
	switch t {
	case "", "text/javascript", "application/javascript", "application/ecmascript", "application/x-javascript",
		"application/x-ecmascript", "text/ecmascript", "text/x-javascript", "text/jscript", "text/livescript":
		return true
	}
	return false
}

// source handles a picture's source (HTML §4.8.4.3.6): the first whose type
// and media fit decides.
func (s *scanner) source() {
	if !s.picture || s.chosen != "" || s.attrs["srcset"] == "" {
		return
	}
	if media := strings.TrimSpace(s.attrs["media"]); media != "" && media != "all" && media != "screen" && !mediaMatches(media) {
		return
	}
	if t := strings.ToLower(s.attrs["type"]); t != "" && !isImageType(t) {
		return
	}
	s.chosen = pickImage(s.attrs["srcset"], s.attrs["sizes"], "")
}

// isImageType is what the paint half will decode.
func isImageType(t string) bool {
	switch t {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/bmp":
		return true
	}
	return false
}

// image handles an img element.
func (s *scanner) image() {
	w := &want{as: "image", destination: "image", urgency: urgencyImage, from: "img"}
	_, w.cors = s.attrs["crossorigin"]
	src := s.attrs["src"]
	switch {
	case s.picture && s.chosen != "":
		src, w.set, w.from = s.chosen, true, "picture source"
	case s.attrs["srcset"] != "":
		src, w.set, w.from = pickImage(s.attrs["srcset"], s.attrs["sizes"], src), true, "img srcset"
	}
	if strings.EqualFold(s.attrs["loading"], "lazy") {
		w.how, w.urgency = "lazy", urgencyLate // without layout nobody knows whether it is in sight
	}
	s.add(src, w)
}

// frame notes a document inside the document.
func (s *scanner) frame(element string) {
	if u, err := url.Parse(s.attrs["src"], s.doc.base); err == nil && s.attrs["src"] != "" && isHTTP(u) {
		s.doc.frames = append(s.doc.frames, &want{url: u, as: "frame", how: "not loaded", from: element})
	}
}

// references adds what a style element or attribute names.
func (s *scanner) references(refs []reference) {
	for _, r := range refs {
		s.add(r.url, r.want())
	}
}

// want is the resource that a stylesheet's reference asks for.
func (r reference) want() *want {
	w := &want{as: r.as, from: r.from}
	switch r.as {
	case "stylesheet":
		w.destination, w.urgency = "style", urgencyStyle
	case "font":
		w.destination, w.cors, w.urgency = "font", true, urgencyFont
	default:
		w.destination, w.urgency = "image", urgencyImage
	}
	return w
}

// add resolves ref and adds w. What is not fetched over HTTP, such as data:,
// is no subresource here, and neither is what is no URL.
func (s *scanner) add(ref string, w *want) {
	if strings.TrimSpace(ref) == "" {
		return
	}
	u, err := url.Parse(ref, s.doc.base)
	if err != nil || !isHTTP(u) {
		return
	}
	w.url, w.initiator, w.referrer = u, "document", s.at
	s.doc.wants = append(s.doc.wants, w)
}
