package browser

import (
	"crypto/tls"

	"golang.org/x/net/publicsuffix"

	"waypost/url"
)

// Profile is what a browser remembers from one load to the next: the private
// cache, permanent redirects, the hosts that want HTTPS only, and TLS
// sessions. It is in memory, bounded in bytes and safe for concurrent use.
//
// Cache and redirects are kept apart by the site of the page that asked, so
// that one site cannot probe what another one loaded (Fetch §2.6, network
// partition keys).
type Profile struct {
	// TLS is for the fetch.Client's Sessions.
	TLS tls.ClientSessionCache

	cache     *bounded[[]*kept]
	redirects *bounded[*remembered]
	hsts      *bounded[hstsHost]
}

// The parts of a profile.
const (
	// DefaultCacheBytes holds some tens of pages.
	DefaultCacheBytes = 128 << 20
	// redirectBytes holds thousands of redirects.
	redirectBytes = 2 << 20
	// hstsBytes holds thousands of hosts.
	hstsBytes = 1 << 20
	// tlsSessions is one each for the hosts of some tens of pages.
	tlsSessions = 256
)

// NewProfile makes an empty profile whose cache holds cacheBytes at most; 0
// means DefaultCacheBytes.
func NewProfile(cacheBytes int64) *Profile {
	if cacheBytes <= 0 {
		cacheBytes = DefaultCacheBytes
	}
	return &Profile{
		TLS:       tls.NewLRUClientSessionCache(tlsSessions),
		cache:     newBounded[[]*kept](cacheBytes),
		redirects: newBounded[*remembered](redirectBytes),
		hsts:      newBounded[hstsHost](hstsBytes),
	}
}

// CacheBytes is what the private cache holds now.
func (p *Profile) CacheBytes() int64 { return p.cache.bytes() }

// site is the scheme and the registrable domain of u (HTML §7.1.1), the host
// itself where it has none.
func site(u *url.URL) string {
	host := u.Hostname()
	if _, isAddr := u.Addr(); !isAddr {
		if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
			host = domain
		}
	}
	return u.Scheme() + "://" + host
}
