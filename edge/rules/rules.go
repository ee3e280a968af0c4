// Package rules executes what the owner of a site wants done at the edge
// beyond caching: cdn.Rules in, decisions out.
//
// A [Set] is the rules of one site, compiled. Its parts are functions of a
// request, stand in files of their names, and are asked in the order in which
// a request meets them: limit.go, redirect.go, hsts.go, cors.go, access.go with
// password.go and signed.go; on the way to the store cookie.go, key.go with
// query.go and device.go, forward.go; on the way to the client header.go, coding.go with
// press.go, usercontent.go. pattern.go reads the one language of hosts and
// paths. Two parts remember: limits count, and passwords once verified are
// known again. Package edge carries the decisions out and puts them on record.
//
// A request that no rule fits costs no allocation here.
package rules

import (
	"fmt"
	"slices"

	"waypost/cdn"
)

// Set is the rules of one site. It is read-only and safe for concurrent use.
type Set struct {
	Limits    []*Limit
	Redirects Redirects
	CORS      CORSRules
	Access    *Access   // nil: the site is open
	Key       *Key      // nil: the target URI alone
	Compress  *Compress // nil: nothing is compressed
	ToOrigin  Headers
	ToClient  Headers
	// Cookieless are hosts where no cookies pass, those of users' content
	// among them.
	Cookieless  Hosts
	UserContent *UserContent // nil: there are no such hosts

	forward      []string    // fields that pass although an edge drops them
	limitsAsRead []cdn.Limit // for the next Compile
	HSTS         string      // the value of Strict-Transport-Security, "" for none
}

// Compile reads the rules of site. It returns nil where they want nothing.
// before are the site's rules until now, or nil: what counts goes on counting.
func Compile(site *cdn.Site, before *Set) (*Set, error) {
	in := &site.Rules
	s := &Set{}
	wanted := false
	for i := range in.Redirects {
		r, err := NewRedirect(in.Redirects[i])
		if err != nil {
			return nil, fmt.Errorf("redirect %d: %w", i+1, err)
		}
		s.Redirects, wanted = append(s.Redirects, r), true
	}
	for i := range in.CORS {
		c, err := NewCORS(in.CORS[i])
		if err != nil {
			return nil, fmt.Errorf("cors %d: %w", i+1, err)
		}
		s.CORS, wanted = append(s.CORS, c), true
	}
	var err error
	if s.Compress, err = NewCompress(in.Compress); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if s.Access, err = newAccess(&in.Access); err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	wanted = wanted || s.Access != nil
	if s.Key, err = NewKey(&in.Key); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	wanted = wanted || s.Key != nil || len(in.Key.Codings)+len(in.Key.Languages) > 0
	for i := range in.Headers {
		h, err := NewHeader(in.Headers[i])
		if err != nil {
			return nil, fmt.Errorf("header %d: %w", i+1, err)
		}
		if in.Headers[i].ToOrigin {
			s.ToOrigin = append(s.ToOrigin, h)
		} else {
			s.ToClient = append(s.ToClient, h)
		}
	}
	if err = CheckForwarded(in); err != nil {
		return nil, fmt.Errorf("forward fields: %w", err)
	}
	s.forward, wanted = in.ForwardFields, wanted || len(in.ForwardFields) > 0
	if s.Cookieless, err = hostsOf(site, in.Cookieless); err != nil {
		return nil, fmt.Errorf("cookieless: %w", err)
	}
	if s.UserContent, err = newUserContent(site); err != nil {
		return nil, fmt.Errorf("user content: %w", err)
	}
	s.Cookieless = append(slices.Clip(s.Cookieless), in.UserContent.Hosts...)
	wanted = wanted || s.Compress != nil || len(in.Headers)+len(s.Cookieless) > 0
	for i := range in.Limits {
		l := same(before, in.Limits[i])
		if l == nil {
			if l, err = NewLimit(in.Limits[i]); err != nil {
				return nil, fmt.Errorf("limit %d: %w", i+1, err)
			}
		}
		s.Limits, wanted = append(s.Limits, l), true
	}
	s.limitsAsRead = in.Limits
	if in.HSTS.MaxAge > 0 {
		s.HSTS, wanted = hsts(in.HSTS), true
	}
	if !wanted {
		return nil, nil
	}
	return s, nil
}

// Endings are what the keys of a resource may end with; see [Key.Endings]. The
// nil Set has the empty one alone.
func (s *Set) Endings() []string {
	if s == nil {
		return noEnding[:]
	}
	return s.Key.Endings()
}
