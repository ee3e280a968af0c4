package url

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// host is a host (§3.1) in serialised form. The zero value is the null host.
type host struct {
	kind hostKind
	text string
}

type hostKind uint8

const (
	hostNone hostKind = iota
	hostEmpty
	hostDomain
	hostIPv4
	hostIPv6
	hostOpaque
)

// parseHost is the host parser (§3.5); text stands at the offset at.
func (p *parser) parseHost(text string, at int) (host, error) {
	switch {
	case strings.HasPrefix(text, "["):
		if !strings.HasSuffix(text, "]") {
			return host{}, p.fail(IPv6Unclosed, at)
		}
		return p.parseIPv6(text, at)
	case !p.url.Special():
		return p.parseOpaqueHost(text, at)
	}
	name, err := p.parseDomain(text, at)
	if err != nil {
		return host{}, err
	}
	h := host{hostDomain, name}
	if endsInNumber(name) {
		if h, err = p.parseIPv4(name, at); err != nil {
			return host{}, err
		}
	}
	p.changed("host", text, h.text)
	return h, nil
}

// parseOpaqueHost is the opaque-host parser (§3.5).
func (p *parser) parseOpaqueHost(text string, at int) (host, error) {
	if text == "" {
		return host{kind: hostEmpty}, nil
	}
	if i := indexAny(text, forbiddenHost); i >= 0 {
		return host{}, p.fail(HostInvalidCodePoint, at+i)
	}
	p.units(at, at+len(text))
	h := host{hostOpaque, encode(text, inC0)}
	p.changed("host", text, h.text)
	return h, nil
}

// parseDomain takes a host apart into a domain in ASCII. The common host, in
// lower case and plain ASCII, is returned as it is.
func (p *parser) parseDomain(text string, at int) (string, error) {
	domain := text
	if strings.IndexByte(text, '%') >= 0 {
		domain = decode(text)
		if domain != text {
			p.note(DomainPercentEncoded, at+strings.IndexByte(text, '%'))
		}
		if !utf8.ValidString(domain) { // decoding would give U+FFFD, which no domain may hold
			return "", p.fail(DomainToASCII, at)
		}
		// "Decode without BOM" keeps a BOM; UTS #46 ignores it below.
	}
	if p.account != nil && !isStrictDomain(domain) {
		p.note(DomainToASCII, at)
	}
	name, ok := domainToASCII(domain)
	if !ok {
		return "", p.fail(DomainToASCII, at)
	}
	if i := indexAny(name, forbiddenDomain); i >= 0 {
		if len(name) != len(text) {
			i = 0 // the name's offsets are not the input's
		}
		return "", p.fail(DomainToASCII, at+i)
	}
	return name, nil
}

// parseIPv6 is the IPv6 parser (§3.5); text has its brackets.
func (p *parser) parseIPv6(text string, at int) (host, error) {
	r := ipv6{in: text[1 : len(text)-1]}
	if rule := r.parse(); rule != "" {
		return host{}, p.fail(rule, at+1+r.at)
	}
	if r.leadingZero >= 0 {
		p.note(IPv6PieceLeadingZero, at+1+r.leadingZero)
	}
	h := host{hostIPv6, r.String()}
	if h.text == text {
		h.text = text
	}
	p.changed("host", text, h.text)
	return h, nil
}

// parseIPv4 is the IPv4 parser (§3.5).
func (p *parser) parseIPv4(name string, at int) (host, error) {
	parts := strings.Split(name, ".")
	if last := len(parts) - 1; parts[last] == "" && last > 0 {
		p.note(IPv4EmptyPart, at)
		parts = parts[:last]
	}
	switch {
	case len(parts) < 4:
		p.note(IPv4TooFewParts, at)
	case len(parts) > 4:
		return host{}, p.fail(IPv4TooManyParts, at)
	}
	var address uint64
	for i, part := range parts {
		n, plain, ok := parseIPv4Number(part)
		if !ok {
			return host{}, p.fail(IPv4NonNumericPart, at)
		}
		if !plain {
			p.note(IPv4NonDecimalPart, at)
		}
		limit := uint64(256)
		if i == len(parts)-1 {
			limit = 1 << (8 * (5 - len(parts))) // the last part fills the rest
		}
		if n >= limit {
			return host{}, p.fail(IPv4OutOfRangePart, at)
		}
		if n > 255 {
			p.note(IPv4OutOfRangePart, at)
		}
		if i == len(parts)-1 {
			address += n
		} else {
			address += n << (8 * (3 - i))
		}
	}
	a := netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)})
	return host{hostIPv4, a.String()}, nil
}

// endsInNumber is the ends in a number checker (§3.5).
func endsInNumber(name string) bool {
	name = strings.TrimSuffix(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	if last == "" || !isDigit(last[0]) {
		return false
	}
	digits := true
	for i := range len(last) {
		digits = digits && isDigit(last[i])
	}
	if digits {
		return true
	}
	_, _, ok := parseIPv4Number(last)
	return ok
}

// parseIPv4Number is the IPv4 number parser (§3.5). A number of 2^32 or more
// is given as 2^32: too big for any part. plain tells a decimal number
// from the other notations.
func parseIPv4Number(s string) (n uint64, plain, ok bool) {
	if s == "" {
		return 0, false, false
	}
	radix, plain := uint64(10), true
	switch {
	case len(s) >= 2 && s[0] == '0' && s[1]|0x20 == 'x':
		radix, plain, s = 16, false, s[2:]
	case len(s) >= 2 && s[0] == '0':
		radix, plain, s = 8, false, s[1:]
	}
	for i := range len(s) {
		if !isHex(s[i]) || uint64(unhex(s[i])) >= radix {
			return 0, false, false
		}
		n = min(n*radix+uint64(unhex(s[i])), 1<<32)
	}
	return n, plain, true
}
