package url

import "strings"

// The states of a relative reference: what it takes from its base.

func (p *parser) relative() (state, error) {
	u, base := p.url, p.base
	u.scheme = base.scheme
	c := p.c()
	if p.isSlash(c) {
		if c == '\\' {
			p.reverse()
		}
		p.at++
		return relativeSlash, nil
	}
	p.takeAuthority()
	u.path = base.path
	return p.afterBasePath(c, func(rest string) string { return shorten(u.scheme, u.path) })
}

// afterBasePath goes on after the base's path was taken: a query or a
// fragment of its own replaces the base's, and a path goes on from what cut
// leaves of the base's path.
func (p *parser) afterBasePath(c int, cut func(rest string) string) (state, error) {
	u, base := p.url, p.base
	switch c {
	case '?':
		p.at++
		return query, nil
	case eof, '#':
		u.query, u.hasQuery = base.query, base.hasQuery
		if c == eof {
			return end, nil
		}
		p.at++
		return fragment, nil
	}
	u.path = cut(p.remaining())
	return path, nil
}

func (p *parser) relativeSlash() (state, error) {
	c := p.c()
	switch {
	case p.url.Special() && p.isSlash(c):
		if c == '\\' {
			p.reverse()
		}
		p.at++
		return specialAuthorityIgnoreSlashes, nil
	case c == '/':
		p.at++
		return authority, nil
	}
	p.takeAuthority()
	return path, nil
}

// takeAuthority takes credentials, host and port from the base.
func (p *parser) takeAuthority() {
	u, base := p.url, p.base
	u.username, u.password = base.username, base.password
	u.host, u.port, u.hasPort = base.host, base.port, base.hasPort
}

// reverse notes a reverse solidus at the pointer that is read as a solidus.
func (p *parser) reverse() {
	p.note(InvalidReverseSolidus, p.at)
	p.change(`\ read as /`)
}

func (p *parser) file() (state, error) {
	u, base := p.url, p.base
	u.scheme = "file"
	u.host = host{kind: hostEmpty}
	c := p.c()
	if p.isSlash(c) {
		if c == '\\' {
			p.reverse()
		}
		p.at++
		return fileSlash, nil
	}
	if base == nil || base.scheme != "file" {
		return path, nil
	}
	u.host, u.path = base.host, base.path
	return p.afterBasePath(c, func(rest string) string {
		if startsWithDriveLetter(rest) {
			p.note(FileInvalidDriveLetter, p.at)
			return ""
		}
		return shorten("file", u.path)
	})
}

func (p *parser) fileSlash() (state, error) {
	c := p.c()
	if p.isSlash(c) {
		if c == '\\' {
			p.reverse()
		}
		p.at++
		return fileHost, nil
	}
	if base := p.base; base != nil && base.scheme == "file" {
		p.url.host = base.host
		if !startsWithDriveLetter(p.remaining()) {
			if first, _, _ := strings.Cut(strings.TrimPrefix(base.path, "/"), "/"); isNormalizedDriveLetter(first) {
				p.url.path = "/" + first
			}
		}
	}
	return path, nil
}

func (p *parser) fileHost() (state, error) {
	stop := p.at
	for stop < len(p.in) && strings.IndexByte(`/\?#`, p.in[stop]) < 0 {
		stop++
	}
	text := p.in[p.at:stop]
	switch {
	case isDriveLetter(text):
		// The drive letter is not consumed: it becomes the path's first segment.
		p.note(FileInvalidDriveLetterHost, p.at)
		return path, nil
	case text == "":
		return pathStart, nil
	}
	h, err := p.parseHost(text, p.at)
	if err != nil {
		return end, err
	}
	if h.text == "localhost" {
		p.change("host localhost dropped from a file URL")
		h = host{kind: hostEmpty}
	}
	p.url.host = h
	p.at = stop
	return pathStart, nil
}
