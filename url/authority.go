package url

import (
	"math"
	"strconv"
	"strings"
)

// The states between // and the path: credentials, host, port.

// authorityEnd is the offset of the byte that ends the authority.
func (p *parser) authorityEnd() int {
	for i := p.at; i < len(p.in); i++ {
		if c := p.in[i]; c == '?' || c == '#' || p.isSlash(int(c)) {
			return i
		}
	}
	return len(p.in)
}

func (p *parser) authority() (state, error) {
	stop := p.authorityEnd()
	text := p.in[p.at:stop]
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return hostState, nil
	}
	if p.account != nil {
		for i := range at + 1 {
			if text[i] == '@' {
				p.note(InvalidCredentials, p.at+i)
			}
		}
	}
	if at == len(text)-1 {
		return end, p.fail(HostMissing, stop)
	}
	name, password, _ := strings.Cut(text[:at], ":")
	p.url.username = encode(name, inUserinfo)
	p.url.password = encode(password, inUserinfo)
	p.changed("user name", name, p.url.username)
	if password != p.url.password {
		p.change("password percent-encoded")
	}
	p.at += at + 1
	return hostState, nil
}

func (p *parser) host() (state, error) {
	stop, brackets := p.at, false
	for limit := p.authorityEnd(); stop < limit && (brackets || p.in[stop] != ':'); stop++ {
		switch p.in[stop] {
		case '[':
			brackets = true
		case ']':
			brackets = false
		}
	}
	text := p.in[p.at:stop]
	colon := stop < len(p.in) && p.in[stop] == ':'
	if text == "" && (colon || p.url.Special()) {
		return end, p.fail(HostMissing, p.at)
	}
	var err error
	if p.url.host, err = p.parseHost(text, p.at); err != nil {
		return end, err
	}
	p.at = stop
	if colon {
		p.at++
		return portState, nil
	}
	return pathStart, nil
}

func (p *parser) port() (state, error) {
	start, port := p.at, 0
	for p.at < len(p.in) && isDigit(p.in[p.at]) {
		if port <= math.MaxUint16 { // beyond that more digits change nothing
			port = port*10 + int(p.in[p.at]-'0')
		}
		p.at++
	}
	if c := p.c(); c != eof && c != '?' && c != '#' && !p.isSlash(c) {
		return end, p.fail(PortInvalid, p.at)
	}
	text := p.in[start:p.at]
	if text == "" {
		p.change("empty port dropped")
		return pathStart, nil
	}
	if port > math.MaxUint16 {
		return end, p.fail(PortOutOfRange, start)
	}
	if d, ok := defaultPort(p.url.scheme); ok && int(d) == port {
		p.changed("default port", text, "none")
		return pathStart, nil
	}
	p.url.port, p.url.hasPort = uint16(port), true
	if p.account != nil {
		p.changed("port", text, strconv.Itoa(port))
	}
	return pathStart, nil
}
