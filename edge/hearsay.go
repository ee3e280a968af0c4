package edge

import (
	"waypost/http/field"
)

// Request fields that go no further. An origin may believe them, no key of
// the cache has them, and anybody can send them: what one client writes there
// would stand in a page that is stored for all. They are of two kinds.
//
// Ambiguous names: CGI, and with it WSGI, Rack, PHP and FastCGI, makes a
// variable of each field by writing "_" for "-" (RFC 3875 §4.1.18), and some
// servers for any other sign as well, so that X_Country and X.Country are
// X-Country there. To protect the names that the edge, its keys and its rules
// know would leave those that the origin alone knows, so all names that are
// not of letters, digits and "-" are dropped. So is Proxy, which becomes the
// variable by which programs find their proxy ("httpoxy", CVE-2016-5385).
//
// Hearsay: what proxies tell applications about a request that they have
// changed. Here is no proxy in front but those of Config.TrustForwarded.
//
// The owner of a site can let a field of either kind pass, in its key
// (cdn.Key) or outside of it (cdn.Rules.ForwardFields).

// hearsay are the fields besides X-Forwarded-* by which an application may be
// told something else about a request than what stands in it, and in its key.
// It is a list of what servers and frameworks are known to believe; nothing
// writes to it.
var hearsay = [...]string{
	// Who asks: addresses in logs, limits, and pages "for your country".
	"Forwarded", "Forwarded-For", "X-Real-IP", "X-Client-IP", "Client-IP", "X-Cluster-Client-IP", "True-Client-IP",
	"X-Original-Forwarded-For", "X-Originating-IP", "X-Remote-IP", "X-Remote-Addr", "X-ProxyUser-IP",
	"X-Envoy-External-Address", "CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Pseudo-IPv4", "Fastly-Client-IP",
	"Fly-Client-IP", "DO-Connecting-IP", "X-Azure-ClientIP", "X-Azure-SocketIP", "X-AppEngine-User-IP",
	"Proxy-Client-IP", "WL-Proxy-Client-IP",
	// By which scheme and host: redirects and links in pages.
	"X-Scheme", "X-URL-Scheme", "X-HTTPS", "X-ARR-SSL", "Front-End-HTTPS", "WL-Proxy-SSL", "CF-Visitor",
	"CloudFront-Forwarded-Proto", "X-Host", "X-Original-Host", "X-HTTP-Host-Override", "Forwarded-Host", "Forwarded-Proto",
	// For what: another page than the target names, behind the back of
	// whoever protects some paths.
	"X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Request-URI", "X-Script-Name", "X-Envoy-Original-Path",
	"X-Replaced-Path", "X-HTTP-Path-Override", "X-HTTP-DestinationURL", "X-WAWS-Unencoded-URL",
}

// overrides are those by which an application takes a request for one with
// another method. With POST, which is not answered from the store, they are
// a way of old to send PUT and DELETE past what lets only GET and POST through;
// with GET they put the answer to something else in a page's place.
var overrides = [...]string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method"}

// isHearsay reports whether a field tells what only a proxy in front can know.
func isHearsay(name string) bool {
	const family = "X-Forwarded"
	if len(name) >= len(family) && field.Is(name[:len(family)], family) {
		return true
	}
	for i := range hearsay {
		if field.Is(name, hearsay[i]) {
			return true
		}
	}
	return false
}

func isOverride(name string) bool {
	for i := range overrides {
		if field.Is(name, overrides[i]) {
			return true
		}
	}
	return false
}

// ambiguous reports whether an origin may take a field for another one, or
// for its own environment.
func ambiguous(name string) bool {
	for i := range len(name) {
		c := name[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && c != '-' && (c < '0' || c > '9') {
			return true
		}
	}
	return field.Is(name, "Proxy")
}

// withheld reports whether a field of the request goes no further. trusted
// tells that the peer's word on a request counts.
func (r *request) withheld(name string, trusted bool) bool {
	switch {
	case isWritten(name):
		return true // and written anew
	case ambiguous(name):
	case isHearsay(name):
		if trusted {
			return false
		}
	case isOverride(name):
		if trusted || r.in.Method != "GET" && r.in.Method != "HEAD" {
			return false
		}
	default:
		return false
	}
	return r.ruled.by == nil || !r.ruled.by.Forwards(name)
}
