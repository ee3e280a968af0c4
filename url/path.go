package url

import "strings"

// The states from the path to the end.

func (p *parser) pathStart() (state, error) {
	c := p.c()
	switch {
	case p.url.Special():
		if c == '\\' {
			p.reverse()
		}
	case c == '?':
		p.at++
		return query, nil
	case c == '#':
		p.at++
		return fragment, nil
	case c == eof:
		return end, nil
	}
	if p.isSlash(c) {
		p.at++
	}
	return path, nil
}

// path reads segment after segment. The pointer stands behind a slash, be it
// there or not: the first segment needs none.
func (p *parser) path() (state, error) {
	start, stop, plain := p.at, p.at, true
	for ; stop < len(p.in); stop++ {
		c := p.in[stop]
		if c == '?' || c == '#' {
			break
		}
		// A segment that begins with a dot or holds %2e may be a dot segment.
		if classes[c]&inPath != 0 && c != '/' || c == '\\' || c == '%' || c == '.' && (stop == start || p.in[stop-1] == '/') {
			plain = false
		}
	}
	text := p.in[start:stop]
	p.units(start, stop)
	if plain && p.url.scheme != "file" {
		p.takePlainPath(start, text)
	} else {
		p.takePath(start, text)
	}
	p.at = stop + 1
	switch {
	case stop == len(p.in):
		return end, nil
	case p.in[stop] == '?':
		return query, nil
	}
	return fragment, nil
}

// takePlainPath appends text as it stands: it holds nothing to encode and no
// dot segment. Where a slash precedes it in the input, which is the common
// case, nothing is copied.
func (p *parser) takePlainPath(start int, text string) {
	switch {
	case p.url.path == "" && start > 0 && p.in[start-1] == '/':
		p.url.path = p.in[start-1 : start+len(text)]
	case p.url.path == "" && text == "":
		p.url.path = "/"
		p.change("empty path read as /")
	default:
		p.url.path += "/" + text
	}
}

// takePath appends the segments of text, encoded, with dot segments resolved.
func (p *parser) takePath(start int, text string) {
	u := p.url
	var room [128]byte // for most paths
	out := append(room[:0], u.path...)
	resolved, encoded := false, false
	for segment, more := text, true; more; {
		i := p.indexSlash(segment)
		if i >= 0 && segment[i] == '\\' {
			p.at = start + len(text) - len(segment) + i
			p.reverse()
		}
		rest := ""
		if more = i >= 0; more {
			segment, rest = segment[:i], segment[i+1:]
		}
		switch dots(segment) {
		case 2:
			out = shorten(u.scheme, out)
			fallthrough
		case 1:
			resolved = true
			if !more {
				out = append(out, '/')
			}
		default:
			out = append(out, '/')
			if u.scheme == "file" && len(out) == 1 && isDriveLetter(segment) {
				out = append(out, segment[0], ':')
				break
			}
			n := len(out)
			out = appendEncoded(out, segment, inPath)
			encoded = encoded || len(out)-n != len(segment)
		}
		segment = rest
	}
	u.path = string(out)
	if p.account != nil {
		p.explainPath(start, text, resolved, encoded)
	}
}

func (p *parser) explainPath(start int, text string, resolved, encoded bool) {
	switch {
	case resolved && encoded:
		p.change("dot segments resolved and characters percent-encoded: path /" + excerpt(text) + " read as " + excerpt(p.url.path))
	case resolved:
		p.change("dot segments resolved: path /" + excerpt(text) + " read as " + excerpt(p.url.path))
	case encoded:
		p.change("percent-encoded: path /" + excerpt(text) + " read as " + excerpt(p.url.path))
	case text == "" && (start == 0 || !p.isSlash(int(p.in[start-1]))):
		p.change("empty path read as /")
	}
}

func (p *parser) indexSlash(s string) int {
	if p.url.Special() {
		return strings.IndexAny(s, `/\`)
	}
	return strings.IndexByte(s, '/')
}

// dots tells a single-dot and a double-dot URL path segment (§4.1) from any
// other: 1, 2 or 0.
func dots(segment string) int {
	n := 0
	for ; segment != ""; n++ {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && segment[0] == '%' && segment[1] == '2' && segment[2]|0x20 == 'e':
			segment = segment[3:]
		default:
			return 0
		}
	}
	if n > 2 {
		return 0
	}
	return n
}

func (p *parser) opaquePath() (state, error) {
	start, stop := p.at, len(p.in)
	if i := strings.IndexAny(p.remaining(), "?#"); i >= 0 {
		stop = start + i
	}
	p.units(start, stop)
	text := p.in[start:stop]
	p.url.path = encode(text, inC0)
	// A space before ? or # would be lost when the rest is taken away and
	// the URL is read again.
	if stop < len(p.in) && strings.HasSuffix(text, " ") {
		p.url.path = p.url.path[:len(p.url.path)-1] + "%20"
	}
	p.changed("path", text, p.url.path)
	p.at = stop + 1
	switch {
	case stop == len(p.in):
		return end, nil
	case p.in[stop] == '?':
		return query, nil
	}
	return fragment, nil
}

func (p *parser) query() (state, error) {
	start, stop := p.at, len(p.in)
	if i := strings.IndexByte(p.remaining(), '#'); i >= 0 {
		stop = start + i
	}
	set := inQuery
	if p.url.Special() {
		set = inSpecialQuery
	}
	p.units(start, stop)
	text := p.in[start:stop]
	p.url.query, p.url.hasQuery = encode(text, set), true
	p.encoded("query ?", text, p.url.query)
	p.at = stop + 1
	if stop == len(p.in) {
		return end, nil
	}
	return fragment, nil
}

func (p *parser) fragment() (state, error) {
	text := p.remaining()
	p.units(p.at, len(p.in))
	p.url.fragment, p.url.hasFragment = encode(text, inFragment), true
	p.encoded("fragment #", text, p.url.fragment)
	return end, nil
}

// encoded records that a part was percent-encoded, where it was.
func (p *parser) encoded(part, from, to string) {
	if p.account != nil && from != to {
		p.change("percent-encoded: " + part + excerpt(from) + " read as " + excerpt(to))
	}
}
