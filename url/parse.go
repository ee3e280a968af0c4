package url

import (
	"strings"
	"unicode/utf8"
)

// MaxLength bounds the input of a parse, in bytes. We deviate from the
// standard, which has no bound: browsers stop at about 2 MB, and what a peer
// sends (a Location field, a link in a page) must not cost more than that.
const MaxLength = 2 << 20

// Parse reads input as a URL, relative to base where that is not nil (§4.4,
// basic URL parser). The error is an *[Error].
func Parse(input string, base *URL) (*URL, error) {
	p := parser{raw: input, base: base}
	return p.parse()
}

// Inspect is Parse with an account of what it met. The account is filled
// when the parse fails, too.
func Inspect(input string, base *URL) (*URL, Account, error) {
	var account Account
	p := parser{raw: input, base: base, account: &account}
	u, err := p.parse()
	return u, account, err
}

// state is a state of the basic URL parser (§4.4), by its name there.
type state uint8

const (
	schemeStart state = iota
	scheme
	noScheme
	specialRelativeOrAuthority
	pathOrAuthority
	relative
	relativeSlash
	specialAuthoritySlashes
	specialAuthorityIgnoreSlashes
	authority
	hostState
	portState
	file
	fileSlash
	fileHost
	pathStart
	path
	opaquePath
	query
	fragment
	end
)

// parser is one run of the basic URL parser. The standard's machine takes one
// code point per turn; here a state consumes all that it is about and names
// the next one.
type parser struct {
	raw     string // the input as given
	lead    int    // bytes of raw dropped at its start
	in      string // what is parsed: raw cleaned
	at      int    // the standard's pointer
	base    *URL
	url     *URL
	account *Account // nil: nobody asked
}

func (p *parser) parse() (*URL, error) {
	if len(p.raw) > MaxLength {
		return nil, p.fail(tooLong, 0)
	}
	p.clean()
	p.url = new(URL)
	for s := schemeStart; s != end; {
		var err error
		if s, err = p.step(s); err != nil {
			return nil, err
		}
	}
	return p.url, nil
}

func (p *parser) step(s state) (state, error) {
	switch s {
	case schemeStart:
		return p.schemeStart()
	case scheme:
		return p.scheme()
	case noScheme:
		return p.noScheme()
	case specialRelativeOrAuthority:
		return p.specialRelativeOrAuthority()
	case pathOrAuthority:
		return p.pathOrAuthority()
	case relative:
		return p.relative()
	case relativeSlash:
		return p.relativeSlash()
	case specialAuthoritySlashes:
		return p.specialAuthoritySlashes()
	case specialAuthorityIgnoreSlashes:
		return p.specialAuthorityIgnoreSlashes()
	case authority:
		return p.authority()
	case hostState:
		return p.host()
	case portState:
		return p.port()
	case file:
		return p.file()
	case fileSlash:
		return p.fileSlash()
	case fileHost:
		return p.fileHost()
	case pathStart:
		return p.pathStart()
	case path:
		return p.path()
	case opaquePath:
		return p.opaquePath()
	case query:
		return p.query()
	case fragment:
		return p.fragment()
	}
	return end, nil
}

// eof is what c gives at the end of the input.
const eof = -1

// c is the byte at the pointer. All that the states switch on is ASCII.
func (p *parser) c() int {
	if p.at < len(p.in) {
		return int(p.in[p.at])
	}
	return eof
}

// remaining is the input from the pointer on.
func (p *parser) remaining() string { return p.in[p.at:] }

// isSlash reports whether c divides path segments here.
func (p *parser) isSlash(c int) bool { return c == '/' || c == '\\' && p.url.Special() }

// clean drops C0 controls and spaces at both ends and tabs and newlines
// everywhere, and makes the input a scalar value string: a byte that is not
// UTF-8 becomes U+FFFD.
func (p *parser) clean() {
	start, stop := 0, len(p.raw)
	for start < stop && p.raw[start] <= ' ' {
		start++
	}
	for stop > start && p.raw[stop-1] <= ' ' {
		stop--
	}
	p.lead, p.in = start, p.raw[start:stop]
	if start > 0 {
		p.note(InvalidURLUnit, -start)
	}
	if stop < len(p.raw) {
		p.note(InvalidURLUnit, stop-start)
	}
	if start > 0 || stop < len(p.raw) {
		p.change("spaces at the ends dropped")
	}
	if !isPlain(p.in) {
		p.cleanWithin()
	}
}

// isPlain reports whether s is ASCII without controls, as most URLs are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (p *parser) cleanWithin() {
	if i := strings.IndexAny(p.in, "\t\n\r"); i >= 0 {
		p.note(InvalidURLUnit, i)
		p.change("tabs and newlines dropped")
	} else if utf8.ValidString(p.in) {
		return
	}
	var b strings.Builder
	b.Grow(len(p.in))
	for _, r := range p.in {
		if r >= utf8.RuneSelf || !isDropped(byte(r)) {
			b.WriteRune(r)
		}
	}
	p.in = b.String()
}

// rawOffset is the offset in the input as given of an offset in the cleaned
// input.
func (p *parser) rawOffset(at int) int {
	if strings.HasPrefix(p.raw[p.lead:], p.in) && p.in != "" {
		return p.lead + at // nothing within was dropped
	}
	n := 0
	for i, r := range p.raw[p.lead:] {
		if r < utf8.RuneSelf && isDropped(byte(r)) {
			continue
		}
		if n >= at {
			return p.lead + i
		}
		n += utf8.RuneLen(r)
	}
	return p.lead + at - n + len(strings.TrimRight(p.raw[p.lead:], cutset))
}

// cutset is C0 control or space.
const cutset = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f" +
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f "

// fail ends the parse for breaking rule at that place of the cleaned input.
func (p *parser) fail(rule Rule, at int) error {
	p.note(rule, at)
	return &Error{Violation{rule, p.rawOffset(at)}, excerpt(Redact(p.raw))}
}
