package url

import "strings"

// The states that find out whether there is a scheme, and what follows it.

func (p *parser) schemeStart() (state, error) {
	if c := p.c(); c != eof && isAlpha(byte(c)) {
		return scheme, nil
	}
	return noScheme, nil
}

func (p *parser) scheme() (state, error) {
	colon := p.at
	for colon < len(p.in) && isSchemeByte(p.in[colon]) {
		colon++
	}
	if colon == len(p.in) || p.in[colon] != ':' {
		return noScheme, nil
	}
	p.url.scheme = lower(p.in[:colon])
	p.changed("scheme", p.in[:colon], p.url.scheme)
	p.at = colon + 1
	switch {
	case p.url.scheme == "file":
		if !strings.HasPrefix(p.remaining(), "//") {
			p.note(MissingFollowingSolidus, p.at)
		}
		return file, nil
	case p.url.Special() && p.base != nil && p.base.scheme == p.url.scheme:
		return specialRelativeOrAuthority, nil
	case p.url.Special():
		return specialAuthoritySlashes, nil
	case p.c() == '/':
		p.at++
		return pathOrAuthority, nil
	}
	p.url.opaque = true
	return opaquePath, nil
}

func isSchemeByte(b byte) bool {
	return isAlpha(b) || isDigit(b) || b == '+' || b == '-' || b == '.'
}

// lower is s in ASCII lower case; s itself where it is that already. The
// common schemes come from the program's own text, so that a URL does not
// hold on to its input for them.
func lower(s string) string {
	switch s {
	case "https":
		return "https"
	case "http":
		return "http"
	}
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return strings.ToLower(s) // s is ASCII wherever lower is called
		}
	}
	return s
}

func (p *parser) noScheme() (state, error) {
	base := p.base
	switch {
	case base == nil, base.opaque && p.c() != '#':
		return end, p.fail(MissingSchemeNonRelative, p.at)
	case base.opaque:
		u := p.url
		u.scheme, u.path, u.opaque = base.scheme, base.path, true
		u.query, u.hasQuery = base.query, base.hasQuery
		p.at++
		return fragment, nil
	case base.scheme == "file":
		return file, nil
	}
	return relative, nil
}

func (p *parser) specialRelativeOrAuthority() (state, error) {
	if strings.HasPrefix(p.remaining(), "//") {
		p.at += 2
		return specialAuthorityIgnoreSlashes, nil
	}
	p.note(MissingFollowingSolidus, p.at)
	p.change("read as relative to the base, because no // follows the scheme")
	return relative, nil
}

func (p *parser) specialAuthoritySlashes() (state, error) {
	if strings.HasPrefix(p.remaining(), "//") {
		p.at += 2
	} else {
		p.note(MissingFollowingSolidus, p.at)
		p.change("// put after the scheme")
	}
	return specialAuthorityIgnoreSlashes, nil
}

func (p *parser) specialAuthorityIgnoreSlashes() (state, error) {
	start := p.at
	for c := p.c(); c == '/' || c == '\\'; c = p.c() {
		p.note(MissingFollowingSolidus, p.at)
		p.at++
	}
	if p.at > start {
		p.change("slashes before the host dropped")
	}
	return authority, nil
}

func (p *parser) pathOrAuthority() (state, error) {
	if p.c() == '/' {
		p.at++
		return authority, nil
	}
	return path, nil
}
