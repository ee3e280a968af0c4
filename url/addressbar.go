package url

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Typed is what became of the text in an address bar.
type Typed struct {
	URL    *URL
	Search bool // the text went to the search engine as terms
	// Reason says in one sentence why it was read so; Clause is the rule
	// behind it, empty where no standard has a say.
	Reason string
	Clause string
	// Changes says in a few words each how the URL differs from the text.
	Changes []string
	// Shown is the text as typed with a password hidden, for the record.
	Shown string
}

// ErrNoSearch is in the chain of the error for text that is no URL where no
// search engine is configured.
var ErrNoSearch = errors.New("no search engine is configured")

// ErrSecret is in the chain of the error for text that is no URL and is not
// sent to a search engine because it holds what may be a password.
var ErrSecret = errors.New("not sent to the search engine: it may hold a password")

// FromAddressBar reads typed text as a browser's address bar does. The
// standard leaves that to the browser (§4.4); this is what it does here:
//
//   - A scheme that a browser knows makes it a URL. So does a host without
//     one: a name with a dot, localhost, an IP address, or a single label
//     with a port or a final slash. Names get https, localhost and IP
//     addresses http, and ports 80 and 443 the scheme that they belong to.
//   - All else are search terms, a URL with an unknown scheme or an invalid
//     host included. So is text that begins with "?".
//   - No list of top-level domains is asked, so that www.shop.test is a host.
//
// search is the engine's URL with %s for the terms, e.g.
// "https://search.test/?q=%s"; "" is none, and then terms are an error in
// which [ErrNoSearch] is found.
func FromAddressBar(typed string, search string) (Typed, error) {
	t := Typed{Shown: Redact(typed)}
	text := strings.Trim(typed, cutset)
	if text == "" {
		return t, errors.New("address bar: nothing was typed")
	}
	guess := guessURL(text)
	if guess.url == "" {
		return t.terms(text, search, guess)
	}
	u, account, err := Inspect(guess.url, nil)
	var bad *Error
	if errors.As(err, &bad) {
		return t.terms(text, search, guess.failed(bad))
	}
	if !guess.explicit && !isHostTyped(u, guess) {
		return t.terms(text, search, guess.because("its first part is no host name that could be looked up"))
	}
	t.URL, t.Reason, t.Clause = u, guess.reason, guess.clause
	if len(text) != len(typed) {
		t.Changes = append(t.Changes, "spaces at the ends dropped")
	}
	if guess.added != "" {
		t.Changes = append(t.Changes, guess.added)
	}
	t.Changes = append(t.Changes, account.Changes...)
	return t, nil
}

// guess is a way to read typed text, before it is tried.
type guess struct {
	url      string // the URL to try; "" when the text can only be terms
	explicit bool   // the text has a scheme that a browser knows
	marked   bool   // a port or a final slash marks a single label as a host
	reason   string
	clause   string
	added    string // what was put before the text
}

func (g guess) because(reason string) guess {
	g.reason, g.clause = reason, ""
	return g
}

func (g guess) failed(err *Error) guess {
	g.reason = fmt.Sprintf("as a URL it fails at %s: %s", err.Rule, err.Rule.Text())
	g.clause = err.Rule.Clause()
	return g
}

// guessURL decides by the text's shape alone.
func guessURL(text string) guess {
	if strings.HasPrefix(text, "?") {
		return guess{reason: "it begins with a question mark"}
	}
	name, rest, colon := cutScheme(text)
	switch {
	case colon && (isSpecial(name) || isOpaqueScheme(name)):
		return guess{url: text, explicit: true, clause: "WHATWG URL §4.4",
			reason: "it has a scheme, so it is a URL: " + name}
	case colon && strings.HasPrefix(rest, "//"):
		return guess{reason: "its scheme is none that a browser loads: " + excerpt(name)}
	case strings.HasPrefix(text, "//") && !strings.HasPrefix(text, "///"):
		return guess{url: "https:" + text, marked: true, clause: "WHATWG URL §4.4", added: "https: put before it",
			reason: "it begins with // and so has a host but no scheme; https is assumed"}
	}
	return guessHost(text)
}

// cutScheme divides text at the colon that ends a scheme.
func cutScheme(text string) (name, rest string, ok bool) {
	i := 0
	for i < len(text) && isSchemeByte(text[i]) {
		i++
	}
	if i == 0 || i == len(text) || text[i] != ':' || !isAlpha(text[0]) {
		return "", text, false
	}
	return lower(text[:i]), text[i+1:], true
}

// guessHost reads text without a scheme as a host with what follows it.
func guessHost(text string) guess {
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() && a.Zone() == "" {
		return guess{url: "http://[" + text + "]/", marked: true, clause: "RFC 3986 §3.2.2",
			reason: "it is an IPv6 address without a scheme; http is assumed", added: "http:// and brackets put around it"}
	}
	stop := strings.IndexAny(text, `/\?#`)
	if stop < 0 {
		stop = len(text)
	}
	if stop == 0 {
		return guess{reason: "no host stands before its first character, " + text[:1]}
	}
	authority := text[:stop]
	if i := strings.IndexAny(authority, " \t\n\r"); i >= 0 {
		return guess{reason: fmt.Sprintf("there is a space at byte %d where a host would stand", i)}
	}
	at := strings.LastIndexByte(authority, '@')
	if at >= 0 && !strings.Contains(authority[:at], ":") && stop == len(text) {
		return guess{reason: "it looks like a mail address"}
	}
	host, port, hasPort := cutPort(authority[at+1:])
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return guess{reason: "what stands before its colon is no scheme that a browser knows"}
	}
	scheme, why := assumeScheme(host, port)
	return guess{
		url:    scheme + "://" + text,
		marked: hasPort || at >= 0 || text[stop:] == "/",
		reason: "it has no scheme but begins with a host; " + why,
		clause: "WHATWG URL §4.4",
		added:  scheme + ":// put before it",
	}
}

// cutPort divides an authority at the colon before its port, which is digits.
func cutPort(authority string) (host, port string, ok bool) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || i == len(authority)-1 {
		return authority, "", false
	}
	for _, b := range []byte(authority[i+1:]) {
		if !isDigit(b) {
			return authority, "", false
		}
	}
	return authority[:i], authority[i+1:], true
}

// assumeScheme is the scheme for a host typed without one.
func assumeScheme(host, port string) (scheme, why string) {
	switch port {
	case "80":
		return "http", "port 80 means http"
	case "443":
		return "https", "port 443 means https"
	}
	if isLocalhost(host) {
		return "http", "http is assumed for this machine itself (RFC 6761 §6.3)"
	}
	if strings.HasPrefix(host, "[") || host != "" && endsInNumber(host) {
		return "http", "http is assumed for an IP address, for which certificates are rare"
	}
	return "https", "https is assumed for a name"
}

func isLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// isHostTyped reports whether the host of u, which was typed without a
// scheme, is one that the user can have meant: WHATWG hosts are wider than
// what can be looked up, and "1.5" or "tcp/ip" are terms.
func isHostTyped(u *URL, g guess) bool {
	switch name := u.host.text; {
	case u.host.kind == hostIPv6:
		return true
	case u.host.kind == hostIPv4:
		return g.marked || strings.Contains(g.url, name) // written out, not as "1.5"
	case isLocalhost(name):
		return true
	case !IsHostName(name):
		return false
	default:
		return g.marked || strings.Contains(strings.TrimSuffix(name, "."), ".")
	}
}
