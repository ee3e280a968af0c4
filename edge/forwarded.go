package edge

import (
	"net/netip"
	"strings"

	"waypost/http/field"
)

// What the origin is told about the client, in the old form (X-Forwarded-*)
// and the standard one (RFC 7239). The values that a stranger sends are
// dropped: an origin takes the last word on a client's address from us, so
// it must be ours. Those of a peer in Config.TrustForwarded, such as a load
// balancer in front of this edge or an edge of an outer tier, are kept and
// added to. What else such a peer may tell: hearsay.go.

// isWritten reports whether a field is one of those that addForwarding writes.
func isWritten(name string) bool {
	switch len(name) {
	case len("Forwarded"):
		return field.Is(name, "Forwarded")
	case len("X-Forwarded-For"):
		return field.Is(name, "X-Forwarded-For")
	case len("X-Forwarded-Host"):
		return field.Is(name, "X-Forwarded-Host")
	case len("X-Forwarded-Proto"):
		return field.Is(name, "X-Forwarded-Proto")
	}
	return false
}

// addForwarding appends the fields that say for whom we ask. before are the
// request's fields where they can be trusted, else nil.
func addForwarding(out *field.Fields, before field.Fields, client netip.Addr, scheme, host string) {
	address := client.String()
	xff := address
	if earlier := before.Join("X-Forwarded-For"); earlier != "" {
		xff = earlier + ", " + address
	}
	out.Add("X-Forwarded-For", xff)
	firstOf(out, before, "X-Forwarded-Proto", scheme)
	firstOf(out, before, "X-Forwarded-Host", host)
	element := forwardedElement(client, scheme, host)
	if earlier := before.Join("Forwarded"); earlier != "" && wellFormed(earlier) {
		element = earlier + ", " + element
	}
	out.Add("Forwarded", element)
}

// firstOf keeps what the first proxy said, or says it.
func firstOf(out *field.Fields, before field.Fields, name, value string) {
	if said := before.Get(name); said != "" {
		value = said
	}
	out.Add(name, value)
}

// forwardedElement is our own element (RFC 7239 §4).
func forwardedElement(client netip.Addr, scheme, host string) string {
	from := client.String()
	if !client.Is4() {
		from = `"[` + from + `]"` // §6: IPv6 in brackets, and so quoted
	}
	element := "for=" + from + ";proto=" + scheme
	if host == "" {
		return element
	}
	if strings.ContainsAny(host, `\"`) {
		host = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(host)
	}
	return element + `;host="` + host + `"`
}

// wellFormed reports whether a Forwarded value is a list of elements of
// name=value pairs (RFC 7239 §4). Something else, such as an open quote,
// could swallow the element that we add.
func wellFormed(value string) bool {
	p := value
	for {
		p = strings.TrimLeft(p, " \t")
		for p != "" && p[0] != ',' {
			var ok bool
			if p, ok = pair(p); !ok {
				return false
			}
			p = strings.TrimLeft(p, " \t")
			if p == "" || p[0] == ',' {
				break
			}
			if p[0] != ';' {
				return false
			}
			p = strings.TrimLeft(p[1:], " \t")
		}
		if p == "" {
			return true
		}
		p = p[1:]
	}
}

// pair takes one name=value off the front of p.
func pair(p string) (rest string, ok bool) {
	name := token(p)
	if name == 0 || name == len(p) || p[name] != '=' {
		return p, false
	}
	p = p[name+1:]
	if p == "" || p[0] != '"' {
		value := token(p)
		return p[value:], value > 0
	}
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return p[i+1:], true
		}
	}
	return p, false
}

// token is the length of the token at the front of p (RFC 9110 §5.6.2).
func token(p string) int {
	for i := range len(p) {
		c := p[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return i
		}
	}
	return len(p)
}
