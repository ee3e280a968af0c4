// Package url reads and writes URLs as the WHATWG URL Standard does.
//
// [Parse] is the standard's basic URL parser with a base; [Inspect] is the
// same and also tells which rules the input broke and what parsing changed;
// [FromAddressBar] is what a browser does with typed text: a URL, a host
// without scheme, or terms for a search engine.
//
// Section numbers refer to https://url.spec.whatwg.org/. The encoding
// argument of the standard (pages that are not UTF-8) and its state override
// (the setters of the URL class) are left out: nothing on the road has them.
package url

import (
	"net/netip"
	"strconv"
	"strings"
)

// URL is a URL record (§4.1). It is immutable and safe for concurrent use;
// the zero value is no URL. Its strings may share memory with the input that
// was parsed.
type URL struct {
	scheme      string
	username    string
	password    string
	host        host
	port        uint16
	hasPort     bool
	opaque      bool // the path is one opaque segment, not a list
	hasQuery    bool
	hasFragment bool
	path        string // serialised: "" is the empty list, "/a/b" the list « a, b »
	query       string
	fragment    string
}

// Scheme is the scheme in lower case, without colon.
func (u *URL) Scheme() string { return u.scheme }

// Username is the user name, percent-encoded; "" when there is none.
func (u *URL) Username() string { return u.username }

// Password is the password, percent-encoded; "" when there is none. It must
// not reach a record or a log: see [URL.Redacted].
func (u *URL) Password() string { return u.password }

// HasCredentials reports whether the URL includes credentials (§4.2).
func (u *URL) HasCredentials() bool { return u.username != "" || u.password != "" }

// Hostname is the serialised host without port: a domain in ASCII, an IPv4
// address, an IPv6 address in brackets, or an opaque host. It is "" for the
// empty host and where there is none.
func (u *URL) Hostname() string { return u.host.text }

// Host is the host with the port where that is not the scheme's default: what
// the Host field (RFC 9110 §7.2) and :authority carry.
func (u *URL) Host() string {
	if !u.hasPort {
		return u.host.text
	}
	return u.host.text + ":" + strconv.Itoa(int(u.port))
}

// HostPort is the host with the port to connect to, default or not.
func (u *URL) HostPort() string { return u.host.text + ":" + strconv.Itoa(int(u.Port())) }

// Addr is the host as an IP address, where it is one.
func (u *URL) Addr() (netip.Addr, bool) {
	switch u.host.kind {
	case hostIPv4:
		a, err := netip.ParseAddr(u.host.text)
		return a, err == nil
	case hostIPv6:
		a, err := netip.ParseAddr(u.host.text[1 : len(u.host.text)-1])
		return a, err == nil
	}
	return netip.Addr{}, false
}

// Port is the port to connect to: the one given or else the scheme's default;
// 0 where there is neither.
func (u *URL) Port() uint16 {
	if u.hasPort {
		return u.port
	}
	p, _ := defaultPort(u.scheme)
	return p
}

// ExplicitPort is the port of the record (§4.1): absent when it is the
// scheme's default.
func (u *URL) ExplicitPort() (uint16, bool) { return u.port, u.hasPort }

// Path is the serialised path (§4.5), with dot segments resolved.
func (u *URL) Path() string { return u.path }

// Opaque reports whether the path is opaque (§4.2), as that of data: or
// mailto: is. A URL with an opaque path cannot be a base.
func (u *URL) Opaque() bool { return u.opaque }

// Query is the query without "?"; see HasQuery for the empty and the absent.
func (u *URL) Query() string { return u.query }

// HasQuery reports whether there is a query, be it empty.
func (u *URL) HasQuery() bool { return u.hasQuery }

// Search is the query with its "?", or "" when it is empty or absent.
func (u *URL) Search() string {
	if u.query == "" {
		return ""
	}
	return "?" + u.query
}

// Fragment is the fragment without "#".
func (u *URL) Fragment() string { return u.fragment }

// HasFragment reports whether there is a fragment, be it empty.
func (u *URL) HasFragment() bool { return u.hasFragment }

// Hash is the fragment with its "#", or "" when it is empty or absent.
func (u *URL) Hash() string {
	if u.fragment == "" {
		return ""
	}
	return "#" + u.fragment
}

// Special reports whether the scheme is special (§4.2): ftp, file, http,
// https, ws or wss.
func (u *URL) Special() bool { return isSpecial(u.scheme) }

// WithFragmentOf returns u with the fragment of from, or without any when
// from is nil or has none. A redirect inherits a fragment in this way
// (Fetch §4.4, location URL), and a cache drops it (RFC 9110 §7.1).
func (u *URL) WithFragmentOf(from *URL) *URL {
	v := *u
	v.fragment, v.hasFragment = "", false
	if from != nil {
		v.fragment, v.hasFragment = from.fragment, from.hasFragment
	}
	return &v
}

// Upgraded returns u with https for http and wss for ws, and port 443 where
// port 80 was given (RFC 6797 §8.3). Any other URL is returned as it is.
func (u *URL) Upgraded() *URL {
	v := *u
	switch u.scheme {
	case "http":
		v.scheme = "https"
	case "ws":
		v.scheme = "wss"
	default:
		return u
	}
	// Port 80 is the default of the old scheme and so never explicit; 443
	// becomes the default of the new one.
	if v.hasPort && v.port == 443 {
		v.port, v.hasPort = 0, false
	}
	return &v
}

func isSpecial(scheme string) bool {
	switch scheme {
	case "https", "http", "ws", "wss", "ftp", "file":
		return true
	}
	return false
}

func defaultPort(scheme string) (port uint16, ok bool) {
	switch scheme {
	case "https", "wss":
		return 443, true
	case "http", "ws":
		return 80, true
	case "ftp":
		return 21, true
	}
	return 0, false
}

// shorten removes the last segment of a path (§4.2), except for a drive
// letter that stands alone in a file URL.
func shorten[T string | []byte](scheme string, path T) T {
	if scheme == "file" && len(path) == 3 && isNormalizedDriveLetter(string(path[1:])) {
		return path
	}
	cut := len(path)
	for cut > 0 && path[cut-1] != '/' {
		cut--
	}
	return path[:max(cut-1, 0)]
}

// isDriveLetter reports whether s is a Windows drive letter (§4.2).
func isDriveLetter(s string) bool {
	return len(s) == 2 && isAlpha(s[0]) && (s[1] == ':' || s[1] == '|')
}

func isNormalizedDriveLetter(s string) bool { return isDriveLetter(s) && s[1] == ':' }

// startsWithDriveLetter is §4.2's check of the same name.
func startsWithDriveLetter(s string) bool {
	return len(s) >= 2 && isDriveLetter(s[:2]) && (len(s) == 2 || strings.IndexByte(`/\?#`, s[2]) >= 0)
}
