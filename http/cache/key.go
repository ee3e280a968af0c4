package cache

import "strings"

// AppendKey appends the cache key of a target URI to dst: URIs that are
// equivalent have one key, others have others (RFC 9110 §4.2.3). Scheme and
// host are compared without regard to case, the default port counts as no
// port, an empty path as "/", and percent-encodings of unreserved characters
// as the characters (RFC 3986 §6.2.2).
//
// site keeps the resources of different sites apart; host is the authority
// with its port, if any; path is the origin form, query included. The key of
// a GET serves HEAD too. It does not allocate where dst has room.
func AppendKey(dst []byte, site, scheme, host, path string) []byte {
	dst = append(dst, site...)
	dst = append(dst, ' ')
	dst = appendOrigin(dst, scheme, host)
	return AppendTarget(dst, path)
}

// appendOrigin appends scheme://host[:port] in normal form.
func appendOrigin(dst []byte, scheme, host string) []byte {
	start := len(dst)
	dst = appendLower(dst, scheme)
	secure := string(dst[start:]) == "https"
	dst = append(dst, "://"...)
	host = withoutDefaultPort(host, secure)
	return appendLower(dst, host)
}

func withoutDefaultPort(host string, secure bool) string {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || strings.IndexByte(host[colon:], ']') >= 0 {
		return host // no port, or the colon of an IPv6 literal
	}
	port := host[colon+1:]
	if port == "" || secure && port == "443" || !secure && port == "80" {
		return host[:colon]
	}
	return host
}

// AppendTarget appends path and query of a request target in the normal form
// that keys have. Keys are exact: what of a query does not matter to a response
// its [NoVarySearch] says, and whoever stores it sees to that.
func AppendTarget(dst []byte, target string) []byte {
	path, query, hasQuery := strings.Cut(target, "?")
	if path == "" {
		dst = append(dst, '/')
	}
	dst = appendDecoded(dst, path)
	if hasQuery {
		dst = append(dst, '?')
		dst = appendDecoded(dst, query)
	}
	return dst
}

// appendDecoded decodes what needs no encoding and writes the digits of what
// stays encoded in upper case. Where a "%" begins no encoding all stays as it
// is: decoding around it could make two broken targets look the same, which
// are not the same to every origin.
func appendDecoded(dst []byte, s string) []byte {
	start := len(dst)
	if strings.IndexByte(s, '%') < 0 {
		return append(dst, s...)
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			dst = append(dst, s[i])
			continue
		}
		if i+2 >= len(s) {
			return append(dst[:start], s...)
		}
		hi, ok1 := unhex(s[i+1])
		lo, ok2 := unhex(s[i+2])
		if !ok1 || !ok2 {
			return append(dst[:start], s...)
		}
		if c := hi<<4 | lo; unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[hi], upperHex[lo])
		}
		i += 2
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// unreserved characters mean the same encoded and not (RFC 3986 §2.3).
func unreserved(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, lower(s[i]))
	}
	return dst
}
