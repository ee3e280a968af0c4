package upstream

import (
	"errors"
	"strings"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/wire"
	"waypost/url"
)

// server is one origin server, or a parent edge.
type server struct {
	name   string // the URL as configured
	url    *url.URL
	prefix string        // path that goes before that of every request; "" for none
	client *fetch.Client // of a parent its own: its connections are opened by the site's name
	parent bool
	seed   uint64 // of a parent's scores
	weight int    // its share
	turn   int    // by that share; guarded by Upstream.mu
	health health
}

// newServer reads a configured URL.
func newServer(text string) (*server, error) {
	refuse := func(err error) error {
		return fault.New(fault.ProxyConfigurationError, "origin URL "+text, err)
	}
	u, err := url.Parse(text, nil)
	switch {
	case err != nil:
		return nil, refuse(err)
	case u.Scheme() != "http" && u.Scheme() != "https":
		return nil, refuse(errors.New("the scheme must be http or https"))
	case u.HasCredentials():
		return nil, refuse(errors.New("a user name and password are not sent to an origin"))
	case u.HasQuery(), u.HasFragment():
		return nil, refuse(errors.New("a query or fragment has no meaning here: every request brings its own"))
	}
	return &server{name: text, url: u, prefix: strings.TrimSuffix(u.Path(), "/")}, nil
}

// aim makes r a request to s. The Host is that of the configuration, else the
// client's, else the server's own; a parent always gets the client's.
//
// Dot segments are resolved before the server's own path is put in front (RFC
// 3986 §5.2.4): they are not to lead out of it.
func (s *server) aim(r *wire.Request, host string) {
	r.Scheme = s.url.Scheme()
	if host != "" && !s.parent {
		r.Authority = host
	}
	if r.Authority == "" {
		r.Authority = s.url.Host()
	}
	if s.prefix != "" && r.Path != "*" {
		r.Path = s.prefix + cache.ResolveDots(r.Path)
	}
}

// Outside reports whether a path could lead out of the one that stands in the
// URL of a server, with a server that reads it in another way than RFC 3986.
// Such a request is not for the origin.
func (u *Upstream) Outside(path string) bool { return u.fenced && cache.Climbs(path) }
