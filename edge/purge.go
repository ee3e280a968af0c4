package edge

import (
	"errors"

	"waypost/fault"
	"waypost/http/cache"
	"waypost/url"
)

// Purge drops what is stored for a URL, all variants of it, and keeps what is
// being fetched for it from being stored. It returns the number of objects
// dropped. The error says what is wrong with the URL, or that no site has
// its host.
func (e *Edge) Purge(text string) (int, error) {
	op := "purge " + text
	u, err := url.Parse(text, nil)
	if err != nil {
		return 0, fault.New(fault.HTTPRequestError, op, err)
	}
	if u.Scheme() != "http" && u.Scheme() != "https" {
		return 0, fault.New(fault.HTTPRequestError, op, errors.New("the scheme must be http or https"))
	}
	site := e.sites.Load().match(appendHost(nil, u.Host()))
	if site == nil {
		return 0, fault.New(fault.DestinationNotFound, op, errors.New("no site has this host"))
	}
	return e.store.Purge(cache.AppendKey(nil, site.Name, u.Scheme(), u.Host(), u.RequestTarget())), nil
}
