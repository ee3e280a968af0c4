package browser

import (
	"strings"

	"waypost/url"
)

// What each element of a document asks for.

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
