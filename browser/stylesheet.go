package browser

import "strings"

// This file finds what a stylesheet names, without its rules: a small scanner
// over the tokens of CSS Syntax 3 §4. It knows comments, strings, escapes,
// url(), blocks and the two at-rules that matter. Which rules match is not
// its question: without styles every image and font that is named is wanted,
// one per @font-face and per image-set(). Real browsers load fewer.

// maxSheetRefs bounds what one stylesheet can ask for. The largest icon
// sheets name some hundreds.
const maxSheetRefs = 512

// reference is a URL as some text names it.
type reference struct {
	url  string // as written, escapes undone
	as   string // stylesheet, image or font
	from string // the rule or property that names it
}

// scanSheet returns what a stylesheet refers to, in its order.
func scanSheet(text string) []reference {
	s := &sheet{text: text, imports: true}
	s.scan()
	return s.refs
}

// scanDeclarations is scanSheet for the content of a style attribute.
func scanDeclarations(text string) []reference {
	s := &sheet{text: text, depth: 1, start: true}
	s.scan()
	for i := range s.refs {
		s.refs[i].from = "style attribute"
	}
	return s.refs
}

// sheet is a stylesheet being scanned.
type sheet struct {
	text string
	at   int
	refs []reference

	imports  bool     // @import is still allowed: no other rule has come (CSS Cascade 5 §2)
	rule     string   // the at-rule whose prelude or block we are in
	depth    int      // of {} blocks
	fontFace int      // the depth of an open @font-face block, or 0
	start    bool     // a declaration may start here
	property string   // the declaration we are in
	funcs    []string // open functions and parentheses, innermost last
	chosen   bool     // the @font-face's src or the image-set has made its choice
	source   string   // in src: the URL that waits for its format()
}

// maxNesting bounds open parentheses; deeper ones count as one.
const maxNesting = 32

func (s *sheet) scan() {
	for len(s.refs) < maxSheetRefs {
		t := s.token()
		if t.kind == tokenEnd {
			break
		}
		s.take(t)
	}
	s.settleSource()
}

// take moves the scanner's state on by one token.
func (s *sheet) take(t token) {
	start := s.start
	s.start = false
	switch t.kind {
	case tokenAt:
		s.rule = t.text
		s.imports = s.imports && (t.text == "import" || t.text == "charset" || t.text == "layer")
	case tokenIdent:
		if start && s.depth > 0 {
			s.property, s.chosen, s.source = t.text, false, ""
		}
		s.imports = s.imports && (s.rule != "" || s.depth > 0)
	case tokenString:
		s.string(t.text)
	case tokenURL:
		s.url(t.text)
	case tokenFunction:
		if t.text == "image-set" || t.text == "-webkit-image-set" {
			s.chosen = false
		}
		if len(s.funcs) < maxNesting {
			s.funcs = append(s.funcs, t.text)
		}
	case tokenDelim:
		s.delim(t.text[0], start)
	}
}

// delim handles punctuation.
func (s *sheet) delim(c byte, start bool) {
	switch c {
	case '(':
		if len(s.funcs) < maxNesting {
			s.funcs = append(s.funcs, "")
		}
	case ')':
		if n := len(s.funcs); n > 0 {
			s.funcs = s.funcs[:n-1]
		}
	case '{':
		s.settleSource()
		s.depth++
		if s.rule == "font-face" && s.fontFace == 0 {
			s.fontFace = s.depth
		}
		if s.rule != "layer" {
			s.imports = false
		}
		s.reset()
	case '}':
		s.settleSource()
		if s.depth == s.fontFace {
			s.fontFace = 0
		}
		s.depth = max(0, s.depth-1)
		s.imports = s.imports && s.rule == "layer"
		s.reset()
	case ';':
		s.settleSource()
		s.reset()
	case ',':
		if s.inSource() && len(s.funcs) == 0 {
			s.settleSource()
		}
	case ' ':
		s.start = start
	default:
		s.imports = s.imports && (s.rule != "" || s.depth > 0)
	}
}

// reset is the end of a rule or declaration.
func (s *sheet) reset() {
	s.rule, s.property, s.funcs = "", "", s.funcs[:0]
	s.start, s.chosen, s.source = true, false, ""
}

// inSource reports whether we are in the src of an @font-face.
func (s *sheet) inSource() bool { return s.fontFace > 0 && s.property == "src" }

func (s *sheet) within(name string) bool {
	n := len(s.funcs)
	return n > 0 && s.funcs[n-1] == name
}

// string handles a string token where strings are URLs or formats.
func (s *sheet) string(text string) {
	switch {
	case s.rule == "import" && len(s.funcs) == 0:
		s.importSheet(text)
	case s.within("image-set") || s.within("-webkit-image-set"), s.within("src"):
		s.url(text)
	case s.within("format"):
		s.format(text)
	}
}

// url handles a URL by where it stands.
func (s *sheet) url(text string) {
	switch {
	case s.rule == "import":
		s.importSheet(text)
	case s.rule == "namespace" || s.rule == "document" || s.depth == 0:
		// names, not addresses
	case s.inSource():
		s.settleSource()
		s.source = text
	case strings.HasPrefix(s.property, "--"):
		// a custom property is text until somebody uses it (CSS Variables 1 §2)
	case s.within("image-set") || s.within("-webkit-image-set"):
		if !s.chosen {
			s.chosen = true
			s.add(text, "image", "image-set() in "+s.property)
		}
	default:
		s.add(text, "image", "url() in "+s.property)
	}
}

func (s *sheet) importSheet(text string) {
	if s.imports && s.depth == 0 {
		s.add(text, "stylesheet", "@import")
	}
	s.rule = "imported" // what follows are conditions
}

// format tells the format of the font source that waits; one that no
// browser of today reads is passed over (CSS Fonts 4 §4.3).
func (s *sheet) format(text string) {
	switch strings.TrimSuffix(strings.ToLower(text), "-variations") {
	case "woff2", "woff", "truetype", "opentype", "collection":
	default:
		s.source = ""
	}
}

// settleSource takes the font source that waits, if it is the first fit one.
func (s *sheet) settleSource() {
	if s.source != "" && !s.chosen {
		s.chosen = true
		s.add(s.source, "font", "@font-face")
	}
	s.source = ""
}

// add keeps a reference that leads to another resource.
func (s *sheet) add(url, as, from string) {
	url = strings.TrimSpace(url)
	if url == "" || url[0] == '#' {
		return
	}
	s.refs = append(s.refs, reference{url, as, from})
}
