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
