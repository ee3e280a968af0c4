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
	start := authorityStart(text)
	if start < 0 {
		return 0, 0
	}
	rest := text[start:]
	if strings.HasPrefix(rest, "[") { // an IPv6 address, and so no credentials
		return 0, 0
	}
	colon := strings.IndexAny(rest, `:/\?#`)
	at := strings.LastIndexByte(rest, '@')
	if colon < 0 || rest[colon] != ':' || at < colon {
		return 0, 0
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

// authorityStart is the offset at which an authority may begin, or -1.
func authorityStart(text string) int {
	start := 0
	for start < len(text) && text[start] <= ' ' {
		start++
	}
	colon := start
	for colon < len(text) && (isSchemeByte(text[colon]) || text[colon] == '\t' || text[colon] == '\n' || text[colon] == '\r') {
		colon++
	}
	if colon == len(text) || text[colon] != ':' {
		return slashes(text, start)
	}
	if after := slashes(text, colon+1); after > colon+1 {
		return after
	}
	switch name := lower(text[start:colon]); {
	case isSpecial(name):
		return colon + 1
	case isOpaqueScheme(name):
		return -1
	}
	return start // "user:password@host" as well as "scheme:rest"
}

func slashes(text string, at int) int {
	for at < len(text) && strings.IndexByte("/\\\t\n\r", text[at]) >= 0 {
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
