package upstream

import (
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/url"
)

// A parent is an edge nearer to the origin (a shield): all edges ask the same
// one for the same thing, so that the origin is asked once for all of them. It
// is spoken to as a client would speak to it: by the site's own name, with the
// site's certificate where its URL is https.

// newParent reads a configured URL.
func newParent(text string, client func(connectTo map[string]string) *fetch.Client) (*server, error) {
	s, err := newServer(text)
	if err != nil {
		return nil, err
	}
	if s.prefix != "" {
		return nil, fault.New(fault.ProxyConfigurationError, "parent URL "+text, errors.New("a path has no meaning here: a parent serves the site as this edge does"))
	}
	s.parent, s.seed = true, hashOf([]byte(text))
	s.client = client(map[string]string{":": s.url.HostPort()})
	return s, nil
}

// nextParent is the parent of key that is well, or nil. Each parent has a
// score for each key, and the highest counts (rendezvous hashing; Thaler and
// Ravishankar, "Using name-based mappings to increase hit rates", 1998): where
// one is gone, its keys alone move, to all the others alike.
func (u *Upstream) nextParent(key []byte, tried []*server, now time.Time) *server {
	if len(u.parents) == 0 || len(tried) >= maxParents {
		return nil
	}
	h := hashOf(key)
	left := slices.DeleteFunc(slices.Clone(u.parents), func(s *server) bool { return slices.Contains(tried, s) })
	slices.SortFunc(left, func(a, b *server) int {
		if score(h, a) > score(h, b) {
			return -1
		}
		return 1
	})
	for _, s := range left {
		if s.health.admits(now) {
			return s
		}
	}
	return nil
}

func hashOf(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// score mixes the hash of a key with that of a parent (the finalizer of
// MurmurHash3): every bit of both counts.
func score(key uint64, s *server) uint64 {
	h := key ^ s.seed
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// target is the URL that a connection to s is opened for.
func (s *server) target(authority string) (*url.URL, error) {
	if !s.parent {
		return s.url, nil
	}
	u, err := url.Parse(s.url.Scheme()+"://"+authority+"/", nil)
	if err != nil {
		return nil, fault.New(fault.HTTPRequestError, "parent "+s.name, err)
	}
	return u, nil
}

// declines reports whether an answer says that another server is better asked.
// What the origin said to a parent is an answer, and so is a parent's word
// that the origin does not answer: asking it directly as well would be the
// stampede that parents are there to prevent.
func (s *server) declines(resp *fetch.Response) bool {
	switch resp.Status {
	case 502, 503, 504:
	default:
		return false
	}
	if s.parent {
		return refusedLoop(resp) || !resp.Fields.Has("Cache-Status") && !resp.Fields.Has("Proxy-Status")
	}
	return true
}

// refusedLoop reports whether a parent has found that the request came back to
// it: its parent is this edge, or is led back here.
func refusedLoop(resp *fetch.Response) bool {
	for member := range resp.Fields.All("Proxy-Status") {
		if strings.Contains(member, "error="+string(fault.ProxyLoopDetected)) {
			return true
		}
	}
	return false
}
