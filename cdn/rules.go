package cdn

import (
	"net/netip"
	"time"
)

// Rules are what the owner of a site wants done at the edge beyond caching.
// The zero value wants nothing. Package edge/rules executes them and says in
// which form each text is written.
type Rules struct {
	Redirects   []Redirect
	HSTS        HSTS
	CORS        []CORS
	Compress    Compress
	Headers     []Header
	Key         Key
	Cookieless  []string // hosts of the site, as in Site.Hosts, without cookies
	UserContent UserContent
	Limits      []Limit
	Access      Access
	// ForwardFields are names of request fields that reach the origin although
	// an edge drops them by itself: names with other signs than letters, digits
	// and "-", and what proxies in front may tell (X-Original-URL).
	ForwardFields []string
}

// Redirect sends the requests that fit its three patterns elsewhere. The
// first that fits decides.
type Redirect struct {
	Scheme string // "http", "https", or "" for both
	Host   string // pattern; "" fits every host
	Path   string // pattern; "" fits every path
	To     string // "https://$host$path", "/new/$1"
	Status int    // 301, 302, 307 or 308
	// DropQuery leaves the request's query out; else it goes along.
	DropQuery bool
}

// HSTS is Strict-Transport-Security (RFC 6797). It is sent over HTTPS only.
type HSTS struct {
	MaxAge     time.Duration // 0: no field
	Subdomains bool
	Preload    bool
}

// CORS says who may read the answers from another origin (Fetch §3.3). The
// first of a site's that fits the path decides.
type CORS struct {
	Path        string   // pattern; "" fits every path
	Origins     []string // "https://app.test", "https://*.app.test", "null", or "*" alone
	Methods     []string // besides the safelisted GET, HEAD and POST
	Headers     []string // "*" alone fits every field but Authorization
	Expose      []string // response fields that scripts may read
	Credentials bool
	MaxAge      time.Duration // of a preflight's answer; 0 leaves it to the browser
}

// Compress has stored responses compressed, once for each coding.
type Compress struct {
	Codings []string // "br", "zstd", "gzip": the first is best liked; empty: none
	Types   []string // media types, "text/*" and "*+json" allowed
	Minimum int64    // bytes; what is smaller stays as it is
}

// Header changes one field on its way.
type Header struct {
	Path     string // pattern; "" fits every path
	ToOrigin bool   // of the request; else of the response
	Action   Action
	Name     string
	Value    string // of Set and Add
}

// Action is what a Header rule does.
type Action uint8

// The actions.
const (
	Set    Action = iota // one line with that name, whatever there was
	Add                  // one line more
	Remove               // no line with that name
)

// Key says what of a request tells one stored response from another, besides
// the site, the scheme, the host and the path. Query parameters that are left
// out are not sent to the origin either where the response may be stored.
type Key struct {
	Ignore []string // query parameters that do not count; "utm_*" is a beginning
	Only   []string // when not empty, the only ones that count
	Sort   bool     // their order does not count
	// Cookies and Headers count too, as far as they have one of the values
	// listed. A request with another value passes the cache.
	Cookies []Part
	Headers []Part
	Device  bool // mobile or desktop
	// Codings and Languages are what the origin can answer in. Accept-Encoding
	// and Accept-Language are reduced to them.
	Codings   []string
	Languages []string
}

// Part is a cookie or a field that counts in the key.
type Part struct {
	Name   string
	Values []string
}

// UserContent are hosts of a site that carry what its users have uploaded.
type UserContent struct {
	Hosts    []string // as in Site.Hosts
	Embedder string   // Cross-Origin-Resource-Policy: "cross-origin", "same-site" or "same-origin"
}

// Limit bounds what the clients of one address prefix may ask for.
type Limit struct {
	Name       string
	Path       string  // pattern; "" fits every path
	Rate       float64 // requests per second; 0: any
	Burst      int     // requests at once after a silence
	Concurrent int     // requests being answered at a time; 0: any
	Prefix4    int     // bits of an IPv4 address that make a client
	Prefix6    int     // and of an IPv6 address
	Tell       bool    // send RateLimit fields
}

// Access closes a site to all but those who can show something. With both
// Users and Keys either of the two opens it.
type Access struct {
	Realm string // shown by browsers
	Users []User
	Keys  []SigningKey
}

// Closed reports whether the site is private.
func (a *Access) Closed() bool { return len(a.Users)+len(a.Keys) > 0 }

// User is who may come in by name and password (RFC 7617).
type User struct {
	Name string
	Hash string // bcrypt, "$2y$10$…"
}

// SigningKey verifies signed URLs.
type SigningKey struct {
	ID     string
	Secret []byte
}

// ClientPrefix is the part of an address that stands for one client.
func (l *Limit) ClientPrefix(addr netip.Addr) netip.Prefix {
	bits := l.Prefix6
	if addr = addr.Unmap(); addr.Is4() {
		bits = l.Prefix4
	}
	p, _ := addr.Prefix(bits) // the bits were checked when the limit was read
	return p
}
