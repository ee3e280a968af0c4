package browser

import (
	"strconv"
	"strings"
)

// The window that a load pretends to have while there is no layout: what
// srcset and sizes are answered with.
const (
	viewportWidth  = 1280.0 // CSS pixels
	viewportHeight = 720.0
	pixelRatio     = 1.0 // device pixels per CSS pixel
	fontSize       = 16.0
)

// maxCandidates bounds the image candidates of one srcset; longer lists are
// cut. Generators write about ten.
const maxCandidates = 64

// candidate is one image of a srcset.
type candidate struct {
	url     string
	width   float64 // of the w descriptor, 0 without
	density float64 // of the x descriptor, 1 without
}

// parseSrcset reads a srcset attribute (HTML §4.8.4.3.9). Candidates with
// descriptors that make no sense are dropped.
func parseSrcset(text string) []candidate {
	var out []candidate
	for len(out) < maxCandidates {
		text = strings.TrimLeft(text, " \t\n\f\r,")
		if text == "" {
			break
		}
		end := strings.IndexAny(text, " \t\n\f\r")
		if end < 0 {
			end = len(text)
		}
		url, descriptors := text[:end], ""
		text = text[end:]
		if bare := strings.TrimRight(url, ","); bare != url {
			url = bare
		} else {
			descriptors, text = splitDescriptors(text)
		}
		if c, ok := describe(url, descriptors); ok {
			out = append(out, c)
		}
	}
	return out
}

// splitDescriptors returns the text up to the comma that ends a candidate
// and the rest; commas in parentheses do not count.
func splitDescriptors(text string) (descriptors, rest string) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth = max(0, depth-1)
		case ',':
			if depth == 0 {
				return text[:i], text[i+1:]
			}
		}
	}
	return text, ""
}

func describe(url, descriptors string) (candidate, bool) {
	c := candidate{url: url, density: 1}
	for i, d := range strings.Fields(descriptors) {
		unit := d[len(d)-1]
		n, err := strconv.ParseFloat(d[:len(d)-1], 64)
		switch {
		case err != nil || !(n >= 0 && n < 1e9):
			return c, false
		case unit == 'w' && n > 0 && c.width == 0 && (i == 0 || c.density == 1):
			c.width = n
		case unit == 'x' && i == 0:
			c.density = n
		case unit == 'h': // obsolete, goes with w
		default:
			return c, false
		}
	}
	return c, url != ""
}

// pickImage chooses from a srcset and the src beside it: the least dense that
// is dense enough for the window, else the densest (HTML §4.8.4.3.7 leaves
// the choice to the browser). "" when there is nothing to choose from.
func pickImage(srcset, sizes, src string) string {
	list := parseSrcset(srcset)
	size := sourceSize(sizes)
	hasWidth, has1x := false, false
	for i, c := range list {
		if c.width > 0 {
			hasWidth = true
			list[i].density = c.width / size
		} else if c.density == 1 {
			has1x = true
		}
	}
	if src != "" && !hasWidth && !has1x {
		list = append(list, candidate{url: src, density: 1})
	}
	best := -1
	for i, c := range list {
		if best < 0 || better(c.density, list[best].density) {
			best = i
		}
	}
	if best < 0 {
		return src
	}
	return list[best].url
}

// better reports whether density a serves the window better than b.
func better(a, b float64) bool {
	if (a >= pixelRatio) != (b >= pixelRatio) {
		return a >= pixelRatio
	}
	if a >= pixelRatio {
		return a < b
	}
	return a > b
}

// sourceSize is the width in CSS pixels that a sizes attribute gives the
// image (HTML §4.8.4.3.10). We deviate: only min-width and max-width are
// understood as conditions; an entry with any other is passed over.
func sourceSize(sizes string) float64 {
	for sizes != "" {
		var entry string
		entry, sizes = splitDescriptors(sizes)
		entry = strings.TrimSpace(entry)
		value := entry
		if i := strings.LastIndexByte(entry, ')'); i >= 0 && strings.HasPrefix(entry, "(") {
			if !mediaMatches(entry[:i+1]) {
				continue
			}
			value = strings.TrimSpace(entry[i+1:])
		}
		if n, ok := length(value); ok && n > 0 {
			return n
		}
	}
	return viewportWidth
}

// mediaMatches answers "(min-width: 600px)", several joined by "and".
func mediaMatches(media string) bool {
	for part := range strings.SplitSeq(strings.ToLower(media), " and ") {
		part = strings.TrimSpace(part)
		part = strings.TrimSuffix(strings.TrimPrefix(part, "("), ")")
		name, value, _ := strings.Cut(part, ":")
		n, ok := length(strings.TrimSpace(value))
		switch name = strings.TrimSpace(name); {
		case !ok:
			return false
		case name == "min-width" && viewportWidth >= n, name == "max-width" && viewportWidth <= n:
		default:
			return false
		}
	}
	return true
}

// length reads a CSS length in px, em, rem, vw or vh.
func length(text string) (float64, bool) {
	text = strings.ToLower(text)
	for _, u := range []struct {
		name string
		px   float64
	}{{"px", 1}, {"rem", fontSize}, {"em", fontSize}, {"vw", viewportWidth / 100}, {"vh", viewportHeight / 100}} {
		if s, ok := strings.CutSuffix(text, u.name); ok {
			n, err := strconv.ParseFloat(s, 64)
			return n * u.px, err == nil && n >= 0 && n < 1e9
		}
	}
	return 0, text == "0"
}
