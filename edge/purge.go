package edge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"waypost/edge/store"
	"waypost/fault"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/url"
)

// Purge is an order to forget: exactly one of URL, Prefix and Tag is set.
type Purge struct {
	// URL names one resource, with all its variants.
	URL string `json:"url,omitempty"`
	// Prefix names everything whose URL begins with it, as bytes of the
	// cache key's normal form: "https://www.shop.test/blog/".
	Prefix string `json:"prefix,omitempty"`
	// Tag names every response of a site that carries it in Surrogate-Key
	// (separated by spaces) or Cache-Tag (by commas), byte for byte. There is
	// no whitespace in a tag, and no byte beyond ASCII.
	Tag string `json:"tag,omitempty"`
	// Site limits a tag to one site, by its name; "" means all.
	Site string `json:"site,omitempty"`
	// Soft ends the freshness of what matches instead of dropping it: it is
	// confirmed with the origin at its next use, and may serve stale where
	// it says so (RFC 5861).
	Soft bool `json:"soft,omitempty"`
}

// Receipt is what a purge did.
type Receipt struct {
	Purge
	Edge    string    `json:"edge"`
	At      time.Time `json:"at"`
	Objects int       `json:"objects"` // dropped, or made stale
	// Error says that the disk did not take the purge: ErrOnDisk.
	Error string `json:"error,omitempty"`
}

// ErrOnDisk: what a purge names is forgotten, but the disk did not take that,
// as when it is full. A restart may bring it back; another try is worth it.
var ErrOnDisk = errors.New("the purge holds until a restart only, for the disk did not take it")

// Purge drops or expires what p names, and keeps what is being fetched of it
// from being stored by a hard purge, and from being fresh by a soft one. The
// error says what is wrong with the order, or that no site has its host; or it
// is ErrOnDisk, and the receipt says what has been done.
func (e *Edge) Purge(p Purge) (Receipt, error) {
	r := Receipt{Purge: p, Edge: e.name, At: time.Now()}
	err := p.Check()
	var keys [][]byte
	var match func(*store.Object) bool
	switch {
	case err != nil:
	case p.URL != "":
		keys, err = e.purgeKeys(p.URL)
	default:
		match, err = e.matcher(&p)
	}
	switch {
	case err != nil:
		return r, err
	case p.URL != "":
		r.Objects, err = e.purgeURL(&p, keys, r.At)
	case p.Soft:
		r.Objects, err = e.store.ExpireMatching(r.At, match)
	default:
		r.Objects, err = e.store.PurgeMatching(match)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrOnDisk, err)
		r.Error = err.Error()
	}
	return r, err
}

// purgeURL drops or expires one resource, with what is held of it under other
// keys. A hard purge drops all slices there are of it, too: those of earlier
// versions are in no index, and would serve again if the origin went back to
// one. A soft one leaves them: they serve as long as the index does.
// The error is the disk's, the last one.
func (e *Edge) purgeURL(p *Purge, keys [][]byte, now time.Time) (matched int, failed error) {
	count := func(n int, err error) {
		matched += n
		if err != nil {
			failed = err
		}
	}
	for _, key := range keys {
		if p.Soft {
			count(e.store.Expire(now, key))
			continue
		}
		count(e.store.Purge(key))
		count(e.store.PurgeFamily(key))
	}
	return matched, failed
}

// Check refuses what is no order, whatever the sites are.
func (p *Purge) Check() error {
	refuse := func(text string) error { return fault.New(fault.HTTPRequestError, "purge", errors.New(text)) }
	given := 0
	for _, s := range []string{p.URL, p.Prefix, p.Tag} {
		if s != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return refuse("name one of url, prefix and tag")
	case p.Site != "" && p.Tag == "":
		return refuse("site goes with tag; a URL names its site itself")
	case p.Tag != "":
		if strings.ContainsFunc(p.Tag, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return refuse(fmt.Sprintf("%q is no tag: there is no whitespace in one, and only ASCII; each tag is a purge of its own", p.Tag))
		}
		return nil
	}
	_, err := parsePurged(p.URL + p.Prefix)
	return err
}

// parsePurged reads a URL, or the beginning of one.
func parsePurged(text string) (*url.URL, error) {
	u, err := url.Parse(text, nil)
	if err == nil && u.Scheme() != "http" && u.Scheme() != "https" {
		err = errors.New("the scheme must be http or https")
	}
	if err != nil {
		return nil, fault.New(fault.HTTPRequestError, "purge "+text, err)
	}
	return u, nil
}

// matcher is p, by prefix or tag, as a question about an object.
func (e *Edge) matcher(p *Purge) (func(*store.Object) bool, error) {
	if p.Tag != "" {
		if p.Site != "" && !e.sites.Load().named(p.Site) {
			return nil, fault.New(fault.DestinationNotFound, "purge tag "+p.Tag, fmt.Errorf("there is no site %q", p.Site))
		}
		return tagged(p), nil
	}
	key, err := e.purgeKey(p.Prefix)
	if err != nil {
		return nil, err
	}
	return func(o *store.Object) bool { return strings.HasPrefix(o.Key, string(key)) }, nil
}

// purgeKeys are the keys of a URL: of the whole, of its parts, and of what is
// stored for another query and answers for it; several of each where the site's
// rules tell clients apart.
func (e *Edge) purgeKeys(text string) (keys [][]byte, err error) {
	key, site, err := e.findKey(text, true)
	if err != nil {
		return nil, err
	}
	for _, ending := range site.owner.Endings() {
		whole := slices.Concat(key, []byte(ending))
		// Of the whole once more, that may have been put together of the parts.
		keys = append(keys, whole, slices.Concat(whole, []byte(partsSuffix)), whole)
		for _, home := range e.aliases.homesOf(site.Name, string(whole)) {
			keys = append(keys, []byte(home))
		}
	}
	return keys, nil
}

// purgeKey is the key of the beginning of a URL.
func (e *Edge) purgeKey(text string) ([]byte, error) {
	key, _, err := e.findKey(text, false)
	return key, err
}

// findKey is the key of a URL on its site. whole tells that its query is one,
// of which what does not count is left out.
func (e *Edge) findKey(text string, whole bool) ([]byte, *site, error) {
	u, err := parsePurged(text)
	if err != nil {
		return nil, nil, err
	}
	site := e.sites.Load().match(appendHost(nil, u.Host()))
	if site == nil {
		return nil, nil, fault.New(fault.DestinationNotFound, "purge "+text, errors.New("no site has this host"))
	}
	target := u.RequestTarget()
	if whole && site.owner != nil {
		target, _ = site.owner.Key.Target(nil, target)
	}
	return cache.AppendKey(nil, site.Name, u.Scheme(), u.Host(), target), site, nil
}

// named reports whether there is a site of that name.
func (s *sites) named(name string) bool {
	return slices.ContainsFunc(s.all, func(v *site) bool { return v.Name == name })
}

// tagged matches the responses that carry a tag. What has no head yet might
// carry it, and matches.
func tagged(p *Purge) func(*store.Object) bool {
	return func(o *store.Object) bool {
		if p.Site != "" && !strings.HasPrefix(o.Key, p.Site+" ") {
			return false
		}
		if o.Fields == nil {
			return true
		}
		for _, line := range o.Fields {
			switch {
			case field.Is(line.Name, "Surrogate-Key"):
				if hasMember(line.Value, p.Tag, " ") {
					return true
				}
			case field.Is(line.Name, "Cache-Tag"):
				if hasMember(line.Value, p.Tag, ",") {
					return true
				}
			}
		}
		return false
	}
}

// hasMember reports whether list has member, byte for byte, between
// separators and optional whitespace.
func hasMember(list, member, separator string) bool {
	for one := range strings.SplitSeq(list, separator) {
		if strings.Trim(one, " \t") == member {
			return true
		}
	}
	return false
}
