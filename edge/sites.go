package edge

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"waypost/cdn"
	"waypost/edge/rules"
	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/upstream"
)

// site is one virtual host with the way to its origin.
type site struct {
	cdn.Site
	origin *upstream.Upstream
	rules  *cache.Rules
	owner  *rules.Set // what the site's owner wants done; nil: nothing
}

// sites is one state of the configuration. It is immutable.
type sites struct {
	all   []*site
	exact map[string]*site
	wild  []wildcard // longest suffix first
}

type wildcard struct {
	suffix string // with its dot: "*.shop.test" is ".shop.test"; "*" is ""
	site   *site
}

// newSites builds the index that match reads. A site of before hands its
// upstream on to the one of its name, where origin and policy are the same.
func newSites(all []cdn.Site, before *sites, template *fetch.Client) (*sites, error) {
	s := &sites{exact: make(map[string]*site)}
	if clashes := rules.Clashes(all); len(clashes) > 0 {
		return nil, fault.New(fault.ProxyConfigurationError, "site "+all[clashes[0].Site].Name, clashes[0])
	}
	var made []*upstream.Upstream
	fail := func(name string, err error) (*sites, error) {
		for _, u := range made {
			u.Close()
		}
		return nil, fault.New(fault.ProxyConfigurationError, "site "+name, err)
	}
	for i := range all {
		v := &site{Site: all[i]}
		if v.Policy.MaxBody == 0 {
			v.Policy.MaxBody = cdn.DefaultPolicy().MaxBody
		}
		v.rules = rulesFor(&v.Site)
		var err error
		if v.owner, err = rules.Compile(&v.Site, before.ownerOf(v.Name)); err != nil {
			return fail(v.Name, err)
		}
		if v.origin = before.upstreamOf(&v.Site); v.origin == nil || s.uses(v.origin) {
			origin, err := upstream.New(v.Origin, v.Policy, template)
			if err != nil {
				return fail(v.Name, err)
			}
			made = append(made, origin)
			v.origin = origin
		}
		s.add(v)
	}
	slices.SortStableFunc(s.wild, func(a, b wildcard) int { return cmp.Compare(len(b.suffix), len(a.suffix)) })
	return s, nil
}

// add puts v and its hosts in. The first site that names a host has it, as
// with cdn.Match.
func (s *sites) add(v *site) {
	s.all = append(s.all, v)
	for _, h := range v.Hosts {
		if suffix, ok := strings.CutPrefix(h, "*"); ok {
			s.wild = append(s.wild, wildcard{suffix, v})
		} else if s.exact[h] == nil {
			s.exact[h] = v
		}
	}
}

// match returns the site for a host (lower case, without port) as cdn.Match
// does, without allocation; nil when there is none.
func (s *sites) match(host []byte) *site {
	if v := s.exact[string(host)]; v != nil {
		return v
	}
	for _, w := range s.wild {
		if n := len(host) - len(w.suffix); n > 0 && string(host[n:]) == w.suffix {
			return w.site
		}
	}
	return nil
}

// ownerOf returns the rules of the site with that name.
func (s *sites) ownerOf(name string) *rules.Set {
	for _, v := range s.all {
		if v.Name == name {
			return v.owner
		}
	}
	return nil
}

// upstreamOf finds the way to its origin that a site had, where it is the same
// still. That of another site is not taken: it has a bound on its connections,
// and a name in the record, of its own.
func (s *sites) upstreamOf(want *cdn.Site) *upstream.Upstream {
	for _, v := range s.all {
		if v.Name == want.Name && v.Policy == want.Policy && reflect.DeepEqual(v.Origin, want.Origin) {
			return v.origin
		}
	}
	return nil
}

func (s *sites) uses(origin *upstream.Upstream) bool {
	return slices.ContainsFunc(s.all, func(v *site) bool { return v.origin == origin })
}
