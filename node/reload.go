package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	"waypost/cdn"
	"waypost/dns"
	"waypost/dns/authority"
)

// Reload takes over from c what can change while the node serves: the edge's
// sites and certificates, the authority's zones, the fleet. Requests under way
// finish as they began; no connection is dropped. It returns the keys of what
// else is different, which only a restart brings.
//
// Nothing has changed when the error is not nil. Reload is not called while
// another call of it, of Start or of Stop is at work.
func (n *Node) Reload(c *Config) (restart []string, err error) {
	if n.cache != nil && c.Edge != nil {
		certificates, err := certificateList(c.Edge.Certificates)
		if err != nil {
			return nil, fmt.Errorf("edge: %w", err)
		}
		if err := n.cache.SetSites(c.Edge.Sites); err != nil {
			return nil, fmt.Errorf("edge: %w", err)
		}
		if n.certificates != nil && len(certificates) > 0 {
			if err := n.certificates.Replace(certificates...); err != nil {
				return nil, errors.Join(fmt.Errorf("edge: %w", err), n.cache.SetSites(n.now.Edge.Sites))
			}
		}
	}
	if n.zones != nil && c.Authority != nil {
		n.zones.set(c.Authority.Zones)
	}
	if n.watch != nil && c.Fleet != nil {
		n.watch.replace(c.Fleet)
	}
	restart = n.now.differs(c)
	n.now = c
	return restart, nil
}

// differs names what a restart would change: the sections of c and other
// that are not equal, without what Reload takes over.
func (c *Config) differs(other *Config) (keys []string) {
	was, is := c.fixed(), other.fixed()
	for i := range was {
		if !reflect.DeepEqual(was[i].value, is[i].value) {
			keys = append(keys, was[i].key)
		}
	}
	return keys
}

type fixedPart struct {
	key   string
	value any
}

// fixed is what a configuration says that holds until the process ends.
func (c *Config) fixed() []fixedPart {
	parts := []fixedPart{
		{"trace", c.Trust}, {"admin", c.Admin}, {"origin", c.Origin}, {"fleet.health", c.Health}, {"fleet", c.Fleet != nil},
	}
	var e *Edge
	if c.Edge != nil {
		one := *c.Edge
		one.Sites, one.Certificates = nil, nil
		e = &one
	}
	var a *Authority
	if c.Authority != nil {
		one := *c.Authority
		one.Zones = nil
		a = &one
	}
	var r *Resolver
	if c.Resolver != nil {
		one := *c.Resolver
		one.Zones = nil // they are parsed anew each time and never equal
		r = &one
	}
	return append(parts, fixedPart{"edge", e}, fixedPart{"authority", a}, fixedPart{"resolver", r})
}

// zones is an authority whose zones can be exchanged while it answers.
type zones struct {
	with func([]*dns.Zone) *authority.Authority // makes one
	now  atomic.Pointer[authority.Authority]
}

func (z *zones) set(all []*dns.Zone) { z.now.Store(z.with(all)) }

// ServeDNS answers from the zones of this moment.
func (z *zones) ServeDNS(ctx context.Context, dst []byte, q *dns.Query) []byte {
	return z.now.Load().ServeDNS(ctx, dst, q)
}

// AnswerNow answers from the zones of this moment.
func (z *zones) AnswerNow(dst []byte, q *dns.Query) ([]byte, bool) {
	return z.now.Load().AnswerNow(dst, q)
}

// replace makes f the fleet; edges that were down and are still in it stay
// down until they answer.
func (w *watch) replace(f *cdn.Fleet) {
	down := map[string]string{}
	for _, p := range w.current.Load().POPs {
		for _, e := range p.Edges {
			down[e.Name] = e.Down
		}
	}
	for i := range f.POPs {
		for j := range f.POPs[i].Edges {
			e := &f.POPs[i].Edges[j]
			e.Down = down[e.Name]
		}
	}
	w.current.Store(f)
}
