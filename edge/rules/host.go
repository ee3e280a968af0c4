package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"waypost/cdn"
)

// Hosts are some of a site's hosts, as in cdn.Site.
type Hosts []string

// Has reports whether a host (lower case, without port) is one of them.
func (hs Hosts) Has(host string) bool {
	for _, h := range hs {
		if h == host {
			return true
		}
		if suffix, wild := strings.CutPrefix(h, "*"); wild && len(host) > len(suffix) && strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// hostsOf sees to it that hosts are the site's own.
func hostsOf(site *cdn.Site, hosts []string) (Hosts, error) {
	for _, h := range hosts {
		if err := OwnHost(site, h); err != nil {
			return nil, fmt.Errorf("%q: %w", h, err)
		}
	}
	return hosts, nil
}

// OwnHost returns what is wrong with a host that a rule of the site names: it
// must be one of the site's.
func OwnHost(site *cdn.Site, host string) error {
	if slices.Contains(site.Hosts, host) || !strings.HasPrefix(host, "*") && Hosts(site.Hosts).Has(host) {
		return nil
	}
	return errors.New("is no host of the site: name it under the site's hosts, too")
}

// Clash is a host of users' content that is too near to a site's own.
type Clash struct {
	Site int    // whose user content it is
	Host string // where it is
	Main string // the host that it could harm
	Of   string // the name of that one's site
}

func (c Clash) Error() string {
	if strings.TrimPrefix(c.Host, "*.") == strings.TrimPrefix(c.Main, "*.") {
		return fmt.Sprintf("%q is the host of the site %q itself: a page that a user has uploaded could act as the site; use a domain of its own", c.Host, c.Of)
	}
	return fmt.Sprintf("%q is above %q of the site %q: a page there could set that one's cookies; use a domain of its own", c.Host, c.Main, c.Of)
}

// Clashes finds the hosts of users' content that equal another host, of any of
// the sites, or are a parent of one. Cookies and the same-origin policy
// would join what is to be kept apart (RFC 6265 §5.1.3, §8.6).
func Clashes(sites []cdn.Site) (found []Clash) {
	for i := range sites {
		for _, user := range sites[i].Rules.UserContent.Hosts {
			for j := range sites {
				for _, main := range sites[j].Hosts {
					if !slices.Contains(sites[j].Rules.UserContent.Hosts, main) && above(user, main) {
						found = append(found, Clash{Site: i, Host: user, Main: main, Of: sites[j].Name})
					}
				}
			}
		}
	}
	return found
}

// Below returns the hosts of a site's user content that are below another
// host: not as bad as a [Clash], for only they can harm.
func Below(sites []cdn.Site, i int) (found []string) {
	for _, user := range sites[i].Rules.UserContent.Hosts {
		for j := range sites {
			for _, main := range sites[j].Hosts {
				if !slices.Contains(sites[j].Rules.UserContent.Hosts, main) && main != "*" && !above(user, main) && above(main, user) && !slices.Contains(found, user) {
					found = append(found, user)
				}
			}
		}
	}
	return found
}

// above reports whether two hosts, perhaps with a star, are the same, or the
// first a parent of the second.
func above(parent, child string) bool {
	parent, child = strings.TrimPrefix(parent, "*."), strings.TrimPrefix(child, "*.")
	return parent == child || parent == "*" || strings.HasSuffix(child, "."+parent)
}
