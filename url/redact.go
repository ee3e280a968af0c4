package url

import "strings"

// Redact hides a password in text that may be a URL or may only look like
// one, for records and errors. It rather hides too much than too little; text
// without anything like credentials is returned as it is.
func Redact(text string) string {
	from, to := secret(text)
	if from == to {
		return text
	}
	return text[:from] + hidden + text[to:]
}

// secret finds what a user may have meant as a password: all between the
// first colon of an authority and the last @ of the text, so that a password
// with a slash, which no parser would take, is found, too.
func secret(text string) (from, to int) {
	start, bare := authorityStart(text)
	if start < 0 {
		return 0, 0
	}
	rest := text[start:]
	authority := rest
	if i := strings.IndexAny(rest, `/\?#`); i >= 0 {
		authority = rest[:i]
	}
	if strings.HasPrefix(rest, "[") && strings.IndexByte(authority, '@') < 0 {
		return 0, 0 // an IPv6 address without credentials
	}
	colon := strings.IndexAny(rest, `:/\?#`)
	at := strings.LastIndexByte(rest, '@')
	if colon < 0 || rest[colon] != ':' || at < colon {
		return 0, 0
	}
	if bare && (strings.IndexByte(rest[:colon], ' ') >= 0 || rest[colon+1] == ' ') {
		return 0, 0 // prose: "at 3:30 @ home"
	}
	port := colon + 1
	for port < len(rest) && isDigit(rest[port]) {
		port++
	}
	if port > colon+1 && strings.IndexByte(`/\?#`, rest[port]) >= 0 {
		return 0, 0 // host:8080/…@…
	}
	return start + colon + 1, start + at
}

// authorityStart is the offset at which an authority may begin, or -1. It is
// bare when neither a scheme nor slashes announce it.
func authorityStart(text string) (start int, bare bool) {
	for start < len(text) && text[start] <= ' ' {
		start++
	}
	colon := start
	for colon < len(text) && (isSchemeByte(text[colon]) || isDropped(text[colon])) {
		colon++
	}
	if colon == len(text) || text[colon] != ':' {
		after := slashes(text, start)
		return after, after == start
	}
	if after := slashes(text, colon+1); after > colon+1 {
		return after, false
	}
	switch name := lower(text[start:colon]); {
	case isSpecial(name):
		return colon + 1, false
	case isOpaqueScheme(name):
		return -1, false
	}
	return start, true // "user:password@host" as well as "scheme:rest"
}

// isDropped reports whether the parser drops b wherever it stands (§4.4).
func isDropped(b byte) bool { return b == '\t' || b == '\n' || b == '\r' }

func slashes(text string, at int) int {
	for at < len(text) && (text[at] == '/' || text[at] == '\\' || isDropped(text[at])) {
		at++
	}
	return at
}

// isOpaqueScheme reports whether the scheme is one of a browser's own that
// has no authority.
func isOpaqueScheme(scheme string) bool {
	switch scheme {
	case "about", "blob", "data", "javascript", "mailto", "tel":
		return true
	}
	return false
}
